package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

// Snapshot is how everything stands at one moment, joined with what the commit in force says. It never
// changes.
type Snapshot struct {
	Sequence uint64
	*scopedFloor
	// Report is nil before the first pass is finished.
	Report *report.Report
	// Past is nil before the history was read.
	Past *Past
	// Runs is nil before the journal was read.
	Runs *Runs

	items     []Item           // not in sync, by address
	byAddress map[string]int   // into items
	byEntity  map[string][]int // likewise, with what lies below: a tenant's clusters and pools
	byMachine map[string][]int
	down      map[string]report.Unreachable // by target
	networks  map[string][]report.Network   // by the address of their segment
	states    []string                      // of the machines, by their index
}

// Item is one object that is not in sync, with where it belongs.
type Item struct {
	report.Item
	System, Target  string
	Machine, Tenant string
}

func newSnapshot(sequence uint64, f *scopedFloor, r *report.Report) *Snapshot {
	s := &Snapshot{
		Sequence: sequence, scopedFloor: f, Report: r,
		byAddress: map[string]int{}, byEntity: map[string][]int{}, byMachine: map[string][]int{}, down: map[string]report.Unreachable{},
		networks: map[string][]report.Network{},
	}
	if r != nil {
		for _, of := range r.Networks {
			s.networks[of.Entity] = of.Networks
		}
		for _, u := range r.Unreachable {
			s.down[u.Target] = u
		}
		for _, i := range r.Items {
			s.add(i)
		}
	}
	s.states = make([]string, len(f.Machines))
	for i, m := range f.Machines {
		s.states[i] = s.machineStatus(m)
	}
	return s
}

func (s *Snapshot) add(i report.Item) {
	words := strings.SplitN(i.Address, "/", 3)
	item := Item{Item: i, Machine: s.machineOf(i.Address)}
	if len(words) == 3 {
		item.System, item.Target = words[0], words[0]+"/"+words[1]
	}
	kind, name, tenant := entityWords(i.Entity)
	switch kind {
	case "machine":
		item.Machine = name
		if n, ok := s.machines[name]; ok {
			tenant = s.Machines[n].Tenant
		}
	case "segment":
		tenant = s.owners[i.Entity]
	}
	item.Tenant = tenant
	n := len(s.items)
	s.items = append(s.items, item)
	s.byAddress[i.Address] = n
	if i.Entity != "" {
		s.byEntity[i.Entity] = append(s.byEntity[i.Entity], n)
	}
	if item.Machine != "" {
		s.byMachine[item.Machine] = append(s.byMachine[item.Machine], n)
	}
	if tenant != "" && i.Entity != "tenant/"+tenant {
		s.byEntity["tenant/"+tenant] = append(s.byEntity["tenant/"+tenant], n)
	}
	if words := strings.Split(i.Entity, "/"); words[0] == "pool" && len(words) > 2 {
		cluster := "cluster/" + words[1] + "/" + words[2]
		s.byEntity[cluster] = append(s.byEntity[cluster], n)
	}
}

// worst is the status of several objects together: that of the one that is worst off. Where nobody has
// looked yet, nothing is known.
func (s *Snapshot) worst(items []int) string {
	if s.Report == nil {
		return unknown
	}
	is := inSync
	for _, n := range items {
		if status := string(s.items[n].Status); gravity(status) > gravity(is) {
			is = status
		}
	}
	return is
}

func (s *Snapshot) machineStatus(m Machine) string {
	is := s.worst(s.byMachine[m.Name])
	if _, down := s.down["redfish/"+m.Name]; down && gravity(is) < gravity(unknown) {
		return unknown
	}
	return is
}

// cell is a machine as it is shown, by its index.
func (s *Snapshot) cell(i int) Cell {
	m := s.Machines[i]
	c := Cell{Machine: m, Status: s.states[i]}
	for _, n := range s.byMachine[m.Name] {
		if item := s.items[n]; item.Action == "delete" && item.Entity != m.PoolAddress() {
			if words := strings.Split(item.Entity, "/"); words[0] == "pool" && len(words) == 4 {
				c.Still = Serves{words[1], words[2], words[3]}
				break // items are sorted: it is the same each time
			}
		}
	}
	return c
}

// status of an entity and all that is for it.
func (s *Snapshot) status(entity string) string { return s.worst(s.byEntity[entity]) }

// count is objects by status. What is in sync stands in no report by name: it is what is wanted and is not
// said to be otherwise, and nothing while the report is of another commit than the floor.
func (s *Snapshot) count(system string) map[string]int {
	counts := map[string]int{}
	if s.Report == nil {
		return counts
	}
	off := 0
	for _, i := range s.items {
		if system != "" && i.System != system {
			continue
		}
		counts[string(i.Status)]++
		if _, wanted := s.object(i.Address); wanted {
			off++
		}
	}
	if s.current() {
		wanted := 0
		for of, n := range s.wanted {
			if system == "" || string(of) == system {
				wanted += n
			}
		}
		counts[inSync] = max(0, wanted-off)
	}
	return counts
}

// current reports whether the report is of the commit whose floor this is.
func (s *Snapshot) current() bool { return s.Report != nil && s.Report.Source.Commit == s.Commit }

// systems are those with something to show, sorted.
func (s *Snapshot) systems() []string {
	names := map[string]bool{}
	for of := range s.wanted {
		names[string(of)] = true
	}
	for _, i := range s.items {
		names[i.System] = true
	}
	for target := range s.down {
		system, _, _ := strings.Cut(target, "/")
		names[system] = true
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// Concern is something that somebody should look at.
type Concern struct {
	Status, Address, Impact, Text string
	Since                         time.Time
	Target                        bool // a target as a whole
	Hidden                        int  // objects that are unknown with it
}

// concerns are what needs attention: the greatest impact first, then what is worst off, then the oldest.
// What is unknown because its target cannot be reached is told once, with the target.
func (s *Snapshot) concerns() []Concern {
	if s.Report == nil {
		return nil
	}
	hidden := map[string]int{}
	var all []Concern
	for _, i := range s.items {
		status := string(i.Status)
		if _, down := s.down[i.Target]; down && status == unknown {
			hidden[i.Target]++
			continue
		}
		if !statuses[status].attention {
			continue
		}
		all = append(all, Concern{Status: status, Address: i.Address, Impact: impact(i.Impact), Text: reason(i), Since: i.Since})
	}
	for _, u := range s.Report.Unreachable {
		all = append(all, Concern{Status: unknown, Address: u.Target, Text: u.Why, Since: u.Since, Target: true, Hidden: hidden[u.Target]})
	}
	slices.SortStableFunc(all, func(a, b Concern) int {
		return cmp.Or(impactRank(b.Impact)-impactRank(a.Impact), gravity(b.Status)-gravity(a.Status), a.Since.Compare(b.Since), cmp.Compare(a.Address, b.Address))
	})
	return all
}

// reason is what an item says for itself in one sentence.
func reason(i Item) string {
	switch {
	case len(i.Held) > 0:
		return "held by " + i.Held[0].By + ": " + i.Held[0].Why
	case i.Note != "":
		return i.Note
	case len(i.Fields) == 1:
		return i.Fields[0].Name + " differs"
	case len(i.Fields) > 1:
		return plural(len(i.Fields), "field") + " differ"
	case len(i.Waits) > 0:
		return "waits for " + i.Waits[0]
	}
	return ""
}

// objects are the desired objects that keep returns true for, by address.
func (s *Snapshot) objects(keep func(state.Object) bool) []state.Object {
	var out []state.Object
	for o := range s.Objects.All() {
		if keep(o) {
			out = append(out, o)
		}
	}
	return out
}

// ofMachine are the objects for a machine or at it.
func (s *Snapshot) ofMachine(name string) []state.Object {
	return s.objects(func(o state.Object) bool {
		if o.Entity == "machine/"+name {
			return true
		}
		switch o.ID.Target.System {
		case state.Redfish:
			return o.ID.Target.Name == name
		case state.Netris, state.UFM:
			return o.ID.Part != "" && s.machineOf(o.ID.String()) == name
		}
		return o.ID.Name == name && strings.HasSuffix(o.ID.Kind, ".metal3.io")
	})
}

// objectStatus is how a desired object stands, by the last report.
func (s *Snapshot) objectStatus(address string) string {
	n, told := s.byAddress[address]
	words := strings.SplitN(address, "/", 3)
	_, down := s.down[strings.Join(words[:min(2, len(words))], "/")]
	switch {
	case told:
		return string(s.items[n].Status)
	case down, !s.current():
		return unknown
	}
	return inSync
}
