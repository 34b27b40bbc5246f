package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// GitLab is a project on GitLab.
type GitLab struct {
	*client
	project string // "/projects/17"
	author  string
}

var _ Forge = (*GitLab)(nil)

// NewGitLab prepares to talk to GitLab; nothing is sent yet. The token of a job may neither comment nor set
// statuses, so that it takes one of a project or a person.
func NewGitLab(o Options) (*GitLab, error) {
	base, err := o.check("GitLab")
	if err != nil {
		return nil, err
	}
	return &GitLab{client: newClient(base, o, http.Header{
		"Private-Token": {o.Token},
		"Accept":        {"application/json"},
		"User-Agent":    {"millwright"},
	}), project: "/projects/" + escape(o.Repository), author: o.Author}, nil
}

// Request reads a merge request and where its target branch is now.
func (g *GitLab) Request(ctx context.Context, number int) (Request, error) {
	var merge struct {
		SHA    string `json:"sha"`
		State  string `json:"state"`
		Target string `json:"target_branch"`
	}
	if _, err := g.repeat(ctx, http.MethodGet, fmt.Sprintf("%s/merge_requests/%d", g.project, number), nil, &merge); err != nil {
		return Request{}, err
	}
	var branch struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
	}
	if _, err := g.repeat(ctx, http.MethodGet, g.project+"/repository/branches/"+escape(merge.Target), nil, &branch); err != nil {
		return Request{}, err
	}
	return Request{Head: merge.SHA, Base: merge.Target, Tip: branch.Commit.ID, Open: merge.State == "opened"}, nil
}

// Comment makes our note on a merge request say body.
func (g *GitLab) Comment(ctx context.Context, number int, marker, body string) error {
	text := map[string]string{"body": body}
	notes := fmt.Sprintf("%s/merge_requests/%d/notes", g.project, number)
	return upsert(ctx, g.client, marker, body, g.me,
		func(ctx context.Context) ([]note, error) { return g.notes(ctx, notes) },
		func(ctx context.Context) error {
			_, err := g.send(ctx, http.MethodPost, notes, text, nil)
			return err
		},
		func(ctx context.Context, id int64) error {
			_, err := g.send(ctx, http.MethodPut, fmt.Sprintf("%s/%d", notes, id), text, nil)
			return err
		})
}

func (g *GitLab) me(ctx context.Context) (string, error) {
	if g.author != "" {
		return g.author, nil
	}
	var user struct {
		Username string `json:"username"`
	}
	if _, err := g.repeat(ctx, http.MethodGet, "/user", nil, &user); err != nil {
		return "", err
	}
	g.author = user.Username
	return g.author, nil
}

// notes are all of a merge request, oldest first.
func (g *GitLab) notes(ctx context.Context, path string) ([]note, error) {
	var all []note
	for page := 1; page <= maxPages; page++ {
		var some []struct {
			ID     int64  `json:"id"`
			Body   string `json:"body"`
			Author struct {
				Username string `json:"username"`
			} `json:"author"`
		}
		header, err := g.repeat(ctx, http.MethodGet, fmt.Sprintf("%s?sort=asc&order_by=created_at&per_page=100&page=%d", path, page), nil, &some)
		if err != nil {
			return nil, err
		}
		for _, n := range some {
			all = append(all, note{n.ID, n.Author.Username, n.Body})
		}
		if header.Get("X-Next-Page") == "" {
			return all, nil
		}
	}
	return nil, fmt.Errorf("GET %s: there are more than %d pages of notes", path, maxPages)
}

// gitlabStates are GitLab's words for states.
var gitlabStates = map[State]string{Pending: "pending", Success: "success", Failure: "failed"}

// Status sets a status of a commit. GitLab refuses to set the state that a status has already, which is as good as
// done.
func (g *GitLab) Status(ctx context.Context, commit string, s Status) error {
	if err := checkStatus(commit, s); err != nil {
		return err
	}
	body := map[string]string{"state": gitlabStates[s.State], "name": s.Name, "description": cut(s.Description, descriptionLimit)}
	if s.URL != "" {
		body["target_url"] = s.URL
	}
	_, err := g.repeat(ctx, http.MethodPost, g.project+"/statuses/"+commit, body, nil)
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.Status == http.StatusBadRequest && strings.Contains(refusal.Message, "Cannot transition status") {
		return nil
	}
	return err
}

func hasStatus(err error, status int) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Status == status && !refusal.limited
}
