package sources

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"
)

// Fetcher is what a Poller looks at: a [Git], or a stand-in.
type Fetcher interface {
	Fetch(context.Context) (Snapshot, error)
}

// Poller looks at a source again and again. Set its fields before [Poller.Looks]; make it with
// [NewPoller]. It starts no goroutine.
type Poller struct {
	// Source is looked at.
	Source Fetcher
	// Interval is the wait between two looks, beginning when the loop's body is done with the first.
	Interval time.Duration
	// Jitter is the fraction by which each wait is made longer or shorter at random, so that many
	// agents do not ask one forge at the same moment; between 0 and 1.
	Jitter float64
	// MaxBackoff caps the wait, which doubles with every further look that fails in a row.
	MaxBackoff time.Duration
	// After and Random replace time.After and rand.Float64 where time is simulated.
	After  func(time.Duration) <-chan time.Time
	Random func() float64

	nudged chan struct{}
}

// NewPoller looks every minute, give or take a tenth, and at least every ten minutes when it fails.
func NewPoller(source Fetcher) *Poller {
	return &Poller{
		Source:     source,
		Interval:   time.Minute,
		Jitter:     0.1,
		MaxBackoff: 10 * time.Minute,
		After:      time.After,
		Random:     rand.Float64,
		nudged:     make(chan struct{}, 1),
	}
}

// Nudge makes the Poller look now instead of waiting. Nudges that arrive during a look make one
// further look together. It never blocks and may be called from anywhere.
func (p *Poller) Nudge() {
	select {
	case p.nudged <- struct{}{}:
	default:
	}
}

// Looks yields what every look returned, the first at once, until ctx is done or the loop is left.
// A look that ctx cut short is not yielded.
func (p *Poller) Looks(ctx context.Context) iter.Seq2[Snapshot, error] {
	return func(yield func(Snapshot, error) bool) {
		for failures := 0; ctx.Err() == nil; {
			snapshot, err := p.Source.Fetch(ctx)
			if ctx.Err() != nil {
				return
			}
			failures++
			if err == nil {
				failures = 0
			}
			if !yield(snapshot, err) {
				return
			}
			select {
			case <-ctx.Done():
			case <-p.nudged:
			case <-p.After(p.wait(failures)):
			}
		}
	}
}

// wait is the jittered time until the next look, after so many failures in a row.
func (p *Poller) wait(failures int) time.Duration {
	d := p.Interval
	for range failures - 1 {
		if d >= p.MaxBackoff/2 {
			d = max(p.Interval, p.MaxBackoff)
			break
		}
		d *= 2
	}
	return time.Duration(float64(d) * (1 + p.Jitter*(2*p.Random()-1)))
}
