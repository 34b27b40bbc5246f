package plan

import (
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// wanted plans one object that Git wants.
func (in Input) wanted(o state.Object) Change {
	c := Change{ID: o.ID, Entity: o.Entity, Action: Nothing, Status: InSync, Want: &o}
	if owned, ok := in.Owned[o.ID]; ok {
		c.Owned = &owned
	}
	presence, live, err := in.Live[o.ID.Target].Presence(o.ID)
	switch presence {
	case state.PresenceUnknown:
		c.Status, c.Note = Unknown, "was not looked at"
		if err != nil {
			c.Note = err.Error()
		}
	case state.Absent:
		in.absent(&c)
	case state.Present:
		c.Live = &live
		in.present(&c)
	}
	return c
}

// absent plans an object that is wanted and not there.
func (in Input) absent(c *Change) {
	table := kinds.Of(c.ID)
	switch {
	case c.Want.Mode == state.Observe:
		c.Status, c.Note = Missing, "it must be there already, and is not"
	case table.Intrinsic:
		c.Status, c.Note = Progressing, "its owner has not made it yet"
	case c.Owned != nil:
		c.Action, c.Status, c.Causes, c.Impact = Create, Missing, []Cause{CauseDrift}, table.Created
		if table.Protected {
			c.Hold(Hold{By: "protected", Why: "it was ours and is gone; to make it again may destroy what runs",
				Until: fmt.Sprintf("policy adopts %s, or its %s is retired", c.ID, state.EntityKind(c.Entity))})
			if in.Adopt[c.ID.String()] {
				c.Held, c.Status = nil, Missing
			}
		}
	default:
		c.Action, c.Status, c.Causes, c.Impact = Create, Progressing, []Cause{CauseCommit}, table.Created
	}
	if c.Action == Create {
		c.Fields = Compare(c.Want.Tree, nil, table)
		c.Basis = "rendered"
	}
}

// present plans an object that is wanted and there.
func (in Input) present(c *Change) {
	table := kinds.Of(c.ID)
	if c.Live.Deleting {
		c.Status, c.Note = Progressing, "is being deleted; it is looked at again once it is gone"
		return
	}
	c.Fields, c.Basis = in.fields(c, table)
	for i := range c.Fields {
		if c.Live.Writers != nil {
			c.Fields[i].Who = c.Live.Writers(c.Fields[i].Path)
		}
	}
	if c.Want.Mode == state.Observe {
		if len(c.Fields) > 0 {
			c.Status, c.Causes, c.Note = Drifted, []Cause{CauseDrift}, "observed only: another system is told to mend it"
		}
		return
	}
	ours := c.Owned != nil || table.Intrinsic
	switch {
	case !ours && c.Live.Mark == c.ID && len(c.Fields) == 0:
		c.Note = "bears our mark and is as wanted; remembered again"
	case !ours && !in.Adopt[c.ID.String()]:
		c.Action, c.Causes = Adopt, []Cause{CauseCommit}
		c.Hold(Hold{By: "unmarked", Why: "something of this name is there that we did not make", Until: "policy adopts " + c.ID.String()})
		return
	case !ours:
		c.Action, c.Status, c.Causes = Adopt, Progressing, []Cause{CauseCommit}
		c.Impact = impactOf(c, table)
	case replaced(c.Owned, *c.Live) && !in.Adopt[c.ID.String()]:
		c.Action, c.Causes = Adopt, []Cause{CauseDrift}
		c.Hold(Hold{By: "unmarked", Why: "what was ours was replaced by something else of its name", Until: "policy adopts " + c.ID.String()})
	case len(c.Fields) > 0:
		in.differs(c, table)
		in.first(c, table)
	}
	if c.Action == Nothing {
		settle(c)
	}
}

// first holds the first change of an object that is there by nature unless it is known not to have been ours
// before: our mark on it, or a note that memory was lost, says that it may have been.
func (in Input) first(c *Change, table kinds.Table) {
	unknown := c.Owned == nil && !kinds.Marked(c.ID)
	forgotten := c.Owned == nil && c.Live.Mark == c.ID || c.Owned != nil && c.Owned.Unsure
	switch {
	case !table.Intrinsic || in.Adopt[c.ID.String()]:
	case forgotten:
		c.Hold(Hold{By: "memory", Why: "it may have been ours before, and what we applied is not remembered", Until: "the fleet adopts " + c.ID.String()})
	case unknown:
		c.Hold(Hold{By: "memory", Why: "we remember nothing, and what bears our mark cannot be seen", Until: "the control plane cluster can be read"})
	}
}

// replaced reports whether what is there is not what was ours, but something else of its name. What
// other controllers make is theirs to make anew.
func replaced(owned *state.Owned, live state.LiveObject) bool {
	return owned != nil && owned.Remote != "" && live.Remote != "" && owned.Remote != live.Remote && !kinds.Of(owned.ID).Intrinsic
}

// within reports whether a field is another one or lies below it; both as state.Path.String writes them.
func within(field, above string) bool {
	rest, ok := strings.CutPrefix(field, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// fields are the differences, from the target's own word where it gave one.
func (in Input) fields(c *Change, table kinds.Table) ([]Field, string) {
	preview, ok := in.Previews[c.ID]
	if ok && preview.Invalid != nil {
		c.Note = preview.Invalid.Error()
	}
	if ok && preview.Unknown == nil && preview.Invalid == nil {
		return Difference(c.Live.Value, preview.Value, c.Want.Tree, table), "previewed"
	}
	return Compare(c.Want.Tree, c.Live.Value, table), "rendered"
}

// differs plans the update of an object of ours.
func (in Input) differs(c *Change, table kinds.Table) {
	c.Action, c.Status, c.Causes, c.Impact = Update, Progressing, in.causes(c), impactOf(c, table)
	if slices.Contains(c.Causes, CauseDrift) {
		c.Status = Drifted
	}
	for _, f := range c.Fields {
		// What is not there yet is not changed by being set.
		if f.Old != nil && slices.ContainsFunc(table.Immutable, func(s string) bool { return within(f.Name, s) }) {
			c.Action, c.Impact = Replace, max(c.Impact, table.Removed)
			c.Hold(Hold{By: "replace", Why: f.Name + " cannot change in place", Until: "the old one is retired and the new one has another name"})
			return
		}
	}
	preview := in.Previews[c.ID]
	if preview.Invalid != nil {
		c.Status = Failed
		c.Action = Nothing
		return
	}
	for _, conflict := range preview.Conflicts {
		ours := c.Owned != nil && slices.ContainsFunc(c.Owned.Fields, func(f string) bool { return within(f, conflict.Path) })
		if !ours || slices.Contains(in.Controllers, conflict.Manager) {
			c.Hold(Hold{By: "conflict", Why: fmt.Sprintf("%s is owned by %s", conflict.Path, conflict.Manager),
				Until: "the fleet drops the field, or " + conflict.Manager + " does"})
			return
		}
		c.Force = true
	}
	if table.Staged {
		in.stage(c, table)
	}
}

// stage finds the next step of a change that takes effect by a reset. A machine that was told to reset
// is given time, also after it did, since it puts its settings in force on the way up. What a reset
// did not put in force another one will not, so that nothing resets a machine again and again.
func (in Input) stage(c *Change, table kinds.Table) {
	c.Step = Stage
	if c.Live.Pending != nil && len(Compare(c.Want.Tree, overlay(c.Live.Value, c.Live.Pending), table)) == 0 {
		c.Step = Reset
	}
	intent, open := in.Intents[c.ID]
	if !open || intent.Step != string(Reset) {
		return
	}
	last := c.Live.Facts[kinds.FactLastReset]
	shown := last != intent.Before
	same := intent.Digest == c.Want.Tree.Digest()
	switch {
	case in.Now.Sub(intent.Opened) < in.Settle && (same || !shown):
		c.Action, c.Status, c.Step, c.Note = Nothing, Pending, "", "was told to reset; waits for it to come back"
	case same && (shown || intent.Accepted && last == ""):
		c.Hold(Hold{By: "reset", Why: "the machine was reset, and these settings are not in force", Until: "the fleet asks for something else, or somebody sets them"})
	}
}

// overlay is value with pending laid over it, maps merged.
func overlay(value, pending map[string]any) map[string]any {
	out := make(map[string]any, len(value))
	for k, v := range value {
		out[k] = v
	}
	for k, v := range pending {
		below, ok1 := v.(map[string]any)
		under, ok2 := out[k].(map[string]any)
		if ok1 && ok2 {
			v = overlay(under, below)
		}
		out[k] = v
	}
	return out
}

// causes tells why an object of ours differs: what we want has changed, or what is there has.
func (in Input) causes(c *Change) []Cause {
	switch {
	case c.Owned == nil:
		return []Cause{CauseCommit}
	case c.Owned.Digest == c.Want.Tree.Digest() && resealed(c):
		return []Cause{CauseCommit}
	case c.Owned.Digest == c.Want.Tree.Digest():
		return []Cause{CauseDrift}
	case c.Owned.Commit == in.Commit && c.Owned.Renderer != in.Renderer:
		return []Cause{CauseUpgrade}
	}
	causes := []Cause{CauseCommit}
	if c.Owned.Renderer != in.Renderer { // both are new since it was applied: either may be why
		causes = append(causes, CauseUpgrade)
	}
	for _, f := range c.Fields {
		if slices.ContainsFunc(f.Who, stranger) {
			return append(causes, CauseDrift)
		}
	}
	return causes
}

// resealed reports whether what differs are sealed texts that nobody but us has written: then the fleet
// has others now, which no digest tells.
func resealed(c *Change) bool {
	return !slices.ContainsFunc(c.Fields, func(f Field) bool {
		t, _ := c.Want.Tree.Get(f.Path)
		_, sealed := t.Sealed()
		return !sealed || len(f.Who) == 0 || slices.ContainsFunc(f.Who, stranger)
	})
}

func stranger(w state.Writer) bool { return !strings.HasPrefix(w.Name, "millwright") }

func impactOf(c *Change, table kinds.Table) kinds.Impact {
	worst := kinds.None
	if table.Changed != nil {
		for _, f := range c.Fields {
			worst = max(worst, table.Changed(f.Path, state.Scalar(f.Old), state.Scalar(f.New), *c.Live))
		}
	}
	return worst
}

// settle gives an object that needs nothing done its status.
func settle(c *Change) {
	switch {
	case c.Live.Pending != nil:
		c.Status, c.Note = Pending, "accepted; takes effect at the next reset"
	case c.Live.Health.State == state.Progressing:
		c.Status, c.Note = Progressing, c.Live.Health.Message
	case c.Live.Health.State == state.Unhealthy:
		c.Status, c.Note = Failed, c.Live.Health.Message
	}
}

// unwanted plans an object of ours that Git no longer wants.
func (in Input) unwanted(owned state.Owned) Change {
	c := Change{ID: owned.ID, Entity: owned.Entity, Action: Nothing, Status: InSync, Owned: &owned}
	presence, live, err := in.Live[owned.ID.Target].Presence(owned.ID)
	switch presence {
	case state.PresenceUnknown:
		c.Status, c.Note = Unknown, "was not looked at"
		if err != nil {
			c.Note = err.Error()
		}
		return c
	case state.Absent:
		c.Note = "is gone, as wanted"
		return c
	}
	c.Live = &live
	table := kinds.Of(c.ID)
	c.Action, c.Status, c.Causes, c.Impact = Delete, Progressing, []Cause{CauseCommit}, table.Removed
	if table.Release == kinds.Leave {
		c.Action, c.Impact, c.Note = Release, kinds.None, "left as it is"
	}
	if live.Deleting {
		c.Action, c.Note = Nothing, "is being deleted"
		return c
	}
	if replaced(&owned, live) {
		c.Hold(Hold{By: "unmarked", Why: "what was ours was replaced by something else of its name", Until: "somebody has removed it by hand"})
		return c
	}
	if why, ok := in.mayGo(owned, table); !ok {
		c.Hold(Hold{By: "retire-first", Why: why, Until: "the entity is back and retired: retire it in one commit, remove it in a later one"})
	}
	return c
}

// mayGo reports whether the fleet says in two steps that the object may go: what it was for is still
// there without it, or is retired. A file that merely vanished says nothing.
func (in Input) mayGo(owned state.Owned, table kinds.Table) (why string, ok bool) {
	if e, ok := in.Want.Entity(owned.Entity); ok {
		if e.Retired || !table.Protected {
			return "", true
		}
		return fmt.Sprintf("%s no longer renders it, but is not retired", owned.Entity), false
	}
	// A pool is part of its cluster: while that stands, dropping the pool is an edit, which may not take
	// protected objects along.
	if word := strings.Split(owned.Entity, "/"); word[0] == "pool" && len(word) > 2 {
		if e, ok := in.Want.Entity("cluster/" + word[1] + "/" + word[2]); ok && (e.Retired || !table.Protected) {
			return "", true
		}
	}
	return fmt.Sprintf("%s vanished from the fleet without having been retired", owned.Entity), false
}

// orphan reports an object that bears our mark and that nothing explains.
func orphan(o state.LiveObject) Change {
	return Change{ID: o.ID, Action: Nothing, Status: Orphaned, Live: &o,
		Note: "bears our mark, but neither the fleet nor our memory knows it; remove it by hand, or write it into the fleet"}
}
