package kubernetes

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// secrets are values that no error may show. A server's refusal may quote what it was sent.
type secrets []string

// hide is err with every secret in its text blotted out; errors.Is and As see through it.
func (s secrets) hide(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range s {
		if secret == "" {
			continue
		}
		quoted, _ := json.Marshal(secret)
		for _, form := range []string{secret, strings.Trim(string(quoted), `"`), base64.StdEncoding.EncodeToString([]byte(secret))} {
			text = strings.ReplaceAll(text, form, "(secret)")
		}
	}
	if text == err.Error() {
		return err
	}
	return &blotted{text, err}
}

type blotted struct {
	text string
	err  error
}

func (b *blotted) Error() string { return b.text }
func (b *blotted) Unwrap() error { return b.err }

// malformed reports whether the server could not make sense of the object. kube-apiserver 1.35 answers
// an apply of a field that the kind does not have, or of another type, with a bare 500.
func malformed(err error) bool {
	return strings.Contains(err.Error(), "failed to create typed patch object") || strings.Contains(err.Error(), "failed to convert new object")
}

// repeatable reports whether a request may be sent again: its answer was lost, in whole or in part, or
// the server was busy.
func repeatable(err error) bool {
	if malformed(err) {
		return false
	}
	return errors.Is(err, ErrUnreachable) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err)
}

// conflict is one field that another manager owns, as the server spells it: .spec.ports[port=80].name.
type conflict struct {
	field   string
	manager string
}

var managerInMessage = regexp.MustCompile(`conflict with ("(?:[^"\\]|\\.)*")`)

// conflictsIn are the fields that an apply was refused for; empty for any other error.
func conflictsIn(err error) []conflict {
	var refusal apierrors.APIStatus
	if !errors.As(err, &refusal) || refusal.Status().Details == nil {
		return nil
	}
	var found []conflict
	for _, cause := range refusal.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := cause.Message
		if m := managerInMessage.FindStringSubmatch(cause.Message); m != nil {
			if err := json.Unmarshal([]byte(m[1]), &manager); err != nil {
				manager = m[1]
			}
		}
		found = append(found, conflict{cause.Field, manager})
	}
	slices.SortFunc(found, func(a, b conflict) int { return strings.Compare(a.field+a.manager, b.field+b.manager) })
	return found
}

// path is the field nearly as state.Path.String writes it.
func (c conflict) path() string { return strings.TrimPrefix(c.field, ".") }

// paths are the leaves of a desired tree that the conflict is about, as state.Path.String writes them.
// The server does not quote keys with dots in them, so only the tree can tell what it means.
func (c conflict) paths(want state.Tree) []string {
	var found []string
	for path := range want.Leaves() {
		if name := path.String(); c.covers(name) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return []string{c.path()}
	}
	return found
}

func (c conflict) String() string { return fmt.Sprintf("%s is %s's", c.path(), c.manager) }

var inBrackets = regexp.MustCompile(`\[[^\]]*\]`)

// covers reports whether a path, as state.Path.String writes it, is the conflict's field, lies above
// it or below it. List items cannot be told apart: the server names them by key, we by index.
func (c conflict) covers(name string) bool {
	path, err := state.ParsePath(name)
	if err != nil {
		return false
	}
	var b strings.Builder
	for _, step := range path {
		if _, ok := index(step); ok {
			b.WriteString("[]")
		} else {
			b.WriteString("." + step)
		}
	}
	ours, theirs := b.String(), inBrackets.ReplaceAllString(c.field, "[]")
	return under(ours, theirs) || under(theirs, ours)
}

func under(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// mayForce says whether a change may override these managers, and if not, why: a listed controller
// or another part of ours never, and on fields that we did not apply only where Git says adopt.
func (c *Cluster) mayForce(ch plan.Change, conflicts []conflict) error {
	var refused []string
	for _, f := range conflicts {
		switch {
		case slices.Contains(c.options.Controllers, f.manager) || strings.HasPrefix(f.manager, fieldManager+"/"):
			refused = append(refused, f.String()+", which is never overridden")
		case !ch.Force:
			refused = append(refused, f.String())
		case ch.Action == plan.Adopt:
		case ch.Owned == nil || !slices.ContainsFunc(ch.Owned.Fields, f.covers):
			refused = append(refused, f.String()+" and was never applied by us")
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return fmt.Errorf("%s: somebody else wrote what we want to write: %s: %w", ch.ID, strings.Join(refused, "; "), target.ErrHeld)
}
