package simulate

import (
	"cmp"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// BMCOptions says what kind of BMC a machine has. Zero fields take the defaults named.
type BMCOptions struct {
	Username, Password string
	Vendor             string          // as the System's Manufacturer shows it; "Dell Inc." (some rules are Dell's or HPE's alone)
	Model              string          // "PowerEdge XE9680"
	BIOSVersion        string          // "2.3.5"
	SystemID           string          // "System.Embedded.1"
	Sessions           int             // how many at a time; 8
	SessionTimeout     time.Duration   // how long one may be unused, in simulated time; 30 minutes
	NTPServers         int             // how many fit; 3
	ResetTypes         []string        // those listed as AllowableValues; all that Site.Reset knows
	Attributes         []BIOSAttribute // the BIOS attribute registry; DefaultBIOSAttributes
}

// BMC is the Redfish service of one machine, an http.Handler for a Network or an httptest.Server. It
// holds sessions and jobs; everything else it shows lies in the site's Machine.
type BMC struct {
	site    *Site
	machine string
	opts    BMCOptions
	wire    http.Handler

	// writing makes a write's precondition and its effect one step.
	writing sync.Mutex

	mu       sync.Mutex
	sessions []*redfishSession
	logins   int // ever made, the number of the last session
	wrong    int // wrong passwords in a row
	lockedTo time.Time
	jobs     []redfishJob
}

// NewBMC is the BMC of a machine, which is added to the site unless it is there; BIOS attributes that
// the machine lacks take their defaults.
func NewBMC(site *Site, machine string, opts BMCOptions) *BMC {
	opts.Vendor = cmp.Or(opts.Vendor, "Dell Inc.")
	opts.Model = cmp.Or(opts.Model, "PowerEdge XE9680")
	opts.BIOSVersion = cmp.Or(opts.BIOSVersion, "2.3.5")
	opts.SystemID = cmp.Or(opts.SystemID, "System.Embedded.1")
	opts.Sessions = cmp.Or(opts.Sessions, 8)
	opts.SessionTimeout = cmp.Or(opts.SessionTimeout, 30*time.Minute)
	opts.NTPServers = cmp.Or(opts.NTPServers, 3)
	if opts.ResetTypes == nil {
		for kind := range powerResets {
			opts.ResetTypes = append(opts.ResetTypes, kind)
		}
		slices.Sort(opts.ResetTypes)
	}
	if opts.Attributes == nil {
		opts.Attributes = DefaultBIOSAttributes()
	}
	site.AddMachine(machine)
	site.Update(machine, func(m *Machine) {
		for _, a := range opts.Attributes {
			if _, ok := m.BIOS[a.Name]; !ok {
				m.BIOS[a.Name] = a.Default
			}
		}
	})
	b := &BMC{site: site, machine: machine, opts: opts}
	b.wire = site.Wire("redfish", machine, http.HandlerFunc(b.serve))
	return b
}

// Restart forgets all sessions, as a BMC does that restarts; the machine itself runs on.
func (b *BMC) Restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessions = nil
}

func (b *BMC) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.wire.ServeHTTP(w, r) }

func (b *BMC) dell() bool { return strings.HasPrefix(b.opts.Vendor, "Dell") }

func (b *BMC) hpe() bool { return strings.HasPrefix(b.opts.Vendor, "HPE") }

// state is the machine as it is now.
func (b *BMC) state() Machine {
	m, _ := b.site.Machine(b.machine)
	return m
}

// redfishResource is what lies at one path; a method that is nil is not allowed.
type redfishResource struct {
	open   bool // readable without credentials
	get    func() doc
	patch  func(body doc) redfishReply
	post   func(body doc) redfishReply
	login  bool // the post needs no credentials
	delete func() redfishReply
}

// redfishMaxBody bounds what a client may send, in bytes.
const redfishMaxBody = 1 << 20

func (b *BMC) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("OData-Version", "4.0")
	path := r.URL.Path
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	res, found := b.resource(path)
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	open := reads && res.open || r.Method == http.MethodPost && res.login
	if !open && !b.authorised(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="RedfishService"`)
		redfishSend(w, redfishFailure(http.StatusUnauthorized, redfishMessage("ResourceAtUriUnauthorized", "No valid session or credentials for "+path+".")))
		return
	}
	if !found {
		redfishSend(w, redfishFailure(http.StatusNotFound, redfishMessage("ResourceMissingAtURI", "There is no resource at "+path+".")))
		return
	}
	switch {
	case reads && res.get != nil:
		redfishRead(w, r, res.get())
	case r.Method == http.MethodDelete && res.delete != nil:
		redfishSend(w, res.delete())
	case r.Method == http.MethodPost && res.post != nil, r.Method == http.MethodPatch && res.patch != nil:
		b.write(w, r, res)
	default:
		w.Header().Set("Allow", res.allow())
		redfishSend(w, redfishFailure(http.StatusMethodNotAllowed, redfishMessage("OperationNotAllowed", r.Method+" is not allowed at "+path+".")))
	}
}

func (b *BMC) write(w http.ResponseWriter, r *http.Request, res redfishResource) {
	body, refusal := b.body(w, r)
	if refusal != nil {
		redfishSend(w, *refusal)
		return
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	if r.Method == http.MethodPost {
		redfishSend(w, res.post(body))
		return
	}
	match := r.Header.Get("If-Match")
	_, now := redfishEncode(res.get())
	switch {
	case match == "" && b.site.Rule(RedfishETagOnPatch):
		redfishSend(w, redfishFailure(http.StatusPreconditionRequired, redfishMessage("PreconditionRequired", "The request needs an If-Match header.")))
	case match != "" && match != "*" && match != now && b.site.Rule(RedfishETagCurrent):
		redfishSend(w, redfishFailure(http.StatusPreconditionFailed, redfishMessage("PreconditionFailed", "If-Match is not the resource's ETag.")))
	default:
		redfishSend(w, res.patch(body))
	}
}

// body reads the request's JSON object, or says why it is none.
func (b *BMC) body(w http.ResponseWriter, r *http.Request) (doc, *redfishReply) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" && b.site.Rule(RedfishJSONOnly) {
		refusal := redfishFailure(http.StatusUnsupportedMediaType, redfishMessage("UnrecognizedRequestBody", "Content-Type must be application/json."))
		return nil, &refusal
	}
	var body doc
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, redfishMaxBody))
	if err == nil {
		err = json.Unmarshal(data, &body)
	}
	if err != nil || body == nil {
		refusal := redfishFailure(http.StatusBadRequest, redfishMessage("MalformedJSON", "The body is not a JSON object."))
		return nil, &refusal
	}
	return body, nil
}

func (r redfishResource) allow() string {
	var methods []string
	if r.get != nil {
		methods = append(methods, http.MethodGet, http.MethodHead)
	}
	if r.patch != nil {
		methods = append(methods, http.MethodPatch)
	}
	if r.post != nil {
		methods = append(methods, http.MethodPost)
	}
	if r.delete != nil {
		methods = append(methods, http.MethodDelete)
	}
	return strings.Join(methods, ", ")
}
