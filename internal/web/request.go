package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is one question of one reader, with how things stand for them.
type request struct {
	*Snapshot
	http   *http.Request
	reader Reader
	query  url.Values
	now    time.Time
	stale  time.Duration
}

// errNotFound is the answer for what is not there, or not for this reader: they cannot tell which.
var errNotFound = errors.New("there is no such thing in the commit in force, or it is not for you to see")

// read asks who the reader is, and hands their view of things on.
func (d *Dashboard) read(answer func(http.ResponseWriter, *request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reader, err := d.Access.Reader(r, d.Store)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		note(r, reader)
		w.Header().Set("Cache-Control", "no-store")
		answer(w, &request{
			Snapshot: d.Store.Snapshot(reader.Scope), http: r, reader: reader, query: r.URL.Query(), now: d.Now(), stale: d.StaleAfter,
		})
	})
}

// where is the URL of this page with some of its parameters changed; an empty value drops one.
func (r *request) where(pairs ...string) string {
	q := url.Values{}
	for k, v := range r.query {
		if v[0] != "" {
			q.Set(k, v[0])
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
			continue
		}
		q.Set(pairs[i], pairs[i+1])
	}
	if len(q) == 0 {
		return r.http.URL.EscapedPath()
	}
	return r.http.URL.EscapedPath() + "?" + q.Encode()
}

// Link leads to what an address names, where there is such a page; URL is empty where there is none.
type Link struct{ Text, URL string }

// link of an entity, a target or an object.
func (s *Snapshot) link(address string) Link {
	l := Link{Text: address}
	kind, name, _ := strings.Cut(address, "/")
	words := strings.Split(name, "/")
	switch kind {
	case "machine", "redfish":
		if _, ok := s.machines[words[0]]; ok && len(words) == 1 {
			l.URL = path("machines", name)
		}
	case "tenant":
		if s.tenant(name) != nil {
			l.URL = path("tenants", name)
		}
	case "cluster":
		if s.cluster(name) != nil {
			l.URL = path("tenants", words[0]) + "#" + url.PathEscape(words[1])
		}
	case "pool":
		if s.pool(name) != nil {
			l.URL = path(append([]string{"pools"}, words...)...)
		}
	case "segment":
		if s.segment(name) != nil {
			l.URL = path("segments", name)
		}
	case "stack":
		if s.stack(name) != nil {
			l.URL = path("stacks", name)
		}
	}
	if l.URL == "" && s.known(address) {
		l.URL = path(append([]string{"o"}, strings.Split(address, "/")...)...)
	}
	return l
}

// known reports whether an address is that of an object, wanted or in the report.
func (s *Snapshot) known(address string) bool {
	if _, ok := s.byAddress[address]; ok {
		return true
	}
	_, ok := s.object(address)
	return ok
}

// cluster is "acme/train", or nil.
func (s *Snapshot) cluster(name string) *Cluster {
	tenant, cluster, _ := strings.Cut(name, "/")
	if t := s.tenant(tenant); t != nil {
		for i := range t.Clusters {
			if t.Clusters[i].Name == cluster {
				return &t.Clusters[i]
			}
		}
	}
	return nil
}

// pool is "acme/train/h100", or nil.
func (s *Snapshot) pool(name string) *Pool {
	tenant, rest, _ := strings.Cut(name, "/")
	cluster, pool, _ := strings.Cut(rest, "/")
	if c := s.cluster(tenant + "/" + cluster); c != nil {
		for i := range c.Pools {
			if c.Pools[i].Name == pool {
				return &c.Pools[i]
			}
		}
	}
	return nil
}

// path is an absolute path of these words.
func path(words ...string) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString("/" + url.PathEscape(w))
	}
	return b.String()
}
