package fleet

import "fmt"

// ufms: each InfiniBand manager is one, with a range that nobody else gives out of.
func (c *checker) ufms() {
	names, urls := given{}, given{}
	twice := func(seen given, key, summary, hint string, at Query) {
		if first, taken := seen[key]; taken {
			c.report("MW280", at, summary, hint, mention{first, "here too"})
			return
		}
		seen[key] = at
	}
	for n, s := range All(c.f.Sites) {
		for un, u := range All(s.UFMs) {
			at := func(field string) Query { return Query{address("site", n), joinPath("ufm", un) + field} }
			twice(names, un, fmt.Sprintf("two sites have a UFM called %s", un), "rename one: addresses begin with the name", at(""))
			twice(urls, u.URL, fmt.Sprintf("%s is entered as two UFMs", u.URL), "one fabric has one entry, and one range of keys", at(".url"))
			if a := u.Agent; a != nil && !c.namesAgent(n, a.ID) {
				c.warn("MW282", at(".agent.id"), fmt.Sprintf("neither netris.ufm nor a segment of site %s names Netris's agent %s", n, a.ID), `write netris: ufm, or correct the id; it is the agent's UFM_ID`)
			}
			if a := u.Agent; a != nil && a.PKeys.First <= u.PKeys.Last && u.PKeys.First <= a.PKeys.Last {
				c.report("MW281", at(".pkeys"), fmt.Sprintf("the fleet's partition keys %s meet those of Netris's agent, %s", pkeys(u.PKeys), pkeys(a.PKeys)),
					"two would give out the same key: give each its own range, and set the agent's UFM_PKEY_RANGE so", mention{at(".agent.pkeys"), "the agent's"})
			}
		}
	}
}

// namesAgent reports whether the site or a segment of it has partitions kept by such an agent of Netris.
func (c *checker) namesAgent(site, id string) bool {
	if c.f.Sites[site].Netris.UFM == id {
		return true
	}
	for _, s := range c.f.Segments {
		if s.Site == site && s.InfiniBand != nil && s.InfiniBand.UFM == id {
			return true
		}
	}
	return false
}

// partitions: a direct partition has a UFM, and a key of its range that no other segment has.
func (c *checker) partitions() {
	taken := map[string]map[int]Query{} // by UFM
	for _, s := range c.f.Sites {
		for name := range s.UFMs {
			taken[name] = map[int]Query{}
		}
	}
	for n, s := range All(c.f.Segments) {
		if name, u := c.f.DirectUFM(s); u != nil && s.InfiniBand.Direct.PKey != 0 {
			at := Query{address("segment", n), "infiniband.direct.pkey"}
			c.pkey(s, name, u, at, taken[name])
		}
	}
	for n, s := range All(c.f.Segments) {
		if !s.Direct() || c.f.Sites[s.Site] == nil {
			continue
		}
		at := func(field string) Query { return Query{address("segment", n), "infiniband." + field} }
		if s.InfiniBand.UFM != "" {
			c.report("MW282", at("ufm"), "the partition is Netris's agent's and direct at once", "leave ufm out: direct names its own", mention{at("direct"), "direct here"})
		}
		switch name, u := c.f.DirectUFM(s); {
		case u == nil && name == "":
			c.report("MW282", at("direct"), fmt.Sprintf("site %s has %d ufm, and direct names none", s.Site, len(c.f.Sites[s.Site].UFMs)), "write ufm: \"...\" here, with the name of one of the site's ufm")
		case u == nil:
			c.report("MW282", at("direct.ufm"), fmt.Sprintf("site %s has no ufm %q", s.Site, name), "name one of the site's, or write it there", mention{Query{address("site", s.Site), ""}, "the site"})
		case s.InfiniBand.Direct.PKey == 0:
			hint := fmt.Sprintf("every key of %s is taken: widen the range", name)
			if free := lowestFree(u.PKeys, taken[name]); free != 0 {
				hint = "write pkey: " + hex(free) + ", the lowest one that is free in " + name
				taken[name][free] = at("direct")
			}
			c.report("MW283", at("direct"), "the partition has no key", hint)
		}
	}
}

// pkey: a key that is given is in its UFM's range, and no other segment has it.
func (c *checker) pkey(s *Segment, name string, u *UFM, at Query, taken map[int]Query) {
	key := s.InfiniBand.Direct.PKey
	if !u.PKeys.Has(key) {
		c.report("MW283", at, fmt.Sprintf("partition key %s is not within %s", hex(key), pkeys(u.PKeys)), "choose one of the range of "+name,
			mention{Query{address("site", s.Site), joinPath("ufm", name) + ".pkeys"}, "the range"})
	}
	if first, given := taken[key]; given {
		c.report("MW284", at, fmt.Sprintf("partition key %s is given twice in %s", hex(key), name), "two segments of one key are one network: choose another", mention{first, "given here too"})
		return
	}
	taken[key] = at
}

// lowestFree is the lowest key of a range that is not taken; 0 if all are.
func lowestFree(in Range, taken map[int]Query) int {
	for key := in.First; key <= in.Last; key++ {
		if _, used := taken[key]; !used {
			return key
		}
	}
	return 0
}

// portGUIDs: every InfiniBand port of a machine that serves in a direct partition says its GUID, by which
// it joins, and there is one.
func (c *checker) portGUIDs() {
	for _, p := range c.f.Pools() {
		s := c.f.Segments[c.f.Tenants[p.Tenant].Clusters[p.Cluster].Segment]
		if s == nil || !s.Direct() {
			continue
		}
		for _, name := range p.Machines {
			m := c.f.Machines[name]
			if m == nil {
				continue
			}
			ports, e := 0, address("machine", name)
			because := mention{Query{address("segment", s.Name), "infiniband.direct"}, "the partition that it joins"}
			for i, nic := range m.NICs {
				if nic.Role != InfiniBand {
					continue
				}
				ports++
				if nic.GUID == "" {
					c.report("MW285", Query{e, fmt.Sprintf("nics[%d]", i)}, fmt.Sprintf("InfiniBand port %s of machine %s has no guid", nic.Name, name), "write its port GUID: by that it joins the partition", because)
				}
			}
			if ports == 0 {
				c.report("MW285", Query{e, ""}, fmt.Sprintf("machine %s has no port of the role infiniband, and serves in a partition", name), "write its InfiniBand ports with their guid into nics", because)
			}
		}
	}
}

func hex(pkey int) string { return fmt.Sprintf("0x%x", pkey) }

func pkeys(r Range) string { return hex(r.First) + " to " + hex(r.Last) }
