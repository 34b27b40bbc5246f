package past

import (
	"encoding/json"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/web"
)

// mostFields is how many fields of one deed are kept: the journal itself has all of them.
const mostFields = 12

// Run is what the dashboard shows of a run of the journal.
func Run(r journal.Run) web.Run {
	out := web.Run{
		ID: r.ID, Number: r.Sequence, By: r.By, Commit: r.Source.Commit, Subject: r.Source.Subject, Began: r.Began, Ended: r.Ended, Lost: r.Lost,
		Deeds: make([]web.Deed, 0, len(r.Changes)+len(r.Drift)+len(r.Bindings)),
	}
	for _, c := range r.Changes {
		d := web.Deed{
			Kind: web.DeedChange, Address: c.Address, Entity: c.Entity, What: string(c.Action), Impact: c.Impact, Result: string(c.Result), Error: c.Error,
			Time: c.Time, Milliseconds: c.Milliseconds, Observed: string(c.Observed),
		}
		if c.Step != "" {
			d.What = string(c.Step)
		}
		if a := c.Approval; a != nil {
			d.Leave = &web.Leave{Approval: a.Name, Window: a.Window, By: a.By, Verified: a.Verified, Commit: a.Commit}
		}
		d.Fields, d.More = fields(c.Fields)
		out.Deeds = append(out.Deeds, d)
	}
	for _, x := range r.Drift {
		d := web.Deed{Kind: web.DeedDrift, Address: x.Address, Entity: x.Entity, What: string(x.Status), Held: x.Held}
		if x.Ended {
			d.What = web.PutRight
		}
		d.Fields, d.More = fields(x.Fields)
		out.Deeds = append(out.Deeds, d)
	}
	for _, b := range r.Bindings {
		d := web.Deed{Kind: web.DeedBinding, Address: "machine/" + b.Machine, Entity: "machine/" + b.Machine, What: "bound", Fields: []web.DeedField{{FieldChange: web.FieldChange{Path: "consumer"}}}}
		if b.To == "" {
			d.What = "released"
		} else {
			d.Fields[0].New = text(b.To)
		}
		if b.Was != "" {
			d.Fields[0].Old = text(b.Was)
		}
		out.Deeds = append(out.Deeds, d)
	}
	return out
}

func fields(all []journal.Field) (out []web.DeedField, more int) {
	for _, f := range all[:min(len(all), mostFields)] {
		field := web.DeedField{FieldChange: web.FieldChange{Path: f.Path}, Sensitive: f.Sensitive, Who: f.Who}
		if !f.Sensitive {
			field.Old, field.New = text(f.Old), text(f.New)
		}
		out = append(out, field)
	}
	return out, len(all) - len(out)
}

// text is a value as JSON; empty where there is none.
func text(v any) string {
	if v == nil {
		return ""
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(encoded)
}
