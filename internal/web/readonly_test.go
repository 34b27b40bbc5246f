package web

import (
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNothingThatWritesIsInReach protects "read-only by construction": whatever the dashboard imports, and
// they import, has no way to a target, to what we remember, or to a program.
func TestNothingThatWritesIsInReach(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "./signin").Output()
	require.NoError(t, err)
	const module = "millwright.dev/millwright/"
	packages := strings.Fields(string(out))
	require.Contains(t, packages, module+"internal/report", "the list is of something else")
	for _, name := range []string{"reconcile", "sources", "render", "internal/target", "internal/kubernetes", "internal/redfish", "internal/netris", "internal/ufm", "internal/inventory", "internal/guard", "internal/fleet", "internal/journal", "internal/past", "internal/audit"} {
		require.NotContains(t, packages, module+name)
	}
	require.NotContains(t, packages, "os/exec")
	own, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.NotContains(t, string(own), "golang.org/x/oauth2", "the pages themselves speak to nobody, also not to a provider")
	require.NotContains(t, packages, "k8s.io/client-go/rest")
}

// parameter is a part of a path that a pattern leaves open.
var parameter = regexp.MustCompile(`\{[^}]*\}`)

// gate is a way of signing in that knows everybody on this machine.
type gate struct{ Loopback }

func (gate) Begin(_ http.ResponseWriter, _ *http.Request, _ string) error { return nil }

func (gate) Finish(http.ResponseWriter, *http.Request, *Store) (string, error) { return "/", nil }

func (gate) End(http.ResponseWriter, *http.Request) {}

// TestOnlyReadingHasRoutes tries every method on every route.
func TestOnlyReadingHasRoutes(t *testing.T) {
	d := served(t, filled(t, 16), func(o *Options) { o.Access = gate{} })
	values := map[string]string{
		"{$}": "", "{machine}": "gpu-0001", "{tenant}": "acme", "{cluster}": "train", "{pool}": "h100", "{segment}": "acme-train", "{stack}": "training",
		"{run}": runOfAll, "{address...}": "redfish/gpu-0001/ntp", "{name}": strings.TrimPrefix(asset("style.css"), "/assets/"),
	}
	for _, r := range d.routes() {
		path := parameter.ReplaceAllStringFunc(r.pattern, func(p string) string {
			require.Contains(t, values, p)
			return values[p]
		})
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, "PROPFIND", "get"} {
			w := get(t, d, path, func(r *http.Request) { r.Method = method })
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, path)
		}
		w := get(t, d, path, func(r *http.Request) { r.Method = http.MethodHead })
		require.Less(t, w.Code, http.StatusBadRequest, "HEAD %s", path)
	}
}
