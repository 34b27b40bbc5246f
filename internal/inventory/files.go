package inventory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/wholefile"
)

// sizeMax bounds what is read back: 100,000 objects take about 50 MB.
const sizeMax = 256 << 20

// Files is a Store in a folder, one JSON file a target, for use where there is no control plane
// cluster yet. The folder is made when it is first written to.
func Files(dir string) Store {
	return &files{dir: dir, seen: map[state.Target]string{}}
}

type files struct {
	dir string

	mu   sync.Mutex
	seen map[state.Target]string // digests of what was last loaded or saved
}

func (s *files) Load(_ context.Context, t state.Target) (Memory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, err := s.read(s.path(t))
	if err != nil {
		return Memory{}, fmt.Errorf("load the memory of %s: %w", t, err)
	}
	var m Memory
	if content != nil {
		if m, err = decode(t, content); err != nil {
			return Memory{}, fmt.Errorf("load %s: %w", s.path(t), err)
		}
	}
	s.seen[t] = digest(content)
	return m, nil
}

func (s *files) Save(_ context.Context, t state.Target, m Memory) error {
	content, err := encode(t, m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, known := s.seen[t]
	if known && seen == digest(content) {
		return nil
	}
	now, err := s.read(s.path(t))
	if err != nil {
		return fmt.Errorf("save the memory of %s: %w", t, err)
	}
	if known && digest(now) != seen {
		return fmt.Errorf("save the memory of %s in %s: %w", t, s.path(t), ErrChanged)
	}
	if digest(now) != digest(content) {
		if content == nil {
			err = wholefile.Remove(s.path(t))
		} else {
			err = wholefile.Write(s.path(t), content)
		}
		if err != nil {
			return fmt.Errorf("save the memory of %s: %w", t, err)
		}
	}
	s.seen[t] = digest(content)
	return nil
}

func (s *files) Targets(context.Context) ([]state.Target, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list what is remembered: %w", err)
	}
	var targets []state.Target
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".target.json")
		if !ok {
			continue
		}
		system, name, ok := strings.Cut(name, ".")
		name, err := url.PathUnescape(name)
		if !ok || err != nil {
			return nil, fmt.Errorf("list what is remembered: %s is no target's file", filepath.Join(s.dir, e.Name()))
		}
		targets = append(targets, state.Target{System: state.System(system), Name: name})
	}
	slices.SortFunc(targets, state.Target.Compare)
	return targets, nil
}

func (s *files) LastGood(_ context.Context, fleet string) (string, error) {
	content, err := s.read(s.fleetPath(fleet))
	if err != nil {
		return "", fmt.Errorf("load the last good commit of fleet %s: %w", fleet, err)
	}
	return strings.TrimSpace(string(content)), nil
}

func (s *files) SetLastGood(ctx context.Context, fleet, commit string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, err := s.LastGood(ctx, fleet); err == nil && now == commit {
		return nil
	}
	if err := wholefile.Write(s.fleetPath(fleet), []byte(commit+"\n")); err != nil {
		return fmt.Errorf("save the last good commit of fleet %s: %w", fleet, err)
	}
	return nil
}

func (s *files) path(t state.Target) string {
	return filepath.Join(s.dir, string(t.System)+"."+url.PathEscape(t.Name)+".target.json")
}

func (s *files) fleetPath(fleet string) string {
	return filepath.Join(s.dir, url.PathEscape(fleet)+".fleet.commit")
}

// read is nil if there is no such file.
func (s *files) read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > sizeMax {
		return nil, fmt.Errorf("%s has %d bytes, more than can be right", path, info.Size())
	}
	return os.ReadFile(path) // not nil, even if empty: then it is there, and damaged
}
