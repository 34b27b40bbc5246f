package fleet

import "sync"

// cache remembers results by the digest of all they depend on. In memory it holds what the last few
// loads used, on disk the same and what other processes used lately. Losing it costs time alone.
type cache struct {
	disk   disk
	opened chan struct{} // closed when the disk was read, beside whatever else there is to do

	mu    sync.Mutex
	round int
	items map[digest]*item
	fresh int // items that are not on disk yet
	heads []packedHead
	moved bool // heads are others than those on disk
}

type item struct {
	result *result
	round  int  // the load that used it last; 0: none of this process
	idle   int  // how often the large file was written since a process used it
	stored bool // it is in the large file
}

// keptRounds is how many loads a result survives without being used: a commit and its base, twice.
const keptRounds = 4

// keptWrites is how many times the large file is written with a result that no process used.
const keptWrites = 4

// openCache begins to read what was kept; anything odd about a file means that it has nothing.
func openCache(dir string) *cache {
	c := &cache{disk: disk{dir}, items: map[digest]*item{}, opened: make(chan struct{})}
	go func() {
		defer close(c.opened)
		c.items, c.heads = c.disk.read()
	}()
	return c
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
	if c.disk.dir == "" {
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
		c.heads, c.moved = all, true
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

// close writes what is not on disk yet. An agent that loads commit by commit does not write for each; what it
// loses when it is killed is no more than a tenth.
func (c *cache) close() {
	<-c.opened
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fresh > 0 || c.moved {
		c.write()
	}
}

// write brings the disk up to date. A cache that cannot be written is a slow start, no failure.
func (c *cache) write() {
	if c.disk.dir != "" {
		c.disk.write(c.items, c.heads, c.moved)
	}
	c.fresh, c.moved = 0, false
}
