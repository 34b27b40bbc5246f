package render_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// The modules with Platform's own types, of the version that vCluster 0.36 is built with, and the
// sums that its go.sum has for them. The public checksum database does not know this version.
const (
	platformAPI    = "github.com/loft-sh/api/v4@v4.11.0-rc.1"
	platformAPISum = "h1:D9dIGJb07gR5zONLfyVobJzYq6wtu7x/s5mOOU4XUWs="
	agentAPI       = "github.com/loft-sh/agentapi/v4@v4.11.0-rc.1"
	agentAPISum    = "h1:PuBc9iY89FSJAKujTdOaUZJ4xqDNJoAR6mtalwN1PC4="
)

// agentLists are the types that stand in the file of agentapi that is left out: that file registers
// its types with an API server, which would take a thousand packages more to build.
const agentLists = `package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

type list[T any] struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []T
}

type (
	ChartInfoList   struct{ list[ChartInfo] }
	FeatureList     struct{ list[Feature] }
	HelmReleaseList struct{ list[HelmRelease] }
)
`

// fetchModule downloads a module that the checksum database does not know, and proves its sum.
func fetchModule(t *testing.T, module, sum string) string {
	t.Helper()
	download := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	download.Dir = t.TempDir() // outside of any module
	download.Env = append(os.Environ(), "GONOSUMDB=github.com/loft-sh/*", "GOFLAGS=")
	out, err := download.Output()
	if err != nil {
		t.Skipf("%s cannot be had: %v", module, err)
	}
	var found struct{ Dir, Sum string }
	require.NoError(t, json.Unmarshal(out, &found))
	require.Equal(t, sum, found.Sum, "%s is not what it was", module)
	return found.Dir
}

// platformTypes builds the program of testdata/types.
func platformTypes(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("fetches " + platformAPI)
	}
	api, agent := fetchModule(t, platformAPI, platformAPISum), fetchModule(t, agentAPI, agentAPISum)
	dir := t.TempDir()
	copyFile := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, text, 0o644))
	}
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		copyFile(filepath.Join("testdata/types", name), filepath.Join(dir, name))
	}
	for _, name := range []string{"config_types.go", "oidc_client_types.go"} {
		copyFile(filepath.Join(api, "pkg/apis/management/v1", name), filepath.Join(dir, "config", name))
	}
	copyFile(filepath.Join(agent, "go.mod"), filepath.Join(dir, "agentapi/go.mod"))
	for _, pkg := range []string{"pkg/apis/loft/cluster/v1", "pkg/apis/loft/storage/v1"} {
		entries, err := os.ReadDir(filepath.Join(agent, pkg))
		require.NoError(t, err)
		for _, e := range entries {
			if pkg != "pkg/apis/loft/cluster/v1" || e.Name() != "zz_generated.api.register.go" && e.Name() != "zz_generated.conversion.go" {
				copyFile(filepath.Join(agent, pkg, e.Name()), filepath.Join(dir, "agentapi", pkg, e.Name()))
			}
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "agentapi/pkg/apis/loft/cluster/v1/lists.go"), []byte(agentLists), 0o644))

	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	run := func(args ...string) ([]byte, error) {
		c := exec.CommandContext(ctx, "go", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly")
		return c.CombinedOutput()
	}
	if out, err := run("mod", "download"); err != nil {
		t.Skipf("what Platform's types need cannot be had: %v\n%s", err, out)
	}
	out, err := run("build", "-trimpath", "-o", "types", ".")
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "types")
}

// typed is a document for that program.
type typed struct {
	Name, Kind string
	Value      any
}

// decoded runs the program, and returns what it has to say.
func decoded(t *testing.T, program string, documents []typed) string {
	t.Helper()
	input, err := json.Marshal(documents)
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), program)
	c.Stdin = strings.NewReader(string(input))
	out, err := c.Output()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// Every object that is rendered for Platform, and the configuration in the values of its chart,
// decodes into Platform's own types without a field left over.
func TestPlatformObjectsFitItsTypes(t *testing.T) {
	program := platformTypes(t)
	var documents []typed
	seen := map[string]bool{}
	for _, f := range platformFleets() {
		for o := range mustRender(t, f.fleet, f.in).All() {
			kind, group, _ := strings.Cut(o.ID.Kind, ".")
			if group == "management.loft.sh" {
				value, err := o.Tree.Plain(func(state.SecretRef) (string, error) { return "secret", nil })
				require.NoError(t, err)
				documents = append(documents, typed{o.ID.String(), kind, value})
				seen[kind] = true
			}
			if o.ID.Name == "vcluster-platform-values" {
				documents = append(documents, typed{o.ID.String(), "Config", at(t, o, `data["values.yaml"].config`)})
				seen["Config"] = true
			}
		}
	}
	for _, kind := range []string{
		"Team", "Project", "NodeProvider", "OSImage", "VirtualClusterInstance", "ClusterRoleTemplate", "Config", "SSHKey", "MachineConfigTemplate", "NodeProfile",
	} {
		require.True(t, seen[kind], "no %s was rendered", kind)
	}
	require.Empty(t, decoded(t, program, documents))

	wrong := []typed{{"misspelt", "Team", map[string]any{"spec": map[string]any{"displayname": "x"}}}, {"unknown", "Nothing", nil}}
	require.Equal(t, 2, strings.Count(decoded(t, program, wrong), "\n"), "the program must not let everything pass")
}

// platformFleets are the fleets whose Platform objects are held against Platform's types.
func platformFleets() []rendered {
	f, in := airGapped()
	return []rendered{{small(), render.Inputs{}}, {f, in}, {metal(), render.Inputs{}}}
}

// rendered is a fleet with what it is rendered from.
type rendered struct {
	fleet *fleet.Fleet
	in    render.Inputs
}
