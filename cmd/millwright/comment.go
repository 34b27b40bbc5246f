package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/forge"
	"millwright.dev/millwright/internal/view"
)

// maxPlan is how large a plan may be that somebody else's job wrote.
const maxPlan = 256 << 20 // bytes

// fullCommit is a commit as a status needs it.
var fullCommit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// comment is what is told to a forge.
type comment struct {
	github, gitlab                  bool
	repository, author, url, commit string
	plan, report                    string
	agent, stateDir                 string
	request                         int
}

func newComment(g *globals) *cobra.Command {
	var c comment
	cmd := &cobra.Command{
		Use:   "comment",
		Short: "Tell GitHub or GitLab what a plan or a report says",
		Long: `Comment tells people where they discuss a change what it does. It runs in a job that has a token, apart from
the one that made the plan, which runs what anybody may have written.

With --plan, the JSON of plan --base, it makes one comment of the request, or edits the one that it made
before, and sets the status millwright/plan of the commit. The text is written anew from the JSON, so that
nothing in it becomes markup; it is a claim of the job that made it all the same. A plan of another commit
than the request is at now is refused, and one whose base has gone on is called stale; the status of one whose
base has gone on since it was made is pending, since rules that are in force by now have not judged it.

With --report, the JSON of an agent, it sets the statuses millwright/applied, millwright/drifted and
millwright/held of the commit that is in force, and of a newer one that was refused that it was, and why.
With --agent or --state-dir it asks the agent that runs there, and tells only what has changed since it told
last: that is for a timer on the agent's own machine, which reaches out to the forge, so that nothing has to
reach in. ` + "`millwright init`" + ` writes one.

The token comes from $GITHUB_TOKEN or $GITLAB_TOKEN alone, the address from $GITHUB_API_URL (or GitHub's own)
or $CI_API_V4_URL, the repository from $GITHUB_REPOSITORY or $CI_PROJECT_ID unless told.
` + exits("", exitIncomplete),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			said := 0
			for _, from := range []string{c.plan, c.report, c.agent + c.stateDir} {
				if from != "" {
					said++
				}
			}
			if said != 1 || c.agent != "" && c.stateDir != "" {
				return errors.New("say what to tell: one of --plan, --report, --agent and --state-dir")
			}
			service, err := c.forge(os.Getenv)
			if err != nil {
				return err
			}
			if c.plan != "" {
				return c.tellPlan(cmd.Context(), g, service)
			}
			if c.report != "" {
				return c.tellReport(cmd.Context(), g, service)
			}
			return c.tellAgent(cmd.Context(), g, service)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&c.github, "github", false, "tell GitHub; what a job of GitHub's does unless told")
	f.BoolVar(&c.gitlab, "gitlab", false, "tell GitLab; what a job of GitLab's does unless told")
	f.StringVar(&c.plan, "plan", "", "file with the JSON of plan --base")
	f.StringVar(&c.report, "report", "", "file with the JSON of a report, as status -o json writes it")
	f.StringVar(&c.agent, "agent", "", "address of an agent (host:port), to ask for its report")
	f.StringVar(&c.stateDir, "state-dir", "", "state directory of an agent that runs here, to ask for its report")
	f.IntVar(&c.request, "request", 0, "number of the pull or merge request to comment on; without it only the status is set")
	f.StringVar(&c.commit, "commit", "", "the commit that the plan has to be of, as the forge says; another one is refused")
	f.StringVar(&c.repository, "repository", "", "owner/name, or on GitLab also the project's number")
	f.StringVar(&c.author, "author", "", "who the token speaks for, where the forge does not tell; only this one's comments are edited")
	f.StringVar(&c.url, "url", "", "address that the statuses lead to")
	cmd.MarkFlagsMutuallyExclusive("github", "gitlab")
	return cmd
}

// forge is the service that is told, by the flags and the environment.
func (c comment) forge(env func(string) string) (forge.Forge, error) {
	o := forge.Options{Repository: c.repository, Author: c.author}
	first := func(names ...string) string {
		for _, n := range names {
			if v := env(n); v != "" {
				return v
			}
		}
		return ""
	}
	switch {
	case c.github || !c.gitlab && env("GITHUB_ACTIONS") != "":
		o.URL, o.Token = first("GITHUB_API_URL"), first("GITHUB_TOKEN")
		if o.URL == "" {
			o.URL = "https://api.github.com"
		}
		if o.Repository == "" {
			o.Repository = first("GITHUB_REPOSITORY")
		}
		return forge.NewGitHub(o)
	case c.gitlab || env("GITLAB_CI") != "":
		o.URL, o.Token = first("CI_API_V4_URL"), first("GITLAB_TOKEN")
		if o.Repository == "" {
			o.Repository = first("CI_PROJECT_ID")
		}
		return forge.NewGitLab(o)
	}
	return nil, errors.New("say whom to tell: --github or --gitlab")
}

func (c comment) tellPlan(ctx context.Context, g *globals, service forge.Forge) error {
	text, err := readBounded(c.plan)
	if err != nil {
		return err
	}
	comparison, err := view.DecodeComparison(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.plan, err)
	}
	head := comparison.Head.Commit
	if !fullCommit.MatchString(head) {
		return fmt.Errorf("%s is the plan of %q, which is no commit: plan what was committed", c.plan, head)
	}
	if c.commit != "" && c.commit != head {
		return fmt.Errorf("%s is the plan of %s, and not of %s", c.plan, head, c.commit)
	}
	outrun := false
	if c.request != 0 {
		if outrun, err = c.tellRequest(ctx, service, comparison); err != nil {
			return err
		}
		g.say("commented on request %d", c.request)
	}
	s := forge.Status{Name: "millwright/plan", State: forge.Success, Description: view.ComparisonSummary(comparison), URL: c.url}
	switch {
	case !comparison.Complete() || comparison.Policy.Blocked():
		s.State = forge.Failure
	case outrun:
		s.State, s.Description = forge.Pending, "the base has gone on since this was planned, and its rules with it: plan anew"
	}
	return c.set(ctx, g, service, head, s)
}

// tellRequest comments on a request, if the plan is of what it is now. Outrun: its base has gone on since it was planned,
// so that the rules which are in force by now have not judged it.
func (c comment) tellRequest(ctx context.Context, service forge.Forge, comparison blast.Comparison) (outrun bool, err error) {
	r, err := service.Request(ctx, c.request)
	switch {
	case err != nil:
		return false, fmt.Errorf("read request %d: %w", c.request, err)
	case !r.Open:
		return false, fmt.Errorf("request %d is not open", c.request)
	case r.Head != comparison.Head.Commit:
		return false, fmt.Errorf("the plan is of %s, and request %d is at %s: its own plan is made by a later job", comparison.Head.Commit, c.request, r.Head)
	}
	known := fullCommit.MatchString(r.Tip)
	outrun = known && r.Tip != cmp.Or(comparison.Base.Tip, comparison.Base.Commit)
	if known && r.Tip != comparison.Base.Commit {
		comparison.Base.Moved, comparison.Base.Tip = true, r.Tip
	}
	var body bytes.Buffer
	if err := view.ComparisonMarkdown(&body, comparison); err != nil {
		return false, err
	}
	if err := service.Comment(ctx, c.request, view.CommentMarker, body.String()); err != nil {
		return false, fmt.Errorf("comment on request %d: %w", c.request, err)
	}
	return outrun, nil
}

func (c comment) set(ctx context.Context, g *globals, service forge.Forge, commit string, s forge.Status) error {
	s.Description = view.Clean(s.Description)
	if err := service.Status(ctx, commit, s); err != nil {
		return fmt.Errorf("set the status %s of %s: %w", s.Name, commit, err)
	}
	g.say("%s: %s, %s", s.Name, s.State, s.Description)
	return nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read what to tell: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPlan+1))
	if err == nil && len(text) > maxPlan {
		err = fmt.Errorf("it is longer than %d bytes", maxPlan)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return text, nil
}
