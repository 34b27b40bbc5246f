package audit

import (
	"slices"
	"strings"
	"time"
)

// At tells how an address stood at a moment: as the last commit of the branch says that was merged by then.
func (x *Index) At(address string, at time.Time) (Moment, error) {
	p, err := x.find(address)
	if err != nil {
		return Moment{}, err
	}
	m := Moment{Address: p.object, Field: p.field, At: at.UTC()}
	last := -1
	for i, c := range x.data.Commits {
		if !c.Time.After(at) {
			last = i
		}
	}
	standing := map[string]Standing{}
	var gone Standing // what went last
	n := 0
	x.walk(func(c Commit, with []Commit, steps []step, _ states) {
		n++
		if n-1 > last {
			return
		}
		for _, s := range steps {
			if s.Entity != p.entity {
				continue
			}
			for _, ch := range s.Changes {
				path := p.relative(ch.Path)
				switch {
				case !within(ch.Path, p.full):
				case ch.New == "":
					delete(standing, path)
					gone = Standing{Path: p.field, Commit: &c, With: with}
				default:
					standing[path] = Standing{Path: path, Value: ch.New, Commit: &c, With: with}
				}
			}
		}
	})
	for _, s := range standing {
		m.Values = append(m.Values, s)
	}
	if len(m.Values) == 0 {
		gone.Path = p.field
		m.Values = []Standing{gone}
	}
	slices.SortFunc(m.Values, func(a, b Standing) int { return strings.Compare(a.Path, b.Path) })
	return m, nil
}

// Backdated are the commits that say they were merged before the one that they follow: around them, times order
// otherwise than the history does.
func (x *Index) Backdated() []Commit {
	var odd []Commit
	for i, c := range x.data.Commits {
		if i > 0 && c.Time.Before(x.data.Commits[i-1].Time) {
			odd = append(odd, c)
		}
	}
	return odd
}
