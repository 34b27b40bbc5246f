package web

import (
	"slices"
	"strings"
	"sync"
	"time"

	"millwright.dev/millwright/internal/report"
)

// Store holds how everything stands now. Whoever works tells it; readers get a [Snapshot], which never
// changes. Its zero value is ready.
type Store struct {
	mu       sync.Mutex
	sequence uint64
	floor    *Floor
	report   *report.Report
	past     *Past
	runs     *Runs
	owned    *Runs                   // the runs with whose each deed was, by the past that is known
	floors   map[string]*scopedFloor // by scope, of the floor in force
	pasts    map[string]*Past        // by scope, of the past that is known
	scoped   map[string]*Snapshot    // by scope, of this sequence
	// scopedRuns are by scope, of the floor in force and the past that is known.
	scopedRuns map[string]*Runs
	changed    chan struct{} // closed at the next change
}

// SetFloor tells which commit is in force and what it says. The floor belongs to the store from now on.
func (s *Store) SetFloor(f *Floor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.floor, s.floors, s.scopedRuns = f, nil, nil
	s.advance()
}

// SetReport tells how things stand.
func (s *Store) SetReport(r report.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Items = slices.Clone(r.Items)
	for n := range r.Items {
		mask(&r.Items[n])
	}
	s.report = &r
	s.advance()
}

// mask takes sensitive values out, whoever forgot to.
func mask(i *report.Item) {
	i.Fields = slices.Clone(i.Fields)
	for n, f := range i.Fields {
		if f.Sensitive {
			i.Fields[n].Old, i.Fields[n].New = masked(f.Old), masked(f.New)
		}
	}
}

// last is when the last pass ended; zero before the first.
func (s *Store) last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.report == nil {
		return time.Time{}
	}
	return s.report.Time
}

func (s *Store) advance() {
	s.sequence++
	s.scoped = nil
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// next is the sequence now, and a channel that is closed when it changes.
func (s *Store) next() (uint64, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.sequence, s.changed
}

// tenants are the names of those that have one of the groups among their admins, sorted.
func (s *Store) tenants(groups []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	if s.floor == nil {
		return nil
	}
	for _, t := range s.floor.Tenants {
		if slices.ContainsFunc(t.Groups, func(g string) bool { return slices.Contains(groups, g) }) {
			names = append(names, t.Name)
		}
	}
	return names
}

// Snapshot is how things stand for a reader of that scope. What the scope does not cover is not in it.
func (s *Store) Snapshot(scope Scope) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := scope.key()
	if done := s.scoped[key]; done != nil {
		return done
	}
	floor := s.floors[key]
	if floor == nil {
		floor = scope.floor(s.floor)
		if s.floors == nil {
			s.floors = map[string]*scopedFloor{}
		}
		s.floors[key] = floor
	}
	past := s.pasts[key]
	if past == nil {
		past = scope.past(s.past)
		if s.pasts == nil {
			s.pasts = map[string]*Past{}
		}
		s.pasts[key] = past
	}
	snapshot := newSnapshot(s.sequence, floor, scope.report(s.report, floor))
	snapshot.Past, snapshot.Runs = past, s.runsFor(scope, floor)
	if s.scoped == nil {
		s.scoped = map[string]*Snapshot{}
	}
	s.scoped[key] = snapshot
	return snapshot
}

// Scope is what a reader may see.
type Scope struct {
	// All: everything. Else only what is of Tenants, which are sorted.
	All     bool
	Tenants []string
}

// key is another for every other scope.
func (s Scope) key() string {
	if s.All {
		return "all"
	}
	return "of\x00" + strings.Join(s.Tenants, "\x00")
}
