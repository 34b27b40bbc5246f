package conformance

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

const flawVariable = "MILLWRIGHT_CONFORMANCE_FLAW"

// A system without a flaw passes. The flaw, for TestEveryFlawIsFound, comes from the environment.
func TestSuite(t *testing.T) {
	Run(t, func(t *testing.T) Suite {
		s := &shelf{flaw: os.Getenv(flawVariable), objects: map[state.ID]item{}}
		thing := func(name, value string) state.Object {
			id := state.ID{Target: shelfTarget, Kind: "thing", Name: name}
			tree := state.FromPlain(map[string]any{"value": value, "same": "s"}, state.Origin{})
			return state.Object{ID: id, Entity: "test", Mode: state.Own, Tree: tree}
		}
		return Suite{
			Open:    func(*testing.T) System { return s },
			Objects: []state.Object{thing("base", "a"), thing("top", "a")},
			Marked:  true, Patience: time.Second,
			Update: func(o state.Object) state.Object { return thing(o.ID.Name, "b") },
			Tamper: func(_ *testing.T, id state.ID) { s.set(id, "value", "tampered") },
			Extend: func(_ *testing.T, id state.ID) { s.set(id, "theirs", "x") },
			Foreign: func(_ *testing.T, o state.Object) {
				s.objects[o.ID] = item{remote: "foreign", value: map[string]any{"value": "foreign"}}
			},
			Break:      func(*testing.T) func() { s.broken = true; return func() { s.broken = false } },
			Stall:      func(*testing.T) func() { s.stalled = true; return func() { s.stalled = false } },
			LoseAnswer: func(*testing.T) { s.lose = true },
			Writes:     func() int { return s.writes },
		}
	})
}

// Each way to be sloppy fails the suite: none of its points is for show.
func TestEveryFlawIsFound(t *testing.T) {
	for _, flaw := range []string{
		"unreachable is absent", "absent is unknown", "observing writes", "no mark", "overwrites", "ignores remote",
		"drops others' fields", "remakes what is gone", "fails on gone", "sends when cancelled", "hangs", "two results",
		"lost create is held", "forgets a result", "does not mend", "reads back nothing",
	} {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			timeout := "5m"
			if flaw == "hangs" {
				timeout = "5s"
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuite$", "-test.timeout="+timeout)
			cmd.Env = append(os.Environ(), flawVariable+"="+flaw)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the suite lets it pass")
			want := "--- FAIL: TestSuite/"
			if flaw == "hangs" {
				want = "test timed out"
			}
			require.Contains(t, string(out), want)
		})
	}
}

var shelfTarget = state.Target{System: state.Netris, Name: "shelf"}

// shelf is the simplest target there is.
type shelf struct {
	flaw string

	mu                    sync.Mutex
	objects               map[state.ID]item
	made, writes          int
	broken, stalled, lose bool
}

type item struct {
	remote string
	value  map[string]any
	mark   state.ID
}

func (s *shelf) Target() state.Target { return shelfTarget }

func (s *shelf) set(id state.ID, field, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[id]
	o.value = maps.Clone(o.value)
	o.value[field] = value
	s.objects[id] = o
}

func (s *shelf) Observe(ctx context.Context, q target.Query) state.Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := state.Live{
		Target: shelfTarget, Time: time.Now(), Err: ctx.Err(), Objects: map[state.ID]state.LiveObject{},
		Unknown: map[state.ID]error{}, Covered: map[state.ID]bool{},
	}
	if s.flaw == "observing writes" {
		s.writes++
	}
	if s.broken && s.flaw != "unreachable is absent" {
		live.Err = errors.New("unreachable")
	}
	if s.flaw != "absent is unknown" {
		for _, o := range q.Want {
			live.Covered[o.ID] = true
		}
		for _, o := range q.Owned {
			live.Covered[o.ID] = true
		}
	}
	if !s.broken {
		for id := range s.objects {
			live.Objects[id] = s.live(id)
		}
	}
	return live
}

func (s *shelf) live(id state.ID) state.LiveObject {
	o := s.objects[id]
	return state.LiveObject{ID: id, Remote: o.remote, Value: maps.Clone(o.value), Mark: o.mark}
}

func (s *shelf) Apply(ctx context.Context, changes []plan.Change) iter.Seq[target.Result] {
	return func(yield func(target.Result) bool) {
		for _, c := range changes {
			r := target.Result{ID: c.ID, Err: s.do(ctx, c)}
			if s.flaw == "forgets a result" && c.Action == plan.Update {
				continue
			}
			if _, there := s.objects[c.ID]; there && r.Err == nil && s.flaw != "reads back nothing" {
				live := s.live(c.ID)
				r.Live = &live
			}
			if !yield(r) || (s.flaw == "two results" && !yield(r)) {
				return
			}
		}
	}
}

func (s *shelf) do(ctx context.Context, c plan.Change) error {
	if err := ctx.Err(); err != nil && s.flaw != "sends when cancelled" {
		return err
	}
	if s.stalled && s.flaw == "hangs" {
		select {}
	}
	if s.stalled {
		<-ctx.Done()
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return errors.New("unreachable")
	}
	o, there := s.objects[c.ID]
	same := c.Live != nil && there && (o.remote == c.Live.Remote || s.flaw == "ignores remote")
	switch {
	case c.Action == plan.Delete && !there && s.flaw != "fails on gone":
		return nil
	case c.Action == plan.Delete && same:
		s.writes++
		delete(s.objects, c.ID)
		return nil
	case c.Action == plan.Create && (!there || o.mark == c.ID || s.flaw == "overwrites"):
	case c.Action != plan.Delete && c.Live != nil && (same || (!there && s.flaw == "remakes what is gone")):
	default:
		return fmt.Errorf("%s %s: %w", c.Action, c.ID, target.ErrHeld)
	}
	s.write(c, o, there)
	if s.lose {
		s.lose = false
		if s.flaw == "lost create is held" {
			return target.ErrHeld
		}
		return errors.New("the answer was lost")
	}
	return nil
}

func (s *shelf) write(c plan.Change, o item, there bool) {
	s.writes++
	if !there {
		s.made++
		o = item{remote: strconv.Itoa(s.made)}
	}
	if s.flaw == "does not mend" && c.Force {
		return
	}
	value := map[string]any{}
	if s.flaw != "drops others' fields" {
		maps.Copy(value, o.value)
	}
	for path, leaf := range c.Want.Tree.Leaves() {
		value[path[0]] = leaf.Value()
	}
	o.value = value
	if s.flaw != "no mark" {
		o.mark = c.ID
	}
	s.objects[c.ID] = o
}
