package conformance

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
)

// RoundTrip is a function as a transport.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Wire is the network between a client and its system, for a [Suite] to break: its methods are the
// suite's Break, Stall and LoseAnswer. The zero Wire is whole.
type Wire struct {
	// Writes tells a state-changing request; nil means that every method but GET is one.
	Writes func(*http.Request) bool

	mu      sync.Mutex
	cut     bool
	lossy   bool // the next write's answer is lost
	stalled chan struct{}
}

// Through is the wire in front of a transport.
func (w *Wire) Through(next http.RoundTripper) http.RoundTripper {
	return RoundTrip(func(r *http.Request) (*http.Response, error) {
		writes := r.Method != http.MethodGet
		if w.Writes != nil {
			writes = w.Writes(r)
		}
		w.mu.Lock()
		cut, stalled, lose := w.cut, w.stalled, w.lossy && writes
		w.lossy = w.lossy && !lose
		w.mu.Unlock()
		if cut {
			return nil, errors.New("no route to host")
		}
		if stalled != nil {
			select {
			case <-stalled:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		response, err := next.RoundTrip(r)
		if lose && err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			return nil, errors.New("connection reset by peer")
		}
		return response, err
	})
}

// Cut has every request fail until mend is called.
func (w *Wire) Cut(*testing.T) (mend func()) {
	w.set(func() { w.cut = true })
	return func() { w.set(func() { w.cut = false }) }
}

// Stall has every request wait until mend is called.
func (w *Wire) Stall(*testing.T) (mend func()) {
	w.set(func() { w.stalled = make(chan struct{}) })
	return func() { w.set(func() { close(w.stalled); w.stalled = nil }) }
}

// LoseAnswer lets the next write take effect, and loses its answer.
func (w *Wire) LoseAnswer(*testing.T) { w.set(func() { w.lossy = true }) }

func (w *Wire) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}
