package view

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"millwright.dev/millwright/internal/audit"
)

// VerificationText prints what a journal proves, what it does not, and what is wrong, the worst last.
func VerificationText(w io.Writer, v audit.Verification, s Style) error {
	p := printer{w: w}
	p.f("%s: %s", s.paint(strong, v.Ref), plural(v.Runs, "run"))
	if v.Runs > 0 {
		p.f(", %s to %s, the newest is %s", v.First.Format(merged), v.Last.Format(merged), v.Tip)
	}
	p.f("\n")
	for _, text := range v.Proven {
		p.f("  %s  %s\n", s.paint(good, "proven"), sentence(text))
	}
	for _, text := range v.Unproven {
		p.f("  %s  %s\n", s.paint(faint, "not proven"), sentence(text))
	}
	for _, x := range v.Wrong {
		where := ""
		if x.Run > 0 {
			where = "run " + quoted(x.Run) + ", "
		}
		if x.Commit != "" {
			where += "commit " + x.Commit[:min(12, len(x.Commit))]
		}
		if where != "" {
			where += ": "
		}
		p.f("  %s  %s%s\n", s.paint(bad, "WRONG"), where, sentence(x.What))
	}
	return p.err
}

// VerificationJSON writes it for programs.
func VerificationJSON(w io.Writer, v audit.Verification) error {
	return JSON(w, struct {
		Version int  `json:"version"`
		Sound   bool `json:"sound"`
		audit.Verification
	}{FormatVersion, len(v.Wrong) == 0, v})
}

// RecordsJSON writes an export for programs.
func RecordsJSON(w io.Writer, all []audit.Record, n Notice) error {
	return JSON(w, struct {
		Version int `json:"version"`
		Notice
		Records []audit.Record `json:"records"`
	}{FormatVersion, n, all})
}

// RecordsCSV writes one row for each field of each record.
func RecordsCSV(w io.Writer, all []audit.Record) error {
	rows := [][]string{append([]string{"time", "kind", "run", "entity", "address", "what", "result", "error", "impact", "approval", "who", "field", "old", "new"}, commitColumns...)}
	for _, r := range all {
		fields := r.Fields
		if len(fields) == 0 {
			fields = []audit.RecordField{{}}
		}
		run, approval := "", ""
		if r.Run > 0 {
			run = strconv.Itoa(r.Run)
		}
		if a := r.Approval; a != nil {
			approval = strings.TrimSpace(fmt.Sprintf("%s%s by %s", a.Name, a.Window, a.By))
			if !a.Verified {
				approval += " (asserted)"
			}
		}
		for _, f := range fields {
			old, now := cell(f.Old), cell(f.New)
			if f.Sensitive {
				old, now = "(secret)", "(secret)"
			}
			row := []string{r.Time.UTC().Format(time.RFC3339), r.Kind, run, r.Entity, r.Address, r.What, string(r.Result), r.Error, r.Impact, approval, strings.Join(r.Who, "; "), f.Path, old, now}
			rows = append(rows, slices.Concat(row, commitCells(r.Commit)))
		}
	}
	return writeCSV(w, rows)
}

// cell is a value as a cell: text as it is, nothing as nothing, all else as JSON.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return quoted(v)
}
