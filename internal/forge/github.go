package forge

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// GitHubBot is who the token of a workflow speaks for. Such a token may not ask who it is.
const GitHubBot = "github-actions[bot]"

// GitHub is a repository on GitHub, or on GitHub Enterprise.
type GitHub struct {
	*client
	repository string // "/repos/owner/name"
	author     string
}

var _ Forge = (*GitHub)(nil)

// NewGitHub prepares to talk to GitHub; nothing is sent yet.
func NewGitHub(o Options) (*GitHub, error) {
	base, err := o.check("GitHub")
	if err != nil {
		return nil, err
	}
	owner, name, ok := strings.Cut(o.Repository, "/")
	if !ok || strings.Contains(name, "/") {
		return nil, fmt.Errorf("reach GitHub: %q is no owner/name", o.Repository)
	}
	return &GitHub{client: newClient(base, o, http.Header{
		"Authorization":        {"Bearer " + o.Token},
		"Accept":               {"application/vnd.github+json"},
		"X-Github-Api-Version": {"2022-11-28"},
		"User-Agent":           {"millwright"},
	}), repository: "/repos/" + escape(owner) + "/" + escape(name), author: o.Author}, nil
}

// Request reads a pull request and where its base branch is now.
func (g *GitHub) Request(ctx context.Context, number int) (Request, error) {
	var pull struct {
		State string `json:"state"`
		Head  struct {
			SHA string `json:"sha"`
		} `json:"head"`
		Base struct {
			Ref string `json:"ref"`
		} `json:"base"`
	}
	if _, err := g.repeat(ctx, http.MethodGet, fmt.Sprintf("%s/pulls/%d", g.repository, number), nil, &pull); err != nil {
		return Request{}, err
	}
	var ref struct {
		Object struct {
			SHA string `json:"sha"`
		} `json:"object"`
	}
	// The pull request's own base.sha is that of when it was last pushed to.
	branch := strings.ReplaceAll(escape(pull.Base.Ref), "%2F", "/")
	if _, err := g.repeat(ctx, http.MethodGet, g.repository+"/git/ref/heads/"+branch, nil, &ref); err != nil {
		return Request{}, err
	}
	return Request{Head: pull.Head.SHA, Base: pull.Base.Ref, Tip: ref.Object.SHA, Open: pull.State == "open"}, nil
}

// Comment makes our comment on a pull request say body.
func (g *GitHub) Comment(ctx context.Context, number int, marker, body string) error {
	text := map[string]string{"body": body}
	comments := fmt.Sprintf("%s/issues/%d/comments", g.repository, number)
	return upsert(ctx, g.client, marker, body, g.me,
		func(ctx context.Context) ([]note, error) { return g.comments(ctx, comments) },
		func(ctx context.Context) error {
			_, err := g.send(ctx, http.MethodPost, comments, text, nil)
			return err
		},
		func(ctx context.Context, id int64) error {
			_, err := g.send(ctx, http.MethodPatch, fmt.Sprintf("%s/issues/comments/%d", g.repository, id), text, nil)
			return err
		})
}

// me is who we are.
func (g *GitHub) me(ctx context.Context) (string, error) {
	if g.author != "" {
		return g.author, nil
	}
	var user struct {
		Login string `json:"login"`
	}
	_, err := g.repeat(ctx, http.MethodGet, "/user", nil, &user)
	switch {
	case hasStatus(err, http.StatusForbidden):
		user.Login = GitHubBot
	case err != nil:
		return "", err
	}
	g.author = user.Login
	return g.author, nil
}

// comments are all of a pull request, oldest first.
func (g *GitHub) comments(ctx context.Context, path string) ([]note, error) {
	var all []note
	for page := 1; page <= maxPages; page++ {
		var some []struct {
			ID   int64  `json:"id"`
			Body string `json:"body"`
			User struct {
				Login string `json:"login"`
			} `json:"user"`
		}
		header, err := g.repeat(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=100&page=%d", path, page), nil, &some)
		if err != nil {
			return nil, err
		}
		for _, c := range some {
			all = append(all, note{c.ID, c.User.Login, c.Body})
		}
		if !strings.Contains(header.Get("Link"), `rel="next"`) {
			return all, nil
		}
	}
	return nil, fmt.Errorf("GET %s: there are more than %d pages of comments", path, maxPages)
}

// Status sets a status of a commit.
func (g *GitHub) Status(ctx context.Context, commit string, s Status) error {
	if err := checkStatus(commit, s); err != nil {
		return err
	}
	body := map[string]string{"state": string(s.State), "context": s.Name, "description": cut(s.Description, descriptionLimit)}
	if s.URL != "" {
		body["target_url"] = s.URL
	}
	_, err := g.repeat(ctx, http.MethodPost, g.repository+"/statuses/"+commit, body, nil)
	return err
}
