package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"

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
		c := &Class{Meta: meta}
		t.value, err = into(e.JSON, c)
		numbers(c.BIOS)
		for _, b := range c.Baselines {
			numbers(b.BIOS)
		}
	case "image":
		t.value, err = into(e.JSON, &Image{Meta: meta})
	case "machine":
		t.value, err = into(e.JSON, &Machine{Meta: meta})
	case "segment":
		t.value, err = into(e.JSON, &Segment{Meta: meta})
	case "stack":
		s := &Stack{Meta: meta}
		t.value, err = into(e.JSON, s)
		for _, c := range s.Components {
			numbers(c.Values)
		}
		for _, c := range s.Catalogue {
			numbers(c.Values)
		}
	case "tenant":
		n := &Tenant{Meta: meta}
		t.value, err = into(e.JSON, n)
		for _, c := range n.Clusters {
			numbers(c.Values)
			numbers(c.PrivateNodes.Kubelet)
		}
	case "profile":
		t.value, err = into(e.JSON, &Profile{Meta: meta})
	case "approval":
		t.value, err = into(e.JSON, &Approval{Meta: meta})
	case "platform":
		p := &Platform{Meta: meta}
		t.value, err = into(e.JSON, p)
		if p.Helm != nil {
			numbers(p.Helm.Values)
		}
		if p.ControlPlane != nil && p.ControlPlane.Standalone != nil {
			numbers(p.ControlPlane.Standalone.Values)
		}
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
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	return v, d.Decode(v)
}

// numbers turns the numbers of a free-form tree into int64 where they are whole, else float64, as
// Kubernetes' own decoders do.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = numbers(x)
		}
	case []any:
		for i, x := range v {
			v[i] = numbers(x)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // CUE wrote it: it is a number
		return f
	}
	return v
}
