package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// cache remembers results by the digest of all they depend on. In memory it holds what the last few
// loads used, on disk (one file, replaced as a whole) the same. Losing it costs time alone.
type cache struct {
	file string // empty: memory only

	mu    sync.Mutex
	round int
	items map[digest]*item
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

// openCache reads what was kept; anything odd about the file means an empty cache.
func openCache(dir string) *cache {
	c := &cache{items: map[digest]*item{}}
	if dir == "" {
		return c
	}
	c.file = filepath.Join(dir, "fleet.pack")
	f, err := os.Open(c.file)
	if err != nil {
		return c
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFrame))
	if err != nil || len(data) < sha256.Size || sha256.Sum256(data[sha256.Size:]) != [sha256.Size]byte(data) {
		return c
	}
	var pack []packed
	if gob.NewDecoder(bytes.NewReader(data[sha256.Size:])).Decode(&pack) != nil {
		return c
	}
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
	return c
}

func (c *cache) get(key digest) *result {
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
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	fresh := false
	for i, in := range instances {
		if results[i].findings != nil {
			continue
		}
		if c.items[in.key] == nil {
			c.items[in.key] = &item{result: results[i]}
			fresh = true
		}
		c.items[in.key].round = c.round
	}
	for key, it := range c.items {
		if it.round <= c.round-keptRounds {
			delete(c.items, key)
		}
	}
	if fresh && c.file != "" {
		_ = c.write() // a cache that cannot be written is a slow start, no failure
	}
}

// write replaces the file.
func (c *cache) write() error {
	var pack []packed
	for key, it := range c.items {
		p := packed{Key: key}
		for _, t := range it.result.entities {
			p.Entities = append(p.Entities, t.entity)
		}
		pack = append(pack, p)
	}
	var b bytes.Buffer
	b.Write(make([]byte, sha256.Size))
	if err := gob.NewEncoder(&b).Encode(pack); err != nil {
		return err
	}
	sum := sha256.Sum256(b.Bytes()[sha256.Size:])
	copy(b.Bytes(), sum[:])
	if err := os.MkdirAll(filepath.Dir(c.file), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(c.file), "fleet-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	_, err = tmp.Write(b.Bytes())
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), c.file)
}
