package web

import (
	"sync"
	"time"
)

// Pages are the same for every reader of a scope until something changes; only their ages go on. So each
// is made at most once a second and sequence, however many read it.
const (
	fresh     = time.Second
	maxCached = 16 << 20 // bytes
)

type cache struct {
	mu       sync.Mutex
	sequence uint64
	size     int
	pages    map[string]cached
}

type cached struct {
	body   []byte
	status int
	made   time.Time
}

// get is the page from the cache, or made anew.
func (c *cache) get(r *request, make func() ([]byte, int)) ([]byte, int) {
	key := r.reader.Scope.key() + "\x00" + r.http.URL.RequestURI()
	c.mu.Lock()
	p, ok := c.pages[key]
	if ok = ok && c.sequence == r.Sequence && r.now.Sub(p.made) < fresh; ok {
		c.mu.Unlock()
		return p.body, p.status
	}
	c.mu.Unlock()
	body, status := make()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sequence != r.Sequence || c.size > maxCached || c.pages == nil {
		c.sequence, c.size, c.pages = r.Sequence, 0, map[string]cached{}
	}
	c.size += len(body) - len(c.pages[key].body)
	c.pages[key] = cached{body, status, r.now}
	return body, status
}
