package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// runs are all runs of the journal where it is pushed to, the newest first, proven to be whole.
func (s *show) runs(t *testing.T) (runs []journal.Run) {
	t.Helper()
	_, err := s.agent.until(t.Context(), "the journal is pushed", patience, func(r report.Report) bool {
		return r.Journal != nil && r.Journal.Waiting == 0 && r.Journal.Error == ""
	})
	require.NoError(t, err)
	repository, err := journal.Open(s.journal.dir)
	require.NoError(t, err)
	ids := map[string]bool{}
	for e, err := range journal.Read(repository, fleetName) {
		require.NoError(t, err)
		require.False(t, ids[e.Run.ID], "run %s is there twice", e.Run.ID)
		ids[e.Run.ID] = true
		runs = append(runs, e.Run)
	}
	require.Len(t, runs, runs[0].Sequence)
	return runs
}

// accountsForResets holds the journal to what machines say of themselves: each reset is in a run.
func (s *show) accountsForResets(t *testing.T, machines ...string) {
	t.Helper()
	told := map[string]int{}
	for _, r := range s.runs(t) {
		for _, c := range r.Changes {
			if c.Step == plan.Reset && c.Result != journal.Refused && c.Result != journal.Unsent {
				told[c.Address]++
			}
		}
	}
	for _, name := range machines {
		m, _ := s.world.site.Machine(name)
		require.GreaterOrEqual(t, told["redfish/"+name+"/bios"], m.Resets, name)
	}
}
