package web

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	heartbeat   = 15 * time.Second
	patience    = 20 * time.Second       // how long a reader may take for one write
	breath      = 500 * time.Millisecond // the least time between two events
	longStream  = time.Hour              // then the browser asks again, and is let in again
	manyStreams = 256
	manyOfOne   = 16   // the streams of one reader: each page that is open has one
	refusedFor  = "60" // seconds until somebody who was refused may find a place
)

// streams counts the readers that are told of changes.
type streams struct {
	mu    sync.Mutex
	open  int
	of    map[string]int // by client, as requests are counted
	ended bool
}

// events tells the browser whenever something changed: the event's id is the sequence, so that a browser
// that comes back knows whether it missed one.
func (d *Dashboard) events(w http.ResponseWriter, r *request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	if r.http.Method == http.MethodHead {
		return
	}
	client := d.Access.Client(r.http)
	if status, why := d.streams.enter(client); status != http.StatusOK {
		w.Header().Set("Retry-After", refusedFor)
		http.Error(w, why, status)
		return
	}
	defer d.streams.leave(client)
	control := http.NewResponseController(w)
	send := func(format string, args ...any) bool {
		if err := control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return false
		}
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !send("retry: 3000\n\n") {
		return
	}
	beat, end := time.NewTicker(heartbeat), time.NewTimer(longStream)
	defer beat.Stop()
	defer end.Stop()
	told := r.http.Header.Get("Last-Event-ID")
	for {
		sequence, changed := d.Store.next()
		if id := fmt.Sprint(sequence); id != told {
			if told = id; !send("id: %s\nevent: report\ndata: %s\n\n", id, id) {
				return
			}
			select {
			case <-time.After(breath):
			case <-r.http.Context().Done():
				return
			case <-d.done:
				return
			}
			continue
		}
		select {
		case <-changed:
		case <-beat.C:
			if !send(": alive\n\n") {
				return
			}
		case <-r.http.Context().Done():
			return
		case <-end.C:
			return
		case <-d.done:
			return
		}
	}
}

// enter gives a client a place, or says why there is none for it: none at all, or none beside those that it has, so
// that nobody takes the places of others.
func (s *streams) enter(client string) (status int, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.of[client] == manyOfOne:
		return http.StatusTooManyRequests, fmt.Sprintf("you have %d pages open that are told of changes, and may have no more; close some", manyOfOne)
	case s.open == manyStreams:
		return http.StatusServiceUnavailable, "too many browsers watch; reload the page to see what is new"
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.open++
	s.of[client]++
	return http.StatusOK, ""
}

func (s *streams) leave(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.of[client]--; s.of[client] == 0 {
		delete(s.of, client)
	}
}

func (d *Dashboard) endStreams() {
	d.streams.mu.Lock()
	defer d.streams.mu.Unlock()
	if !d.streams.ended {
		d.streams.ended = true
		close(d.done)
	}
}
