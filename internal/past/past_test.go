package past_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/past"
	"millwright.dev/millwright/internal/web"
)

// TestWhomEventsConcern protects tenants: of a machine or a segment those are concerned who got, had or lost it
// with the event, and a commit knows of everybody whom it concerns.
func TestWhomEventsConcern(t *testing.T) {
	tenant := func(old, now audit.Value) []audit.Change { return []audit.Change{{Path: "tenant", Old: old, New: now}} }
	rack := []audit.Change{{Path: "rack", New: `"r1"`}}
	commit := func(hash string) audit.Commit { return audit.Commit{Hash: hash, Subject: "commit " + hash} }
	steps := []struct { // the oldest first, as they happen
		event  audit.Event
		whom   []string
		commit []string // whom the whole commit concerns
	}{
		{audit.Event{Commit: commit("1"), Entity: "machine/a", Change: audit.Added, Changes: rack}, nil, []string{"", "acme"}},
		{audit.Event{Commit: commit("1"), Entity: "tenant/acme", Change: audit.Added}, []string{"acme"}, []string{"", "acme"}},
		{audit.Event{Commit: commit("2"), Entity: "machine/a", Change: audit.Changed, Changes: tenant("", `"acme"`)}, []string{"acme"}, []string{"acme"}},
		{audit.Event{Commit: commit("3"), Entity: "machine/a", Change: audit.Changed, Changes: rack}, []string{"acme"}, []string{"acme"}},
		{audit.Event{Commit: commit("4"), Entity: "machine/a", Change: audit.Changed, Changes: tenant(`"acme"`, `"globex"`)}, []string{"acme", "globex"}, []string{"acme", "globex"}},
		{audit.Event{Commit: commit("5"), Entity: "machine/a", Change: audit.Changed, Changes: rack}, []string{"globex"}, []string{"globex"}},
		{audit.Event{Commit: commit("6"), Entity: "machine/a", Change: audit.Changed, Changes: tenant(`"globex"`, "")}, []string{"globex"}, []string{"globex"}},
		{audit.Event{Commit: commit("7"), Entity: "machine/a", Change: audit.Changed, Changes: rack}, nil, []string{""}},
		{audit.Event{Commit: commit("8"), Entity: "segment/s", Change: audit.Added, Changes: tenant("", `"acme"`)}, []string{"acme"}, []string{"acme"}},
		{audit.Event{Commit: commit("9"), Change: audit.Invalid}, nil, []string{""}},
		{audit.Event{Commit: commit("10"), With: []audit.Commit{commit("9")}, Entity: "tenant/acme", Change: audit.Changed}, []string{"acme"}, []string{"", "acme"}},
	}
	var events []audit.Event
	for _, s := range steps {
		events = append([]audit.Event{s.event}, events...)
	}
	p := past.Of(events, "10")
	require.Equal(t, "10", p.Head)
	for n, s := range steps {
		e := p.Events[len(steps)-1-n]
		require.Equal(t, s.event.Entity, e.Entity)
		require.Equal(t, s.whom, append([]string(nil), e.Tenants...), "%d: %s", n, e.Entity)
		require.Equal(t, s.commit, e.Commit.Tenants, "%d: %s", n, e.Commit.Hash)
		require.Equal(t, s.event.Commit.Subject, e.Commit.Subject)
	}
	require.Same(t, p.Events[1].Commit, p.Events[0].With[0], "a commit is kept once")
	require.Equal(t, []web.FieldChange{{Path: "tenant", Old: `"acme"`, New: `"globex"`}}, p.Events[6].Fields)
}
