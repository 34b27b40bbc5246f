package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every source is found in the mirror where its comment in the schema says, and what is there
// already stays.
func TestMirror(t *testing.T) {
	m := &Mirror{Registry: "registry.example.com/mirror", Charts: "https://mirror.example.com/charts", Files: "https://mirror.example.com/files"}
	for from, to := range map[string]string{
		"nginx":                                  "registry.example.com/mirror/library/nginx",
		"nginx:1.29":                             "registry.example.com/mirror/library/nginx:1.29",
		"bitnami/redis:8":                        "registry.example.com/mirror/bitnami/redis:8",
		"ghcr.io/loft-sh/vcluster-pro:0.36.0":    "registry.example.com/mirror/loft-sh/vcluster-pro:0.36.0",
		"localhost/x":                            "registry.example.com/mirror/x",
		"registry.other.com:5000/a/b@sha256:0f":  "registry.example.com/mirror/a/b@sha256:0f",
		"registry.example.com/mirrored/a":        "registry.example.com/mirror/mirrored/a",
		"registry.example.com/mirror/kept:1":     "registry.example.com/mirror/kept:1",
		"registry.example.com.evil.net/mirror/a": "registry.example.com/mirror/mirror/a",
	} {
		require.Equal(t, to, m.Image(from), from)
		require.True(t, m.HoldsImage(m.Image(from)))
	}
	for from, to := range map[string]string{
		"https://charts.loft.sh":              "https://mirror.example.com/charts/charts.loft.sh",
		"https://helm.ngc.nvidia.com/nvidia/": "https://mirror.example.com/charts/helm.ngc.nvidia.com/nvidia",
		"oci://registry.k8s.io/kueue/charts":  "oci://registry.example.com/mirror/kueue/charts",
		"oci://registry.k8s.io":               "oci://registry.example.com/mirror",
		"oci://registry.example.com/mirror/x": "oci://registry.example.com/mirror/x",
		"https://mirror.example.com/charts":   "https://mirror.example.com/charts",
	} {
		require.Equal(t, to, m.Chart(from), from)
		require.True(t, m.HoldsChart(m.Chart(from)))
	}
	require.Equal(t, "https://mirror.example.com/files/images.example.com/a.img", m.File("http://images.example.com/a.img"))
	require.Equal(t, "https://mirror.example.com/files/a.img", m.File("https://mirror.example.com/files/a.img"))
	require.False(t, m.HoldsFile("https://mirror.example.com/files-of-others/a.img"))

	var none *Mirror
	require.Equal(t, "nginx", none.Image("nginx"))
	require.Equal(t, "https://charts.loft.sh", none.Chart("https://charts.loft.sh"))
	require.Equal(t, "https://images.example.com/a.img", none.File("https://images.example.com/a.img"))
}
