package sources

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A branch's own steps are its first parents; a merge was written by those whose branch it merged.
func TestLineOf(t *testing.T) {
	dir, git := forked(t)
	git("-c", "user.name=Cy Example", "commit", "-q", "--allow-empty", "-m", "theirs, too")
	git("switch", "-q", "main")
	git("-c", "user.name=Mia Example", "merge", "-q", "--no-ff", "-m", "Merge change", "change")
	l, err := LineOf(filepath.Join(dir, "fleet"), "main")
	require.NoError(t, err)
	require.False(t, l.Shallow)
	require.Equal(t, "fleet", l.Below)
	var subjects []string
	for _, c := range l.Commits {
		subjects = append(subjects, c.Subject)
	}
	require.Equal(t, []string{"first", "ours", "Merge change"}, subjects)
	names := func(i int) (all []string) {
		for _, who := range l.Authors(i) {
			all = append(all, who.Name)
		}
		return all
	}
	require.Equal(t, []string{"Cy Example", "Ada Example"}, names(2))
	require.Equal(t, []string{"Ada Example"}, names(1))
	require.Equal(t, "Mia Example", l.Commits[2].Author.Name)
	for i, want := range []string{"1", "1", "2"} {
		s, err := l.At(i)
		require.NoError(t, err)
		got, err := fs.ReadFile(s.FS, "b")
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.False(t, l.Damaged())
	_, err = LineOf(dir, "no-such")
	require.ErrorIs(t, err, ErrRefNotFound)

	clone := filepath.Join(t.TempDir(), "clone")
	git("clone", "-q", "--depth=2", "file://"+dir, clone)
	l, err = LineOf(clone, "HEAD")
	require.NoError(t, err)
	require.True(t, l.Shallow)
	require.Len(t, l.Commits, 2)
	require.Equal(t, "ours", l.Commits[0].Subject)
}

// What a clone lacks is known to be lacking.
func TestLineDamaged(t *testing.T) {
	dir, git := forked(t)
	hash := git("rev-parse", "HEAD:fleet/b")
	require.NoError(t, os.Remove(filepath.Join(dir, ".git", "objects", hash[:2], hash[2:])))
	l, err := LineOf(dir, "HEAD")
	require.NoError(t, err)
	s, err := l.At(len(l.Commits) - 1)
	require.NoError(t, err)
	require.False(t, l.Damaged())
	_, err = fs.ReadFile(s.FS, "fleet/b")
	require.ErrorIs(t, err, ErrDamaged)
	require.True(t, l.Damaged())
}
