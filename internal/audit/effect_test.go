package audit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
)

// What came of a commit is told by the last result of each of its changes, up to the next commit of the same entity;
// what was drift is none of it, and what the journal has not reached yet is said.
func TestEffect(t *testing.T) {
	changed := func(commit int, entity string) step {
		return step{Commit: commit, Entity: entity, Changes: []Change{{Path: "x", New: "1"}}}
	}
	x := &Index{data: contents{
		Commits: []Commit{{Hash: "0"}, {Hash: "1"}, {Hash: "2"}, {Hash: "3"}},
		Steps:   []step{changed(0, "machine/gpu-001"), changed(0, "tenant/acme"), changed(1, "tenant/acme"), changed(2, "tenant/acme"), changed(3, "tenant/acme")},
	}}
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	change := func(minute int, address, entity string, cause plan.Cause, result journal.Result) journal.Change {
		return journal.Change{Address: address, Entity: entity, Action: plan.Update, Causes: []plan.Cause{cause}, Result: result, Time: at(minute)}
	}
	run := func(n int, commit string, changes ...journal.Change) journal.Run {
		return journal.Run{Sequence: n, Source: journal.Source{Commit: commit}, Ended: at(10 * n), Changes: changes}
	}
	const member = "netris/dc1/servercluster/acme-train/server/gpu-001"
	d := x.Lay([]journal.Run{
		run(1, "0", change(1, "netris/dc1/vpc/acme", "tenant/acme", plan.CauseCommit, journal.Done), change(2, member, "pool/acme/train/h100", plan.CauseCommit, journal.Pending)),
		run(2, "0", change(12, member, "pool/acme/train/h100", plan.CauseCommit, journal.Done), change(13, "netris/dc1/vpc/acme", "tenant/acme", plan.CauseDrift, journal.Done)),
		run(3, "1", change(21, "netris/dc1/vpc/acme", "tenant/acme", plan.CauseCommit, journal.Failed), change(22, member, "cluster/acme/train", plan.CauseCommit, journal.Done)),
		run(4, "2"),
		run(5, "elsewhere", change(41, "netris/dc1/vpc/acme", "tenant/acme", plan.CauseCommit, journal.Done)),
	})
	require.Equal(t, &Effect{Time: at(12), Runs: []int{1, 2}, Done: 2}, d.Effect("0", "tenant/acme", "tenant/acme"))
	require.Equal(t, &Effect{Time: at(22), Runs: []int{3}, Done: 1, Failed: 1}, d.Effect("1", "tenant/acme", "tenant/acme"))
	require.Equal(t, &Effect{Time: at(22), Runs: []int{3}, Done: 1}, d.Effect("1", "cluster/acme/train", "cluster/acme/train"))
	require.Equal(t, &Effect{}, d.Effect("2", "tenant/acme", "tenant/acme"), "of it a run was, and it did nothing for acme")
	require.Equal(t, &Effect{Before: true}, d.Effect("3", "tenant/acme", "tenant/acme"))
	require.Equal(t, &Effect{Time: at(22), Runs: []int{1, 2, 3}, Done: 1}, d.Effect("0", "machine/gpu-001", "machine/gpu-001"), "a machine is what bears its name")
	require.Equal(t, &Effect{Time: at(1), Runs: []int{1}, Done: 1}, d.Effect("0", "tenant/acme.cluster.train", "netris/dc1/vpc/acme"), "an object is that object")
	require.Nil(t, d.Effect("unknown", "tenant/acme", "tenant/acme"))
}
