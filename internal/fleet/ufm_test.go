package fleet

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// partitioned is the correct fleet whose partitions are direct.
func partitioned(t *testing.T) *Fleet {
	t.Helper()
	a, err := txtar.ParseFile("testdata/ufm.txtar")
	require.NoError(t, err)
	f, list := Load(t.Context(), fixture(t, a), Options{})
	require.Empty(t, printed(list))
	return f
}

// A fleet that says all that can be said of direct partitions is accepted, and read as it is written.
func TestDirectPartitionsAreAccepted(t *testing.T) {
	f := partitioned(t)
	require.Equal(t, &UFM{URL: "https://ufm.example.com", Credentials: "ufm", Certificate: "verify", PKeys: Range{0x100, 0x1ff},
		Agent: &UFMAgent{"ufm-1", Range{0x200, 0x7ffe}}}, f.Sites["dc1"].UFMs["ib-1"])
	require.Equal(t, &DirectPartition{"ib-1", 0x101, false, &PartitionQoS{4, 3, 2.5}}, f.Segments["a"].InfiniBand.Direct)
	require.Equal(t, &DirectPartition{UFM: "ib-2", PKey: 0x101, IPoIB: true}, f.Segments["b"].InfiniBand.Direct, "each UFM has its own keys")
	require.Empty(t, f.UFM(f.Segments["a"]), "Netris has no part in it")
	require.Equal(t, "dc1", f.SiteOfUFM("ib-2"))
	require.Empty(t, f.SiteOfUFM("ufm-1"))
}

// The partition of a segment in use stays what it is, and only that: its quality of service may change,
// and a segment may get one.
func TestAPartitionInUseStays(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Segment)
		code   string
	}{
		"the key":                {func(s *Segment) { s.InfiniBand.Direct.PKey = 0x102 }, "MW286"},
		"the UFM":                {func(s *Segment) { s.InfiniBand.Direct.UFM = "ib-2" }, "MW286"},
		"IP over it":             {func(s *Segment) { s.InfiniBand.Direct.IPoIB = true }, "MW286"},
		"none":                   {func(s *Segment) { s.InfiniBand = nil }, "MW286"},
		"Netris's, as new":       {func(s *Segment) { s.InfiniBand, s.Version = &Partition{PKey: "auto"}, 2 }, "MW286"},
		"its quality of service": {func(s *Segment) { s.InfiniBand.Direct.QoS = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			base, head := partitioned(t), partitioned(t)
			c.change(head.Segments["a"])
			found := Compare(t.Context(), base, head)
			if c.code == "" {
				require.Empty(t, printed(found))
				return
			}
			require.Len(t, found, 1, "%s", printed(found))
			require.Equal(t, c.code, found[0].Code)
			require.Equal(t, "segments/segments.cue", found[0].Pos.File)
		})
	}
	base, head := partitioned(t), partitioned(t)
	base.Segments["a"].InfiniBand = nil
	require.Empty(t, printed(Compare(t.Context(), base, head)))
}
