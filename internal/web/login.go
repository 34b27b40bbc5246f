package web

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Login is an [Access] that people sign in at themselves. All of it is reading: the way to the provider and
// back are redirections, and what is kept of a reader stands in a cookie.
type Login interface {
	Access
	// Begin sends the browser to the provider, which sends it back to [SignInBack]; to is the path on this
	// dashboard that the reader wants to see in the end.
	Begin(w http.ResponseWriter, r *http.Request, to string) error
	// Finish takes up the provider's answer and returns where the reader wanted to go.
	Finish(w http.ResponseWriter, r *http.Request, s *Store) (to string, err error)
	// End forgets the reader.
	End(w http.ResponseWriter, r *http.Request)
}

// Paths of signing in.
const (
	signIn     = "/sign-in"
	SignInBack = "/sign-in/back" // where the provider leads back to
	signOut    = "/sign-out"
)

// ErrSignIn is the answer of [Login] for whoever has not signed in, or whose session has ended.
var ErrSignIn = errors.New("sign in first")

// Refusal is why somebody is not let in.
type Refusal struct {
	Says    string // to them
	Because error  // for the log; it may be nil
}

func (r *Refusal) Error() string { return r.Says }

func (r *Refusal) Unwrap() error { return r.Because }

// door is a page that stands before the others: it tells nothing of the fleet.
type door struct {
	Title, Says, SignIn string
	SignOut             bool
}

func (d *Dashboard) door(w http.ResponseWriter, status int, of door) {
	var b bytes.Buffer
	if err := d.pages["door"].ExecuteTemplate(&b, "door", of); err != nil {
		d.Log.Error("a page could not be made", "error", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// refuse tells somebody why they see nothing. Where people sign in here, a browser that asks for a page is
// led there, and told on a page what went wrong; programs and scripts get a status and a line.
func (d *Dashboard) refuse(w http.ResponseWriter, r *http.Request, why error) {
	_, login := d.Access.(Login)
	status := http.StatusForbidden
	if errors.Is(why, ErrSignIn) {
		status = http.StatusUnauthorized
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	page := !strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/events" && (mode == "" || mode == "navigate")
	switch {
	case !login || !page:
		http.Error(w, why.Error(), status)
	case status == http.StatusUnauthorized:
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, signIn+"?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	default:
		d.door(w, status, door{Title: "Not for you to see", Says: why.Error(), SignOut: true})
	}
}

// loginRoutes are those of signing in.
func (d *Dashboard) loginRoutes(login Login) []route {
	fail := func(w http.ResponseWriter, r *http.Request, err error) {
		level := d.Log.Info
		status := http.StatusForbidden
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			level, status = d.Log.Error, http.StatusBadGateway
			refusal = &Refusal{"the provider that people sign in at does not answer as it should; the agent's log says more", err}
		}
		level("somebody was not signed in", "peer", peer(r).String(), "says", refusal.Says, "error", refusal.Because)
		d.door(w, status, door{Title: "Not signed in", Says: refusal.Says, SignIn: signIn})
	}
	return []route{
		{signIn, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			if err := login.Begin(w, r, local(r.URL.Query().Get("to"))); err != nil {
				fail(w, r, err)
			}
		})},
		{SignInBack, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			to, err := login.Finish(w, r, d.Store)
			if err != nil {
				fail(w, r, err)
				return
			}
			http.Redirect(w, r, local(to), http.StatusSeeOther)
		})},
		{signOut, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			login.End(w, r)
			d.door(w, http.StatusOK, door{Title: "Signed out", Says: "You are signed out of this dashboard. Your provider may still know you", SignIn: signIn})
		})},
	}
}

// local is a path on this dashboard: what leads elsewhere, or back to signing in, leads to the overview.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.ContainsAny(to, "\\\r\n\t") || strings.HasPrefix(u.Path, signIn) || u.Path == signOut {
		return "/"
	}
	return u.RequestURI()
}
