package audit

import (
	"maps"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/journal"
)

// The kinds of a record.
const (
	RecordMerged = "merged" // a commit changed the fleet
	RecordDone   = "done"   // the agent tried a change
	RecordDrift  = "drift"  // somebody else changed something, or put it right again
	RecordBound  = "bound"  // another system bound a machine, or let it go
)

// Record is one line of what is handed to an auditor.
type Record struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	// Commit is the fleet's: the one that was merged, or that was in force.
	Commit Commit `json:"commit"`
	// Run is the number of the journal's run; 0 for what was merged.
	Run    int    `json:"run,omitempty"`
	Entity string `json:"entity,omitempty"`
	// Address is that of the object; empty for what was merged.
	Address string `json:"address,omitempty"`
	// What was done: added, changed, removed; create, update, delete …; drifted, missing …; bound, released.
	What string `json:"what"`
	// Result is what became of a change, Error why it failed, Approval what allowed it.
	Result   journal.Result    `json:"result,omitempty"`
	Error    string            `json:"error,omitempty"`
	Impact   string            `json:"impact,omitempty"`
	Approval *journal.Approval `json:"approval,omitempty"`
	Fields   []RecordField     `json:"fields,omitempty"`
	// Who did it, as far as the target told; only of drift.
	Who []string `json:"who,omitempty"`
}

// RecordField is one field of a record.
type RecordField struct {
	Path      string `json:"path"`
	Old       any    `json:"old,omitempty"`
	New       any    `json:"new,omitempty"`
	Sensitive bool   `json:"sensitive,omitempty"`
}

// Export is all that concerns a tenant in a period, or all if no tenant is named, the oldest first: what was merged,
// and what the journal has. Of a machine it concerns a tenant what happened while it was the tenant's, at the
// commits that gave and took it, and that it was bound or let go.
func (d *Done) Export(q Query) ([]Record, error) {
	answer, err := d.index.Ask(q)
	if err != nil {
		return nil, err
	}
	all := []Record{}
	for _, e := range slices.Backward(answer.Events) {
		r := Record{Time: e.Commit.Time, Kind: RecordMerged, Commit: e.Commit, Entity: e.Entity, What: e.Change}
		for _, c := range e.Changes {
			r.Fields = append(r.Fields, RecordField{Path: c.Path, Old: c.Old.Plain(), New: c.New.Plain()})
		}
		all = append(all, r)
	}
	theirs, drifted := d.theirs(q.Tenant), map[string]string{}
	project := "p-" + q.Tenant + "/" // the namespace of the tenant's machines, as Platform names it
	for i, run := range d.runs {
		of := Commit{Hash: run.Source.Commit, Subject: run.Source.Subject}
		if d.at[i] >= 0 {
			of = d.index.data.Commits[d.at[i]]
		}
		concerns := func(entity string) bool {
			return q.Tenant == "" || below(entity, "tenant/"+q.Tenant) || below(entity, "cluster/"+q.Tenant) || below(entity, "pool/"+q.Tenant) || theirs[d.at[i]][entity]
		}
		run.Drift = slices.Clone(run.Drift)
		for n, x := range run.Drift { // its end is told without the entity where nobody wants the object any more
			if x.Entity == "" {
				run.Drift[n].Entity = drifted[x.Address]
			} else {
				drifted[x.Address] = x.Entity
			}
		}
		for _, r := range recordsOf(run, of, concerns, func(b journal.Binding) bool {
			return q.Tenant == "" || strings.HasPrefix(b.Was, project) || strings.HasPrefix(b.To, project)
		}) {
			if q.within(r.Time) {
				all = append(all, r)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Record) int { return a.Time.Compare(b.Time) })
	return all, nil
}

func recordsOf(run journal.Run, of Commit, concerns func(entity string) bool, binds func(journal.Binding) bool) (all []Record) {
	for _, c := range run.Changes {
		if !concerns(c.Entity) && !concerns("machine/"+machineIn(c.Address)) {
			continue
		}
		r := Record{Time: run.Ended, Kind: RecordDone, Commit: of, Run: run.Sequence, Entity: c.Entity, Address: c.Address, What: string(c.Action),
			Result: c.Result, Error: c.Error, Impact: c.Impact, Approval: c.Approval}
		if !c.Time.IsZero() {
			r.Time = c.Time
		}
		if c.Step != "" {
			r.What = string(c.Step)
		}
		r.Fields, r.Who = fieldsOf(c.Fields)
		all = append(all, r)
	}
	for _, x := range run.Drift {
		if !concerns(x.Entity) {
			continue
		}
		r := Record{Time: run.Ended, Kind: RecordDrift, Commit: of, Run: run.Sequence, Entity: x.Entity, Address: x.Address, What: string(x.Status)}
		if x.Ended {
			r.What = "put right"
		}
		r.Fields, r.Who = fieldsOf(x.Fields)
		all = append(all, r)
	}
	for _, b := range run.Bindings {
		if !concerns("machine/"+b.Machine) && !binds(b) {
			continue
		}
		r := Record{Time: run.Ended, Kind: RecordBound, Commit: of, Run: run.Sequence, Entity: "machine/" + b.Machine, What: "bound", Fields: []RecordField{{Path: "consumer"}}}
		if b.To == "" {
			r.What = "released"
		}
		if b.Was != "" {
			r.Fields[0].Old = b.Was
		}
		if b.To != "" {
			r.Fields[0].New = b.To
		}
		all = append(all, r)
	}
	return all
}

// machineIn is the machine that an address is about as a member: "netris/dc1/servercluster/x/server/gpu-001".
func machineIn(address string) string {
	if _, name, ok := strings.Cut(address, "/server/"); ok && !strings.Contains(name, "/") {
		return name
	}
	return ""
}

func fieldsOf(fields []journal.Field) (out []RecordField, who []string) {
	for _, f := range fields {
		out = append(out, RecordField{Path: f.Path, Old: f.Old, New: f.New, Sensitive: f.Sensitive})
		for _, w := range f.Who {
			if !slices.Contains(who, w.Name) {
				who = append(who, w.Name)
			}
		}
	}
	return out, who
}

// theirs are a tenant's entities at the commits that runs are of: what is the tenant's there, what was right before,
// and what was the tenant's last and is not there any more, for its end takes longer than a commit.
func (d *Done) theirs(tenant string) map[int]map[string]bool {
	all := map[int]map[string]bool{}
	if tenant == "" {
		return all
	}
	for _, at := range d.at {
		all[at] = map[string]bool{}
	}
	own := Leaf{"tenant", text(tenant)}
	gone := map[string]bool{} // what was the tenant's last, and may be there no more; a machine serves others next, or nobody
	after := func(i int, now states) {
		if all[i] == nil {
			return
		}
		for name, leaves := range now {
			switch {
			case slices.Contains(leaves, own):
				all[i][name] = true
				if !strings.HasPrefix(name, "machine/") {
					gone[name] = true
				}
			case slices.ContainsFunc(leaves, func(l Leaf) bool { return l.Path == "tenant" }):
				delete(gone, name)
			}
		}
		maps.Copy(all[i], gone)
	}
	i := 0
	d.index.walk(func(_ Commit, _ []Commit, _ []step, before states) {
		after(i-1, before)
		if all[i] != nil {
			for name, leaves := range before {
				if slices.Contains(leaves, own) {
					all[i][name] = true
				}
			}
		}
		i++
	})
	after(i-1, d.index.replay(i))
	return all
}
