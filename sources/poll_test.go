package sources

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted is a source whose looks fail when its script says so. It notes when it was looked at.
type scripted struct {
	start time.Time
	fails map[int]bool
	looks []time.Duration
}

var errScripted = errors.New("as written")

func (s *scripted) Fetch(context.Context) (Snapshot, error) {
	s.looks = append(s.looks, time.Since(s.start))
	if n := len(s.looks); s.fails[n] {
		return Snapshot{}, errScripted
	}
	return Snapshot{}, nil
}

// steady polls without jitter.
func steady(s *scripted) *Poller {
	s.start = time.Now()
	p := NewPoller(s)
	p.Interval, p.MaxBackoff, p.Jitter = time.Minute, 5*time.Minute, 0
	return p
}

// The first look is at once, then one every interval; failures are yielded and space the looks out
// up to the cap, a success ends that.
func TestPollBacksOffAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{fails: map[int]bool{3: true, 4: true, 5: true, 6: true, 7: true}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for _, err := range steady(s).Looks(ctx) {
			n++
			require.Equal(t, s.fails[n], err != nil)
			if n == 9 {
				cancel()
			}
		}
		minutes := []time.Duration{0, 1, 2, 3, 5, 9, 14, 19, 20}
		for i := range minutes {
			minutes[i] *= time.Minute
		}
		require.Equal(t, minutes, s.looks)
	})
}

// A cap below the interval does not make failures poll faster.
func TestPollBackoffIsNeverShorterThanTheInterval(t *testing.T) {
	p := NewPoller(nil)
	p.Jitter, p.Interval, p.MaxBackoff = 0, time.Hour, time.Minute
	for failures := range 100 {
		require.Equal(t, time.Hour, p.wait(failures))
	}
}

func TestPollJitter(t *testing.T) {
	p := NewPoller(nil)
	p.Interval, p.Jitter = time.Minute, 0.25
	for random, want := range map[float64]time.Duration{0: 45 * time.Second, 0.5: time.Minute, 1: 75 * time.Second} {
		p.Random = func() float64 { return random }
		require.Equal(t, want, p.wait(0))
	}
	p = NewPoller(nil)
	seen := map[time.Duration]bool{}
	for range 20 {
		d := p.wait(0)
		require.InDelta(t, float64(p.Interval), float64(d), float64(p.Interval)*p.Jitter)
		seen[d] = true
	}
	require.Greater(t, len(seen), 1, "agents that start together do not stay together")
}

// A nudge ends the wait; many during a look make one more.
func TestNudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		p := steady(s)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			time.Sleep(10 * time.Second)
			p.Nudge()
		}()
		n := 0
		for range p.Looks(ctx) {
			switch n++; n {
			case 2:
				for range 10 {
					p.Nudge()
				}
			case 4:
				cancel()
			}
		}
		require.Equal(t, []time.Duration{0, 10 * time.Second, 10 * time.Second, 70 * time.Second}, s.looks)
	})
}

// Cancelling during a wait or a look ends the loop without another round, as does leaving it.
func TestPollEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		s := &scripted{}
		for range steady(s).Looks(ctx) {
		}
		require.Len(t, s.looks, 2)

		for range steady(&scripted{}).Looks(t.Context()) {
			break
		}

		during, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := NewPoller(fetcher(func(context.Context) (Snapshot, error) { cancel(); return Snapshot{}, errScripted }))
		for range p.Looks(during) {
			t.Fatal("a look that was cut short was yielded")
		}
	})
}

type fetcher func(context.Context) (Snapshot, error)

func (f fetcher) Fetch(ctx context.Context) (Snapshot, error) { return f(ctx) }

// Where time is simulated by the caller, the Poller uses only that.
func TestPollWithAGivenClock(t *testing.T) {
	var asked []time.Duration
	ticks := make(chan time.Time, 1)
	p := steady(&scripted{})
	p.After = func(d time.Duration) <-chan time.Time {
		asked = append(asked, d)
		ticks <- time.Time{}
		return ticks
	}
	n := 0
	for range p.Looks(t.Context()) {
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, []time.Duration{time.Minute, time.Minute}, asked)
}
