package fleet

import (
	"strings"
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

func TestDefaultRetention(t *testing.T) {
	fsys := fixture(t, &txtar.Archive{})
	file := fsys["tenants/acme/acme.cue"]
	file.Data = []byte(strings.Replace(string(file.Data), "admins:", "audit: {}\n\tadmins:", 1))
	f, list := Load(t.Context(), fsys, Options{})
	require.Empty(t, list)
	require.Equal(t, defaultRetention, f.Tenants["acme"].Audit.Retention)
}
