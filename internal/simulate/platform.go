package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// What vCluster Platform and the Kubernetes of its tenants do on their own.
const (
	// PlatformValuesStrict: vcluster.yaml with a key that its schema does not know is refused.
	PlatformValuesStrict Rule = "platform.values-strict"
	// PlatformSelectorOperators: a node type selector takes In, NotIn, Exists, DoesNotExist, Gt, Lt
	// or nothing. NotExists, which stands in Platform's documentation, is refused.
	PlatformSelectorOperators Rule = "platform.selector-operators"
	// PlatformAllowedNodeTypes: a project gets machines only of the node types that it may have.
	PlatformAllowedNodeTypes Rule = "platform.allowed-node-types"
	// PlatformQuota: a project gets no more machines than its quota of node claims.
	PlatformQuota Rule = "platform.quota"
	// PlatformMembership: a machine joins only over the network of its cluster, so it has to be a
	// member of the cluster's Netris server cluster.
	PlatformMembership Rule = "platform.membership"
	// PlatformDeletionPrevented: an instance with deletion.prevent in its vcluster.yaml cannot be
	// deleted. An admission policy enforces it, see [Admission].
	PlatformDeletionPrevented Rule = "platform.deletion-prevented"
)

const (
	platformManager       = "vcluster-platform"
	platformFinalizer     = "management.loft.sh/simulate"
	platformInstanceLabel = "management.loft.sh/virtualclusterinstance"
	platformPoolLabel     = "management.loft.sh/node-pool"
	// platformPoll is how often, in simulated time, Platform looks at what it cannot watch: the
	// machines' power and membership.
	platformPoll = 20 * time.Second
)

// PlatformOptions says what is around a Platform.
type PlatformOptions struct {
	// Cluster is the name under which Platform knows the cluster that it runs in, as clusterRef.cluster
	// has it. Empty means loft-cluster.
	Cluster string
	// TenantKubeconfig is an administrator's kubeconfig for the control plane of an instance
	// ("acme.train"), and false until there is one. Nil means that there never is.
	TenantKubeconfig func(instance string) ([]byte, bool)
	// ServerCluster names the Netris server cluster that an instance's machines have to be members of.
	// Nil means that they need none.
	ServerCluster func(instance string) string
}

// Platform stands in for vCluster Platform with its Metal3 node provider: it makes a namespace for
// each project, claims BareMetalHosts for the static node pools of each VirtualClusterInstance,
// gives them back, and publishes the kubeconfig of the tenant cluster.
//
// An instance is called by its project and its name, as "acme.train".
type Platform struct {
	site    *Site
	options PlatformOptions
	client  dynamic.Interface
	tenants map[string]*platformTenant // by instance; touched by the loop only
	errors  map[string]string          // the last error recorded of each object
}

// NewPlatform is a Platform on the API server that config leads to; [PlatformCRDs] and Metal3's must
// be there. It does nothing before Run.
func NewPlatform(site *Site, config *rest.Config, options PlatformOptions) (*Platform, error) {
	client, err := kubeClient(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for Platform: %w", err)
	}
	options.Cluster = cmp.Or(options.Cluster, "loft-cluster")
	if options.TenantKubeconfig == nil {
		options.TenantKubeconfig = func(string) ([]byte, bool) { return nil, false }
	}
	return &Platform{site: site, options: options, client: client,
		tenants: map[string]*platformTenant{}, errors: map[string]string{}}, nil
}

// Run serves the instances until ctx ends, and then returns nil. What the API server refuses is
// recorded as an event with the verb "error", and tried again.
func (p *Platform) Run(ctx context.Context) error {
	kubeLoop{
		client: p.client,
		watch: []schema.GroupVersionResource{
			projectResource, providerResource, imageResource, keyResource, templateResource, profileResource, instanceResource, claimResource, hostResource,
		},
		resync: max(p.site.Delay(platformPoll), 5*kubePause),
		pass:   func(ctx context.Context) time.Duration { p.pass(ctx); return 0 },
	}.run(ctx)
	return nil
}

// pass does one round over projects, providers, instances and claims, in this order.
func (p *Platform) pass(ctx context.Context) {
	world, err := p.observe(ctx)
	if p.report(ctx, "platform", err); err != nil {
		return
	}
	for _, project := range world.projects {
		p.report(ctx, "project "+project.Name, p.serveProject(ctx, world, project))
	}
	for _, provider := range world.providers {
		p.report(ctx, "provider "+provider.Name, p.serveProvider(ctx, provider))
	}
	for _, instance := range world.instances {
		p.report(ctx, instance.id(), p.serveInstance(ctx, world, instance))
	}
	for _, claim := range world.claims {
		p.report(ctx, "claim "+claim.Name, p.serveClaim(ctx, world, claim))
	}
}

// report records an error once, until the target has another or none.
func (p *Platform) report(ctx context.Context, target string, err error) {
	text := ""
	if err != nil && !apierrors.IsConflict(err) { // somebody was faster: the next pass sees what they did
		text = err.Error()
	}
	if ctx.Err() == nil && text != "" && text != p.errors[target] {
		p.site.Record(Event{System: "platform", Target: target, Verb: "error", Detail: text})
	}
	p.errors[target] = text
}

// platformWorld is everything that a pass decides on, read at its beginning. Hosts that the pass
// claims are marked in it, so that no two claims get one.
type platformWorld struct {
	namespaces []*metav1.PartialObjectMetadata
	projects   []*platformProject
	providers  []*platformProvider
	images     []*platformImage
	keys       []*platformKey
	templates  []*platformTemplate
	profiles   []*platformProfile
	instances  []*platformInstance
	claims     []*platformClaim
	hosts      []*metal3Host
	demands    map[string]platformDemand // by instance and pool, "acme.train/h100"
}

func (p *Platform) observe(ctx context.Context) (*platformWorld, error) {
	w := &platformWorld{demands: map[string]platformDemand{}}
	// Who asks comes before what is asked for: an instance is never judged by a project as it was before.
	err := errors.Join(
		kubeListInto(ctx, p.client.Resource(instanceResource), &w.instances),
		kubeListInto(ctx, p.client.Resource(claimResource), &w.claims),
		kubeListInto(ctx, p.client.Resource(namespaceResource), &w.namespaces),
		kubeListInto(ctx, p.client.Resource(projectResource), &w.projects),
		kubeListInto(ctx, p.client.Resource(providerResource), &w.providers),
		kubeListInto(ctx, p.client.Resource(imageResource), &w.images),
		kubeListInto(ctx, p.client.Resource(keyResource), &w.keys),
		kubeListInto(ctx, p.client.Resource(templateResource), &w.templates),
		kubeListInto(ctx, p.client.Resource(profileResource), &w.profiles),
		kubeListInto(ctx, p.client.Resource(hostResource), &w.hosts),
	)
	return w, err
}

// project is the project that a namespace belongs to, or nil.
func (w *platformWorld) project(namespace string) *platformProject {
	for _, p := range w.projects {
		if platformNamespace(p.Name) == namespace {
			return p
		}
	}
	return nil
}

// provider is the node provider of that name, or nil.
func (w *platformWorld) provider(name string) *platformProvider {
	for _, p := range w.providers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// claimsOf are the claims of an instance, in the order in which they were made.
func (w *platformWorld) claimsOf(instance *platformInstance) []*platformClaim {
	var claims []*platformClaim
	for _, c := range w.claims {
		if c.Namespace == instance.Namespace && c.Spec.VClusterRef == instance.Name {
			claims = append(claims, c)
		}
	}
	return platformByAge(claims)
}

// hostOf is the host that a claim consumes, or nil.
func (w *platformWorld) hostOf(claim *platformClaim) *metal3Host {
	for _, h := range w.hosts {
		if ref := h.Spec.ConsumerRef; ref != nil && ref.Kind == "NodeClaim" && ref.Name == claim.Name && ref.Namespace == claim.Namespace {
			return h
		}
	}
	return nil
}

// platformNamespace is the namespace of a project, with the prefix that Platform has by default.
func platformNamespace(project string) string { return "p-" + project }

func platformProjectOf(namespace string) string { return strings.TrimPrefix(namespace, "p-") }
