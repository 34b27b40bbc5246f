package simulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The rules of the simulated GitHub and GitLab, as their documents have them.
const (
	// ForgeToken: a request without the right token, in the header that the service documents, is answered 401.
	ForgeToken Rule = "forge.token"
	// ForgeAccept: GitHub's media type is asked for; else it answers 415. (GitHub only recommends it.)
	ForgeAccept Rule = "forge.accept"
	// ForgePages: a list has 30 items on GitHub and 20 on GitLab, up to 100 where per_page asks for more; what
	// comes after is on further pages, as the answer's headers say. Off, it comes whole.
	ForgePages Rule = "forge.pages"
	// ForgeCommentLimit: a comment has at most 65,536 characters on GitHub (else 422) and 1,000,000 on GitLab (400).
	ForgeCommentLimit Rule = "forge.comment-limit"
	// ForgeBot: the token of a workflow may not ask GitHub who it is: 403.
	ForgeBot Rule = "forge.bot"
	// ForgeStatusDescription: GitHub takes 140 characters to describe a status (else 422), GitLab 255 (400).
	ForgeStatusDescription Rule = "forge.status-description"
	// ForgeStatusWords: each service has its own words for the state of a status, and takes no others.
	ForgeStatusWords Rule = "forge.status-words"
	// ForgeSameStatus: GitLab refuses to set the state that a status has already: 400.
	ForgeSameStatus Rule = "forge.same-status"
	// ForgeRateLimit: after so many requests as Forge.Limit says the next one is answered 403 on GitHub and 429 on
	// GitLab, with Retry-After, and has no effect; then it counts anew.
	ForgeRateLimit Rule = "forge.rate-limit"
	// ForgeQuickActions: GitLab carries out a line of a note that begins with a slash and stands in no block of code.
	ForgeQuickActions Rule = "forge.quick-actions"
)

// Forge is a simulated GitHub (below "/") or GitLab (below "/api/v4") with one repository, acme/fleet, and one
// request to merge. It answers requests as an [http.Handler].
type Forge struct {
	site    *Site
	gitlab  bool
	handler http.Handler

	// Token is the one that is let in, Me who it speaks for.
	Token, Me string
	// Number is the request's, Head its newest commit, Base the branch it goes to and Tip where that is.
	Number          int
	Head, Base, Tip string
	// Limit is how many requests are answered before one is refused; 0: no limit.
	Limit int

	mu       sync.Mutex
	seq      int64
	count    int
	comments []ForgeComment
	statuses []ForgeStatus
	actions  []string
}

// ForgeComment is a comment, oldest first.
type ForgeComment struct {
	ID           int64
	Author, Body string
}

// ForgeStatus is a status that was set.
type ForgeStatus struct{ Commit, Name, State, Description, URL string }

const forgeRepository = "acme/fleet"

// NewGitHub is a simulated GitHub, NewGitLab a GitLab.
func NewGitHub(site *Site) *Forge { return newForge(site, false) }

// NewGitLab is a simulated GitLab.
func NewGitLab(site *Site) *Forge { return newForge(site, true) }

func newForge(site *Site, gitlab bool) *Forge {
	f := &Forge{site: site, gitlab: gitlab, Token: "secret-token", Me: "github-actions[bot]", Number: 42,
		Head: strings.Repeat("9d02e71a", 5), Base: "release/1.x", Tip: strings.Repeat("4f1c2ab0", 5)}
	mux := http.NewServeMux()
	if gitlab {
		f.Me = "project_17_bot"
		f.gitlabRoutes(mux)
	} else {
		f.githubRoutes(mux)
	}
	f.handler = site.Wire("forge", forgeRepository, mux)
	return f
}

// ServeHTTP answers one request, as the site's faults allow.
func (f *Forge) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// Push moves the request's newest commit, and the branch that it goes to.
func (f *Forge) Push(head, tip string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Head, f.Tip = head, tip
}

// Add is somebody's comment.
func (f *Forge) Add(author, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(author, body)
}

func (f *Forge) add(author, body string) {
	f.seq++
	f.comments = append(f.comments, ForgeComment{f.seq, author, body})
}

// Comments are all that there are.
func (f *Forge) Comments() []ForgeComment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]ForgeComment(nil), f.comments...)
}

// Statuses are all that were set, oldest first.
func (f *Forge) Statuses() []ForgeStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]ForgeStatus(nil), f.statuses...)
}

// Actions are the lines of notes that were carried out.
func (f *Forge) Actions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.actions...)
}

// refused is an answer that is none of success.
type refused struct {
	status  int
	message string
}

// guarded is a handler that is reached with the right headers and within the limit only.
func (f *Forge) guarded(h func(r *http.Request) (any, http.Header, *refused)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		status, header, answer := http.StatusOK, http.Header{}, any(nil)
		no := f.admit(r, w.Header())
		if no == nil {
			answer, header, no = h(r)
		}
		if no != nil {
			status, answer = no.status, map[string]string{"message": no.message}
		} else if r.Method == http.MethodPost {
			status = http.StatusCreated
		}
		for k, v := range header {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (f *Forge) admit(r *http.Request, header http.Header) *refused {
	sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if f.gitlab {
		sent = r.Header.Get("PRIVATE-TOKEN")
	}
	switch {
	case f.site.Rule(ForgeToken) && sent != f.Token:
		return &refused{http.StatusUnauthorized, "Bad credentials"}
	case f.site.Rule(ForgeAccept) && !f.gitlab && r.Header.Get("Accept") != "application/vnd.github+json":
		return &refused{http.StatusUnsupportedMediaType, "Unsupported 'Accept' header"}
	}
	if f.count++; f.site.Rule(ForgeRateLimit) && f.Limit > 0 && f.count > f.Limit {
		f.count = 0
		header.Set("Retry-After", "7")
		if f.gitlab {
			return &refused{http.StatusTooManyRequests, "Retry later"}
		}
		return &refused{http.StatusForbidden, "You have exceeded a secondary rate limit"}
	}
	return nil
}

// page cuts a list as a request asks, and says whether there is more.
func (f *Forge) page(r *http.Request, list []ForgeComment, usual int) (some []ForgeComment, page int, more bool) {
	if !f.site.Rule(ForgePages) {
		return list, 1, false
	}
	size := min(number(r, "per_page", usual), 100)
	page = number(r, "page", 1)
	from := min((page-1)*size, len(list))
	to := min(from+size, len(list))
	return list[from:to], page, to < len(list)
}

func number(r *http.Request, name string, usual int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 1 {
		return usual
	}
	return n
}

// set takes a status, if it may be.
func (f *Forge) set(s ForgeStatus, words []string, longest int) *refused {
	known := false
	for _, w := range words {
		known = known || w == s.State
	}
	code := http.StatusUnprocessableEntity
	if f.gitlab {
		code = http.StatusBadRequest
	}
	if f.site.Rule(ForgeStatusWords) && !known {
		return &refused{code, "state does not have a valid value"}
	}
	if f.site.Rule(ForgeStatusDescription) && utf8.RuneCountInString(s.Description) > longest {
		return &refused{code, fmt.Sprintf("description is too long (maximum is %d characters)", longest)}
	}
	if f.gitlab && f.site.Rule(ForgeSameStatus) {
		for i := len(f.statuses) - 1; i >= 0; i-- {
			if old := f.statuses[i]; old.Commit == s.Commit && old.Name == s.Name {
				if old.State == s.State {
					return &refused{code, "Cannot transition status via :enqueue from :" + s.State}
				}
				break
			}
		}
	}
	f.statuses = append(f.statuses, s)
	return nil
}

// act carries out what GitLab takes for a command in a note.
func (f *Forge) act(body string) {
	if !f.gitlab || !f.site.Rule(ForgeQuickActions) {
		return
	}
	fence := ""
	for _, line := range strings.Split(body, "\n") {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence = ticks
		case fence != "" && strings.HasPrefix(line, fence) && strings.Trim(line, "`") == "":
			fence = ""
		case fence == "" && strings.HasPrefix(line, "/"):
			f.actions = append(f.actions, line)
		}
	}
}

func decode(r *http.Request) map[string]string {
	var body map[string]string
	_ = json.NewDecoder(http.MaxBytesReader(nil, r.Body, 8<<20)).Decode(&body)
	return body
}

// forgeNow is the time that comments bear.
func forgeNow() string { return time.Now().UTC().Format(time.RFC3339) }
