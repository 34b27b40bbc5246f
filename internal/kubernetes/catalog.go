package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// errNoKind: the server answered, and serves no such kind. Nothing of it can be there.
var errNoKind = errors.New("the cluster serves no such kind")

// errNoVersion: the server has the kind, in other versions.
var errNoVersion = errors.New("the cluster does not serve this version")

// discoveryTimeout bounds one reading of the catalog, which others wait for.
const discoveryTimeout = 30 * time.Second

// resource is how one kind is reached.
type resource struct {
	schema.GroupVersionResource
	kind       string
	namespaced bool
}

// catalog remembers which kinds the server has. Kinds come and go with CRDs and aggregated servers,
// so whoever misses one has it read again.
type catalog struct {
	client discovery.DiscoveryInterfaceWithContext
	now    func() time.Time

	mu     sync.Mutex
	read   time.Time
	kinds  map[schema.GroupKind][]resource // the server's preferred version first
	failed map[string]error                // groups that could not be read
}

// find resolves a kind as an ID spells it, in a version or, if that is empty, in the server's
// preferred one. A miss is believed only if the catalog was read after since. The error wraps
// errNoKind if the server has no such kind, errNoVersion if it has it in other versions only.
func (c *catalog) find(ctx context.Context, kind, version string, since time.Time) (resource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.look(kind, version)
	if err == nil || c.read.After(since) {
		return r, err
	}
	if err := c.refresh(ctx); err != nil {
		return resource{}, fmt.Errorf("ask which kinds the cluster serves: %w", err)
	}
	return c.look(kind, version)
}

// forget makes the next find read the catalog anew.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds, c.read = nil, time.Time{}
}

func (c *catalog) look(kind, version string) (resource, error) {
	gk := schema.ParseGroupKind(kind)
	served := c.kinds[gk]
	if i := slices.IndexFunc(served, func(r resource) bool { return version == "" || r.Version == version }); i >= 0 {
		return served[i], nil
	}
	if err, ok := c.failed[gk.Group]; ok {
		return resource{}, fmt.Errorf("the API group %s does not answer: %w", gk.Group, err)
	}
	if len(served) > 0 {
		return resource{}, fmt.Errorf("%w: %s in version %s", errNoVersion, kind, version)
	}
	return resource{}, fmt.Errorf("%w: %s", errNoKind, kind)
}

func (c *catalog) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	groups, lists, err := discovery.ServerGroupsAndResourcesWithContext(ctx, c.client)
	failed := map[string]error{}
	if partial, ok := errors.AsType[*discovery.ErrGroupDiscoveryFailed](err); ok {
		for gv, reason := range partial.Groups {
			failed[gv.Group] = reason
		}
	} else if err != nil {
		return err
	}
	preferred := map[string]string{}
	for _, g := range groups {
		preferred[g.Name] = g.PreferredVersion.Version
	}
	kinds := map[schema.GroupKind][]resource{}
	slices.SortFunc(lists, func(a, b *metav1.APIResourceList) int { return cmp.Compare(a.GroupVersion, b.GroupVersion) })
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return fmt.Errorf("group version %q: %w", list.GroupVersion, err)
		}
		for _, r := range list.APIResources {
			add(kinds, gv, r, preferred[gv.Group] == gv.Version)
		}
	}
	// Discovery leaves out a group it may not read without a word. If it can do that to the core group,
	// "no such kind" means nothing.
	if len(kinds[schema.GroupKind{Kind: "Namespace"}]) == 0 {
		return errors.New("it names none of the core kinds; may these credentials read /api?")
	}
	c.kinds, c.failed, c.read = kinds, failed, c.now()
	return nil
}

func add(kinds map[schema.GroupKind][]resource, gv schema.GroupVersion, r metav1.APIResource, preferred bool) {
	if strings.Contains(r.Name, "/") || !slices.Contains(r.Verbs, "get") || !slices.Contains(r.Verbs, "list") {
		return // a subresource, or nothing that is stored
	}
	gk := schema.GroupKind{Group: gv.Group, Kind: r.Kind}
	found := resource{GroupVersionResource: gv.WithResource(r.Name), kind: r.Kind, namespaced: r.Namespaced}
	if preferred {
		kinds[gk] = slices.Insert(kinds[gk], 0, found)
	} else {
		kinds[gk] = append(kinds[gk], found)
	}
}
