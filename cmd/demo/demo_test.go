package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/testenv"
)

// built is the millwright that the tests run, a plain build: its workers have memory limits, which a
// race build does not fit in.
var built string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "millwright-demo-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		built = filepath.Join(dir, "millwright")
		if out, err := exec.Command("go", "build", "-o", built, "../millwright").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build millwright: %v\n%s", err, out)
			return 1
		}
		return testenv.Main(m)
	}())
}

// TestDemo protects the promise of `make demo`: the whole story comes about with the real agent. Then,
// with everything in sync, it protects the quiet: further passes write nothing to any system.
func TestDemo(t *testing.T) {
	s, err := stage(t.Context(), t.TempDir(), built, "../../fleet-example")
	require.NoError(t, err)
	defer s.close()
	require.NoError(t, s.tell(t.Context()))
	s.accountsForResets(t, "cp-001", "cp-002", "cp-003")

	head, err := s.repo.head(t.Context())
	require.NoError(t, err)
	r, err := s.settledInSync(t.Context(), head)
	require.NoError(t, err)
	before := s.writes(t)
	for range 4 {
		r, err = s.agent.until(t.Context(), "another pass is done", patience, func(next report.Report) bool { return next.Time.After(r.Time) })
		require.NoError(t, err)
		require.Empty(t, r.Items)
	}
	require.Equal(t, before, s.writes(t), "an unchanged fleet is not written again")
	require.True(t, slices.ContainsFunc(r.Networks, func(of report.Networks) bool { return of.Entity == "segment/acme-train" }), "%v", r.Networks)
	page, err := s.agent.get(t.Context(), "/segments/acme-train")
	require.NoError(t, err)
	for _, number := range []string{"VLAN 3", "VXLAN 1", "PKey 0x1"} { // as the controller counts
		require.Regexp(t, number+`[0-9a-f]+ <span class="quiet">\(chosen by Netris\)`, page)
	}

	t.Run("apply refuses beside an agent", func(t *testing.T) {
		out, err := s.millwright(t.Context(), 1, "apply")
		require.NoError(t, err)
		require.Contains(t, out, "is held by")
	})
	t.Run("what cannot be reached is unknown, and nothing is done", s.outage)
}

// outage protects rule one of every failure: a BMC whose password is wrong and a Netris controller
// that is gone are said to be unknown, each with its reason, and nothing is written anywhere.
func (s *show) outage(t *testing.T) {
	ctx := t.Context()
	s.agent.close()
	require.NoError(t, s.world.setPassword(ctx, "gpu-010-bmc", "wrong"))
	s.world.network.Block("netris.dc1.example.com:443", true)
	before := s.writes(t)
	require.NoError(t, s.startAgent())
	r, err := s.agent.until(ctx, "both are unknown", patience, func(r report.Report) bool { return len(r.Unreachable) == 2 })
	require.NoError(t, err)
	require.False(t, r.Complete)
	require.Equal(t, "netris/dc1", r.Unreachable[0].Target)
	require.Equal(t, "redfish/gpu-010", r.Unreachable[1].Target)
	require.Contains(t, r.Unreachable[1].Why, "credentials refused")
	require.NotContains(t, r.Unreachable[1].Why, "wrong")
	for _, i := range r.Items {
		require.Empty(t, i.Action, "nothing is to be done to %s", i.Address)
		require.Contains(t, []plan.Status{plan.Unknown, plan.Failed}, i.Status, i.Address) // Metal3 cannot log in either
	}
	_, err = s.millwright(ctx, 4, "status")
	require.NoError(t, err)

	s.world.network.Block("netris.dc1.example.com:443", false)
	require.NoError(t, s.world.setPassword(ctx, "gpu-010-bmc", worldPassword))
	head, err := s.repo.head(ctx)
	require.NoError(t, err)
	_, err = s.settledInSync(ctx, head)
	require.NoError(t, err)
	after := s.writes(t)
	require.Equal(t, before["redfish"], after["redfish"])
	require.Equal(t, before["netris"], after["netris"])
}

// setPassword changes the password that Millwright finds for a BMC.
func (w *world) setPassword(ctx context.Context, secret, password string) error {
	client, err := kubernetes.NewForConfig(w.control.Config)
	if err != nil {
		return err
	}
	patch := fmt.Sprintf(`{"stringData":{"password":%q}}`, password)
	_, err = client.CoreV1().Secrets("metal3-system").Patch(ctx, secret, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// writes counts the state-changing requests that each system has seen; logins, dry runs and renewals
// of leases are none.
func (s *show) writes(t *testing.T) map[string]int {
	count := map[string]int{"redfish": len(writesIn(s.world.site.Log(), "redfish")), "netris": len(writesIn(s.world.site.Log(), "netris"))}
	clusters := []*testenv.Cluster{s.world.control}
	for _, c := range s.world.tenants {
		clusters = append(clusters, c)
	}
	for _, c := range clusters {
		count[c.Name] = kubernetesWrites(t, c)
	}
	return count
}

// writesIn are the requests of one system that changed something.
func writesIn(log []simulate.Event, system string) []simulate.Event {
	var writes []simulate.Event
	for _, e := range log {
		login := strings.Contains(e.Path, "/SessionService/Sessions") || strings.HasSuffix(e.Path, "/api/auth")
		if e.System == system && e.Path != "" && e.Verb != "GET" && e.Verb != "HEAD" && !login {
			writes = append(writes, e)
		}
	}
	return writes
}

// kubernetesWrites counts by the API server's own metrics, so that no writer can be forgotten.
func kubernetesWrites(t *testing.T, c *testenv.Cluster) int {
	client, err := newRESTClient(c.Config)
	require.NoError(t, err)
	text, err := client.Get().AbsPath("/metrics").DoRaw(t.Context())
	require.NoError(t, err)
	total := 0
	for scanner := bufio.NewScanner(strings.NewReader(string(text))); scanner.Scan(); {
		line := scanner.Text()
		if !strings.HasPrefix(line, "apiserver_request_total{") || strings.Contains(line, `resource="leases"`) || !strings.Contains(line, `dry_run=""`) {
			continue
		}
		for _, verb := range []string{"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"} {
			if strings.Contains(line, `verb="`+verb+`"`) && strings.Contains(line, `code="2`) {
				var n float64
				_, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
				require.NoError(t, err)
				total += int(n)
			}
		}
	}
	return total
}

// TestAgentSurvivesKills protects restartability: the agent is killed with SIGKILL in the middle of
// its first apply, again and again, after writes chosen by a seed; it always goes on and converges,
// nothing of its own making is held, no machine is reset or installed twice, nothing exists twice, and the
// journal has each reset.
func TestAgentSurvivesKills(t *testing.T) {
	kills := 4
	if os.Getenv("MILLWRIGHT_SOAK") != "" {
		kills = 20
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	s, err := stage(t.Context(), t.TempDir(), built, "../../fleet-example")
	require.NoError(t, err)
	defer s.close()
	head, err := s.repo.head(t.Context())
	require.NoError(t, err)
	done := 0
	for range kills {
		after := done + 1 + random.IntN(4)
		reached, err := s.killAfter(t.Context(), after, head)
		require.NoError(t, err)
		if !reached {
			break // it converged first
		}
		done = after
		require.NoError(t, s.startAgent())
	}
	_, err = s.settledInSync(t.Context(), head)
	require.NoError(t, err)
	for _, name := range []string{"cp-001", "cp-002", "cp-003"} {
		m, _ := s.world.site.Machine(name)
		require.Equal(t, 1, m.Resets, "%s is reset once", name)
	}
	happened := map[string]int{}
	for _, e := range s.world.site.Log() {
		if e.System == "metal3" && e.Verb == "provision" || e.System == "netris" && e.Verb == "join" {
			happened[e.Verb+" "+e.Target]++
		}
	}
	for what, times := range happened {
		require.Equal(t, 1, times, what)
	}
	s.accountsForResets(t, "cp-001", "cp-002", "cp-003")
}

// killAfter kills the agent once it has sent so many writes to BMCs and Netris since the world began;
// reached is false if it converged before that.
func (s *show) killAfter(ctx context.Context, writes int, head string) (reached bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for looked := time.Now(); ; {
		log := s.world.site.Log()
		if len(writesIn(log, "redfish"))+len(writesIn(log, "netris")) >= writes {
			err := s.agent.cmd.Process.Kill()
			<-s.agent.ended
			return true, err
		}
		if time.Since(looked) > time.Second {
			looked = time.Now()
			if r, err := s.agent.report(ctx); err == nil && r.Source.Commit == head && r.Complete && len(r.Items) == 0 {
				return false, nil
			}
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-s.agent.ended:
			return false, fmt.Errorf("the agent ended by itself: %w", s.agent.failure())
		case <-ctx.Done():
			return false, fmt.Errorf("waiting for write %d: %w", writes, ctx.Err())
		}
	}
}

// newRESTClient is a plain client of an API server, for what is no resource.
func newRESTClient(config *rest.Config) (rest.Interface, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return client.CoreV1().RESTClient(), nil
}
