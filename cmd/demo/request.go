package main

import (
	"context"
	"fmt"
	"strings"
)

// proposal is the branch of the pull request that the demo leaves open.
const proposal = "more-h100-for-acme"

// request shows what the reviewers of a pull request are shown: a branch in the repository, and the comment that its
// plan makes. The branch stays, so that one can look at it.
func (s *show) request(ctx context.Context) error {
	say("acme asks for its machine back, on a branch. A job without any credentials makes the plan, and another posts it as")
	say("the one comment of the pull request. This is its Markdown, as GitHub and GitLab take it:")
	if _, err := s.repo.git(ctx, "switch", "--quiet", "--create", proposal); err != nil {
		return err
	}
	if err := s.repo.edit("tenants/acme/acme.cue", "count:  3", "count:  4"); err != nil {
		return err
	}
	if _, err := s.millwright(ctx, 0, "allocate"); err != nil {
		return err
	}
	if err := s.repo.commit(ctx, "One more H100 machine for acme"); err != nil {
		return err
	}
	text, err := s.millwright(ctx, 0, "plan", "--base", "main", "-o", "markdown")
	if err != nil {
		return err
	}
	for _, part := range []string{"### millwright plan", "tenant acme"} {
		if !strings.Contains(text, part) {
			return fmt.Errorf("the comment lacks %q", part)
		}
	}
	if _, err := s.repo.git(ctx, "switch", "--quiet", "main"); err != nil {
		return err
	}
	say("\nThe branch %s stays: `git diff main %s` has what the comment is of,", proposal, proposal)
	say("and `millwright init --github` or `--gitlab` writes the jobs that post it.")
	return nil
}
