package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"millwright.dev/millwright/internal/report"
)

// agent is the real agent, as a process of its own.
type agent struct {
	cmd   *exec.Cmd
	state string
	log   string // the file with all that it logs
	ended chan struct{}
	err   error // why it ended; valid once ended is closed

	mu   sync.Mutex
	tell func(line logLine)
}

// logLine is what the demo reads of the agent's log.
type logLine struct {
	Message string   `json:"msg"`
	ID      string   `json:"id"`
	Action  string   `json:"action"`
	Step    string   `json:"step"`
	Causes  []string `json:"causes"`
	By      string   `json:"by"`
	Error   string   `json:"error"`
}

// startAgent starts `millwright agent` on a repository, with another for its journal.
func startAgent(binary string, w *world, repo, journal, dir string) (*agent, error) {
	a := &agent{state: filepath.Join(dir, "state"), log: filepath.Join(dir, "agent.log"), ended: make(chan struct{})}
	a.cmd = exec.Command(binary, "agent", "--repo", repo, "--ref", "main", "--journal", journal,
		"--kubeconfig", w.kubeconfig(), "--management-proxy", w.network.ProxyURL().String(), "--management-ca", filepath.Join(w.dir, "management-ca.pem"),
		"--state-dir", a.state, "--cache-dir", filepath.Join(dir, "cache"),
		// A laptop's data centre is watched more closely than a real one would bear.
		"--poll", "1s", "--interval", "2s", "--pause", "300ms", "--bmc-interval", "5s", "--patience", "10s", "--lease-duration", "8s")
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours to pass on
	stderr, err := a.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	file, err := os.Create(a.log)
	if err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	go a.follow(stderr, file)
	return a, nil
}

// follow copies the agent's log into its file, and tells of each line.
func (a *agent) follow(stderr io.Reader, file *os.File) {
	defer close(a.ended)
	defer file.Close()
	scanner := bufio.NewScanner(stderr)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		_, _ = fmt.Fprintln(file, scanner.Text())
		var line logLine
		if json.Unmarshal(scanner.Bytes(), &line) == nil {
			a.mu.Lock()
			tell := a.tell
			a.mu.Unlock()
			if tell != nil {
				tell(line)
			}
		}
	}
	a.err = a.cmd.Wait()
}

// listen sets who is told of each line of the log; nil ends that.
func (a *agent) listen(tell func(logLine)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tell = tell
}

// report is how things stand, by the agent's own word.
func (a *agent) report(ctx context.Context) (report.Report, error) {
	text, err := a.get(ctx, "/api/v1/report")
	if err != nil {
		return report.Report{}, err
	}
	return report.Decode([]byte(text))
}

// dashboard is the address of the agent's dashboard.
func (a *agent) dashboard() (string, error) {
	address, err := os.ReadFile(filepath.Join(a.state, "agent.address"))
	return "http://" + strings.TrimSpace(string(address)), err
}

// get asks the agent's dashboard for a page.
func (a *agent) get(ctx context.Context, path string) (string, error) {
	base, err := a.dashboard()
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the agent answers %s for %s: %s", answer.Status, path, text)
	}
	return string(text), err
}

// until waits for the agent's report to fulfil a condition.
func (a *agent) until(ctx context.Context, what string, limit time.Duration, ok func(report.Report) bool) (report.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last report.Report
	for {
		r, err := a.report(ctx)
		if err == nil {
			if last = r; ok(r) {
				return r, nil
			}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-a.ended:
			return last, fmt.Errorf("the agent ended while waiting until %s: %w", what, errors.Join(a.err, a.failure()))
		case <-ctx.Done():
			return last, fmt.Errorf("it took more than %s until %s; now: %v, among them %s", limit, what, last.Counts, first(last.Items, 12))
		}
	}
}

// first tells of some items what they wait for.
func first(items []report.Item, n int) string {
	var b strings.Builder
	for _, i := range items[:min(n, len(items))] {
		fmt.Fprintf(&b, "\n%s %s %v %v %s", i.Status, i.Address, i.Held, i.Waits, i.Note)
	}
	return b.String()
}

// failure names the agent's log and its last line, for whoever must find out why something did not
// happen.
func (a *agent) failure() error {
	text, err := os.ReadFile(a.log)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the agent's log is in %s and ends: %s", a.log, lines[len(lines)-1])
}

// close stops the agent as an operator would, and if need be as the kernel would.
func (a *agent) close() {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.ended:
	case <-time.After(15 * time.Second):
		_ = a.cmd.Process.Kill()
		<-a.ended
	}
}
