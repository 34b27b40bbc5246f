package signin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"millwright.dev/millwright/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// forger is a provider that tells lies, which no real one can be had to tell.
type forger struct {
	*httptest.Server
	t      *testing.T
	key    *ecdsa.PrivateKey
	signer *ecdsa.PrivateKey // whose key it signs with
	alg    jose.SignatureAlgorithm
	claims map[string]any // of the next ID token
	info   map[string]any // what the userinfo endpoint tells
	status int            // of the token endpoint
	asked  url.Values     // what the token endpoint was asked
}

func newForger(t *testing.T) *forger {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	f := &forger{t: t, key: key, signer: key, alg: jose.ES256, status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		f.write(w, map[string]any{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token", "jwks_uri": f.URL + "/keys", "userinfo_endpoint": f.URL + "/me",
			"id_token_signing_alg_values_supported": []string{"ES256", "RS256", "HS256", "none"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		f.write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, _ *http.Request) { f.write(w, f.info) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		f.asked = r.PostForm
		if f.status != http.StatusOK {
			http.Error(w, `{"error":"invalid_grant"}`, f.status)
			return
		}
		f.write(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": f.token()})
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(func() { f.Close(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	return f
}

func (f *forger) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (f *forger) token() string {
	payload, _ := json.Marshal(f.claims)
	if f.alg == "none" {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	}
	var key any = f.signer
	if f.alg == jose.HS256 { // signed with what everybody knows
		key, _ = jose.JSONWebKey{Key: f.key.Public()}.MarshalJSON()
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: f.alg, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		return err.Error()
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return err.Error()
	}
	text, _ := signed.CompactSerialize()
	return text
}

// scene is a dashboard before such a provider.
type scene struct {
	*forger
	now    time.Time
	access *Access
	d      *web.Dashboard
	store  *web.Store
}

func newScene(t *testing.T) *scene {
	s := &scene{forger: newForger(t), now: noon, store: &web.Store{}}
	access, err := New(Options{
		Issuer: s.URL, ClientID: "millwright", Secret: func() (string, error) { return "hush", nil }, Public: "https://dash.example.com/", Scopes: []string{"profile"}, GroupsClaim: "groups",
		Viewers: []string{"ops"}, Metrics: []netip.Prefix{netip.MustParsePrefix("10.2.0.1/32")}, Session: time.Hour, Now: func() time.Time { return s.now },
	})
	require.NoError(t, err)
	s.access = access
	s.store.SetFloor(&web.Floor{Commit: "1", Tenants: []web.Tenant{{Name: "acme", DisplayName: "Acme", Groups: []string{"acme-admins"}}, {Name: "globex", DisplayName: "Globex", Groups: []string{"globex-admins"}}}})
	s.d = web.New(web.Options{Store: s.store, Access: access, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: func() time.Time { return s.now }, StaleAfter: time.Hour, Rate: 1e6, Burst: 1e6})
	return s
}

// get asks with cookies.
func (s *scene) get(path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.d.ServeHTTP(w, r)
	return w
}

func cookieOf(w *httptest.ResponseRecorder, name string) *http.Cookie {
	for _, c := range w.Result().Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// begin goes to the provider, and returns the cookie of the visit and what the provider was asked.
func (s *scene) begin() (*http.Cookie, url.Values) {
	s.t.Helper()
	w := s.get("/sign-in?to=/tenants")
	require.Equal(s.t, http.StatusSeeOther, w.Code, w.Body)
	at, err := url.Parse(w.Header().Get("Location"))
	require.NoError(s.t, err)
	q := at.Query()
	s.claims = map[string]any{"iss": s.URL, "aud": "millwright", "sub": "7", "preferred_username": "ada", "nonce": q.Get("nonce"), "iat": s.now.Unix(), "exp": s.now.Add(time.Minute).Unix(), "groups": []string{"acme-admins", "choir"}}
	return cookieOf(w, visitCookie), q
}

// TestWhatTheBrowserIsGiven protects the cookies and the question: sealed, for this host alone, over TLS alone,
// out of reach of scripts, and no word of the secret.
func TestWhatTheBrowserIsGiven(t *testing.T) {
	s := newScene(t)
	visit, q := s.begin()
	require.Equal(t, "code", q.Get("response_type"))
	require.Equal(t, "S256", q.Get("code_challenge_method"))
	require.Equal(t, "https://dash.example.com/sign-in/back", q.Get("redirect_uri"))
	require.Equal(t, "openid profile", q.Get("scope"))
	w := s.get("/sign-in/back?code=c&state="+q.Get("state"), visit)
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	require.Equal(t, "/tenants", w.Header().Get("Location"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.NotEmpty(t, s.asked.Get("code_verifier"))
	require.NotContains(t, q.Encode(), s.asked.Get("code_verifier"))
	session := cookieOf(w, sessionCookie)
	for _, c := range []*http.Cookie{visit, session} {
		require.True(t, c.HttpOnly && c.Secure && c.SameSite == http.SameSiteLaxMode && c.Path == "/" && c.Domain == "", c)
		plain, err := base64.RawURLEncoding.DecodeString(c.Value)
		require.NoError(t, err)
		for _, word := range []string{"ada", "acme", "tenants", q.Get("state"), "hush"} {
			require.NotContains(t, string(plain), word)
		}
	}
	require.Equal(t, 3600, session.MaxAge)
	require.Equal(t, -1, cookieOf(w, visitCookie).MaxAge, "a visit counts once")
	page := s.get("/tenants", session)
	require.Equal(t, http.StatusOK, page.Code)
	require.Contains(t, page.Body.String(), "Acme")
	require.NotContains(t, page.Body.String(), "Globex")
	var kept struct{ Groups []string }
	require.True(t, s.access.seal.open(func() *http.Request { r := httptest.NewRequest("GET", "/", nil); r.AddCookie(session); return r }(), sessionCookie, &kept))
	require.Equal(t, []string{"acme-admins"}, kept.Groups, "groups that say nothing here are not kept")
}

// TestForgeries protects that nobody gets in by a token or an answer that is not what it should be: each is
// refused on a page that says why, and no session begins.
func TestForgeries(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	const holds = "what the provider says of you does not hold"
	for name, c := range map[string]struct {
		forge func(s *scene, q url.Values)
		says  string
		code  int
	}{
		"for another client":        {func(s *scene, _ url.Values) { s.claims["aud"] = "wiki" }, holds, 403},
		"for us and another":        {func(s *scene, _ url.Values) { s.claims["aud"] = []string{"millwright", "wiki"} }, holds, 403},
		"made out to another":       {func(s *scene, _ url.Values) { s.claims["azp"] = "wiki" }, holds, 403},
		"of another provider":       {func(s *scene, _ url.Values) { s.claims["iss"] = "https://idp.example.com" }, holds, 403},
		"expired":                   {func(s *scene, _ url.Values) { s.claims["exp"] = s.now.Add(-time.Second).Unix() }, holds, 403},
		"not yet":                   {func(s *scene, _ url.Values) { s.claims["nbf"] = s.now.Add(time.Hour).Unix() }, holds, 403},
		"of another visit":          {func(s *scene, _ url.Values) { s.claims["nonce"] = token() }, holds, 403},
		"without a nonce":           {func(s *scene, _ url.Values) { delete(s.claims, "nonce") }, holds, 403},
		"of nobody":                 {func(s *scene, _ url.Values) { s.claims["sub"] = "" }, holds, 403},
		"with another access token": {func(s *scene, _ url.Values) { s.claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, holds, 403},
		"signed by another":         {func(s *scene, _ url.Values) { s.signer = other }, holds, 403},
		"not signed":                {func(s *scene, _ url.Values) { s.alg = "none" }, holds, 403},
		"signed with a public key":  {func(s *scene, _ url.Values) { s.alg = jose.HS256 }, holds, 403},
		"another state":             {func(_ *scene, q url.Values) { q.Set("state", token()) }, "not to the question that this browser asked", 403},
		"no state":                  {func(_ *scene, q url.Values) { q.Del("state") }, "not to the question that this browser asked", 403},
		"an answer of another":      {func(_ *scene, q url.Values) { q.Set("iss", "https://idp.example.com") }, "another provider", 403},
		"an error":                  {func(_ *scene, q url.Values) { q.Set("error", "access_denied<script>") }, "the provider did not sign you in", 403},
		"a code that is not taken":  {func(s *scene, _ url.Values) { s.status = 400 }, "does not stand by its answer", 403},
		"too late":                  {func(s *scene, _ url.Values) { s.now = s.now.Add(visitTime) }, "took longer than", 403},
		"in no group":               {func(s *scene, _ url.Values) { s.claims["groups"] = []string{"choir"} }, "you are known as ada, and you are in no group", 403},
		"groups of another shape":   {func(s *scene, _ url.Values) { s.claims["groups"] = map[string]any{"ops": true} }, "you are in no group", 403},
		"in a group without a name": {func(s *scene, _ url.Values) { s.access.Viewers, s.claims["groups"] = []string{"ops", ""}, "" }, "you are in no group", 403},
		"in groups without a name":  {func(s *scene, _ url.Values) { s.access.Viewers, s.claims["groups"] = []string{"ops", ""}, []string{""} }, "you are in no group", 403},
		"told of another": {func(s *scene, _ url.Values) {
			delete(s.claims, "groups")
			s.info = map[string]any{"sub": "8", "groups": "ops"}
		}, holds, 403},
		"the provider is gone": {func(s *scene, _ url.Values) { s.forger.Close() }, "does not answer as it should", 502},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			visit, asked := s.begin()
			q := url.Values{"code": {"c"}, "state": {asked.Get("state")}}
			c.forge(s, q)
			w := s.get("/sign-in/back?"+q.Encode(), visit)
			require.Equal(t, c.code, w.Code)
			require.Contains(t, w.Body.String(), c.says)
			require.Contains(t, w.Body.String(), `href="/sign-in"`)
			require.NotContains(t, w.Body.String(), "<script>")
			require.Nil(t, cookieOf(w, sessionCookie))
		})
	}
}

// TestCookies protects sessions: what is changed, of another name, of another key, over or signed out of opens
// nothing, and a group that a tenant has no longer in Git sees nothing.
func TestCookies(t *testing.T) {
	s := newScene(t)
	visit, q := s.begin()
	session := cookieOf(s.get("/sign-in/back?code=c&state="+q.Get("state"), visit), sessionCookie)
	open := func(c *http.Cookie) int { return s.get("/tenants", c).Code }
	require.Equal(t, 200, open(session))
	for n := range session.Value {
		changed := *session
		flipped := byte('A')
		if session.Value[n] == 'A' {
			flipped = 'B'
		}
		changed.Value = session.Value[:n] + string(flipped) + session.Value[n+1:]
		require.Equal(t, 303, open(&changed), "byte %d", n)
	}
	require.Equal(t, 303, open(&http.Cookie{Name: sessionCookie, Value: visit.Value}), "one cookie is no other")
	require.Equal(t, 403, s.get("/sign-in/back?code=c&state="+q.Get("state"), &http.Cookie{Name: visitCookie, Value: session.Value}).Code)
	require.Equal(t, 303, open(&http.Cookie{Name: sessionCookie, Value: strings.Repeat("A", 5000)}))
	require.Equal(t, 403, s.get("/sign-in/back?code=c&state="+q.Get("state")).Code, "a browser that has not been here")
	require.Equal(t, 303, newScene(t).get("/tenants", session).Code, "another start has another key")

	s.now = noon.Add(time.Hour - time.Second)
	require.Equal(t, 200, open(session))
	s.now = noon.Add(time.Hour)
	require.Equal(t, 303, open(session), "it is over")
	s.now = noon

	s.store.SetFloor(&web.Floor{Commit: "2", Tenants: []web.Tenant{{Name: "acme", Groups: []string{"others"}}}})
	w := s.get("/tenants", session)
	require.Equal(t, 403, w.Code)
	require.Contains(t, w.Body.String(), `href="/sign-out"`)
	require.Equal(t, 200, s.get("/sign-out", session).Code)
	s.store.SetFloor(&web.Floor{Commit: "3", Tenants: []web.Tenant{{Name: "acme", Groups: []string{"acme-admins"}}}})
	require.Equal(t, 303, open(session), "it was signed out of")

	for n := range manyEnded + 1 {
		s.access.seal.end(fmt.Sprint(n), noon.Add(time.Minute), noon)
	}
	require.LessOrEqual(t, len(s.access.seal.ended), manyEnded)
	require.Equal(t, 303, open(session), "also when too many were to be remembered")
}

// TestScrapersAndClients protects the metrics, and that people are counted by themselves.
func TestScrapersAndClients(t *testing.T) {
	s := newScene(t)
	visit, q := s.begin()
	s.claims["groups"] = "ops"
	session := cookieOf(s.get("/sign-in/back?code=c&state="+q.Get("state"), visit), sessionCookie)
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	require.ErrorIs(t, s.access.Scraper(r, s.store), web.ErrSignIn)
	require.Equal(t, "192.0.2.1", s.access.Client(r))
	r.RemoteAddr = "10.2.0.1:9"
	require.NoError(t, s.access.Scraper(r, s.store))
	r.RemoteAddr = "192.0.2.1:9"
	r.AddCookie(session)
	require.NoError(t, s.access.Scraper(r, s.store))
	require.Equal(t, "user ada", s.access.Client(r))
}

// TestAProviderThatIsDown protects the agent from it: it is asked once in a while, and taken when it is back.
func TestAProviderThatIsDown(t *testing.T) {
	s := newScene(t)
	handler := s.Config.Handler
	tries := 0
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tries++; w.WriteHeader(500) })
	for range 5 {
		require.Equal(t, 502, s.get("/sign-in").Code)
	}
	require.Equal(t, 1, tries)
	s.Config.Handler = handler
	s.now = s.now.Add(rest)
	s.begin()
}

// TestWhoeverGoesAwayKeepsNobodyOut protects signing in from browsers that do not wait: what they began is finished
// for those who come next.
func TestWhoeverGoesAwayKeepsNobodyOut(t *testing.T) {
	s := newScene(t)
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	s.d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sign-in", nil).WithContext(gone))
	s.begin()
}

// TestOptions protects from settings that would let nobody in, or send a secret in the open.
func TestOptions(t *testing.T) {
	good := Options{Issuer: "https://idp.example.com", ClientID: "m", Public: "https://dash.example.com", GroupsClaim: "groups", Session: time.Hour}
	_, err := New(good)
	require.NoError(t, err)
	for says, change := range map[string]func(*Options){
		"no https URL":          func(o *Options) { o.Issuer = "http://idp.example.com" },
		"nothing behind it":     func(o *Options) { o.Public = "https://dash.example.com/millwright" },
		"is not https":          func(o *Options) { o.Public = "http://dash.example.com" },
		"the ID of this client": func(o *Options) { o.ClientID = "" },
		"the claim":             func(o *Options) { o.GroupsClaim = "" },
		"a session of 1s":       func(o *Options) { o.Session = time.Second },
	} {
		o := good
		change(&o)
		_, err := New(o)
		require.ErrorContains(t, err, says)
	}
	s := newScene(t)
	s.access.Secret = func() (string, error) { return "", errors.New("the file is gone") }
	visit, q := s.begin()
	require.Equal(t, 502, s.get("/sign-in/back?code=c&state="+q.Get("state"), visit).Code)
}
