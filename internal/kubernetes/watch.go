package kubernetes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"millwright.dev/millwright/internal/target"
)

const (
	watchPauseFirst = time.Second
	watchPauseMost  = time.Minute
)

// Watch gives a hint whenever an object that bears our mark may have changed, of any kind that q
// names. A watch that breaks is taken up again, with a hint for what may have been missed. emit is
// called from several goroutines. Watch returns ctx's error once ctx is done.
func (c *Cluster) Watch(ctx context.Context, q target.Query, emit func()) error {
	kinds := map[string]bool{}
	for _, o := range q.Want {
		kinds[o.ID.Kind] = true
	}
	for _, o := range q.Owned {
		kinds[o.ID.Kind] = true
	}
	var all sync.WaitGroup
	for kind := range kinds {
		all.Go(func() { c.watchKind(ctx, kind, emit) })
	}
	<-ctx.Done()
	all.Wait()
	return ctx.Err()
}

func (c *Cluster) watchKind(ctx context.Context, kind string, emit func()) {
	pause, missed := watchPauseFirst, false
	for ctx.Err() == nil {
		began := c.options.Now()
		_ = c.watchOnce(ctx, kind, missed, emit) // whatever ended it, it is taken up again
		missed = true
		if c.options.Now().Sub(began) > watchPauseMost {
			pause = watchPauseFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause)):
			pause = min(2*pause, watchPauseMost)
		}
	}
}

// watchOnce watches one kind until the server ends it. If something may have been missed before, it
// gives a hint once it watches again.
func (c *Cluster) watchOnce(ctx context.Context, kind string, missed bool, emit func()) error {
	r, err := c.catalog.find(ctx, kind, "", c.options.Now())
	if err != nil {
		return err
	}
	selector := fleetLabel + "=" + c.options.Fleet
	limited, cancel := c.request(ctx)
	defer cancel()
	list, err := c.in(r, "").List(limited, metav1.ListOptions{LabelSelector: selector, Limit: 1})
	if err != nil {
		return fmt.Errorf("list %s: %w", kind, err)
	}
	// The server ends a watch after a while of its own choice; ours is shorter and spread.
	seconds := int64(240 + rand.N(120))
	w, err := c.in(r, "").Watch(ctx, metav1.ListOptions{
		LabelSelector: selector, ResourceVersion: list.GetResourceVersion(), TimeoutSeconds: &seconds,
	})
	if err != nil {
		return fmt.Errorf("watch %s: %w", kind, err)
	}
	defer w.Stop()
	if missed {
		emit()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, ok := <-w.ResultChan():
			if !ok {
				return nil
			}
			if event.Type == watch.Error {
				return fmt.Errorf("watch %s: %w", kind, apierrors.FromObject(event.Object))
			}
			emit()
		}
	}
}
