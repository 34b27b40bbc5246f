package target

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
)

// ErrTripped says that a request was not sent, since the last ones got no answer.
var ErrTripped = errors.New("not sent, the last requests got no answer")

// Breaker keeps a system that does not answer from costing every caller a time-out: after some failures
// in a row it answers at once for a while, and for longer each time a trial fails. Set Clock and Longest,
// then use it from any number of goroutines.
type Breaker struct {
	Clock func() time.Time
	// Longest bounds the while, before it is jittered by up to a half either way.
	Longest time.Duration

	mu       sync.Mutex
	failures int
	until    time.Time
	last     error
}

// Open is an error, with ErrTripped and the last failure in its chain, while no request is to be sent.
func (b *Breaker) Open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakerFailures || !b.Clock().Before(b.until) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrTripped, b.last)
}

// Note takes down how a request fared: err is nil for any answer.
func (b *Breaker) Note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.failures = 0
		return
	}
	b.failures++
	b.last = err
	if over := b.failures - breakerFailures; over >= 0 {
		d := min(breakerFirst<<min(over, 10), b.Longest)
		b.until = b.Clock().Add(d/2 + rand.N(d))
	}
}
