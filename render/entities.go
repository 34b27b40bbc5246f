package render

import (
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// entities look up in a fleet what a person wrote, so that a plan can tell what was retired from what merely
// vanished.
func entities(f *fleet.Fleet) state.Entities {
	return func(name string) (state.Entity, bool) {
		there, retired := standing(f, name)
		return state.Entity{Name: name, Retired: there && retired}, there
	}
}

func standing(f *fleet.Fleet, name string) (there, retired bool) {
	word := strings.Split(name, "/")
	switch kind := word[0]; {
	case len(word) == 1:
		return kind == "platform" || kind == "policy" || kind == "allocation", false
	case len(word) == 2:
		return single(f, kind, word[1])
	case kind == "cluster" && len(word) == 3, kind == "pool" && len(word) == 4:
		t := f.Tenants[word[1]]
		if t == nil || t.Clusters[word[2]] == nil || kind == "pool" && t.Clusters[word[2]].Pools[word[3]] == nil {
			return false, false
		}
		return true, f.Leaving(word[1], word[2]) != ""
	}
	return false, false
}

func single(f *fleet.Fleet, kind, name string) (there, retired bool) {
	switch kind {
	case "machine":
		m := f.Machines[name]
		return m != nil, m != nil && m.Lifecycle == fleet.Retired
	case "tenant":
		t := f.Tenants[name]
		return t != nil, t != nil && t.Retired
	case "segment":
		return f.Segments[name] != nil, leaves(f, name)
	case "class":
		return f.Classes[name] != nil, false
	case "image":
		return f.Images[name] != nil, false
	case "site":
		return f.Sites[name] != nil, false
	case "profile":
		return f.Profiles[name] != nil, false
	case "stack":
		return f.Stacks[name] != nil, false
	}
	return false, false
}

// leaves reports whether a segment goes with all clusters that it serves.
func leaves(f *fleet.Fleet, segment string) bool {
	tenant, goes := f.TenantOf(segment), false
	if tenant == "" {
		return false
	}
	for name, c := range f.Tenants[tenant].Clusters {
		if c.Segment == segment {
			if f.Leaving(tenant, name) == "" {
				return false
			}
			goes = true
		}
	}
	return goes
}
