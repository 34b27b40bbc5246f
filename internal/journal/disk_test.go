package journal

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// diskOf is how many bytes the files below a folder take on a disk with blocks of 4 KiB, and how many they are.
func diskOf(t testing.TB, dir string) (size int64, files int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += (info.Size() + 4095) / 4096 * 4096
			files++
		}
		return err
	}))
	return size, files
}

// What lies loose is packed now and then, nothing of it is lost, and a pack that a crash has left unfinished does no harm.
func TestPacking(t *testing.T) {
	r := create(t)
	r.packEvery = 20
	for n := range r.packEvery + 3 {
		appended(t, r, sample(n))
	}
	loose, err := filepath.Glob(filepath.Join(r.Dir(), "objects", "??", "*"))
	require.NoError(t, err)
	require.Less(t, len(loose), 3*6+1)
	packs, err := filepath.Glob(filepath.Join(r.Dir(), "objects", "pack", "*.pack"))
	require.NoError(t, err)
	require.Len(t, packs, 1)
	other, err := Open(r.Dir())
	require.NoError(t, err)
	for _, repository := range []*Repository{r, other} {
		entries, err := all(repository)
		require.NoError(t, err)
		require.Len(t, entries, r.packEvery+3)
	}
	require.NoError(t, os.WriteFile(filepath.Join(r.Dir(), "objects", "pack", "tmp_pack_0"), []byte("PACK"), 0o600))
	appended(t, r, sample(0))
}
