package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	testSystem   = "/redfish/v1/Systems/System.Embedded.1"
	testBIOS     = testSystem + "/Bios"
	testSettings = testBIOS + "/Settings"
	testReset    = testSystem + "/Actions/ComputerSystem.Reset"
	testProtocol = "/redfish/v1/Managers/BMC/NetworkProtocol"
	testSessions = "/redfish/v1/SessionService/Sessions"
)

// rawBMC speaks plain HTTP with the BMC of gpu-001, with basic credentials unless a header says
// otherwise.
type rawBMC struct {
	t    *testing.T
	site *Site
	bmc  *BMC
}

func newRawBMC(t *testing.T, opts BMCOptions) *rawBMC {
	t.Helper()
	site := NewSite(1)
	opts.Username, opts.Password = "operator", "open sesame"
	return &rawBMC{t, site, NewBMC(site, "gpu-001", opts)}
}

// do sends a request; headers are names and values in turn, and an empty value removes the header.
func (c *rawBMC) do(method, path string, body any, headers ...string) *http.Response {
	c.t.Helper()
	var data []byte
	if body != nil {
		var err error
		data, err = json.Marshal(body)
		require.NoError(c.t, err)
	}
	r := httptest.NewRequestWithContext(c.t.Context(), method, path, bytes.NewReader(data))
	r.SetBasicAuth("operator", "open sesame")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Del(headers[i]); headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	c.bmc.ServeHTTP(w, r)
	return w.Result()
}

func (c *rawBMC) get(path string) map[string]any {
	c.t.Helper()
	return c.read(c.do("GET", path, nil), 200)
}

func (c *rawBMC) read(r *http.Response, status int) map[string]any {
	c.t.Helper()
	var body map[string]any
	require.NoError(c.t, json.NewDecoder(r.Body).Decode(&body))
	require.Equal(c.t, status, r.StatusCode, "%v", body)
	return body
}

// patch sends If-Match with the ETag just read, as a careful client does.
func (c *rawBMC) patch(path string, body any, headers ...string) *http.Response {
	c.t.Helper()
	etag := c.do("GET", path, nil).Header.Get("ETag")
	return c.do("PATCH", path, body, append([]string{"If-Match", etag}, headers...)...)
}

func (c *rawBMC) attribute(name string, value any) *http.Response {
	c.t.Helper()
	return c.patch(testSettings, onReset(map[string]any{name: value}))
}

func (c *rawBMC) reset(kind string) int {
	c.t.Helper()
	return c.do("POST", testReset, map[string]any{"ResetType": kind}).StatusCode
}

func (c *rawBMC) login(password string) *http.Response {
	c.t.Helper()
	return c.do("POST", testSessions, map[string]any{"UserName": "operator", "Password": password}, "Authorization", "")
}

func (c *rawBMC) machine() Machine {
	m, _ := c.site.Machine("gpu-001")
	return m
}

// power puts the machine into a power state behind the BMC's back.
func (c *rawBMC) power(p Power) { c.site.Update("gpu-001", func(m *Machine) { m.Power = p }) }

func onReset(attributes map[string]any) map[string]any {
	return map[string]any{"Attributes": attributes, "@Redfish.SettingsApplyTime": map[string]any{"ApplyTime": "OnReset"}}
}

func ntp(servers ...string) map[string]any {
	return map[string]any{"NTP": map[string]any{"NTPServers": append([]string{}, servers...)}}
}

// redfishProofs try what each rule forbids. What they return, status and effect, has to be `on` with
// the rule in force and `off` with it switched off.
var redfishProofs = map[Rule]struct {
	opts    BMCOptions
	try     func(c *rawBMC) string
	on, off string
}{
	RedfishAuthentication: {
		try: func(c *rawBMC) string {
			anonymous := c.do("GET", testSystem, nil, "Authorization", "")
			stale := c.do("GET", testSystem, nil, "Authorization", "", "X-Auth-Token", "no such token")
			return fmt.Sprint(anonymous.StatusCode, stale.StatusCode)
		},
		on: "401 401", off: "200 200",
	},
	RedfishLockout: {
		try: func(c *rawBMC) string {
			for range 5 {
				require.Equal(c.t, 401, c.login("guess").StatusCode)
			}
			return fmt.Sprint(c.login("open sesame").StatusCode, c.do("GET", testSystem, nil).StatusCode)
		},
		on: "401 401", off: "201 200",
	},
	RedfishSessionLimit: {
		try: func(c *rawBMC) string {
			for range 8 {
				require.Equal(c.t, 201, c.login("open sesame").StatusCode)
			}
			return fmt.Sprint(c.login("open sesame").StatusCode)
		},
		on: "503", off: "201",
	},
	RedfishSessionTimeout: {
		try: func(c *rawBMC) string {
			token := c.login("open sesame").Header.Get("X-Auth-Token")
			time.Sleep(30*time.Minute + time.Second)
			return fmt.Sprint(c.do("GET", testSystem, nil, "Authorization", "", "X-Auth-Token", token).StatusCode)
		},
		on: "401", off: "200",
	},
	RedfishETagOnPatch: {
		try: func(c *rawBMC) string {
			return fmt.Sprint(c.do("PATCH", testProtocol, ntp("ntp.example.com")).StatusCode, c.machine().NTP)
		},
		on: "428 []", off: "200 [ntp.example.com]",
	},
	RedfishETagCurrent: {
		try: func(c *rawBMC) string {
			etag := c.do("GET", testProtocol, nil).Header.Get("ETag")
			c.site.Update("gpu-001", func(m *Machine) { m.NTP = []string{"somebody.example.com"} })
			return fmt.Sprint(c.do("PATCH", testProtocol, ntp("ntp.example.com"), "If-Match", etag).StatusCode, c.machine().NTP)
		},
		on: "412 [somebody.example.com]", off: "200 [ntp.example.com]",
	},
	RedfishJSONOnly: {
		try: func(c *rawBMC) string {
			return fmt.Sprint(c.patch(testProtocol, ntp("ntp.example.com"), "Content-Type", "text/plain").StatusCode, c.machine().NTP)
		},
		on: "415 []", off: "200 [ntp.example.com]",
	},
	RedfishKnownProperties: {
		try: func(c *rawBMC) string {
			misspelt := ntp("ntp.example.com")
			misspelt["Ntp"] = map[string]any{}
			readOnly := map[string]any{"HTTPS": map[string]any{"ProtocolEnabled": false}}
			return fmt.Sprint(c.patch(testProtocol, misspelt).StatusCode, c.patch(testProtocol, readOnly).StatusCode, c.machine().NTP)
		},
		on: "400 400 []", off: "200 200 [ntp.example.com]",
	},
	RedfishBIOSThroughSettings: {
		try: func(c *rawBMC) string {
			r := c.patch(testBIOS, onReset(map[string]any{"SriovGlobalEnable": "Enabled"}))
			return fmt.Sprint(r.StatusCode, c.machine().Pending)
		},
		on: "405 map[]", off: "202 map[SriovGlobalEnable:Enabled]",
	},
	RedfishBIOSAtReset: {
		try: func(c *rawBMC) string {
			c.attribute("SriovGlobalEnable", "Enabled")
			m := c.machine()
			return fmt.Sprintf("%v %v", m.BIOS["SriovGlobalEnable"], m.Pending)
		},
		on: "Disabled map[SriovGlobalEnable:Enabled]", off: "Enabled map[]",
	},
	RedfishBIOSApplyTime: {
		try: func(c *rawBMC) string {
			body := onReset(map[string]any{"SriovGlobalEnable": "Enabled"})
			body["@Redfish.SettingsApplyTime"] = map[string]any{"ApplyTime": "Immediate"}
			return fmt.Sprint(c.patch(testSettings, body).StatusCode, len(c.machine().Pending))
		},
		on: "400 0", off: "202 1",
	},
	RedfishBIOSOneJob: {
		try: func(c *rawBMC) string {
			c.attribute("SriovGlobalEnable", "Enabled")
			return fmt.Sprint(c.attribute("ProcCStates", "Disabled").StatusCode, len(c.machine().Pending))
		},
		on: "400 1", off: "202 2",
	},
	RedfishBIOSKnown: {
		try: func(c *rawBMC) string {
			return fmt.Sprint(c.attribute("SriovGlobalEnabled", "Enabled").StatusCode, len(c.machine().Pending))
		},
		on: "400 0", off: "202 1",
	},
	RedfishBIOSValue: {
		try: func(c *rawBMC) string {
			return fmt.Sprint(c.attribute("SriovGlobalEnable", "On").StatusCode, len(c.machine().Pending))
		},
		on: "400 0", off: "202 1",
	},
	RedfishBIOSReadOnly: {
		try: func(c *rawBMC) string {
			return fmt.Sprint(c.attribute("SystemServiceTag", "ABC123").StatusCode, len(c.machine().Pending))
		},
		on: "400 0", off: "202 1",
	},
	RedfishNTPSlots: {
		try: func(c *rawBMC) string {
			r := c.patch(testProtocol, ntp("a.example.com", "b.example.com", "c.example.com", "d.example.com"))
			return fmt.Sprint(r.StatusCode, len(c.machine().NTP))
		},
		on: "400 0", off: "200 4",
	},
	RedfishResetListed: {
		opts: BMCOptions{ResetTypes: []string{"On", "ForceOff"}},
		try: func(c *rawBMC) string {
			c.power(PowerOn)
			return fmt.Sprintf("%d %q", c.reset("PowerCycle"), c.machine().Resetting)
		},
		on: `400 ""`, off: `204 "PowerCycle"`,
	},
	RedfishResetFitsPower: {
		try: func(c *rawBMC) string {
			offWhenOff := c.reset("ForceOff")
			c.power(PowerOn)
			return fmt.Sprintf("%d %d %q", offWhenOff, c.reset("On"), c.machine().Resetting)
		},
		on: `409 409 ""`, off: `204 204 ""`,
	},
	RedfishOneResetAtATime: {
		try: func(c *rawBMC) string {
			c.power(PowerOn)
			require.Equal(c.t, 204, c.reset("ForceRestart"))
			status := c.reset("ForceRestart")
			time.Sleep(time.Hour)
			return fmt.Sprint(status, c.machine().Resets)
		},
		on: "409 1", off: "204 2",
	},
	RedfishPowerTakesTime: {
		try: func(c *rawBMC) string {
			require.Equal(c.t, 204, c.reset("On"))
			return fmt.Sprintf("%v %d", c.get(testSystem)["PowerState"], c.machine().Resets)
		},
		on: "PoweringOn 0", off: "On 1",
	},
}

// Each rule changes what a client sees, and only while it is in force.
func TestRedfishRules(t *testing.T) {
	for rule, proof := range redfishProofs {
		for _, on := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%t", rule, on), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newRawBMC(t, proof.opts)
					c.site.SetRule(rule, on)
					want := proof.off
					if on {
						want = proof.on
					}
					require.Equal(t, want, proof.try(c))
				})
			})
		}
	}
}

// No rule is declared without a proof.
func TestRedfishRulesAreAllProved(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "redfish_rules.go", nil, 0)
	require.NoError(t, err)
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			text, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.Contains(t, redfishProofs, Rule(text), name.Name)
			declared++
		}
		return false
	})
	require.Len(t, redfishProofs, declared)
}
