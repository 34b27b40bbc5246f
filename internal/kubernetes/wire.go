package kubernetes

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// The field managers. Every part of an object has one of its own, "millwright/<part>".
const (
	fieldManager    = "millwright"
	createManager   = "millwright-create"   // owns what is written once, at creation
	releasedManager = "millwright-released" // owns what we have let go of, so that it stays
)

// hostFields are the fields of a BareMetalHost that its provisioner owns. Had we ever applied one,
// applying without it would take it away, and with it the machine's installed system: so they are
// never sent, whatever was rendered.
var hostFields = []string{"image", "userData", "networkData", "metaData", "customDeploy", "consumerRef"}

// versionOf is the API version that a desired tree is written in, or "".
func versionOf(t state.Tree) string {
	field, _ := t.Field("apiVersion")
	apiVersion, _ := field.Value().(string)
	return apiVersion[strings.LastIndex(apiVersion, "/")+1:]
}

// manifest is what is sent for a desired object: its tree with secrets resolved, under the ID's name
// and, unless it is a part, with our mark. Errors name the object.
func (c *Cluster) manifest(ctx context.Context, o state.Object, r resource) (*unstructured.Unstructured, secrets, error) {
	var used secrets
	plain, err := o.Tree.Plain(func(ref state.SecretRef) (string, error) {
		if c.options.Secrets == nil {
			return "", fmt.Errorf("%s: no secrets can be read here", ref)
		}
		value, err := c.options.Secrets(ctx, ref)
		used = append(used, value)
		return value, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", o.ID, err)
	}
	used = append(used, sealedIn(o.Tree)...)
	u, err := c.complete(o.ID, r, plain)
	return u, used, err
}

// shortest is the length of a text below which hiding it would blot out half of every message.
const shortest = 4

// sealedIn are the sealed texts of a tree, as a reader would know them: what a Secret holds is base64.
func sealedIn(t state.Tree) (all secrets) {
	for _, leaf := range t.Leaves() {
		text, ok := leaf.Sealed()
		if value, err := base64.StdEncoding.DecodeString(text); err == nil && len(value) >= shortest {
			text = string(value) // whose base64 is hidden with it
		}
		if ok && len(text) >= shortest {
			all = append(all, text)
		}
	}
	return all
}

// complete gives an object its name and our mark, and takes off it what is not ours to write.
func (c *Cluster) complete(id state.ID, r resource, plain any) (*unstructured.Unstructured, error) {
	object, ok := plain.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: what is wanted is no object", id)
	}
	u := &unstructured.Unstructured{Object: object}
	for _, check := range []struct{ field, have, want string }{
		{"kind", u.GetKind(), r.kind},
		{"metadata.name", u.GetName(), id.Name},
		{"metadata.namespace", u.GetNamespace(), id.Namespace},
	} {
		if check.have != "" && check.have != check.want {
			return nil, fmt.Errorf("%s: its %s is %q", id, check.field, check.have)
		}
	}
	u.SetAPIVersion(r.GroupVersion().String())
	u.SetKind(r.kind)
	u.SetName(id.Name)
	u.SetNamespace(id.Namespace)
	unstructured.RemoveNestedField(object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(object, "status") // charts leave empty ones; never ours to write
	if err := refuseHostFields(id, u); err != nil {
		return nil, err
	}
	if id.Kind == "Secret" {
		stringsToData(object)
	}
	if id.Part == "" {
		c.setMark(id, u)
	}
	return u, nil
}

func refuseHostFields(id state.ID, u *unstructured.Unstructured) error {
	if id.Kind != "BareMetalHost.metal3.io" {
		return nil
	}
	for _, field := range hostFields {
		if _, found, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", field); found {
			return fmt.Errorf("%s: spec.%s is its provisioner's and is never written: %w", id, field, target.ErrHeld)
		}
	}
	return nil
}

// stringsToData writes a Secret's stringData as data: the server stores only data, and with
// stringData a key that is dropped would stay for ever.
func stringsToData(object map[string]any) {
	texts, _ := object["stringData"].(map[string]any)
	if len(texts) == 0 {
		return
	}
	data, ok := object["data"].(map[string]any)
	if !ok {
		data = map[string]any{}
		object["data"] = data
	}
	for key, text := range texts {
		if s, ok := text.(string); ok {
			data[key] = base64.StdEncoding.EncodeToString([]byte(s))
		}
	}
	delete(object, "stringData")
}

func (c *Cluster) setMark(id state.ID, u *unstructured.Unstructured) {
	labels, annotations := u.GetLabels(), u.GetAnnotations()
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	labels[fleetLabel], annotations[idAnnotation] = c.options.Fleet, id.String()
	u.SetLabels(labels)
	u.SetAnnotations(annotations)
}

// stub is an object with nothing but its name and, unless empty, the uid it must have.
func stub(id state.ID, r resource, uid string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(r.GroupVersion().String())
	u.SetKind(r.kind)
	u.SetName(id.Name)
	u.SetNamespace(id.Namespace)
	if uid != "" {
		u.SetUID(types.UID(uid))
	}
	return u
}

// splitCreateOnly takes out of u the fields that are written once, and returns an object with just
// these; nil if the kind has none or u names none.
func splitCreateOnly(id state.ID, r resource, u *unstructured.Unstructured) *unstructured.Unstructured {
	var once *unstructured.Unstructured
	for _, field := range kinds.Of(id).CreateOnly {
		path, err := state.ParsePath(field)
		if err != nil {
			continue // the table's own tests read every path
		}
		v, found, _ := unstructured.NestedFieldNoCopy(u.Object, path...)
		if !found {
			continue
		}
		if once == nil {
			once = stub(id, r, "")
		}
		_ = unstructured.SetNestedField(once.Object, v, path...) // cannot fail: once has nothing in the way
		unstructured.RemoveNestedField(u.Object, path...)
	}
	return once
}
