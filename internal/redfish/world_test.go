package redfish_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	machine  = "gpu-001"
	endpoint = "https://10.10.0.11"
	user     = "operator"
	password = "open sesame"

	systemPath   = "/redfish/v1/Systems/System.Embedded.1"
	biosPath     = systemPath + "/Bios"
	settingsPath = biosPath + "/Settings"
	resetPath    = systemPath + "/Actions/ComputerSystem.Reset"
	protocolPath = "/redfish/v1/Managers/BMC/NetworkProtocol"
	sessionsPath = "/redfish/v1/SessionService/Sessions"
)

var (
	gpu001  = state.Target{System: state.Redfish, Name: machine}
	powerID = state.ID{Target: gpu001, Kind: redfish.KindPower}
	biosID  = state.ID{Target: gpu001, Kind: redfish.KindBIOS}
	ntpID   = state.ID{Target: gpu001, Kind: redfish.KindNTP}
)

// world is a machine with its simulated BMC, in time that passes only while everybody waits.
type world struct {
	*testing.T
	site *simulate.Site
	bmc  *simulate.BMC

	mu       sync.Mutex
	password string // what the Secret holds
}

// middle is something between the client and the BMC: what a client does otherwise, or another BMC
// does.
type middle func(next http.RoundTripper) http.RoundTripper

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// try runs a test in a world whose machine is on. Zero options are a Dell's.
func try(t *testing.T, opts simulate.BMCOptions, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newWorld(t, opts)) })
}

func newWorld(t *testing.T, opts simulate.BMCOptions) *world {
	opts.Username, opts.Password = user, password
	w := &world{T: t, site: simulate.NewSite(1), password: password}
	w.bmc = simulate.NewBMC(w.site, machine, opts)
	w.edit(func(m *simulate.Machine) { m.Power, m.LastReset = simulate.PowerOn, time.Now() })
	return w
}

// edit is what somebody else does to the machine.
func (w *world) edit(change func(m *simulate.Machine)) { w.site.Update(machine, change) }

func (w *world) machine() simulate.Machine {
	m, _ := w.site.Machine(machine)
	return m
}

// secret changes the password that the client is given.
func (w *world) secret(password string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.password = password
}

func (w *world) credentials(context.Context) (string, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return user, w.password, nil
}

// client is a new client, as a restarted process would have it, with all that lies between it and the
// BMC, the outermost first.
func (w *world) client(between ...middle) *redfish.BMC {
	var transport http.RoundTripper = direct{w.bmc}
	for _, m := range slices.Backward(between) {
		transport = m(transport)
	}
	b := redfish.New(gpu001, redfish.Options{Endpoint: endpoint, System: systemPath, Credentials: w.credentials, Transport: transport})
	w.Cleanup(func() { _ = b.Close(context.WithoutCancel(w.Context())) })
	return b
}

// requests are those of the given methods that the BMC saw, logins and logouts apart.
func (w *world) requests(methods ...string) []string {
	var seen []string
	for _, e := range w.site.Log() {
		if slices.Contains(methods, e.Verb) && !strings.HasPrefix(e.Path, sessionsPath) {
			seen = append(seen, e.Verb+" "+e.Path)
		}
	}
	return seen
}

func (w *world) writes() []string { return w.requests("PATCH", "POST", "DELETE") }

// logins are the statuses that logins, or with "DELETE" logouts, were answered with.
func (w *world) logins(method string) []int {
	var statuses []int
	for _, e := range w.site.Log() {
		if e.Verb == method && strings.HasPrefix(e.Path, sessionsPath) {
			statuses = append(statuses, e.Status)
		}
	}
	return statuses
}

func object(id state.ID, value map[string]any) state.Object {
	return state.Object{ID: id, Entity: "machine/" + machine, Mode: state.Own, Tree: state.FromPlain(value, state.Origin{})}
}

func ntp(servers ...any) state.Object {
	return object(ntpID, map[string]any{"NTP": map[string]any{"ProtocolEnabled": true, "NTPServers": servers}})
}

func bios(attributes map[string]any) state.Object {
	return object(biosID, map[string]any{"Attributes": attributes})
}

// observe is the live object, which has to be known.
func (w *world) observe(b *redfish.BMC, id state.ID) state.LiveObject {
	w.Helper()
	presence, o, err := b.Observe(w.Context(), target.Query{Want: []state.Object{{ID: id}}}).Presence(id)
	require.NoError(w, err)
	require.Equal(w, state.Present, presence)
	return o
}

// change is the update that the plan would make for what is seen now.
func (w *world) change(b *redfish.BMC, o state.Object, step plan.Step) plan.Change {
	w.Helper()
	live := w.observe(b, o.ID)
	return plan.Change{ID: o.ID, Entity: o.Entity, Action: plan.Update, Want: &o, Live: &live, Step: step}
}

func apply(ctx context.Context, b *redfish.BMC, c plan.Change) target.Result {
	for r := range b.Apply(ctx, []plan.Change{c}) {
		return r
	}
	panic(fmt.Sprintf("no result for %s", c.ID))
}

// update observes, changes, and returns the result.
func (w *world) update(b *redfish.BMC, o state.Object, step plan.Step) target.Result {
	w.Helper()
	return apply(w.Context(), b, w.change(b, o, step))
}

// mustUpdate is update, which has to succeed.
func (w *world) mustUpdate(b *redfish.BMC, o state.Object, step plan.Step) state.LiveObject {
	w.Helper()
	r := w.update(b, o, step)
	require.NoError(w, r.Err)
	require.NotNil(w, r.Live)
	require.Equal(w, step != "", r.Pending)
	return *r.Live
}

var _ interface {
	target.Reader
	target.Writer
	target.Closer
	target.Holder
} = (*redfish.BMC)(nil)
