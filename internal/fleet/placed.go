package fleet

import (
	"context"

	"millwright.dev/millwright/internal/diag"
)

// Placed are findings about what comes of a fleet, each where the field is written that its path names. A
// finding whose field cannot be found keeps the place that it has.
func (f *Fleet) Placed(ctx context.Context, list diag.List) diag.List {
	if f.source == nil {
		return list
	}
	var ask []Query
	about := make([]Query, len(list))
	for i, d := range list[:min(len(list), maxLocated)] {
		about[i] = f.query(d.Path)
		ask = append(ask, about[i])
	}
	at := f.positions(ctx, ask)
	for i, q := range about {
		if pos, ok := at[q]; ok {
			list[i].Pos = pos
		}
	}
	return list.Sort()
}

// query splits the path of a finding into the entity, whose name may have dots, and the field.
func (f *Fleet) query(path string) Query {
	for i, c := range path {
		if c != '.' {
			continue
		}
		if _, ok := f.source.homes[path[:i]]; ok {
			return Query{path[:i], path[i+1:]}
		}
	}
	return Query{Entity: path}
}

// positions are where fields are written, by question; where that cannot be found out the entities' own
// positions have to do.
func (f *Fleet) positions(ctx context.Context, ask []Query) map[Query]diag.Pos {
	known := map[Query]diag.Pos{}
	var todo []Query
	for _, q := range ask {
		if _, ok := f.source.homes[q.Entity]; ok && q.Path != "" {
			todo = append(todo, q)
		}
	}
	if len(todo) == 0 {
		return known
	}
	answers, err := f.LocateAll(ctx, todo)
	if err != nil {
		return known
	}
	for i, places := range answers {
		// A value may come of a template that many share; then the entity's own file says more.
		own := f.PosOf(todo[i].Entity).File
		for _, p := range places {
			if _, ok := known[todo[i]]; !p.Schema && (!ok || known[todo[i]].File != own && p.Pos.File == own) {
				known[todo[i]] = p.Pos
			}
		}
	}
	return known
}
