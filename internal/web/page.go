package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"millwright.dev/millwright/internal/report"
)

//go:embed templates
var templateFiles embed.FS

// view is what a page shows: the name of its template, its title, and the template's data.
type view struct {
	template, title string
	data            any
}

// pages are the templates by name.
type pages map[string]*template.Template

func parsePages() pages {
	funcs := template.FuncMap{
		"sign":    func(s any) string { return shown(fmt.Sprint(s)) }, // also a plan's own type of status
		"status":  func(s any) string { return statuses[shown(fmt.Sprint(s))].word },
		"meaning": func(s any) string { return statuses[shown(fmt.Sprint(s))].meaning },
		"plural":  plural, "short": report.ShortCommit, "hue": hue, "value": valueText, "asset": asset, "add": func(a, b int) int { return a + b },
		"path": path, "impact": impact, "units": unitsText, "strip": strip, "total": total, "neg": func(n int) int { return -n },
		"share": func(part, of int) int { return part * 1000 / max(1, of) }, "half": func(n, more int) int { return n/2 + more },
		"object": func(address string) string { return path(append([]string{"o"}, strings.Split(address, "/")...)...) },
		"rowsOf": func(caption string, rows []objectRow) objectTable { return objectTable{caption, rows} },
		"deref":  func(i *Item) Item { return *i },
		"ticks":  ticks, "few": few,
		"gpu": func(model string) string { name, _, _ := strings.Cut(model, "-"); return name },
	}
	base := template.Must(template.New("layout").Funcs(funcs).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/rack.html"))
	all := pages{}
	names, err := fs.Glob(templateFiles, "templates/page-*.html")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	for _, name := range names {
		short := strings.TrimSuffix(strings.TrimPrefix(name, "templates/page-"), ".html")
		page := template.Must(template.Must(base.Clone()).ParseFS(templateFiles, name))
		_ = page.Execute(io.Discard, nil) // which fails without data, and has by then found out where what is escaped
		all[short] = page
	}
	all["door"] = template.Must(template.New("door").Funcs(funcs).ParseFS(templateFiles, "templates/door.html"))
	return all
}

// sheet is what the layout is given: the page, and what stands around every page.
type sheet struct {
	*request
	Title string
	Nav   []navigation
	Data  any
	Bar   bar
	// SignOut says that readers sign in here. Who they are stands on no page: pages are shared by all who see the same.
	SignOut bool
}

type navigation struct {
	Name, URL string
	Current   bool
}

var sections = []navigation{
	{Name: "Overview", URL: "/"}, {Name: "Racks", URL: "/racks"}, {Name: "Machines", URL: "/machines"}, {Name: "Tenants", URL: "/tenants"},
	{Name: "Pools", URL: "/pools"}, {Name: "Segments", URL: "/segments"}, {Name: "Stacks", URL: "/stacks"}, {Name: "Drift", URL: "/drift"}, {Name: "Plan", URL: "/plan"}, {Name: "History", URL: "/history"}, {Name: "Runs", URL: "/runs"},
}

// bar is the line on top of every page.
type bar struct {
	Fleet, Commit, Subject string
	Time                   time.Time
	Age                    string
	Stale, Missing         bool
	Error                  []string
	Refused                string
	Signer                 string // of the commit in force, where that is proven
	Fetched                time.Time
	Incomplete             bool
	NotYet                 bool // the commit in force is newer than the last pass
	Alarms                 []string
	Journal                *report.Journal // where something is wrong with it
	JournalAge             string
	Counts                 []Count
	Scope                  string // whose view it is, where it is not everything
}

// Count is how many have a status.
type Count struct {
	Status string
	N      int
}

func (r *request) bar() bar {
	b := bar{Commit: r.Commit, Missing: r.Report == nil}
	if !r.reader.Scope.All {
		b.Scope = strings.Join(r.reader.Scope.Tenants, ", ")
	}
	if r.Report == nil {
		return b
	}
	s := r.Report.Source
	b.Fleet, b.Subject, b.Time, b.Refused, b.Fetched = r.Report.Fleet, s.Subject, r.Report.Time, s.Refused, s.Fetched
	b.Signer = s.Signer
	b.Commit = s.Commit
	b.Age = report.Ago(r.now, r.Report.Time)
	b.Stale = r.now.Sub(r.Report.Time) > r.stale
	b.Incomplete, b.Alarms = !r.Report.Complete, r.Report.Alarms
	if j := r.Report.Journal; j != nil && j.Error != "" {
		b.Journal, b.JournalAge = j, report.Ago(r.now, j.Since)
	}
	b.NotYet = r.Commit != "" && r.Commit != s.Commit
	if s.Error != "" {
		b.Error = strings.Split(strings.TrimSpace(s.Error), "\n")
		b.Error = b.Error[:min(len(b.Error), 10)]
	}
	b.Counts = ordered(r.count(""))
	return b
}

// ordered are counts, the best status first, without those that nobody has.
func ordered(by map[string]int) []Count {
	var all []Count
	for _, status := range fromBest {
		if n := by[status]; n > 0 {
			all = append(all, Count{status, n})
		}
	}
	return all
}

// page answers with a page.
func (d *Dashboard) page(show func(*request) (view, error)) http.Handler {
	return d.read(func(w http.ResponseWriter, r *request) {
		body, status := d.cache.get(r, func() ([]byte, int) { return d.render(r, show) })
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
}

func (d *Dashboard) render(r *request, show func(*request) (view, error)) ([]byte, int) {
	status := http.StatusOK
	v, err := show(r)
	if err != nil {
		status = http.StatusInternalServerError
		switch {
		case errors.Is(err, errNotFound):
			status = http.StatusNotFound
		case errors.Is(err, errQuery):
			status = http.StatusBadRequest
		default:
			d.Log.Error("a page could not be made", "path", r.http.URL.Path, "error", err)
			err = errors.New("the agent's log says what went wrong")
		}
		v = view{"error", http.StatusText(status), err.Error()}
	}
	_, login := d.Access.(Login)
	s := sheet{request: r, Title: v.title, Data: v.data, Bar: r.bar(), SignOut: login}
	for _, n := range sections {
		n.Current = r.http.URL.Path == n.URL || n.URL != "/" && strings.HasPrefix(r.http.URL.Path, n.URL+"/")
		s.Nav = append(s.Nav, n)
	}
	var b bytes.Buffer
	if err := d.pages[v.template].ExecuteTemplate(&b, "layout", s); err != nil {
		d.Log.Error("a page could not be made", "path", r.http.URL.Path, "error", err)
		return []byte("the page could not be made; the agent's log says why\n"), http.StatusInternalServerError
	}
	return b.Bytes(), status
}

// RunURL leads to the page of a run.
func (s sheet) RunURL(r Run) string { return path("runs", r.Name()) }

// Entity leads to what an address names.
func (s sheet) Entity(address string) Link { return s.link(address) }

// When is a time as pages show it: of today the time of day, else with its date.
func (s sheet) When(t time.Time) string {
	switch {
	case t.IsZero():
		return "not known"
	case s.now.UTC().Format(time.DateOnly) == t.UTC().Format(time.DateOnly):
		return t.UTC().Format("15:04:05") + "Z"
	}
	return t.UTC().Format("2006-01-02 15:04") + "Z"
}

// Stamp is a time as programs read it.
func (s sheet) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Origin is the file and line of an entity, or "".
func (s sheet) Origin(entity string) string { return s.Positions[entity] }

// hues is how many colours the stylesheet has for tenants.
const hues = 12

// hue is the colour of a tenant: the same on every page and after every start.
func hue(tenant string) int {
	sum := 0
	for _, c := range []byte(tenant) {
		sum = (sum*31 + int(c)) % 9973
	}
	return sum % hues
}

// StaleSeconds is the age at which a page is old.
func (s sheet) StaleSeconds() int { return int(s.stale.Seconds()) }

// Now is when the page was made.
func (s sheet) Now() string { return s.Stamp(s.now) }

// shownItem is an item with what it takes to show it.
type shownItem struct {
	S sheet
	I Item
}

// Show is an item with what it takes to show it.
func (s sheet) Show(i Item) shownItem { return shownItem{s, i} }

// shownCommit is a commit with what it takes to show it; Named says that the entities are named.
type shownCommit struct {
	S     sheet
	C     commitRow
	Named bool
}

// ShowCommit is a commit with what it takes to show it.
func (s sheet) ShowCommit(c commitRow, named bool) shownCommit { return shownCommit{s, c, named} }

// shownPast is a timeline with what it takes to show it.
type shownPast struct {
	S sheet
	T *timeline
}

// ShowPast is a timeline with what it takes to show it.
func (s sheet) ShowPast(t *timeline) shownPast { return shownPast{s, t} }

// filters are a form of filters with what was chosen.
type filters struct {
	Filters            []Filter
	Typed, Sort, Clear string
	Filtered           bool
}

// Filters is the form above a table.
func (s sheet) Filters(of []Filter) filters {
	return filters{of, s.query.Get("q"), s.query.Get("sort"), s.http.URL.EscapedPath(), s.Filtered()}
}

// Filtered reports whether the URL leaves rows out.
func (s sheet) Filtered() bool {
	for key, values := range s.query {
		if key != "sort" && key != "page" && values[0] != "" {
			return true
		}
	}
	return false
}

// objectTable is a table of objects.
type objectTable struct {
	Caption string
	Rows    []objectRow
}

// stripPart is one part of a strip that is 1000 wide.
type stripPart struct {
	Status string
	X, W   int
}

// strip lays counts side by side. What is there at all can be seen, however little it is.
func strip(counts []Count) []stripPart {
	all := total(counts)
	var parts []stripPart
	x := 0
	for i := len(counts) - 1; i >= 0; i-- { // the worst first, so that it is not cut off
		w := max(8, counts[i].N*1000/max(1, all))
		if i == 0 {
			w = max(0, 1000-x)
		}
		parts = append(parts, stripPart{counts[i].Status, x, w})
		x += w
	}
	return parts
}

func total(counts []Count) int {
	n := 0
	for _, c := range counts {
		n += c.N
	}
	return n
}
