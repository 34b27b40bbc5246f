package kinds

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
)

const (
	stateful   = "kubernetes/acme.train/StatefulSet.apps/ops/db"
	deployment = "kubernetes/acme.train/Deployment.apps/ops/web"
	daemons    = "kubernetes/acme.train/DaemonSet.apps/ops/exporter"
	snapshot   = "kubernetes/acme.train/VolumeSnapshot.snapshot.storage.k8s.io/ops/db"
)

// A plan that called these free would let what tenants run be stopped, and what they keep be lost, without
// anybody having agreed.
func TestWhatRunsAndWhatKeepsDataCosts(t *testing.T) {
	for address, cost := range map[string]Impact{
		stateful:   DataLoss,
		snapshot:   DataLoss,
		deployment: Restart,
		daemons:    Restart,
		"kubernetes/acme.train/PersistentVolume/pv-1":                                             DataLoss,
		"kubernetes/acme.train/VolumeSnapshotContent.snapshot.storage.k8s.io/db":                  DataLoss,
		"kubernetes/acme.train/NetworkPolicy.networking.k8s.io/ops/only-own":                      Network,
		"kubernetes/acme.train/Service/ops/web":                                                   Network,
		"kubernetes/acme.train/Ingress.networking.k8s.io/ops/web":                                 Network,
		"kubernetes/acme.train/ConfigMap/ops/settings":                                            None,
		"kubernetes/acme.train/CronJob.batch/ops/backup":                                          None,
		"kubernetes/acme.train/RuntimeClass.node.k8s.io/kata":                                     None,
		"kubernetes/acme.train/ClusterPolicy.nvidia.com/cluster-policy":                           Restart,
		"kubernetes/acme.train/Cluster.postgresql.cnpg.io/ops/db":                                 Restart,
		"kubernetes/acme.train/ClusterQueue.kueue.x-k8s.io/gpus":                                  Restart,
		"kubernetes/control-plane/SSHKey.management.loft.sh/ops":                                  None,
		"kubernetes/control-plane/NodeProfile.management.loft.sh/h100":                            None,
		"kubernetes/control-plane/MachineConfigTemplate.management.loft.sh/h100":                  None,
		"kubernetes/control-plane/OSImage.management.loft.sh/ubuntu":                              None,
		"kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001/pool/acme/t/h100": None,
		"kubernetes/control-plane/Widget.example.com/ops/a/part":                                  None,
		"netris/dc1/dhcp-option-set/dc1-common":                                                   None,
	} {
		require.Equal(t, cost, Of(id(t, address)).Removed, address)
		require.Equal(t, None, Of(id(t, address)).Created, address)
	}
	for _, address := range []string{stateful, snapshot, "kubernetes/acme.train/PersistentVolume/pv-1"} {
		require.True(t, Of(id(t, address)).Protected, address)
	}
	for _, address := range []string{deployment, daemons, "kubernetes/acme.train/ClusterPolicy.nvidia.com/cluster-policy"} {
		require.False(t, Of(id(t, address)).Protected, "%s is simply made again", address)
	}
}

// Pods of another template are other pods, and of no replicas there are none.
func TestPodsRestartWithTheirTemplate(t *testing.T) {
	cost := func(address, field string, old, new any) Impact {
		path, err := state.ParsePath(field)
		require.NoError(t, err)
		return Of(id(t, address)).Changed(path, old, new, state.LiveObject{Value: map[string]any{}})
	}
	for _, address := range []string{stateful, deployment, daemons} {
		require.Equal(t, Restart, cost(address, "spec.template.spec.containers[0].image", "a:1", "a:2"), address)
		require.Equal(t, Restart, cost(address, "spec.template.metadata.annotations.checksum", nil, "x"), address)
		require.Equal(t, None, cost(address, "metadata.labels.a", "a", "b"), address)
		require.Equal(t, None, cost(address, "spec.minReadySeconds", int64(1), int64(2)), address)
	}
	require.Equal(t, None, cost(deployment, "spec.replicas", int64(3), int64(2)))
	require.Equal(t, Restart, cost(deployment, "spec.replicas", int64(3), int64(0)), "none is left")
}

// The volumes of replicas that go are deleted with them where the set says so, whether it said so before or is
// told to by the same change; of one that nobody has looked at it is not known.
func TestVolumesGoWithReplicasWhereTheSetSaysSo(t *testing.T) {
	cost := func(field string, old, new any, value map[string]any) Impact {
		path, err := state.ParsePath(field)
		require.NoError(t, err)
		return Of(id(t, stateful)).Changed(path, old, new, state.LiveObject{Value: value})
	}
	set := func(whenScaled string) map[string]any {
		return map[string]any{"spec": map[string]any{"persistentVolumeClaimRetentionPolicy": map[string]any{"whenScaled": whenScaled}}}
	}
	const policy = "spec.persistentVolumeClaimRetentionPolicy"
	for _, field := range []string{"spec.replicas", "spec.ordinals.start"} {
		require.Equal(t, DataLoss, cost(field, int64(3), int64(2), set("Delete")), field)
		require.Equal(t, Restart, cost(field, int64(3), int64(2), set("Retain")), field)
		require.Equal(t, Restart, cost(field, int64(3), int64(2), map[string]any{}), "%s: to retain is the default", field)
		require.Equal(t, DataLoss, cost(field, int64(3), int64(2), nil), field)
		require.Equal(t, DataLoss, cost(field, int64(3), nil, nil), "%s: the default may be less", field)
	}
	require.Equal(t, None, cost("spec.replicas", int64(2), int64(3), set("Delete")), "more replicas disturb nobody")
	require.Equal(t, DataLoss, cost("spec.ordinals.start", int64(0), int64(1), set("Delete")), "the first goes")

	require.Equal(t, DataLoss, cost(policy+".whenScaled", "Retain", "Delete", set("Retain")))
	require.Equal(t, DataLoss, cost(policy, nil, map[string]any{"whenScaled": "Delete"}, map[string]any{}))
	require.Equal(t, None, cost(policy+".whenScaled", "Delete", "Retain", set("Delete")))
	require.Equal(t, None, cost(policy+".whenDeleted", "Retain", "Delete", set("Retain")), "it is asked when the set goes")
}
