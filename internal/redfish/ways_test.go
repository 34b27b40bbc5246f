package redfish_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
)

// The ways of the sloppy clients: what each does otherwise than ours, on the wire.

// onPatch changes what is about to be written.
func onPatch(do func(r *http.Request)) middle {
	return onRequest(func(r *http.Request) {
		if r.Method == http.MethodPatch {
			do(r)
		}
	})
}

// onBody changes the body of what is about to be written.
func onBody(edit func(body map[string]any)) middle {
	return onPatch(func(r *http.Request) { rewrite(&r.Body, &r.ContentLength, edit) })
}

// reads keeps the last answer to a read of each path.
func reads(last map[string]map[string]any) middle {
	return onAnswer(func(r *http.Request, resp *http.Response) {
		if r.Method == http.MethodGet && resp.StatusCode == http.StatusOK {
			rewrite(&resp.Body, &resp.ContentLength, func(fields map[string]any) { last[r.URL.Path] = fields })
		}
	})
}

// again sends a request once more, or another like it, and returns the answer to that.
func again(next http.RoundTripper, r *http.Request, body []byte) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return next.RoundTrip(r)
}

func attributes(fields map[string]any) map[string]any {
	return fields["Attributes"].(map[string]any)
}

func noToken() []middle {
	return []middle{onRequest(func(r *http.Request) { r.Header.Del("X-Auth-Token") })}
}

func stubbornLogin() []middle {
	return []middle{func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !isLogin(r) {
				return next.RoundTrip(r)
			}
			body, _ := io.ReadAll(r.Body)
			resp, err := again(next, r, body)
			for range 4 {
				if err == nil && resp.StatusCode == http.StatusUnauthorized {
					resp, err = again(next, r, body)
				}
			}
			return resp, err
		})
	}}
}

func loginEachTime() []middle {
	return []middle{func(next http.RoundTripper) http.RoundTripper {
		var login *http.Request
		var credentials []byte
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			switch {
			case isLogin(r):
				credentials, _ = io.ReadAll(r.Body)
				login = r
				return again(next, r, credentials)
			case login == nil:
				return next.RoundTrip(r)
			}
			resp, err := again(next, login.WithContext(r.Context()), credentials)
			if err != nil || resp.StatusCode != http.StatusCreated {
				return resp, err
			}
			r = r.Clone(r.Context())
			r.Header.Set("X-Auth-Token", resp.Header.Get("X-Auth-Token"))
			return next.RoundTrip(r)
		})
	}}
}

func noNewSession() []middle {
	return []middle{onAnswer(func(_ *http.Request, resp *http.Response) {
		if resp.StatusCode == http.StatusUnauthorized {
			resp.StatusCode = http.StatusForbidden // which is what it does with both
		}
	})}
}

func noPrecondition() []middle {
	return []middle{onPatch(func(r *http.Request) { r.Header.Del("If-Match") })}
}

func firstLook() []middle {
	first := map[string]string{}
	return []middle{
		onPatch(func(r *http.Request) { r.Header.Set("If-Match", first[r.URL.Path]) }),
		onAnswer(func(r *http.Request, resp *http.Response) {
			if _, seen := first[r.URL.Path]; !seen {
				first[r.URL.Path] = resp.Header.Get("ETag")
			}
		}),
	}
}

func plainText() []middle {
	return []middle{onPatch(func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })}
}

func wholeResource() []middle {
	last := map[string]map[string]any{}
	return []middle{reads(last), onBody(func(body map[string]any) {
		whole := maps.Clone(last[protocolPath])
		maps.Copy(whole, body)
		maps.Copy(body, whole)
	})}
}

// fourServers repeats the last server, and reads repeated ones as one.
func fourServers() []middle {
	return []middle{
		onBody(func(body map[string]any) {
			ntp := body["NTP"].(map[string]any)
			servers := ntp["NTPServers"].([]any)
			ntp["NTPServers"] = append(servers, slices.Repeat(servers[len(servers)-1:], 4-len(servers))...)
		}),
		shows(protocolPath, func(services map[string]any) {
			ntp := services["NTP"].(map[string]any)
			ntp["NTPServers"] = slices.Compact(ntp["NTPServers"].([]any))
		}),
	}
}
