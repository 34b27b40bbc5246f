package simulate_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/testenv"
)

// platformWorld is a kubeWorld with a Platform, whose tenant clusters are all one other API server.
type platformWorld struct {
	*kubeWorld
	project string
	tenant  dynamic.Interface
}

// newPlatformWorld has a project, an image and a node provider with one node type, which selects the
// hosts with the label pool=gpu, and an available host with that label for each machine. Since a
// deleted namespace of the test server never quite goes, each test has a project of its own.
func newPlatformWorld(t *testing.T, machines ...string) *platformWorld {
	t.Helper()
	w := &platformWorld{kubeWorld: newKubeWorld(t, machines...)}
	w.project = w.namespace[strings.LastIndex(w.namespace, "-")+1:]
	tenant := testenv.ForTest(t).Cluster("simulate-tenant")
	var err error
	w.tenant, err = dynamic.NewForConfig(tenant.Config)
	require.NoError(t, err)
	require.NoError(t, w.tenant.Resource(kubeResources["Node"]).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	platform, err := simulate.NewPlatform(w.site, w.config, simulate.PlatformOptions{
		TenantKubeconfig: func(string) ([]byte, bool) { return tenant.Kubeconfig(), true },
		ServerCluster:    func(instance string) string { return strings.ReplaceAll(instance, ".", "-") },
	})
	require.NoError(t, err)
	w.run(platform.Run)
	w.create(`apiVersion: management.loft.sh/v1
kind: Project
metadata: {name: %[1]s}
spec: {displayName: Acme, allowedClusters: [{name: loft-cluster}]}
---
apiVersion: management.loft.sh/v1
kind: OSImage
metadata: {name: ubuntu}
spec:
  properties: {metal3.vcluster.com/image-url: "https://images.example.com/ubuntu.img", metal3.vcluster.com/image-checksum: c}
---
apiVersion: management.loft.sh/v1
kind: NodeProvider
metadata: {name: metal3}
spec:
  metal3:
    clusterRef: {cluster: loft-cluster, namespace: NS}
    nodeTypes:
      - name: gpu
        properties: {vcluster.com/os-image: ubuntu}
        bareMetalHosts: {selector: {matchLabels: {pool: gpu}}}`, w.project)
	w.await("the project gets a namespace", func() bool { return w.get("Namespace", "", "p-"+w.project) != nil })
	for _, m := range machines {
		w.host(m, "pool: gpu")
	}
	for _, m := range machines {
		w.awaitState(m, "available")
	}
	return w
}

// values is a vcluster.yaml with one pool of so many machines.
func values(quantity int) string {
	return fmt.Sprintf(`{privateNodes: {enabled: true, autoNodes: [{provider: metal3, static: [{name: gpu, quantity: %d}]}]}}`, quantity)
}

func (w *platformWorld) instance(name, values string) {
	w.Helper()
	w.create(`apiVersion: management.loft.sh/v1
kind: VirtualClusterInstance
metadata: {name: %[1]s, namespace: p-%[2]s}
spec:
  clusterRef: {cluster: loft-cluster, namespace: vc-%[2]s-%[1]s}
  template: {helmRelease: {values: %[3]q}}`, name, w.project, values)
}

func (w *platformWorld) change(name, values string) {
	w.Helper()
	patch := fmt.Sprintf(`{"spec": {"template": {"helmRelease": {"values": %q}}}}`, values)
	require.NoError(w, w.patch("VirtualClusterInstance", "p-"+w.project, name, patch))
}

func (w *platformWorld) status(instance, path string) string {
	return field(w.get("VirtualClusterInstance", "p-"+w.project, instance), "status."+path)
}

func (w *platformWorld) awaitPhase(instance, phase string) {
	w.Helper()
	w.await(instance+" becomes "+phase, func() bool { return w.status(instance, "phase") == phase })
}

// members makes machines members of an instance's server cluster.
func (w *platformWorld) members(instance string, machines ...string) {
	for _, name := range machines {
		w.site.Update(name, func(m *simulate.Machine) { m.Membership = w.project + "-" + instance })
	}
}

// consumers are the machines whose hosts a claim of the instance consumes, sorted.
func (w *platformWorld) consumers(instance string) []string {
	var machines []string
	for _, m := range w.site.Machines() {
		if strings.HasPrefix(w.hostField(m, "spec.consumerRef.name"), instance+"-") {
			machines = append(machines, m)
		}
	}
	return machines
}

func (w *platformWorld) nodes() []string {
	list, err := w.tenant.Resource(kubeResources["Node"]).List(w.Context(), metav1.ListOptions{})
	require.NoError(w, err)
	var names []string
	for _, n := range list.Items {
		names = append(names, n.GetName())
	}
	slices.Sort(names)
	return names
}

// An instance is ready only when each machine that it claimed is installed, powered on and in its
// server cluster; then its kubeconfig is published, and works.
func TestInstanceReadiness(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001", "gpu-002", "gpu-003")
	w.instance("train", values(2))
	w.awaitState("gpu-001", "provisioned")
	w.awaitState("gpu-002", "provisioned")
	require.Equal(t, []string{"gpu-001", "gpu-002"}, w.consumers("train"))
	require.Equal(t, "https://images.example.com/ubuntu.img", w.hostField("gpu-001", "spec.image.url"))
	w.members("train", "gpu-001")
	w.await("the one that is no member is named", func() bool {
		return w.status("train", "message") == "train-gpu-2: gpu-002 is not a member of server cluster "+w.project+"-train"
	})
	require.Equal(t, "Pending", w.status("train", "phase"))
	require.Nil(t, w.get("Secret", "vc-"+w.project+"-train", "vc-train"))

	w.members("train", "gpu-002")
	w.awaitPhase("train", "Ready")
	require.Equal(t, w.project+".train", w.machine("gpu-002").Cluster)
	require.Len(t, w.events("join", ""), 2)
	w.kubeconfigWorks("train")

	w.site.SetRule(simulate.Metal3PowerEnforced, false)
	require.NoError(t, w.site.Reset("gpu-002", "ForceOff"))
	w.awaitPhase("train", "Pending")
	require.Contains(t, w.status("train", "message"), "gpu-002 is powered off")
	require.NotNil(t, w.get("Secret", "vc-"+w.project+"-train", "vc-train"))
	require.NoError(t, w.site.Reset("gpu-002", "On"))
	w.awaitPhase("train", "Ready")
}

// kubeconfigWorks reads the nodes of an instance's cluster with the kubeconfig in its Secret.
func (w *platformWorld) kubeconfigWorks(instance string) {
	w.Helper()
	secret := w.get("Secret", "vc-"+w.project+"-"+instance, "vc-"+instance)
	require.NotNil(w, secret)
	data, _, err := unstructured.NestedStringMap(secret.Object, "data")
	require.NoError(w, err)
	kubeconfig, err := base64.StdEncoding.DecodeString(data["config"])
	require.NoError(w, err)
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	require.NoError(w, err)
	client, err := dynamic.NewForConfig(config)
	require.NoError(w, err)
	list, err := client.Resource(kubeResources["Node"]).List(w.Context(), metav1.ListOptions{})
	require.NoError(w, err)
	require.Len(w, list.Items, 2)
	for _, node := range list.Items {
		require.Empty(w, strings.Trim(field(&node, "spec.taints"), "[]"), "a node that nothing can run on")
		require.Contains(w, field(&node, "status.conditions"), "KubeletReady")
	}
	for _, key := range []string{"certificate-authority", "client-certificate", "client-key"} {
		content, err := base64.StdEncoding.DecodeString(data[key])
		require.NoError(w, err)
		require.Contains(w, string(content), "-----BEGIN ")
	}
}

// Without the rule, a machine joins over no network at all.
func TestMembershipRuleOff(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001")
	w.site.SetRule(simulate.PlatformMembership, false)
	w.instance("train", values(1))
	w.awaitPhase("train", "Ready")
}

// Two instances that want the same hosts never get one host twice, and the one that is short says so.
func TestInstancesCompete(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001", "gpu-002", "gpu-003")
	w.site.SetRule(simulate.PlatformMembership, false)
	w.instance("a", values(2))
	w.instance("b", values(2))
	w.await("three machines have joined", func() bool { return len(w.events("join", "")) == 3 })
	a, b := w.consumers("a"), w.consumers("b")
	require.Len(t, slices.Concat(a, b), 3)
	short, other := "b", "a"
	if len(a) == 1 {
		short, other = "a", "b"
	}
	w.awaitPhase(other, "Ready")
	require.Equal(t, "Pending", w.status(short, "phase"))
	require.Contains(t, w.status(short, "message"), "no available BareMetalHost is free for node type metal3.gpu")
}

// A pool that shrinks gives up the host that has lost its label, not the newest; the host is erased,
// and is nobody's only once it is available again.
func TestShrinkReleasesTheUnlabelled(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001", "gpu-002", "gpu-003")
	w.site.SetRule(simulate.PlatformMembership, false)
	w.instance("train", values(3))
	w.awaitPhase("train", "Ready")
	w.patchHost("gpu-001", `{"metadata": {"labels": {"pool": null}}}`)
	w.change("train", values(2))
	w.await("the host is nobody's", func() bool {
		consumer := w.hostField("gpu-001", "spec.consumerRef")
		state := w.hostField("gpu-001", "status.provisioning.state")
		return consumer == "" && state == "available"
	})
	require.Equal(t, []string{"gpu-002", "gpu-003"}, w.consumers("train"))
	require.Empty(t, w.machine("gpu-001").Cluster)
	release, clean := w.events("release", "gpu-001"), w.events("clean", "gpu-001")
	require.Len(t, release, 1)
	require.Len(t, clean, 1)
	require.Less(t, release[0].Seq, clean[0].Seq)
	require.Equal(t, []string{"gpu-002", "gpu-003"}, w.nodes())
	w.awaitPhase("train", "Ready")

	w.change("train", values(1))
	w.await("else the newest goes", func() bool { return slices.Equal(w.consumers("train"), []string{"gpu-002"}) })
}

// Deleting an instance gives all its machines back before its kubeconfig goes.
func TestInstanceDeletion(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001", "gpu-002")
	w.site.SetRule(simulate.PlatformMembership, false)
	w.instance("train", values(2))
	w.awaitPhase("train", "Ready")
	w.delete("VirtualClusterInstance", "p-"+w.project, "train")
	w.await("the instance is gone", func() bool { return w.get("VirtualClusterInstance", "p-"+w.project, "train") == nil })
	require.Nil(t, w.get("Secret", "vc-"+w.project+"-train", "vc-train"))
	require.Empty(t, w.consumers("train"))
	require.Empty(t, w.nodes())
	require.Len(t, w.events("clean", ""), 2)

	w.delete("Project", "", w.project)
	w.await("the project is gone, and its namespace on the way", func() bool {
		namespace := w.get("Namespace", "", "p-"+w.project)
		return w.get("Project", "", w.project) == nil && (namespace == nil || namespace.GetDeletionTimestamp() != nil)
	})
}
