package sources

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Git is a remote repository at one ref. It may be used from many goroutines.
type Git struct {
	opts Options
	at   address
	turn chan struct{} // held by the one fetch under way

	// Owned by the holder of turn.
	who      signers // of this fetch
	replaced *clone  // what clone was before, kept since snapshots of it may still be read

	mu       sync.Mutex
	clone    *clone // nil until something was fetched
	last     Snapshot
	failing  time.Time // since when; zero while fetches succeed
	failures int

	brought bringings // by whom files came that somebody asked about
}

// Open checks the options and takes up what the cache directory holds, proving it object by object;
// what is damaged, or belongs to another remote or ref, is discarded. It does not ask the remote: a
// dead one is no reason not to start.
func Open(ctx context.Context, opts Options) (*Git, error) {
	at, err := opts.complete()
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	who, err := opts.Signatures.check()
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	g := &Git{opts: opts, at: at, who: who, turn: make(chan struct{}, 1)}
	if opts.Dir == "" {
		return g, nil
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open source %s: %w", g, fail(ErrCache, "%v", err))
	}
	keep := g.restore()
	if err := sweep(opts.Dir, keep); err != nil {
		return nil, fmt.Errorf("open source %s: %w", g, fail(ErrCache, "%v", err))
	}
	return g, ctx.Err()
}

// restore takes up the last good snapshot, and returns the name of the clone that holds it.
func (g *Git) restore() string {
	r, ok := readRecord(g.opts.Dir, g.opts.URL, g.opts.Ref)
	if !ok {
		return ""
	}
	c := openClone(filepath.Join(g.opts.Dir, r.Clone), r.Packs)
	commit, err := c.now.peel(plumbing.NewHash(r.Commit))
	if err != nil {
		return ""
	}
	snapshot, err := snapshotOf(c.now, commit, g.opts.Path, g.opts.MaxFile, true)
	if errors.Is(err, ErrPathNotFound) || err == nil && r.Rules != g.opts.Signatures.rules() {
		g.clone = c // Path or the rules were changed: its objects are good, its snapshot is not ours
		return r.Clone
	}
	if err != nil {
		return ""
	}
	snapshot.Commit.Signer = g.verifier(c.now, g.who).signerOf(commit)
	snapshot.FetchedAt, snapshot.Rewritten = r.FetchedAt.UTC(), r.Rewritten
	c.now.damaged = func() { c.damaged.Store(true) }
	g.clone, g.last = c, snapshot
	return r.Clone
}

// String names the source without any secret.
func (g *Git) String() string {
	if g.opts.Ref == "" {
		return g.opts.URL
	}
	return g.opts.URL + " at " + g.opts.Ref
}

// Last is the last good snapshot, of this process or of one before it; ok is false if there is none,
// or if its objects have been found damaged since.
func (g *Git) Last() (snapshot Snapshot, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last.FS == nil || g.clone.damaged.Load() {
		return Snapshot{}, false
	}
	return g.last, true
}

// Fetch asks the remote for the commit of the ref and transfers what is new. A commit that has not
// changed gives the same snapshot with a new FetchedAt. If it fails the error is an [*Error] and the
// last good snapshot stays as it was; if ctx is cancelled it is the context's.
func (g *Git) Fetch(ctx context.Context) (Snapshot, error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return Snapshot{}, fmt.Errorf("fetch %s: %w", g, ctx.Err())
	}
	limited, cancel := context.WithTimeout(ctx, g.opts.Timeout)
	defer cancel()
	snapshot, err := g.fetch(limited)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return Snapshot{}, fmt.Errorf("fetch %s: %w", g, ctx.Err())
	}
	if err != nil {
		return Snapshot{}, g.failed(err)
	}
	return snapshot, nil
}

// At is an earlier commit among those already transferred; the remote is not asked. It is how an agent
// goes back, after a restart, to the commit that was good before a bad one.
func (g *Git) At(_ context.Context, hash string) (Snapshot, error) {
	g.mu.Lock()
	c := g.clone
	g.mu.Unlock()
	if c == nil || c.damaged.Load() || !plumbing.IsHash(hash) || !c.now.has(plumbing.NewHash(hash)) {
		return Snapshot{}, fmt.Errorf("commit %s of %s: %w", short(hash), g, fail(ErrRefNotFound, "it is not among what was fetched"))
	}
	commit, err := c.now.peel(plumbing.NewHash(hash))
	if err != nil {
		return Snapshot{}, fmt.Errorf("commit %s of %s: %w", short(hash), g, err)
	}
	snapshot, err := snapshotOf(c.now, commit, g.opts.Path, g.opts.MaxFile, false)
	if err == nil {
		snapshot.Commit.Signer, err = g.recheck(c.now, commit)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("commit %s of %s: %w", short(hash), g, err)
	}
	snapshot.FetchedAt = g.opts.Now().UTC()
	return snapshot, nil
}

// failed counts a failure and wraps it in what is known of the source.
func (g *Git) failed(err error) error {
	last, ok := g.Last()
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.opts.Now().UTC()
	if g.failures++; g.failures == 1 {
		g.failing = now
	}
	e := &Error{Source: g.String(), Err: err, At: now, Since: g.failing, Failures: g.failures}
	if ok {
		e.LastCommit, e.LastFetched = last.Commit.Hash, last.FetchedAt
	}
	return e
}

func (g *Git) fetch(ctx context.Context) (Snapshot, error) {
	var err error
	if g.who, err = g.opts.Signatures.check(); err != nil {
		return Snapshot{}, classify(err, ErrSignature, nil)
	}
	base := g.clone
	if base != nil && base.damaged.Load() {
		base = nil
	}
	c, snapshot, err := g.update(ctx, base)
	if errors.Is(err, ErrDamaged) && base != nil {
		// Objects that we were believed to have may be the ones that are missing: ask for all of them.
		c, snapshot, err = g.update(ctx, nil)
	}
	if err != nil {
		return Snapshot{}, err
	}
	if err := g.accept(c, &snapshot); err != nil {
		if c != g.clone {
			c.remove()
		}
		return Snapshot{}, err
	}
	return snapshot, nil
}

// update returns the ref's present commit, in base where possible, else in a clone made for it.
func (g *Git) update(ctx context.Context, base *clone) (*clone, Snapshot, error) {
	c, goal := base, target{tip: plumbing.NewHash(g.opts.Ref)}
	if base == nil || !plumbing.IsHash(g.opts.Ref) || !base.now.has(goal.tip) {
		var err error
		if c, goal, err = g.transfer(ctx, base); err != nil {
			return nil, Snapshot{}, err
		}
	}
	snapshot, err := g.snapshot(c, goal)
	if err != nil {
		if c != base {
			c.remove()
		}
		return nil, Snapshot{}, err
	}
	return c, snapshot, nil
}

// snapshot is the commit to which the goal leads, and whether history was rewritten on the way.
func (g *Git) snapshot(c *clone, goal target) (Snapshot, error) {
	if !c.now.has(goal.tip) && plumbing.IsHash(g.opts.Ref) {
		return Snapshot{}, fail(ErrRefNotFound, "no branch or tag of the remote contains the commit %s", goal.tip)
	}
	commit, err := c.now.peel(goal.tip)
	if err != nil {
		return Snapshot{}, err
	}
	was := plumbing.NewHash(g.last.Commit.Hash)
	if commit.Hash == was && c == g.clone {
		return g.last, nil
	}
	signer, err := g.judge(c.now, commit, was)
	if err != nil {
		return Snapshot{}, err
	}
	snapshot, err := snapshotOf(c.now, commit, g.opts.Path, g.opts.MaxFile, false)
	snapshot.Commit.Signer = signer
	if err != nil || was.IsZero() {
		return snapshot, err
	}
	switch {
	case commit.Hash == was:
		snapshot.Rewritten = g.last.Rewritten
	case goal.tag || !descends(c.now, commit.Hash, was):
		snapshot.Rewritten = was.String()
	}
	return snapshot, nil
}

// transfer asks the remote what the ref is, and fetches it unless base has it.
func (g *Git) transfer(ctx context.Context, base *clone) (*clone, target, error) {
	from, secrets, err := g.connect(ctx)
	if err != nil {
		return nil, target{}, err
	}
	defer from.close()
	have, err := from.refs(ctx)
	if err != nil {
		return nil, target{}, classify(err, ErrNotRepository, secrets)
	}
	goal, err := have.find(g.opts.Ref)
	if err != nil || base != nil && base.now.has(goal.tip) {
		return base, goal, err
	}
	into := base
	if base == nil || base.packs >= maxPacks {
		if into, err = newClone(g.opts.Dir); err != nil {
			return nil, target{}, fail(ErrCache, "%v", err)
		}
	}
	if err := into.fetch(ctx, from, goal.wants, plumbing.NewHash(g.last.Commit.Hash), g.opts.MaxPack); err != nil {
		if into != base {
			into.remove()
		}
		return nil, target{}, classify(err, ErrUnreachable, secrets)
	}
	return into, goal, nil
}

// connect prepares the remote; the secrets are what no error's text may hold.
func (g *Git) connect(ctx context.Context) (from remote, secrets []string, err error) {
	return g.opts.connect(ctx, g.at)
}

func (o *Options) connect(ctx context.Context, at address) (from remote, secrets []string, err error) {
	if at.local != "" {
		from, err = newLocalRemote(at.local)
		return from, nil, err
	}
	if at.ssh != (sshAddress{}) {
		if from, err = newSSHRemote(ctx, at.ssh, o.SSH, uploadPack, o.MaxPack); err != nil {
			err = classify(err, ErrUnreachable, nil)
		}
		return from, nil, err
	}
	c, err := o.login(ctx)
	if err != nil {
		return nil, nil, err
	}
	from, err = newHTTPRemote(o.URL, c, o.Transport, o.MaxPack)
	if err != nil {
		err = classify(err, ErrNotRepository, c.secrets())
	}
	return from, c.secrets(), err
}

// login asks for the credentials of an http(s) remote.
func (o *Options) login(ctx context.Context) (c Credentials, err error) {
	if o.Credentials == nil {
		return c, nil
	}
	if c, err = o.Credentials(ctx); err != nil {
		return c, fail(ErrUnauthorized, "no credentials: %s", cleanText(err.Error(), c.secrets()...))
	}
	return c, nil
}

// accept makes a snapshot the last good one, once its record is on disk.
func (g *Git) accept(c *clone, snapshot *Snapshot) error {
	snapshot.FetchedAt = g.opts.Now().UTC()
	if g.opts.Dir != "" {
		err := record{
			Format: recordFormat, URL: g.opts.URL, Ref: g.opts.Ref,
			Commit: snapshot.Commit.Hash, FetchedAt: snapshot.FetchedAt, Rewritten: snapshot.Rewritten,
			Clone: filepath.Base(c.dir), Packs: c.packs, Rules: g.opts.Signatures.rules(),
		}.write(g.opts.Dir)
		if err != nil {
			return fail(ErrCache, "%v", err)
		}
	}
	if c.now.damaged == nil {
		c.now.damaged = func() { c.damaged.Store(true) }
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if c != g.clone {
		if g.replaced != nil {
			g.replaced.remove()
		}
		g.replaced, g.clone = g.clone, c
	}
	g.last, g.failing, g.failures = *snapshot, time.Time{}, 0
	return nil
}
