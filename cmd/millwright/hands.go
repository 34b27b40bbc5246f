package main

import (
	"slices"
	"strings"
	"sync"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
	"millwright.dev/millwright/sources"
)

// hands tells who had a hand in files of a fleet, as guards ask: the directory of a component stands for all
// that it is rendered from, which of a kustomization may lie elsewhere.
type hands struct {
	history *sources.History
	fleet   *fleet.Fleet

	mu    sync.Mutex
	roots map[string][]string // by component's directory, with a slash at the end, as in files
}

func (h *hands) in(since string, files []string) ([]string, error) {
	var all []string
	for _, file := range files {
		if !strings.HasSuffix(file, "/") {
			all = append(all, file)
			continue
		}
		roots, err := h.rootsOf(file)
		if err != nil {
			return nil, err
		}
		all = append(all, roots...)
	}
	slices.Sort(all)
	return h.history.Hands(since, slices.Compact(all))
}

func (h *hands) rootsOf(dir string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.roots[dir]; ok {
		return known, nil
	}
	fsys, err := h.history.Files()
	if err != nil {
		return nil, err
	}
	roots := []string{dir}
	for _, stack := range h.fleet.Stacks {
		for _, component := range stack.Components {
			if component.Path+"/" != dir {
				continue
			}
			from, err := render.Roots(fsys, component)
			if err != nil {
				return nil, err
			}
			for _, root := range from {
				roots = append(roots, root+"/")
			}
		}
	}
	h.roots[dir] = roots
	return roots, nil
}
