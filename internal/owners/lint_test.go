package owners

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// files are those of a fleet with two tenants.
var files = []string{".github/CODEOWNERS", "README.md", "policy/policy.cue", "sites/dc1.cue", "tenants/acme/acme.cue", "tenants/globex/globex.cue"}

var must = []Must{
	{File: ".github/CODEOWNERS", What: "which says who has to agree", Governance: true}, {File: "policy/policy.cue", What: "the policy", Governance: true},
	{File: "tenants/acme/acme.cue", What: "the file of tenant acme"}, {File: "tenants/globex/globex.cue", What: "the file of tenant globex"},
}

// Each wrong file is told with all that is wrong with it, and where.
func TestBadFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	require.NoError(t, err)
	codes := map[string]bool{}
	for _, p := range paths {
		t.Run(filepath.Base(p), func(t *testing.T) {
			a, err := txtar.ParseFile(p)
			require.NoError(t, err)
			require.Len(t, a.Files, 2)
			found := Lint(Parse(".github/CODEOWNERS", string(a.Files[0].Data)), files, must)
			require.NotEmpty(t, found)
			var b strings.Builder
			for _, d := range found {
				codes[d.Code] = true
				fmt.Fprintf(&b, "%s\n  hint: %s\n", d.Error(), d.Hint)
			}
			if *update {
				a.Files[1].Data = []byte(b.String())
				require.NoError(t, os.WriteFile(p, txtar.Format(a), 0o644))
			}
			require.Equal(t, string(a.Files[1].Data), b.String())
		})
	}
	require.Len(t, codes, 5, "each kind of mistake has an example")
}

// A right file has no finding, whatever the order of what does not overlap.
func TestGoodFile(t *testing.T) {
	require.Empty(t, Lint(Parse(".github/CODEOWNERS", "* @example/platform\n/tenants/acme/ @acme\n/tenants/globex/ @globex\n"), files, must))
	require.Empty(t, Lint(Parse(".github/CODEOWNERS", "/tenants/acme/ @acme\n/tenants/globex/ @globex\n/policy/ @p\n/.github/ @p\n/sites/ @s\n"), files, must))
}
