package fleet

import (
	"encoding/json"
	"fmt"

	"cuelang.org/go/cue"
)

// budget is what the output of one instance may still cost. CUE shares structure: a value that
// doubles itself twenty times is small in memory and endless when written out.
type budget struct{ nodes, bytes int }

// maxDepth is how deep values may be nested in each other.
const maxDepth = 64

// walkError says which value cannot be written, and why.
type walkError struct {
	at                  cue.Value
	code, summary, hint string
}

// walker writes a concrete value as JSON.
type walker struct {
	*budget
	out []byte
}

func (w *walker) value(v cue.Value, depth int) *walkError {
	if w.nodes--; w.nodes < 0 || len(w.out) > w.bytes {
		return &walkError{v, "MW104", "the directory yields more than a fleet can hold", "look for a value that contains itself several times over"}
	}
	if depth > maxDepth {
		return &walkError{v, "MW104", fmt.Sprintf("values are nested more than %d deep", maxDepth), ""}
	}
	if v.Kind() == cue.BottomKind {
		v, _ = v.Default() // of a disjunction that nobody decided
	}
	switch v.Kind() {
	case cue.StructKind:
		return w.fields(v, depth)
	case cue.ListKind:
		return w.list(v, depth)
	case cue.StringKind:
		s, err := v.String()
		return w.scalar(v, s, err)
	case cue.IntKind:
		n, err := v.Int64()
		return w.scalar(v, n, err)
	case cue.FloatKind, cue.NumberKind:
		f, err := v.Float64()
		return w.scalar(v, f, err)
	case cue.BoolKind:
		b, err := v.Bool()
		return w.scalar(v, b, err)
	case cue.NullKind:
		return w.scalar(v, nil, nil)
	default:
		return &walkError{v, "MW111", fmt.Sprintf("a value of kind %s, which a fleet cannot hold", v.IncompleteKind()), ""}
	}
}

func (w *walker) scalar(v cue.Value, x any, err error) *walkError {
	var text []byte
	if err == nil {
		text, err = json.Marshal(x)
	}
	if err != nil {
		return &walkError{v, "MW111", fmt.Sprintf("a value that a fleet cannot hold: %v", err), "whole numbers have at most 64 bits"}
	}
	w.out = append(w.out, text...)
	return nil
}

func (w *walker) fields(v cue.Value, depth int) *walkError {
	it, err := v.Fields()
	if err != nil {
		return &walkError{v, "MW111", fmt.Sprintf("a value that cannot be read: %v", err), ""}
	}
	w.out = append(w.out, '{')
	for first := true; it.Next(); first = false {
		if !first {
			w.out = append(w.out, ',')
		}
		if werr := w.scalar(v, it.Selector().Unquoted(), nil); werr != nil {
			return werr
		}
		w.out = append(w.out, ':')
		if werr := w.value(it.Value(), depth+1); werr != nil {
			return werr
		}
	}
	w.out = append(w.out, '}')
	return nil
}

func (w *walker) list(v cue.Value, depth int) *walkError {
	it, err := v.List()
	if err != nil {
		return &walkError{v, "MW111", fmt.Sprintf("a value that cannot be read: %v", err), ""}
	}
	w.out = append(w.out, '[')
	for first := true; it.Next(); first = false {
		if !first {
			w.out = append(w.out, ',')
		}
		if werr := w.value(it.Value(), depth+1); werr != nil {
			return werr
		}
	}
	w.out = append(w.out, ']')
	return nil
}
