package inventory

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (c *cluster) notes(chunk int) Notes {
	n := ConfigMapNotes(c.getter, c.ns).(*configMapNotes)
	n.chunk = chunk
	return n
}

// noise does not get smaller by being packed.
func noise(n int) []byte {
	text := make([]byte, n)
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range text {
		text[i] = byte(rng.Uint32())
	}
	return text
}

// The contract of Notes, on every place: what was put is there for the next process, until it is dropped, and
// nothing is left of it then.
func TestNotes(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (fresh func() Notes, left func() int){
		"files": func(t *testing.T) (func() Notes, func() int) {
			dir := filepath.Join(t.TempDir(), "state")
			return func() Notes { return FileNotes(dir) }, func() int {
				left, err := filepath.Glob(filepath.Join(dir, "*"))
				require.NoError(t, err)
				return len(left)
			}
		},
		"config maps": func(t *testing.T) (func() Notes, func() int) {
			c := newCluster(t)
			return func() Notes { return c.notes(1 << 10) }, func() int {
				list, err := c.maps.List(t.Context(), metav1.ListOptions{LabelSelector: memoryLabel})
				require.NoError(t, err)
				return len(list.Items)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			fresh, left := open(t)
			all, err := fresh().All(t.Context())
			require.NoError(t, err)
			require.Empty(t, all)
			want := map[string][]byte{}
			n := fresh()
			for i, size := range []int{0, 10, 5000, 20, 3000} {
				name := fmt.Sprintf("run.20261126T%d/%d", i%3, i%3) // the last two replace the first two
				want[name] = noise(size)
				require.NoError(t, n.Put(t.Context(), name, want[name]))
				all, err := fresh().All(t.Context())
				require.NoError(t, err)
				require.Equal(t, want, all)
				n = map[bool]Notes{true: n, false: fresh()}[i < 2] // a process that knows of none replaces, too
			}
			for name := range want {
				require.NoError(t, n.Drop(t.Context(), name))
				require.NoError(t, n.Drop(t.Context(), name), "once more")
			}
			require.Zero(t, left())
		})
	}
}

// Wherever the wire breaks, a note is there as it was or as it was to be, and never reported written if it is not.
func TestNotesWhenTheWireBreaks(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := int64(1); at <= 6; at++ {
			c := newCluster(t)
			old, next := noise(3000), noise(4000)
			require.NoError(t, c.notes(1<<10).Put(t.Context(), "a", old))
			n := c.notes(1 << 10)
			c.breakAt.Store(c.writes.Load() + at)
			c.after.Store(after)
			err := n.Put(t.Context(), "a", next)
			all, allErr := c.notes(1 << 10).All(t.Context())
			require.NoError(t, allErr)
			require.Len(t, all, 1)
			if err == nil {
				require.Equal(t, next, all["a"], "broken at write %d", at)
			} else {
				require.True(t, bytes.Equal(old, all["a"]) || bytes.Equal(next, all["a"]), "broken at write %d", at)
			}
			require.NoError(t, n.Put(t.Context(), "a", next), "broken at write %d", at)
		}
	}
}
