package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"millwright.dev/millwright/internal/wholefile"
)

const (
	// packEvery is after how many runs what lies loose is packed: a run is about six small files until then.
	packEvery = 500
	// packWindow is among how many objects one is looked for to tell another's difference from.
	packWindow = 10
)

// pack puts all loose objects into one pack. It is on disk for good before they are removed, so that a crash leaves
// each object at least once.
func (r *Repository) pack() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var loose []plumbing.Hash
	err := r.storage.ForEachObjectHash(func(id plumbing.Hash) error {
		loose = append(loose, id)
		return nil
	})
	if err != nil || len(loose) == 0 {
		return err
	}
	w, err := r.storage.PackfileWriter()
	if err != nil {
		return err
	}
	name, err := packfile.NewEncoder(w, r.storage, false).Encode(loose, packWindow)
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("pack the journal in %s: %w", r.dir, err)
	}
	packs := filepath.Join(r.dir, "objects", "pack")
	for _, end := range []string{".idx", ".pack"} {
		if err := wholefile.Sync(filepath.Join(packs, "pack-"+name.String()+end)); err != nil {
			return err
		}
	}
	if err := wholefile.Sync(packs); err != nil {
		return err
	}
	r.storage = storageIn(r.dir)
	for _, id := range loose {
		if err := os.Remove(filepath.Join(r.dir, "objects", id.String()[:2], id.String()[2:])); err != nil {
			return err
		}
	}
	return nil
}
