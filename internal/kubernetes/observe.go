package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

const (
	pageSize = 500
	// listAbove: so many objects of one namespace are read with one list rather than one by one.
	listAbove = 16
)

// Observe reads, for each kind that q names, what bears our mark, and then what q names besides. An
// object of a kind that the cluster does not serve is absent; one that may not be read is unknown.
func (c *Cluster) Observe(ctx context.Context, q target.Query) state.Live {
	o := &observation{
		Cluster: c,
		started: c.options.Now(),
		asked:   map[state.ID]*question{},
		found:   map[state.ID]*unstructured.Unstructured{},
		failed:  map[state.ID]error{},
	}
	for i := range q.Want {
		o.ask(q.Want[i].ID, &q.Want[i])
	}
	for _, owned := range q.Owned {
		o.ask(owned.ID, nil)
	}
	o.read(ctx)
	return o.live(ctx)
}

// question is one remote object that is looked for, whole.
type question struct {
	version string
	encoded []encodedAt
	parts   map[state.ID]*state.Object // nil objects: remembered, not wanted
	whole   bool                       // not only for its parts
}

// observation is one call of Observe under way.
type observation struct {
	*Cluster
	started time.Time
	asked   map[state.ID]*question

	mu       sync.Mutex
	found    map[state.ID]*unstructured.Unstructured
	failed   map[state.ID]error
	answered bool  // the server answered at least one request
	broken   error // the first answer that never came
}

func (o *observation) ask(id state.ID, want *state.Object) {
	whole := id.Whole()
	a := o.asked[whole]
	if a == nil {
		a = &question{parts: map[state.ID]*state.Object{}}
		o.asked[whole] = a
	}
	switch {
	case id.Part != "":
		if a.parts[id] == nil {
			a.parts[id] = want
		}
	case want != nil:
		a.whole, a.version, a.encoded = true, versionOf(want.Tree), encodedIn(want.Tree)
	default:
		a.whole = true
	}
}

// read asks for everything, kind by kind.
func (o *observation) read(ctx context.Context) {
	type kindVersion struct{ kind, version string }
	groups := map[kindVersion][]state.ID{}
	for id, a := range o.asked {
		key := kindVersion{id.Kind, a.version}
		groups[key] = append(groups[key], id)
	}
	var all errgroup.Group
	all.SetLimit(o.options.Concurrency)
	for key, ids := range groups {
		all.Go(func() error {
			slices.SortFunc(ids, state.ID.Compare)
			o.readKind(ctx, key.kind, key.version, ids)
			return nil
		})
	}
	_ = all.Wait() // failures are told object by object
}

func (o *observation) readKind(ctx context.Context, kind, version string, ids []state.ID) {
	r, err := o.catalog.find(ctx, kind, version, o.started)
	if errors.Is(err, errNoVersion) {
		r, err = o.catalog.find(ctx, kind, "", o.started) // what is there can still be seen
	}
	if err != nil {
		o.note(err)
	}
	if errors.Is(err, errNoKind) {
		return
	}
	if err != nil {
		o.fail(ids, err)
		return
	}
	err = o.list(ctx, kind, r, "", fleetLabel+"="+o.options.Fleet)
	if apierrors.IsNotFound(err) {
		o.catalog.forget() // the kind is gone since the catalog was read
		if r, err = o.catalog.find(ctx, kind, "", o.started); errors.Is(err, errNoKind) {
			return
		}
		err = o.list(ctx, kind, r, "", fleetLabel+"="+o.options.Fleet)
	}
	// Who may not list a whole cluster may still be let read one object; any other failure is final.
	if err != nil && !apierrors.IsForbidden(err) {
		o.fail(ids, fmt.Errorf("list %s: %w", kind, err))
		return
	}
	missing := map[string][]state.ID{}
	for _, id := range ids {
		if !o.has(id) {
			missing[id.Namespace] = append(missing[id.Namespace], id)
		}
	}
	for namespace, ids := range missing {
		if len(ids) > listAbove && o.list(ctx, kind, r, namespace, "") == nil {
			continue
		}
		o.getAll(ctx, r, ids)
	}
}

// list reads the objects of a kind in one namespace, or in all, page by page.
func (o *observation) list(ctx context.Context, kind string, r resource, namespace, selector string) error {
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := o.page(ctx, r, namespace, options)
		o.note(err)
		if apierrors.IsResourceExpired(err) && options.Continue != "" {
			// The list took longer than the server keeps it: all over again, at once.
			options.Continue, options.Limit = "", 0
			continue
		}
		if err != nil {
			return err
		}
		o.mu.Lock()
		for i := range page.Items {
			o.found[o.idOf(kind, &page.Items[i])] = &page.Items[i]
		}
		o.mu.Unlock()
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

func (o *observation) page(ctx context.Context, r resource, namespace string, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	ctx, cancel := o.request(ctx)
	defer cancel()
	return o.in(r, namespace).List(ctx, options)
}

// in is the client for a resource in a namespace; an empty one means the whole cluster.
func (c *Cluster) in(r resource, namespace string) dynamic.ResourceInterface {
	return c.client.Resource(r.GroupVersionResource).Namespace(namespace)
}

func (o *observation) getAll(ctx context.Context, r resource, ids []state.ID) {
	var all errgroup.Group
	all.SetLimit(o.options.Concurrency)
	for _, id := range ids {
		if o.has(id) {
			continue
		}
		all.Go(func() error {
			u, err := o.get(ctx, id, r)
			o.note(err)
			o.mu.Lock()
			defer o.mu.Unlock()
			switch {
			case err == nil:
				o.found[id] = u
			case !apierrors.IsNotFound(err):
				o.failed[id] = err
			}
			return nil
		})
	}
	_ = all.Wait()
}

// get reads one object.
func (c *Cluster) get(ctx context.Context, id state.ID, r resource) (*unstructured.Unstructured, error) {
	ctx, cancel := c.request(ctx)
	defer cancel()
	u, err := c.in(r, id.Namespace).Get(ctx, id.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", id.Whole(), err)
	}
	return u, nil
}

func (o *observation) has(id state.ID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.found[id] != nil
}

func (o *observation) fail(ids []state.ID, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		o.failed[id] = err
	}
}

// note keeps count of whether the server answers at all.
func (o *observation) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !errors.Is(err, ErrUnreachable) {
		o.answered = true
	} else if o.broken == nil {
		o.broken = err
	}
}

// live sums up what was found.
func (o *observation) live(ctx context.Context) state.Live {
	live := state.Live{
		Target:  o.target,
		Time:    o.started,
		Objects: map[state.ID]state.LiveObject{},
		Unknown: map[state.ID]error{},
		Covered: map[state.ID]bool{},
	}
	if err := ctx.Err(); err != nil {
		live.Err = fmt.Errorf("observe %s: %w", o.target, err)
	} else if o.broken != nil && !o.answered {
		live.Err = fmt.Errorf("observe %s: %w", o.target, o.broken)
	}
	for id, a := range o.asked {
		if a.whole {
			live.Covered[id] = true
		}
		for part := range a.parts {
			live.Covered[part] = true
		}
		if err := o.failed[id]; err != nil {
			live.Unknown[id] = err
			for part := range a.parts {
				live.Unknown[part] = err
			}
		}
	}
	for id, u := range o.found {
		o.add(live, id, u)
	}
	return live
}

// add takes one object that was read into live, with its parts.
func (o *observation) add(live state.Live, id state.ID, u *unstructured.Unstructured) {
	a := o.asked[id]
	if a == nil {
		a = &question{}
	}
	whole := o.Cluster.live(id, u, a.encoded)
	marked := whole.Mark == id
	if !a.whole && !marked && len(a.parts) == 0 {
		return // found beside what was looked for
	}
	if a.whole || marked {
		live.Objects[id], live.Covered[id] = whole, true
	}
	parts := map[state.ID]*state.Object{}
	for _, name := range managerNames(u) {
		if part, ok := partOf(id, name); ok {
			parts[part] = nil
		}
	}
	for part, want := range a.parts {
		parts[part] = want
	}
	for id, want := range parts {
		if part, ok := o.livePart(id, want, whole, u); ok {
			live.Objects[id], live.Covered[id] = part, true
		}
	}
}
