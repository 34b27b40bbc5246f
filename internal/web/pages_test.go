package web

import (
	"flag"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares a text with a file.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile("testdata/"+file, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), text), "%s; -update writes it anew", file)
}

// text is what a person reads of a page, a line each for what stands in lines.
func text(t *testing.T, page string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(strings.Join(strings.Fields(n.Data), " ") + " ")
		}
		if n.Type == html.ElementNode && (n.Data == "head" || n.Data == "defs") {
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		if n.Type == html.ElementNode && strings.Contains(" p li tr h1 h2 h3 header section caption dt dd div ", " "+n.Data+" ") {
			b.WriteString("\n")
		}
	}
	walk(doc)
	lines := regexp.MustCompile(` *\n[\s]*`).ReplaceAllString(regexp.MustCompile(` +`).ReplaceAllString(b.String(), " "), "\n")
	return strings.TrimSpace(lines) + "\n"
}

// TestGoldenPages shows what people read on the pages that matter most.
func TestGoldenPages(t *testing.T) {
	d := served(t, filled(t, 24))
	for name, url := range map[string]string{"overview": "/", "racks": "/racks", "machine": "/machines/gpu-0008", "plan": "/plan", "object": "/o/redfish/gpu-0008/ntp"} {
		w := get(t, d, url)
		require.Equal(t, http.StatusOK, w.Code, url)
		golden(t, name+".txt", text(t, w.Body.String()))
	}
	golden(t, "metrics.txt", get(t, d, "/metrics").Body.String())
}

// By whose leave something is done stands with it.
func TestConsentIsShown(t *testing.T) {
	page := text(t, get(t, served(t, filled(t, 40)), "/o/redfish/gpu-0026/bios").Body.String())
	require.Contains(t, page, "May be done: approved by olga@example.com (approval cap-17, verified)")
}

// TestEveryLinkLeadsSomewhere follows every link from the overview on. Pages hold nothing that a browser
// would fetch from elsewhere, no script and no style of their own.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	d := served(t, filled(t, 100))
	seen := map[string]bool{"/": true}
	queue := []string{"/", "/search?q=gpu"}
	for len(queue) > 0 {
		url := queue[0]
		queue = queue[1:]
		w := get(t, d, url)
		require.Equal(t, http.StatusOK, w.Code, url)
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		for _, link := range links(t, url, w.Body.String()) {
			if link, _, _ = strings.Cut(link, "#"); !seen[link] && link != "" && !repeated(link) {
				seen[link] = true
				queue = append(queue, link)
			}
		}
	}
	require.Greater(t, len(seen), 500)
}

// repeated links lead to a page that is tried already, in another order.
func repeated(link string) bool {
	return strings.Contains(link, "sort=") && !strings.HasPrefix(link, "/machines?")
}

// links are all addresses on a page, whose structure is looked at on the way.
func links(t *testing.T, url, page string) []string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	var all []string
	ids := map[string]bool{}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		for _, a := range n.Attr {
			switch a.Key {
			case "href", "src", "action":
				require.NotContains(t, a.Val, "//", "%s loads something from elsewhere", url)
				if !strings.HasPrefix(a.Val, "#") {
					all = append(all, a.Val)
				}
			case "style":
				t.Errorf("%s has a style of its own, which its policy forbids", url)
			case "id":
				require.False(t, ids[a.Val], "%s: two elements have the id %s", url, a.Val)
				ids[a.Val] = true
			}
			require.False(t, strings.HasPrefix(a.Key, "on"), "%s has a script in %s", url, a.Key)
		}
		if n.Data == "script" {
			require.Nil(t, n.FirstChild, "%s has a script of its own", url)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	return all
}

// TestPagesWhenThingsAreNotWell protects that nobody takes what is old, missing or refused for the truth.
func TestPagesWhenThingsAreNotWell(t *testing.T) {
	f, r := world(t, 320)
	stale := r
	stale.Time = noon.Add(-2 * time.Hour)
	invalid := r
	invalid.Source.Error, invalid.Source.Refused = "tenants/acme.cue:14: error: no such field\nand another", refused
	alarmed := r
	alarmed.Alarms = []string{"gpu-0001 is in the segments of acme and of globex"}
	blocked := r
	blocked.Journal = &report.Journal{Ref: "refs/heads/acme", Waiting: 2, Since: noon.Add(-7 * time.Minute), Blocked: true, Error: "somebody else pushed"}
	newer := r
	newer.Source.Commit = refused
	down := r
	down.Complete, down.Items = false, nil
	for _, m := range f.Machines {
		down.Unreachable = append(down.Unreachable, report.Unreachable{Target: "redfish/" + m.Name, Why: "no answer", Since: noon})
	}
	for name, c := range map[string]struct {
		floor  *Floor
		report *report.Report
		shows  string
		not    string
	}{
		"nothing at all":     {nil, nil, "not finished a pass yet", "Nothing. What is not in sync is on its way"},
		"no report":          {f, nil, "not finished a pass yet", "Nothing."},
		"no commit in force": {nil, &report.Report{Version: 1, Time: noon, Source: report.Source{Error: "the repository cannot be read"}}, "the repository cannot be read", ""},
		"old":                {f, &stale, "This is old", ""},
		"refused":            {f, &invalid, "is not in force", ""},
		"alarm":              {f, &alarmed, "is in the segments of acme and of globex", ""},
		"blocked journal":    {f, &blocked, "The journal is blocked. somebody else pushed. 2 runs wait, the oldest ended 7 min ago.", ""},
		"before the pass":    {f, &newer, "has come into force", "1368 in sync"},
		"all out of reach":   {f, &down, "Not everything could be read", ""},
	} {
		store := &Store{}
		if c.floor != nil {
			store.SetFloor(c.floor)
		}
		if c.report != nil {
			store.SetReport(*c.report)
		}
		d := served(t, store)
		for _, url := range everyPage {
			w := get(t, d, url)
			if c.floor != nil {
				require.Equal(t, http.StatusOK, w.Code, "%s: %s", name, url)
			}
			require.Contains(t, text(t, w.Body.String()), c.shows, "%s: %s", name, url)
			if c.not != "" {
				require.NotContains(t, text(t, w.Body.String()), c.not, "%s: %s", name, url)
			}
		}
	}
	store := &Store{}
	store.SetFloor(f)
	store.SetReport(blocked)
	metrics := get(t, served(t, store), "/metrics").Body.String()
	require.Contains(t, metrics, "\nmillwright_journal_ok 0\n")
	require.Contains(t, metrics, "\nmillwright_journal_waiting_runs 2\n")
	require.Nil(t, store.Snapshot(Scope{Tenants: []string{"acme"}}).Report.Journal, "it is not a tenant's business")
	store.SetReport(down)
	d := served(t, store)
	require.NotContains(t, text(t, get(t, d, "/machines").Body.String()), "in sync in-service", "what cannot be read is never in sync")
	require.Contains(t, text(t, get(t, d, "/o/redfish/gpu-0001/bios").Body.String()), "redfish/gpu-0001/bios unknown")
}

// TestHostileTextStaysText protects readers from what names and values of others may hold.
func TestHostileTextStaysText(t *testing.T) {
	f, r := world(t, 16)
	const hostile = `</td><script>alert(1)</script>"'\u202e`
	r.Items = append(r.Items, report.Item{Address: "kubernetes/control-plane/ConfigMap/default/" + hostile, Entity: "machine/gpu-0001", Status: plan.Drifted, Note: hostile, Causes: []plan.Cause{plan.CauseDrift},
		Fields: []plan.Field{{Name: hostile, Old: hostile + "\u202e", New: 1}, {Name: "password", Old: "hunter2", New: "hunter3", Sensitive: true, Origin: state.Origin{Entity: hostile}}}})
	store := &Store{}
	store.SetFloor(f)
	store.SetReport(r)
	d := served(t, store)
	for _, url := range []string{"/", "/drift", "/machines/gpu-0001", "/attention", "/search?q=%3Cscript%3Ealert(1)", "/api/v1/items"} {
		page := get(t, d, url).Body.String()
		require.NotContains(t, page, "<script>alert", url)
		require.NotContains(t, page, "hunter", url)
		if !strings.HasPrefix(url, "/api") {
			require.NotContains(t, page, "\u202e", url)
		}
	}
	require.NotContains(t, get(t, d, "/api/v1/report").Body.String(), "hunter")
}

// TestSortAndFilter protects that the URL says what a table shows.
func TestSortAndFilter(t *testing.T) {
	d := served(t, filled(t, 320))
	first := func(url string) string {
		rows := regexp.MustCompile(`<tbody[^>]*>\s*<tr><th scope="row"><a href="/machines/([^"]*)"`).FindStringSubmatch(get(t, d, url).Body.String())
		require.NotNil(t, rows, url)
		return rows[1]
	}
	require.Equal(t, "gpu-0001", first("/machines?sort=name"))
	require.Equal(t, "gpu-0320", first("/machines?sort=-name"))
	require.Equal(t, "gpu-0101", first("/machines?sort=name&page=2"))
	require.Equal(t, "gpu-0008", first("/machines?status=drifted&sort=name"))
	require.Equal(t, "gpu-0101", first("/machines?tenant=globex&sort=name"))
	require.Equal(t, "gpu-0018", first("/machines?lifecycle=maintenance&sort=name"))
	require.Contains(t, get(t, d, "/machines?page=999").Body.String(), "page 4 of 4")
	require.True(t, natural("r2", "r10") < 0 && natural("r10", "r2") > 0 && natural("a1", "a01") < 0 && natural("a", "a") == 0)
}

// TestAMachineIsNotFreeBeforeItHasLeft protects people from taking a machine for free, or for the next tenant's alone,
// while something holds back what would take it out of the pool that it serves.
func TestAMachineIsNotFreeBeforeItHasLeft(t *testing.T) {
	f, r := world(t, 16)
	gone, moved := &f.Machines[1], &f.Machines[2]
	gone.Serves, moved.Serves, r.Items = Serves{}, Serves{"globex", "train", "h100"}, nil
	for _, m := range []*Machine{gone, moved} {
		r.Items = append(r.Items, report.Item{Address: "netris/dc1/servercluster/acme-train/server/" + m.Name, Entity: "pool/acme/train/h100", Status: plan.Held, Action: plan.Delete})
	}
	store := &Store{}
	store.SetFloor(f)
	store.SetReport(r)
	d := served(t, store)
	for _, url := range []string{"/racks", "/machines", "/machines/" + gone.Name, "/machines/" + moved.Name} {
		page := text(t, get(t, d, url).Body.String())
		require.Contains(t, page, "still acme train/h100", url)
	}
	floor := text(t, get(t, d, "/racks").Body.String())
	require.Contains(t, floor, gone.Name+" held still acme train/h100 8 × H100")
	require.Contains(t, floor, moved.Name+" held still acme train/h100 , then globex")
	require.Contains(t, get(t, d, "/api/v1/machines/"+gone.Name).Body.String(), `"still":"pool/acme/train/h100"`)

	r.Items = nil
	store.SetReport(r)
	require.NotContains(t, get(t, d, "/racks").Body.String(), "still acme")
	require.NotContains(t, get(t, d, "/api/v1/machines/"+gone.Name).Body.String(), `"still"`)
}

// TestWhatIsForAMachineIsShownWithIt protects that a machine's state is that of all that is for it, in every
// system, whatever its address is called there.
func TestWhatIsForAMachineIsShownWithIt(t *testing.T) {
	f, r := world(t, 16)
	m := f.Machines[2]
	for _, address := range []string{
		"redfish/" + m.Name + "/bios", "netris/dc1/server/" + m.Name, "netris/dc1/servercluster/acme-train/server/" + m.Name, "ufm/fabric/pkey/0x101/guid/" + m.NICs[1].Port,
		"kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/" + m.Name, "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/" + m.Name + "/pool/acme/train/h100",
	} {
		r.Items = []report.Item{{Address: address, Entity: m.PoolAddress(), Status: plan.Failed, Since: noon}}
		store := &Store{}
		store.SetFloor(f)
		store.SetReport(r)
		s := store.Snapshot(Scope{All: true})
		require.Equal(t, "failed", s.states[s.machines[m.Name]], address)
		require.Equal(t, "failed", s.status("tenant/acme"), address)
	}
	own := (&Store{floor: f}).Snapshot(Scope{All: true}).ofMachine(m.Name)
	require.Len(t, own, 6, "objects that are for it")
}
