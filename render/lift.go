package render

import (
	"encoding/base64"
	"fmt"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// Charts write Secrets out: a password for a database that only they use, a certificate. What such a
// Secret holds goes to the cluster and nowhere else, so it is taken out of the manifest before anything
// is made of that for people. Values that would be new with every rendering have been refused by then
// (see meter.go).

// lift brings a Secret into the form in which API servers keep it, everything below data and in base64.
// Errors name the key and never the value.
func (m manifest) lift() error {
	all := map[string]any{}
	for _, field := range []string{"data", "stringData"} { // in this order: the second counts
		if m.body[field] == nil {
			continue
		}
		entries, ok := m.body[field].(map[string]any)
		if !ok {
			return fmt.Errorf("its %s is no map", field)
		}
		for k, v := range fleet.All(entries) {
			text, ok := v.(string)
			if !ok {
				return fmt.Errorf("%s of its %s is no text", k, field)
			}
			value := []byte(text)
			if field == "data" {
				var err error
				if value, err = base64.StdEncoding.DecodeString(text); err != nil {
					return fmt.Errorf("%s of its data is no base64", k)
				}
			}
			all[k] = base64.StdEncoding.EncodeToString(value)
		}
	}
	delete(m.body, "stringData")
	if delete(m.body, "data"); len(all) > 0 {
		m.body["data"] = all
	}
	return nil
}

// seal hides what a lifted Secret holds.
func seal(body fields, origin state.Origin) {
	data, ok := body["data"]
	if !ok {
		return
	}
	sealed, entries := fields{}, open(data)
	for k, v := range entries {
		text, _ := v.Value().(string)
		sealed[k] = state.Seal(text, origin)
	}
	body["data"] = state.Map(sealed, origin)
}
