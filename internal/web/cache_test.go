package web

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNobodyIsShownAnothersPage has readers of every role ask for the same pages at once while reports come in:
// each sees what a dashboard that has no other readers would show them, and never the canary who may not.
func TestNobodyIsShownAnothersPage(t *testing.T) {
	store := shared(t)
	d := proxied(t, store)
	roles := map[string]string{"ops": "", "acme-admins": "only acme", canary + "-admins": "only " + canary, "acme-admins," + canary + "-admins": "only acme, " + canary}
	report := *store.report
	pages := []string{"/", "/racks", "/machines", "/tenants", "/segments", "/drift", "/plan", "/search?q=a"}
	var all sync.WaitGroup
	for role, only := range roles {
		for range 3 {
			all.Go(func() {
				for n := range 20 {
					if n%10 == 9 {
						store.SetReport(report)
					}
					page := pages[n%len(pages)]
					body := get(t, d, page, by(role)).Body.String()
					if strings.Contains(role, canary) || role == "ops" {
						continue
					}
					if strings.Contains(body, canary) {
						t.Errorf("%s shows %s another's page", page, role)
					}
					if !strings.Contains(body, `<span class="tag">`+only+`</span>`) {
						t.Errorf("%s is not the page of %s", page, role)
					}
				}
			})
		}
	}
	all.Wait()
	for role, only := range roles {
		for _, page := range pages {
			alone := proxied(t, store)
			want := get(t, alone, page, by(role)).Body.String()
			require.Equal(t, want, get(t, d, page, by(role)).Body.String(), "%s for %s", page, role)
			require.Contains(t, want, only)
		}
	}
	require.NotEqual(t, Scope{All: true}.key(), Scope{Tenants: []string{"all"}}.key())
	require.NotEqual(t, Scope{Tenants: []string{"a b"}}.key(), Scope{Tenants: []string{"a", "b"}}.key())
}

// TestCache protects what is kept: a page is made once however many ask, never shown when it is old or after a
// change, and all of them together stay within bounds.
func TestCache(t *testing.T) {
	var c cache
	made := 0
	ask := func(sequence uint64, at time.Time, url string) string {
		t.Helper()
		h, err := http.NewRequest(http.MethodGet, url, nil)
		require.NoError(t, err)
		r := &request{Snapshot: &Snapshot{Sequence: sequence}, http: h, reader: Reader{Scope: Scope{All: true}}, now: at}
		body, _ := c.get(r, func() ([]byte, int) { made++; return []byte(fmt.Sprint(made)), 200 })
		c.making.Wait()
		return string(body)
	}
	require.Equal(t, "1", ask(1, noon, "/"))
	require.Equal(t, "1", ask(1, noon.Add(fresh-1), "/"))
	require.Equal(t, "1", ask(1, noon.Add(fresh), "/"), "shown while it is made anew")
	require.Equal(t, "2", ask(1, noon.Add(fresh), "/"))
	require.Equal(t, "3", ask(1, noon.Add(fresh+passable), "/"), "too old to be shown")
	require.Equal(t, "4", ask(2, noon.Add(fresh+passable), "/"), "something changed")
	require.Equal(t, "5", ask(1, noon.Add(fresh+passable), "/"), "a reader who began before")
	require.Equal(t, "4", ask(2, noon.Add(fresh+passable), "/"))

	long := strings.Repeat("x", 8<<10)
	for n := range 3 * maxCached / len(long) {
		ask(3, noon, fmt.Sprintf("/search?q=%s%d", long, n))
		require.LessOrEqual(t, c.size, maxCached)
	}
	kept := 0
	for key, p := range c.pages {
		kept += len(key) + len(p.body)
	}
	require.Equal(t, c.size, kept)

	h, err := http.NewRequest(http.MethodGet, "/broken", nil)
	require.NoError(t, err)
	broken := &request{Snapshot: &Snapshot{Sequence: 4}, http: h, now: noon}
	require.Panics(t, func() { c.get(broken, func() ([]byte, int) { panic("a page") }) })
	_, status := c.get(broken, func() ([]byte, int) { return nil, 200 })
	require.Equal(t, 500, status)
}
