package netris_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// answer is an answer as the controller gives it, made up.
func answer(r *http.Request, status int, data any) *http.Response {
	text, _ := json.Marshal(map[string]any{"data": data, "isSuccess": status == http.StatusOK, "message": http.StatusText(status)})
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)),
	}
}

// edit changes the data of an answer on its way to the client.
func edit(t *testing.T, response *http.Response, change func(data any) any) {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	var envelope map[string]any
	if json.Unmarshal(text, &envelope) == nil && envelope["data"] != nil {
		envelope["data"] = change(envelope["data"])
		text, err = json.Marshal(envelope)
		require.NoError(t, err)
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
}

// bodyOf reads a request's body and leaves it in place.
func bodyOf(t *testing.T, r *http.Request) map[string]any {
	t.Helper()
	if r.Body == nil {
		return nil
	}
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	r.Body = io.NopCloser(bytes.NewReader(text))
	var body map[string]any
	require.NoError(t, json.Unmarshal(text, &body))
	return body
}

// rewrite is a request with another body.
func rewrite(t *testing.T, r *http.Request, body any) *http.Request {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	r = r.Clone(r.Context())
	r.Body, r.ContentLength, r.GetBody = io.NopCloser(bytes.NewReader(text)), int64(len(text)), nil
	return r
}
