package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/sources"
)

func newWhy(g *globals) *cobra.Command {
	var out outputs
	var noHistory bool
	cmd := &cobra.Command{
		Use:   "why <address>[.field] [directory]",
		Short: "Say which lines of the fleet make a field what it is",
		Long: `Why follows a desired value back to where it was written. It needs no network. The address is that
of an object in a plan or a status, with or without a field, or that of an entity of the fleet:

  millwright why redfish/gpu-001/ntp.NTP.NTPServers[0]
  millwright why netris/dc1/servercluster/acme-train
  millwright why machine/gpu-001.bmc.address

For one field it shows every line that took part, for a whole object the first line of each field.

In a Git repository it also tells which commit changed each value last, from what to what, who wrote and merged
it, and who approved it by its trailers; ` + "`millwright history`" + ` tells all that came before. Of what a stack's part
renders, it is what that is made of that changed last: its files, its chart or its values. The first time, all
commits are read; --no-history leaves it out.
` + exits("", exitInvalid, exitIncomplete),
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := g.directory(args[1:])
			want, snapshot, err := g.compileDirectory(cmd.Context(), dir, false)
			if err != nil {
				return err
			}
			answer, err := why(cmd.Context(), want, args[0])
			if err != nil {
				return err
			}
			if !noHistory {
				if err := g.lastChanges(cmd.Context(), dir, want.Fleet, snapshot, &answer); err != nil {
					return err
				}
			}
			return out.write(g.stdout, map[string]writer{
				"text": func(w io.Writer, s view.Style) error {
					return view.WhyText(w, answer, snapshot.FS, about(dir, s))
				},
				"json": form(answer, view.WhyJSON),
			})
		},
	}
	out.flag(cmd, "text", "json")
	cmd.Flags().BoolVar(&noHistory, "no-history", false, "do not tell what changed last, and read no history")
	return cmd
}

// lastChanges tells of each value what changed it last. Where the history cannot be read the answer says so, and is
// what it is without.
func (g *globals) lastChanges(ctx context.Context, dir string, f *fleet.Fleet, snapshot sources.Snapshot, y *view.Why) error {
	origins := make([]audit.Origin, len(y.Leaves))
	entities := make([]string, len(y.Leaves))
	for i, leaf := range y.Leaves {
		if leaf.Origin.Entity == "" { // the address is an entity's
			origins[i] = audit.OriginOf(f, state.Origin{Entity: y.Entity, Field: leaf.Path})
		} else {
			origins[i] = audit.RenderedOf(f, leaf.Origin)
		}
		entities[i] = origins[i].Entity
	}
	line, index, err := g.index(ctx, dir)
	var notice view.Notice
	if err == nil {
		notice = g.notice(line, index)
	}
	if err == nil && snapshot.Dirty {
		index, err = drafted(line, index, f, snapshot.FS, entities)
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		notice = view.Notice{Incomplete: []string{"who changed it last is not known: " + err.Error()}}
	}
	y.History = &notice
	for _, text := range notice.Incomplete {
		g.say("%s", text)
	}
	if err != nil {
		return nil
	}
	if first := y.Leaves[0]; first.Origin.Entity == "" && first.Path == "" { // all of an entity: whatever of it changed
		if answer, err := index.Ask(audit.Query{Address: y.Entity}); err == nil {
			y.Leaves[0].Changed = &answer.Events[0]
		}
		return nil
	}
	for i, last := range index.Last(origins) {
		y.Leaves[i].Changed = last
	}
	return nil
}

// drafted is the history with what is not committed yet.
func drafted(l *sources.Line, x *audit.Index, f *fleet.Fleet, directory fs.FS, entities []string) (*audit.Index, error) {
	head, err := l.At(len(l.Commits) - 1)
	if err != nil && !errors.Is(err, sources.ErrPathNotFound) {
		return nil, err
	}
	return x.Draft(f, head.FS, directory, entities...)
}

// why answers for one field, or for every leaf of an object.
func why(ctx context.Context, want reconcile.Desired, address string) (view.Why, error) {
	id, field, found := findObject(want.Set, address)
	if !found {
		return whyEntity(ctx, want, address)
	}
	o, _ := want.Set.Get(id)
	at, err := state.ParsePath(field)
	if err != nil {
		return view.Why{}, err
	}
	answer := view.Why{Address: id.String(), Entity: o.Entity}
	var queries []fleet.Query
	for path, leaf := range o.Tree.Leaves() {
		if path.HasPrefix(at) {
			answer.Leaves = append(answer.Leaves, view.WhyLeaf{Path: path.String(), Value: leaf.Masked(), Origin: leaf.Origin()})
			queries = append(queries, fleet.Query{Entity: leaf.Origin().Entity, Path: leaf.Origin().Field})
		}
	}
	if len(queries) == 0 {
		return view.Why{}, noField(id, field)
	}
	places, err := want.Fleet.LocateAll(ctx, queries)
	if err != nil {
		return view.Why{}, err
	}
	for i := range answer.Leaves {
		answer.Leaves[i].Places = placesOf(places[i])
	}
	return answer, nil
}

func noField(id state.ID, field string) error {
	return fmt.Errorf("%s has no field %s that the fleet names; `millwright why %s` lists those it has", id, field, id)
}

// findObject splits an address from the field behind it: names have dots, too, so the longest name
// that is an object's wins.
func findObject(set state.Set, address string) (id state.ID, field string, found bool) {
	for end := len(address); end > 0; end-- {
		if end < len(address) && address[end] != '.' && address[end] != '[' {
			continue
		}
		id, err := state.ParseID(address[:end])
		if err != nil {
			continue
		}
		if _, ok := set.Get(id); ok {
			return id, strings.TrimPrefix(address[end:], "."), true
		}
	}
	return state.ID{}, "", false
}

// whyEntity answers for something that a person wrote, or for a field of it.
func whyEntity(ctx context.Context, want reconcile.Desired, address string) (view.Why, error) {
	entity, field, _ := strings.Cut(address, ".")
	in, above, there := writtenIn(want.Fleet, entity)
	if !there {
		return view.Why{}, unknown(want, entity)
	}
	path, err := state.ParsePath(field)
	if err != nil {
		return view.Why{}, err
	}
	queries := []fleet.Query{{Entity: in, Path: slices.Concat(above, path).String()}}
	if len(path) > 0 {
		queries = append(queries, fleet.Query{Entity: in, Path: slices.Concat(above, path[:len(path)-1]).String()})
	}
	places, err := want.Fleet.LocateAll(ctx, queries)
	if err != nil {
		return view.Why{}, err
	}
	if len(path) > 0 && slices.Equal(places[0], places[1]) { // nothing sets it, so the answer is what would hold it
		return view.Why{}, fmt.Errorf("%s has no field %s, or nothing sets it", entity, field)
	}
	return view.Why{Address: entity, Entity: entity, Leaves: []view.WhyLeaf{{Path: field, Places: placesOf(places[0])}}}, nil
}

// writtenIn is the entity that another stands in, and where: clusters and pools are written in their
// tenant, all else stands for itself.
func writtenIn(f *fleet.Fleet, entity string) (in string, at state.Path, there bool) {
	words := strings.Split(entity, "/")
	if len(words) < 3 {
		return entity, nil, slices.Contains(f.Entities(), entity)
	}
	tenant := f.Tenants[words[1]]
	if tenant == nil || tenant.Clusters[words[2]] == nil {
		return "", nil, false
	}
	in, at = "tenant/"+words[1], state.Path{"cluster", words[2]}
	switch pools := tenant.Clusters[words[2]].Pools; {
	case words[0] == "cluster" && len(words) == 3:
		return in, at, true
	case words[0] == "pool" && len(words) == 4 && pools[words[3]] != nil:
		return in, append(at, "pool", words[3]), true
	}
	return "", nil, false
}

// manyNames is how many addresses a suggestion lists.
const manyNames = 8

// unknown is the error for an address that is none, with those that contain it.
func unknown(want reconcile.Desired, address string) error {
	var like []string
	for _, entity := range want.Fleet.Entities() {
		if strings.Contains(entity, address) {
			like = append(like, entity)
		}
	}
	for o := range want.Set.All() {
		if name := o.ID.String(); strings.Contains(name, address) {
			like = append(like, name)
		}
	}
	hint := "`millwright render` lists all objects"
	if len(like) > 0 {
		hint = "these contain it:\n  " + strings.Join(like[:min(len(like), manyNames)], "\n  ")
	}
	if more := len(like) - manyNames; more > 0 {
		hint += fmt.Sprintf("\n  and %d more", more)
	}
	return fmt.Errorf("%s is neither an object that the fleet wants nor an entity of it; %s", address, hint)
}

func placesOf(found []fleet.Place) []view.Place {
	places := make([]view.Place, len(found))
	for i, p := range found {
		places[i] = view.Place(p)
	}
	return places
}
