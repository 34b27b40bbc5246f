package guard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// covers reports whether a change is among what addresses stand for.
func (in Input) covers(scopes []string, c *plan.Change) bool {
	object := c.ID.String()
	names := append(within(c.Entity), object)
	if m := in.about(c.ID); m != "" {
		names = append(names, "machine/"+m)
	}
	if c.Want != nil {
		if stack := from(c.Want.Tree); strings.HasPrefix(stack, "stack/") {
			names = append(names, stack)
		}
	}
	return named(scopes, object, names)
}

// Covers reports whether the scopes of an approval name an object, or what it is of.
func Covers(scopes []string, entity, object string) bool {
	return named(scopes, object, append(within(entity), object))
}

func named(scopes []string, object string, names []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool {
		if begins, wild := strings.CutSuffix(s, "*"); wild {
			return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, begins) })
		}
		return slices.Contains(names, s) || strings.HasPrefix(object, s+"/")
	})
}

// within is an entity with all that it is part of: a pool is part of its cluster, and that of its tenant.
func within(entity string) []string {
	all := []string{entity}
	word := strings.Split(entity, "/")
	if len(word) == 4 && word[0] == "pool" {
		all = append(all, "cluster/"+word[1]+"/"+word[2])
	}
	if len(word) > 2 && (word[0] == "pool" || word[0] == "cluster") {
		all = append(all, "tenant/"+word[1])
	}
	return all
}

// about is the machine that an object is about, or "".
func (in Input) about(id state.ID) string {
	if m, ok := in.machine(id); ok {
		return m.Name
	}
	if id.Target.System == state.Redfish {
		return id.Target.Name
	}
	return in.member(id)
}

// counted names the machine that an object is about, or was before that left the fleet, or "".
func (in Input) counted(id state.ID) string {
	machine := in.about(id)
	guid, port := kinds.Port(id)
	switch {
	case machine != "":
		return machine
	case port:
		return guid
	case id.Target == in.World.Hosts && id.Namespace == in.World.Namespace && strings.HasSuffix(id.Kind, ".metal3.io"):
		return id.Name
	}
	return ""
}

// Standing says why an approval of the fleet opens nothing as things are, whatever it is for, or "".
func Standing(a *fleet.Approval, in Input) string {
	return cmp.Or(a.Ended(in.Now), in.counts(in.Approvers.Of[a.Name]))
}

// counts says why an approval does not count, whatever it is for, or "".
func (in Input) counts(by Approver) string {
	asserted := !in.Approvers.Keys
	if say := in.Fleet.Policy.Approvals.Asserted; say != nil {
		asserted = *say
	}
	if by.Verified || asserted && !in.Fleet.Policy.Approvals.FourEyes {
		return ""
	}
	why := "nobody is proven to have signed it"
	if by.Unknown != "" {
		why += " (" + by.Unknown + ")"
	}
	return why
}

// exceeds says in what a change is more than an approval that is for it allows, or "".
func (in Input) exceeds(a *fleet.Approval, c *plan.Change) string {
	most, _ := impactNamed(a.Impact)
	switch {
	case c.Impact > most:
		return fmt.Sprintf("it is for no worse than %s", most)
	case onlyDrift(c) && !a.Drift:
		return "it is not for drift"
	case isHeldBy(c, "deletion-quota") && !a.Deletions:
		return "it is not for deletions beyond the quota"
	}
	return ""
}

func isHeldBy(c *plan.Change, guard string) bool {
	return slices.ContainsFunc(c.Held, func(h plan.Hold) bool { return h.By == guard })
}

// sameEyes says why the approver does not count for a change where policy asks for four eyes, or "". What
// somebody changed behind our back no commit brought.
func (in Input) sameEyes(by Approver, c *plan.Change) string {
	switch {
	case !in.Fleet.Policy.Approvals.FourEyes || onlyDrift(c):
		return ""
	case in.Approvers.Brought == nil:
		return "who brought the change cannot be told here, and policy asks for four eyes"
	}
	since := in.Base
	if c.Owned != nil && c.Owned.Commit != "" {
		since = c.Owned.Commit
	}
	people, err := in.Approvers.Brought(since, in.files(c))
	if err != nil {
		return fmt.Sprintf("who brought the change cannot be told (%v), and policy asks for four eyes", err)
	}
	if slices.ContainsFunc(people, func(name string) bool { return strings.EqualFold(name, by.Name) }) {
		return by.Name + " had a hand in the change, and policy asks for four eyes"
	}
	return ""
}

// files are those that what a change is about is made of: its entity's, those of the entities that its fields
// come from, the allocation, and of what stands for a cluster its stack's and segment's. Of a stack they are also
// the directories of its components, which end in a slash: what it installs is written there. Nil, which is any
// file, if the fleet does not have one of them any more.
func (in Input) files(c *plan.Change) []string {
	f := in.Fleet
	of := []string{plan.Owner(c.Entity)}
	for _, field := range c.Fields {
		if e := plan.Owner(field.Origin.Entity); e != "" && !slices.Contains(of, e) {
			of = append(of, e)
		}
	}
	if f.PosOf("allocation").IsValid() {
		of = append(of, "allocation")
	}
	if word := strings.Split(c.Entity, "/"); len(word) > 2 && (word[0] == "cluster" || word[0] == "pool") {
		if t := f.Tenants[word[1]]; t != nil && t.Clusters[word[2]] != nil {
			if s := t.Clusters[word[2]].Stack; s != "" {
				of = append(of, "stack/"+s)
			}
			if s := t.Clusters[word[2]].Segment; s != "" {
				of = append(of, "segment/"+s)
			}
		}
	}
	var files []string
	for _, e := range of {
		list := f.FilesOf(e)
		if len(list) == 0 {
			return nil
		}
		files = append(files, list...)
		if name, ok := strings.CutPrefix(e, "stack/"); ok {
			for _, component := range f.Stacks[name].Components {
				files = append(files, component.Path+"/")
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// explain says of a change that nobody agreed to what would let it go ahead. Short is why the first approval
// that is for it does not do. Changes that wait for the same say the same, so that they are told together.
func (in Input) explain(c *plan.Change, short string) {
	how := fmt.Sprintf(", or an approval for it contains it, with impact: %q", c.Impact)
	if onlyDrift(c) {
		how += ", drift: true"
	}
	if isHeldBy(c, "deletion-quota") {
		how += ", deletions: true"
	}
	for n, w := range fleet.All(in.Fleet.Policy.Windows) {
		if in.opens(w, c) {
			how += fmt.Sprintf(", or window %s is open (%s)", n, hours(w))
		}
	}
	said := false
	for i := range c.Held {
		if h := &c.Held[i]; plan.MayConsent(h.By) {
			if h.Until += how; short != "" && !said {
				h.Why += "; " + short
				said = true
			}
		}
	}
}
