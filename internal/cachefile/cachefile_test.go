package cachefile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/cachefile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// What was written is read, and whatever was cut, changed or is too large is refused, not half read. What
// cannot be encoded leaves the file as it was, and nothing beside it.
func TestWholeOrNotAtAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	file := filepath.Join(dir, "x.pack")
	_, err := cachefile.Read(file, 1<<20)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, cachefile.Write(file, text("before")))
	require.NoError(t, cachefile.Write(file, text("what is kept")))
	failed := errors.New("no")
	require.ErrorIs(t, cachefile.Write(file, func(w io.Writer) error { _, _ = w.Write([]byte("half")); return failed }), failed)
	got, err := cachefile.Read(file, 1<<20)
	require.NoError(t, err)
	require.Equal(t, "what is kept", string(got))
	beside, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, beside, 1)

	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for n := range whole {
		damaged := append([]byte{}, whole...)
		damaged[n] ^= 1
		require.NoError(t, os.WriteFile(file, damaged, 0o600))
		_, err := cachefile.Read(file, 1<<20)
		require.ErrorContains(t, err, "is not whole", "byte %d", n)
		require.NoError(t, os.WriteFile(file, whole[:n], 0o600))
		_, err = cachefile.Read(file, 1<<20)
		require.ErrorContains(t, err, "is not whole", "cut at %d", n)
	}
	require.NoError(t, os.WriteFile(file, whole, 0o600))
	_, err = cachefile.Read(file, int64(len(whole)-1))
	require.ErrorContains(t, err, "is not whole")
}
