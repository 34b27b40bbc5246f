package fleet

import (
	"bytes"
	"encoding/gob"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"millwright.dev/millwright/internal/cachefile"
)

// disk keeps results in two files, each replaced as a whole: a large one, and beside it a small one with what came
// since, so that what one change brings is not paid for by writing everything again. An empty dir keeps nothing.
type disk struct{ dir string }

func (d disk) large() string { return filepath.Join(d.dir, "fleet.pack") }
func (d disk) small() string { return filepath.Join(d.dir, "fleet-recent.pack") }

// packed is an item on disk.
type packed struct {
	Key      digest
	Idle     int
	Entities []entity
}

// packedFile is what is on disk: results, and what was read of the files of the load before, which need not be read
// again as long as their file system says that they are the same.
type packedFile struct {
	Items []packed
	Heads []packedHead
}

// packedHead is a file whose file system knows what it is.
type packedHead struct {
	Name, ID, Package string
	Size              int64
	Sum               digest
	Imports           []importSpec
}

func (d disk) read() (map[digest]*item, []packedHead) {
	items := map[digest]*item{}
	if d.dir == "" {
		return items, nil
	}
	whole := readPack(d.large())
	old := len(whole.Items)
	all := append(whole.Items, readPack(d.small()).Items...)
	results := make([]*result, len(all))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range all {
		g.Go(func() error {
			results[i] = decodeAll(compiled{Entities: p.Entities})
			return nil
		})
	}
	_ = g.Wait() // none fails
	for i, r := range results {
		if key := all[i].Key; len(r.findings) == 0 && items[key] == nil {
			items[key] = &item{result: r, idle: all[i].Idle, stored: i < old}
		}
	}
	return items, whole.Heads
}

func readPack(file string) (p packedFile) {
	data, err := cachefile.Read(file, maxFrame)
	if err != nil || gob.NewDecoder(bytes.NewReader(data)).Decode(&p) != nil {
		return packedFile{}
	}
	return p
}

// write writes the small file if few items are not in the large one, else the large one, without what nobody has
// used for long. Of two processes that write at once, one may lose what it brought.
func (d disk) write(items map[digest]*item, heads []packedHead, newHeads bool) {
	var recent packedFile
	for key, it := range items {
		if !it.stored {
			recent.Items = append(recent.Items, it.pack(key))
		}
	}
	if !newHeads && len(recent.Items)*10 <= len(items) {
		_ = writePack(d.small(), recent)
		return
	}
	all := packedFile{Heads: heads}
	for key, it := range items {
		if it.idle++; it.round > 0 {
			it.idle = 0
		}
		if it.idle > keptWrites {
			delete(items, key)
			continue
		}
		it.stored = true
		all.Items = append(all.Items, it.pack(key))
	}
	if writePack(d.large(), all) == nil {
		_ = os.Remove(d.small())
	}
}

func (it *item) pack(key digest) packed {
	p := packed{Key: key, Idle: it.idle}
	for _, t := range it.result.entities {
		p.Entities = append(p.Entities, t.entity)
	}
	return p
}

func writePack(file string, p packedFile) error {
	return cachefile.Write(file, func(w io.Writer) error { return gob.NewEncoder(w).Encode(p) })
}
