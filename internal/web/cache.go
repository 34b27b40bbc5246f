package web

import (
	"net/http"
	"sync"
	"time"
)

// Pages are the same for every reader of a scope until something changes; only the ages on them go on. So
// each is made once a sequence, and again once a second while it is read, when nobody waits for it: the
// last one is shown meanwhile. A page that nobody has read for a while is made anew for who comes next.
const (
	fresh     = time.Second
	passable  = 3 * time.Second
	maxCached = 16 << 20 // bytes, pages and what they are called by
)

type cache struct {
	mu       sync.Mutex
	sequence uint64
	size     int
	pages    map[string]*cached
	making   sync.WaitGroup // what is made while nobody waits
}

type cached struct {
	done   chan struct{} // closed when the page is there
	body   []byte
	status int
	made   time.Time
	again  bool // it is being made anew
	size   int
}

// key is what a page depends on beside the sequence: what its reader may see, and what they ask for.
func (r *request) key() string { return r.reader.Scope.key() + "\x00" + r.http.URL.RequestURI() }

// get is the page from the cache, or made anew; of several who ask for it at once one makes it.
func (c *cache) get(r *request, render func() ([]byte, int)) ([]byte, int) {
	key := r.key()
	c.mu.Lock()
	if r.Sequence < c.sequence { // it was asked for before something changed
		c.mu.Unlock()
		return render()
	}
	if r.Sequence > c.sequence || c.pages == nil {
		c.sequence, c.size, c.pages = r.Sequence, 0, map[string]*cached{}
	}
	if p := c.pages[key]; p != nil && r.now.Sub(p.made) < passable {
		if !p.again && r.now.Sub(p.made) >= fresh {
			p.again = true
			c.making.Go(func() {
				defer func() { _ = recover() }() // whoever asks once the page has become too old meets the same, and the log tells
				c.fill(r, key, newCached(r), render)
			})
		}
		c.mu.Unlock()
		<-p.done
		return p.body, p.status
	}
	p := newCached(r)
	c.put(key, p)
	c.mu.Unlock()
	return c.fill(r, key, p, render)
}

func newCached(r *request) *cached { return &cached{done: make(chan struct{}), made: r.now} }

// put takes a page in for the one that is there.
func (c *cache) put(key string, p *cached) {
	if old := c.pages[key]; old != nil {
		c.size -= old.size
	}
	c.size += p.size
	if c.pages[key] = p; c.size > maxCached {
		c.size, c.pages = 0, map[string]*cached{}
	}
}

// fill makes a page and keeps it, unless something changed meanwhile.
func (c *cache) fill(r *request, key string, p *cached, render func() ([]byte, int)) ([]byte, int) {
	p.body, p.status = []byte("the page could not be made\n"), http.StatusInternalServerError // for those who wait, if making it panics
	defer close(p.done)
	p.body, p.status = render()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sequence == r.Sequence {
		c.put(key, &cached{done: p.done, body: p.body, status: p.status, made: p.made, size: len(key) + len(p.body)})
	}
	return p.body, p.status
}
