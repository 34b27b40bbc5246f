package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// metal3Settings is a HostFirmwareSettings, as far as it matters here.
type metal3Settings struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Settings map[string]any `json:"settings"` // strings and numbers
	} `json:"spec"`

	Status metal3SettingsStatus `json:"status"`
}

type metal3SettingsStatus struct {
	Settings    map[string]string      `json:"settings"`
	Schema      *metal3SecretReference `json:"schema,omitempty"`
	Conditions  []metav1.Condition     `json:"conditions,omitempty"`
	LastUpdated *metav1.Time           `json:"lastUpdated,omitempty"`
}

// readFirmware reads the machine's BIOS into the host's HostFirmwareSettings, and the versions of its
// components into its HostFirmwareComponents, which it creates when there are none. Metal3 does so when a host is registered, prepared, provisioned and deprovisioned,
// and at no other time: a BIOS changed on a running host goes unseen.
func (t *metal3Turn) readFirmware() error {
	machine, _ := t.site.Machine(t.host.Name)
	schema, err := t.ensureSchema(machine)
	if err != nil {
		return err
	}
	if t.settings == nil {
		t.settings, err = t.createSettings()
	} else if len(t.settings.OwnerReferences) == 0 { // somebody else made it; it is to go with the host all the same
		fields := map[string]any{"metadata": map[string]any{"ownerReferences": t.owner()}}
		err = kubeMerge(t.ctx, t.client.Resource(hostSettingsResource).Namespace(t.host.Namespace), metal3FieldManager, t.host.Name, "", fields)
	}
	if err != nil {
		return err
	}
	status := metal3SettingsStatus{
		Settings:   map[string]string{},
		Schema:     &metal3SecretReference{Name: schema, Namespace: t.host.Namespace},
		Conditions: t.settings.Status.Conditions,
	}
	for name, value := range machine.BIOS {
		status.Settings[name] = fmt.Sprint(value)
	}
	if err := t.writeSettings(status); err != nil {
		return err
	}
	var installed []metal3Update
	if t.parts != nil {
		installed = t.parts.Status.Updates
	}
	return t.readParts(machine, installed)
}

// owner is the reference by which what Metal3 makes for a host goes with it.
func (t *metal3Turn) owner() []any {
	return []any{map[string]any{
		"apiVersion": "metal3.io/v1alpha1", "kind": "BareMetalHost", "name": t.host.Name, "uid": string(t.host.UID),
		"controller": true, "blockOwnerDeletion": true,
	}}
}

func (t *metal3Turn) createSettings() (*metal3Settings, error) {
	created, err := t.client.Resource(hostSettingsResource).Namespace(t.host.Namespace).Create(t.ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "metal3.io/v1alpha1", "kind": "HostFirmwareSettings",
		"metadata": map[string]any{
			"name": t.host.Name, "namespace": t.host.Namespace,
			"ownerReferences": t.owner(),
		},
		"spec": map[string]any{"settings": map[string]any{}},
	}}, metav1.CreateOptions{FieldManager: metal3FieldManager})
	if err != nil {
		return nil, err
	}
	settings, err := kubeDecode[metal3Settings](*created)
	return &settings, err
}

// writeSettings completes a status with its conditions and writes it, if it says something new.
func (t *metal3Turn) writeSettings(status metal3SettingsStatus) error {
	changed, problems := metal3Changes(t.settings.Spec.Settings, status.Settings)
	valid, reason := metav1.ConditionTrue, "Success"
	if len(problems) > 0 {
		valid, reason = metav1.ConditionFalse, "ConfigurationError"
	}
	detected := metav1.ConditionFalse
	if len(changed) > 0 {
		detected = metav1.ConditionTrue
	}
	status.Conditions = []metav1.Condition{
		metal3Condition(status.Conditions, "Valid", valid, reason, strings.Join(problems, "; ")),
		metal3Condition(status.Conditions, "ChangeDetected", detected, "Success", ""),
	}
	status.LastUpdated = t.settings.Status.LastUpdated
	if reflect.DeepEqual(status, t.settings.Status) {
		return nil
	}
	now := metav1.Now().Rfc3339Copy()
	status.LastUpdated = &now
	t.settings.Status = status
	return kubeSetStatus(t.ctx, t.client.Resource(hostSettingsResource).Namespace(t.host.Namespace), t.host.Name, status)
}

// metal3Condition is a condition that keeps the time of its last change.
func metal3Condition(old []metav1.Condition, kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now().Rfc3339Copy()}
	for _, o := range old {
		if o.Type == kind && o.Status == status {
			c.LastTransitionTime = o.LastTransitionTime
		}
	}
	return c
}

// changedSettings are the declared settings that differ from what was last read, or none while any
// declared setting is invalid. The conditions of the HostFirmwareSettings tell the same.
func (t *metal3Turn) changedSettings() (map[string]string, error) {
	if t.settings == nil {
		return nil, nil
	}
	changed, problems := metal3Changes(t.settings.Spec.Settings, t.settings.Status.Settings)
	if len(problems) > 0 {
		changed = nil
	}
	return changed, t.writeSettings(t.settings.Status)
}

// metal3Changes compares declared settings with those read, and lists what cannot be declared, sorted.
func metal3Changes(declared map[string]any, read map[string]string) (changed map[string]string, problems []string) {
	changed = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		want := fmt.Sprint(declared[name])
		have, known := read[name]
		switch {
		case strings.Contains(name, "Password"):
			problems = append(problems, fmt.Sprintf("setting %s: passwords cannot be set", name))
		case !known:
			problems = append(problems, fmt.Sprintf("setting %s is not in the schema", name))
		case metal3AttributeType(have) == "Enumeration" && metal3AttributeType(want) != "Enumeration":
			problems = append(problems, fmt.Sprintf("setting %s: %q is not one of %v", name, want, metal3Switch))
		case want != have:
			changed[name] = want
		}
	}
	return changed, problems
}

// applySettings has the declared settings take force in the BIOS, through a restart, and reports
// whether they have.
func (t *metal3Turn) applySettings() (bool, error) {
	changed, err := t.changedSettings()
	if err != nil || len(changed) == 0 {
		return err == nil, err
	}
	if !t.boot("ipa") {
		return false, nil
	}
	left := 0
	t.site.Update(t.host.Name, func(m *Machine) {
		for name, value := range changed {
			if fmt.Sprint(m.BIOS[name]) != value {
				left++
				m.Pending[name] = metal3Value(m.BIOS[name], value)
			}
		}
	})
	if left > 0 {
		t.reset("ForceRestart")
		t.soon(t.site.Delay(metal3BusyPoll))
		return false, nil
	}
	t.note("bios", strings.Join(slices.Sorted(maps.Keys(changed)), " "))
	return true, t.readFirmware()
}

// metal3Value gives a declared value the type of the attribute's present one.
func metal3Value(present any, value string) any {
	switch present.(type) {
	case float64:
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			return n
		}
	case int:
		if n, err := strconv.Atoi(value); err == nil {
			return n
		}
	case bool:
		if b, err := strconv.ParseBool(value); err == nil {
			return b
		}
	}
	return value
}

// metal3Switch are the values of the attributes that are told to be enumerations.
var metal3Switch = []string{"Disabled", "Enabled"}

func metal3AttributeType(value string) string {
	if slices.Contains(metal3Switch, value) {
		return "Enumeration"
	}
	if _, err := strconv.Atoi(value); err == nil {
		return "Integer"
	}
	if value == "true" || value == "false" {
		return "Boolean"
	}
	return "String"
}

// ensureSchema creates the FirmwareSchema of the machine's attributes, which machines with the same
// attributes share, and returns its name.
func (t *metal3Turn) ensureSchema(machine Machine) (string, error) {
	attributes := map[string]any{}
	digest := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(machine.BIOS)) {
		kind := metal3AttributeType(fmt.Sprint(machine.BIOS[name]))
		attribute := map[string]any{"attribute_type": kind}
		if kind == "Enumeration" {
			attribute["allowable_values"] = []any{metal3Switch[0], metal3Switch[1]}
		}
		attributes[name] = attribute
		fmt.Fprintln(digest, name, kind)
	}
	name := "schema-" + hex.EncodeToString(digest.Sum(nil))[:8]
	_, err := t.client.Resource(hostSchemaResource).Namespace(t.host.Namespace).Create(t.ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "metal3.io/v1alpha1", "kind": "FirmwareSchema",
		"metadata": map[string]any{"name": name, "namespace": t.host.Namespace},
		"spec":     map[string]any{"schema": attributes},
	}}, metav1.CreateOptions{FieldManager: metal3FieldManager})
	if apierrors.IsAlreadyExists(err) {
		err = nil
	}
	return name, err
}
