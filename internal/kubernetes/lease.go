package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"millwright.dev/millwright/internal/state"
)

// HeldError says who holds a lease.
type HeldError struct {
	Lease  string // namespace/name
	Holder string
	// Renewed is when the holder last said so, by its own clock.
	Renewed time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("lease %s is held by %s, renewed at %s", e.Lease, e.Holder, e.Renewed.UTC().Format(time.RFC3339))
}

// leaseTimes are the times of a lease: it lasts duration unless renewed, which is tried every renew;
// it counts as lost to us after deadline without success, which is well before others may take it.
type leaseTimes struct{ duration, deadline, renew time.Duration }

// timesOf leaves room for several attempts to renew before the deadline, and a margin after it.
func timesOf(duration time.Duration) leaseTimes {
	return leaseTimes{duration: duration, deadline: duration * 3 / 4, renew: duration / 8}
}

// AcquireLease takes a Lease, so that one process at a time writes; it lasts for duration after each
// renewal, which is how long another process waits after this one was killed. It fails with a *HeldError if
// another holder renewed it lately; a lease that looks abandoned is watched for its whole duration
// before it is taken over, since clocks differ. While it is held it is renewed in the background; lost
// is closed once it no longer is. release gives it up, and waits until that is done. Cancelling ctx
// after AcquireLease has returned ends the renewal without giving the lease up.
func AcquireLease(ctx context.Context, c *Cluster, namespace, name, holder string, duration time.Duration) (lost <-chan struct{}, release func(), err error) {
	return acquireLease(ctx, c, namespace, name, holder, timesOf(duration))
}

func acquireLease(ctx context.Context, c *Cluster, namespace, name, holder string, times leaseTimes) (<-chan struct{}, func(), error) {
	l := &lease{
		cluster: c, holder: holder, times: times,
		id: state.ID{Target: c.target, Kind: "Lease.coordination.k8s.io", Namespace: namespace, Name: name},
	}
	var err error
	if l.api, err = c.catalog.find(ctx, l.id.Kind, "v1", c.options.Now()); err != nil {
		return nil, nil, fmt.Errorf("take lease %s/%s: %w", namespace, name, err)
	}
	if err := l.acquire(ctx); err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	lost, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(lost)
		l.keep(ctx)
	}()
	release := sync.OnceFunc(func() {
		stop()
		<-ended
		if now, _ := l.spec(); now != holder {
			return // somebody else's by now
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), times.deadline)
		defer cancel()
		_ = l.write(ctx, "") // if it fails, the lease expires by itself
	})
	return lost, release, nil
}

type lease struct {
	cluster *Cluster
	api     resource
	id      state.ID
	holder  string
	times   leaseTimes
	seen    *unstructured.Unstructured // nil: there is none yet
}

// acquire takes the lease if it is free or abandoned.
func (l *lease) acquire(ctx context.Context) error {
	var abandoned string // the version that looked abandoned
	for {
		if err := l.look(ctx); err != nil {
			return err
		}
		holder, renewed := l.spec()
		free := l.seen == nil || holder == "" || holder == l.holder
		if !free && (abandoned != l.seen.GetResourceVersion()) {
			if abandoned != "" || l.cluster.options.Now().Sub(renewed) < l.times.duration {
				return &HeldError{Lease: l.id.Namespace + "/" + l.id.Name, Holder: holder, Renewed: renewed}
			}
			abandoned = l.seen.GetResourceVersion()
			select {
			case <-ctx.Done():
				return fmt.Errorf("take %s: %w", l.id, ctx.Err())
			case <-time.After(l.times.duration):
			}
			continue
		}
		err := l.write(ctx, l.holder)
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			continue // somebody was faster: look who
		}
		return err
	}
}

// keep renews the lease until ctx is done or it is lost.
func (l *lease) keep(ctx context.Context) {
	renewed := time.Now()
	ticker := time.NewTicker(l.times.renew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		limited, cancel := context.WithTimeout(ctx, l.times.deadline/3) // one slow answer is not the end
		began := time.Now()
		err := l.renew(limited)
		cancel()
		switch {
		case err == nil:
			renewed = began
		case errors.Is(err, errTaken), time.Since(renewed) > l.times.deadline:
			return
		}
	}
}

var errTaken = errors.New("somebody else took the lease")

func (l *lease) renew(ctx context.Context) error {
	err := l.write(ctx, l.holder)
	if !apierrors.IsConflict(err) {
		return err
	}
	// Our own earlier renewal may have got through without an answer.
	if err := l.look(ctx); err != nil {
		return err
	}
	if holder, _ := l.spec(); l.seen == nil || holder != l.holder {
		return errTaken
	}
	return l.write(ctx, l.holder)
}

func (l *lease) look(ctx context.Context) error {
	u, err := l.cluster.get(ctx, l.id, l.api)
	if apierrors.IsNotFound(err) {
		l.seen = nil
		return nil
	}
	if err == nil {
		l.seen = u
	}
	return err
}

func (l *lease) spec() (holder string, renewed time.Time) {
	if l.seen == nil {
		return "", time.Time{}
	}
	holder, _, _ = unstructured.NestedString(l.seen.Object, "spec", "holderIdentity")
	text, _, _ := unstructured.NestedString(l.seen.Object, "spec", "renewTime")
	renewed, _ = time.Parse(time.RFC3339Nano, text)
	return holder, renewed
}

// write sets the holder on exactly the version that was last seen; an empty one gives the lease up.
func (l *lease) write(ctx context.Context, holder string) error {
	ctx, cancel := l.cluster.request(ctx)
	defer cancel()
	u := stub(l.id, l.api, "")
	if l.seen != nil {
		u = l.seen.DeepCopy()
	}
	seconds := max(int64(l.times.duration/time.Second), 1)
	spec := map[string]any{
		"holderIdentity": holder, "leaseDurationSeconds": seconds,
		"renewTime": l.cluster.options.Now().UTC().Format(metav1.RFC3339Micro),
	}
	u.Object["spec"] = spec
	leases := l.cluster.in(l.api, l.id.Namespace)
	var err error
	if l.seen == nil {
		u, err = leases.Create(ctx, u, metav1.CreateOptions{FieldManager: fieldManager})
	} else {
		u, err = leases.Update(ctx, u, metav1.UpdateOptions{FieldManager: fieldManager})
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", l.id, err)
	}
	l.seen = u
	return nil
}
