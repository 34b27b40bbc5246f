package fleet

import (
	"bytes"
	"encoding/gob"
	"io"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"millwright.dev/millwright/internal/cachefile"
)

// cache remembers results by the digest of all they depend on. In memory it holds what the last few
// loads used, on disk (one file, replaced as a whole) the same. Losing it costs time alone.
type cache struct {
	file   string        // empty: memory only
	opened chan struct{} // closed when the file was read, beside whatever else there is to do

	mu    sync.Mutex
	round int
	items map[digest]*item
	fresh int // items and heads that are not on disk yet
	heads []packedHead
}

type item struct {
	result *result
	round  int // the load that used it last
}

// keptRounds is how many loads a result survives without being used: a commit and its base, twice.
const keptRounds = 4

// packed is an item on disk.
type packed struct {
	Key      digest
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

// known are the heads that were on disk, by file.
func (c *cache) known() map[string]parsed {
	<-c.opened
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]parsed, len(c.heads))
	for _, h := range c.heads {
		all[h.Name] = parsed{sourceFile: sourceFile{Name: h.Name, id: h.ID, size: h.Size, sum: h.Sum}, pkg: h.Package, imports: h.Imports}
	}
	return all
}

// know remembers the heads of the latest load, unless few of them are new: reading those again costs less than writing.
func (c *cache) know(heads map[string]parsed) {
	if c.file == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := make(map[string]string, len(c.heads))
	for _, h := range c.heads {
		before[h.Name] = h.ID
	}
	fresh := 0
	var all []packedHead
	for name, h := range heads {
		if h.id == "" {
			continue
		}
		if before[name] != h.id {
			fresh++
		}
		all = append(all, packedHead{Name: name, ID: h.id, Package: h.pkg, Size: h.size, Sum: h.sum, Imports: h.imports})
	}
	if fresh*100 > len(heads) {
		c.heads, c.fresh = all, c.fresh+fresh
	}
}

// openCache begins to read what was kept; anything odd about the file means an empty cache.
func openCache(dir string) *cache {
	c := &cache{items: map[digest]*item{}, opened: make(chan struct{})}
	if dir == "" {
		close(c.opened)
		return c
	}
	c.file = filepath.Join(dir, "fleet.pack")
	go func() {
		defer close(c.opened)
		c.read()
	}()
	return c
}

func (c *cache) read() {
	data, err := cachefile.Read(c.file, maxFrame)
	if err != nil {
		return
	}
	var file packedFile
	if gob.NewDecoder(bytes.NewReader(data)).Decode(&file) != nil {
		return
	}
	pack := file.Items
	c.heads = file.Heads
	results := make([]*result, len(pack))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range pack {
		g.Go(func() error {
			results[i] = decodeAll(compiled{Entities: p.Entities})
			return nil
		})
	}
	_ = g.Wait() // none fails
	for i, r := range results {
		if len(r.findings) == 0 {
			c.items[pack[i].Key] = &item{result: r}
		}
	}
}

func (c *cache) get(key digest) *result {
	<-c.opened
	c.mu.Lock()
	defer c.mu.Unlock()
	if it := c.items[key]; it != nil {
		return it.result
	}
	return nil
}

// put remembers the results of one load and forgets what was not used for a while. Directories with
// findings are compiled again each time: what ran into a limit may not do so again.
func (c *cache) put(instances []*instance, results []*result) {
	<-c.opened
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	for i, in := range instances {
		if results[i].findings != nil {
			continue
		}
		if c.items[in.key] == nil {
			c.items[in.key] = &item{result: results[i]}
			c.fresh++
		}
		c.items[in.key].round = c.round
	}
	for key, it := range c.items {
		if it.round <= c.round-keptRounds {
			delete(c.items, key)
		}
	}
	if c.fresh*10 > len(c.items) {
		c.write()
	}
}

// close writes what is not on disk yet. An agent that loads commit by commit does not write all for each; what it
// loses when it is killed is no more than a tenth.
func (c *cache) close() {
	<-c.opened
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fresh > 0 {
		c.write()
	}
}

// write replaces the file. A cache that cannot be written is a slow start, no failure.
func (c *cache) write() {
	c.fresh = 0
	if c.file == "" {
		return
	}
	var pack []packed
	for key, it := range c.items {
		p := packed{Key: key}
		for _, t := range it.result.entities {
			p.Entities = append(p.Entities, t.entity)
		}
		pack = append(pack, p)
	}
	_ = cachefile.Write(c.file, func(w io.Writer) error { return gob.NewEncoder(w).Encode(packedFile{pack, c.heads}) })
}
