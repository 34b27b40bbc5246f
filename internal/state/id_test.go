package state

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// addresses are one of each shape, in the order in which they sort.
var addresses = []string{
	"kubernetes/acme.train/ConfigMap/ops/settings",
	"kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001",
	"kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001/pool/acme/train/h100",
	"kubernetes/control-plane/Namespace/acme",
	"kubernetes/control-plane/Project.management.loft.sh/acme",
	"netris/dc1/servercluster/acme-train",
	"netris/dc1/servercluster/acme-train/server/gpu-001",
	"netris/dc1/tenant/acme",
	"redfish/gpu-001/bios",
	"ufm/ufm-dc1/pkey/0x101",
	"ufm/ufm-dc1/pkey/0x101/guid/b83fd20300aa0101",
}

// What a report prints can be given back to the command line, and as a key of JSON.
func TestAddressesReadBackAsPrinted(t *testing.T) {
	ids := make(map[ID]int, len(addresses))
	for i, address := range addresses {
		id, err := ParseID(address)
		require.NoError(t, err)
		require.Equal(t, address, id.String())
		ids[id] = i
	}
	text, err := json.Marshal(ids)
	require.NoError(t, err)
	var back map[ID]int
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, ids, back)
}

// Each word of an address lands in its own field; a cluster-scoped object has no namespace.
func TestParseIDFields(t *testing.T) {
	for address, want := range map[string]ID{
		"kubernetes/control-plane/Namespace/acme":                                           {Target: ControlPlane, Kind: "Namespace", Name: "acme"},
		"kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001/pool/a/b/c": {Target: ControlPlane, Kind: "BareMetalHost.metal3.io", Namespace: "metal3-system", Name: "gpu-001", Part: "pool/a/b/c"},
		"netris/dc1/servercluster/acme-train/server/gpu-001":                                {Target: Target{Netris, "dc1"}, Kind: "servercluster", Name: "acme-train", Part: "server/gpu-001"},
		"redfish/gpu-001/ntp": {Target: Target{Redfish, "gpu-001"}, Kind: "ntp"},
	} {
		id, err := ParseID(address)
		require.NoError(t, err)
		require.Equal(t, want, id)
	}
}

func TestParseIDRefuses(t *testing.T) {
	for address, why := range map[string]string{
		"":                              "too short",
		"kubernetes":                    "too short",
		"machine/gpu-001":               "too short",
		"redfish/gpu-001":               "too short",
		"kubernetes/c/Kind":             "names no object",
		"netris/dc1/vpc":                "names no object",
		"redfish/gpu-001/bios/x":        "too long",
		"vmware/dc1/vm/x":               "no known system",
		"netris//vpc/x":                 "empty part",
		"netris/dc1/vpc/":               "empty part",
		"/netris/dc1/vpc":               "empty part",
		"kubernetes/c/Kind/ns/name//":   "empty part",
		"kubernetes/c/Kind/ns/name/p//": "empty part",
	} {
		_, err := ParseID(address)
		require.ErrorContains(t, err, why, address)
		var id ID
		require.Error(t, json.Unmarshal([]byte(`"`+address+`"`), &id), address)
	}
}

// An object comes just before its parts, so that a reader meets the whole first.
func TestIDsSortWholeBeforeParts(t *testing.T) {
	var ids []ID
	for _, a := range addresses {
		id, err := ParseID(a)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	shuffled := slices.Clone(ids)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, ID.Compare)
	require.Equal(t, ids, shuffled)
}

func TestBelowIsOnlyWhatIsPartOf(t *testing.T) {
	whole := ID{Target: Target{Netris, "dc1"}, Kind: "servercluster", Name: "a"}
	part, deeper, sibling, other := whole, whole, whole, whole
	part.Part, deeper.Part, sibling.Part, other.Name, other.Part = "server/x", "server/x/port", "server/xy", "b", "server/x"
	require.True(t, part.Below(whole))
	require.True(t, deeper.Below(part))
	require.False(t, whole.Below(whole))
	require.False(t, part.Below(part))
	require.False(t, sibling.Below(part), "a name that begins alike is another")
	require.False(t, other.Below(whole))
	require.Equal(t, whole, deeper.Whole())
}

// Whatever is accepted prints as it was given: no two addresses name one object.
func FuzzParseID(f *testing.F) {
	for _, a := range addresses {
		f.Add(a)
	}
	f.Add("netris/dc1//x")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			return
		}
		if id.String() != s {
			t.Fatalf("%q prints as %q", s, id)
		}
	})
}
