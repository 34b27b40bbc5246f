package fleet

import (
	"fmt"
	"strconv"
	"strings"
)

func (c *comparison) platformVersions(was, is *Platform) {
	c.notBack("platform", "vcluster.version", was.VCluster.Version, is.VCluster.Version)
	if w, i := was.standalone(), is.standalone(); w != nil && i != nil {
		c.kubernetes("platform", "controlPlane.standalone.kubernetes", w.Kubernetes, i.Kubernetes)
	}
}

func (p *Platform) standalone() *Standalone {
	if p.ControlPlane == nil {
		return nil
	}
	return p.ControlPlane.Standalone
}

// kubernetes is upgraded from each minor version to the next, and never back: kubernetes.io/releases/version-skew-policy.
func (c *comparison) kubernetes(entity, field, was, is string) {
	c.notBack(entity, field, was, is)
	if old, now := release(was), release(is); now[0] == old[0] && now[1] > old[1]+1 {
		c.report("MW276", Query{entity, field}, fmt.Sprintf("%s of %s skips a version: from %s to %s", field, entity, was, is),
			fmt.Sprintf("write v%d.%d first, let it come into force everywhere, and go on from there", old[0], old[1]+1))
	}
}

// notBack: what was stored meanwhile may have a form that an older minor version cannot read.
func (c *comparison) notBack(entity, field, was, is string) {
	if old, now := release(was), release(is); now[0] < old[0] || now[0] == old[0] && now[1] < old[1] {
		c.report("MW276", Query{entity, field}, fmt.Sprintf("%s of %s goes back: from %s to %s", field, entity, was, is),
			"keep it or write a later one; what was stored meanwhile may be in a form that the older one cannot read")
	}
}

// release is the major and the minor version.
func release(version string) (numbers [2]int) {
	for i, part := range strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3) {
		if i < 2 {
			numbers[i], _ = strconv.Atoi(part) // the schema has its form
		}
	}
	return numbers
}
