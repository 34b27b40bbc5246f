package fleet

import (
	"fmt"
	"slices"
)

// rings: a cluster is in a ring that its stack has.
func (c *checker) rings() {
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			s := c.f.Stacks[k.Stack]
			if k.Ring == "" || s != nil && slices.Contains(s.Rings, k.Ring) {
				continue
			}
			have, related := []string(nil), []mention(nil)
			if s != nil {
				have, related = s.Rings, []mention{{Query{address("stack", k.Stack), "rings"}, "the stack's rings"}}
			}
			c.report("MW201", Query{address("tenant", tn), joinPath("cluster", cn, "ring")}, fmt.Sprintf("the stack of %s.%s has no ring %q", tn, cn, k.Ring), hintNames("its rings are", have), related...)
		}
	}
}
