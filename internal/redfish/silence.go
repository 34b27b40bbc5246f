package redfish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	silenceAfter = 3 // failures in a row
	silenceFirst = 5 * time.Second
	silenceMost  = 5 * time.Minute
)

// silence keeps a BMC that does not answer from costing every pass its time-outs: after some failures
// in a row it is left alone for a while, and for longer each time a trial fails. The whiles are jittered,
// by up to a half either way, so that a rack that comes back is not asked by all at once.
type silence struct {
	mu       sync.Mutex
	failures int
	until    time.Time
	last     string
}

// check is an error while the BMC is left alone.
func (s *silence) check(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures < silenceAfter || !now.Before(s.until) {
		return nil
	}
	return fmt.Errorf("%w: left alone until %s after %d failures in a row, the last: %s",
		ErrUnreachable, s.until.UTC().Format(time.RFC3339), s.failures, s.last)
}

// note takes down how a request fared; any answer of a BMC that can work ends the silence. That we
// stopped waiting tells nothing.
func (s *silence) note(now time.Time, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, ErrUnreachable) {
		s.failures = 0
		return
	}
	s.failures++
	s.last = err.Error()
	if over := s.failures - silenceAfter; over >= 0 {
		d := min(silenceFirst<<min(over, 10), silenceMost)
		s.until = now.Add(d/2 + rand.N(d))
	}
}
