package wholefile_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/wholefile"
)

var ways = map[string]func(string, []byte) error{"synced": wholefile.Write, "unsynced": wholefile.WriteUnsynced}

// What was written is there, for its owner alone, and nothing beside it. What cannot be written leaves what was there.
func TestWrite(t *testing.T) {
	for name, write := range ways {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			file := filepath.Join(dir, "x")
			for _, content := range []string{"before", "after, and longer", ""} {
				require.NoError(t, write(file, []byte(content)))
				got, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, content, string(got))
			}
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode())
			info, err = os.Stat(dir)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())

			require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
			require.Error(t, write(filepath.Join(dir, "folder"), []byte("no file can stand here")))
			require.Error(t, write(filepath.Join(file, "y"), []byte("no folder can stand here")))
			beside, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, beside, 2, "nothing is left of what failed")
		})
	}
}

// Whoever reads while somebody writes sees one of the two, whole.
func TestReadersSeeNoHalf(t *testing.T) {
	for name, write := range ways {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x")
			one, other := bytes.Repeat([]byte("1"), 1<<20), bytes.Repeat([]byte("2"), 1<<19)
			require.NoError(t, write(file, one))
			written := make(chan error, 1)
			go func() {
				for range 20 {
					for _, content := range [][]byte{other, one} {
						if err := write(file, content); err != nil {
							written <- err
							return
						}
					}
				}
				written <- nil
			}()
			for {
				got, err := os.ReadFile(file)
				require.NoError(t, err)
				require.True(t, bytes.Equal(got, one) || bytes.Equal(got, other), "%d bytes", len(got))
				select {
				case err := <-written:
					require.NoError(t, err)
					return
				default:
				}
			}
		})
	}
}

// What is removed is gone, and what is not there is said.
func TestRemove(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	require.ErrorIs(t, wholefile.Remove(file), fs.ErrNotExist)
	require.NoError(t, wholefile.Write(file, nil))
	require.NoError(t, wholefile.Remove(file))
	require.NoFileExists(t, file)
	require.ErrorIs(t, wholefile.Sync(file), fs.ErrNotExist)
}
