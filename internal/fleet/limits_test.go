package fleet

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// bombs are small files that cost without end. Each must be stopped by a limit, with the directory
// named, and must not take the others' findings or the caller with it.
var bombs = map[string]struct {
	file, want string
}{
	"disjunctions": {
		file: "#X: {\n" + repeat(18, "\tx%[1]d: {f0: 1} | {f1: 1} | {f2: %[1]d}\n") + "}\nx: #X\n" + repeat(18, "x: {f%[1]d: 1} | {g%[1]d: 1}\n"),
		want: "to compile",
	},
	"strings doubled": {
		file: "_s0: \"0123456789\"\n" + repeat(30, "_s%[2]d: _s%[1]d + _s%[1]d\n") + "machine: m9: serial: _s30\n",
		want: "to compile", // it runs out of memory, or on a laden machine out of time
	},
	"range": {
		file: "import \"list\"\n_l: list.Range(0, 1e8, 1)\nmachine: m9: unit: len(_l)\n",
		want: "to compile",
	},
	"loops": {
		file: "_l: [for a in _r for b in _r for c in _r for d in _r {a*b*c*d}]\n_r: [" + strings.Repeat("1, ", 200) + "]\nmachine: m9: unit: len(_l)\n",
		want: "to compile",
	},
	"structs doubled": {
		file: "_v0: {a: 1, b: 2}\n" + repeat(24, "_v%[2]d: {a: _v%[1]d, b: _v%[1]d}\n") +
			"tenant: t: {displayName: \"T\", admins: [\"idp:x\"], cluster: c: {kubernetes: \"v1.35.2\", segment: \"a\", values: _v24}}\n",
		want: "more than",
	},
}

func repeat(n int, format string) string {
	var b strings.Builder
	for i := range n {
		line := fmt.Sprintf(format, i, i+1)
		line, _, _ = strings.Cut(line, "%!(EXTRA")
		b.WriteString(strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

func TestBombs(t *testing.T) {
	limits := Limits{CPUSeconds: 2, Memory: 2 << 30, Nodes: 100_000}
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := fixture(t, &txtar.Archive{})
			fsys["bomb/bomb.cue"] = &fstest.MapFile{Data: []byte("package bomb\n\n" + bomb.file)}
			fsys["broken/b.cue"] = &fstest.MapFile{Data: []byte("package broken\n\nx: 1\n")}
			f, list := Load(t.Context(), fsys, Options{Worker: worker, Workers: 1, Limits: limits})
			require.Nil(t, f)
			got := printed(list)
			require.Contains(t, got, "[MW104]")
			require.Contains(t, got, bomb.want)
			require.Regexp(t, `(?m)^bomb(/bomb.cue:\d+:\d+)?: error`, got, "the directory is named")
			require.Contains(t, got, `a fleet has no field "x"`, "the other directories are compiled")
		})
	}
}

// sparse is a repository with a file that is large and never read.
type sparse struct {
	fstest.MapFS
	t    *testing.T
	name string
	size int64
}

func (s sparse) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := s.MapFS.ReadDir(name)
	for i, e := range entries {
		if e.Name() == s.name {
			entries[i] = fs.FileInfoToDirEntry(sparseInfo{s})
		}
	}
	return entries, err
}

func (s sparse) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, s.name) {
		s.t.Errorf("%s was opened", name)
	}
	return s.MapFS.Open(name)
}

type sparseInfo struct{ s sparse }

func (i sparseInfo) Name() string     { return i.s.name }
func (i sparseInfo) Size() int64      { return i.s.size }
func (sparseInfo) Mode() fs.FileMode  { return 0o644 }
func (sparseInfo) ModTime() time.Time { return time.Time{} }
func (sparseInfo) IsDir() bool        { return false }
func (sparseInfo) Sys() any           { return nil }

// What is too large is refused before it is read, let alone parsed.
func TestSizes(t *testing.T) {
	base := fixture(t, &txtar.Archive{})
	load := func(fsys fs.FS, limits Limits) string {
		f, list := Load(t.Context(), fsys, Options{Limits: limits})
		require.Nil(t, f)
		require.Error(t, list.Err())
		return printed(list)
	}
	big := sparse{MapFS: maps.Clone(base), t: t, name: "big.cue", size: 100 << 20}
	big.MapFS["machines/r1/big.cue"] = &fstest.MapFile{}
	require.Contains(t, load(big, Limits{}), "machines/r1/big.cue: error: larger than the 1024 KiB that a CUE file may have  [MW100]")

	require.Contains(t, load(base, Limits{FileBytes: 100}), "larger than the 0 KiB")
	require.Contains(t, load(base, Limits{TreeBytes: 1000}), "larger than 0 MiB together")
	require.Contains(t, load(base, Limits{Files: 3}), "more than 3 CUE files")
	require.Contains(t, load(base, Limits{Entries: 5}), "more than 5 files and directories")
	require.Contains(t, load(base, Limits{Depth: 1}), "directories are nested more than 1 deep")

	require.Contains(t, load(base, Limits{Nodes: 20}), "yields more than a fleet can hold  [MW104]")
	require.Contains(t, load(base, Limits{Bytes: 200}), "yields more than a fleet can hold  [MW104]")

	odd := maps.Clone(base)
	odd["machines/r1/link.cue"] = &fstest.MapFile{Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink | 0o777}
	odd["machines/r1/latin.cue"] = &fstest.MapFile{Data: []byte("package machines // \xe9\n")}
	got := load(odd, Limits{})
	require.Contains(t, got, "machines/r1/link.cue: error: not a regular file")
	require.Contains(t, got, "machines/r1/latin.cue: error: not UTF-8")
}

// An empty repository is a mistake, not a fleet that has everything removed.
func TestEmptyRepository(t *testing.T) {
	for _, fsys := range []fs.FS{fstest.MapFS{}, fstest.MapFS{"README.md": {Data: []byte("hello")}}} {
		f, list := Load(t.Context(), fsys, Options{})
		require.Nil(t, f)
		require.Equal(t, "error: there is no CUE file in the repository  [MW100]", list.Error())
	}
}

// The variables with which CUE changes its mind about what is valid never reach the worker.
func TestEnvironmentDoesNotMatter(t *testing.T) {
	t.Setenv("CUE_DEBUG", "opendef")
	t.Setenv("CUE_EXPERIMENT", "nonsense")
	fsys := fixture(t, badFleets(t)["unknown-field"])
	_, list := Load(t.Context(), fsys, Options{Worker: worker})
	require.Contains(t, list.Error(), `the schema has no field "colour" here`)
}

// A worker that is none is an error of the machine, not a finding about the fleet's directories.
func TestNoWorker(t *testing.T) {
	fsys := fixture(t, &txtar.Archive{})
	_, list := Load(t.Context(), fsys, Options{Worker: Worker{Path: "/nonexistent"}})
	require.Contains(t, list.Error(), "starting the compiler /nonexistent")
	_, list = Load(t.Context(), fsys, Options{Worker: Worker{Path: "/bin/false"}})
	require.Contains(t, list.Error(), "[MW100]")
}
