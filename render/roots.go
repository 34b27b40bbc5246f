package render

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"millwright.dev/millwright/internal/fleet"
)

// Roots are the directories of the repository that a component is rendered from, sorted: its own and, of one of
// kustomize, those whose kustomizations it takes in, which may lie anywhere. No file that is not below them counts.
func Roots(fsys fs.FS, c *fleet.Component) ([]string, error) {
	if c.Type != "kustomize" {
		return []string{c.Path}, nil
	}
	b := bundle{repo: &repo{fs: fsys}, fs: filesys.MakeFsInMemory(), roots: map[string]int{}}
	if _, err := b.root(c.Path); err != nil {
		return nil, fmt.Errorf("find what %s takes in: %w", c.Path, err)
	}
	return slices.Sorted(maps.Keys(b.roots)), nil
}
