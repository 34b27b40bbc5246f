package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// TestOpenAPI holds the description of the API to the API: every address under /api is in it and no other,
// and every answer is as its schema says.
func TestOpenAPI(t *testing.T) {
	d := served(t, filled(t, 320))
	w := get(t, d, "/api/v1/openapi.json")
	require.Equal(t, http.StatusOK, w.Code)
	var document struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Parameters []struct{ Name, In string } `json:"parameters"`
			Responses  map[string]struct {
				Content map[string]struct{ Schema any } `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
	require.Equal(t, "3.1.0", document.OpenAPI)

	values := strings.NewReplacer("{machine}", "gpu-0008", "{run}", runOfAll, "{address}", "redfish/gpu-0008/ntp")
	routes := map[string]bool{}
	for _, r := range d.routes() {
		if !strings.HasPrefix(r.pattern, "/api/") {
			continue
		}
		path := strings.ReplaceAll(r.pattern, "...}", "}")
		routes[path] = true
		described, ok := document.Paths[path]["get"]
		require.True(t, ok, "%s is not described", path)
		require.Len(t, document.Paths[path], 1, "%s: only GET", path)
		schema := described.Responses["200"].Content["application/json"].Schema
		compiler := jsonschema.NewCompiler()
		require.NoError(t, compiler.AddResource("answer.json", schema))
		compiled, err := compiler.Compile("answer.json")
		require.NoError(t, err, path)
		answer := get(t, d, values.Replace(path))
		require.Equal(t, http.StatusOK, answer.Code, path)
		value, err := jsonschema.UnmarshalJSON(answer.Body)
		require.NoError(t, err, path)
		require.NoError(t, compiled.Validate(value), path)
		for _, p := range described.Parameters {
			if p.In == "query" && p.Name != "page" && p.Name != "limit" {
				require.Equal(t, 0, totalOf(t, d, values.Replace(path)+"?"+p.Name+"=nothing-is-called-this"), "%s: the filter %s does nothing", path, p.Name)
			}
		}
	}
	for path := range document.Paths {
		require.True(t, routes[path], "%s is described and not there", path)
	}
}

func totalOf(t *testing.T, d http.Handler, path string) int {
	t.Helper()
	var answer struct{ Total int }
	require.NoError(t, json.Unmarshal(get(t, d, path).Body.Bytes(), &answer))
	return answer.Total
}

// TestAPIPages protects that whoever reads page after page reads each row once.
func TestAPIPages(t *testing.T) {
	d := served(t, filled(t, 320))
	seen := map[string]bool{}
	for page := 1; ; page++ {
		var answer envelope[MachineJSON]
		require.NoError(t, json.Unmarshal(get(t, d, "/api/v1/machines?limit=50&page="+string(rune('0'+page))).Body.Bytes(), &answer))
		require.Equal(t, 320, answer.Total)
		for _, m := range answer.Items {
			require.False(t, seen[m.Name])
			seen[m.Name] = true
		}
		if page == answer.Pages {
			break
		}
	}
	require.Len(t, seen, 320)
}

// TestAPIWithoutAReport protects programs from taking "nobody has looked" for "all is well".
func TestAPIWithoutAReport(t *testing.T) {
	f, _ := world(t, 16)
	store := &Store{}
	store.SetFloor(f)
	d := served(t, store)
	require.Equal(t, http.StatusServiceUnavailable, get(t, d, "/api/v1/report").Code)
	require.Equal(t, http.StatusServiceUnavailable, get(t, d, "/readyz").Code)
	require.Equal(t, http.StatusOK, get(t, d, "/healthz").Code)
	var s Summary
	require.NoError(t, json.Unmarshal(get(t, d, "/api/v1/summary").Body.Bytes(), &s))
	require.Equal(t, map[string]int{unknown: 16}, s.Machines)
	require.False(t, s.Complete)
}
