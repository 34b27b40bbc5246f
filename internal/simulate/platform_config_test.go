package simulate_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"millwright.dev/millwright/internal/simulate"
)

// setUp is a vcluster.yaml whose one machine is set up by everything that Platform knows.
const setUp = `{privateNodes: {enabled: true, autoNodes: [{provider: metal3, properties: {
	vcluster.com/ssh-keys: "ops,dev", vcluster.com/user-data-template-config: chrony, vcluster.com/network-data-template-config: static
}, static: [{name: gpu, quantity: 1, profile: training, nodeLabels: {tier: gold}}]}]}}`

// secretText is one text of a Secret of the hosts' namespace.
func (w *platformWorld) secretText(name, key string) string {
	text, err := base64.StdEncoding.DecodeString(field(w.get("Secret", w.namespace, name), "data."+key))
	require.NoError(w, err)
	return string(text)
}

// A machine is told its keys, its configuration and its network, its node gets its profile; and as long
// as any of them is missing or wrong nothing is installed, and the status says why.
func TestMachinesAreSetUp(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001")
	w.site.SetRule(simulate.PlatformMembership, false)
	w.patchHost("gpu-001", `{"metadata": {"annotations": {"metal3.vcluster.com/ip-address": "192.168.100.21/24", "metal3.vcluster.com/gateway": "192.168.100.1"}}}`)
	w.instance("train", setUp)
	says := func(message string) {
		t.Helper()
		w.await(message, func() bool { return w.status("train", "message") == message })
	}
	says(`there is no NodeProfile "training"`)
	w.create(`apiVersion: management.loft.sh/v1
kind: NodeProfile
metadata: {name: training}
spec:
  nodeLabels: {class: gpu, tier: none}
  nodeAnnotations: {owner: ops}
  taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]
  startupTaints: [{key: booting, effect: NoSchedule}]`)
	require.NoError(t, w.patch("Project", "", w.project, `{"spec": {"allowedNodeProfiles": []}}`))
	says("project " + w.project + ` may not use NodeProfile "training"`)
	require.NoError(t, w.patch("Project", "", w.project, `{"spec": {"allowedNodeProfiles": [{"name": "training"}]}}`))
	says(`train-gpu-1: there is no SSHKey "ops" with a key in it`)
	w.create("apiVersion: management.loft.sh/v1\nkind: SSHKey\nmetadata: {name: ops}\nspec: {publicKey: ssh-ed25519 AAAA ops}\n---\n" +
		"apiVersion: management.loft.sh/v1\nkind: SSHKey\nmetadata: {name: dev}\nspec: {publicKey: ssh-ed25519 AAAB dev}")
	says(`train-gpu-1: MachineConfigTemplate "static" is not there`)
	w.create("apiVersion: management.loft.sh/v1\nkind: MachineConfigTemplate\nmetadata: {name: static}\nspec: {networkDataTemplate: 'a: {{ .Values.AllocatedIP }}/{{ .Values.PrefixLength }} via {{ .Values.Gateway }}'}\n---\n" +
		"apiVersion: management.loft.sh/v1\nkind: MachineConfigTemplate\nmetadata: {name: chrony}\nspec: {networkDataTemplate: x}")
	says(`train-gpu-1: MachineConfigTemplate "chrony" has no text for this`)
	config := func(text string) {
		require.NoError(t, w.patch("MachineConfigTemplate", "", "chrony", `{"spec": {"cloudInitTemplate": "#cloud-config\nhostname: {{ .Values.`+text+` }}"}}`))
	}
	config("Hostname")
	w.await("a value that Platform does not give", func() bool {
		return w.hostField("gpu-001", "spec.image") == "" && len(w.status("train", "message")) > 0 &&
			w.status("train", "message") != `train-gpu-1: MachineConfigTemplate "chrony" has no text for this`
	})
	require.Contains(t, w.status("train", "message"), `map has no entry for key "Hostname"`)
	config("BareMetalHost.Name")
	w.awaitPhase("train", "Ready")

	userData := w.secretText("train-gpu-1-user-data", "userData")
	for _, part := range []string{"hostname: gpu-001", "- ssh-ed25519 AAAA ops\n- ssh-ed25519 AAAB dev\n", "runcmd: [join " + w.project + ".train]"} {
		require.Contains(t, userData, part)
	}
	require.Equal(t, "a: 192.168.100.21/24 via 192.168.100.1", w.secretText("train-gpu-1-network-data", "networkData"))
	require.Equal(t, "train-gpu-1-network-data", w.hostField("gpu-001", "spec.networkData.name"))
	node, err := w.tenant.Resource(kubeResources["Node"]).Get(t.Context(), "gpu-001", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"class": "gpu", "tier": "gold", "vcluster.com/node-profile": "training",
		"kubernetes.io/hostname": "gpu-001", "kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": "gpu",
	}, node.GetLabels())
	require.Equal(t, map[string]string{"owner": "ops"}, node.GetAnnotations())
	require.Contains(t, field(node, "spec.taints"), "nvidia.com/gpu")
	require.NotContains(t, field(node, "spec.taints"), "booting")

	w.change("train", `{privateNodes: {enabled: true}}`)
	w.await("what it was told is gone with it", func() bool {
		return w.get("Secret", w.namespace, "train-gpu-1-network-data") == nil && w.get("Secret", w.namespace, "train-gpu-1-user-data") == nil
	})
}

// Without the rules a machine is installed with what there is.
func TestSetUpRulesOff(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001")
	for _, rule := range []simulate.Rule{simulate.PlatformMembership, simulate.PlatformSSHKeys, simulate.PlatformConfigTemplates, simulate.PlatformNodeProfiles} {
		w.site.SetRule(rule, false)
	}
	w.instance("train", setUp)
	w.awaitPhase("train", "Ready")
	require.Equal(t, "#cloud-config\n\nruncmd: [join "+w.project+".train]\n", w.secretText("train-gpu-1-user-data", "userData"))
}
