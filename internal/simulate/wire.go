package simulate

import (
	"net/http"
	"net/http/httptest"
	"time"
)

// Wire puts a stand-in's handler behind the site's faults and log: every request becomes an Event
// with the status that the client saw.
func (s *Site) Wire(system, target string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := Event{System: system, Target: target, Verb: r.Method, Path: r.URL.RequestURI()}
		fault := s.TakeFault(system, target, r.Method)
		if fault != nil {
			switch fault.Kind {
			case FaultSlow:
				select {
				case <-time.After(s.Delay(fault.Delay)):
				case <-r.Context().Done():
				}
			case FaultError:
				event.Status = http.StatusServiceUnavailable
				s.Record(event)
				http.Error(w, "the service is busy", http.StatusServiceUnavailable)
				return
			case FaultRefuse:
				event.Status = -1
				s.Record(event)
				panic(http.ErrAbortHandler)
			case FaultLostAnswer:
				event.Status = -1
				h.ServeHTTP(httptest.NewRecorder(), r)
				s.Record(event)
				panic(http.ErrAbortHandler)
			}
		}
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(seen, r)
		event.Status = seen.status
		s.Record(event)
	})
}

// statusWriter remembers the status that a handler answers with.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
