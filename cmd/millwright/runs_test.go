package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/web"
)

// TestRunsReader has the runs of a real journal read beside an agent's work: what is there, what is added, and what
// can no longer be read.
func TestRunsReader(t *testing.T) {
	const ref = "refs/heads/acme"
	dir := filepath.Join(t.TempDir(), "journal.git")
	repository, err := journal.Create(dir, ref)
	require.NoError(t, err)
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	add := func(n int) journal.Entry {
		t.Helper()
		e, err := repository.Append(ref, journal.Run{
			ID: fmt.Sprintf("run-%d", n), Fleet: "acme", Source: journal.Source{Commit: "c1"}, Began: began, Ended: began,
			Changes: []journal.Change{{Address: "netris/dc1/vpc/a", Action: plan.Create, Result: journal.Done}},
		}, nil)
		require.NoError(t, err)
		return e
	}
	var log lines
	store := &web.Store{}
	r := newRunsReader(store, slog.New(slog.NewJSONHandler(&log, nil)))
	runs := func() *web.Runs { return store.Snapshot(web.Scope{All: true}).Runs }
	require.Nil(t, runs())

	r.repository, r.ref = repository, ref
	require.NoError(t, r.read(t.Context()))
	require.Empty(t, runs().List, "no run yet")
	require.Empty(t, runs().Error)
	for n := range 3 {
		add(n + 1)
	}
	require.NoError(t, r.read(t.Context()))
	names := func() (names []string) {
		for _, run := range runs().List {
			names = append(names, run.Name())
		}
		return names
	}
	require.Equal(t, []string{"3", "2", "1"}, names())
	sequence := store.Snapshot(web.Scope{All: true}).Sequence
	require.NoError(t, r.read(t.Context()))
	require.Equal(t, sequence, store.Snapshot(web.Scope{All: true}).Sequence, "what is the same is told once")

	add(4)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { r.follow(ctx) })
	defer func() { stop(); all.Wait() }()
	r.written()
	require.Eventually(t, func() bool { return len(runs().List) == 4 }, time.Minute, time.Millisecond)
	require.Equal(t, []string{"4", "3", "2", "1"}, names())

	fifth := add(5)
	object := filepath.Join(dir, "objects", fifth.Commit[:2], fifth.Commit[2:])
	require.NoError(t, os.Rename(object, object+".away"))
	r.repository, err = journal.Open(dir) // which has nothing of it in its cache
	require.NoError(t, err)
	r.written()
	require.Eventually(t, func() bool { return runs().Error != "" }, time.Minute, time.Millisecond)
	require.Equal(t, []string{"4", "3", "2", "1"}, names(), "what was read before is still shown")
	require.Contains(t, strings.Join(slices.Collect(log.all()), ""), "the journal cannot be read")
	require.NoError(t, os.Rename(object+".away", object))
	r.written()
	require.Eventually(t, func() bool { return runs().Error == "" }, time.Minute, time.Millisecond)
	require.Equal(t, []string{"5", "4", "3", "2", "1"}, names())

	r.missing(errors.New("the disk is read-only"))
	require.Equal(t, "the disk is read-only", runs().Error)
}

// TestDeliveredRunsAreShown holds the wiring of the agent together: what its recorder wrote down and its journal took
// in is what the dashboard is told.
func TestDeliveredRunsAreShown(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	store := &web.Store{}
	runs := func() *web.Runs { return store.Snapshot(web.Scope{All: true}).Runs }
	kept, err := (&journalOptions{}).open(dir, "", log)
	require.NoError(t, err)
	kept.recorder, err = journal.NewRecorder(t.Context(), inventory.FileNotes(filepath.Join(dir, "notes")), "agent mgmt-1 (7)", "v1")
	require.NoError(t, err)
	kept.runs = newRunsReader(store, log)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { kept.runs.follow(ctx) })
	defer func() { stop(); kept.wait(); all.Wait() }()
	kept.deliver(ctx, "acme")
	require.Eventually(t, func() bool { return runs() != nil }, time.Minute, time.Millisecond)
	require.Empty(t, runs().List)
	now := time.Now()
	require.NoError(t, kept.recorder.Begin(ctx, journal.Pass{Fleet: "acme", Source: journal.Source{Commit: "c1"}, Now: now, Bound: map[string]string{"gpu-1": ""}}))
	kept.recorder.End(ctx, now, nil)
	require.NoError(t, kept.recorder.Begin(ctx, journal.Pass{Fleet: "acme", Source: journal.Source{Commit: "c1"}, Now: now.Add(time.Second), Bound: map[string]string{"gpu-1": "p-acme/train"}}))
	kept.recorder.End(ctx, now, nil)
	require.NoError(t, kept.recorder.Flush())
	require.Eventually(t, func() bool { return len(runs().List) > 0 }, time.Minute, time.Millisecond)
	newest := runs().List[0]
	require.Equal(t, "machine/gpu-1", newest.Deeds[0].Address)
	require.Equal(t, "bound", newest.Deeds[0].What)

	broken, err := (&journalOptions{}).open(filepath.Join(dir, "journal.git", "HEAD"), "", log) // which is a file
	require.NoError(t, err)
	broken.runs = newRunsReader(store, log)
	broken.deliver(ctx, "acme")
	require.Contains(t, runs().Error, "make the journal")
}

// TestLatest bounds what the dashboard is given.
func TestLatest(t *testing.T) {
	require.Len(t, latest(make([]web.Run, web.MostRuns+5)), web.MostRuns)
	require.Len(t, latest(make([]web.Run, 5)), 5)
	large := web.Run{Deeds: make([]web.Deed, web.MostDeeds/2)}
	require.Len(t, latest([]web.Run{large, large, large}), 2)
	huge := web.Run{Deeds: make([]web.Deed, web.MostDeeds+1)}
	require.Len(t, latest([]web.Run{huge, huge}), 1, "the newest is always there")
}
