package simulate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// ufmWorld is a UFM and a plain HTTP client of it.
type ufmWorld struct {
	t    *testing.T
	site *Site
	ufm  *UFM
}

func newUFMWorld(t *testing.T) *ufmWorld {
	site := NewSite(1)
	return &ufmWorld{t, site, NewUFM(site, UFMOptions{Name: "ufm-1", Username: "agent", Password: "secret"})}
}

// call sends one request and decodes its answer, if that is JSON.
func (w *ufmWorld) call(method, path string, body any) (status int, answer any) {
	text, err := json.Marshal(body)
	require.NoError(w.t, err)
	request, err := http.NewRequest(method, "http://ufm.example.com/ufmRest"+path, bytes.NewReader(text))
	require.NoError(w.t, err)
	request.SetBasicAuth("agent", "secret")
	response, err := netrisDirect{w.ufm}.RoundTrip(request)
	require.NoError(w.t, err)
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		require.NoError(w.t, json.NewDecoder(response.Body).Decode(&answer))
	}
	return response.StatusCode, answer
}

func (w *ufmWorld) must(method, path string, body any) any {
	status, answer := w.call(method, path, body)
	require.Equal(w.t, http.StatusOK, status, "%s %s", method, path)
	return answer
}

// A partition comes about by its first port or without any, shows what is asked for, and is an empty
// object, not a 404, once it is gone.
func TestUFMPartitions(t *testing.T) {
	w := newUFMWorld(t)
	require.Equal(t, []any{"0x7FFF"}, w.must("GET", "/resources/pkeys", nil))
	w.must("POST", "/resources/pkeys", map[string]any{"pkey": "0x1ab", "guids": []string{"B83FD20300AA0101"}})
	w.must("POST", "/resources/pkeys/add", map[string]any{"pkey": "0x1ac", "ip_over_ib": false, "mtu_limit": 4})
	status, _ := w.call("POST", "/resources/pkeys/add", map[string]any{"pkey": "0x1ac"})
	require.Equal(t, http.StatusBadRequest, status)

	require.Equal(t, map[string]any{
		"0x7FFF": map[string]any{"partition": "management", "ip_over_ib": true, "membership": "limited", "guids": []any{}},
		"0x1AB": map[string]any{"partition": "api_pkey_0x1AB", "ip_over_ib": true,
			"guids": []any{map[string]any{"guid": "B83FD20300AA0101", "index0": false, "membership": "full"}}},
		"0x1AC": map[string]any{"partition": "api_pkey_0x1AC", "ip_over_ib": false, "guids": []any{}},
	}, w.must("GET", "/resources/pkeys?guids_data=true", nil))
	one := w.must("GET", "/resources/pkeys/0x1ac?guids_data=true&qos_conf=true", nil).(map[string]any)
	require.Equal(t, map[string]any{"mtu_limit": 4.0, "service_level": 0.0, "rate_limit": 2.5}, one["qos_conf"])

	w.must("POST", "/actions/remove_guids_from_pkey", map[string]any{"pkey": "0x1ab", "guids": []string{"b83fd20300aa0101", "0011223344556677"}})
	w.must("DELETE", "/resources/pkeys/0x1ab", nil)
	require.Equal(t, map[string]any{}, w.must("GET", "/resources/pkeys/0x1ab?guids_data=true", nil))
	status, _ = w.call("DELETE", "/resources/pkeys/0x1ab", nil)
	require.Equal(t, http.StatusNotFound, status)
}

// What UFM refuses, it refuses without effect.
func TestUFMRefuses(t *testing.T) {
	w := newUFMWorld(t)
	port := []string{"b83fd20300aa0101"}
	w.must("POST", "/resources/pkeys", map[string]any{"pkey": "0x1ab", "guids": port, "index0": true})
	before := w.must("GET", "/resources/pkeys?guids_data=true", nil)
	for name, r := range map[string]struct {
		method, path string
		body         any
	}{
		"no key":              {"POST", "/resources/pkeys", map[string]any{"guids": port}},
		"key 0":               {"POST", "/resources/pkeys", map[string]any{"pkey": "0x0", "guids": port}},
		"a membership bit":    {"POST", "/resources/pkeys", map[string]any{"pkey": "0x8001", "guids": port}},
		"the management key":  {"POST", "/resources/pkeys", map[string]any{"pkey": "0x7fff", "guids": port}},
		"a GUID with colons":  {"POST", "/resources/pkeys", map[string]any{"pkey": "0x2", "guids": []string{"b8:3f:d2:03:00:aa:01:01"}}},
		"no such membership":  {"POST", "/resources/pkeys", map[string]any{"pkey": "0x2", "guids": port, "membership": "half"}},
		"two memberships":     {"POST", "/resources/pkeys", map[string]any{"pkey": "0x2", "guids": port, "membership": "full", "memberships": []string{"full"}}},
		"too few memberships": {"POST", "/resources/pkeys", map[string]any{"pkey": "0x2", "guids": port, "memberships": []string{}}},
		"index0 twice":        {"POST", "/resources/pkeys", map[string]any{"pkey": "0x2", "guids": port, "index0": true}},
		"an MTU in bytes":     {"PUT", "/resources/pkeys/qos_conf", map[string]any{"pkey": "0x1ab", "mtu_limit": 2048}},
		"no service level":    {"PUT", "/resources/pkeys/qos_conf", map[string]any{"pkey": "0x1ab", "service_level": 16}},
		"no such speed":       {"PUT", "/resources/pkeys/qos_conf", map[string]any{"pkey": "0x1ab", "rate_limit": 99}},
		"management deleted":  {"DELETE", "/resources/pkeys/0x7fff", nil},
	} {
		status, _ := w.call(r.method, r.path, r.body)
		require.Equal(t, http.StatusBadRequest, status, name)
	}
	require.Equal(t, before, w.must("GET", "/resources/pkeys?guids_data=true", nil))
}
