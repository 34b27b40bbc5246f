package redfish_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// The ways of sloppy clients with a BIOS and with resets.

func pastTheSettings() []middle {
	return []middle{onPatch(func(r *http.Request) {
		r.URL.Path = biosPath
		r.Header.Set("If-Match", "*")
	})}
}

func noReset() []middle {
	return []middle{instead(func(r *http.Request) *http.Response {
		if isReset(r) {
			return says(http.StatusNoContent, "")
		}
		return nil
	})}
}

func atOnce() []middle {
	return []middle{onBody(func(body map[string]any) {
		body["@Redfish.SettingsApplyTime"].(map[string]any)["ApplyTime"] = "Immediate"
	})}
}

func oneByOne() []middle {
	return []middle{func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (resp *http.Response, err error) {
			if r.Method != http.MethodPatch {
				return next.RoundTrip(r)
			}
			var body map[string]any
			_ = json.NewDecoder(r.Body).Decode(&body)
			all := attributes(body)
			r.Header.Set("If-Match", "*")
			for _, name := range slices.Sorted(maps.Keys(all)) {
				body["Attributes"] = map[string]any{name: all[name]}
				text, _ := json.Marshal(body)
				resp, err = again(next, r, text)
			}
			return resp, err
		})
	}}
}

func allNames() []middle {
	return []middle{onBody(func(body map[string]any) { attributes(body)["SriovSupport"] = "Enabled" })}
}

func numbersAsText() []middle {
	const delay = "AcPwrRcvryUserDelay"
	number := func(fields map[string]any) {
		if text, ok := attributes(fields)[delay].(string); ok {
			attributes(fields)[delay], _ = strconv.Atoi(text)
		}
	}
	return []middle{
		onBody(func(body map[string]any) { attributes(body)[delay] = "120" }),
		shows(biosPath, number), shows(settingsPath, number),
	}
}

func allAttributes() []middle {
	last := map[string]map[string]any{}
	return []middle{reads(last), onBody(func(body map[string]any) {
		whole := maps.Clone(attributes(last[biosPath]))
		maps.Copy(whole, attributes(body))
		body["Attributes"] = whole
	})}
}

func forceReset() []middle {
	return []middle{onRequest(func(r *http.Request) {
		if isReset(r) {
			rewrite(&r.Body, &r.ContentLength, func(body map[string]any) { body["ResetType"] = "ForceRestart" })
		}
	})}
}

func alwaysOn() []middle {
	return []middle{shows(systemPath, func(system map[string]any) { system["PowerState"] = "On" })}
}

func resetTwice() []middle {
	return []middle{func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !isReset(r) {
				return next.RoundTrip(r)
			}
			body, _ := io.ReadAll(r.Body)
			if resp, err := again(next, r, body); err != nil || resp.StatusCode >= http.StatusBadRequest {
				return resp, err
			}
			return again(next, r, body)
		})
	}}
}

func doneWhenAnswered() []middle {
	answered := false
	return []middle{
		onAnswer(func(r *http.Request, _ *http.Response) { answered = answered || isReset(r) }),
		shows(biosPath, func(bios map[string]any) {
			if answered {
				maps.Copy(attributes(bios), attributes(wanted.Tree.Masked().(map[string]any)))
			}
		}),
		shows(settingsPath, func(settings map[string]any) {
			if answered {
				clear(attributes(settings))
			}
		}),
	}
}
