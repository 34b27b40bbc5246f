package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"millwright.dev/millwright/internal/report"
)

// apiVersion is that of the JSON documents; it is raised when a reader of an older one would misread them.
const apiVersion = 1

// endpoint is one address of the API.
type endpoint struct {
	pattern, summary string
	filters          []string // parameters of its query
	sample           any      // the type of its answer
	answer           func(*request) (any, error)
}

// envelope is what surrounds a list.
type envelope[T any] struct {
	Version  int       `json:"version"`
	Sequence uint64    `json:"sequence"`
	Commit   string    `json:"commit" doc:"the commit in force"`
	Time     time.Time `json:"time,omitzero" doc:"when the last pass ended"`
	Total    int       `json:"total" doc:"how many pass the filters"`
	Page     int       `json:"page"`
	Pages    int       `json:"pages"`
	Items    []T       `json:"items"`
}

// Summary is how everything stands, in numbers.
type Summary struct {
	Version  int                       `json:"version"`
	Sequence uint64                    `json:"sequence"`
	Fleet    string                    `json:"fleet"`
	Commit   string                    `json:"commit" doc:"the commit in force"`
	Refused  string                    `json:"refused,omitempty" doc:"the newest commit, if it is not in force since it does not compile"`
	Error    string                    `json:"error,omitempty" doc:"why the newest commit is not in force"`
	Time     time.Time                 `json:"time,omitzero" doc:"when the last pass ended"`
	Stale    bool                      `json:"stale" doc:"nobody has looked for so long that all of this may no longer be so"`
	Complete bool                      `json:"complete" doc:"everything could be read"`
	Alarms   []string                  `json:"alarms,omitempty" doc:"violations of isolation"`
	Objects  map[string]int            `json:"objects" doc:"by status"`
	Systems  map[string]map[string]int `json:"systems" doc:"objects by system and status"`
	Machines map[string]int            `json:"machines" doc:"by status"`
}

// MachineJSON is a machine in the API.
type MachineJSON struct {
	Name      string   `json:"name"`
	Status    string   `json:"status"`
	Site      string   `json:"site"`
	Rack      string   `json:"rack"`
	Unit      int      `json:"unit,omitempty" doc:"the lowest rack unit, from 1; left out where the fleet does not say"`
	Height    int      `json:"height" doc:"in rack units"`
	Class     string   `json:"class"`
	GPUs      int      `json:"gpus"`
	GPUModel  string   `json:"gpuModel,omitempty"`
	Lifecycle string   `json:"lifecycle"`
	Role      string   `json:"role"`
	Tenant    string   `json:"tenant,omitempty"`
	Pool      string   `json:"pool,omitempty" doc:"the address of the pool that it serves"`
	Still     string   `json:"still,omitempty" doc:"the address of the pool that it has yet to leave, as it was seen last"`
	Segment   string   `json:"segment,omitempty"`
	Origin    string   `json:"origin,omitempty" doc:"file and line"`
	Objects   []string `json:"objects,omitempty" doc:"addresses of all objects for it; only of a single machine"`
}

// TenantJSON is a tenant in the API.
type TenantJSON struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"displayName"`
	Status      string   `json:"status"`
	Machines    int      `json:"machines"`
	Wanted      int      `json:"wanted" doc:"machines that its pools ask for"`
	GPUs        int      `json:"gpus"`
	NotInSync   int      `json:"notInSync" doc:"objects"`
	Clusters    []string `json:"clusters"`
	Retired     bool     `json:"retired"`
	Origin      string   `json:"origin,omitempty" doc:"file and line"`
}

// PoolJSON is a pool in the API.
type PoolJSON struct {
	Address  string         `json:"address"`
	Tenant   string         `json:"tenant"`
	Cluster  string         `json:"cluster"`
	Name     string         `json:"name"`
	Status   string         `json:"status"`
	Class    string         `json:"class"`
	Count    int            `json:"count" doc:"machines that it asks for"`
	Machines []string       `json:"machines"`
	States   map[string]int `json:"states" doc:"its machines by status"`
}

// SegmentJSON is a segment in the API.
type SegmentJSON struct {
	Name     string           `json:"name"`
	Status   string           `json:"status"`
	Site     string           `json:"site"`
	Tenant   string           `json:"tenant,omitempty"`
	Cluster  string           `json:"cluster,omitempty"`
	Network  string           `json:"network"`
	Subnet   string           `json:"subnet"`
	Gateway  string           `json:"gateway"`
	VLAN     string           `json:"vlan" doc:"as Git says it: a number, or auto where the network controller chooses it; networks has what it chose"`
	PKey     string           `json:"pkey,omitempty" doc:"as Git says it"`
	NVLink   string           `json:"nvlink,omitempty" doc:"as Git says it"`
	Networks []report.Network `json:"networks" doc:"what was read of its networks, by name, whether Git names the number or leaves it to the controller; of one that is left out nothing was read yet"`
	Machines []string         `json:"machines"`
}

// StackJSON is a stack in the API.
type StackJSON struct {
	Name       string              `json:"name"`
	Components map[string][]string `json:"components" doc:"what each waits for, by name"`
	Clusters   []string            `json:"clusters"`
}

// ItemJSON is an object that is not in sync, in the API.
type ItemJSON struct {
	report.Item
	System  string `json:"system"`
	Machine string `json:"machine,omitempty"`
	Tenant  string `json:"tenant,omitempty"`
}

// ConcernJSON is something that somebody should look at, in the API.
type ConcernJSON struct {
	Address string    `json:"address"`
	Status  string    `json:"status"`
	Impact  string    `json:"impact,omitempty"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since,omitzero"`
	Unknown int       `json:"unknown,omitempty" doc:"objects that are unknown since this target could not be read"`
}

// ObjectJSON is one object in the API.
type ObjectJSON struct {
	Version int        `json:"version"`
	Address string     `json:"address"`
	Entity  string     `json:"entity,omitempty"`
	Origin  string     `json:"origin,omitempty" doc:"file and line of the entity"`
	Status  string     `json:"status"`
	Wanted  bool       `json:"wanted" doc:"the commit in force names it"`
	Item    *ItemJSON  `json:"item,omitempty" doc:"how it stands, unless it is in sync"`
	Fields  []LeafJSON `json:"fields,omitempty"`
}

// LeafJSON is a wanted field with where it comes from.
type LeafJSON struct {
	Path   string `json:"path"`
	Value  string `json:"value"`
	Entity string `json:"entity,omitempty"`
	Field  string `json:"field,omitempty"`
	Note   string `json:"note,omitempty"`
	Place  string `json:"place,omitempty" doc:"file and line of the entity"`
}

// EventJSON is what a commit did to an entity, in the API.
type EventJSON struct {
	Commit CommitJSON        `json:"commit"`
	With   []CommitJSON      `json:"with,omitempty" doc:"the commits right before that were no fleet by themselves"`
	Entity string            `json:"entity,omitempty" doc:"left out where the commit was no fleet"`
	Change string            `json:"change" doc:"added, changed, removed, or invalid where the commit was no fleet"`
	Fields []FieldChangeJSON `json:"fields,omitempty"`
}

// CommitJSON is a commit in the API.
type CommitJSON struct {
	Hash       string    `json:"hash"`
	Subject    string    `json:"subject,omitempty"`
	Time       time.Time `json:"time" doc:"when it was merged, by its committer's date"`
	Authors    []string  `json:"authors"`
	MergedBy   string    `json:"mergedBy,omitempty"`
	ApprovedBy []string  `json:"approvedBy,omitempty" doc:"its trailers Approved-by"`
	Tickets    []string  `json:"tickets,omitempty" doc:"its trailers Change-Ticket"`
	Invalid    string    `json:"invalid,omitempty" doc:"why it was no fleet"`
}

// FieldChangeJSON is a value that changed, in the API.
type FieldChangeJSON struct {
	Path string          `json:"path"`
	Old  json.RawMessage `json:"old,omitempty" doc:"left out where there was none"`
	New  json.RawMessage `json:"new,omitempty" doc:"left out where there is none"`
}

// endpoints are all addresses of the API but its own description.
func endpoints() []endpoint {
	paging := []string{"q", "page", "limit"}
	with := func(more ...string) []string { return append(more, paging...) }
	return []endpoint{
		{"/api/v1/report", "the last report as it is, for programs of Millwright", nil, report.Report{}, func(r *request) (any, error) {
			if r.Report == nil {
				return nil, errTooEarly
			}
			return r.Report, nil
		}},
		{"/api/v1/summary", "how everything stands, in numbers", nil, Summary{}, summary},
		{"/api/v1/attention", "what needs attention, by impact", with("status"), envelope[ConcernJSON]{}, attentionJSON},
		{"/api/v1/items", "objects that are not in sync", with("status", "system", "tenant", "machine"), envelope[ItemJSON]{}, itemsJSON},
		{"/api/v1/machines", "machines", with("status", "site", "class", "lifecycle", "tenant"), envelope[MachineJSON]{}, machinesJSON},
		{"/api/v1/machines/{machine}", "one machine", nil, MachineJSON{}, machineJSON},
		{"/api/v1/tenants", "tenants", with("status"), envelope[TenantJSON]{}, tenantsJSON},
		{"/api/v1/pools", "node pools", with("tenant", "class"), envelope[PoolJSON]{}, poolsJSON},
		{"/api/v1/segments", "network segments", with("site", "tenant"), envelope[SegmentJSON]{}, segmentsJSON},
		{"/api/v1/stacks", "stacks", with(), envelope[StackJSON]{}, stacksJSON},
		{"/api/v1/history", "which commits changed what, the newest first", []string{"address", "commit", "tenant", "by", "since", "until", "page", "limit"}, envelope[EventJSON]{}, historyJSON},
		{"/api/v1/runs", "the latest passes that did something or found something new, the newest first", []string{"tenant", "result", "since", "until", "page", "limit"}, envelope[RunJSON]{}, runsJSON},
		{"/api/v1/runs/{run}", "what one run did and found", []string{"page", "limit"}, envelope[DeedJSON]{}, runJSON},
		{"/api/v1/objects/{address...}", "one object, and where its fields come from", nil, ObjectJSON{}, objectJSON},
	}
}

// errTooEarly is the answer while there is no report.
var errTooEarly = errors.New("the first pass is not finished yet")

// api answers with JSON.
func (d *Dashboard) api(e endpoint) http.Handler {
	return d.read(func(w http.ResponseWriter, r *request) {
		w.Header().Set("Content-Type", "application/json")
		answer, err := e.answer(r)
		switch {
		case errors.Is(err, errNotFound):
			w.WriteHeader(http.StatusNotFound)
		case errors.Is(err, errQuery):
			w.WriteHeader(http.StatusBadRequest)
		case errors.Is(err, errTooEarly):
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		encoder := json.NewEncoder(w)
		if err := encoder.Encode(answer); err != nil {
			d.Log.Debug("a reader went away", "error", err)
		}
	})
}

// mostInAPI is how many rows an answer has at most, and how many it has unless it is told.
const mostInAPI, usualInAPI = 1000, 200

// paged is the part of a list that the query asks for.
func paged[T any](r *request, rows []T) (any, error) {
	return pagedAs(r, rows, func(row T) T { return row })
}

// pagedAs is paged where only what is asked for is worth making.
func pagedAs[T, U any](r *request, rows []T, as func(T) U) (any, error) {
	limit, err := strconv.Atoi(r.query.Get("limit"))
	if err != nil || limit < 1 {
		limit = usualInAPI
	}
	var l List
	from, to := l.pageOf(r, len(rows), min(limit, mostInAPI))
	out := envelope[U]{Version: apiVersion, Sequence: r.Sequence, Commit: r.Commit, Total: len(rows), Page: l.Page, Pages: l.Pages, Items: []U{}}
	for _, row := range rows[from:to] {
		out.Items = append(out.Items, as(row))
	}
	if r.Report != nil {
		out.Time = r.Report.Time
	}
	return out, nil
}

// describe is the OpenAPI document, made of the endpoints themselves.
func describe() map[string]any {
	paths := map[string]any{}
	for _, e := range append(endpoints(), endpoint{pattern: "/api/v1/openapi.json", summary: "this document", sample: map[string]any{}}) {
		var parameters []any
		shown := strings.ReplaceAll(e.pattern, "...}", "}")
		for word := range strings.SplitSeq(shown, "/") {
			if name, ok := strings.CutPrefix(word, "{"); ok {
				parameters = append(parameters, map[string]any{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
			}
		}
		for _, name := range e.filters {
			kind := "string"
			if name == "page" || name == "limit" {
				kind = "integer"
			}
			parameters = append(parameters, map[string]any{"name": name, "in": "query", "schema": map[string]any{"type": kind}})
		}
		get := map[string]any{"summary": e.summary, "responses": map[string]any{
			"200": map[string]any{"description": e.summary, "content": map[string]any{"application/json": map[string]any{"schema": schemaOf(reflect.TypeOf(e.sample))}}},
			"400": map[string]any{"description": "the question cannot be understood"},
			"403": map[string]any{"description": "you may not see this"},
			"404": map[string]any{"description": "there is no such thing, or it is not for you to see"},
			"429": map[string]any{"description": "too many requests"},
			"503": map[string]any{"description": "the first pass is not finished yet"},
		}}
		if parameters != nil {
			get["parameters"] = parameters
		}
		paths[shown] = map[string]any{"get": get}
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": "Millwright", "version": "1", "description": "How a fleet stands. All of it is read-only."},
		"paths":   paths,
	}
}

// schemaOf describes a Go type as it is written in JSON.
func schemaOf(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{} // anything
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem())
	}
	switch t.Kind() {
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Slice:
		return map[string]any{"type": []any{"array", "null"}, "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": []any{"object", "null"}, "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties, required := map[string]any{}, []any{}
		fieldsOf(t, properties, &required)
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	return map[string]any{} // anything
}

func fieldsOf(t reflect.Type, properties map[string]any, required *[]any) {
	for f := range fieldsIn(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case f.Anonymous && name == "":
			fieldsOf(f.Type, properties, required)
			continue
		}
		schema := schemaOf(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		properties[name] = schema
		if options == "" {
			*required = append(*required, name)
		}
	}
}

func fieldsIn(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// after is what each component waits for, by name.
func after(parts []Component) map[string][]string {
	all := map[string][]string{}
	for _, p := range parts {
		all[p.Name] = slices.Clone(p.After)
	}
	return all
}
