package fleet

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones of windows are the same on every machine
)

// approvals: their times are times, and what they are for is there. That one has ended is no finding, since
// what a fleet is does not depend on when it is asked.
func (c *checker) approvals() {
	for n, a := range All(c.f.Approvals) {
		e := address("approval", n)
		from, fromOK := c.moment(a.From, Query{e, "from"})
		until, untilOK := c.moment(a.Until, Query{e, "until"})
		if fromOK && untilOK && !until.After(from) {
			c.report("MW371", Query{e, "until"}, fmt.Sprintf("approval %s ends before it begins", n), "write a later until, or an earlier from")
		}
		c.scopes(e, "for", a.For)
		if a.Machines > a.Changes {
			c.report("MW373", Query{e, "machines"}, fmt.Sprintf("approval %s is for %d machines and only %d changes", n, a.Machines, a.Changes), "changes counts objects: each machine has one at least")
		}
	}
	if c.f.Policy == nil {
		return
	}
	for n, w := range All(c.f.Policy.Windows) {
		at := joinPath("windows", n)
		if _, err := time.LoadLocation(w.Zone); err != nil || strings.EqualFold(w.Zone, "local") {
			c.report("MW374", Query{"policy", at + ".zone"}, fmt.Sprintf("there is no time zone %q", w.Zone), `write a name of the IANA database, like "Europe/Berlin", or "UTC"`)
		}
		c.scopes("policy", at+".for", w.For)
	}
}

func (c *checker) moment(text string, at Query) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		c.report("MW371", at, fmt.Sprintf("%q is no time: there is no such day or hour", text), `write one like "2026-05-12T18:00:00Z"`)
	}
	return t, err == nil
}

// scopes warns of what is meant for something that is not in the fleet: what left it stays no longer wrong
// than its approval lasts.
func (c *checker) scopes(entity, field string, all []string) {
	for i, s := range all {
		kind, name, _ := strings.Cut(s, "/")
		names := c.f.named(kind)
		if names == nil {
			continue
		}
		begins, wild := strings.CutSuffix(name, "*")
		ok := false
		for _, n := range names {
			ok = ok || n == name || wild && strings.HasPrefix(n, begins)
		}
		if ok {
			continue
		}
		hint := "name what is there, or remove it"
		if near := nearest(name, names); near != "" && !wild {
			hint = "did you mean " + kind + "/" + near + "?"
		}
		c.warn("MW372", Query{entity, fmt.Sprintf("%s[%d]", field, i)}, fmt.Sprintf("nothing in the fleet is %s", s), hint)
	}
}

// named are the names of all that the fleet has of a kind that approvals are for, as addresses have them; nil if
// the kind is that of objects.
func (f *Fleet) named(kind string) []string {
	names := []string{}
	switch kind {
	case "tenant":
		return append(names, keys(f.Tenants)...)
	case "machine":
		return append(names, keys(f.Machines)...)
	case "segment":
		return append(names, keys(f.Segments)...)
	case "stack":
		return append(names, keys(f.Stacks)...)
	case "cluster":
		for tn, t := range All(f.Tenants) {
			for cn := range All(t.Clusters) {
				names = append(names, tn+"/"+cn)
			}
		}
		return names
	case "pool":
		for _, p := range f.Pools() {
			names = append(names, p.Tenant+"/"+p.Cluster+"/"+p.Name)
		}
		return names
	}
	return nil
}
