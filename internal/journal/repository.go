package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"millwright.dev/millwright/internal/wholefile"
)

// Repository is a bare Git repository on disk. It may be used from many goroutines; only one process may
// write to it. What it has written is on disk for good when a method returns.
type Repository struct {
	dir       string
	packEvery int // runs

	mu      sync.Mutex // go-git's storage fills its indexes as it reads
	storage *filesystem.Storage
}

const objectCache = 16 << 20 // bytes

// Open opens the repository in a directory; it must be one.
func Open(dir string) (*Repository, error) {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return nil, fmt.Errorf("open the journal in %s: there is no bare Git repository: %w", dir, err)
	}
	return &Repository{dir: dir, packEvery: packEvery, storage: storageIn(dir)}, nil
}

func storageIn(dir string) *filesystem.Storage {
	return filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRU(objectCache))
}

// Create opens the repository in a directory, and makes it where there is none yet. Its HEAD is the ref.
func Create(dir, ref string) (*Repository, error) {
	name, err := RefName(ref)
	if err != nil {
		return nil, err
	}
	storage := storageIn(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the journal: %w", err)
	}
	if err := storage.Init(); err != nil {
		return nil, fmt.Errorf("make the journal in %s: %w", dir, err)
	}
	for file, content := range map[string]string{"config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n", "HEAD": "ref: " + name + "\n"} {
		path := filepath.Join(dir, file)
		if had, err := os.ReadFile(path); err == nil && string(had) == content || file == "config" && len(had) > 0 {
			continue
		}
		if err := wholefile.Write(path, []byte(content)); err != nil {
			return nil, fmt.Errorf("make the journal in %s: %w", dir, err)
		}
	}
	return &Repository{dir: dir, packEvery: packEvery, storage: storage}, nil
}

// reopen finds what another has put into the directory since.
func (r *Repository) reopen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.storage = storageIn(r.dir)
}

// Dir is where it lies.
func (r *Repository) Dir() string { return r.dir }

const branches = "refs/heads/"

// RefName is the full name of a ref: of a branch, unless it says otherwise.
func RefName(ref string) (string, error) {
	if !strings.HasPrefix(ref, "refs/") {
		ref = branches + ref
	}
	if err := plumbing.ReferenceName(ref).Validate(); err != nil || strings.Contains(ref, "..") || strings.Count(ref, "/") < 2 {
		return "", fmt.Errorf("%q is no name for a ref of the journal; use letters, digits, - and /", ref)
	}
	return ref, nil
}

// Tip is the commit that a ref points to; "" if there is no such ref yet.
func (r *Repository) Tip(ref string) (string, error) {
	name, err := RefName(ref)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found, err := r.storage.Reference(plumbing.ReferenceName(name))
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s of the journal in %s: %w", name, r.dir, err)
	}
	return found.Hash().String(), nil
}

// setTip makes a ref point to a commit; "" removes the ref.
func (r *Repository) setTip(ref, commit string) error {
	name, err := RefName(ref)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if commit == "" {
		err = r.storage.RemoveReference(plumbing.ReferenceName(name))
	} else {
		err = wholefile.Write(filepath.Join(r.dir, filepath.FromSlash(name)), []byte(commit+"\n"))
	}
	if err != nil {
		return fmt.Errorf("write %s of the journal in %s: %w", name, r.dir, err)
	}
	return nil
}

// Has reports whether a commit is there.
func (r *Repository) Has(commit string) bool {
	if !plumbing.IsHash(commit) {
		return false
	}
	_, err := r.read(plumbing.CommitObject, plumbing.NewHash(commit))
	return err == nil
}

// maxObject bounds what is read back: a run of 100,000 changes takes about 80 MB.
const maxObject = 256 << 20

// read is an object's content, proven by its hash.
func (r *Repository) read(kind plumbing.ObjectType, id plumbing.Hash) (data []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		if p := recover(); p != nil { // as go-git does on some damage
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			err = fmt.Errorf("read %s %s of the journal in %s: %w", kind, id, r.dir, err)
		}
	}()
	o, err := r.storage.EncodedObject(kind, id)
	if err != nil {
		return nil, err
	}
	if o.Size() > maxObject {
		return nil, fmt.Errorf("it has %d bytes, more than can be right", o.Size())
	}
	content, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if data, err = io.ReadAll(content); err != nil {
		return nil, err
	}
	if plumbing.ComputeHash(kind, data) != id {
		return nil, errors.New("its content does not match its hash")
	}
	return data, nil
}

// write stores an object, on disk for good.
func (r *Repository) write(kind plumbing.ObjectType, content []byte) (plumbing.Hash, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.storage.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err == nil {
		_, err = w.Write(content)
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	id, err := r.storage.SetEncodedObject(o)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("write to the journal in %s: %w", r.dir, err)
	}
	folder := filepath.Join(r.dir, "objects", id.String()[:2])
	return id, errors.Join(wholefile.Sync(filepath.Join(folder, id.String()[2:])), wholefile.Sync(folder))
}
