package sources

import (
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// Line is the line that leads to a commit which was fetched. It waits for a fetch that is under way; what it returns
// may be read while others are.
func (g *Git) Line(ctx context.Context, hash string) (*Line, error) {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("read the history of %s: %w", g, ctx.Err())
	}
	var now *objects
	g.mu.Lock()
	if g.clone != nil {
		now = g.clone.now // which the next fetch replaces, and does not touch
	}
	g.mu.Unlock()
	<-g.turn
	if now == nil || !plumbing.IsHash(hash) || !now.has(plumbing.NewHash(hash)) {
		return nil, fmt.Errorf("read the history of commit %s of %s: %w", short(hash), g, fail(ErrRefNotFound, "it is not among what was fetched"))
	}
	l := &Line{Below: g.opts.Path, objects: &objects{mu: now.mu, storer: now.storer}, on: map[string]bool{}}
	l.objects.damaged = func() { l.damaged.Store(true) }
	if err := l.follow(plumbing.NewHash(hash), nil); err != nil {
		return nil, fmt.Errorf("read the history of commit %s of %s: %w", short(hash), g, err)
	}
	return l, nil
}
