package audit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"millwright.dev/millwright/internal/cachefile"
	"millwright.dev/millwright/sources"
)

// format is raised when what is kept would be misread, or when the same commits would give other events.
const format = 2

// maxIndex bounds a file that is read, in bytes, and what it unfolds to.
const maxIndex, maxUnfolded = 1 << 30, 4 << 30

// Open takes up what is kept of a line in a directory; an empty one keeps nothing. Anything odd about the file, or
// one of another version, is an empty index, which [Index.Update] fills again. Version is what compiles: another one
// may compute other values of the same commits.
func Open(dir string, l *sources.Line, version string) *Index {
	repository := sum(l.Commits[0].Hash, l.Below)
	x := &Index{key: sum(repository, version, fmt.Sprint(format)), batch: atATime}
	x.data.Key = x.key
	if dir == "" {
		return x
	}
	x.file = filepath.Join(dir, "history-"+repository[:16]+".index")
	if data, err := read(x.file); err == nil && data.Key == x.key && data.sound() {
		x.data = data
	}
	return x
}

func sum(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func read(file string) (contents, error) {
	var data contents
	folded, err := cachefile.Read(file, maxIndex)
	if err != nil {
		return data, err
	}
	unfold, err := gzip.NewReader(bytes.NewReader(folded))
	if err != nil {
		return data, err
	}
	err = gob.NewDecoder(io.LimitReader(unfold, maxUnfolded)).Decode(&data)
	return data, err
}

// sound reports whether steps stand in the order of commits that are there.
func (c contents) sound() bool {
	last := 0
	for _, s := range c.Steps {
		if s.Commit < last || s.Commit >= len(c.Commits) {
			return false
		}
		last = s.Commit
	}
	return true
}

// write replaces the file.
func (x *Index) write() error {
	if x.file == "" {
		return nil
	}
	return cachefile.Write(x.file, func(w io.Writer) error {
		fold := gzip.NewWriter(w)
		if err := gob.NewEncoder(fold).Encode(x.data); err != nil {
			return err
		}
		return fold.Close()
	})
}
