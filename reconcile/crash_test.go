package reconcile

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// live is a story to be killed in: a fleet comes up, and then a machine moves from one tenant to another.
func (x *run) live() {
	x.controlPlane("cp-1", "cp-2")
	x.settle(desired("c1", machines[:5], allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}}))
	x.settle(desired("c2", machines[:5], allocation{"acme": {"gpu-1"}, "globex": {"gpu-2", "gpu-3"}}))
	x.sound()
	for _, name := range []string{"cp-1", "cp-2"} {
		require.Equal(x, 1, x.host[name].resets, "resets of %s\n%s", name, x.tail())
	}
}

// dieAt kills the process the n-th time that it comes to a point. What is left is 0 once it was killed.
func (x *run) dieAt(point Point, n int) (left *int) {
	left = &n
	p := x.process
	x.r.Crash = func(at Point) {
		x.world.mu.Lock()
		killed := p.dead
		if at == point && !killed {
			*left--
			killed = *left == 0
		}
		x.world.mu.Unlock()
		if killed {
			p.die()
		}
	}
	return left
}

// Killed at each moment that hurts most, the n-th time that it comes, the next process goes on: all
// converges, nothing that we made is held, and nothing disruptive happens twice.
func TestKilledAtEachPoint(t *testing.T) {
	for _, point := range []Point{BeforeSend, AfterEffect, BeforeRecord} {
		t.Run(string(point), func(t *testing.T) {
			for n := 1; ; n++ {
				x := newRun(t, uint64(n))
				left := x.dieAt(point, n)
				x.live()
				if *left > 0 {
					require.Greater(t, n, 10, "too little happens here to prove anything")
					return
				}
			}
		})
	}
}

// Killed at the k-th request, sent or not, for k of 1 to 20 and beyond.
func TestKilledAtEachWrite(t *testing.T) {
	for k := 1; k <= 40; k++ {
		for _, sent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d sent %v", k, sent), func(t *testing.T) {
				x := newRun(t, uint64(k))
				x.process.killAt, x.process.sendLast = k, sent
				x.live()
			})
		}
	}
}

// Killed again and again.
func TestKilledAgainAndAgain(t *testing.T) {
	for seed := range soak(10, 1000) {
		x := newRun(t, seed)
		x.controlPlane("cp-1", "cp-2")
		d := desired("c1", machines, allocation{"acme": {"gpu-1", "gpu-2"}, "globex": {"gpu-3"}})
		for range 80 {
			if x.process.killAt == 0 {
				x.process.killAt, x.process.sendLast = 1+x.rng.IntN(6), x.rng.IntN(2) == 0
			}
			x.pass(d)
		}
		x.process.killAt = 0
		x.settle(d)
		x.sound()
		require.Equal(t, 1, x.host["cp-1"].resets, "seed %d\n%s", seed, x.tail())
		require.Equal(t, 1, x.host["cp-2"].resets, "seed %d\n%s", seed, x.tail())
	}
}
