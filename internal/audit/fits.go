package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// changes proves that what was done is what the commits want: what was made or changed is wanted, with the values that
// were written, and what was deleted is not.
func (w *verification) changes(ctx context.Context) error {
	var fit tally
	var wanted Wanted
	have, made := -1, map[string]bool{}
	for i, e := range w.entries {
		at := w.at[i]
		if at < 0 || len(e.Run.Changes) == 0 {
			continue
		}
		if at != have {
			var err error
			if wanted, err = w.Wants(ctx, at); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				wanted = Wanted{Lacks: "it does not compile with this version: " + err.Error()}
			}
			have = at
		}
		for _, c := range e.Run.Changes {
			why, is := w.fits(c, wanted, e.Run.Millwright == w.Version)
			if is == fits && c.Action == plan.Delete && !made[c.Address] { // else any deletion of anything would fit
				why, is = "what they deleted no run before them made or changed", unknown
			}
			switch is {
			case contradicts:
				w.wrong(e, "%s %s: %s", c.Action, c.Address, why)
			case fits:
				fit.proven++
			default:
				fit.because(why)
			}
			made[c.Address] = made[c.Address] || c.Action != plan.Delete
			if why := given(c, wanted.Fleet, e.Run.Began); why != "" {
				w.wrong(e, "the approval of %s: %s", c.Address, why)
			}
		}
	}
	if fit.proven > 0 {
		w.proven("%s made what the commits want, in the values that the journal holds", many(fit.proven, "change"))
	}
	for _, why := range fit.order {
		w.unproven("that %s made what the commits want: %s", many(fit.unproven[why], "change"), why)
	}
	return nil
}

// given says in what the fleet that was in force does not have the approval that a change is said to be by, or "".
func given(c journal.Change, f *fleet.Fleet, at time.Time) string {
	switch {
	case c.Approval == nil || f == nil:
		return ""
	case c.Approval.Window != "":
		if _, there := f.Policy.Windows[c.Approval.Window]; !there {
			return fmt.Sprintf("the fleet had no window %q then", c.Approval.Window)
		}
		return ""
	}
	a := f.Approvals[c.Approval.Name]
	if a == nil {
		return fmt.Sprintf("the fleet had no approval %q then", c.Approval.Name)
	}
	return a.Ended(at)
}

// tally counts what fits, and why what does not is not known to.
type tally struct {
	proven   int
	order    []string
	unproven map[string]int
}

func (t *tally) because(why string) {
	if t.unproven == nil {
		t.unproven = map[string]int{}
	}
	if t.unproven[why] == 0 {
		t.order = append(t.order, why)
	}
	t.unproven[why]++
}

type verdict int

const (
	unknown verdict = iota
	fits
	contradicts
)

// fits says whether a change is what a commit wants. What another version rendered contradicts nothing.
func (w *verification) fits(c journal.Change, wanted Wanted, sameVersion bool) (why string, is verdict) {
	id, err := state.ParseID(c.Address)
	if err != nil {
		return "its address is none", contradicts
	}
	doubt := func(format string, args ...any) (string, verdict) {
		if !sameVersion {
			return "they were rendered by another version of Millwright, and this one renders otherwise", unknown
		}
		return fmt.Sprintf(format, args...), contradicts
	}
	o, there := wanted.Set.Get(id)
	switch {
	case c.Action == plan.Release:
		return "hands were taken off, which leaves nothing to compare", unknown
	case !there && c.Action != plan.Delete && wanted.Lacks != "":
		return "what their commit wants is not known whole: " + wanted.Lacks, unknown
	case c.Action == plan.Delete && !there && wanted.Lacks != "":
		return "what their commit wants is not known whole: " + wanted.Lacks, unknown
	case c.Action == plan.Delete && there:
		return doubt("the commit wants it to be there")
	case c.Action == plan.Delete:
		return "", fits
	case !there:
		return doubt("the commit does not want it")
	case c.Entity != o.Entity:
		return doubt("it is for %s, and not for %s", o.Entity, c.Entity)
	case c.Action == plan.Create: // whose values are not in the journal
		return "", fits
	}
	for _, f := range c.Fields {
		if f.Sensitive {
			continue
		}
		path, err := state.ParsePath(f.Path)
		if err != nil {
			continue // of a list that goes by names, which the tree does not have
		}
		leaf, has := o.Tree.Get(path)
		switch {
		case !has && f.New != nil:
			if slices.ContainsFunc(path, func(step string) bool { return strings.HasPrefix(step, "[") }) {
				continue
			}
			return doubt("the commit says nothing of %s", f.Path)
		case has && f.New == nil:
			return doubt("the commit wants %s, and it was taken away", f.Path)
		case has && !same(leaf.Masked(), f.New):
			return doubt("the commit wants another value of %s", f.Path)
		}
	}
	return "", fits
}

// same reports whether a value of the journal is one that is rendered; long ones are there as their digest. Targets
// write numbers as text, and text as numbers.
func same(want, written any) bool {
	a, b := plainJSON(want), plainJSON(written)
	if bytes.Equal(a, b) || bytes.Equal(bytes.Trim(a, `"`), bytes.Trim(b, `"`)) {
		return true
	}
	text, ok := written.(string)
	return ok && text == fmt.Sprintf("sha256:%x (%d bytes)", sha256.Sum256(a), len(a))
}

// plainJSON is a value as JSON; the journal writes values so.
func plainJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return text
}
