package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// Every link that a client can follow from the root leads to the resource that it names.
func TestRedfishLinksLeadSomewhere(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	c.attribute("ProcCStates", "Disabled")
	c.login("open sesame")
	seen := map[string]bool{}
	var follow func(v any)
	visit := func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		body := c.get(path)
		require.Equal(t, path, body["@odata.id"])
		require.NotEmpty(t, body["@odata.type"], path)
		require.NotEmpty(t, body["Name"], path)
		follow(body)
	}
	follow = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if to, ok := v["@odata.id"].(string); ok {
				visit(to)
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				follow(v[key])
			}
		case []any:
			for _, e := range v {
				follow(e)
			}
		}
	}
	visit("/redfish/v1")
	for _, path := range []string{testSystem, testBIOS, testSettings, testProtocol, testSessions + "/1",
		"/redfish/v1/TaskService/Tasks/JID_000000000001", "/redfish/v1/UpdateService/FirmwareInventory/BIOS"} {
		require.True(t, seen[path], path)
	}
}

// Only the root may be read without credentials, so that a client can learn where to log in.
func TestRedfishOpenPaths(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	for path, status := range map[string]int{
		"/redfish": 200, "/redfish/v1": 200, "/redfish/v1/": 200,
		"/redfish/v1/Systems": 401, testSessions: 401, "/redfish/v1/nowhere": 401,
	} {
		require.Equal(t, status, c.do("GET", path, nil, "Authorization", "").StatusCode, path)
	}
	require.Equal(t, 404, c.do("GET", "/redfish/v1/nowhere", nil).StatusCode)
	r := c.do("DELETE", testSystem, nil)
	require.Equal(t, 405, r.StatusCode)
	require.Equal(t, "GET, HEAD", r.Header.Get("Allow"))
}

// A session lives from login to logout, and dies with the BMC's restart; its token is shown once.
func TestRedfishSession(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	with := func(r *http.Response) []string {
		return []string{"Authorization", "", "X-Auth-Token", r.Header.Get("X-Auth-Token")}
	}
	login := c.login("open sesame")
	require.Equal(t, 201, login.StatusCode)
	require.Equal(t, testSessions+"/1", login.Header.Get("Location"))
	require.Equal(t, 200, c.do("GET", testSystem, nil, with(login)...).StatusCode)
	shown, err := json.Marshal(c.get(login.Header.Get("Location")))
	require.NoError(t, err)
	require.NotContains(t, string(shown), login.Header.Get("X-Auth-Token"))

	require.Equal(t, 204, c.do("DELETE", login.Header.Get("Location"), nil, with(login)...).StatusCode)
	require.Equal(t, 401, c.do("GET", testSystem, nil, with(login)...).StatusCode)
	require.EqualValues(t, 0, c.get(testSessions)["Members@odata.count"])

	second := c.login("open sesame")
	c.bmc.Restart()
	require.Equal(t, 401, c.do("GET", testSystem, nil, with(second)...).StatusCode)
	require.Equal(t, 200, c.do("GET", testSystem, nil, with(c.login("open sesame"))...).StatusCode)
}

// A used session does not expire, a deleted or expired one makes room.
func TestRedfishSessionsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRawBMC(t, BMCOptions{Sessions: 1, SessionTimeout: 5 * time.Minute})
		first := c.login("open sesame")
		for range 3 {
			time.Sleep(4 * time.Minute)
			require.Equal(t, 200, c.do("GET", testSystem, nil, "Authorization", "", "X-Auth-Token", first.Header.Get("X-Auth-Token")).StatusCode)
		}
		refused := c.login("open sesame")
		require.Equal(t, []string{"IDRAC.2.8.RAC0218"}, messageIDs(c.read(refused, 503)))
		c.do("DELETE", first.Header.Get("Location"), nil)
		require.Equal(t, 201, c.login("open sesame").StatusCode)
		time.Sleep(6 * time.Minute)
		require.Equal(t, 201, c.login("open sesame").StatusCode)
	})
}

// A lock-out ends by itself, leaves sessions alone, and is not brought on by tokens or by single slips.
func TestRedfishLockout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRawBMC(t, BMCOptions{})
		token := c.login("open sesame").Header.Get("X-Auth-Token")
		for range 6 {
			require.Equal(t, 401, c.do("GET", testSystem, nil, "Authorization", "", "X-Auth-Token", "stale").StatusCode)
			require.Equal(t, 401, c.login("guess").StatusCode)
			require.Equal(t, 200, c.do("GET", testSystem, nil).StatusCode)
		}
		for range 5 {
			c.login("guess")
		}
		require.Equal(t, 401, c.do("GET", testSystem, nil).StatusCode)
		require.Equal(t, 200, c.do("GET", testSystem, nil, "Authorization", "", "X-Auth-Token", token).StatusCode)
		time.Sleep(20*time.Minute + time.Second)
		require.Equal(t, 200, c.do("GET", testSystem, nil).StatusCode)
	})
}

// An ETag is the content's: it saves the reading of what is unchanged, and changes with a change that
// somebody else made.
func TestRedfishETag(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	etag := c.do("GET", testProtocol, nil).Header.Get("ETag")
	require.NotEmpty(t, etag)
	require.Equal(t, 304, c.do("GET", testProtocol, nil, "If-None-Match", etag).StatusCode)
	c.site.Update("gpu-001", func(m *Machine) { m.NTP = []string{"somebody.example.com"} })
	r := c.do("GET", testProtocol, nil, "If-None-Match", etag)
	require.Equal(t, 200, r.StatusCode)
	require.NotEqual(t, etag, r.Header.Get("ETag"))
	require.Equal(t, 200, c.do("PATCH", testProtocol, ntp(), "If-Match", "*").StatusCode)
	require.Empty(t, c.machine().NTP)
}

// NTP is written as a whole list, or not at all when anything in the request is wrong.
func TestRedfishNTP(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	require.Equal(t, []any{}, c.get(testProtocol)["NTP"].(map[string]any)["NTPServers"])
	body := c.read(c.patch(testProtocol, map[string]any{"NTP": map[string]any{"ProtocolEnabled": true, "NTPServers": []string{"ntp.example.com"}}}), 200)
	want := map[string]any{"ProtocolEnabled": true, "NTPServers": []any{"ntp.example.com"}, "Port": 123.0}
	require.Empty(t, cmp.Diff(want, body["NTP"]))
	for _, bad := range []any{
		map[string]any{"NTP": "ntp.example.com"},
		map[string]any{"NTP": map[string]any{"ProtocolEnabled": "yes"}},
		map[string]any{"NTP": map[string]any{"ProtocolEnabled": false, "NTPServers": "ntp.example.com"}},
		map[string]any{"NTP": map[string]any{"ProtocolEnabled": false, "NTPServers": []any{1}}},
		map[string]any{"NTP": map[string]any{"ProtocolEnabled": false, "Port": 1234}},
		[]string{"no object"},
	} {
		require.Equal(t, 400, c.patch(testProtocol, bad).StatusCode, "%v", bad)
	}
	require.Empty(t, cmp.Diff(want, c.get(testProtocol)["NTP"]))
}

// The kinds of wrong BIOS values are each told from right ones at their edge.
func TestRedfishBIOSValues(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		wrong string // the message, or "" when the value is right
	}{
		{"SriovGlobalEnable", "Enabled", ""},
		{"SriovGlobalEnable", "enabled", "PropertyValueNotInList"},
		{"SriovGlobalEnable", true, "PropertyValueNotInList"},
		{"AcPwrRcvryUserDelay", 600, ""},
		{"AcPwrRcvryUserDelay", 601, "PropertyValueOutOfRange"},
		{"AcPwrRcvryUserDelay", 59, "PropertyValueOutOfRange"},
		{"AcPwrRcvryUserDelay", 60.5, "PropertyValueTypeError"},
		{"AcPwrRcvryUserDelay", "60", "PropertyValueTypeError"},
		{"ForceIntegrated", true, ""},
		{"ForceIntegrated", "true", "PropertyValueTypeError"},
		{"AssetTag", strings.Repeat("é", 63), ""},
		{"AssetTag", strings.Repeat("e", 64), "StringValueTooLong"},
		{"AssetTag", 7, "PropertyValueTypeError"},
	} {
		c := newRawBMC(t, BMCOptions{})
		r := c.attribute(test.name, test.value)
		if test.wrong == "" {
			require.Equal(t, 202, r.StatusCode, "%v", test)
			continue
		}
		require.Equal(t, []string{"Base.1.18." + test.wrong}, messageIDs(c.read(r, 400)), "%v", test)
		require.Empty(t, c.machine().Pending)
	}
}

// A refused PATCH tells everything that is wrong with it, each with the property it is about.
func TestRedfishTellsAllProblems(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	body := c.read(c.patch(testSettings, onReset(map[string]any{"NoSuch": 1, "ProcCStates": "Never", "SystemServiceTag": "x", "BootMode": "Bios"})), 400)
	require.Equal(t, []string{"Base.1.18.PropertyUnknown", "Base.1.18.PropertyValueNotInList", "Base.1.18.PropertyNotWritable"}, messageIDs(body))
	info := body["error"].(map[string]any)["@Message.ExtendedInfo"].([]any)
	require.Equal(t, []any{"/Attributes/NoSuch"}, info[0].(map[string]any)["RelatedProperties"])
	require.Empty(t, c.machine().Pending)
}

// The registry tells a client what it may write: it has every attribute of the BIOS.
func TestRedfishRegistry(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	name := c.get(testBIOS)["AttributeRegistry"].(string)
	file := c.get("/redfish/v1/Registries/" + name)
	registry := c.get(file["Location"].([]any)[0].(map[string]any)["Uri"].(string))
	entries := map[string]map[string]any{}
	for _, e := range registry["RegistryEntries"].(map[string]any)["Attributes"].([]any) {
		entries[e.(map[string]any)["AttributeName"].(string)] = e.(map[string]any)
	}
	require.Equal(t, slices.Sorted(maps.Keys(c.machine().BIOS)), slices.Sorted(maps.Keys(entries)))
	require.Equal(t, true, entries["SystemServiceTag"]["ReadOnly"])
	require.EqualValues(t, 600, entries["AcPwrRcvryUserDelay"]["UpperBound"])
	require.Len(t, entries["SubNumaCluster"]["Value"], 3)
}

// Pending attributes take force when a restart's self-test is over, and not before; a warm restart
// shows On throughout, so that only LastResetTime tells.
func TestRedfishBIOSTakesForceAtReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRawBMC(t, BMCOptions{})
		c.power(PowerOn)
		accepted := c.attribute("SriovGlobalEnable", "Enabled")
		require.Equal(t, 202, accepted.StatusCode)
		task := accepted.Header.Get("Location")
		require.Equal(t, "Pending", c.get(task)["TaskState"])
		require.Equal(t, 204, c.reset("ForceRestart"))

		time.Sleep(selfTestTime - time.Second)
		system := c.get(testSystem)
		require.Equal(t, "On", system["PowerState"])
		require.NotContains(t, system, "LastResetTime")
		require.Equal(t, "Disabled", c.get(testBIOS)["Attributes"].(map[string]any)["SriovGlobalEnable"])
		require.Equal(t, map[string]any{"SriovGlobalEnable": "Enabled"}, c.get(testSettings)["Attributes"])

		time.Sleep(2 * time.Second)
		require.Equal(t, time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano), c.get(testSystem)["LastResetTime"])
		require.Equal(t, "Enabled", c.get(testBIOS)["Attributes"].(map[string]any)["SriovGlobalEnable"])
		require.Empty(t, c.get(testSettings)["Attributes"])
		require.Equal(t, "Completed", c.get(task)["TaskState"])
		require.Equal(t, 1, c.machine().Resets)
		require.Equal(t, []string{"reset ForceRestart"}, effects(c.site))
	})
}

// Other vendors take one change after the other before the reset, make no job, and drop one that goes
// back to the value in force.
func TestRedfishBIOSOfOtherVendors(t *testing.T) {
	c := newRawBMC(t, BMCOptions{Vendor: "Lenovo"})
	require.Equal(t, 200, c.attribute("SriovGlobalEnable", "Enabled").StatusCode)
	require.Equal(t, 200, c.attribute("ProcCStates", "Disabled").StatusCode)
	require.Equal(t, 200, c.attribute("SriovGlobalEnable", "Disabled").StatusCode)
	require.Equal(t, map[string]any{"ProcCStates": "Disabled"}, c.machine().Pending)
	require.EqualValues(t, 0, c.get("/redfish/v1/TaskService/Tasks")["Members@odata.count"])
}

// HPE's iLO has a status and a message of its own for a reset that does not fit.
func TestRedfishResetThatDoesNotFitOnHPE(t *testing.T) {
	c := newRawBMC(t, BMCOptions{Vendor: "HPE", SystemID: "1"})
	r := c.do("POST", "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset", map[string]any{"ResetType": "ForceOff"})
	require.Equal(t, []string{"iLO.2.24.InvalidOperationForSystemState"}, messageIDs(c.read(r, 400)))
}

// Each reset type shows its power states in turn, and counts as a reset when it ends in On.
func TestRedfishResetTypes(t *testing.T) {
	for kind, want := range map[string]string{
		"On":               "Off PoweringOn On / 1",
		"ForceOff":         "On PoweringOff Off / 0",
		"GracefulShutdown": "On PoweringOff Off / 0",
		"ForceRestart":     "On / 1",
		"GracefulRestart":  "On / 1",
		"PowerCycle":       "On PoweringOff PoweringOn On / 1",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newRawBMC(t, BMCOptions{})
			if kind != "On" {
				c.power(PowerOn)
			}
			states := []string{string(c.machine().Power)}
			require.Equal(t, 204, c.reset(kind), kind)
			for range 200 {
				states = append(states, string(c.machine().Power))
				time.Sleep(time.Second)
			}
			got := fmt.Sprint(strings.Join(slices.Compact(states), " "), " / ", c.machine().Resets)
			require.Equal(t, want, got, kind)
			require.Empty(t, c.machine().Resetting)
		})
	}
}

// The site's clock is the BMC's: at a thousandfold speed a self-test takes a thousandth.
func TestRedfishSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRawBMC(t, BMCOptions{})
		c.site.Speed = 1000
		require.Equal(t, 204, c.reset("On"))
		time.Sleep(selfTestTime/1000 + time.Millisecond)
		require.Equal(t, PowerOn, c.machine().Power)
	})
}

// Faults and the log are the site's: a request that was answered by nobody may have had its effect.
func TestRedfishFaults(t *testing.T) {
	c := newRawBMC(t, BMCOptions{})
	c.power(PowerOn)
	c.site.Inject(Fault{Kind: FaultLostAnswer, System: "redfish", Target: "gpu-001", Method: "POST", Times: 1})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { c.reset("ForceOff") })
	require.Equal(t, "ForceOff", c.machine().Resetting)
	log := c.site.Log()
	last := log[len(log)-1]
	require.Equal(t, []any{"redfish", "gpu-001", "POST", testReset, -1}, []any{last.System, last.Target, last.Verb, last.Path, last.Status})
}

func messageIDs(body map[string]any) []string {
	var ids []string
	for _, m := range body["error"].(map[string]any)["@Message.ExtendedInfo"].([]any) {
		ids = append(ids, m.(map[string]any)["MessageId"].(string))
	}
	return ids
}

// effects are what happened to machines, as "reset ForceRestart".
func effects(s *Site) []string {
	var all []string
	for _, e := range s.Log() {
		if e.System == "machine" {
			all = append(all, e.Verb+" "+e.Detail)
		}
	}
	return all
}
