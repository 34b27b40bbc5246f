package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// parent is the operating system thread whose children all processes are. On Linux the kernel kills
// a child when the thread that forked it ends, and Go ends threads as it likes: so one is kept.
type parent struct {
	forks chan func()
	quit  chan struct{}
}

func newParent() *parent {
	p := &parent{forks: make(chan func()), quit: make(chan struct{})}
	go func() {
		// Never unlocked: the thread ends with the goroutine, and takes with it what still runs.
		runtime.LockOSThread()
		for {
			select {
			case fork := <-p.forks:
				fork()
			case <-p.quit:
				return
			}
		}
	}()
	return p
}

// close ends the thread; no process can be started any more.
func (p *parent) close() { close(p.quit) }

// fork starts cmd on the thread.
func (p *parent) fork(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	select {
	case p.forks <- func() { started <- cmd.Start() }:
		return <-started
	case <-p.quit:
		return errStopped
	}
}

// errStopped answers who wants to start something in an environment that is stopped.
var errStopped = errors.New("the environment is stopped")

// command is what to run and where it writes its log.
type command struct {
	name string // of the log file
	logs string // the folder of the log file
	path string
	args []string
	dir  string   // "" is the current directory
	env  []string // nil is the environment of this process
}

// process is a program that was started.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
	err  error         // how it ended; read after done
}

// start runs an executable that logs into the folder dir.
func (p *parent) start(dir, name, path string, args ...string) (*process, error) {
	return p.run(command{name: name, logs: dir, path: path, args: args})
}

func (p *parent) run(c command) (*process, error) {
	select {
	case <-p.quit: // and the folder of the logs is gone
		return nil, errStopped
	default:
	}
	logPath := filepath.Join(c.logs, c.name+".log")
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", c.name, err)
	}
	defer log.Close() // the child writes to a copy
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, log, log
	cmd.SysProcAttr = childAttributes()

	if err := p.fork(cmd); err != nil {
		return nil, fmt.Errorf("run %s: %w", c.name, err)
	}
	child := &process{name: c.name, log: logPath, cmd: cmd, done: make(chan struct{})}
	go func() {
		child.err = cmd.Wait()
		close(child.done)
	}()
	return child, nil
}

// wait waits until the process has ended by itself; the error says how it failed, with the end of its log.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", p.name, ctx.Err())
	case <-p.done:
		if p.err == nil {
			return nil
		}
		return fmt.Errorf("%s: %w\n%s", p.name, p.err, p.tail())
	}
}

// errEnded says that a server ended where it should have kept running.
var errEnded = errors.New("ended before it was ready")

// await asks ready until it says so; it fails when the process ends, or after startTimeout.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s %w: %w\n%s", p.name, errEnded, p.err, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to be ready: %w; last answer: %w\n%s", p.name, ctx.Err(), err, p.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// interrupt asks the process to end, and insists after grace.
func (p *process) interrupt(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	p.kill()
}

// kill ends the process and its children and waits until it has ended. A nil process has ended.
func (p *process) kill() {
	if p == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// signal reaches the whole process group, which childAttributes gives each process.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done: // its number may be another's by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s) // it may have ended meanwhile
	}
}

// tail is the end of the log.
func (p *process) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const most = 20
	lines := strings.Split(string(bytes.TrimSpace(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// retryPorts starts a server on n free ports, and on others if one was taken in the meantime.
func retryPorts(n int, start func(ports []int) (*process, error)) error {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		ports := make([]int, n)
		for i := range ports {
			ports[i] = freePort()
		}
		p, err := start(ports)
		if err == nil {
			return nil
		}
		p.kill()
		taken := errors.Is(err, errEnded) && strings.Contains(err.Error(), "address already in use")
		if !taken || attempt == attempts {
			return err
		}
	}
}

// freePort is a loopback port that nobody listens on. It lies below the ports that systems give to
// outgoing connections, so that a server that was stopped finds its port free when it starts again.
func freePort() int {
	for {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close() // nothing was accepted
		return port
	}
}

func loopback(scheme string, port int) string {
	return scheme + "://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// httpOK asks url until it answers 200, over transport or, if that is nil, plainly.
func httpOK(transport *http.Transport, url string) func(context.Context) error {
	if transport == nil {
		transport = &http.Transport{}
	}
	transport.DisableKeepAlives = true // nothing stays open once it is ready
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close() // nothing of it is read
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, resp.Status)
		}
		return nil
	}
}
