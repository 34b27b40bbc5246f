// Package inventory remembers, target by target, what we own, what we are about to do and what approvals were used
// for. Losing it never causes a write: what it does not explain is held. Begin with [Store]; [Files] keeps it in a
// folder, [ConfigMaps] in the control plane cluster. It does not know what the memory is used for.
package inventory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"millwright.dev/millwright/internal/state"
)

// Memory is what is remembered of one target.
type Memory struct {
	Owned   []state.Owned
	Intents []state.Intent
	// Spent is what approvals were used for, each that a commit brought once.
	Spent []state.Spent
	// Held is what our connection holds in the target, which whoever comes after us gives back. Where
	// nothing else is remembered it is not worth remembering.
	Held string
}

// Store keeps memories. Its methods are safe for concurrent use. What is stored and cannot be read
// whole is an error, never an empty memory.
type Store interface {
	// Load is the memory of a target; it is empty if nothing was ever saved.
	Load(ctx context.Context, t state.Target) (Memory, error)
	// Save replaces the memory of a target, durably and as a whole: after a crash either the old or
	// the new one is there. What this Store has loaded or saved last is not written again if nothing
	// changed; if somebody else has written in between, the error wraps ErrChanged.
	Save(ctx context.Context, t state.Target, m Memory) error
	// Targets are all that have a memory which is not empty, sorted.
	Targets(ctx context.Context) ([]state.Target, error)
	// LastGood is the last commit of a fleet that compiled and passed its checks; "" if none did yet.
	LastGood(ctx context.Context, fleet string) (commit string, err error)
	// SetLastGood remembers it.
	SetLastGood(ctx context.Context, fleet, commit string) error
}

// ErrChanged says that somebody else wrote the memory since this Store read it. Load it again.
var ErrChanged = errors.New("somebody else has written it since it was read")

// The versions of what is stored. A newer one than we know is refused: it may hold what we would lose. So a memory
// is written in the oldest that can hold it.
const (
	format      = 1
	formatSpent = 2 // what approvals were used for is part of it
)

// record is a memory as it is stored.
type record struct {
	Format  int            `json:"format"`
	Target  string         `json:"target"`
	Owned   []state.Owned  `json:"owned,omitempty"`
	Intents []state.Intent `json:"intents,omitempty"`
	Spent   []state.Spent  `json:"spent,omitempty"`
	Held    string         `json:"held,omitempty"`
}

// encode is nil for an empty memory. Equal memories have equal encodings, whatever their order.
func encode(t state.Target, m Memory) ([]byte, error) {
	if len(m.Owned) == 0 && len(m.Intents) == 0 && len(m.Spent) == 0 {
		return nil, nil
	}
	r := record{Format: format, Target: t.String(), Owned: slices.Clone(m.Owned), Intents: slices.Clone(m.Intents), Spent: slices.Clone(m.Spent), Held: m.Held}
	if len(r.Spent) > 0 {
		r.Format = formatSpent
	}
	slices.SortFunc(r.Owned, func(a, b state.Owned) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Intents, func(a, b state.Intent) int {
		return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Step, b.Step), a.Opened.Compare(b.Opened))
	})
	slices.SortFunc(r.Spent, func(a, b state.Spent) int {
		return cmp.Or(cmp.Compare(a.Approval, b.Approval), cmp.Compare(a.Commit, b.Commit))
	})
	for i := range r.Spent {
		r.Spent[i].IDs = slices.SortedFunc(slices.Values(r.Spent[i].IDs), state.ID.Compare)
	}
	content, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the memory of %s: %w", t, err)
	}
	// What does not read back would lock us out of our own memory.
	if _, err := decode(t, content); err != nil {
		return nil, fmt.Errorf("refuse to save what could not be read back: %w", err)
	}
	return content, nil
}

func decode(t state.Target, content []byte) (Memory, error) {
	var r record
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return Memory{}, fmt.Errorf("the memory of %s is damaged: %w", t, err)
	}
	switch {
	case decoder.More():
		return Memory{}, fmt.Errorf("the memory of %s is damaged: something follows it", t)
	case r.Format < format || r.Format > formatSpent:
		return Memory{}, fmt.Errorf("the memory of %s has format %d, and this version reads %d to %d: was it written by a newer millwright?", t, r.Format, format, formatSpent)
	case r.Target != t.String():
		return Memory{}, fmt.Errorf("what should be the memory of %s is that of %s", t, r.Target)
	}
	return Memory{r.Owned, r.Intents, r.Spent, r.Held}, nil
}

// digest identifies an encoding; "" is that of nothing.
func digest(content []byte) string {
	if content == nil {
		return ""
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
