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
)

// streams counts the readers that are told of changes.
type streams struct {
	mu    sync.Mutex
	open  int
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
	if !d.streams.enter() {
		w.Header().Del("Content-Type")
		http.Error(w, "too many browsers watch; reload the page to see what is new", http.StatusServiceUnavailable)
		return
	}
	defer d.streams.leave()
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

func (s *streams) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == manyStreams {
		return false
	}
	s.open++
	return true
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

func (d *Dashboard) endStreams() {
	d.streams.mu.Lock()
	defer d.streams.mu.Unlock()
	if !d.streams.ended {
		d.streams.ended = true
		close(d.done)
	}
}
