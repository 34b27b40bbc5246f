package redfish_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
)

// Passwords show in no error, whatever a BMC repeats of what it was sent.
func TestErrorsHoldNoSecrets(t *testing.T) {
	echo := `{"UserName":"operator","Password":"open sesame"}`
	quoted := `{\"UserName\":\"operator\",\"Password\":\"open sesame\"}`
	for _, status := range []int{200, 201, 400, 401, 403, 404, 500, 503} {
		for _, body := range []string{
			echo, "<html>" + echo, `"open sesame"`, "", "null",
			`{"error":{"code":"Base.1.18.GeneralError","message":"` + quoted + `"}}`,
			`{"error":{"code":"` + quoted + `","message":"open sesame","@Message.ExtendedInfo":[]}}`,
			`{"error":{"code":"x","message":"","@Message.ExtendedInfo":[{"MessageId":"` + quoted + `","Message":"` + quoted + `","MessageArgs":["open sesame"]}]}}`,
		} {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client(instead(func(r *http.Request) *http.Response {
					if isLogin(r) {
						return says(status, body)
					}
					return nil
				}))
				for range 5 {
					require.NotContains(w, b.Observe(w.Context(), ntpQuery).Err.Error(), "sesame")
					err := apply(w.Context(), b, plan.Change{ID: ntpID, Action: plan.Update, Want: new(ntp("ntp.example.com"))}).Err
					require.NotContains(w, err.Error(), "sesame")
				}
			})
		}
	}
}

// What a BMC gives as reasons fits on one line of a log.
func TestReasonsFitOnALine(t *testing.T) {
	try(t, simulate.BMCOptions{}, func(w *world) {
		b := w.client(instead(func(r *http.Request) *http.Response {
			if r.Method == http.MethodPatch {
				return says(http.StatusBadRequest, `{"error":{"code":"Oem.1.0.No","message":"no\u001b[2J\nand no`+strings.Repeat("…", 5000)+`"}}`)
			}
			return nil
		}))
		err := w.update(b, ntp("ntp.example.com"), "").Err
		require.ErrorIs(w, err, redfish.ErrRefused)
		require.ErrorContains(w, err, "Oem.1.0.No no [2J and no…")
		require.Less(w, len(err.Error()), 1000)
	})
}

// endless is an answer that never ends.
type endless struct{ read *int }

func (e endless) Read(p []byte) (int, error) {
	*e.read += len(p)
	for i := range p {
		p[i] = '['
	}
	return len(p), nil
}

// Of an answer that never ends only so much is read, be it a resource, a refusal or the first page.
func TestEndlessAnswersAreBounded(t *testing.T) {
	for _, path := range []string{"/redfish/v1/", sessionsPath, systemPath, protocolPath} {
		for _, status := range []int{200, 400} {
			try(t, simulate.BMCOptions{}, func(w *world) {
				read := 0
				b := w.client(instead(func(r *http.Request) *http.Response {
					if r.URL.Path != path {
						return nil
					}
					resp := says(status, "")
					resp.Body, resp.ContentLength = io.NopCloser(endless{&read}), -1
					return resp
				}))
				live := b.Observe(w.Context(), ntpQuery)
				require.Error(w, errors.Join(live.Err, live.Unknown[ntpID]))
				require.Greater(w, read, 0, path)
				require.Less(w, read, 20<<20, path)
			})
		}
	}
}

// Links and redirects are a BMC's words: no password, token or write goes anywhere but to itself.
func TestRequestsStayWithTheBMC(t *testing.T) {
	const elsewhere = "elsewhere.example.com"
	link := func(to string) map[string]any { return map[string]any{"@odata.id": to} }
	redirect := func(path, to string) middle {
		return instead(func(r *http.Request) *http.Response {
			if r.URL.Path != path || r.URL.Host == elsewhere {
				return nil
			}
			resp := says(http.StatusTemporaryRedirect, "")
			resp.Header.Set("Location", to)
			return resp
		})
	}
	for name, bmc := range map[string]middle{
		"a link":           shows(systemPath, func(s map[string]any) { s["Bios"] = link("@" + elsewhere + "/redfish") }),
		"a link to a name": shows(systemPath, func(s map[string]any) { s["Bios"] = link("." + elsewhere + "/redfish") }),
		"a link to an address": shows(biosPath, func(b map[string]any) {
			b["@Redfish.Settings"] = map[string]any{"SettingsObject": link("https://" + elsewhere)}
		}),
		"the login's link": shows("/redfish/v1/", func(root map[string]any) {
			root["Links"] = map[string]any{"Sessions": link("@" + elsewhere + "/login")}
		}),
		"a redirected login":    redirect(sessionsPath, "https://"+elsewhere+"/login"),
		"a redirected read":     redirect(biosPath, "https://"+elsewhere+"/bios"),
		"a read without TLS":    redirect(biosPath, "http://10.10.0.11/bios"),
		"a redirect to and fro": redirect(biosPath, biosPath),
	} {
		t.Run(name, func(t *testing.T) {
			try(t, simulate.BMCOptions{}, func(w *world) {
				b := w.client(bmc, onRequest(func(r *http.Request) {
					if r.URL.Scheme != "https" || r.URL.Host != "10.10.0.11" {
						w.Errorf("%s %s", r.Method, r.URL)
					}
				}))
				require.Error(w, apply(w.Context(), b, plan.Change{ID: biosID, Action: plan.Update, Want: &wanted, Step: plan.Stage}).Err)
				require.Empty(w, w.requests("PATCH"))
			})
		})
	}
}

// A redirected write is a refusal: net/http would read instead, or write somewhere else.
func TestARedirectedWriteIsRefused(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusPermanentRedirect} {
		try(t, simulate.BMCOptions{}, func(w *world) {
			moved := 0
			b := w.client(instead(func(r *http.Request) *http.Response {
				switch {
				case r.URL.Path == "/redfish/v1/moved":
					moved++
					return says(http.StatusOK, "{}")
				case r.Method == http.MethodPatch:
					resp := says(status, "")
					resp.Header.Set("Location", "/redfish/v1/moved")
					return resp
				}
				return nil
			}))
			require.ErrorIs(w, w.update(b, ntp("ntp.example.com"), "").Err, redfish.ErrRefused)
			require.Zero(w, moved)
		})
	}
}
