package main

import (
	"context"
	"fmt"
	"strings"

	"millwright.dev/millwright/internal/report"
)

// newJournal makes the bare repository that the agent pushes its journal to. It has no access to any other.
func newJournal(ctx context.Context, dir string) (*repository, error) {
	r := &repository{dir}
	_, err := (&repository{"."}).git(ctx, "init", "--quiet", "--bare", "--initial-branch", fleetName, dir)
	return r, err
}

// fleetName is the example's, and so the ref of its journal.
const fleetName = "example"

// journalled shows what the agent says it did: all that this demo has seen.
func (s *show) journalled(ctx context.Context) error {
	r, err := s.agent.until(ctx, "the journal is pushed", patience, func(r report.Report) bool {
		return r.Journal != nil && r.Journal.Waiting == 0 && r.Journal.Error == ""
	})
	if err != nil {
		return err
	}
	say("The agent has pushed what it did to a Git repository of its own, %s, a commit for each run with effect:", r.Journal.Remote)
	if err := s.showJournal(ctx, "log", "-8", "--format=%h %s"); err != nil {
		return err
	}
	say("\nOne of them put right what somebody had changed by hand, and says who, as far as the system tells:")
	return s.showJournal(ctx, "log", "-1", "--grep=drifted by", "--format=%B")
}

// showJournal prints what git says of the journal, and fails if that is nothing.
func (s *show) showJournal(ctx context.Context, args ...string) error {
	fmt.Printf("\n  $ git -C %s %s\n", s.journal.dir, strings.Join(args, " "))
	out, err := s.journal.git(ctx, args...)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(out)
	if text == "" {
		return fmt.Errorf("the journal has nothing to show for git %s", strings.Join(args, " "))
	}
	for line := range strings.Lines(text) {
		fmt.Printf("  │ %s", line)
	}
	fmt.Println()
	return nil
}
