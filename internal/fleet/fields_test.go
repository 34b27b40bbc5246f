package fleet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The schema is the manual: a field is explained by what stands there, whatever way leads to it.
func TestExplain(t *testing.T) {
	for path, want := range map[string]Field{
		"tenant.cluster.nodes":                     {Path: "tenant.cluster.nodes", Type: `one of "private", "shared"`},
		"machine.unit":                             {Path: "machine.unit", Type: "a whole number from 1 to 60", Example: "12"},
		"machine/gpu-001.nics[0].mac":              {Path: "machine.nics.mac", Type: "#MAC", Example: `"5c:ff:35:00:01:01"`},
		"tenant/acme.cluster.train.pool.big.count": {Path: "tenant.cluster.pool.count", Type: "a whole number from 0 to 10000", Required: true, Example: "4"},
		"machine.ntp":                              {Path: "machine.ntp", Type: "list of #Host, at least 1, at most 4", Default: "those of the site"},
		"class.bios":                               {Path: "class.bios", Type: "#BIOS"},
		"class.resources.memory":                   {Path: "class.resources.memory", Type: "#Quantity", Default: "memory, in GiB"},
		"segment.northSouth.vlan":                  {Path: "segment.northSouth.vlan", Type: `"auto", or a whole number from 2 to 4094`, Default: `"auto"`},
		"segment.northSouth.dhcp":                  {Path: "segment.northSouth.dhcp", Type: "true or false", Default: "true"},
		`policy.drift."redfish/bios"`:              {Path: "policy.drift", Type: `one of "correct", "report"`},
		"allocation.acme.train":                    {Path: "allocation", Type: "map of list of #Name"},
		"platform.vcluster.version":                {Path: "platform.vcluster.version", Required: true},
		"#Quantity":                                {Path: "#Quantity", Example: `"2048Gi"`},
		"CIDR":                                     {Path: "#CIDR", Type: "text, net.IPCIDR"},
	} {
		got, err := Explain(path)
		require.NoError(t, err, path)
		require.Equal(t, want.Path, got.Path, path)
		require.NotEmpty(t, got.Doc, path)
		require.True(t, got.Pos.IsBuiltIn() && got.Pos.Line > 0, path)
		for _, pair := range [][2]string{{want.Type, got.Type}, {want.Default, got.Default}, {want.Example, got.Example}} {
			if pair[0] != "" {
				require.Equal(t, pair[0], pair[1], path)
			}
		}
		if want.Required {
			require.True(t, got.Required, path)
		}
	}
	rack, err := Explain("machine.lifecycle")
	require.NoError(t, err)
	require.Contains(t, rack.Values, "in-service   may be allocated to a pool")
	require.NotContains(t, rack.Doc, "Default")
	require.Contains(t, must(Explain("machine.class")).Types[0], "at most 63 characters")
}

func must(f Field, err error) Field {
	if err != nil {
		panic(err)
	}
	return f
}

// A path that leads nowhere says where it left the way, and what is meant.
func TestExplainMistakes(t *testing.T) {
	for path, want := range map[string]string{
		"tenant.clusters.nodes": "no field \"clusters\" in tenant; did you mean cluster?",
		"tenant.cluster.nods":   "no field \"nods\" in tenant.cluster; did you mean nodes?",
		"machin.bmc":            "a fleet has no field \"machin\"; did you mean machine?",
		"image.url.host":        "no field \"host\" in image.url; it has no fields",
		"#CIDDR":                "did you mean #CIDR?",
		"x":                     "there are class, image, ",
		"":                      "it names nothing",
	} {
		_, err := Explain(path)
		require.ErrorContains(t, err, want, path)
	}
}

// Every field of the schema is documented, and a default that the schema marks is the one that its
// comment promises.
func TestEveryFieldIsDocumented(t *testing.T) {
	b := manual()
	seen := map[string]bool{}
	for _, f := range Manual() {
		require.False(t, seen[f.Path], "%s stands twice", f.Path)
		seen[f.Path] = true
		if strings.Contains(f.Path, ".values.") {
			continue // the names and meanings there are vCluster's and the charts' own
		}
		require.NotEmpty(t, f.Doc, "%s at %s has no comment", f.Path, f.Pos)
		require.NotEmpty(t, f.Type, f.Path)
		require.NotContains(t, f.Doc, "Default:", "%s at %s: end the sentence that tells the default", f.Path, f.Pos)
		require.NotContains(t, f.Doc, "Example", "%s at %s: end the sentence that gives an example", f.Path, f.Pos)
	}
	for _, name := range b.roots() {
		p, _ := b.root(name)
		b.eachField(p, func(path string, p place) {
			text, _ := docOf(p.field)
			_, promised := cut(text, defaultPattern)
			if marked := strings.TrimPrefix(b.defaultOf(p.value), `""`); marked != "" {
				require.True(t, promised == marked || strings.HasPrefix(promised, marked+","), "%s at %s: the default is %s, its comment says %q", path, position(p.field.Pos()), marked, promised)
			}
		})
	}
}
