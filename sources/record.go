package sources

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A cache directory holds the record of the last good commit, and the clone that it names:
//
//	last.json        record
//	clone-123456/    a bare repository
const (
	recordFile   = "last.json"
	recordFormat = 1
	maxRecord    = 64 << 10 // bytes
	cloneDirs    = "clone-"
)

// record is what survives a restart. It is replaced as a whole, and written after the objects that
// it needs, so that a process killed at any moment leaves the one before.
type record struct {
	Format    int       `json:"format"`
	URL       string    `json:"url"`
	Ref       string    `json:"ref"`
	Commit    string    `json:"commit"`
	FetchedAt time.Time `json:"fetchedAt"`
	Rewritten string    `json:"rewritten,omitempty"`
	Clone     string    `json:"clone"`
	Packs     int       `json:"packs"`
	// Rules are what the commit's signatures were held to.
	Rules string `json:"rules,omitempty"`
}

// readRecord returns the record of this remote and ref. One of another, one that cannot be read and
// none at all are the same to us: nothing is known.
func readRecord(dir, url, ref string) (record, bool) {
	f, err := os.Open(filepath.Join(dir, recordFile))
	if err != nil {
		return record{}, false
	}
	defer f.Close()
	data, err := readBounded(f, maxRecord)
	if err != nil {
		return record{}, false
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, false
	}
	ok := r.Format == recordFormat && r.URL == url && r.Ref == ref &&
		strings.HasPrefix(r.Clone, cloneDirs) && filepath.IsLocal(r.Clone) && filepath.Base(r.Clone) == r.Clone
	return r, ok
}

func (r record) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, recordFile+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, recordFile))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// sweep removes what earlier processes left in a cache directory, except the clone in use, whose
// unfinished packs go too.
func sweep(dir, clone string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ours := strings.HasPrefix(e.Name(), cloneDirs) || strings.HasPrefix(e.Name(), recordFile+"-")
		if ours && e.Name() != clone {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if clone == "" {
		return err
	}
	for _, pattern := range []string{"incoming-*", "objects/pack/tmp_*"} {
		left, _ := fs.Glob(os.DirFS(filepath.Join(dir, clone)), pattern)
		for _, name := range left {
			err = errors.Join(err, os.Remove(filepath.Join(dir, clone, filepath.FromSlash(name))))
		}
	}
	return err
}
