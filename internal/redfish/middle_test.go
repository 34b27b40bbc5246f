package redfish_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// direct hands requests to a BMC without a network, so that time can stand still.
type direct struct{ to http.Handler }

func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, io.ErrUnexpectedEOF // what http.ErrAbortHandler does to a connection
		}
	}()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body != nil {
		defer r.Body.Close()
	}
	w := httptest.NewRecorder()
	d.to.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp = w.Result()
	resp.Request = r
	return resp, nil
}

// shows is a BMC that shows the resource at a path otherwise.
func shows(path string, edit func(resource map[string]any)) middle {
	return onAnswer(func(r *http.Request, resp *http.Response) {
		if r.Method == http.MethodGet && r.URL.Path == path && resp.StatusCode == http.StatusOK {
			rewrite(&resp.Body, &resp.ContentLength, edit)
		}
	})
}

// onAnswer sees, and may change, every answer.
func onAnswer(do func(*http.Request, *http.Response)) middle {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				do(r, resp)
			}
			return resp, err
		})
	}
}

// onRequest sees, and may change, every request before it is sent.
func onRequest(do func(*http.Request)) middle {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			do(r)
			return next.RoundTrip(r)
		})
	}
}

// instead answers some requests itself; respond is nil for those that go on.
func instead(respond func(*http.Request) *http.Response) middle {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if resp := respond(r); resp != nil {
				resp.Request = r
				if r.Body != nil {
					_ = r.Body.Close()
				}
				return resp, nil
			}
			return next.RoundTrip(r)
		})
	}
}

// says is an answer of that status and body.
func says(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// rewrite changes a body that is a JSON object.
func rewrite(body *io.ReadCloser, length *int64, edit func(map[string]any)) {
	var fields map[string]any
	err := json.NewDecoder(*body).Decode(&fields)
	_ = (*body).Close()
	if err != nil {
		panic(err)
	}
	edit(fields)
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	*body, *length = io.NopCloser(bytes.NewReader(text)), int64(len(text))
}

func isLogin(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == sessionsPath
}

func isReset(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == resetPath }
