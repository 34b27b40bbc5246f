package sources

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const chartPassword = `hunter2 "of" charts/+`

// watched is a server that notes every header it is sent.
type watched struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // what stood in Authorization
}

func watch(t *testing.T, h http.Handler) *watched {
	t.Helper()
	w := &watched{}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.seen = append(w.seen, r.Header.Get("Authorization"))
		w.mu.Unlock()
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// host is the server's host with its port.
func (w *watched) host() string { return strings.TrimPrefix(w.URL, "https://") }

// asked reports whether the server was asked anything, and whether it ever saw the password.
func (w *watched) asked() (asked, shown bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.seen {
		shown = shown || h != ""
	}
	return len(w.seen) > 0, shown
}

// behindLogin serves pages to who knows the password.
func behindLogin(files map[string]string) http.Handler {
	inner := pages(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || user != "charts" || password != chartPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// logins is a file of credentials, as Docker has it.
func logins(t *testing.T, hosts map[string]string) HostCredentials {
	t.Helper()
	auths := map[string]any{}
	for host, password := range hosts {
		auths[host] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte("charts:" + password))}
	}
	text, err := json.Marshal(map[string]any{"auths": auths})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return CredentialsFile(file)
}

// A repository that wants a password gets it; a host that it leads to does not, whether the index names it
// or a redirect leads there.
func TestFetchFromRepositoryWithPassword(t *testing.T) {
	const data = "a private archive"
	elsewhere := watch(t, pages(map[string]string{"/c.tgz": data}))
	files := map[string]string{"/stable/c.tgz": data, "/stable/away.tgz": "redirect " + elsewhere.URL + "/c.tgz"}
	private := watch(t, behindLogin(files))
	store := Charts{Dir: t.TempDir(), Transport: private.Client().Transport, Credentials: logins(t, map[string]string{private.host(): chartPassword})}
	store.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true // two servers, two certificates
	for _, url := range []string{"c.tgz", "away.tgz", elsewhere.URL + "/c.tgz"} {
		files["/stable/index.yaml"] = index("1.0.0", url, "")
		digest, err := store.Fetch(t.Context(), Chart{Repository: private.URL + "/stable", Name: "c", Version: "1.0.0"})
		require.NoError(t, err, url)
		require.Equal(t, data, kept(t, store, digest))
	}
	asked, shown := elsewhere.asked()
	require.True(t, asked)
	require.False(t, shown, "another host is shown nothing")
	_, shown = private.asked()
	require.True(t, shown)

	store.Credentials = logins(t, map[string]string{"other.example.com": chartPassword})
	_, err := store.Fetch(t.Context(), Chart{Repository: private.URL + "/stable", Name: "c", Version: "1.0.0"})
	require.ErrorIs(t, err, ErrUnauthorized)
	store.Credentials = nil
	_, err = store.Fetch(t.Context(), Chart{Repository: private.URL + "/stable", Name: "c", Version: "1.0.0"})
	require.ErrorIs(t, err, ErrUnauthorized)
}

// Nothing is sent in the open, not even where the host is the right one.
func TestPasswordsAreNeverSentInTheOpen(t *testing.T) {
	var asked bool
	open := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(open.Close)
	host := strings.TrimPrefix(open.URL, "http://")
	private := watch(t, behindLogin(map[string]string{"/index.yaml": "redirect " + open.URL + "/index.yaml"}))
	store := Charts{Dir: t.TempDir(), Transport: private.Client().Transport, Credentials: logins(t, map[string]string{private.host(): chartPassword, host: chartPassword})}
	for _, repository := range []string{open.URL, private.URL} {
		_, err := store.Fetch(t.Context(), Chart{Repository: repository, Name: "c", Version: "1.0.0"})
		require.ErrorIs(t, err, ErrUnreachable, repository)
		require.ErrorContains(t, err, "is not https")
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.False(t, asked)
}

// tokens is a registry that gives its token to who knows the password, at the place that it names.
func tokens(t *testing.T, data string, realm func(host string) string) http.Handler {
	t.Helper()
	inner := registry(t, data)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			giveToken(w, r)
		case r.Header.Get("Authorization") != "Bearer for-everybody":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="test",scope="repository:charts/c:pull"`, realm(r.Host)))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			inner.ServeHTTP(w, r)
		}
	})
}

func giveToken(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != "charts" || password != chartPassword {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = w.Write([]byte(`{"token": "for-everybody"}`))
}

// A registry gets its password where it gives out tokens. Where that is another host, only if the
// credentials name that as well: else a registry could have any password sent anywhere.
func TestFetchFromRegistryWithPassword(t *testing.T) {
	const data = "a private archive out of a registry"
	trusting := func(w *watched, hosts map[string]string) Charts {
		store := Charts{Dir: t.TempDir(), Transport: w.Client().Transport, Credentials: logins(t, hosts)}
		store.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true
		return store
	}
	chart := func(w *watched) Chart {
		return Chart{Repository: "oci://" + w.host() + "/charts", Name: "c", Version: "1.0.0+build.7"}
	}
	own := watch(t, tokens(t, data, func(host string) string { return "https://" + host + "/token" }))
	store := trusting(own, map[string]string{own.host(): chartPassword})
	digest, err := store.Fetch(t.Context(), chart(own))
	require.NoError(t, err)
	require.Equal(t, data, kept(t, store, digest))

	store = trusting(own, map[string]string{own.host(): chartPassword + "!"})
	_, err = store.Fetch(t.Context(), chart(own))
	require.ErrorIs(t, err, ErrUnauthorized)
	require.NotContains(t, err.Error(), "hunter2")

	chatty := watch(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, ok := r.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "no such user: %s, %s", password, r.Header.Get("Authorization"))
	}))
	store = trusting(chatty, map[string]string{chatty.host(): chartPassword})
	_, err = store.Fetch(t.Context(), chart(chatty))
	require.ErrorIs(t, err, ErrUnauthorized)
	require.ErrorContains(t, err, "no such user: (redacted), Basic (redacted)")
	for _, secret := range append([]string{"hunter2"}, Credentials{Username: "charts", Password: chartPassword}.secrets()...) {
		require.NotContains(t, err.Error(), secret)
	}

	elsewhere := watch(t, http.HandlerFunc(giveToken))
	split := watch(t, tokens(t, data, func(string) string { return elsewhere.URL + "/token" }))
	store = trusting(split, map[string]string{split.host(): chartPassword})
	_, err = store.Fetch(t.Context(), chart(split))
	require.ErrorContains(t, err, "sends us to "+elsewhere.host()+" to log in")
	asked, _ := elsewhere.asked()
	require.False(t, asked)
	store = trusting(split, map[string]string{split.host(): chartPassword, elsewhere.host(): "another"})
	_, err = store.Fetch(t.Context(), chart(split))
	require.ErrorContains(t, err, "to log in", "that is another's password")
	store = trusting(split, map[string]string{split.host(): chartPassword, elsewhere.host(): chartPassword})
	_, err = store.Fetch(t.Context(), chart(split))
	require.NoError(t, err)

	away := watch(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, own.URL+"/token?"+r.URL.RawQuery, http.StatusTemporaryRedirect) // the same name, another port
	}))
	moved := watch(t, tokens(t, data, func(string) string { return away.URL + "/token" }))
	store = trusting(moved, map[string]string{moved.host(): chartPassword, away.host(): chartPassword})
	before := len(own.seen)
	_, err = store.Fetch(t.Context(), chart(moved))
	require.ErrorContains(t, err, "sends us to "+own.host(), "a redirect does not carry it on")
	require.Len(t, own.seen, before)
}

// The file of credentials is read as Docker writes it, and no error repeats what stands in it.
func TestCredentialsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	read := func(text, host string) (Credentials, error) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return CredentialsFile(file)(context.Background(), host)
	}
	pair := base64.StdEncoding.EncodeToString([]byte("me:hunter2:x"))
	for text, want := range map[string]Credentials{
		`{"auths": {"h.example.com": {"auth": "` + pair + `"}}}`:                                                             {Username: "me", Password: "hunter2:x"},
		`{"auths": {"https://H.example.com/v1/": {"username": "me", "password": "hunter2"}}}`:                                {Username: "me", Password: "hunter2"},
		`{"auths": {"h.example.com:443": {"registrytoken": "hunter2"}}}`:                                                     {Token: "hunter2"},
		`{"auths": {"h.example.com:8443": {"registrytoken": "hunter2"}, "example.com": {"registrytoken": "x"}}, "other": 1}`: {},
		`{}`: {},
	} {
		c, err := read(text, "h.example.com")
		require.NoError(t, err, text)
		require.Equal(t, want, c, text)
	}
	for text, says := range map[string]string{
		`{"auths": {"h.example.com": {"auth": "hunter2"}}}`: "no user name and password in base64",
		`{"auths": {"h.example.com": {"auth": "hunter2=`:    "no JSON",
		`{"auths": "hunter2"}`:                              "no JSON",
		`{"auths": {"h.example.com": {}}}`:                  "credential helper",
		`{"auths": {"h.example.com": {"registrytoken": "hunter2"}, "https://h.example.com": {"registrytoken": "hunter3"}}}`: "several credentials",
	} {
		_, err := read(text, "h.example.com")
		require.ErrorContains(t, err, says, text)
		require.NotContains(t, err.Error(), "hunter", text)
	}
	require.NoError(t, os.Remove(file))
	_, err := CredentialsFile(file)(context.Background(), "h.example.com")
	require.ErrorContains(t, err, "read the credentials of charts")

	_, err = Charts{Dir: t.TempDir(), Credentials: CredentialsFile(file)}.Fetch(t.Context(), Chart{Repository: "https://h.example.com", Name: "c", Version: "1.0.0"})
	require.ErrorIs(t, err, ErrUnauthorized, "without its credentials nothing is fetched")
}
