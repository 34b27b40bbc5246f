package audit

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/sources"
)

// files are the leaves that stand for files which are no CUE, and so are no values of the fleet: those that each
// component of a stack is made of, and the rules.
func files(f *fleet.Fleet, of content, all map[key][]Leaf) {
	add := func(k key, at state.Path, hash string) {
		if hash != "" {
			all[k] = append(all[k], Leaf{at.String(), text(hash)})
		}
	}
	for name, s := range f.Stacks {
		for part, c := range fleet.All(s.Components) {
			add(key{"stack", name}, state.Path{"component", part, "files"}, of(c.Path, c.Type == "kustomize"))
		}
	}
	add(key{kind: "policy"}, state.Path{"rules"}, of(fleet.RulesDir, false))
}

// content is what stands at a place of the repository, as a hash that is another whenever something there is: 40 hex
// digits, which for a directory are Git's own. Empty: nothing stands there. What is kustomized counts with what it
// takes in from elsewhere.
type content func(at string, kustomized bool) string

// reader tells contents. It remembers what directories take in, so that no commit costs a read which leaves them alone.
type reader map[placed][]string

// placed is a directory of some commit.
type placed struct{ at, identity string }

// of is the content of a commit.
func (r reader) of(t treeFS) content {
	return func(at string, kustomized bool) string {
		all := r.places(t, at, kustomized)
		parts := make([]string, 0, 2*len(all))
		for _, place := range all {
			parts = append(parts, place, hashAt(t, place))
		}
		if len(all) == 1 || parts[1] == "" {
			return parts[1]
		}
		return sum(parts...)[:40]
	}
}

func hashAt(t treeFS, at string) string {
	id, err := t.Identity(at)
	if err != nil {
		return "" // for all that can be said of it, nothing is there
	}
	_, hash, _ := strings.Cut(id, " ")
	return hash
}

// places are what something is made of: first where it stands, then what its kustomizations take in from elsewhere.
func (r reader) places(t treeFS, at string, kustomized bool) []string {
	all := []string{at}
	for i := 0; kustomized && i < min(len(all), mostPlaces); i++ {
		for _, place := range r.takes(t, all[i]) {
			if !slices.ContainsFunc(all, func(known string) bool { return below(place, known) }) {
				all = append(all, place)
			}
		}
	}
	return all
}

// Bounds on what a component may take in before the history gives up following; rendering gives up earlier.
const (
	mostPlaces    = 1000
	mostBelow     = 2000
	mostFileBytes = 4 << 20
)

// takes is what the kustomizations in a directory, and in those below it, take in from outside of it.
func (r reader) takes(t treeFS, dir string) []string {
	id := placed{dir, hashAt(t, dir)}
	if known, ok := r[id]; ok {
		return known
	}
	var outside []string
	n := 0
	_ = fs.WalkDir(t, dir, func(name string, d fs.DirEntry, err error) error { // what cannot be read takes in nothing
		if n++; err != nil || n > mostBelow {
			return fs.SkipAll
		}
		if !d.Type().IsRegular() || !slices.Contains(kustomizations, d.Name()) {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > mostFileBytes {
			return nil
		}
		written, _ := t.ReadFile(name)
		for _, up := range upward.FindAll(written, -1) {
			if place := path.Join(path.Dir(name), string(up)); fs.ValidPath(place) && !below(place, dir) {
				outside = append(outside, place)
			}
		}
		return nil
	})
	slices.Sort(outside)
	r[id] = slices.Compact(outside)
	return r[id]
}

// kustomizations are the names that kustomize looks for.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// upward finds the paths in a kustomization that lead up. Which field they stand in does not matter: one that is
// mentioned only makes the history name a commit too many.
var upward = regexp.MustCompile(`[A-Za-z0-9._+/-]*\.\.[A-Za-z0-9._+/-]*`)

// uncommitted is the content of files that have no hash yet.
const uncommitted = "not committed yet"

// draft is the content of a directory that differs from a commit; committed is nil if that has no fleet.
func draft(committed, directory fs.FS) (content, error) {
	var changed []string
	was, there := committed.(treeFS)
	if there {
		var err error
		if changed, err = sources.ChangedFiles(committed, directory); err != nil {
			return nil, err
		}
	}
	r := reader{}
	return func(at string, kustomized bool) string {
		switch _, err := fs.Stat(directory, at); {
		case err != nil:
			return ""
		case !there:
			return uncommitted
		}
		for _, place := range r.places(was, at, kustomized) {
			if slices.ContainsFunc(changed, func(file string) bool { return place == "." || below(file, place) }) {
				return uncommitted
			}
		}
		return r.of(was)(at, kustomized)
	}, nil
}
