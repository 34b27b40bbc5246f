// Package forge tells people on GitHub and GitLab what a request to merge does: one comment, which is edited and
// never repeated, and the statuses of a commit. Begin with [NewGitHub] or [NewGitLab]. It knows what the two
// services document and nothing of what is told: a comment is text, a status a word.
package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Forge is a service where requests to merge are discussed. Its methods make sure that something is so, and may be
// called again.
type Forge interface {
	// Request is what is known of a request to merge.
	Request(ctx context.Context, number int) (Request, error)
	// Comment makes a comment that begins with marker say body: it edits the one that it made before, and
	// touches nobody else's, whatever that begins with.
	Comment(ctx context.Context, number int, marker, body string) error
	// Status sets a status of a commit.
	Status(ctx context.Context, commit string, s Status) error
}

// Request is a request to merge: a pull request, or merge request.
type Request struct {
	Head string // the newest commit of what is to be merged
	Base string // the branch that it is to be merged into
	Tip  string // the commit that this branch is at
	Open bool
}

// Status is one thing that is known of a commit.
type Status struct {
	Name  string
	State State
	// Description is cut to what both services take: 140 characters.
	Description string
	// URL, if not empty, leads to more.
	URL string
}

// State is how a status stands.
type State string

// The states.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure"
)

// Options say how to reach a service.
type Options struct {
	// URL is where its API is: $GITHUB_API_URL, $CI_API_V4_URL.
	URL string
	// Repository is "owner/name" on GitHub, and on GitLab that or the project's number.
	Repository string
	// Token is sent with every request and to nobody else.
	Token string
	// Author, if not empty, is who we are there; else the service is asked.
	Author string
	// Transport, if not nil, is used instead of the default one.
	Transport http.RoundTripper
	// Sleep, if not nil, replaces waiting.
	Sleep func(context.Context, time.Duration) error
}

var (
	commitPattern     = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	repositoryPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$`)
)

// check refuses options by which a token could go astray.
func (o Options) check(forge string) (base string, err error) {
	u, err := url.Parse(o.URL)
	switch {
	case o.URL == "":
		return "", fmt.Errorf("reach %s: the address of its API is not given", forge)
	case err != nil:
		return "", fmt.Errorf("reach %s: its address is none: %w", forge, err)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("reach %s: the address of its API has more than a host and a path", forge)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", fmt.Errorf("reach %s at %s: a token is sent over https only", forge, u.Host)
	case o.Token == "":
		return "", fmt.Errorf("reach %s: there is no token in the environment", forge)
	case !repositoryPattern.MatchString(o.Repository) || strings.Contains(o.Repository, ".."):
		return "", fmt.Errorf("reach %s: %q is no repository", forge, o.Repository)
	}
	return strings.TrimRight(o.URL, "/"), nil
}

func isLoopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// descriptionLimit is how long GitHub takes a status to be; GitLab takes more.
const descriptionLimit = 140

// cut is text of at most n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

func checkStatus(commit string, s Status) error {
	if !commitPattern.MatchString(commit) {
		return fmt.Errorf("set the status %s: %q is no commit", s.Name, commit)
	}
	return nil
}

// note is a comment as both services have it.
type note struct {
	id     int64
	author string
	body   string
}

// upsert makes the comment with a marker say body. A creation whose answer was lost may have happened, so that
// each try looks anew before it makes one.
func upsert(ctx context.Context, c *client, marker, body string, me func(context.Context) (string, error),
	list func(context.Context) ([]note, error), create func(context.Context) error, edit func(context.Context, int64) error,
) error {
	if !strings.HasPrefix(body, marker) || marker == "" {
		return errors.New("a comment of ours begins with its marker")
	}
	author, err := me(ctx)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		var ours *note
		notes, err := list(ctx)
		for i := range notes {
			if notes[i].author == author && strings.HasPrefix(notes[i].body, marker) {
				ours = &notes[i]
				break
			}
		}
		switch {
		case err != nil:
			return err // its own tries are over
		case ours == nil:
			err = create(ctx)
		case ours.body == body:
			return nil
		default:
			err = edit(ctx, ours.id)
		}
		if err == nil || attempt == attempts || !transient(err) {
			return err
		}
		if err := c.pause(ctx, attempt, err); err != nil {
			return err
		}
	}
}
