package render_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/testenv"
)

// The modules that carry charts or definitions, each proved by its sum.
const (
	kueueModule      = "sigs.k8s.io/kueue@v0.19.2"
	kueueSum         = "h1:mPNzr37u0nwI7ikST5QQl5gg6EgtYOAvC9ZbTgywdN8="
	nfdModule        = "sigs.k8s.io/node-feature-discovery@v0.19.0"
	nfdSum           = "h1:9CYm16vjSIbNO5Z1Y67rcrfy51YWmy3+6wjiWzJbrC4="
	volcanoModule    = "volcano.sh/volcano@v1.15.1"
	volcanoSum       = "h1:M0iGzhy1dvod2GFy1QiyWdv1jmmNfHW4+2WoRU7CIAk="
	rookModule       = "github.com/rook/rook@v1.20.6"
	rookSum          = "h1:2+Qe/CLcZ2WrXf9Vhf21JwZQqN8cVXPQskZzHf3KLjU="
	certModule       = "github.com/cert-manager/cert-manager@v1.21.1"
	certSum          = "h1:0LttV37Q5c2CBNoHkjuI8sLKTXWZDC2SwQkxrBMKV9w="
	prometheusModule = "github.com/prometheus-operator/prometheus-operator@v0.93.0"
	prometheusSum    = "h1:AohlYJT+En8TmNpAcEUJ3GsaJTAqfEBwHmGTVpRm/Io="
)

// crdsVariable names a directory with the definitions of many projects, in whatever folders.
const crdsVariable = "MILLWRIGHT_CRDS"

var (
	groupOf = regexp.MustCompile(`(?m)^  group: "?([a-z0-9.-]+)"?$`)
	kindOf  = regexp.MustCompile(`(?m)^    kind: "?([A-Za-z0-9]+)"?$`)
)

// definitions are CustomResourceDefinitions by the kind that they define: those of the directory that
// the environment names, or those of pinned modules, where some projects publish them.
func definitions(t *testing.T) map[string][]byte {
	t.Helper()
	known := map[string][]byte{}
	take := func(text string) {
		for document := range strings.SplitSeq(text, "\n---") {
			group, kind := groupOf.FindStringSubmatch(document), kindOf.FindStringSubmatch(document)
			if group == nil || kind == nil || !strings.Contains(document, "kind: CustomResourceDefinition") {
				continue
			}
			if name := kind[1] + "." + group[1]; known[name] == nil {
				known[name] = []byte(document)
			}
		}
	}
	walk := func(dir string) {
		require.NoError(t, filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(file) != ".yaml" {
				return err
			}
			text, err := os.ReadFile(file)
			take(string(text))
			return err
		}))
	}
	if dir := os.Getenv(crdsVariable); dir != "" {
		walk(dir)
		require.NotEmpty(t, known, "%s=%s holds no definition", crdsVariable, dir)
		return known
	}
	metal3, err := testenv.Metal3CRDs(t.Context())
	require.NoError(t, err)
	for _, crd := range metal3 {
		take(string(crd))
	}
	for _, m := range []struct{ module, sum, dir string }{
		{kueueModule, kueueSum, "config/components/crd/bases"},
		{nfdModule, nfdSum, "deployment/base/nfd-crds"},
		{volcanoModule, volcanoSum, "config/crd"},
		{rookModule, rookSum, "deploy/examples"},
		{certModule, certSum, "deploy/crds"},
		{prometheusModule, prometheusSum, "example/prometheus-operator-crd"},
	} {
		walk(filepath.Join(fetchModule(t, m.module, m.sum), m.dir))
	}
	return known
}
