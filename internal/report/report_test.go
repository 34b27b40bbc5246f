package report

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	later = start.Add(time.Hour)
)

func at(name string) state.ID {
	return state.ID{Target: state.Target{System: state.Redfish, Name: name}, Kind: "ntp"}
}

func of(changes ...plan.Change) plan.Plan { return plan.Plan{Commit: "c1", Changes: changes} }

// A report tells what is not in sync, and since when: a status that lasts keeps its time, a new one
// begins now.
func TestSinceWhen(t *testing.T) {
	drifted := plan.Change{ID: at("a"), Status: plan.Drifted, Action: plan.Update, Impact: kinds.Reboot}
	fine := plan.Change{ID: at("b"), Status: plan.InSync}
	down := map[state.Target]state.Live{at("z").Target: {Err: errors.New("no route")}, at("y").Target: {Err: errors.New("no route")}}
	first := New("example", of(drifted, fine), down, Source{Commit: "c1"}, start, nil)
	require.Len(t, first.Items, 1)
	require.Equal(t, "redfish/a/ntp", first.Items[0].Address)
	require.Equal(t, "reboot", first.Items[0].Impact)
	require.Equal(t, start, first.Items[0].Since)
	require.Equal(t, map[plan.Status]int{plan.Drifted: 1, plan.InSync: 1}, first.Counts)
	require.Equal(t, []string{"redfish/y", "redfish/z"}, []string{first.Unreachable[0].Target, first.Unreachable[1].Target})

	down[at("x").Target] = state.Live{Err: errors.New("no route")}
	held := drifted
	held.Hold(plan.Hold{By: "drift-policy"})
	second := New("example", of(drifted, fine), down, Source{Commit: "c1"}, later, &first)
	require.Equal(t, start, second.Items[0].Since)
	require.Equal(t, []time.Time{later, start, start}, []time.Time{second.Unreachable[0].Since, second.Unreachable[1].Since, second.Unreachable[2].Since})
	third := New("example", of(held, fine), nil, Source{Commit: "c1"}, later, &second)
	require.Equal(t, later, third.Items[0].Since, "another status has another beginning")
	require.Empty(t, third.Unreachable)
}

// What could not be read makes a report incomplete, be it an object or a target with nothing in it.
func TestIncompleteSaysSo(t *testing.T) {
	require.True(t, New("f", of(), nil, Source{}, start, nil).Complete)
	require.False(t, New("f", of(plan.Change{ID: at("a"), Status: plan.Unknown}), nil, Source{}, start, nil).Complete)
	require.False(t, New("f", of(), map[state.Target]state.Live{at("a").Target: {Err: errors.New("no route")}}, Source{}, start, nil).Complete)
}

func TestSettledIsWhenNothingIsOnItsWay(t *testing.T) {
	for status, settled := range map[plan.Status]bool{
		plan.InSync: true, plan.Held: true, plan.Drifted: true, plan.Unknown: true, plan.Failed: true, plan.Progressing: false, plan.Pending: false,
	} {
		require.Equal(t, settled, New("f", of(plan.Change{ID: at("a"), Status: status}), nil, Source{}, start, nil).Settled(), status)
	}
}

// What is stored is read back; what is not a report of this format is refused with what to do.
func TestStoredReports(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	r := New("example", of(plan.Change{ID: at("a"), Status: plan.Held, Action: plan.Update, Held: []plan.Hold{{By: "fight", Why: "x"}}}), nil, Source{Commit: "c1", Fetched: start}, start, nil)
	require.NoError(t, Save(file, r))
	require.NoError(t, Save(file, r), "again, over the old one")
	back, err := Load(file)
	require.NoError(t, err)
	require.Equal(t, r, back)
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left lying about")

	_, err = Load(file + "2")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Decode([]byte(`{"version":99}`))
	require.ErrorContains(t, err, "format version 99")
	_, err = Decode([]byte(`<html>`))
	require.ErrorContains(t, err, "decode the report")
	require.Error(t, Save(filepath.Join(file, "x"), r))
}
