package sources

import (
	"context"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

// A source tells the history of what it fetched, and goes on with it after the next fetch.
func TestLineOfWhatWasFetched(t *testing.T) {
	eachRemote(t, func(t *testing.T, r *repo, opts Options) {
		opts.Path = "fleet"
		first := r.put("fleet/a.cue", "1")
		g := open(t, opts)
		_, err := g.Line(t.Context(), first)
		require.ErrorIs(t, err, ErrRefNotFound)
		fetch(t, g)
		second := r.put("fleet/a.cue", "2")
		old, err := g.Line(t.Context(), first)
		require.NoError(t, err)
		_, err = g.Line(t.Context(), second)
		require.ErrorIs(t, err, ErrRefNotFound, "it was not fetched yet")
		fetch(t, g)
		l, err := g.Line(t.Context(), second)
		require.NoError(t, err)
		require.Len(t, l.Commits, len(old.Commits)+1)
		require.Equal(t, "fleet", l.Below)
		for line, want := range map[*Line]string{old: "1", l: "2"} {
			s, err := line.At(len(line.Commits) - 1)
			require.NoError(t, err)
			text, err := fs.ReadFile(s.FS, "a.cue")
			require.NoError(t, err)
			require.Equal(t, want, string(text))
			require.False(t, line.Damaged())
		}
		_, err = g.Line(t.Context(), "main")
		require.ErrorIs(t, err, ErrRefNotFound)
		g.turn <- struct{}{} // a fetch that takes long
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = g.Line(ctx, second)
		require.ErrorIs(t, err, context.Canceled)
		<-g.turn
	})
}
