package view

import (
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/audit"
)

// Whoever writes a commit writes what its history shows: none of it reaches a terminal as anything but visible text,
// forges a line, or is a formula to a program for tables.
func TestHistoryHostile(t *testing.T) {
	const bad = "=cmd|'/C calc'!A0\x1b[2J\n2026-01-01 00:00Z  forged\r\u202e\u0007"
	c := audit.Commit{Hash: "0123456789abcdef", Subject: bad, Time: time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC), Authors: []string{bad},
		MergedBy: "\t@" + bad, ApprovedBy: []string{"+" + bad}, Tickets: []string{"-" + bad}, Invalid: bad}
	a := audit.Answer{Events: []audit.Event{
		{Commit: c, With: []audit.Commit{c}, Entity: bad, Change: audit.Changed, Changes: []audit.Change{{Path: bad, Old: "\"=1\\n\\u001b\"", New: "-1"}}},
		{Commit: c, Change: audit.Invalid},
		{Commit: audit.Commit{}, Entity: "tenant/acme", Change: audit.Removed},
		{Commit: c, Entity: bad, Change: audit.Changed, Sets: []string{bad}, Changes: []audit.Change{{Path: bad, Sets: []string{bad}}}},
	}, Unknown: []audit.Origin{{Entity: bad, Field: bad}}}
	one := Why{Address: bad, Leaves: []WhyLeaf{{Path: bad, Changed: &a.Events[0]}}}
	many := Why{Address: bad, Leaves: []WhyLeaf{{Path: bad, Changed: &a.Events[0]}, {Path: "x", Changed: &a.Events[2]}}}
	m := audit.Moment{Address: bad, Field: bad, Values: []audit.Standing{{Path: bad, Value: "\"\\u001b\"", Commit: &c, With: []audit.Commit{c}}, {}}}
	for name, write := range map[string]func(io.Writer) error{
		"history":      func(w io.Writer) error { return HistoryText(w, a, Style{}) },
		"moment":       func(w io.Writer) error { return MomentText(w, m, Style{}) },
		"why one":      func(w io.Writer) error { return WhyText(w, one, fstest.MapFS{}, Style{}) },
		"why many":     func(w io.Writer) error { return WhyText(w, many, fstest.MapFS{}, Style{}) },
		"history JSON": func(w io.Writer) error { return HistoryJSON(w, a, Notice{}) },
		"moment JSON":  func(w io.Writer) error { return MomentJSON(w, m, Notice{}) },
		"history CSV":  func(w io.Writer) error { return HistoryCSV(w, a) },
		"moment CSV":   func(w io.Writer) error { return MomentCSV(w, m) },
	} {
		got := text(t, write)
		for line := range strings.SplitSeq(got, "\n") {
			require.False(t, strings.HasPrefix(line, "2026-01-01"), "%s: %s", name, got)
			require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) }), "%s: %q", name, line)
		}
		if !strings.HasSuffix(name, "CSV") {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
		require.NoError(t, err)
		require.Greater(t, len(rows), 2)
		for _, row := range rows {
			for _, cell := range row {
				begins := strings.TrimLeft(cell, " ⏎")
				require.False(t, begins != "" && strings.ContainsAny(begins[:1], "=+-@"), "%s: %q", name, cell)
			}
		}
	}
}
