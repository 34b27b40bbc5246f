package gate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
)

// Who has claimed a host is said of the host alone: its parts have its name, and not all that it says.
func TestBound(t *testing.T) {
	part, other := gpu, gpu
	part.Part, other.Name = "pool/acme.train.h100", "gpu-002"
	claimed := with(m{"kind": "NodeClaim", "namespace": "p-acme", "name": "train-1"}, "spec", "consumerRef")
	w := World{Hosts: state.ControlPlane, Namespace: "metal3-system", Live: map[state.Target]state.Live{state.ControlPlane: {Objects: map[state.ID]state.LiveObject{
		gpu: {ID: gpu, Value: claimed}, part: {ID: part, Value: m{"metadata": m{}}}, other: {ID: other, Value: clean()},
	}}}}
	for range 20 { // whatever the order of the map
		require.Equal(t, map[string]string{"gpu-001": "p-acme/train-1", "gpu-002": ""}, Bound(w))
	}
	w.Live[state.ControlPlane] = state.Live{}
	require.Empty(t, Bound(w), "what could not be read is nobody's business")
}
