package fleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"millwright.dev/millwright/internal/diag"
)

// Worker is a program that compiles in a process of its own, within limits: one whose main calls
// [WorkerMain] first. The zero Worker compiles in the calling process, where nothing can stop it:
// for tests and tools whose input is trusted.
type Worker struct {
	Path string
	Args []string
}

// child is one running worker. It serves one request at a time.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr tail
}

func start(w Worker, limits Limits) (*child, error) {
	c := &child{cmd: exec.Command(w.Path, w.Args...)}
	// A worker does one thing at a time; more threads would only reserve address space.
	c.cmd.Env = []string{fmt.Sprintf("%s=%d", workerEnv, limits.Memory), "GOMAXPROCS=2"}
	c.cmd.Dir = "/"
	c.cmd.Stderr = &c.stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the compiler %s: %w", w.Path, err)
	}
	return c, nil
}

// stop ends the worker and waits for it.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // it was killed: its exit code says nothing
}

// do sends one request. If the worker does not answer it is gone afterwards: alive is false, and the
// findings name the directory that ended it. The error is that of ctx or of the machine.
func (c *child) do(ctx context.Context, req request) (out compiled, alive bool, err error) {
	var late atomic.Bool
	kill := func() { _ = c.cmd.Process.Kill() }
	clock := time.AfterFunc(5*time.Duration(req.Limits.CPUSeconds)*time.Second, func() { late.Store(true); kill() })
	defer clock.Stop()
	defer context.AfterFunc(ctx, kill)()

	err = writeFrame(c.in, req)
	if err == nil {
		err = readFrame(c.out, &out)
	}
	if err == nil {
		return out, true, nil
	}
	_ = c.in.Close()
	kill()
	waited := c.cmd.Wait()
	if ctx.Err() != nil {
		return compiled{}, false, ctx.Err()
	}
	d := diag.Diagnostic{Code: "MW104", Pos: diag.Pos{File: req.Instance.Dir}}
	d.Summary, d.Hint = c.obituary(waited, late.Load(), req.Limits)
	if d.Summary == "" {
		return compiled{}, false, fmt.Errorf("compiling %s: %w: %s", req.Instance.Dir, err, c.stderr.firstLine())
	}
	return compiled{Findings: diag.List{d}}, false, nil
}

// obituary says why a worker died over a directory, or nothing where the directory is not to blame.
func (c *child) obituary(waited error, late bool, limits Limits) (summary, hint string) {
	const look = "look for values that multiply: disjunctions, comprehensions within comprehensions, strings or lists made of themselves"
	exit, _ := errors.AsType[*exec.ExitError](waited)
	last := c.stderr.String()
	switch {
	case exit != nil && exit.ExitCode() == exitCPU:
		return fmt.Sprintf("the directory took more than %d seconds to compile", limits.CPUSeconds), look
	case late:
		return fmt.Sprintf("the directory took more than %d seconds to compile", 5*limits.CPUSeconds), look
	case strings.Contains(last, "out of memory"), strings.Contains(last, "cannot allocate memory"), strings.Contains(last, "pthread_create failed"):
		return fmt.Sprintf("the directory needed more than %d MiB of memory to compile", limits.Memory>>20), look
	case strings.Contains(last, "stack exceeds"), strings.Contains(last, "stack overflow"):
		return "the directory's values are nested too deeply to compile", look
	case strings.Contains(last, "fatal error:"), strings.Contains(last, "panic:"):
		return "the compiler failed over the directory: " + c.stderr.firstLine(), look
	}
	return "", ""
}

// tail keeps the beginning of what a worker complains, up to a bound.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	if room := 8192 - len(t.text); room > 0 {
		t.text = append(t.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }

func (t *tail) firstLine() string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(t.text)), "\n")
	return line
}
