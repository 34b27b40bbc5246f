package fleet

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

func TestAmounts(t *testing.T) {
	for quantity, want := range map[string]float64{"2": 2, "1.5": 1.5, "500m": 0.5, "2Gi": 2 << 30, "3M": 3e6, "1k": 1000, "0": 0} {
		require.InDelta(t, want, amountOf(quantity), 1e-9, quantity)
	}
}

// A check compares with what the schema says where nothing is written: the two must be the same.
func TestDefaultPrivateNodes(t *testing.T) {
	f, list := Load(t.Context(), fixture(t, &txtar.Archive{}), Options{})
	require.Empty(t, list)
	require.Equal(t, defaultPrivateNodes, f.Tenants["acme"].Clusters["train"].PrivateNodes)
}
