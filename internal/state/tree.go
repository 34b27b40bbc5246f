package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"sigs.k8s.io/yaml"
)

// Tree is a desired value that names only the fields we own, in the target's own vocabulary. It is
// exactly one of a map, a list, a scalar, a secret or an encoded tree; the zero Tree is null.
type Tree struct {
	Map  map[string]Tree
	List []Tree
	// Value is a string, bool, int64, float64 or nil, where nothing else is set.
	Value any
	// Secret stands for a value that is read only when it is sent, and never printed.
	Secret *SecretRef
	// Encoded is a tree that the target wants as a string, such as a chart's values. It stays a tree
	// here, so that comparison, why and masking reach inside.
	Encoded *Encoded
	// Origin says where a leaf comes from; it is not part of the value.
	Origin Origin
}

// Origin says why a leaf is what it is.
type Origin struct {
	// Entity is what a person wrote: "machine/gpu-001", "tenant/acme", "policy".
	Entity string `json:"entity"`
	// Field is the path within the entity, as in "bmc.address"; "" for the entity itself, whose being
	// there is then the reason.
	Field string `json:"field,omitempty"`
	// Note tells a derivation in a few words ("192 ÷ 8 GPUs a machine"); empty for a plain copy.
	Note string `json:"note,omitempty"`
}

// SecretRef names one key of a Secret in the control plane cluster.
type SecretRef struct {
	Namespace, Name, Key string
}

func (r SecretRef) String() string {
	return fmt.Sprintf("secret %s/%s[%s]", r.Namespace, r.Name, r.Key)
}

// Encoding is how an encoded tree is written at the wire.
type Encoding string

// The encodings.
const (
	YAML Encoding = "yaml"
	JSON Encoding = "json"
)

// Encoded is a tree inside a string.
type Encoded struct {
	As   Encoding
	Tree Tree
}

// Leaf is a scalar; integers of any size become int64, and whole floats too, so that 1 and 1.0 are
// one value whatever decoded them.
func Leaf(value any, origin Origin) Tree { return Tree{Value: Scalar(value), Origin: origin} }

// Scalar is value in the one form that trees hold scalars in.
func Scalar(value any) any {
	switch v := value.(type) {
	case int:
		return int64(v)
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint:
		return Scalar(uint64(v))
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		if v > math.MaxInt64 {
			return float64(v) // no integer of ours is that large; never wrap round
		}
		return int64(v)
	case float32:
		return Scalar(float64(v))
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return Scalar(f)
	}
	return value
}

// FromPlain makes a tree of maps, slices and scalars as encoding/json or sigs.k8s.io/yaml decode
// them, every leaf of one origin.
func FromPlain(value any, origin Origin) Tree {
	switch v := value.(type) {
	case map[string]any:
		m := make(map[string]Tree, len(v))
		for k, item := range v {
			m[k] = FromPlain(item, origin)
		}
		return Tree{Map: m, Origin: origin}
	case []any:
		l := make([]Tree, len(v))
		for i, item := range v {
			l[i] = FromPlain(item, origin)
		}
		return Tree{List: l, Origin: origin}
	}
	return Leaf(value, origin)
}

// IsLeaf reports whether t has nothing below it: a scalar, a secret, or an empty map or list.
func (t Tree) IsLeaf() bool {
	return len(t.Map) == 0 && len(t.List) == 0 && t.Encoded == nil
}

// Leaves yields every leaf with its path, maps in the order of their keys. It reaches into encoded
// trees as if they were part of this one.
func (t Tree) Leaves() iter.Seq2[Path, Tree] {
	return func(yield func(Path, Tree) bool) { t.leaves(nil, yield) }
}

func (t Tree) leaves(at Path, yield func(Path, Tree) bool) bool {
	if t.Encoded != nil {
		return t.Encoded.Tree.leaves(at, yield)
	}
	if t.IsLeaf() {
		return yield(at, t)
	}
	for _, k := range slices.Sorted(maps.Keys(t.Map)) {
		if !t.Map[k].leaves(at.Join(k), yield) {
			return false
		}
	}
	for i, item := range t.List {
		if !item.leaves(at.Join(Index(i)), yield) {
			return false
		}
	}
	return true
}

// Get is the value at a path, and whether there is one.
func (t Tree) Get(at Path) (Tree, bool) {
	for _, step := range at {
		for t.Encoded != nil {
			t = t.Encoded.Tree
		}
		if isIndex(step) && t.Map == nil {
			var i int
			if _, err := fmt.Sscanf(step, "[%d]", &i); err != nil || i >= len(t.List) {
				return Tree{}, false
			}
			t = t.List[i]
			continue
		}
		next, ok := t.Map[step]
		if !ok {
			return Tree{}, false
		}
		t = next
	}
	return t, true
}

// Plain is the tree as the target wants it, in maps, slices and scalars: encoded trees as strings,
// secrets as resolve gives them. Errors are resolve's.
func (t Tree) Plain(resolve func(SecretRef) (string, error)) (any, error) {
	switch {
	case t.Secret != nil:
		return resolve(*t.Secret)
	case t.Encoded != nil:
		inner, err := t.Encoded.Tree.Plain(resolve)
		if err != nil {
			return nil, err
		}
		text, err := yaml.Marshal(inner) // sorts keys; never fails on plain values
		if t.Encoded.As == JSON {
			text, err = json.Marshal(inner)
		}
		return string(text), err
	case t.Map != nil:
		m := make(map[string]any, len(t.Map))
		for k, item := range t.Map {
			v, err := item.Plain(resolve)
			if err != nil {
				return nil, err
			}
			m[k] = v
		}
		return m, nil
	case t.List != nil:
		l := make([]any, len(t.List))
		for i, item := range t.List {
			v, err := item.Plain(resolve)
			if err != nil {
				return nil, err
			}
			l[i] = v
		}
		return l, nil
	}
	return t.Value, nil
}

// Masked is the tree in maps, slices and scalars with each secret's name in place of its value and
// encoded trees left open: what may be printed and compared by eye.
func (t Tree) Masked() any {
	switch {
	case t.Secret != nil:
		return "(" + t.Secret.String() + ")"
	case t.Encoded != nil:
		return t.Encoded.Tree.Masked()
	case t.Map != nil:
		m := make(map[string]any, len(t.Map))
		for k, item := range t.Map {
			m[k] = item.Masked()
		}
		return m
	case t.List != nil:
		l := make([]any, len(t.List))
		for i, item := range t.List {
			l[i] = item.Masked()
		}
		return l
	}
	return t.Value
}

// Digest identifies the value, not its origins: equal trees have equal digests on every machine. Of
// a secret it covers the reference only.
func (t Tree) Digest() string {
	text, err := json.Marshal(t.Masked()) // json sorts map keys
	if err != nil {
		panic(fmt.Sprintf("state: a tree holds what JSON cannot: %v", err)) // a programming error: Leaf was given no scalar
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}
