package web_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/web"
	"millwright.dev/millwright/internal/web/signin"
	"millwright.dev/millwright/internal/web/signin/signintest"
)

// signedInAt is a dashboard over TLS that people sign in to at a real provider.
func signedInAt(t *testing.T, inToken bool) (*web.Dashboard, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	public := "https://" + server.Listener.Addr().String()
	t.Cleanup(server.Close)
	issuer := signintest.Start(t, public+web.SignInBack, inToken)
	access, err := signin.New(signin.Options{
		Issuer: issuer, ClientID: signintest.Client, Secret: func() (string, error) { return signintest.Secret, nil }, Public: public, Scopes: []string{"profile"},
		GroupsClaim: "groups", Viewers: []string{"ops"}, Session: time.Hour, Now: time.Now,
	})
	require.NoError(t, err)
	d := web.SharedDashboard(t, access)
	server.Config.Handler = d
	server.StartTLS()
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return d, server
}

// ours are the dashboard's cookies: the provider of the tests is on the same host.
func ours(all []*http.Cookie) []*http.Cookie {
	return slices.DeleteFunc(all, func(c *http.Cookie) bool { return !strings.HasPrefix(c.Name, "__Host-millwright") })
}

// TestSignInAtARealProvider protects the whole way: whoever has not signed in is led to the provider, comes back
// to the page they asked for, sees what their groups may, and nothing once they have signed out.
func TestSignInAtARealProvider(t *testing.T) {
	for _, inToken := range []bool{true, false} { // whether groups stand in the ID token or are asked for
		_, server := signedInAt(t, inToken)
		browser := signintest.Browser(t, server.Client())
		status, at, page, err := signintest.SignIn(t.Context(), browser, server.URL+"/machines?sort=-name", "acme-admins")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, page)
		require.Equal(t, "/machines?sort=-name", at.RequestURI())
		require.Contains(t, page, "only acme")
		require.NotContains(t, page, "acme-admins@example.com", "pages are shared, so no name stands on one")
		copied := ours(browser.Jar.Cookies(at))
		require.Len(t, copied, 1, "what was needed on the way is gone")

		get := func(path string, change ...func(*http.Request)) (int, string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
			require.NoError(t, err)
			for _, c := range change {
				c(r)
			}
			w := httptest.NewRecorder()
			server.Config.Handler.ServeHTTP(w, r)
			return w.Code, w.Header().Get("Location")
		}
		withCopy := func(r *http.Request) { r.AddCookie(copied[0]) }
		code, _ := get("/tenants", withCopy)
		require.Equal(t, http.StatusOK, code)
		code, _ = get("/metrics", withCopy)
		require.Equal(t, http.StatusForbidden, code)
		code, where := get("/tenants?q=a&sort=name")
		require.Equal(t, http.StatusSeeOther, code)
		require.Equal(t, "/sign-in?to=%2Ftenants%3Fq%3Da%26sort%3Dname", where)
		for _, path := range []string{"/api/v1/summary", "/events"} {
			code, where = get(path)
			require.Equal(t, http.StatusUnauthorized, code, path)
			require.Empty(t, where)
		}
		code, _ = get("/tenants", func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") })
		require.Equal(t, http.StatusUnauthorized, code, "scripts are not led away")

		w, err := browser.Get(server.URL + "/sign-out")
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
		require.Empty(t, ours(browser.Jar.Cookies(at)))
		code, _ = get("/tenants", withCopy)
		require.Equal(t, http.StatusSeeOther, code, "a copy of the cookie opens nothing after signing out")

		browser = signintest.Browser(t, server.Client())
		for _, nobody := range []string{"nobody", "strangers"} {
			browser.Jar, err = cookiejar.New(nil)
			require.NoError(t, err)
			status, _, page, err = signintest.SignIn(t.Context(), browser, server.URL+"/", nobody)
			require.NoError(t, err)
			require.Equal(t, http.StatusForbidden, status)
			require.Contains(t, page, "you are known as "+nobody+"@example.com, and you are in no group that may see this fleet")
		}
		browser.CloseIdleConnections()
	}
}

// TestOfThoseWhoSignInATenantSeesNothingOfOthers tries every route as people who signed in at a real provider.
func TestOfThoseWhoSignInATenantSeesNothingOfOthers(t *testing.T) {
	d, server := signedInAt(t, true)
	sessions := map[string]*http.Cookie{}
	for _, group := range []string{"acme-admins", "ops"} {
		browser := signintest.Browser(t, server.Client())
		status, at, page, err := signintest.SignIn(t.Context(), browser, server.URL+"/", "others+"+group)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, page)
		cookies := ours(browser.Jar.Cookies(at))
		require.Len(t, cookies, 1)
		sessions[group] = cookies[0]
	}
	web.TenantSeesNothingOfOthers(t, d, func(group string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(sessions[group]) }
	})
}

// TestOnlyLocalPathsAreReturnedTo protects readers from being led away by a link to the dashboard.
func TestOnlyLocalPathsAreReturnedTo(t *testing.T) {
	to := make(chan string, 1)
	d := web.SharedDashboard(t, told{to: to})
	for asked, want := range map[string]string{
		"/machines?sort=-name": "/machines?sort=-name", "/o/a%2Fb": "/o/a%2Fb", "": "/", "//evil.example.com/": "/", "https://evil.example.com/": "/", `/\evil.example.com`: "/",
		"javascript:alert(1)": "/", "/sign-in/back?code=1": "/", "/sign-out": "/", "machines": "/", "/a\r\nX: y": "/", "/%2F/evil.example.com": "/", "///evil.example.com": "/",
	} {
		r := httptest.NewRequest(http.MethodGet, "/sign-in?"+url.Values{"to": {asked}}.Encode(), strings.NewReader(""))
		d.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, want, <-to, asked)
	}
}

// told is a way of signing in that tells where it should lead to.
type told struct {
	web.Loopback
	to chan string
}

func (f told) Begin(_ http.ResponseWriter, _ *http.Request, to string) error { f.to <- to; return nil }

func (told) Finish(http.ResponseWriter, *http.Request, *web.Store) (string, error) { return "/", nil }

func (told) End(http.ResponseWriter, *http.Request) {}
