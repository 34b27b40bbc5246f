package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/sources"
)

// Loader loads fleets, as [fleet.Loader] does.
type Loader interface {
	Load(ctx context.Context, fsys fs.FS) (*fleet.Fleet, diag.List)
}

// Pending is how many commits of a line the index does not know yet.
func (x *Index) Pending(l *sources.Line) int { return len(l.Commits) - x.common(l) }

// common is how many commits the index and a line begin with in common.
func (x *Index) common(l *sources.Line) int {
	n := 0
	for n < min(len(l.Commits), len(x.data.Commits)) && l.Commits[n].Hash == x.data.Commits[n].Hash {
		n++
	}
	return n
}

// Update reads the commits that the index does not know yet, and keeps what it finds, also where it is interrupted.
// What the line no longer has is forgotten. A commit that is no fleet changes nothing: the next that is one is
// compared with the last that was.
func (x *Index) Update(ctx context.Context, l *sources.Line, loader Loader) error {
	n := x.common(l)
	x.data.Commits = slices.Clip(x.data.Commits[:n])
	end := slices.IndexFunc(x.data.Steps, func(s step) bool { return s.Commit >= n })
	if end >= 0 {
		x.data.Steps = slices.Clip(x.data.Steps[:end])
	}
	if n == len(l.Commits) {
		return nil
	}
	w := walker{index: x, line: l, loader: loader, state: x.replay(n), known: map[string]known{}}
	var err error
	for i := n; i < len(l.Commits) && err == nil; i++ {
		err = w.read(ctx, i)
	}
	// An index that cannot be written is a slow start the next time, no failure.
	_ = x.write()
	return err
}

// walker goes along a line.
type walker struct {
	index  *Index
	line   *sources.Line
	loader Loader
	state  states
	known  map[string]known // of the last fleet
}

// known is an entity as it was compared last; the same pointer and the same facts are the same leaves.
type known struct {
	value any
	facts []Leaf
}

// read compares one commit with the last that was a fleet.
func (w *walker) read(ctx context.Context, i int) error {
	c := commitOf(w.line, i)
	f, why, err := w.load(ctx, i)
	if err != nil {
		return fmt.Errorf("read the history at commit %s: %w", w.line.Commits[i].Short(), err)
	}
	c.Invalid = why
	w.index.data.Commits = append(w.index.data.Commits, c)
	if f != nil {
		w.compare(i, f)
	}
	return nil
}

// load is the fleet at a commit, or why there is none; both are empty before the fleet's directory is there.
func (w *walker) load(ctx context.Context, i int) (f *fleet.Fleet, why string, err error) {
	s, err := w.line.At(i)
	switch {
	case errors.Is(err, sources.ErrPathNotFound) && len(w.state) == 0:
		return nil, "", nil
	case errors.Is(err, sources.ErrPathNotFound):
		return nil, "the fleet's directory is gone", nil
	case err != nil:
		return nil, "", err
	}
	var found diag.List
	for range 2 { // what ran into a limit may not do so again
		f, found = w.loader.Load(ctx, ownSchema{s.FS.(treeFS)})
		if !slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Code == "MW104" }) {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case w.line.Damaged():
		return nil, "", fmt.Errorf("%w: the clone lacks some of its files; git fetch --refetch", sources.ErrDamaged)
	case found.Err() == nil:
		return f, "", nil
	}
	for _, d := range found {
		if d.Code == "MW100" && d.Hint == "" && !d.Pos.IsValid() { // not the commit's fault: the compiler did not run
			return nil, "", errors.New(d.Summary)
		}
	}
	first := found[slices.IndexFunc(found, func(d diag.Diagnostic) bool { return d.Severity == diag.Error })]
	why = fmt.Sprintf("%s: %s  [%s]", first.Pos, first.Summary, first.Code)
	return nil, strings.TrimPrefix(why, "-: "), nil
}

// compare adds what a fleet changes of the state.
func (w *walker) compare(i int, f *fleet.Fleet) {
	all, facts := entitiesOf(f), facts(f)
	now := make(map[string]known, len(all))
	var steps []step
	differs := func(name string, leaves []Leaf) {
		if changes := between(w.state[name], leaves); len(changes) > 0 {
			steps = append(steps, step{Commit: i, Entity: name, Changes: changes})
		}
	}
	for name, value := range all {
		now[name] = known{value, facts[name]}
		if last, ok := w.known[name]; !ok || last.value != value || !slices.Equal(last.facts, facts[name]) {
			differs(name, leaves(value, facts[name]))
		}
	}
	for name := range w.state {
		if _, ok := all[name]; !ok {
			differs(name, nil)
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return strings.Compare(a.Entity, b.Entity) })
	for _, s := range steps {
		w.state.apply(s)
	}
	w.index.data.Steps = append(w.index.data.Steps, steps...)
	w.known = now
}

// treeFS is the file system of a commit.
type treeFS interface {
	fs.ReadDirFS
	fs.ReadFileFS
	fs.StatFS
	fs.ReadLinkFS
	Identity(name string) (string, error)
}

// ownSchema is a commit's file system without the copy of the schema, which in old commits is that of an older
// version: all of a history is read by the schema of this one.
type ownSchema struct{ treeFS }

const vendored = "cue.mod/pkg"

func hidden(name string) bool { return name == vendored || strings.HasPrefix(name, vendored+"/") }

// ReadDir implements fs.ReadDirFS.
func (o ownSchema) ReadDir(name string) ([]fs.DirEntry, error) {
	if hidden(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	return o.treeFS.ReadDir(name)
}

// Identity tells what stands at a place, as the file system of a commit does.
func (o ownSchema) Identity(name string) (string, error) {
	if hidden(name) {
		return "", &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return o.treeFS.Identity(name)
}
