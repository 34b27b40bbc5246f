package fleet

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"millwright.dev/millwright/internal/diag"
)

// Options say how to load.
type Options struct {
	// Worker compiles; the zero Worker compiles in this process, without limits on time and memory.
	Worker Worker
	// Workers is how many compile at a time; default: one for each CPU.
	Workers int
	// CacheDir keeps results between processes, for this user alone; empty: they are not kept.
	CacheDir string
	// Limits bound what a repository may cost; zero fields have the defaults.
	Limits Limits
	// Compiled, if set, is told the directory of each instance that had to be compiled, from several
	// goroutines: for progress and tests.
	Compiled func(dir string)
}

// Loader loads fleets again and again: it remembers the results of directories by the digest of all
// they depend on, and keeps a worker ready. Its methods may be called from several goroutines.
type Loader struct {
	opts  Options
	cache *cache

	reading sync.Mutex // guards what is remembered of the tree that was read last
	tree    *tree
	heads   map[string]parsed

	compiling sync.Mutex // of two loads at a time the second finds what the first compiled

	checking sync.Mutex // guards what is remembered of the fleet that was checked last
	known    *register

	mu     sync.Mutex
	idle   []*child
	closed bool
}

// NewLoader is a Loader; Close releases what it holds.
func NewLoader(opts Options) *Loader {
	opts.Limits = opts.Limits.withDefaults()
	opts.Workers = cmp.Or(max(opts.Workers, 0), runtime.GOMAXPROCS(0))
	return &Loader{opts: opts, cache: openCache(opts.CacheDir), heads: map[string]parsed{}, known: newRegister()}
}

// Close keeps what was compiled, and stops idle workers. Fleets that were loaded stay usable; locating fields in them starts a
// worker for each question.
func (l *Loader) Close() {
	l.cache.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, c := range l.idle {
		c.stop()
	}
	l.idle = nil
}

// Load loads a fleet once; whoever loads repeatedly uses a [Loader].
func Load(ctx context.Context, fsys fs.FS, opts Options) (*Fleet, diag.List) {
	l := NewLoader(opts)
	defer l.Close()
	return l.Load(ctx, fsys)
}

// Load compiles the CUE files of a file system, whose root is the fleet's module, and checks the
// fleet as a whole. Nothing but regular files of fsys is read: no network, no other file.
//
// All findings come at once, sorted; the fleet may be used if their Err is nil. Where everything
// compiled and only checks failed the fleet is returned beside the findings, for [Allocate] and for
// reports alone: what it refers to may not exist. Otherwise it is nil. A context that ends is a
// finding of code MW100.
func (l *Loader) Load(ctx context.Context, fsys fs.FS) (*Fleet, diag.List) {
	instances, list := l.read(fsys)
	if list.Err() != nil {
		return nil, list.Sort()
	}
	results, err := l.compileAll(ctx, instances)
	if err != nil {
		return nil, notCompiled(err)
	}
	return l.finish(ctx, fsys, instances, results, list)
}

func notCompiled(err error) diag.List {
	return diag.List{{Code: "MW100", Summary: fmt.Sprintf("the fleet could not be compiled: %v", err)}}
}

// finish makes a fleet of what its directories came to, and checks it.
func (l *Loader) finish(ctx context.Context, fsys fs.FS, instances []*instance, results []*result, list diag.List) (*Fleet, diag.List) {
	for _, r := range results {
		list = append(list, r.findings...)
	}
	if list.Err() != nil {
		return nil, list.Sort()
	}
	f, list := assemble(l, instances, results)
	if list.Err() != nil {
		return nil, list.Sort()
	}
	l.checking.Lock()
	defer l.checking.Unlock()
	return f, check(ctx, f, fsys, l.known).Sort()
}

// read cuts a repository into instances.
func (l *Loader) read(fsys fs.FS) ([]*instance, diag.List) {
	l.reading.Lock()
	defer l.reading.Unlock()
	if l.tree == nil {
		l.heads = l.cache.known()
	}
	t, list := readTree(fsys, l.opts.Limits, l.tree, l.heads)
	if list.Err() != nil {
		return nil, list
	}
	l.tree = t
	instances, list := plan(t, l.heads)
	l.cache.know(l.heads)
	return instances, list
}

// compileAll takes results from the cache and has the rest compiled; results are in the order of the
// instances.
func (l *Loader) compileAll(ctx context.Context, instances []*instance) ([]*result, error) {
	l.compiling.Lock()
	defer l.compiling.Unlock()
	results := make([]*result, len(instances))
	var todo []int
	for i, in := range instances {
		if results[i] = l.cache.get(in.key); results[i] == nil {
			todo = append(todo, i)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	g.Go(func() error {
		defer close(next)
		for _, i := range todo {
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range min(l.opts.Workers, len(todo)) {
		g.Go(func() error {
			for i := range next {
				if l.opts.Compiled != nil {
					l.opts.Compiled(instances[i].Dir)
				}
				out, err := l.run(ctx, request{Instance: instances[i]})
				if err != nil {
					return err
				}
				results[i] = decodeAll(out)
			}
			return nil
		})
	}
	err := g.Wait()
	l.trim(1)
	if err != nil {
		return nil, err
	}
	l.cache.put(instances, results)
	return results, nil
}

// run has one request answered, by a worker if there is one.
func (l *Loader) run(ctx context.Context, req request) (compiled, error) {
	return l.runWithin(ctx, req, l.opts.Limits)
}

func (l *Loader) runWithin(ctx context.Context, req request, limits Limits) (compiled, error) {
	req.Limits = limits
	in, err := req.Instance.filled()
	if err != nil {
		return compiled{}, err
	}
	req.Instance = in
	if l.opts.Worker.Path == "" {
		if err := ctx.Err(); err != nil {
			return compiled{}, err
		}
		return answer(req), nil
	}
	c, err := l.acquire()
	if err != nil {
		return compiled{}, err
	}
	out, alive, err := c.do(ctx, req)
	if alive {
		l.release(c)
	}
	return out, err
}

func (l *Loader) acquire() (*child, error) {
	l.mu.Lock()
	if n := len(l.idle); n > 0 {
		c := l.idle[n-1]
		l.idle = l.idle[:n-1]
		l.mu.Unlock()
		return c, nil
	}
	l.mu.Unlock()
	return start(l.opts.Worker, l.opts.Limits)
}

func (l *Loader) release(c *child) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.stop()
		return
	}
	l.idle = append(l.idle, c)
}

// trim stops all idle workers but n.
func (l *Loader) trim(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.idle) > n {
		last := len(l.idle) - 1
		l.idle[last].stop()
		l.idle = l.idle[:last]
	}
}

// source is what a Fleet needs to locate fields.
type source struct {
	loader *Loader
	homes  map[string]home // by entity
	rules  *Rules          // nil if there are none
}

// home is where an entity comes from.
type home struct {
	instance *instance
	pos      diag.Pos
}

// assemble puts the entities of all leaves together; each may come from one leaf only.
func assemble(l *Loader, instances []*instance, results []*result) (*Fleet, diag.List) {
	count := map[string]int{} // by kind
	for _, r := range results {
		for i := range r.entities {
			count[r.entities[i].Kind]++
		}
	}
	f := &Fleet{
		Sites: map[string]*Site{}, Classes: map[string]*Class{}, Images: map[string]*Image{}, Machines: make(map[string]*Machine, count["machine"]),
		Segments: make(map[string]*Segment, count["segment"]), Stacks: map[string]*Stack{}, Tenants: make(map[string]*Tenant, count["tenant"]),
		Profiles: map[string]*Profile{}, Approvals: map[string]*Approval{},
		source: &source{loader: l, homes: make(map[string]home, count["machine"]+count["segment"]+count["tenant"])},
	}
	var list diag.List
	shared := map[string][]string{} // further directories that yield an entity of the same place
	for i, r := range results {
		if instances[i].isRules() {
			f.source.rules = newRules(l, instances[i], r)
			continue
		}
		for _, e := range r.entities {
			first, taken := f.source.homes[e.at]
			switch {
			case !taken:
				f.source.homes[e.at] = home{instances[i], e.Pos}
				f.add(e)
			case e.Pos == first.pos:
				shared[e.at] = append(shared[e.at], instances[i].Dir)
			default:
				list = append(list, diag.Diagnostic{
					Code: "MW115", Summary: e.at + " is written in two directories", Path: e.at, Pos: e.Pos,
					Hint:    "each thing has one place: keep one of the two, or give this one another name",
					Related: []diag.Related{{Pos: first.pos, Message: "the other place"}},
				})
			}
		}
	}
	for a, dirs := range All(shared) {
		if first := f.source.homes[a]; !slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return d.Path == a }) {
			list = append(list, diag.Diagnostic{
				Code: "MW115", Summary: fmt.Sprintf("%s is written in a file that %d directories share", a, 1+len(dirs)), Path: a, Pos: first.pos,
				Hint: "files of a package are shared by all directories below them: move it to one of those, for instance " + first.instance.Dir,
			})
		}
	}
	return f, list
}

// add puts one entity in its place.
func (f *Fleet) add(e typed) {
	switch v := e.value.(type) {
	case *Site:
		f.Sites[e.Name] = v
	case *Class:
		f.Classes[e.Name] = v
	case *Image:
		f.Images[e.Name] = v
	case *Machine:
		f.Machines[e.Name] = v
	case *Segment:
		f.Segments[e.Name] = v
	case *Stack:
		f.Stacks[e.Name] = v
	case *Tenant:
		f.Tenants[e.Name] = v
	case *Profile:
		f.Profiles[e.Name] = v
	case *Approval:
		f.Approvals[e.Name] = v
	case *Platform:
		f.Platform = v
	case *Policy:
		f.Policy = v
	case Allocation:
		f.Allocation = v
	}
}
