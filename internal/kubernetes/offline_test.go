package kubernetes

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Health says what each kind's status means, in the words of the kind.
func TestHealth(t *testing.T) {
	for text, want := range map[string]state.Health{
		"{apiVersion: v1, kind: ConfigMap}":                     {State: state.Healthy},
		"{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost}": {State: state.Progressing, Message: "not looked at by Metal3 yet"},
		"{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, status: {operationalStatus: OK, provisioning: {state: preparing}}}":                                                                  {State: state.Progressing, Message: "preparing"},
		"{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, status: {operationalStatus: OK, provisioning: {state: available}}}":                                                                  {State: state.Healthy, Message: "available"},
		"{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, status: {operationalStatus: servicing, provisioning: {state: provisioned}}}":                                                         {State: state.Progressing, Message: "servicing"},
		"{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, status: {operationalStatus: error, errorType: power management error, errorMessage: no answer, provisioning: {state: provisioned}}}": {State: state.Unhealthy, Message: "power management error: no answer"},
		"{apiVersion: management.loft.sh/v1, kind: Project}":                                                                                                                        {State: state.Healthy},
		"{apiVersion: management.loft.sh/v1, kind: VirtualClusterInstance}":                                                                                                         {State: state.Progressing, Message: "not looked at by Platform yet"},
		"{apiVersion: management.loft.sh/v1, kind: VirtualClusterInstance, status: {phase: Ready}}":                                                                                 {State: state.Healthy, Message: "Ready"},
		"{apiVersion: management.loft.sh/v1, kind: VirtualClusterInstance, status: {phase: Failed, message: no nodes}}":                                                             {State: state.Unhealthy, Message: "no nodes"},
		"{apiVersion: v1, kind: Namespace, metadata: {deletionTimestamp: '2026-01-02T03:04:05Z'}}":                                                                                  {State: state.Progressing, Message: "is being deleted"},
		"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, status: {conditions: [{type: Established, status: 'True'}, {type: NamesAccepted, status: 'True'}]}}": {State: state.Healthy},
	} {
		u := &unstructured.Unstructured{}
		require.NoError(t, yaml.Unmarshal([]byte(text), &u.Object))
		require.Equal(t, want, health(u), text)
	}
	crd := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}}
	require.Equal(t, state.Progressing, health(crd).State, "not established")
}

// The breaker spares a dead server after five failures, and tries again after a growing while.
func TestBreaker(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	sent, broken := 0, true
	b := &breaker{Breaker: target.Breaker{Clock: func() time.Time { return now }, Longest: breakMost}, next: roundTrip(func(*http.Request) (*http.Response, error) {
		if sent++; broken {
			return nil, errors.New("connection refused")
		}
		return &http.Response{}, nil
	})}
	try := func() error {
		_, err := b.RoundTrip(&http.Request{})
		return err
	}
	for range 20 {
		err := try()
		require.ErrorIs(t, err, ErrUnreachable)
		require.ErrorContains(t, err, "connection refused")
	}
	require.Equal(t, 5, sent)
	for range 20 { // each pause over, one more request is let through
		before := sent
		now = now.Add(2 * breakMost)
		require.Error(t, try())
		require.Error(t, try())
		require.Equal(t, before+1, sent)
	}
	broken = false
	now = now.Add(2 * breakMost)
	for range 3 {
		require.NoError(t, try())
	}
}

// The server names conflicting fields its way, the inventory ours; both must mean the same.
func TestConflictsMatchOurPaths(t *testing.T) {
	for _, c := range []struct {
		theirs, ours string
		same         bool
	}{
		{".data.key", "data.key", true},
		{".data.key", "data.keys", false},
		{".metadata.labels.millwright.dev/pool", `metadata.labels["millwright.dev/pool"]`, true},
		{".metadata.labels.millwright.dev/pool", `metadata.labels["millwright.dev/pools"]`, false},
		{`.spec.ports[port=80,protocol="TCP"].name`, "spec.ports[0].name", true},
		{`.spec.ports[port=80,protocol="TCP"].name`, "spec.ports[0].nodePort", false},
		{".spec.updates", "spec.updates[0].url", true}, // an atomic list conflicts as a whole
		{".spec.template.helmRelease.values", "spec.template.helmRelease.values.sync.toHost", true},
	} {
		require.Equal(t, c.same, conflict{field: c.theirs}.covers(c.ours), "%s and %s", c.theirs, c.ours)
	}
}

// A conflict on a key with dots is told by the path that the plan and the inventory know it by: else
// a drifted label of ours looked like a stranger's and was held.
func TestConflictsAreToldByTheWantedPath(t *testing.T) {
	want := state.FromPlain(map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"millwright.dev/rack": "a1", "millwright.dev/site": "dc1"}},
	}, state.Origin{})
	require.Equal(t, []string{`metadata.labels["millwright.dev/rack"]`}, conflict{field: ".metadata.labels.millwright.dev/rack"}.paths(want))
	require.Equal(t, []string{"spec.online"}, conflict{field: ".spec.online"}.paths(want), "what we do not want keeps the server's word")
}

// Field managers stay within the server's limit, and apart from each other.
func TestManagersOfParts(t *testing.T) {
	host := state.ID{Target: state.ControlPlane, Kind: "BareMetalHost.metal3.io", Namespace: "metal3-system", Name: "gpu-001"}
	require.Equal(t, "millwright", managerOf(host))
	short, long := host, host
	short.Part, long.Part = "pool/acme/train/h100", "pool/"+strings.Repeat("a", 200)
	back, ok := partOf(host, managerOf(short))
	require.True(t, ok)
	require.Equal(t, short, back)
	other := long
	other.Part += "b"
	require.Len(t, managerOf(long), managerNameMax)
	require.NotEqual(t, managerOf(long), managerOf(other))
	for _, name := range []string{managerOf(long), "millwright", "millwright-create", "kubectl"} {
		_, ok := partOf(host, name)
		require.False(t, ok, name)
	}
}

// No form of a secret that a server may quote survives in an error, and the error keeps its kind.
func TestErrorsHideSecrets(t *testing.T) {
	used := secrets{"", `p"ss`}
	err := used.hide(fmt.Errorf(`refused: %q, %s and cCJzcw==: %w`, `p"ss`, `p"ss`, ErrUnreachable))
	require.Equal(t, `refused: "(secret)", (secret) and (secret): unreachable`, err.Error())
	require.ErrorIs(t, err, ErrUnreachable)
	require.NoError(t, used.hide(nil))
}
