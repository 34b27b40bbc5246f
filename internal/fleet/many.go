package fleet

import (
	"context"
	"io/fs"
	"iter"

	"millwright.dev/millwright/internal/diag"
)

// LoadAll loads several file systems, each as [Loader.Load] does, one after the other as they are asked for. What
// they need compiled is compiled together before the first: each directory once, and as many at a time as there are
// workers. For the commits of a history, of which each changes little, that is much faster.
func (l *Loader) LoadAll(ctx context.Context, all []fs.FS) iter.Seq2[*Fleet, diag.List] {
	return func(yield func(*Fleet, diag.List) bool) {
		instances, found := make([][]*instance, len(all)), make([]diag.List, len(all))
		var distinct []*instance
		at := map[digest]int{}
		for i, fsys := range all {
			instances[i], found[i] = l.read(fsys)
			if found[i].Err() != nil {
				continue
			}
			for _, in := range instances[i] {
				if _, known := at[in.key]; !known {
					at[in.key] = len(distinct)
					distinct = append(distinct, in)
				}
			}
		}
		results, err := l.compileAll(ctx, distinct)
		for i, fsys := range all {
			var f *Fleet
			list := found[i].Sort()
			switch {
			case list.Err() != nil:
			case err != nil:
				list = notCompiled(err)
			default:
				own := make([]*result, len(instances[i]))
				for n, in := range instances[i] {
					own[n] = results[at[in.key]]
				}
				f, list = l.finish(ctx, fsys, instances[i], own, list)
			}
			if !yield(f, list) {
				return
			}
		}
	}
}
