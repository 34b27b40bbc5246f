package sources

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Bounds on what Digest reads of a directory.
const (
	maxDigestFiles = 50_000
	maxDigestBytes = 256 << 20
)

// Digest identifies all files that a snapshot holds, ignored ones included: equal digests mean equal trees. Of a commit
// it is known without a read. A directory that is too large, or that holds what is neither a file, a link nor a
// directory, has none; the error says why.
func Digest(fsys fs.FS) (string, error) {
	switch f := fsys.(type) {
	case *commitFS:
		return f.Identity(".")
	case *directoryFS:
		d := digester{files: f}
		if err := d.collect("."); err != nil {
			return "", fmt.Errorf("digest a directory: %w", err)
		}
		return d.sum()
	}
	return "", fmt.Errorf("digest a tree: %T is no snapshot", fsys)
}

// digester collects the files of a directory, in the order of their names within each directory.
type digester struct {
	files *directoryFS
	found []place
	bytes int64
}

func (d *digester) collect(dir string) error {
	list, err := d.files.list(dir)
	if err != nil {
		return err
	}
	for _, n := range list {
		at := path.Join(dir, n.name)
		switch {
		case n.mode.IsDir():
			if err := d.collect(at); err != nil {
				return err
			}
			continue
		case n.mode.Type() == fs.ModeIrregular:
			return irregular(at, n)
		}
		size, err := d.files.size(dir, n)
		if err != nil {
			return err
		}
		d.found = append(d.found, place{dir, n})
		if d.bytes += size; d.bytes > maxDigestBytes || len(d.found) > maxDigestFiles {
			return tooLarge(d.bytes, maxDigestBytes)
		}
	}
	return nil
}

func (d *digester) sum() (string, error) {
	sums := make([][sha256.Size]byte, len(d.found))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range d.found {
		g.Go(func() error {
			content, err := d.files.read(p.dir, p.node, maxDigestBytes)
			sums[i] = sha256.Sum256(content)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", fmt.Errorf("digest a directory: %w", err)
	}
	h := sha256.New()
	for i, p := range d.found {
		fmt.Fprintf(h, "%q %s %x\n", path.Join(p.dir, p.name), p.mode, sums[i])
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
