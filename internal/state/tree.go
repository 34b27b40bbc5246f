package state

import (
	"cmp"
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

// Tree is a desired value that names only the fields we own, in the target's own vocabulary: a map, a
// list, a scalar, a secret, a sealed text or an encoded tree; the zero Tree is null. A Tree never
// changes once it is made, so that many objects may share one. It is small, because a fleet has
// millions of them.
type Tree struct {
	node   any // nil, string, bool, int64, float64, []Field, []Tree, SecretRef, *sealed, or Encoded
	origin *Origin
}

// Field is one key of a map with its value.
type Field struct {
	Key  string
	Tree Tree
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

// sealed is what Seal keeps. It lies behind a pointer, so that nothing that prints a tree by accident
// follows it there.
type sealed struct{ text string }

// Encoding is how an encoded tree is written at the wire.
type Encoding string

// The encodings.
const (
	YAML Encoding = "yaml"
	JSON Encoding = "json"
)

// Encoded is a tree that the target wants as a string, such as a chart's values. It stays a tree
// here, so that comparison, why and masking reach inside.
type Encoded struct {
	As   Encoding
	Tree Tree
}

// Leaf is a scalar; integers of any size become int64, and whole floats too, so that 1 and 1.0 are
// one value whatever decoded them.
func Leaf(value any, origin Origin) Tree { return Tree{Scalar(value), &origin} }

// Map is a map. Where its leaves say where they come from, its own origin matters only if it is empty.
func Map(fields map[string]Tree, origin Origin) Tree {
	sorted := make([]Field, 0, len(fields))
	for k, t := range fields {
		sorted = append(sorted, Field{k, t})
	}
	slices.SortFunc(sorted, func(a, b Field) int { return cmp.Compare(a.Key, b.Key) })
	return Tree{sorted, of(origin)}
}

// List is a list, whose items the caller no longer changes.
func List(items []Tree, origin Origin) Tree { return Tree{items, of(origin)} }

// Secret stands for a value that is read only when it is sent, and never printed.
func Secret(ref SecretRef, origin Origin) Tree { return Tree{ref, &origin} }

// Seal is a text that is compared and sent as it is, and shown nowhere: what a chart writes into a
// Secret. No digest of it is shown or remembered either, since a weak secret is guessed from that.
func Seal(text string, origin Origin) Tree { return Tree{&sealed{text}, &origin} }

// Encode is a tree inside a string.
func Encode(as Encoding, t Tree) Tree { return Tree{Encoded{as, t}, nil} }

func of(origin Origin) *Origin {
	if origin == (Origin{}) {
		return nil
	}
	return &origin
}

// Origin says where a leaf comes from; it is not part of the value.
func (t Tree) Origin() Origin {
	if t.origin == nil {
		return Origin{}
	}
	return *t.origin
}

// Value is a string, bool, int64 or float64, and nil for whatever is no scalar.
func (t Tree) Value() any {
	switch t.node.(type) {
	case []Field, []Tree, SecretRef, *sealed, Encoded:
		return nil
	}
	return t.node
}

// Fields are those of a map, in the order of their keys; ok is false if t is no map.
func (t Tree) Fields() (fields []Field, ok bool) {
	fields, ok = t.node.([]Field)
	return fields, ok
}

// Items are those of a list; ok is false if t is none.
func (t Tree) Items() (items []Tree, ok bool) {
	items, ok = t.node.([]Tree)
	return items, ok
}

// Field is the value of a map's key; ok is false if t is no map or has no such key.
func (t Tree) Field(key string) (value Tree, ok bool) {
	fields, _ := t.Fields()
	i, ok := slices.BinarySearchFunc(fields, key, func(f Field, key string) int { return cmp.Compare(f.Key, key) })
	if !ok {
		return Tree{}, false
	}
	return fields[i].Tree, true
}

// Secret is what t stands for; ok is false if t is no secret.
func (t Tree) Secret() (ref SecretRef, ok bool) {
	ref, ok = t.node.(SecretRef)
	return ref, ok
}

// Sealed is the text that t keeps; ok is false if t keeps none.
func (t Tree) Sealed() (text string, ok bool) {
	kept, ok := t.node.(*sealed)
	if !ok {
		return "", false
	}
	return kept.text, true
}

// Encoded is the tree inside the string; ok is false if t is no encoded tree.
func (t Tree) Encoded() (inner Encoded, ok bool) {
	inner, ok = t.node.(Encoded)
	return inner, ok
}

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
func FromPlain(value any, origin Origin) Tree { return fromPlain(value, &origin) }

func fromPlain(value any, origin *Origin) Tree {
	switch v := value.(type) {
	case map[string]any:
		fields := make([]Field, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			fields = append(fields, Field{k, fromPlain(v[k], origin)})
		}
		return Tree{fields, origin}
	case []any:
		items := make([]Tree, len(v))
		for i, item := range v {
			items[i] = fromPlain(item, origin)
		}
		return Tree{items, origin}
	}
	return Tree{Scalar(value), origin}
}

// IsLeaf reports whether t has nothing below it: a scalar, a secret, a sealed text, or an empty map or
// list.
func (t Tree) IsLeaf() bool {
	switch n := t.node.(type) {
	case []Field:
		return len(n) == 0
	case []Tree:
		return len(n) == 0
	case Encoded:
		return false
	}
	return true
}

// Leaves yields every leaf with its path, maps in the order of their keys. It reaches into encoded
// trees as if they were part of this one.
func (t Tree) Leaves() iter.Seq2[Path, Tree] {
	return func(yield func(Path, Tree) bool) { t.leaves(nil, yield) }
}

func (t Tree) leaves(at Path, yield func(Path, Tree) bool) bool {
	if t.IsLeaf() {
		return yield(at, t)
	}
	switch n := t.node.(type) {
	case Encoded:
		return n.Tree.leaves(at, yield)
	case []Field:
		for _, f := range n {
			if !f.Tree.leaves(at.Join(f.Key), yield) {
				return false
			}
		}
	case []Tree:
		for i, item := range n {
			if !item.leaves(at.Join(Index(i)), yield) {
				return false
			}
		}
	}
	return true
}

// Get is the value at a path, and whether there is one.
func (t Tree) Get(at Path) (Tree, bool) {
	for _, step := range at {
		inner, encoded := t.Encoded()
		for encoded {
			t = inner.Tree
			inner, encoded = t.Encoded()
		}
		if items, ok := t.Items(); ok {
			i, ok := index(step)
			if !ok || i >= len(items) {
				return Tree{}, false
			}
			t = items[i]
			continue
		}
		next, ok := t.Field(step)
		if !ok {
			return Tree{}, false
		}
		t = next
	}
	return t, true
}

// Equal reports whether two trees have the same value, wherever it comes from.
func (t Tree) Equal(u Tree) bool {
	switch n := t.node.(type) {
	case []Field:
		m, ok := u.node.([]Field)
		if !ok || len(n) != len(m) {
			return false
		}
		if len(n) == 0 || &n[0] == &m[0] { // shared, as most of two commits is
			return true
		}
		for i := range n {
			if n[i].Key != m[i].Key || !n[i].Tree.Equal(m[i].Tree) {
				return false
			}
		}
		return true
	case []Tree:
		m, ok := u.node.([]Tree)
		if !ok || len(n) != len(m) {
			return false
		}
		for i := range n {
			if !n[i].Equal(m[i]) {
				return false
			}
		}
		return true
	case Encoded:
		m, ok := u.node.(Encoded)
		return ok && n.As == m.As && n.Tree.Equal(m.Tree)
	}
	switch u.node.(type) {
	case []Field, []Tree, Encoded:
		return false
	}
	return t.node == u.node
}

// Plain is the tree as the target wants it, in maps, slices and scalars: encoded trees as strings,
// secrets as resolve gives them, sealed texts as they are. Errors are resolve's.
func (t Tree) Plain(resolve func(SecretRef) (string, error)) (any, error) {
	switch n := t.node.(type) {
	case SecretRef:
		return resolve(n)
	case *sealed:
		return n.text, nil
	case Encoded:
		inner, err := n.Tree.Plain(resolve)
		if err != nil {
			return nil, err
		}
		text, err := yaml.Marshal(inner) // sorts keys; never fails on plain values
		if n.As == JSON {
			text, err = json.Marshal(inner)
		}
		return string(text), err
	case []Field:
		m := make(map[string]any, len(n))
		for _, f := range n {
			v, err := f.Tree.Plain(resolve)
			if err != nil {
				return nil, err
			}
			m[f.Key] = v
		}
		return m, nil
	case []Tree:
		l := make([]any, len(n))
		for i, item := range n {
			v, err := item.Plain(resolve)
			if err != nil {
				return nil, err
			}
			l[i] = v
		}
		return l, nil
	}
	return t.node, nil
}

// Masked is the tree in maps, slices and scalars with each secret's name in place of its value, no
// more than a word in place of a sealed text, and encoded trees left open: what may be printed and
// compared by eye.
func (t Tree) Masked() any {
	switch n := t.node.(type) {
	case SecretRef:
		return "(" + n.String() + ")"
	case *sealed:
		return "(secret)"
	case Encoded:
		return n.Tree.Masked()
	case []Field:
		m := make(map[string]any, len(n))
		for _, f := range n {
			m[f.Key] = f.Tree.Masked()
		}
		return m
	case []Tree:
		l := make([]any, len(n))
		for i, item := range n {
			l[i] = item.Masked()
		}
		return l
	}
	return t.node
}

// Digest identifies the value, not its origins: equal trees have equal digests on every machine. Of
// a secret it covers the reference only, of a sealed text only that it is there.
func (t Tree) Digest() string {
	text, err := json.Marshal(t.Masked()) // json sorts map keys
	if err != nil {
		panic(fmt.Sprintf("state: a tree holds what JSON cannot: %v", err)) // a programming error: Leaf was given no scalar
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}
