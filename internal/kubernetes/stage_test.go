package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/testenv"
)

var (
	instances  = schema.GroupVersionResource{Group: "management.loft.sh", Version: "v1", Resource: "virtualclusterinstances"}
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

// stage is a world with a simulated Metal3 and Platform at work, which all uses share: each has
// machines and a project of its own.
type stage struct {
	*world
	t    testing.TB
	site *simulate.Site
	c    *Cluster
}

// made counts machines and markers, of all stages: they share a server, and with it names.
var made atomic.Int64

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{world: newWorldOn(t, "sloppy"), t: t, site: simulate.NewSite(5000)}
	crds, err := testenv.Metal3CRDs(t.Context())
	require.NoError(t, err)
	require.NoError(t, testenv.InstallCRDs(t.Context(), s.server.Config, append(crds, simulate.PlatformCRDs()...)...))
	s.c = s.open(t)
	metal3, err := simulate.NewMetal3(s.site, s.server.Config, simulate.Metal3Options{
		Namespace:   s.namespace,
		Credentials: func(machine string) (string, string) { return "admin", "secret of " + machine },
	})
	require.NoError(t, err)
	platform, err := simulate.NewPlatform(s.site, s.server.Config, simulate.PlatformOptions{
		TenantKubeconfig: func(string) ([]byte, bool) { return s.server.Kubeconfig(), true },
		ServerCluster:    func(instance string) string { return strings.ReplaceAll(instance, ".", "-") },
	})
	require.NoError(t, err)
	for _, run := range []func(context.Context) error{metal3.Run, platform.Run} {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		t.Cleanup(func() {
			stop()
			require.NoError(t, <-done)
		})
	}
	s.create(s.in("").object(t, `{apiVersion: management.loft.sh/v1, kind: OSImage, metadata: {name: ubuntu},
		spec: {properties: {metal3.vcluster.com/image-url: "https://images.example.com/a.img", metal3.vcluster.com/image-checksum: c}}}`))
	return s
}

// with is the stage in a test of its own.
func (s *stage) with(t testing.TB) *stage {
	other := *s
	other.t = t
	return &other
}

// in is the stage with objects made in another namespace.
func (s *stage) in(namespace string) *stage {
	other, world := *s, *s.world
	world.namespace, other.world = namespace, &world
	return &other
}

// installAdmission installs the policies and waits until they are heeded. The one that is tried here
// is installed last, and an API server takes them up in the order in which they came.
func (s *stage) installAdmission() {
	s.create(s.instance("held", "deletion: {prevent: true}"))
	require.NoError(s.t, simulate.InstallAdmission(s.t.Context(), s.server.Config, s.site))
	s.await("the policies are heeded", func() bool {
		err := s.others.Resource(instances).Namespace(s.namespace).Delete(s.t.Context(), "held", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.IsInvalid(err)
	})
}

// machine is the name of a new machine.
func (s *stage) machine() string {
	name := fmt.Sprintf("a%04d", made.Add(1))
	s.site.AddMachine(name)
	s.site.Update(name, func(m *simulate.Machine) { m.BIOS["SriovGlobalEnable"] = "Disabled" })
	return name
}

// host is what a fleet wants of a machine; spec is added to it, or replaces what is there.
func (s *stage) host(machine, labels, spec string) state.Object {
	base := map[string]string{
		"online": "online: false", "bootMACAddress": `bootMACAddress: "02:00:00:00:00:01"`,
		"bmc": fmt.Sprintf("bmc: {address: redfish://10.10.0.11, credentialsName: %s-bmc}", machine),
	}
	key, _, _ := strings.Cut(spec, ":")
	base[key] = spec
	fields := []string{}
	for _, field := range base {
		if field != "" {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return s.object(s.t, fmt.Sprintf("{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, metadata: {name: %s, labels: {%s}}, spec: {%s}}",
		machine, labels, strings.Join(fields, ", ")))
}

// provision has a system installed on a machine, as a node provider does.
func (s *stage) provision(machine string) {
	require.NoError(s.t, registerHost(s, machine, false))
	s.kubectl(s.t, hosts, machine, "spec: {online: true, image: {url: https://images.example.com/a.img, checksum: c}}")
	s.await(machine+" is provisioned", func() bool { return s.field(hosts, machine, "status.provisioning.state") == "provisioned" })
}

// stillProvisioned is nil if Metal3, having looked at the host again, lets its system be. So it does
// with a host that is gone and takes no more notice of.
func (s *stage) stillProvisioned(machine string) error {
	s.looked()
	if now := s.field(hosts, machine, "status.provisioning.state"); now != "provisioned" && now != "" {
		return fmt.Errorf("%s is %s", machine, now)
	}
	m, _ := s.site.Machine(machine)
	require.Equal(s.t, "os", m.Booted)
	return nil
}

// looked waits until Metal3 has looked at every host as it is now: it takes them by name, and a host
// without a BMC is done with at the first look.
func (s *stage) looked() {
	name := fmt.Sprintf("zzz%04d", made.Add(1))
	s.make(s.t, hosts, "{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, metadata: {name: "+name+"}, spec: {online: false}}")
	s.await("Metal3 looks", func() bool { return s.field(hosts, name, "status.provisioning.state") == "unmanaged" })
}

// project is a project and a node provider whose one node type selects the machine of that name.
func (s *stage) project(name, spec string) {
	at := s.in("")
	s.create(at.object(s.t, fmt.Sprintf("{apiVersion: management.loft.sh/v1, kind: Project, metadata: {name: %s}, spec: {displayName: Acme, %s}}", name, spec)))
	s.create(at.object(s.t, fmt.Sprintf(`{apiVersion: management.loft.sh/v1, kind: NodeProvider, metadata: {name: %[1]s}, spec: {metal3: {
		clusterRef: {cluster: loft-cluster, namespace: %[2]s},
		nodeTypes: [{name: gpu, properties: {vcluster.com/os-image: ubuntu, pool: gpu}, bareMetalHosts: {selector: {matchLabels: {pool: %[1]s}}}}]}}}`,
		name, s.namespace)))
	s.await("the project's namespace", func() bool { return at.field(namespaces, "p-"+name, "metadata.name") != "" })
}

// instance is a cluster with these values.
func (s *stage) instance(name, values string) state.Object {
	return s.object(s.t, fmt.Sprintf(`{apiVersion: management.loft.sh/v1, kind: VirtualClusterInstance, metadata: {name: %s},
		spec: {clusterRef: {cluster: loft-cluster, namespace: v%s}, template: {helmRelease: {values: %q}}}}`, name, s.namespace, values))
}

func (s *stage) create(o state.Object) { create(s.t, s.c, o) }

// update applies an object to what is there of it, and returns the refusal.
func (s *stage) update(o state.Object) error {
	return apply(s.t, s.c, updateOf(o, present(s.t, s.c, o))).Err
}

// field is a string in a stored object; "" if there is none, or no object.
func (s *stage) field(resource schema.GroupVersionResource, name, path string) string {
	u, err := s.others.Resource(resource).Namespace(s.namespace).Get(s.t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return ""
	}
	require.NoError(s.t, err)
	text, _, err := unstructured.NestedString(u.Object, strings.Split(path, ".")...)
	require.NoError(s.t, err)
	return text
}

// happened reports whether an event of the verb is in the site's log of the machine.
func (s *stage) happened(verb, machine string) bool {
	return slices.ContainsFunc(s.site.Log(), func(e simulate.Event) bool { return e.Verb == verb && e.Target == machine })
}

// await waits until a condition holds. It is generous: a laden machine is slow, not wrong.
func (s *stage) await(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		require.True(s.t, time.Now().Before(end), what)
	}
}
