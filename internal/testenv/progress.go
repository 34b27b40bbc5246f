package testenv

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress writes lines for people. What cannot be written is lost: talk is no reason to fail.
type progress struct {
	mu sync.Mutex
	w  io.Writer
}

func newProgress(w io.Writer) *progress { return &progress{w: cmp.Or[io.Writer](w, os.Stderr)} }

func (p *progress) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "testenv: "+format+"\n", args...)
}

// during says what is being done, and every 15 seconds for how long, until stop is called.
func (p *progress) during(format string, args ...any) (stop func()) {
	what := fmt.Sprintf(format, args...)
	p.line("%s ...", what)
	began, quit := time.Now(), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(15 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				p.line("%s ... %s", what, time.Since(began).Round(time.Second))
			}
		}
	})
	return func() {
		close(quit)
		done.Wait()
	}
}
