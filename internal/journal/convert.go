package journal

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"millwright.dev/millwright/internal/plan"
)

// changeOf is a change as it is written down before it is sent. What is made anew is told by the names of its
// fields: their values follow from the commit.
func changeOf(c plan.Change) Change {
	out := Change{Address: c.ID.String(), Entity: c.Entity, Action: c.Action, Step: c.Step, Causes: c.Causes, Result: Unrecorded}
	if by := c.Consent; by != nil {
		out.Approval = &Approval{Name: by.Approval, Window: by.Window, By: by.By, Verified: by.Verified, Commit: by.Commit}
	}
	if c.Disruptive() {
		out.Impact = c.Impact.String()
	}
	out.Fields = fieldsOf(c.Fields, c.Action != plan.Create, slices.Contains(c.Causes, plan.CauseDrift))
	return out
}

func fieldsOf(fields []plan.Field, values, who bool) []Field {
	var out []Field
	for _, f := range fields {
		field := Field{Path: f.Name, Sensitive: f.Sensitive}
		if values && !f.Sensitive {
			field.Old, field.New = short(f.Old), short(f.New)
		}
		if who {
			field.Who = f.Who
		}
		out = append(out, field)
	}
	return out
}

// maxValue is how many bytes of JSON a value may have to be written out.
const maxValue = 1024

func short(v any) any {
	switch s := v.(type) {
	case nil, bool, int64, float64:
		return v
	case string:
		if len(s) <= maxValue/2 {
			return v
		}
	}
	text, err := json.Marshal(v)
	if err != nil || len(text) > maxValue {
		return fmt.Sprintf("sha256:%x (%d bytes)", sha256.Sum256(text), len(text))
	}
	return v
}
