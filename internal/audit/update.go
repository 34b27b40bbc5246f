package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/sources"
)

// Loader loads fleets, as [fleet.Loader] does.
type Loader interface {
	Load(ctx context.Context, fsys fs.FS) (*fleet.Fleet, diag.List)
	LoadAll(ctx context.Context, all []fs.FS) iter.Seq2[*fleet.Fleet, diag.List]
}

// atATime is how many commits are compiled together.
const atATime = 32

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
	w := walker{index: x, line: l, loader: loader, state: x.replay(n), known: map[key]*known{}, files: reader{}}
	var err error
	for i := n; i < len(l.Commits) && err == nil; i += x.batch {
		err = w.read(ctx, i, min(i+x.batch, len(l.Commits)))
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
	known  map[key]*known // of the last fleet
	files  reader
}

// known is an entity as it was compared last; the same pointer and the same facts are the same leaves.
type known struct {
	value any
	facts []Leaf
	seen  int // the last commit that had it
}

// read compares some commits, each with the last before it that was a fleet.
func (w *walker) read(ctx context.Context, begin, end int) error {
	trees := make([]treeFS, end-begin)
	var there []fs.FS
	for i := range trees {
		s, err := w.line.At(begin + i)
		switch {
		case errors.Is(err, sources.ErrPathNotFound):
			continue
		case err != nil:
			return w.fail(begin+i, err)
		}
		trees[i] = ownSchema{s.FS.(treeFS)}
		there = append(there, trees[i])
	}
	next, stop := iter.Pull2(w.loader.LoadAll(ctx, there))
	defer stop()
	for i, tree := range trees {
		c := commitOf(w.line, begin+i)
		switch {
		case tree == nil && len(w.state) > 0:
			c.Invalid = "the fleet's directory is gone"
			w.index.data.Commits = append(w.index.data.Commits, c)
			continue
		case tree == nil: // it is not there yet
			w.index.data.Commits = append(w.index.data.Commits, c)
			continue
		}
		f, found, _ := next()
		if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Code == "MW104" }) {
			f, found = w.loader.Load(ctx, tree) // what ran into a limit may not do so again
		}
		var err error
		if c.Invalid, err = w.judge(ctx, found); err != nil {
			return w.fail(begin+i, err)
		}
		var follows map[key][]Leaf
		if c.Invalid == "" {
			if follows = facts(f, w.files.of(tree)); w.line.Damaged() { // which what cannot be read would hide
				return w.fail(begin+i, errLacking)
			}
		}
		w.index.data.Commits = append(w.index.data.Commits, c)
		if c.Invalid == "" {
			w.compare(begin+i, f, follows)
		}
	}
	return nil
}

func (w *walker) fail(i int, err error) error {
	return fmt.Errorf("read the history at commit %s: %w", w.line.Commits[i].Short(), err)
}

// errLacking is that a clone does not hold all that its commits do.
var errLacking = fmt.Errorf("%w: the clone lacks some of its files; git fetch --refetch", sources.ErrDamaged)

// judge says why a commit is no fleet, if it is none, by what was found in it.
func (w *walker) judge(ctx context.Context, found diag.List) (why string, err error) {
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case w.line.Damaged():
		return "", errLacking
	case found.Err() == nil:
		return "", nil
	}
	for _, d := range found {
		if d.Code == "MW100" && d.Hint == "" && !d.Pos.IsValid() { // not the commit's fault: the compiler did not run
			return "", errors.New(d.Summary)
		}
	}
	first := found[slices.IndexFunc(found, func(d diag.Diagnostic) bool { return d.Severity == diag.Error })]
	why = fmt.Sprintf("%s: %s  [%s]", first.Pos, first.Summary, first.Code)
	return strings.TrimPrefix(why, "-: "), nil
}

// compare adds what a fleet changes of the state. Nearly all of it is as it was, which is seen without looking inside.
func (w *walker) compare(i int, f *fleet.Fleet, facts map[key][]Leaf) {
	first := len(w.known) == 0
	var steps []step
	differs := func(name string, leaves []Leaf) {
		if changes := between(w.state[name], leaves); len(changes) > 0 {
			steps = append(steps, step{Commit: i, Entity: name, Changes: changes})
		}
	}
	n := 0
	for k, value := range each(f) {
		n++
		last := w.known[k]
		if last != nil && last.value == value && slices.Equal(last.facts, facts[k]) {
			last.seen = i
			continue
		}
		w.known[k] = &known{value, facts[k], i}
		differs(k.String(), leaves(value, facts[k]))
	}
	if n < len(w.known) {
		for k, last := range w.known {
			if last.seen != i {
				delete(w.known, k)
				differs(k.String(), nil)
			}
		}
	}
	if first { // of what the index had before
		names := make(map[string]bool, n)
		for k := range w.known {
			names[k.String()] = true
		}
		for name := range w.state {
			if !names[name] {
				differs(name, nil)
			}
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return strings.Compare(a.Entity, b.Entity) })
	for _, s := range steps {
		w.state.apply(s)
	}
	w.index.data.Steps = append(w.index.data.Steps, steps...)
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

// TreeAt is the fleet at the line's i-th commit as histories read it: by the schema of this version.
func TreeAt(l *sources.Line, i int) (fs.FS, error) {
	s, err := l.At(i)
	if err != nil {
		return nil, err
	}
	return ownSchema{s.FS.(treeFS)}, nil
}

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
