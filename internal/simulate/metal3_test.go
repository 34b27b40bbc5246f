package simulate_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// The resources that the tests touch, by the kind that a manifest names.
var kubeResources = map[string]schema.GroupVersionResource{
	"BareMetalHost":                    {Group: "metal3.io", Version: "v1alpha1", Resource: "baremetalhosts"},
	"HostFirmwareSettings":             {Group: "metal3.io", Version: "v1alpha1", Resource: "hostfirmwaresettings"},
	"HostFirmwareComponents":           {Group: "metal3.io", Version: "v1alpha1", Resource: "hostfirmwarecomponents"},
	"HostUpdatePolicy":                 {Group: "metal3.io", Version: "v1alpha1", Resource: "hostupdatepolicies"},
	"SSHKey":                           {Group: "management.loft.sh", Version: "v1", Resource: "sshkeys"},
	"MachineConfigTemplate":            {Group: "management.loft.sh", Version: "v1", Resource: "machineconfigtemplates"},
	"NodeProfile":                      {Group: "management.loft.sh", Version: "v1", Resource: "nodeprofiles"},
	"ClusterRoleTemplate":              {Group: "management.loft.sh", Version: "v1", Resource: "clusterroletemplates"},
	"Team":                             {Group: "management.loft.sh", Version: "v1", Resource: "teams"},
	"Project":                          {Group: "management.loft.sh", Version: "v1", Resource: "projects"},
	"NodeProvider":                     {Group: "management.loft.sh", Version: "v1", Resource: "nodeproviders"},
	"NodeClaim":                        {Group: "management.loft.sh", Version: "v1", Resource: "nodeclaims"},
	"OSImage":                          {Group: "management.loft.sh", Version: "v1", Resource: "osimages"},
	"VirtualClusterInstance":           {Group: "management.loft.sh", Version: "v1", Resource: "virtualclusterinstances"},
	"ValidatingAdmissionPolicy":        {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"},
	"ValidatingAdmissionPolicyBinding": {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"},
	"Secret":                           {Version: "v1", Resource: "secrets"},
	"Namespace":                        {Version: "v1", Resource: "namespaces"},
	"Node":                             {Version: "v1", Resource: "nodes"},
}

// kubeWorld is an API server with the CRDs, a site, and the namespace of its hosts.
type kubeWorld struct {
	*testing.T
	site      *simulate.Site
	config    *rest.Config
	client    dynamic.Interface
	namespace string
}

var installCRDs sync.Once

// newKubeWorld is a fast site with the machines, on an API server that nothing of an earlier test is
// left on. A Metal3 runs until the test ends.
func newKubeWorld(t *testing.T, machines ...string) *kubeWorld {
	t.Helper()
	cluster := testenv.ForTest(t, "simulate", "simulate-tenant").Cluster("simulate")
	installCRDs.Do(func() {
		metal3, err := testenv.Metal3CRDs(t.Context())
		require.NoError(t, err)
		require.NoError(t, testenv.InstallCRDs(t.Context(), cluster.Config, append(metal3, simulate.PlatformCRDs()...)...))
	})
	client, err := dynamic.NewForConfig(cluster.Config)
	require.NoError(t, err)
	w := &kubeWorld{T: t, site: simulate.NewSite(5000), config: cluster.Config, client: client}
	w.wipe()
	w.checkLeaks()
	w.namespace = cluster.Namespace(t)
	for _, m := range machines {
		w.site.AddMachine(m)
		w.site.Update(m, func(m *simulate.Machine) { m.BIOS["SriovGlobalEnable"] = "Disabled" })
	}
	metal3, err := simulate.NewMetal3(w.site, cluster.Config, simulate.Metal3Options{
		Namespace:   w.namespace,
		Credentials: func(machine string) (string, string) { return "admin", "secret of " + machine },
	})
	require.NoError(t, err)
	w.run(metal3.Run)
	return w
}

// run runs a stand-in until the test ends.
func (w *kubeWorld) run(run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	w.Cleanup(func() {
		stop()
		require.NoError(w, <-done)
	})
}

// checkLeaks checks, after all that is still to be started has ended, that nothing of it is left. The
// connections that API clients keep for their next requests are shared by the whole process.
func (w *kubeWorld) checkLeaks() {
	ignored := []goleak.Option{goleak.IgnoreCurrent()}
	for _, idle := range []string{
		"net/http.(*persistConn).readLoop", "net/http.(*persistConn).writeLoop", "golang.org/x/net/http2.(*ClientConn).readLoop",
	} {
		ignored = append(ignored, goleak.IgnoreAnyFunction(idle))
	}
	w.Cleanup(func() { goleak.VerifyNone(w, ignored...) })
}

// wipe removes what earlier tests left, finalizers or not. An admission policy may have the last word
// for a moment after it is gone, so it tries until nothing is left.
func (w *kubeWorld) wipe() {
	w.Helper()
	w.await("earlier tests' objects are gone", func() bool {
		left := 0
		for kind, resource := range kubeResources {
			if resource.Group == "" && kind != "Node" {
				continue
			}
			list, err := w.client.Resource(resource).List(w.Context(), metav1.ListOptions{})
			require.NoError(w, err)
			left += len(list.Items)
			for _, item := range list.Items {
				at := w.client.Resource(resource).Namespace(item.GetNamespace())
				_ = at.Delete(w.Context(), item.GetName(), metav1.DeleteOptions{})
				_, _ = at.Patch(w.Context(), item.GetName(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			}
		}
		return left == 0
	})
}

// try creates the objects of a manifest, strictly, and returns the first refusal. NS in it stands for the
// namespace of the hosts.
func (w *kubeWorld) try(manifest string) error {
	for document := range strings.SplitSeq(strings.ReplaceAll(manifest, "NS", w.namespace), "\n---\n") {
		object := &unstructured.Unstructured{}
		require.NoError(w, yaml.Unmarshal([]byte(document), &object.Object))
		at := w.client.Resource(kubeResources[object.GetKind()]).Namespace(object.GetNamespace())
		if _, err := at.Create(w.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict, FieldManager: "test"}); err != nil {
			return err
		}
	}
	return nil
}

func (w *kubeWorld) create(format string, args ...any) {
	w.Helper()
	require.NoError(w, w.try(fmt.Sprintf(format, args...)))
}

// host creates a BareMetalHost and its BMC's Secret.
func (w *kubeWorld) host(name string, labels ...string) {
	w.Helper()
	w.create(`apiVersion: v1
kind: Secret
metadata: {name: %[1]s-bmc, namespace: NS}
stringData: {username: admin, password: secret of %[1]s}
---
apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata: {name: %[1]s, namespace: NS, labels: {%[2]s}}
spec:
  online: false
  bootMACAddress: "02:00:00:00:00:01"
  bmc: {address: "redfish://10.10.0.11/redfish/v1/Systems/1", credentialsName: %[1]s-bmc}
`, name, strings.Join(labels, ", "))
}

// patch merges JSON into an object.
func (w *kubeWorld) patch(kind, namespace, name, patch string, options ...metav1.PatchOptions) error {
	o := metav1.PatchOptions{FieldManager: "test"}
	if len(options) > 0 {
		o = options[0]
	}
	_, err := w.client.Resource(kubeResources[kind]).Namespace(namespace).Patch(w.Context(), name, types.MergePatchType, []byte(patch), o)
	return err
}

func (w *kubeWorld) patchHost(name, patch string) {
	w.Helper()
	require.NoError(w, w.patch("BareMetalHost", w.namespace, name, patch))
}

// get is an object, or nil if there is none.
func (w *kubeWorld) get(kind, namespace, name string) *unstructured.Unstructured {
	object, err := w.client.Resource(kubeResources[kind]).Namespace(namespace).Get(w.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(w, err)
	return object
}

// field is what stands at a path of an object, as text; "" when there is nothing, or no object.
func field(object *unstructured.Unstructured, path string) string {
	if object == nil {
		return ""
	}
	value, found, _ := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, ".")...)
	if !found {
		return ""
	}
	return fmt.Sprint(value)
}

func (w *kubeWorld) hostField(name, path string) string {
	return field(w.get("BareMetalHost", w.namespace, name), path)
}

// await waits until a condition holds, and says what when it does not.
func (w *kubeWorld) await(what string, holds func() bool) {
	w.Helper()
	require.Eventually(w, holds, 3*time.Minute, 20*time.Millisecond, what) // generous: a laden machine is slow, not wrong
}

func (w *kubeWorld) awaitState(host, state string) {
	w.Helper()
	w.await(host+" becomes "+state, func() bool { return w.hostField(host, "status.provisioning.state") == state })
}

// provision installs a system on an available host, as a node provider does.
func (w *kubeWorld) provision(host string) {
	w.Helper()
	w.awaitState(host, "available")
	w.patchHost(host, `{"spec": {"online": true, "image": {"url": "https://images.example.com/a.img", "checksum": "c"}}}`)
	w.awaitState(host, "provisioned")
}

func (w *kubeWorld) machine(name string) simulate.Machine {
	m, ok := w.site.Machine(name)
	require.True(w, ok, name)
	return m
}

// events are the log's events of the verb, of the target unless that is empty.
func (w *kubeWorld) events(verb, target string) []simulate.Event {
	var found []simulate.Event
	for _, e := range w.site.Log() {
		if e.Verb == verb && (target == "" || e.Target == target) {
			found = append(found, e)
		}
	}
	return found
}

func (w *kubeWorld) delete(kind, namespace, name string) {
	w.Helper()
	require.NoError(w, w.client.Resource(kubeResources[kind]).Namespace(namespace).Delete(w.Context(), name, metav1.DeleteOptions{}))
}

// condition is the status of one condition of an object, or "".
func (w *kubeWorld) condition(kind, namespace, name, condition string) string {
	object := w.get(kind, namespace, name)
	if object == nil {
		return ""
	}
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	require.NoError(w, err)
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == condition {
			return fmt.Sprint(c["status"])
		}
	}
	return ""
}
