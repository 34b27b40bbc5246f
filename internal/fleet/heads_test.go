package fleet

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
)

// commitFS knows what its files are, as that of a commit does, and counts which are read.
type commitFS struct {
	fs.FS
	files fleettest.Files
	lies  map[string]string // identities that are not those of the files

	mu   sync.Mutex
	read []string
}

func newCommitFS(files fleettest.Files) *commitFS { return &commitFS{FS: mapFS(files), files: files} }

func (c *commitFS) Identity(name string) (string, error) {
	if id, ok := c.lies[name]; ok {
		return id, nil
	}
	if text, ok := c.files[name]; ok {
		return fmt.Sprintf("file %x", sha256.Sum256([]byte(text))), nil
	}
	return "", errors.New("directories are not known")
}

func (c *commitFS) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, ".cue") && !strings.HasPrefix(name, "cue.mod/") {
		c.mu.Lock()
		c.read = append(c.read, name)
		c.mu.Unlock()
	}
	return c.FS.Open(name)
}

// What a process before has read of a commit is not read again, but for what has to be compiled; and the fleet is
// the same as if all had been.
func TestFilesAreReadOnce(t *testing.T) {
	files := fleettest.Generate(fleettest.Size{Machines: 24, Tenants: 1})
	files["lib/lib.cue"] = "package lib\n\n#Serial: \"X\"\n"
	files["more/m.cue"] = "package more\n\nimport \"fleet.example.com/lib\"\n\n_serial: lib.#Serial\n"
	opts := Options{Worker: worker, CacheDir: t.TempDir()}
	load := func(c *commitFS) *Fleet {
		l := NewLoader(opts)
		defer l.Close()
		f, list := l.Load(t.Context(), c)
		require.Empty(t, list)
		return f
	}
	first := newCommitFS(files)
	load(first)
	require.NotEmpty(t, first.read)

	same := newCommitFS(files)
	load(same)
	require.Empty(t, same.read)

	rack := fleettest.RackFile(1)
	files[rack] = strings.Replace(files[rack], "SN00000009", "SN7", 1)
	changed := newCommitFS(files)
	got := load(changed)
	require.Contains(t, changed.read, rack)
	require.NotContains(t, changed.read, fleettest.RackFile(0))
	want, list := Load(t.Context(), mapFS(files), Options{Worker: worker})
	require.Empty(t, list)
	require.Equal(t, asJSON(t, want), asJSON(t, got))

	files["lib/lib.cue"] = "package lib\n\n#Serial: 7\n"
	imported := newCommitFS(files)
	load(imported)
	require.Contains(t, imported.read, "more/m.cue", "it is compiled again")

	// A finding in a file that was not read is where it is.
	files["more/n.cue"] = "package other\n"
	_, list = NewLoader(opts).Load(t.Context(), newCommitFS(files))
	require.ErrorContains(t, list.Err(), "n.cue")
}

// A file system that calls two contents by one name, or a cache of another repository, is found out before anything is
// compiled from it.
func TestAFileThatIsNotWhatItWas(t *testing.T) {
	files := fleettest.Generate(fleettest.Size{Machines: 8, Tenants: 1})
	opts := Options{Worker: worker, CacheDir: t.TempDir()}
	l := NewLoader(opts)
	before := newCommitFS(files)
	_, list := l.Load(t.Context(), before)
	require.Empty(t, list)
	l.Close()

	const shared = "machines/machines.cue"
	rack := fleettest.RackFile(0)
	require.Contains(t, files, rack)
	old, err := before.Identity(rack)
	require.NoError(t, err)
	files[rack] = strings.Replace(files[rack], "SN00000001", "SN7", 1)
	files[shared] = "package machines\n\n_more: 1\n" // so that the rack's directory is compiled again
	lying := newCommitFS(files)
	lying.lies = map[string]string{rack: old}
	l = NewLoader(opts)
	defer l.Close()
	_, list = l.Load(t.Context(), lying)
	require.ErrorContains(t, list.Err(), "is not what was compiled before under its name")
}
