package kinds

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A cluster is replaced, never changed, where vCluster would begin with an empty store or refuse to
// start; replacing one costs all that is in it.
func TestWhatAClusterCannotChange(t *testing.T) {
	table := Of(id(t, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"))
	require.Equal(t, DataLoss, table.Removed)
	fixed := func(path string) bool {
		return slices.ContainsFunc(table.Immutable, func(s string) bool { return path == s || strings.HasPrefix(path, s+".") })
	}
	for _, path := range []string{
		"controlPlane.backingStore.etcd.embedded.enabled", "controlPlane.backingStore.etcd.external.enabled",
		"controlPlane.backingStore.database.external.enabled", "controlPlane.statefulSet.persistence.volumeClaim.size",
		"networking.podCIDR", "privateNodes.enabled", "privateNodes.vpn.enabled", "privateNodes.vpn.nodeToNode.enabled",
	} {
		require.True(t, fixed("spec.template.helmRelease.values."+path), path)
	}
	for _, path := range []string{
		"controlPlane.distro.k8s.version", "controlPlane.statefulSet.highAvailability.replicas", "controlPlane.statefulSet.persistence.addVolumes",
		"privateNodes.autoNodes", "privateNodes.autoUpgrade.enabled", "deletion.prevent", "snapshots",
	} {
		require.False(t, fixed("spec.template.helmRelease.values."+path), path)
	}
}
