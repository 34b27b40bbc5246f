package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/scaffold"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/sources"
)

func newHistory(g *globals) *cobra.Command {
	var out outputs
	var at, since, until string
	var q audit.Query
	var from journalSource
	cmd := &cobra.Command{
		Use:   "history [<address>[.field] [directory]]",
		Short: "Say who changed something, when, by whose leave, and from what to what",
		Long: `History tells, the newest first, which commits of the branch changed an entity or a field of it. Each merge
is one step. Values count as the fleet computes them, so that a change of a default or of the allocation
is told, too:

  millwright history tenant/acme.gpus --since 2026-01-01
  millwright history machine/gpu-007.tenant --at 2026-05-03
  millwright history --tenant acme --by jane -o csv=acme.csv

Addresses are those of entities: machine/gpu-007, tenant/acme, cluster/acme/train, pool/acme/train/h100,
segment/x, stack/x, class/x, image/x, site/x, profile/x, approval/x, platform, policy. Beside what was written, machines
have the fields "pool" and "tenant", segments "tenant", pools "machines", tenants "hosts" and "gpus", which
count what a tenant has to use, a stack's components "files", and the policy "rules": hashes of the files that
they are made of. A list of plain values changes as one.

The address may be that of an object that is rendered, with or without a field: netris/dc1/vpc/acme. Its
values are followed to the fields of entities that they come from now, and the history is that of those.
What other fields they came from before, what an earlier version of Millwright made of them, and what
became of an object that is no longer wanted, Git does not tell.

A time is a date, or 2026-05-03T10:00, with Z or +02:00 behind it where it is not UTC. A date alone means
its first moment for --since, its last for --until and --at.

Times are when a commit was merged, by its committer's date. With --journal, the journal of what the agent
did, it is told beside them when that came into effect, by the changes that runs made for it, and to whom
Platform bound a machine. Who approved is what the commit's trailers Approved-by and Change-Ticket say;
Git proves neither names nor dates. All commits are read by the schema of this version.

The first time, all commits are compiled; what was found is kept in the cache directory, and only new
commits are read the next time. Without an address, a commit that is no fleet is told as one; with one, it is
told beside the next commit that was a fleet.
` + exits("", exitIncomplete),
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			moment, err := times(&q, at, since, until)
			if err != nil {
				return err
			}
			dir := g.directory(args[min(1, len(args)):])
			if len(args) > 0 {
				q.Address = args[0]
			}
			switch {
			case at != "" && q.Address == "":
				return errors.New("--at needs the address of an entity")
			case at != "" && (since != "" || until != "" || q.Tenant != "" || q.By != ""):
				return errors.New("--at tells how something stood, and goes with no flag that chooses changes")
			}
			object := isObject(q.Address)
			if object {
				if at != "" {
					return fmt.Errorf("--at tells of entities, and %s is rendered: `millwright why %s` names those that it comes from", q.Address, q.Address)
				}
				if err := g.throughOrigins(cmd.Context(), dir, &q); err != nil {
					return err
				}
			}
			line, index, err := g.index(cmd.Context(), dir)
			if err != nil {
				return err
			}
			notice := g.notice(line, index)
			if object {
				notice.Notes = []string{unknowable}
				g.say("%s", unknowable)
			}
			var done *audit.Done
			if from.url != "" {
				if done, err = from.lay(cmd, index); err != nil {
					return err
				}
			}
			if at != "" {
				err = g.tellMoment(&out, index, done, q.Address, moment, notice)
			} else {
				err = g.tellHistory(&out, index, done, q, notice)
			}
			if err == nil && !notice.Complete {
				return exit{code: exitIncomplete, text: strings.Join(notice.Incomplete, "; ")}
			}
			return err
		},
	}
	out.flag(cmd, "text", "json", "csv")
	from.flags(cmd)
	cmd.Flags().StringVar(&at, "at", "", "how it stood at a time, and which commit made it so")
	cmd.Flags().StringVar(&since, "since", "", "only commits merged at that time or later")
	cmd.Flags().StringVar(&until, "until", "", "only commits merged at that time or earlier")
	cmd.Flags().StringVar(&q.Tenant, "tenant", "", "only what concerns a tenant: itself, its segments, the machines that it gets, has or loses")
	cmd.Flags().StringVar(&q.By, "by", "", "only commits that somebody wrote, merged or approved: a part of the name or address")
	return cmd
}

// unknowable is what a history cannot tell of something rendered.
const unknowable = "told are the fields that its values come from now; which others they came from before, and what earlier versions of Millwright made of them, is not known"

// isObject reports whether an address is that of something rendered, rather than of an entity.
func isObject(address string) bool {
	system, _, _ := strings.Cut(address, "/")
	return slices.Contains([]state.System{state.Kubernetes, state.Redfish, state.Netris, state.UFM}, state.System(system))
}

// throughOrigins makes of a query for something rendered one for what that comes from.
func (g *globals) throughOrigins(ctx context.Context, dir string, q *audit.Query) error {
	want, _, err := g.compileDirectory(ctx, dir, false)
	if err != nil {
		return err
	}
	id, field, found := findObject(want.Set, q.Address)
	if !found {
		return fmt.Errorf("%w; one that is no longer wanted has no history but that of its entity", unknown(want, q.Address))
	}
	path, err := state.ParsePath(field)
	if err != nil {
		return err
	}
	o, _ := want.Set.Get(id)
	if q.Origins = audit.Origins(want.Fleet, o, path); len(q.Origins) == 0 {
		return noField(id, field)
	}
	q.Object, q.Field, q.Address = id.String(), path.String(), ""
	return nil
}

// index is the history of what is checked out in a directory, up to date.
func (g *globals) index(ctx context.Context, dir string) (*sources.Line, *audit.Index, error) {
	line, err := sources.LineOf(dir, "HEAD")
	if err != nil {
		return nil, nil, err
	}
	self, err := workerProgram()
	if err != nil {
		return nil, nil, fmt.Errorf("find the program that compiles: %w", err)
	}
	index := audit.Open(g.cacheDir, line, thisBuild())
	options := fleet.Options{Worker: fleet.Worker{Path: self}}
	switch pending := index.Pending(line); {
	case pending > manyCommits: // whose results would be written again and again
		g.say("reading %d commits; the next time, only new ones are read", pending)
	default:
		options.CacheDir = g.cacheDir
	}
	loader := fleet.NewLoader(options)
	defer loader.Close()
	return line, index, index.Update(ctx, line, loader)
}

// manyCommits is from how many on compiled results are not kept for other commands.
const manyCommits = 20

// notice says what keeps an answer from being whole, and tells what is odd.
func (g *globals) notice(l *sources.Line, x *audit.Index) view.Notice {
	n := view.Notice{Complete: true}
	if l.Shallow {
		n = view.Notice{Incomplete: []string{fmt.Sprintf("the clone is shallow: the history before %s is not known, and what seems to begin there may be older; git fetch --unshallow", l.Commits[0].Short())}}
	}
	if odd := x.Backdated(); len(odd) > 0 {
		g.say("commit %s says that it was merged before the one that it follows (one of %d that do): around it times are not certain", odd[0].Hash[:12], len(odd))
	}
	return n
}

func (g *globals) tellHistory(out *outputs, x *audit.Index, done *audit.Done, q audit.Query, n view.Notice) error {
	answer, err := x.Ask(q)
	if err != nil {
		return err
	}
	if done != nil {
		done.Annotate(&answer, q)
	}
	return out.write(g.stdout, map[string]writer{
		"text": func(w io.Writer, s view.Style) error { return view.HistoryText(w, answer, s) },
		"json": func(w io.Writer, _ view.Style) error { return view.HistoryJSON(w, answer, n) },
		"csv":  form(answer, view.HistoryCSV),
	})
}

func (g *globals) tellMoment(out *outputs, x *audit.Index, done *audit.Done, address string, at time.Time, n view.Notice) error {
	moment, err := x.At(address, at)
	if err != nil {
		return err
	}
	if done != nil {
		done.AnnotateMoment(&moment)
	}
	return out.write(g.stdout, map[string]writer{
		"text": func(w io.Writer, s view.Style) error { return view.MomentText(w, moment, s) },
		"json": func(w io.Writer, _ view.Style) error { return view.MomentJSON(w, moment, n) },
		"csv":  form(moment, view.MomentCSV),
	})
}

// times reads the times of the flags.
func times(q *audit.Query, at, since, until string) (moment time.Time, err error) {
	for _, f := range []struct {
		name, text string
		last       bool
		to         *time.Time
	}{{"at", at, true, &moment}, {"since", since, false, &q.Since}, {"until", until, true, &q.Until}} {
		if f.text == "" {
			continue
		}
		if *f.to, err = timeOf(f.text, f.last); err != nil {
			return moment, fmt.Errorf("--%s: %w", f.name, err)
		}
	}
	return moment, nil
}

// timeOf reads a time; a date is its first moment or its last.
func timeOf(text string, last bool) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if last {
			return day.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
		}
		return day, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2026-05-03 or 2026-05-03T10:00Z", text)
}

// thisBuild names what compiles: another one may compute other values of the same commits.
var thisBuild = sync.OnceValue(func() string {
	digest := sha256.New()
	for file, text := range fleet.All(scaffold.Schema()) {
		fmt.Fprintf(digest, "%s %d %s", file, len(text), text)
	}
	name := version + " " + hex.EncodeToString(digest.Sum(nil))
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			name += " " + cmp.Or(s.Value, "-")
		}
	}
	return name
})
