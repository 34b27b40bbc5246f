package netris_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// spoiler changes requests and answers between the client and the controller.
type spoiler struct {
	t         *testing.T
	next      http.RoundTripper
	request   func(*http.Request) *http.Request
	intercept func(*http.Request) (*http.Response, error)
	bodies    map[string]func(map[string]any)
	answers   map[string]func(any) any
}

func (s *spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if s.request != nil {
		r = s.request(r)
	}
	if change := s.bodies[r.Method+" "+r.URL.Path]; change != nil {
		body := bodyOf(s.t, r)
		change(body)
		r = rewrite(s.t, r, body)
	}
	send := s.next.RoundTrip
	if s.intercept != nil {
		send = s.intercept
	}
	response, err := send(r)
	if change := s.answers[r.URL.Path]; err == nil && change != nil && r.Method == http.MethodGet {
		edit(s.t, response, change)
	}
	return response, err
}

// body changes the bodies of requests to "METHOD /path".
func (s *spoiler) body(request string, change func(map[string]any)) {
	if s.bodies == nil {
		s.bodies = map[string]func(map[string]any){}
	}
	s.bodies[request] = change
}

// data changes every object in the answers to GETs of a path, and of the objects below it.
func (s *spoiler) data(path string, change func(map[string]any)) {
	if s.answers == nil {
		s.answers = map[string]func(any) any{}
	}
	each := func(data any) any {
		if list, ok := data.([]any); ok {
			for _, o := range list {
				change(o.(map[string]any))
			}
		} else {
			change(data.(map[string]any))
		}
		return data
	}
	s.answers[path] = each
	for i := range 40 {
		s.answers[fmt.Sprintf("%s/%d", path, i)] = each
	}
}

// list leaves only some objects in the answers to GETs of a path.
func (s *spoiler) list(path string, keep func(map[string]any) bool) {
	if s.answers == nil {
		s.answers = map[string]func(any) any{}
	}
	s.answers[path] = func(data any) any {
		kept := []any{}
		for _, o := range data.([]any) {
			if keep(o.(map[string]any)) {
				kept = append(kept, o)
			}
		}
		return kept
	}
}

// blindBefore shows nothing in a list before something was made.
func (s *spoiler) blindBefore(path string) {
	made := false
	s.intercept = func(r *http.Request) (*http.Response, error) {
		made = made || r.Method == http.MethodPost && isWrite(r)
		if !made && r.URL.Path == path {
			return answer(r, http.StatusOK, []any{}), nil
		}
		return s.next.RoundTrip(r)
	}
}

// inPlace turns the creation of an object into a PUT of another one.
func (s *spoiler) inPlace(path string, id int) {
	s.intercept = func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost && r.URL.Path == path {
			r.Method, r.URL.Path = http.MethodPut, fmt.Sprintf("%s/%d", path, id)
		}
		return s.next.RoundTrip(r)
	}
}

// send makes a request of its own, in the session of another, and returns the answer's data.
func (s *spoiler) send(with *http.Request, method, path string, body any) any {
	text, err := json.Marshal(body)
	require.NoError(s.t, err)
	r, err := http.NewRequestWithContext(with.Context(), method, "http://"+with.URL.Host+path, bytes.NewReader(text))
	require.NoError(s.t, err)
	r.Header = with.Header.Clone()
	response, err := s.next.RoundTrip(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	require.NoError(s.t, err)
	var envelope map[string]any
	require.NoError(s.t, json.Unmarshal(text, &envelope))
	return envelope["data"]
}
