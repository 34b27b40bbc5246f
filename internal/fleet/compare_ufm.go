package fleet

import "fmt"

// partition: the key of a partition in use, its UFM and whether IP runs over it stay as they are.
func (c *comparison) partition(name string, old, now *Segment) {
	if !old.Direct() {
		return
	}
	entity := address("segment", name)
	report := func(field, was, is string) {
		c.report("MW286", Query{entity, field}, fmt.Sprintf("the InfiniBand partition of %s was %s and cannot become %s", entity, was, is), elsewhere)
	}
	if !now.Direct() {
		field, is := "", "none"
		if now.InfiniBand != nil {
			field, is = "infiniband", "Netris's agent's"
		}
		report(field, hex(old.InfiniBand.Direct.PKey), is)
		return
	}
	was, is := old.InfiniBand.Direct, now.InfiniBand.Direct
	from, _ := c.base.DirectUFM(old)
	to, _ := c.f.DirectUFM(now)
	switch {
	case from != to:
		report("infiniband.direct.ufm", "at "+from, "one at "+to)
	case was.PKey != is.PKey:
		report("infiniband.direct.pkey", hex(was.PKey), hex(is.PKey))
	case was.IPoIB != is.IPoIB:
		report("infiniband.direct.ipoib", fmt.Sprintf("ipoib: %v", was.IPoIB), fmt.Sprintf("ipoib: %v", is.IPoIB))
	}
}
