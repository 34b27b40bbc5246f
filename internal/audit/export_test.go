package audit

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
)

// What is a tenant's is in its export to the end: what is done for its network after other commits have come, how drift
// that nobody wants any more ended, and that its machines were let go; and nothing of it is in another's.
func TestExportHasTheEndOfATenant(t *testing.T) {
	owned := func(commit int, entity, was, now string) step {
		c := Change{Path: "tenant"}
		if was != "" {
			c.Old = text(was)
		}
		if now != "" {
			c.New = text(now)
		}
		return step{Commit: commit, Entity: entity, Changes: []Change{c}}
	}
	x := &Index{data: contents{
		Commits: []Commit{{Hash: "0"}, {Hash: "1"}, {Hash: "2"}, {Hash: "3"}},
		Steps: []step{
			{Entity: "tenant/acme", Changes: []Change{{Path: "gpus", New: text("8")}}}, {Entity: "tenant/globex", Changes: []Change{{Path: "gpus", New: text("8")}}},
			owned(0, "machine/gpu-001", "", "acme"), owned(0, "segment/acme-train", "", "acme"),
			owned(1, "machine/gpu-001", "acme", ""), owned(1, "segment/acme-train", "acme", ""),
			owned(3, "machine/gpu-001", "", "globex"),
		},
	}}
	const vpc = "netris/dc1/vpc/acme-train"
	run := func(n int, commit string, r journal.Run) journal.Run {
		r.Sequence, r.Source.Commit, r.Ended = n, commit, noon.Add(time.Duration(n)*time.Hour)
		return r
	}
	d := x.Lay([]journal.Run{
		run(1, "0", journal.Run{Drift: []journal.Drift{{Address: vpc, Entity: "segment/acme-train", Status: plan.Drifted}}}),
		run(2, "2", journal.Run{
			Changes:  []journal.Change{{Address: vpc, Entity: "segment/acme-train", Action: plan.Delete, Result: journal.Done}},
			Drift:    []journal.Drift{{Address: vpc, Ended: true}},
			Bindings: []journal.Binding{{Machine: "gpu-001", Was: "p-acme/train-1"}},
		}),
		run(3, "3", journal.Run{
			Changes:  []journal.Change{{Address: "netris/dc1/servercluster/globex-serve/server/gpu-001", Entity: "pool/globex/serve/big", Action: plan.Create, Result: journal.Done}},
			Bindings: []journal.Binding{{Machine: "gpu-001", To: "p-globex/serve-1"}},
		}),
	})
	export := func(tenant string) (lines []string) {
		all, err := d.Export(Query{Tenant: tenant})
		require.NoError(t, err)
		for _, r := range all {
			if r.Kind != RecordMerged {
				lines = append(lines, fmt.Sprintf("%d %s %s %s", r.Run, r.Kind, r.Entity, r.What))
			}
		}
		return lines
	}
	require.Equal(t, []string{
		"1 drift segment/acme-train drifted", "2 done segment/acme-train delete", "2 drift segment/acme-train put right", "2 bound machine/gpu-001 released",
	}, export("acme"))
	require.Equal(t, []string{"3 done pool/globex/serve/big create", "3 bound machine/gpu-001 bound"}, export("globex"))
}
