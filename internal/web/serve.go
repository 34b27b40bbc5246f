package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Serve answers on the listener until ctx is done; streams end then, and other answers are finished.
func (d *Dashboard) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: d, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
	}
	finished := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(finished)
		d.endStreams()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(closing) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-finished
	}
	d.cache.making.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the dashboard: %w", err)
}

// secured adds to every answer what browsers are told about it: nothing is loaded from elsewhere, no
// script or style stands in a page, and no other page may frame one.
func secured(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}

// recorder notes what became of a request.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += n
	return n, err
}

// asked is what the log wants to know of a request and only its handler finds out.
type asked struct{ reader string }

type askedKey struct{}

// note tells the log who reads.
func note(r *http.Request, reader Reader) {
	if a, ok := r.Context().Value(askedKey{}).(*asked); ok {
		a.reader = reader.Name
	}
}

// logged writes a line for every request; those that machines make all the time only where somebody
// debugs.
func (d *Dashboard) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a asked
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		begun := time.Now()
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), askedKey{}, &a)))
		level := slog.LevelInfo
		if routine(r.URL.Path) && rec.status < http.StatusBadRequest {
			level = slog.LevelDebug
		}
		d.Log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", rec.status, "bytes", rec.bytes,
			"seconds", time.Since(begun).Seconds(), "peer", peer(r).String(), "reader", a.reader)
	})
}

func routine(path string) bool {
	switch path {
	case "/api/v1/report", "/metrics", "/healthz", "/readyz", "/events":
		return true
	}
	return strings.HasPrefix(path, "/assets/")
}

// limited refuses requests of a client that makes too many.
func (d *Dashboard) limited(next http.Handler) http.Handler {
	b := &buckets{rate: d.Rate, burst: d.Burst, levels: map[string]bucket{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !b.take(d.Access.Client(r), d.Now()) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests; wait a second", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// buckets allow each client a burst of requests, and so many a second after that.
type buckets struct {
	rate, burst float64
	mu          sync.Mutex
	levels      map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// manyClients is how many clients are remembered before those that have rested are forgotten.
const manyClients = 4096

func (b *buckets) take(client string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	level, known := b.levels[client]
	if !known {
		if len(b.levels) >= manyClients {
			b.forget(now)
		}
		level = bucket{b.burst, now}
	}
	level.tokens = min(b.burst, level.tokens+b.rate*max(0, now.Sub(level.at).Seconds()))
	level.at = now
	ok := level.tokens >= 1
	if ok {
		level.tokens--
	}
	b.levels[client] = level
	return ok
}

// forget drops the clients whose bucket is full again, which is as if they had never come; if there are
// none, all.
func (b *buckets) forget(now time.Time) {
	for client, level := range b.levels {
		if level.tokens+b.rate*now.Sub(level.at).Seconds() >= b.burst {
			delete(b.levels, client)
		}
	}
	if len(b.levels) >= manyClients {
		clear(b.levels)
	}
}
