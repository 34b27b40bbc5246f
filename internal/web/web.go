// Package web is the dashboard: pages, an API and metrics of how a fleet stands, made on the server.
// Begin with [New] and [Store]. It reads and never writes: only GET and HEAD have routes, and neither what
// reconciles nor any system is in its reach. It does not know where a report comes from.
package web

import (
	"log/slog"
	"net/http"
	"time"
)

// Options are what a dashboard is made of.
type Options struct {
	Store *Store
	// Access says who asks and what they may see.
	Access Access
	Log    *slog.Logger
	Now    func() time.Time
	// StaleAfter is the age of a report at which every page says loudly that it is old.
	StaleAfter time.Duration
	// Rate is how many requests a second one client may make, and Burst how many at once.
	Rate, Burst float64
}

// Dashboard is an http.Handler. Use [Dashboard.Serve] to serve it.
type Dashboard struct {
	Options
	handler http.Handler
	pages   pages
	cache   cache
	done    chan struct{} // closed when streams are to end
	streams streams
}

// New is a dashboard of what is in the store.
func New(o Options) *Dashboard {
	d := &Dashboard{Options: o, pages: parsePages(), done: make(chan struct{})}
	mux := http.NewServeMux()
	for _, r := range d.routes() {
		mux.Handle("GET "+r.pattern, r.handler) // which is HEAD too
	}
	d.handler = d.logged(secured(d.limited(mux)))
	return d
}

func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// route is one pattern of a path, as http.ServeMux has them.
type route struct {
	pattern string
	handler http.Handler
}

// routes are all that there are.
func (d *Dashboard) routes() []route {
	var all []route
	page := func(pattern string, show func(*request) (view, error)) {
		all = append(all, route{pattern, d.page(show)})
	}
	page("/{$}", overview)
	page("/attention", attention)
	page("/racks", racks)
	page("/machines", machines)
	page("/machines/{machine}", machine)
	page("/tenants", tenants)
	page("/tenants/{tenant}", tenant)
	page("/pools", pools)
	page("/pools/{tenant}/{cluster}/{pool}", pool)
	page("/segments", segments)
	page("/segments/{segment}", segment)
	page("/stacks", stacks)
	page("/stacks/{stack}", stack)
	page("/drift", drift)
	page("/plan", planned)
	page("/history", history)
	page("/runs", runs)
	page("/runs/{run}", runPage)
	page("/o/{address...}", object)
	page("/search", search)
	for _, e := range endpoints() {
		all = append(all, route{e.pattern, d.api(e)})
	}
	all = append(all,
		route{"/history.csv", d.read(d.historyCSV)},
		route{"/api/v1/openapi.json", openAPI()},
		route{"/metrics", http.HandlerFunc(d.metrics)},
		route{"/healthz", http.HandlerFunc(healthy)},
		route{"/readyz", http.HandlerFunc(d.ready)},
		route{"/events", d.read(d.events)},
		route{"/assets/{name}", http.HandlerFunc(assets)},
	)
	if login, ok := d.Access.(Login); ok {
		all = append(all, d.loginRoutes(login)...)
	}
	return all
}
