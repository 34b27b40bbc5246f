package simulate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// UFMOptions say what a simulated UFM is like when it is first met.
type UFMOptions struct {
	// Name is what its events are logged under.
	Name               string
	Username, Password string
	// DefaultMembership is what ports are in the default partition: "limited" unless said otherwise, or
	// "full"; "-" for a UFM before 6.19, which does not tell.
	DefaultMembership string
}

// UFM is a simulated UFM Enterprise. It serves below /ufmRest what concerns partitions: their list, one
// of them, adding, setting and removing ports, their quality of service, deletion. Its rules are
// [UFMRules]; a change is in force at once.
type UFM struct {
	site    *Site
	opts    UFMOptions
	handler http.Handler

	mu         sync.Mutex
	partitions map[int]*ufmPartition
}

type ufmPartition struct {
	ipOverIB bool
	qos      ufmQoS
	members  map[string]ufmMember // by GUID in lower case
}

type ufmMember struct {
	index0     bool
	membership string
}

type ufmQoS struct {
	MTU          *float64 `json:"mtu_limit"`
	ServiceLevel *float64 `json:"service_level"`
	RateLimit    *float64 `json:"rate_limit"`
}

const ufmDefaultPKey = 0x7fff

// NewUFM is a UFM with the default partition alone. It answers requests as an [http.Handler].
func NewUFM(site *Site, opts UFMOptions) *UFM {
	opts.DefaultMembership = cmp.Or(opts.DefaultMembership, "limited")
	u := &UFM{site: site, opts: opts, partitions: map[int]*ufmPartition{ufmDefaultPKey: newUFMPartition(true)}}
	mux := http.NewServeMux()
	route := func(pattern string, handle func(*http.Request) (any, error)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" /ufmRest"+path, u.serve(handle))
	}
	route("GET /app/ufm_version", func(*http.Request) (any, error) { return map[string]any{"ufm_release_version": "6.22.1-1"}, nil })
	route("GET /resources/pkeys", u.list)
	route("POST /resources/pkeys", u.addPorts)
	route("PUT /resources/pkeys", u.setPorts)
	route("POST /resources/pkeys/add", u.create)
	route("PUT /resources/pkeys/qos_conf", u.setQoS)
	route("GET /resources/pkeys/{pkey}", u.get)
	route("DELETE /resources/pkeys/{pkey}", u.delete)
	route("POST /actions/remove_guids_from_pkey", u.removePorts)
	mux.Handle("/", u.serve(func(*http.Request) (any, error) { return nil, &ufmError{http.StatusNotFound, "Not Found"} }))
	u.handler = site.Wire("ufm", opts.Name, mux)
	return u
}

// ServeHTTP answers one request, as the site's faults allow.
func (u *UFM) ServeHTTP(w http.ResponseWriter, r *http.Request) { u.handler.ServeHTTP(w, r) }

// ufmError is a refusal.
type ufmError struct {
	status  int
	message string
}

func (e *ufmError) Error() string { return e.message }

func ufmRefuse(format string, args ...any) error {
	return &ufmError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// serve puts a handler behind the password and the lock.
func (u *UFM) serve(handle func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if u.site.Rule(UFMAuth) && (user != u.opts.Username || password != u.opts.Password) {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		data, err := handle(r)
		if refusal := (*ufmError)(nil); errors.As(err, &refusal) {
			http.Error(w, refusal.message, refusal.status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// A client that went away is no concern of UFM's.
		_ = json.NewEncoder(w).Encode(data)
	})
}

// list shows all partitions.
func (u *UFM) list(r *http.Request) (any, error) {
	guids, qos := r.URL.Query().Get("guids_data") == "true", r.URL.Query().Get("qos_conf") == "true"
	if !guids && !qos {
		if u.site.Rule(UFMListPlain) {
			keys := []string{}
			for _, pkey := range slices.Sorted(maps.Keys(u.partitions)) {
				keys = append(keys, u.pkeyText(pkey))
			}
			return keys, nil
		}
		guids, qos = true, true
	} else if guids && qos && u.site.Rule(UFMListBothFlags) {
		guids = false
	}
	all := map[string]any{}
	for pkey, p := range u.partitions {
		all[u.pkeyText(pkey)] = u.show(pkey, p, guids, qos)
	}
	return all, nil
}

// get shows one partition; one that is not there is an empty object, not a 404.
func (u *UFM) get(r *http.Request) (any, error) {
	pkey, err := u.pkey(r.PathValue("pkey"))
	if err != nil {
		return nil, err
	}
	p, ok := u.partitions[pkey]
	if !ok {
		return map[string]any{}, nil
	}
	return u.show(pkey, p, r.URL.Query().Get("guids_data") == "true", r.URL.Query().Get("qos_conf") == "true"), nil
}

func (u *UFM) show(pkey int, p *ufmPartition, guids, qos bool) map[string]any {
	shown := map[string]any{"partition": "api_pkey_" + u.pkeyText(pkey), "ip_over_ib": p.ipOverIB}
	if pkey == ufmDefaultPKey {
		shown["partition"] = "management"
	}
	if guids {
		list := []any{}
		for _, guid := range slices.Sorted(maps.Keys(p.members)) {
			m, text := p.members[guid], guid
			if u.site.Rule(UFMForms) {
				text = strings.ToUpper(guid)
			}
			list = append(list, map[string]any{"guid": text, "index0": m.index0, "membership": m.membership})
		}
		shown["guids"] = list
		if pkey == ufmDefaultPKey && u.opts.DefaultMembership != "-" {
			shown["membership"] = u.opts.DefaultMembership
		}
	}
	if qos {
		shown["qos_conf"] = p.qos
	}
	return shown
}

func (u *UFM) pkeyText(pkey int) string {
	if u.site.Rule(UFMForms) {
		return fmt.Sprintf("0x%X", pkey)
	}
	return fmt.Sprintf("0x%x", pkey)
}

// pkey reads the key of a request.
func (u *UFM) pkey(text string) (int, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(text), "0x"), 16, 16)
	if err != nil {
		return 0, ufmRefuse("pkey %q is no hexadecimal number", text)
	}
	if n == 0 || n > ufmDefaultPKey && u.site.Rule(UFMKeyRange) {
		return 0, ufmRefuse("pkey %s must be between 0x0 and 0x7fff", text)
	}
	return int(n) & ufmDefaultPKey, nil
}
