package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/report"
)

// show is the whole stage: the simulated world, the repository and the agent.
type show struct {
	dir, binary string
	world       *world
	repo        *repository
	journal     *repository
	agent       *agent
}

// stage builds everything and starts the agent.
func stage(ctx context.Context, dir, binary, example string) (_ *show, err error) {
	f, found := fleet.Load(ctx, os.DirFS(example), fleet.Options{})
	if err := found.Err(); err != nil {
		return nil, err
	}
	s := &show{dir: dir, binary: binary}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	servers := 1
	for _, t := range f.Tenants {
		servers += len(t.Clusters)
	}
	say("Starting %d API servers, %d BMCs and a Netris controller. The API servers are real; the rest is simulated.", servers, len(f.Machines))
	if s.world, err = newWorld(ctx, f, dir, os.Stderr); err != nil {
		return nil, err
	}
	if s.repo, err = newRepository(ctx, filepath.Join(dir, "fleet"), example); err != nil {
		return nil, err
	}
	if s.journal, err = newJournal(ctx, filepath.Join(dir, "journal.git")); err != nil {
		return nil, err
	}
	return s, s.startAgent()
}

func (s *show) startAgent() (err error) {
	s.agent, err = startAgent(s.binary, s.world, s.repo.dir, s.journal.dir, s.dir)
	return err
}

func (s *show) close() {
	if s.agent != nil {
		s.agent.close()
	}
	if s.world != nil {
		s.world.close()
	}
}

// millwright runs a command as a person would, prints it and what it prints, and returns that. It
// fails if the exit code is another than was announced.
func (s *show) millwright(ctx context.Context, code int, args ...string) (string, error) {
	fmt.Printf("\n  $ millwright %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, s.binary, append(args, s.hidden(args)...)...)
	cmd.Dir = s.repo.dir
	out, err := cmd.CombinedOutput()
	text := strings.TrimRight(string(out), "\n")
	for line := range strings.Lines(text) {
		fmt.Printf("  │ %s", line)
	}
	fmt.Println()
	if got := cmd.ProcessState.ExitCode(); got != code {
		return text, fmt.Errorf("millwright %s exited with %d, not %d: %w", strings.Join(args, " "), got, code, err)
	}
	return text, nil
}

// hidden are the flags that say where the demo keeps things; leaveRunning prints them as environment.
func (s *show) hidden(args []string) []string {
	cache := []string{"--cache-dir", filepath.Join(s.dir, "cache")}
	switch {
	case args[0] == "plan" && slices.Contains(args, "--base"): // which reaches nothing
	case args[0] == "plan" || args[0] == "apply":
		return slices.Concat(cache, []string{"--state-dir", s.agent.state}, s.reach())
	case args[0] == "status":
		return []string{"--state-dir", s.agent.state}
	}
	return cache
}

// reach are the flags that lead to the simulated data centre.
func (s *show) reach() []string {
	return []string{"--kubeconfig", s.world.kubeconfig(), "--management-proxy", s.world.network.ProxyURL().String(), "--management-ca", filepath.Join(s.world.dir, "management-ca.pem")}
}

// merge commits what was edited, as if a pull request had been merged, and waits until it is in force
// and nothing is on its way any more.
func (s *show) merge(ctx context.Context, message string, limit time.Duration) (report.Report, error) {
	if err := s.repo.commit(ctx, message); err != nil {
		return report.Report{}, err
	}
	head, err := s.repo.head(ctx)
	if err != nil {
		return report.Report{}, err
	}
	say("Merged: %s", message)
	return s.settled(ctx, head, limit)
}

// settled waits until a commit is in force and all that can be done is done.
func (s *show) settled(ctx context.Context, commit string, limit time.Duration) (report.Report, error) {
	return s.agent.until(ctx, "commit "+commit[:12]+" is in force and all is settled", limit, func(r report.Report) bool {
		return r.Source.Commit == commit && r.Complete && r.Settled() && r.Counts["failed"] == 0
	})
}

// changes prints every change that the agent makes, until the returned function is called.
func (s *show) changes() (stop func()) {
	s.agent.listen(func(l logLine) {
		switch l.Message {
		case "changed":
			what := l.Action
			if l.Step != "" {
				what = l.Step
			}
			why := ""
			if l.By != "" {
				why = "  (" + strings.Join(l.Causes, ", ") + ", by: " + l.By + ")"
			}
			fmt.Printf("  │ %-7s %s%s\n", what, l.ID, why)
		case "change failed":
			fmt.Printf("  │ %-7s %s: %s\n", "failed", l.ID, l.Error)
		}
	})
	return func() { s.agent.listen(nil) }
}

// chapter begins a part of the story.
func chapter(n int, title string) {
	fmt.Printf("\n── %d. %s %s\n\n", n, title, strings.Repeat("─", max(0, 90-len(title))))
}

// say prints a sentence of the narration.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
