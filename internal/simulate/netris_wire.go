package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// netrisHandler answers one request with the envelope's data; n.mu is held.
type netrisHandler func(*netrisCall) (any, error)

// netrisCall is one request: its id from the path (0 if that has none) and its body.
type netrisCall struct {
	*http.Request
	id   int
	body []byte
}

// netrisError is a refusal, as the envelope tells it.
type netrisError struct {
	status  int
	message string
	fields  map[string]string // property to message
}

func (e *netrisError) Error() string { return e.message }

func netrisNotFound(message string) error { return &netrisError{status: 404, message: message} }

// netrisRefuse is a 400 that blames one property.
func netrisRefuse(property, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return &netrisError{status: 400, message: message, fields: map[string]string{property: message}}
}

// serve puts a handler behind the session check, the lock and the envelope.
func (n *Netris) serve(version any, handle netrisHandler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
		if err != nil {
			netrisAnswer(w, version, nil, "", netrisRefuse("body", "the body cannot be read: %v", err))
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.loggedIn(r) {
			netrisAnswer(w, version, nil, "", &netrisError{status: 401, message: "Unauthorized."})
			return
		}
		call := &netrisCall{Request: r, body: body}
		if id := r.PathValue("id"); id != "" {
			if call.id, err = strconv.Atoi(id); err != nil {
				netrisAnswer(w, version, nil, "", netrisNotFound("Not found."))
				return
			}
		}
		data, err := n.handleOnce(call, handle)
		message := map[string]string{"POST": "Successfully created.", "PUT": "Successfully updated.", "DELETE": "Successfully deleted."}
		netrisAnswer(w, version, data, message[r.Method], err)
	})
}

// handleOnce repeats the answer to a POST that was answered before, if NetrisNoIdempotency is off.
func (n *Netris) handleOnce(call *netrisCall, handle netrisHandler) (any, error) {
	key := call.URL.Path + "\n" + string(call.body)
	if data, ok := n.answered[key]; ok && call.Method == http.MethodPost && !n.site.Rule(NetrisNoIdempotency) {
		return data, nil
	}
	data, err := handle(call)
	switch {
	case err != nil:
	case call.Method == http.MethodPost:
		n.answered[key] = data
	case call.Method == http.MethodDelete:
		clear(n.answered) // what was made may be gone, and making it again is a new creation
	}
	return data, err
}

// netrisAnswer writes the envelope that every answer comes in.
func netrisAnswer(w http.ResponseWriter, version, data any, message string, err error) {
	status, fields := http.StatusOK, map[string]string{}
	if made, ok := data.(netrisMade); ok {
		status, data = http.StatusCreated, netrisRef(made)
	}
	if refusal := (*netrisError)(nil); errors.As(err, &refusal) {
		status, message, data = refusal.status, refusal.message, nil
		maps.Copy(fields, refusal.fields)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that went away is no concern of the controller's.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"data": data, "errors": fields, "message": message, "isSuccess": err == nil,
		"meta": map[string]any{"apiVersion": version, "statusCode": status},
	})
}

// netrisDecode reads a request's body. With NetrisPutReplaces off, what it leaves out is taken from
// current, if there is one.
func netrisDecode[T any](n *Netris, call *netrisCall, current *T) (T, error) {
	var in T
	raw := call.body
	if current != nil && !n.site.Rule(NetrisPutReplaces) {
		merged := map[string]json.RawMessage{}
		old, err := json.Marshal(current)
		if err = errors.Join(err, json.Unmarshal(old, &merged), json.Unmarshal(raw, &merged)); err != nil {
			return in, netrisRefuse("body", "the body is not the expected JSON: %v", err)
		}
		if raw, err = json.Marshal(merged); err != nil {
			return in, netrisRefuse("body", "the body is not the expected JSON: %v", err)
		}
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, netrisRefuse("body", "the body is not the expected JSON: %v", err)
	}
	return in, nil
}

// netrisRef names another object. Requests give the id, answers add the name.
type netrisRef struct {
	ID   int    `json:"id"`
	Name string `json:"name,omitempty"`
}

// netrisMade is what was made, where the answer is 201.
type netrisMade netrisRef

// netrisWord is a word that some kinds show with a label.
type netrisWord struct {
	text     string
	labelled bool // it came as it is shown
}

// UnmarshalJSON takes a word, or an object with its value.
func (w *netrisWord) UnmarshalJSON(b []byte) error {
	var shown struct {
		Value string `json:"value"`
	}
	*w = netrisWord{}
	if err := json.Unmarshal(b, &w.text); err == nil {
		return nil
	}
	w.labelled = true
	err := json.Unmarshal(b, &shown)
	w.text = shown.Value
	return err
}

// MarshalJSON writes the word.
func (w netrisWord) MarshalJSON() ([]byte, error) { return json.Marshal(w.text) }

// checkWord refuses a word that came as it is shown, or that is none of those allowed.
func (n *Netris) checkWord(property string, w netrisWord, allowed ...string) error {
	if w.labelled && n.site.Rule(NetrisForms) {
		return netrisRefuse(property, "%s must be a string", property)
	}
	if !slices.Contains(allowed, w.text) {
		return netrisRefuse(property, "%s is one of %v, not %q", property, allowed, w.text)
	}
	return nil
}

// netrisNumber reads a number that may come as text.
type netrisNumber int

// UnmarshalJSON takes a number or text.
func (m *netrisNumber) UnmarshalJSON(b []byte) error {
	text := string(b)
	if quoted, err := strconv.Unquote(text); err == nil {
		text = quoted
	}
	number, err := strconv.Atoi(text)
	*m = netrisNumber(number)
	return err
}

// netrisStamps are the times of an object's creation and last change, in Unix milliseconds.
type netrisStamps struct {
	CreatedDate  int64 `json:"createdDate"`
	ModifiedDate int64 `json:"modifiedDate"`
}

func netrisNow() netrisStamps {
	now := time.Now().UnixMilli()
	return netrisStamps{CreatedDate: now, ModifiedDate: now}
}

func (s *netrisStamps) touch() { s.ModifiedDate = time.Now().UnixMilli() }

// netrisTable holds the objects of one kind by id.
type netrisTable[T interface{ label() string }] struct {
	next int
	rows map[int]T
}

func (t *netrisTable[T]) add(row T) int {
	if t.rows == nil {
		t.rows = map[int]T{}
	}
	id := t.next
	t.rows[id] = row
	t.next++
	return id
}

// at is the row that the request's path names.
func (t *netrisTable[T]) at(call *netrisCall) (T, error) {
	row, ok := t.rows[call.id]
	if !ok {
		return row, netrisNotFound("Not found.")
	}
	return row, nil
}

// all goes through the rows in the order of their ids.
func (t *netrisTable[T]) all() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for _, id := range slices.Sorted(maps.Keys(t.rows)) {
			if !yield(id, t.rows[id]) {
				return
			}
		}
	}
}

// find is the id of the first row with the name, or 0.
func (t *netrisTable[T]) find(name string) int {
	for id, row := range t.all() {
		if row.label() == name {
			return id
		}
	}
	return 0
}

// ref names a row for an answer.
func (t *netrisTable[T]) ref(id int) netrisRef {
	if row, ok := t.rows[id]; ok {
		return netrisRef{ID: id, Name: row.label()}
	}
	return netrisRef{ID: id}
}

func (t *netrisTable[T]) refs(ids []netrisRef) []netrisRef {
	named := make([]netrisRef, 0, len(ids))
	for _, r := range ids {
		named = append(named, t.ref(r.ID))
	}
	return named
}

// resolve turns the reference of a request into an existing row's id alone.
func (t *netrisTable[T]) resolve(property string, r *netrisRef, byName bool) error {
	if r.ID == 0 && byName {
		r.ID = t.find(r.Name)
	}
	r.Name = ""
	if _, ok := t.rows[r.ID]; !ok {
		return netrisRefuse(property, "%s: there is none with the id %d", property, r.ID)
	}
	return nil
}

// refByName reports whether a name alone will do for a reference outside /hw.
func (n *Netris) refByName() bool { return !n.site.Rule(NetrisRefsByID) }

var netrisTag = regexp.MustCompile(`^[A-Za-z0-9_=.-]+$`)

func (n *Netris) checkTags(tags []string) error {
	for _, tag := range tags {
		if n.site.Rule(NetrisTagCharset) && !netrisTag.MatchString(tag) {
			return netrisRefuse("tags", "the tag %q may contain letters, digits and _ = - . only", tag)
		}
	}
	return nil
}

func (n *Netris) checkName(name string) error {
	if name == "" {
		return netrisRefuse("name", "name is required")
	}
	return nil
}
