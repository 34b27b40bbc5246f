package redfish_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Power, attributes in force and waiting, and time servers are told, numbers in the form of trees.
func TestObserve(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		w.edit(func(m *simulate.Machine) {
			m.Pending["AcPwrRcvryUserDelay"] = 120.0
			m.NTP, m.NTPEnabled = []string{"ntp.example.com"}, true
		})
		b := w.client()
		live := b.Observe(w.Context(), target.Query{Want: []state.Object{ntp()}, Owned: []state.Owned{{ID: biosID}, {ID: powerID}}})
		require.NoError(w, live.Err)
		require.Empty(w, live.Unknown)
		require.Equal(w, time.Now(), live.Time)
		require.Equal(w, map[state.ID]bool{ntpID: true, biosID: true, powerID: true}, live.Covered)

		power := live.Objects[powerID]
		require.Equal(w, map[string]any{"PowerState": "On"}, power.Value)
		require.Equal(w, systemPath, power.Remote)
		require.Equal(w, map[string]string{kinds.FactPower: "On", kinds.FactLastReset: w.machine().LastReset.UTC().Format(time.RFC3339Nano)}, power.Facts)

		bios := live.Objects[biosID]
		attributes := bios.Value["Attributes"].(map[string]any)
		require.Equal(w, []any{"Disabled", int64(60), false}, []any{attributes["SriovGlobalEnable"], attributes["AcPwrRcvryUserDelay"], attributes["ForceIntegrated"]})
		require.Equal(w, map[string]any{"Attributes": map[string]any{"AcPwrRcvryUserDelay": int64(120)}}, bios.Pending)
		require.Equal(w, power.Facts, bios.Facts)

		require.Equal(w, []any{"ntp.example.com"}, kinds.Lookup(live.Objects[ntpID].Value, "NTP", "NTPServers"))
		require.NotEmpty(w, live.Objects[ntpID].Version)
		require.Zero(w, live.Objects[ntpID].Mark)
		require.Empty(w, w.writes())
	})
}

// A machine that is on its way is not healthy yet.
func TestPowerOnItsWay(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client()
		require.Equal(w, state.Healthy, w.observe(b, powerID).Health.State)
		w.edit(func(m *simulate.Machine) { m.Power = simulate.PowerPoweringOff })
		require.Equal(w, state.Progressing, w.observe(b, powerID).Health.State)
	})
}

// What one BMC does not show is unknown, and takes nothing else along.
func TestWhatABMCLacks(t *testing.T) {
	without := func(path string, names ...string) middle {
		return shows(path, func(resource map[string]any) {
			for _, name := range names {
				delete(resource, name)
			}
		})
	}
	everything := target.Query{Owned: []state.Owned{{ID: powerID}, {ID: biosID}, {ID: ntpID}}}
	for name, lack := range map[string]struct {
		bmc     middle
		unknown []state.ID
	}{
		"the time of its last reset": {without(systemPath, "LastResetTime"), nil},
		"a power state":              {without(systemPath, "PowerState"), nil},
		"a BIOS":                     {without(systemPath, "Bios"), []state.ID{biosID}},
		"BIOS attributes":            {without(biosPath, "Attributes"), nil},
		"BIOS settings":              {without(biosPath, "@Redfish.Settings"), nil},
		"a manager":                  {without(systemPath, "Links"), []state.ID{ntpID}},
		"network services":           {without("/redfish/v1/Managers/BMC", "NetworkProtocol"), []state.ID{ntpID}},
		"time servers":               {without(protocolPath, "NTP"), []state.ID{ntpID}},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				live := w.client(lack.bmc).Observe(w.Context(), everything)
				require.NoError(w, live.Err)
				require.Len(w, live.Unknown, len(lack.unknown))
				for _, id := range lack.unknown {
					require.ErrorIs(w, live.Unknown[id], redfish.ErrNotFound)
					require.NotContains(w, live.Objects, id)
				}
				require.Len(w, live.Objects, 3-len(lack.unknown))
			})
		})
	}
}

// Of a BMC's several systems only the one that is named counts; if there is none of that name, none is
// taken in its place.
func TestTheSystemIsTheOneThatIsNamed(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client(shows("/redfish/v1/Systems", func(all map[string]any) {
			all["Members"] = append([]any{map[string]any{"@odata.id": "/redfish/v1/Systems/HGX_Baseboard_0"}}, all["Members"].([]any)...)
		}))
		require.Equal(w, "On", w.observe(b, powerID).Facts[kinds.FactPower])

		other := redfish.New(gpu001, redfish.Options{Endpoint: endpoint, System: "/redfish/v1/Systems/2", Credentials: w.credentials, Transport: direct{w.bmc}})
		defer func() { _ = other.Close(w.Context()) }()
		live := other.Observe(w.Context(), target.Query{Owned: []state.Owned{{ID: powerID}}})
		require.ErrorIs(w, live.Err, redfish.ErrNotFound)
	})
}

// An answer that is no JSON object says nothing about the machine.
func TestAnswersThatAreNoResource(t *testing.T) {
	for _, body := range []string{"", "null", "[]", `"On"`, "<html>", `{"PowerState":`} {
		for _, path := range []string{systemPath, protocolPath} {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client(instead(func(r *http.Request) *http.Response {
					if r.URL.Path == path {
						return says(http.StatusOK, body)
					}
					return nil
				}))
				presence, _, err := b.Observe(w.Context(), ntpQuery).Presence(ntpID)
				require.Equal(w, state.PresenceUnknown, presence)
				require.ErrorIs(w, err, redfish.ErrUnreachable)
			})
		}
	}
}

// A settings resource that lists all attributes as they will be has only the different ones waiting, and
// values of any shape are borne.
func TestSettingsThatListEverything(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		odd := map[string]any{"list": []any{1.0, map[string]any{"a": "b"}}}
		b := w.client(
			shows(biosPath, func(bios map[string]any) {
				bios["Attributes"] = map[string]any{"A": "on", "N": 60, "Big": 1<<53 + 1, "Odd": odd}
			}),
			shows(settingsPath, func(settings map[string]any) {
				settings["Attributes"] = map[string]any{"A": "off", "N": 60.0, "Big": 1<<53 + 1, "Odd": odd}
			}),
		)
		live := w.observe(b, biosID)
		require.Equal(w, map[string]any{"Attributes": map[string]any{"A": "off"}}, live.Pending)
		require.Equal(w, int64(1<<53+1), kinds.Lookup(live.Value, "Attributes", "Big"), "no digit is lost")
	})
}

// However many look at once, the BMC has one session to give, and no more.
func TestOneSession(t *testing.T) {
	try(t, simulate.BMCOptions{Sessions: 1}, func(w *world) {
		w.site.Inject(simulate.Fault{Kind: simulate.FaultSlow, Delay: time.Second, Times: -1})
		b := w.client()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				live := b.Observe(w.Context(), target.Query{Owned: []state.Owned{{ID: biosID}, {ID: ntpID}}})
				if live.Err != nil || len(live.Unknown) > 0 {
					w.Errorf("%v %v", live.Err, live.Unknown)
				}
			})
		}
		all.Wait()
		require.Equal(w, []int{http.StatusCreated}, w.logins("POST"))
	})
}
