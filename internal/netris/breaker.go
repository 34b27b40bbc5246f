package netris

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	breakerFailures = 5 // in a row, before requests are answered without being sent
	breakerFirst    = time.Second
	breakerLongest  = time.Minute
)

// errTripped: the request was not sent, since the last ones got no answer.
var errTripped = errors.New("not sent, the last requests got no answer")

// breaker keeps a controller that does not answer from costing every caller a time-out: after some
// failures in a row it answers at once for a while, and for longer each time a trial fails.
type breaker struct {
	clock func() time.Time

	mu       sync.Mutex
	failures int
	until    time.Time
	last     error
}

// open is an error while no request is to be sent.
func (b *breaker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakerFailures || !b.clock().Before(b.until) {
		return nil
	}
	return fmt.Errorf("%w: %w: %w", ErrUnreachable, errTripped, b.last)
}

// note takes down how a request fared: err is nil for any answer.
func (b *breaker) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.failures = 0
		return
	}
	b.failures++
	b.last = err
	if over := b.failures - breakerFailures; over >= 0 {
		d := min(breakerFirst<<min(over, 10), breakerLongest)
		b.until = b.clock().Add(d/2 + rand.N(d))
	}
}
