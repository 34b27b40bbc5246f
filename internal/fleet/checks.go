package fleet

import (
	"context"
	"fmt"
	"io/fs"

	"millwright.dev/millwright/internal/diag"
)

// checker collects what is wrong with a fleet as a whole: what no directory can know by itself.
type checker struct {
	f     *Fleet
	fsys  fs.FS
	known *register
	found []finding
}

// finding is a diagnostic whose positions are not known yet: asking for them means compiling again,
// which only a fleet with findings pays for.
type finding struct {
	diag.Diagnostic
	at      Query
	related []mention
}

type mention struct {
	at      Query
	message string
}

// maxLocated bounds how many findings get the exact positions of their fields; the others get those
// of their entities.
const maxLocated = 200

// check runs every check over the whole fleet, with a register that nobody else uses meanwhile.
func check(ctx context.Context, f *Fleet, fsys fs.FS, known *register) diag.List {
	known.update(f)
	c := &checker{f: f, fsys: fsys, known: known}
	if f.Platform == nil {
		c.report("MW201", Query{}, "the fleet has no platform", "write one: platform: fleet.#Platform & {...}")
	}
	if f.Policy == nil {
		c.report("MW201", Query{}, "the fleet has no policy", "write one: policy: fleet.#Policy has the careful defaults")
	}
	c.machines()
	c.uniqueness()
	c.amongBMCs()
	c.stacks()
	c.allocation()
	c.pools()
	c.platform()
	c.portGUIDs()
	c.attributes()
	c.approvals()
	c.found = append(c.found, known.plans(f)...)
	return c.list(ctx)
}

// planned are the checks that look at no machine and at no file beside the CUE. They are given a fleet
// and no file system that could tell of any: see register.
func (c *checker) planned() {
	c.references()
	c.names()
	c.clusterStacks()
	c.labels()
	c.observability()
	c.networks()
	c.segments()
	c.vnets()
	c.reach()
	c.clusters()
	c.hardware()
	c.installing()
	c.identity()
	c.profiles()
	c.ufms()
	c.partitions()
	c.queues()
	c.rings()
	c.taints()
}

// report adds a finding about a field.
func (c *checker) report(code string, at Query, summary, hint string, related ...mention) {
	d := diag.Diagnostic{Code: code, Summary: summary, Hint: hint, Path: at.Entity}
	if at.Path != "" {
		d.Path += "." + at.Path
	}
	c.found = append(c.found, finding{Diagnostic: d, at: at, related: related})
}

// warn adds a finding that stops nothing.
func (c *checker) warn(code string, at Query, summary, hint string, related ...mention) {
	c.report(code, at, summary, hint, related...)
	c.found[len(c.found)-1].Severity = diag.Warning
}

// list finds the positions and returns the findings.
func (c *checker) list(ctx context.Context) diag.List {
	var ask []Query
	for _, f := range c.found[:min(len(c.found), maxLocated)] {
		ask = append(ask, f.at)
		for _, m := range f.related {
			ask = append(ask, m.at)
		}
	}
	at := c.f.positions(ctx, ask)
	var out diag.List
	for _, f := range c.found {
		f.Pos = c.pos(at, f.at)
		for _, m := range f.related {
			f.Related = append(f.Related, diag.Related{Pos: c.pos(at, m.at), Message: m.message})
		}
		out = append(out, f.Diagnostic)
	}
	return out
}

func (c *checker) pos(known map[Query]diag.Pos, q Query) diag.Pos {
	if p, ok := known[q]; ok {
		return p
	}
	return c.f.PosOf(q.Entity)
}

// references: whatever is named must exist; what machines name is checked with them.
func (c *checker) references() {
	for n, k := range All(c.f.Classes) {
		if k.Image != "" {
			mustExist(c, c.f.Images, "image", k.Image, Query{address("class", n), "image"})
		}
	}
	for n, s := range All(c.f.Segments) {
		mustExist(c, c.f.Sites, "site", s.Site, Query{address("segment", n), "site"})
		c.siteReferences(n, s)
	}
	for tn, t := range All(c.f.Tenants) {
		e := address("tenant", tn)
		for cn, k := range All(t.Clusters) {
			in := joinPath("cluster", cn)
			if k.Stack != "" {
				mustExist(c, c.f.Stacks, "stack", k.Stack, Query{e, in + ".stack"})
			}
			if k.Segment != "" { // shared nodes have none
				mustExist(c, c.f.Segments, "segment", k.Segment, Query{e, in + ".segment"})
			}
			for pn, p := range All(k.Pools) {
				in := joinPath("cluster", cn, "pool", pn)
				if p.Class != "" {
					mustExist(c, c.f.Classes, "class", p.Class, Query{e, in + ".class"})
				}
				name := c.f.poolRef(tn, cn, pn).Class
				switch class := c.f.Classes[name]; {
				case p.Image != "":
					mustExist(c, c.f.Images, "image", p.Image, Query{e, in + ".image"})
				case class != nil && class.Image == "":
					c.report("MW201", Query{e, in}, fmt.Sprintf("pool %s has no image, and neither has its class %s", pn, name),
						"give one of them an image: one is written to the machines' disks")
				}
			}
		}
	}
}

// mustExist reports a name that nothing of its kind bears.
func mustExist[V any](c *checker, m map[string]V, kind, name string, at Query) {
	if _, ok := m[name]; ok {
		return
	}
	hint := fmt.Sprintf("write %s: %q: fleet.#%s & {...}, or name one that exists", kind, name, definitionOf(kind))
	if near := nearest(name, keys(m)); near != "" {
		hint = "did you mean " + near + "?"
	}
	c.report("MW201", at, fmt.Sprintf("there is no %s %q", kind, name), hint)
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range All(m) {
		out = append(out, k)
	}
	return out
}

// definitionOf is the schema's name for one thing of a kind: "Class" for "class".
func definitionOf(kind string) string { return string(kind[0]-'a'+'A') + kind[1:] }
