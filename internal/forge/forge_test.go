package forge_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/forge"
	"millwright.dev/millwright/internal/simulate"
)

const marker = "<!-- ours "

// world is a service with a client of it.
type world struct {
	*simulate.Forge
	site   *simulate.Site
	forge  forge.Forge
	slept  []time.Duration
	spoil  func(*http.Request)
	answer func(*http.Response)
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.spoil != nil {
		w.spoil(r)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && w.answer != nil {
		w.answer(response)
	}
	return response, err
}

func newWorld(t *testing.T, service string, change ...func(*forge.Options)) *world {
	t.Helper()
	w := &world{site: simulate.NewSite(1000)}
	o := forge.Options{Repository: "acme/fleet", Token: "secret-token", Transport: w, Sleep: func(_ context.Context, d time.Duration) error {
		w.slept = append(w.slept, d)
		return nil
	}}
	w.Forge = simulate.NewGitHub(w.site)
	if service == "gitlab" {
		w.Forge = simulate.NewGitLab(w.site)
	}
	server := httptest.NewServer(w.Forge)
	t.Cleanup(server.Close)
	o.URL = server.URL
	if service == "gitlab" {
		o.URL += "/api/v4"
	}
	for _, c := range change {
		c(&o)
	}
	var err error
	if service == "gitlab" {
		w.forge, err = forge.NewGitLab(o)
	} else {
		w.forge, err = forge.NewGitHub(o)
	}
	require.NoError(t, err)
	return w
}

func (w *world) comment(t *testing.T, text string) error {
	t.Helper()
	return w.forge.Comment(t.Context(), w.Number, marker, marker+"-->\n"+text)
}

// both runs a test on each service.
func both(t *testing.T, test func(t *testing.T, service string)) {
	for _, service := range []string{"github", "gitlab"} {
		t.Run(service, func(t *testing.T) { test(t, service) })
	}
}

// bodies are the comments that somebody made.
func (w *world) bodies(author string) []string {
	var all []string
	for _, c := range w.Comments() {
		if c.Author == author {
			all = append(all, c.Body)
		}
	}
	return all
}

// There is one comment of ours, which is edited, also behind a hundred others. Nobody else's is touched, whatever
// it begins with.
func TestOneComment(t *testing.T) {
	both(t, func(t *testing.T, service string) {
		w := newWorld(t, service)
		w.Add("mallory", marker+"-->\nfaked")
		for n := range 250 {
			w.Add("somebody", fmt.Sprint("talk ", n))
		}
		w.Add(w.Me, "not ours to edit: it has no marker")
		require.NoError(t, w.comment(t, "first"))
		for n := range 150 {
			w.Add("somebody", fmt.Sprint("more talk ", n))
		}
		require.NoError(t, w.comment(t, "second"))
		require.NoError(t, w.comment(t, "second"))
		require.Equal(t, []string{"not ours to edit: it has no marker", marker + "-->\nsecond"}, w.bodies(w.Me))
		require.Equal(t, []string{marker + "-->\nfaked"}, w.bodies("mallory"))
		writes := 0
		for _, e := range w.site.Log() {
			if e.Verb != http.MethodGet {
				writes++
			}
		}
		require.Equal(t, 2, writes, "what says so already is not written")
		require.ErrorContains(t, w.forge.Comment(t.Context(), w.Number, marker, "no marker"), "begins with its marker")
	})
}

// A request is read with where its base is now.
func TestRequest(t *testing.T) {
	both(t, func(t *testing.T, service string) {
		w := newWorld(t, service)
		r, err := w.forge.Request(t.Context(), w.Number)
		require.NoError(t, err)
		require.Equal(t, forge.Request{Head: w.Head, Base: "release/1.x", Tip: w.Tip, Open: true}, r)
		_, err = w.forge.Request(t.Context(), 7)
		require.ErrorContains(t, err, "answered 404")
	})
}

// Statuses are said in the service's words, cut to what it takes, and may be set again.
func TestStatus(t *testing.T) {
	both(t, func(t *testing.T, service string) {
		w := newWorld(t, service)
		long := forge.Status{Name: "millwright/plan", State: forge.Failure, Description: strings.Repeat("é", 500), URL: "https://ci.example.com/1"}
		require.NoError(t, w.forge.Status(t.Context(), w.Head, long))
		require.NoError(t, w.forge.Status(t.Context(), w.Head, long))
		require.NoError(t, w.forge.Status(t.Context(), w.Head, forge.Status{Name: "millwright/plan", State: forge.Success}))
		set := w.Statuses()
		require.Equal(t, map[string]string{"github": "failure", "gitlab": "failed"}[service], set[0].State)
		require.Equal(t, strings.Repeat("é", 139)+"…", set[0].Description)
		require.Equal(t, "https://ci.example.com/1", set[0].URL)
		require.Equal(t, "success", set[len(set)-1].State)
		require.ErrorContains(t, w.forge.Status(t.Context(), "../../user", long), "is no commit")
	})
}

// A service that is busy, asks to wait or loses an answer is asked again, a few times; a comment is not made twice
// for it.
func TestTrouble(t *testing.T) {
	both(t, func(t *testing.T, service string) {
		w := newWorld(t, service)
		w.Limit = 2
		require.NoError(t, w.comment(t, "text"))
		require.Contains(t, w.slept, 7*time.Second)
		w.Limit = 0

		w.site.Inject(simulate.Fault{Kind: simulate.FaultError, Times: 2})
		require.NoError(t, w.comment(t, "text"))
		other := newWorld(t, service)
		other.site.Inject(simulate.Fault{Kind: simulate.FaultLostAnswer, Method: http.MethodPost, Times: 1})
		require.NoError(t, other.comment(t, "once"))
		require.Len(t, other.bodies(other.Me), 1)

		other.site.Inject(simulate.Fault{Kind: simulate.FaultError, Times: -1})
		err := other.comment(t, "never")
		require.ErrorContains(t, err, "answered 503")
		require.NotContains(t, err.Error(), "secret-token")
		require.Less(t, len(other.slept), 20)
	})
}

// A service that asks to be left alone for long is left alone.
func TestTooLongAWait(t *testing.T) {
	w := newWorld(t, "github")
	w.Limit = 1
	w.answer = func(r *http.Response) {
		if r.StatusCode == http.StatusForbidden && r.Header.Get("Retry-After") != "" {
			r.Header.Set("Retry-After", "3600")
		}
	}
	require.ErrorContains(t, w.comment(t, "text"), "asks to wait 1h0m0s, which is too long")
	require.Empty(t, w.slept)
}

// The token goes to the service that was named, over https, and nowhere that an answer points to.
func TestTokenStays(t *testing.T) {
	for url, why := range map[string]string{
		"http://forge.example.com": "over https only", "": "is not given", "https://u:p@forge.example.com": "more than a host",
		"https://forge.example.com?x=1": "more than a host", ":": "is none",
	} {
		_, err := forge.NewGitHub(forge.Options{URL: url, Repository: "acme/fleet", Token: "t"})
		require.ErrorContains(t, err, why)
	}
	for _, repository := range []string{"", "../x", "acme", "a/b/c", "acme/fleet?x", "acme/..", "acme fleet/x"} {
		_, err := forge.NewGitHub(forge.Options{URL: "https://api.example.com", Repository: repository, Token: "t"})
		require.Error(t, err, repository)
	}
	_, err := forge.NewGitLab(forge.Options{URL: "https://gitlab.example.com/api/v4", Repository: "17"})
	require.ErrorContains(t, err, "no token")

	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a token went elsewhere") }))
	defer elsewhere.Close()
	moved := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusMovedPermanently))
	defer moved.Close()
	g, err := forge.NewGitHub(forge.Options{URL: moved.URL, Repository: "acme/fleet", Token: "t"})
	require.NoError(t, err)
	_, err = g.Request(t.Context(), 1)
	require.ErrorContains(t, err, "points to "+elsewhere.URL)
}

// Each rule of the stand-ins is what catches a sloppier client: caught while it is in force, and not else.
func TestRules(t *testing.T) {
	long := func(field string, n int) func(r *http.Request) {
		return func(r *http.Request) {
			if r.Method == http.MethodPost {
				text := fmt.Sprintf(`{"body":%q,"state":"success","name":"x","context":"x"}`, marker)
				text = strings.Replace(text, "}", fmt.Sprintf(",%q:%q}", field, marker+strings.Repeat("x", n)), 1)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(text))), int64(len(text))
			}
		}
	}
	word := func(r *http.Request) {
		if r.Method == http.MethodPost {
			text := `{"state":"broken","name":"x","context":"x"}`
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	comments := func(t *testing.T, w *world) error { return w.comment(t, "text") }
	status := func(t *testing.T, w *world) error {
		return w.forge.Status(t.Context(), w.Head, forge.Status{Name: "x", State: forge.Success})
	}
	for _, c := range []struct {
		rule     simulate.Rule
		services string
		spoil    func(*http.Request)
		answer   func(*http.Response)
		try      func(t *testing.T, w *world) error
	}{
		{rule: simulate.ForgeToken, services: "github gitlab", try: comments, spoil: func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Del("Private-Token")
		}},
		{rule: simulate.ForgeAccept, services: "github", try: comments, spoil: func(r *http.Request) { r.Header.Del("Accept") }},
		{rule: simulate.ForgeCommentLimit, services: "github gitlab", try: comments, spoil: long("body", 1_000_001)},
		{rule: simulate.ForgeStatusDescription, services: "github gitlab", try: status, spoil: long("description", 256)},
		{rule: simulate.ForgeStatusWords, services: "github gitlab", try: status, spoil: word},
		{rule: simulate.ForgePages, services: "github gitlab", answer: func(r *http.Response) {
			r.Header.Del("Link")
			r.Header.Del("X-Next-Page")
		}, try: func(t *testing.T, w *world) error {
			for range 150 {
				w.Add("somebody", "talk")
			}
			require.NoError(t, w.comment(t, "first"))
			require.NoError(t, w.comment(t, "second"))
			if n := len(w.bodies(w.Me)); n != 1 {
				return fmt.Errorf("%d comments of ours", n)
			}
			return nil
		}},
		{rule: simulate.ForgeBot, services: "github", try: func(t *testing.T, w *world) error {
			w.Me = "somebody-else"
			require.NoError(t, w.comment(t, "first"))
			require.NoError(t, w.comment(t, "second"))
			if n := len(w.bodies(w.Me)); n != 1 {
				return fmt.Errorf("%d comments of ours, since who we are was guessed", n)
			}
			return nil
		}},
		{rule: simulate.ForgeSameStatus, services: "gitlab", answer: func(r *http.Response) {
			if r.StatusCode == http.StatusBadRequest {
				r.Body = io.NopCloser(strings.NewReader(`{"message":"something"}`))
			}
		}, try: func(t *testing.T, w *world) error {
			require.NoError(t, status(t, w))
			return status(t, w)
		}},
		{rule: simulate.ForgeRateLimit, services: "github gitlab", answer: func(r *http.Response) {
			if r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusTooManyRequests {
				r.StatusCode = http.StatusGone
			}
		}, try: func(t *testing.T, w *world) error {
			w.site.SetRule(simulate.ForgeBot, false)
			w.Limit = 1
			return w.comment(t, "text")
		}},
		{rule: simulate.ForgeQuickActions, services: "gitlab", try: func(t *testing.T, w *world) error {
			require.NoError(t, w.comment(t, "```\n/close\n```\n/merge"))
			if done := w.Actions(); len(done) > 0 {
				require.Equal(t, []string{"/merge"}, done)
				return fmt.Errorf("carried out: %v", done)
			}
			return nil
		}},
	} {
		for service := range strings.FieldsSeq(c.services) {
			t.Run(string(c.rule)+"/"+service, func(t *testing.T) {
				for _, on := range []bool{true, false} {
					w := newWorld(t, service)
					w.spoil, w.answer = c.spoil, c.answer
					w.site.SetRule(c.rule, on)
					if err := c.try(t, w); on {
						require.Error(t, err, "the rule catches nothing")
					} else {
						require.NoError(t, err, "something else caught it")
					}
				}
			})
		}
	}
}
