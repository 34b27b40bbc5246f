package fleet

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"millwright.dev/millwright/internal/diag"
)

// result is what an instance yields, decoded. It is shared between fleets and never changed.
type result struct {
	entities []typed
	findings diag.List
}

// typed is an entity with its value: *Machine, *Tenant and so on.
type typed struct {
	entity
	at    string // its address
	value any
}

// decodeAll decodes what a worker answered. That the types know every field of the schema is proved
// by a test; a field they don't know is refused here all the same.
func decodeAll(out compiled) *result {
	r := &result{findings: out.Findings}
	for _, e := range out.Entities {
		t, err := decode(e)
		if err != nil {
			r.findings = append(r.findings, diag.Diagnostic{Code: "MW111", Summary: err.Error(), Path: e.address(), Pos: e.Pos})
			continue
		}
		r.entities = append(r.entities, t)
	}
	return r
}

func decode(e entity) (typed, error) {
	meta := Meta{Name: e.Name, Pos: e.Pos}
	t := typed{entity: e, at: e.address()}
	var err error
	switch e.Kind {
	case "site":
		t.value, err = into(e.JSON, &Site{Meta: meta})
	case "class":
		t.value, err = into(e.JSON, &Class{Meta: meta})
	case "image":
		t.value, err = into(e.JSON, &Image{Meta: meta})
	case "machine":
		t.value, err = into(e.JSON, &Machine{Meta: meta})
	case "segment":
		t.value, err = into(e.JSON, &Segment{Meta: meta})
	case "stack":
		t.value, err = into(e.JSON, &Stack{Meta: meta})
	case "tenant":
		t.value, err = into(e.JSON, &Tenant{Meta: meta})
	case "profile":
		t.value, err = into(e.JSON, &Profile{Meta: meta})
	case "approval":
		t.value, err = into(e.JSON, &Approval{Meta: meta})
	case "platform":
		t.value, err = into(e.JSON, &Platform{Meta: meta})
	case "policy":
		t.value, err = into(e.JSON, &Policy{Meta: meta})
	case "rule":
		t.value, err = into(e.JSON, &Rule{Meta: meta})
	case "allocation":
		a := Allocation{}
		_, err = into(e.JSON, &a)
		t.value = a
	default:
		err = fmt.Errorf("a kind that this version does not know")
	}
	if err != nil {
		return typed{}, fmt.Errorf("reading %s: %w", e.address(), err)
	}
	return t, nil
}

func into[T any](data []byte, v *T) (*T, error) {
	return v, json.Unmarshal(data, v, json.RejectUnknownMembers(true), json.WithUnmarshalers(numbers))
}

// numbers makes the numbers of a free-form tree int64 where they are whole, else float64, as Kubernetes' own
// decoders do.
var numbers = json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return json.SkipFunc
	}
	text, err := d.ReadValue()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		*v = n
		return nil
	}
	*v, err = strconv.ParseFloat(string(text), 64)
	return err
})
