package guard

import (
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// windows lets go ahead what an open window is for.
func (in Input) windows(asking []*plan.Change) {
	for n, w := range fleet.All(in.Fleet.Policy.Windows) {
		until, ok := open(w, in.Now)
		if !ok {
			continue
		}
		for _, c := range asking {
			if c.Consent == nil && in.opens(w, c) {
				in.agree(c, plan.Consent{Window: n, Until: until})
			}
		}
	}
}

// opens reports whether a change needs no more than that a window is open. A person decides what deletes more
// than the quota or loses data, and about drift that policy says to report.
func (in Input) opens(w fleet.Window, c *plan.Change) bool {
	most, ok := impactNamed(w.Impact)
	_, said := in.Fleet.Policy.Drift[Kind(c.ID)]
	return ok && c.Impact <= min(most, kinds.Reprovision) && !isHeldBy(c, "deletion-quota") && !(said && isHeldBy(c, "drift-policy")) &&
		(len(w.For) == 0 || in.covers(w.For, c))
}

// open reports whether a window is open at a time, and until when. A day that a change of the clock makes longer
// or shorter does so to the window too.
func open(w fleet.Window, now time.Time) (until time.Time, ok bool) {
	zone, err := time.LoadLocation(w.Zone)
	from, err1 := time.Parse("15:04", w.From)
	to, err2 := time.Parse("15:04", w.To)
	if err != nil || err1 != nil || err2 != nil {
		return until, false
	}
	year, month, day := now.In(zone).Date()
	for ago := range 2 { // it may have begun yesterday
		at := func(days int, t time.Time) time.Time {
			return moment(time.Date(year, month, day-ago+days, t.Hour(), t.Minute(), 0, 0, time.UTC), zone)
		}
		begins := time.Date(year, month, day-ago, 0, 0, 0, 0, time.UTC).Weekday()
		if name := strings.ToLower(begins.String()[:3]); len(w.Days) > 0 && !slices.Contains(w.Days, name) {
			continue
		}
		begin, end := at(0, from), at(0, to)
		if !to.After(from) {
			end = at(1, to)
		}
		if !now.Before(begin) && now.Before(end) {
			return end.UTC(), true
		}
	}
	return until, false
}

// moment is when clocks in a zone show what t shows. What they leave out, since summer begins, is when they change.
func moment(t time.Time, zone *time.Location) time.Time {
	at := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, zone)
	shown := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	since, until := at.ZoneBounds()
	switch {
	case shown.After(t):
		return since
	case shown.Before(t):
		return until
	}
	return at
}

// hours says in a few words when a window is open.
func hours(w fleet.Window) string {
	days := "every day"
	if len(w.Days) > 0 {
		days = strings.Join(w.Days, ", ")
	}
	return days + " from " + w.From + " to " + w.To + " " + w.Zone
}
