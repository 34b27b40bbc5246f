package redfish

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	silenceAfter = 3 // failures in a row
	silenceFirst = 5 * time.Second
	silenceMost  = 5 * time.Minute
)

// silence keeps a BMC that does not answer from costing every pass its time-outs: after some failures
// in a row it is left alone for a while, and for longer each time a trial fails.
type silence struct {
	mu       sync.Mutex
	failures int
	until    time.Time
	last     error
}

// check is an error while the BMC is left alone.
func (s *silence) check(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures < silenceAfter || !now.Before(s.until) {
		return nil
	}
	return fmt.Errorf("left alone until %s after %d failures in a row: %w", s.until.UTC().Format(time.RFC3339), s.failures, s.last)
}

// note takes down how a request fared; any answer of the BMC ends the silence.
func (s *silence) note(now time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, ErrUnreachable) {
		s.failures = 0
		return
	}
	s.failures++
	s.last = err
	if over := s.failures - silenceAfter; over >= 0 {
		s.until = now.Add(min(silenceFirst<<min(over, 10), silenceMost))
	}
}
