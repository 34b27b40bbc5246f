package fleet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// Every archive changes the small correct fleet into one that is correct by itself, and that what is in
// force cannot become: each change is refused with its place and with what to do instead. What it has below "base/" is
// in force instead of what the small fleet has there.
func TestCompare(t *testing.T) {
	base, list := Load(t.Context(), fixture(t, &txtar.Archive{}), Options{})
	require.Empty(t, printed(list))
	require.Empty(t, Compare(t.Context(), base, base))
	paths, err := filepath.Glob("testdata/compare/*.txtar")
	require.NoError(t, err)
	var all strings.Builder
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		require.NoError(t, err)
		before, after := &txtar.Archive{}, &txtar.Archive{}
		for _, f := range a.Files {
			if name, of := strings.CutPrefix(f.Name, "base/"); of {
				before.Files = append(before.Files, txtar.File{Name: name, Data: f.Data})
			} else {
				after.Files = append(after.Files, f)
			}
		}
		base, list := Load(t.Context(), fixture(t, before), Options{})
		require.NoError(t, list.Err())
		head, list := Load(t.Context(), fixture(t, after), Options{})
		require.NotNil(t, head, "%s", printed(list))
		got := printed(Compare(t.Context(), base, head))
		all.WriteString(got)
		want := &a.Files[len(a.Files)-1]
		require.Equal(t, "want", want.Name)
		if *update {
			want.Data = []byte(got)
			require.NoError(t, os.WriteFile(path, txtar.Format(a), 0o644))
		}
		require.Equal(t, string(want.Data), got, path)
	}

	// So that a line in a table is a test, too.
	shows := func(fields []string) {
		for _, f := range fields {
			require.Contains(t, all.String(), f+" of ", "no archive in testdata/compare changes it")
		}
	}
	shows(fieldsOf(clusterChoices))
	shows(fieldsOf(machineChoices))
	shows(fieldsOf(platformChoices))
	shows(fieldsOf(siteChoices))
	shows(fieldsOf(segmentChoices))
	shows(fieldsOf(vnetChoices))
	shows(fieldsOf(versioned))
	for _, field := range []string{"infiniband.direct.ufm", "infiniband.direct.pkey"} {
		require.Contains(t, all.String(), "."+field+"\n")
	}
}

func fieldsOf[T any](table []choice[T]) []string {
	var fields []string
	for _, c := range table {
		fields = append(fields, c.field)
	}
	return fields
}

// What is retired may change and vanish, what is raised may be another, and what no cluster stands in is
// not in force.
func TestCompareLetsGoWhatIsRetired(t *testing.T) {
	load := func() *Fleet {
		f, list := Load(t.Context(), fixture(t, &txtar.Archive{}), Options{})
		require.Empty(t, printed(list))
		return f
	}
	for name, change := range map[string]func(base, head *Fleet){
		"a tenant": func(base, head *Fleet) {
			base.Tenants["acme"].Retired = true
			delete(head.Tenants, "acme")
			delete(head.Segments, "a")
		},
		"a cluster": func(base, head *Fleet) {
			base.Tenants["acme"].Clusters["train"].Retired = true
			head.Tenants["acme"].Clusters["train"].Segment = "b"
			head.Segments["a"].NorthSouth.DHCP = false
		},
		"a cluster that is gone": func(base, head *Fleet) {
			base.Tenants["acme"].Clusters["train"].Retired = true
			delete(head.Tenants["acme"].Clusters, "train")
		},
		"a machine": func(base, head *Fleet) {
			base.Machines["m1"].Lifecycle = Retired
			base.Machines["m2"].Lifecycle = RMA
			delete(head.Machines, "m1")
			head.Machines["m2"].BootMAC = "5c:ff:35:00:00:77"
		},
		"a version": func(_, head *Fleet) {
			head.Segments["a"].Version++
			head.Segments["a"].InfiniBand = nil
		},
		"a MAC written otherwise": func(_, head *Fleet) { head.Machines["m1"].BootMAC = "5C:FF:35:00:00:01" },
		"more":                    func(base, _ *Fleet) { delete(base.Tenants, "globex") },
	} {
		t.Run(name, func(t *testing.T) {
			base, head := load(), load()
			change(base, head)
			require.Empty(t, printed(Compare(t.Context(), base, head)))
		})
	}
}
