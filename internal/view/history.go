package view

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/report"
)

// merged is how times of a history are written: in UTC, to the minute.
const merged = "2006-01-02 15:04Z"

// HistoryText prints events, commit by commit, the newest first. Of one field it is a line for each value.
func HistoryText(w io.Writer, a audit.Answer, s Style) error {
	p := printer{w: w}
	if len(a.Events) == 0 {
		p.f("no changes of %s\n", historyName(a.Address, a.Field))
	}
	last := ""
	for _, e := range a.Events {
		if e.Commit.Hash != last {
			commitText(&p, e.Commit, e.With, s)
		}
		last = e.Commit.Hash
		switch name := s.paint(strong, e.Entity); {
		case e.Change == audit.Invalid:
			p.f("  %s\n", s.paint(bad, "no fleet: "+cut(e.Commit.Invalid)))
		case e.Change != audit.Changed && (a.Field == "" || len(e.Changes) == 0):
			p.f("  %s %s%s\n", name, e.Change, fieldsText(e))
		default:
			for _, c := range e.Changes {
				old, now := oldAndNew(c)
				p.f("  %s: %s → %s\n", s.paint(strong, join(e.Entity, c.Path)), old, now)
				setsText(&p, c, s)
			}
		}
		effectText(&p, e.Effect, s)
	}
	for _, b := range a.Bound {
		boundText(&p, b, s)
	}
	if len(a.Unknown) > 0 {
		p.f("%s\n", s.paint(faint, "not known is the history of "+unknownText(a.Unknown)))
	}
	return p.err
}

// fieldsText is how many fields came or went with something.
func fieldsText(e audit.Event) string {
	if len(e.Changes) == 0 {
		return ""
	}
	return ", " + plural(len(e.Changes), "field")
}

// effectText prints what the journal says of when something came about.
func effectText(p *printer, e *audit.Effect, s Style) {
	if e == nil {
		return
	}
	numbers := make([]string, len(e.Runs))
	for i, n := range e.Runs {
		numbers[i] = fmt.Sprint(n)
	}
	by := "run " + strings.Join(numbers, ", ")
	if len(numbers) > 1 {
		by = "runs " + strings.Join(numbers, ", ")
	}
	switch all := e.Done + e.Pending + e.Failed; {
	case all == 0 && e.Before:
		p.f("    %s\n", s.paint(caution, "not in effect yet, by the journal"))
	case all == 0:
		p.f("    %s\n", s.paint(faint, "the journal has no change for it"))
	case e.Done == all:
		p.f("    %s\n", s.paint(good, fmt.Sprintf("in effect %s, %s: %s", e.Time.Format(merged), by, plural(all, "change"))))
	default:
		text := fmt.Sprintf("in effect in part: %d of %s done, %d pending, %d failed, %s", e.Done, plural(all, "change"), e.Pending, e.Failed, by)
		p.f("    %s\n", s.paint(caution, cut(text)))
	}
}

func boundText(p *printer, b audit.Bound, s Style) {
	text := "let go by others"
	if b.To != "" {
		text = "bound by others to " + b.To
	}
	if b.Was != "" {
		text += ", before to " + b.Was
	}
	p.f("%s  run %d  %s %s\n", b.Time.Format(merged), b.Run, s.paint(strong, "machine/"+b.Machine), cut(clean(text)))
}

// manySets is how many fields of an object are named that a change sets.
const manySets = 3

// setsText prints which fields of a rendered object come of a change.
func setsText(p *printer, c audit.Change, s Style) {
	sets := c.Sets
	if len(sets) == 0 {
		return
	}
	text := "sets "
	if c.Coarse {
		text = "of it, changed or not: "
	}
	text += strings.Join(sets[:min(len(sets), manySets)], ", ")
	if more := len(sets) - manySets; more > 0 {
		text += " and " + plural(more, "field") + " more"
	}
	p.f("    %s\n", s.paint(faint, cut(clean(text))))
}

// unknownText names origins that a history does not know.
func unknownText(all []audit.Origin) string {
	names := map[string]bool{}
	for _, o := range all {
		names[o.Entity] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

// commitText prints a commit and who stands behind it, then those before it that were no fleet.
func commitText(p *printer, c audit.Commit, with []audit.Commit, s Style) {
	p.f("%s  %s  %s\n  %s\n", c.Time.Format(merged), s.paint(caution, c.Hash[:min(12, len(c.Hash))]), cut(clean(c.Subject)), s.paint(faint, behind(c)))
	withText(p, with, "  ", s)
}

// withText prints the commits before one that were no fleet.
func withText(p *printer, with []audit.Commit, indent string, s Style) {
	for _, before := range slices.Backward(with) {
		p.f("%s%s\n", indent, s.paint(faint, fmt.Sprintf("with %s %s, %s, which was no fleet by itself: %s",
			before.Hash[:min(12, len(before.Hash))], cut(clean(before.Subject)), behind(before), cut(clean(before.Invalid)))))
	}
}

// commitName is a commit on one line; what has none is not committed yet.
func commitName(c audit.Commit) string {
	if c.Hash == "" {
		return "in the directory, not committed yet"
	}
	return fmt.Sprintf("%s in %s  %s", c.Time.Format(merged), c.Hash[:min(12, len(c.Hash))], cut(clean(c.Subject)))
}

// behind is who stands behind a commit, as it says itself.
func behind(c audit.Commit) string {
	text := "by " + cut(clean(strings.Join(c.Authors, ", ")))
	if c.MergedBy != "" {
		text += ", merged by " + cut(clean(c.MergedBy))
	}
	if len(c.ApprovedBy) == 0 {
		text += ", no approval recorded"
	} else {
		text += ", approved by " + cut(clean(strings.Join(c.ApprovedBy, ", ")))
	}
	if len(c.Tickets) > 0 {
		text += " (" + cut(clean(strings.Join(c.Tickets, ", "))) + ")"
	}
	return text
}

// join is the address of a field of an object.
func join(object, field string) string {
	if field == "" || field[0] == '[' {
		return object + field
	}
	return object + "." + field
}

// oldAndNew are the values of a change as people read them.
func oldAndNew(c audit.Change) (old, now string) {
	return report.ShortHashes(values(c.Old.Plain(), c.New.Plain()))
}

func historyName(address, field string) string {
	if address == "" {
		return "anything that was asked for"
	}
	return join(address, field)
}

// MomentText prints how something stood at a moment, and which commits made it so, the newest first.
func MomentText(w io.Writer, m audit.Moment, s Style) error {
	p := printer{w: w}
	p.f("%s at %s\n", s.paint(strong, join(m.Address, m.Field)), m.At.Format(merged))
	groups := slices.Clone(m.Values)
	slices.SortStableFunc(groups, func(a, b audit.Standing) int { return madeAt(b).Compare(madeAt(a)) })
	last := ""
	for _, v := range groups {
		if v.Commit == nil {
			p.f("  was not there yet\n")
			continue
		}
		if v.Commit.Hash != last {
			commitText(&p, *v.Commit, v.With, s)
		}
		last = v.Commit.Hash
		p.f("  %s = %s\n", s.paint(strong, join(m.Address, v.Path)), value(v.Value.Plain()))
		effectText(&p, v.Effect, s)
	}
	if m.Bound != nil {
		boundText(&p, *m.Bound, s)
	}
	return p.err
}

func madeAt(v audit.Standing) time.Time {
	if v.Commit == nil {
		return time.Time{}
	}
	return v.Commit.Time
}

// Notice is what an answer from history lacks.
type Notice struct {
	Complete   bool     `json:"complete"`
	Incomplete []string `json:"incomplete,omitempty"`
	// Notes are what no history can tell of what was asked for.
	Notes []string `json:"notes,omitempty"`
}

// HistoryJSON writes events for programs.
func HistoryJSON(w io.Writer, a audit.Answer, n Notice) error {
	return JSON(w, struct {
		Version int `json:"version"`
		Notice
		audit.Answer
	}{FormatVersion, n, a})
}

// MomentJSON writes how something stood for programs.
func MomentJSON(w io.Writer, m audit.Moment, n Notice) error {
	return JSON(w, struct {
		Version int `json:"version"`
		Notice
		audit.Moment
	}{FormatVersion, n, m})
}

// HistoryCSV writes one row for each field of each event.
func HistoryCSV(w io.Writer, a audit.Answer) error {
	rows := [][]string{append(slices.Clone(commitColumns), "entity", "change", "field", "old", "new", "sets", "in_effect")}
	for _, e := range a.Events {
		changes := e.Changes
		if len(changes) == 0 || len(e.Sets) > 0 { // that the entity is there is a row of its own
			changes = append([]audit.Change{{Sets: e.Sets}}, changes...)
		}
		for _, c := range changes {
			rows = append(rows, append(commitCells(e.Commit), e.Entity, e.Change, c.Path, plainText(c.Old), plainText(c.New), strings.Join(c.Sets, "; "), effectCell(e.Effect)))
		}
	}
	return writeCSV(w, rows)
}

// MomentCSV writes one row for each value.
func MomentCSV(w io.Writer, m audit.Moment) error {
	rows := [][]string{append(slices.Clone(commitColumns), "entity", "at", "field", "value", "in_effect")}
	for _, v := range m.Values {
		var by audit.Commit
		if v.Commit != nil {
			by = *v.Commit
		}
		rows = append(rows, append(commitCells(by), m.Address, m.At.Format(time.RFC3339), v.Path, plainText(v.Value), effectCell(v.Effect)))
	}
	return writeCSV(w, rows)
}

var commitColumns = []string{"merged", "commit", "subject", "authors", "merged_by", "approved_by", "tickets", "invalid"}

func commitCells(c audit.Commit) []string {
	when := ""
	if !c.Time.IsZero() {
		when = c.Time.Format(time.RFC3339)
	}
	return []string{when, c.Hash, c.Subject, strings.Join(c.Authors, "; "), c.MergedBy, strings.Join(c.ApprovedBy, "; "), strings.Join(c.Tickets, "; "), c.Invalid}
}

// effectCell is when all of something was in effect; empty if it was not, or nobody knows.
func effectCell(e *audit.Effect) string {
	if e == nil || e.Done == 0 || e.Pending+e.Failed > 0 {
		return ""
	}
	return e.Time.Format(time.RFC3339)
}

// plainText is a value as a cell: text as it is, all else as JSON.
func plainText(v audit.Value) string {
	if text, ok := v.Plain().(string); ok {
		return text
	}
	return string(v)
}

// writeCSV writes rows whose cells are one line each and no formulas: programs for tables run what begins as one.
func writeCSV(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = clean(cell)
			if begins := strings.TrimLeft(row[i], " ⏎"); begins != "" && strings.ContainsAny(begins[:1], "=+-@") {
				row[i] = "'" + row[i]
			}
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}
