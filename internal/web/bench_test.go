package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How a page is read: so often, for so many seconds, each of which is followed by one of the file.
const (
	benchRate    = 100 // a second
	benchSeconds = 5
)

// BenchmarkPageAgainstFile reads every page of a fleet of 10,000 machines 100 times a second, and at the same
// rate a static file of the same size from the same server, each for itself, in turns. It reports how much longer the
// 99th percentile of the page takes: at most 5 is what we want. The first reader after a report, who joins it with
// the floor, is not among them.
func BenchmarkPageAgainstFile(b *testing.B) {
	store := filled(b, 10_000)
	d := served(b, store, func(o *Options) { o.Now = time.Now })
	var file []byte
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	mux := http.NewServeMux()
	mux.Handle("/", d)
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() { _ = server.Shutdown(context.Background()); <-ended }()
	base := "http://" + listener.Addr().String()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()

	for _, page := range everyPage {
		b.Run(page, func(b *testing.B) {
			file = read(b, client, base+page)
			for b.Loop() {
				var pages, files []time.Duration
				for range benchSeconds {
					pages = append(pages, steady(b, client, base+page)...)
					files = append(files, steady(b, client, base+"/file")...)
				}
				made := percentile(pages)
				b.ReportMetric(float64(made)/float64(percentile(files)), "p99/file")
				b.ReportMetric(float64(made.Microseconds())/1000, "p99-ms")
				b.ReportMetric(float64(len(file))/1000, "KB")
			}
		})
	}
}

// percentile is the 99th.
func percentile(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100-1]
}

// steady is how long requests take of which one begins every hundredth of a second, for a second, whether or
// not the last is answered.
func steady(b *testing.B, client *http.Client, url string) []time.Duration {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	clock := time.NewTicker(time.Second / benchRate)
	defer clock.Stop()
	for range benchRate {
		due := <-clock.C
		all.Go(func() {
			read(b, client, url)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
		})
	}
	all.Wait()
	return took
}

func read(b *testing.B, client *http.Client, url string) []byte {
	b.Helper()
	w, err := client.Get(url)
	if err != nil {
		b.Error(err)
		return nil
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusOK {
		b.Error(url, w.StatusCode, err)
	}
	return body
}
