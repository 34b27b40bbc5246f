package simulate

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// metal3Parts is a HostFirmwareComponents.
type metal3Parts struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Updates []metal3Update `json:"updates"`
	} `json:"spec"`

	Status metal3PartsStatus `json:"status"`
}

// metal3Update is the image that a component is to have.
type metal3Update struct {
	Component string `json:"component"`
	URL       string `json:"url"`
}

type metal3PartsStatus struct {
	Updates     []metal3Update     `json:"updates,omitempty"` // those that were installed
	Components  []metal3Part       `json:"components,omitempty"`
	Conditions  []metav1.Condition `json:"conditions,omitempty"`
	LastUpdated *metav1.Time       `json:"lastUpdated,omitempty"`
}

type metal3Part struct {
	Component          string       `json:"component"`
	InitialVersion     string       `json:"initialVersion"`
	CurrentVersion     string       `json:"currentVersion,omitempty"`
	LastVersionFlashed string       `json:"lastVersionFlashed,omitempty"`
	UpdatedAt          *metav1.Time `json:"updatedAt,omitempty"`
}

// metal3Policy is a HostUpdatePolicy.
type metal3Policy struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Settings string `json:"firmwareSettings"`
		Updates  string `json:"firmwareUpdates"`
	} `json:"spec"`
}

// readParts reads the versions of the machine's components, those of an earlier reading kept as initial
// ones, and notes which updates were installed. The status tells a new time only when it tells something new.
func (t *metal3Turn) readParts(machine Machine, updates []metal3Update) error {
	parts := t.client.Resource(hostPartsResource).Namespace(t.host.Namespace)
	if t.parts == nil {
		created, err := parts.Create(t.ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "metal3.io/v1alpha1", "kind": "HostFirmwareComponents",
			"metadata": map[string]any{"name": t.host.Name, "namespace": t.host.Namespace, "ownerReferences": t.owner()},
			"spec":     map[string]any{"updates": []any{}},
		}}, metav1.CreateOptions{FieldManager: metal3FieldManager})
		if err != nil {
			return err
		}
		made, err := kubeDecode[metal3Parts](*created)
		if err != nil {
			return err
		}
		t.parts = &made
	} else if len(t.parts.OwnerReferences) == 0 {
		if err := kubeMerge(t.ctx, parts, metal3FieldManager, t.host.Name, "", map[string]any{"metadata": map[string]any{"ownerReferences": t.owner()}}); err != nil {
			return err
		}
	}
	status := t.parts.Status
	status.Updates, status.Components = updates, nil
	for _, name := range slices.Sorted(maps.Keys(machine.Firmware)) {
		version := machine.Firmware[name]
		part := metal3Part{Component: name, InitialVersion: version, CurrentVersion: version}
		for _, was := range t.parts.Status.Components {
			if was.Component != name {
				continue
			}
			part.InitialVersion, part.LastVersionFlashed, part.UpdatedAt = was.InitialVersion, was.LastVersionFlashed, was.UpdatedAt
			if was.CurrentVersion != version {
				now := metav1.Now().Rfc3339Copy()
				part.LastVersionFlashed, part.UpdatedAt = version, &now
			}
		}
		status.Components = append(status.Components, part)
	}
	return t.writeParts(status)
}

// changedUpdates are the images that are to be installed: those whose URL is not the one installed
// last. There are none as long as any update is invalid, which the conditions tell.
func (t *metal3Turn) changedUpdates() ([]metal3Update, error) {
	if t.parts == nil {
		return nil, nil
	}
	changed, problem := t.parts.changes(t.site, t.parts.Status.Updates)
	if problem != "" {
		changed = nil
	}
	return changed, t.writeParts(t.parts.Status)
}

func (p *metal3Parts) changes(site *Site, installed []metal3Update) (changed []metal3Update, problem string) {
	for _, u := range p.Spec.Updates {
		name, isNIC := strings.CutPrefix(u.Component, "nic:")
		if known := u.Component == "bios" || u.Component == "bmc" || isNIC && name != ""; !known && site.Rule(Metal3ComponentNames) {
			problem = fmt.Sprintf("component %q cannot be updated", u.Component)
		}
		if !slices.Contains(installed, u) {
			changed = append(changed, u)
		}
	}
	return changed, problem
}

// writeParts completes a status with its conditions and writes it, if it says something new.
func (t *metal3Turn) writeParts(status metal3PartsStatus) error {
	changed, problem := t.parts.changes(t.site, status.Updates)
	valid, reason, detected := metav1.ConditionTrue, "OK", metav1.ConditionFalse
	if problem != "" {
		valid, reason = metav1.ConditionFalse, "InvalidComponent"
	}
	if len(changed) > 0 {
		detected = metav1.ConditionTrue
	}
	status.Conditions = []metav1.Condition{
		metal3Condition(status.Conditions, "Valid", valid, reason, problem),
		metal3Condition(status.Conditions, "ChangeDetected", detected, "OK", ""),
	}
	if reflect.DeepEqual(status, t.parts.Status) {
		return nil
	}
	now := metav1.Now().Rfc3339Copy()
	status.LastUpdated = &now
	t.parts.Status = status
	return kubeSetStatus(t.ctx, t.client.Resource(hostPartsResource).Namespace(t.host.Namespace), t.host.Name, status)
}

// applyUpdates has the images installed that are to be, and reports whether they are. The version of an
// image is what its file's name has after the last dash, without its ending.
func (t *metal3Turn) applyUpdates() (bool, error) {
	changed, err := t.changedUpdates()
	if err != nil || len(changed) == 0 {
		return err == nil, err
	}
	if !t.boot("ipa") {
		return false, nil
	}
	for _, u := range changed {
		version := strings.TrimSuffix(path.Base(u.URL), path.Ext(u.URL))
		version = version[strings.LastIndex(version, "-")+1:]
		t.site.Update(t.host.Name, func(m *Machine) { m.Firmware[u.Component] = version })
		t.note("firmware", u.Component+" "+version)
	}
	machine, _ := t.site.Machine(t.host.Name)
	return true, t.readParts(machine, t.parts.Spec.Updates)
}

// prepared has the declared settings, and the declared images, in force, and reports whether they are.
func (t *metal3Turn) prepared(settings, updates bool) (bool, error) {
	if settings {
		if done, err := t.applySettings(); err != nil || !done {
			return false, err
		}
	}
	if updates {
		return t.applyUpdates()
	}
	return true, nil
}

// serviced does on a provisioned host, before it is powered on, what its update policy allows, and
// reports whether nothing of it is left. Ironic's ramdisk runs meanwhile.
func (t *metal3Turn) serviced() (bool, error) {
	const servicing = "servicing"
	s := &t.host.Status
	if s.OperationalStatus != servicing && (s.PoweredOn || !t.host.Spec.Online) {
		return true, nil
	}
	const onReboot = "onReboot"
	free := !t.site.Rule(Metal3UpdatePolicy)
	withSettings, withUpdates := free || t.policy.Spec.Settings == onReboot, free || t.policy.Spec.Updates == onReboot
	settings, err := t.changedSettings()
	if err != nil {
		return false, err
	}
	updates, err := t.changedUpdates()
	if err != nil {
		return false, err
	}
	if (!withSettings || len(settings) == 0) && (!withUpdates || len(updates) == 0) {
		if s.OperationalStatus == servicing {
			t.succeed()
		}
		return true, nil
	}
	s.OperationalStatus = servicing
	done, err := t.prepared(withSettings, withUpdates)
	if done {
		t.succeed()
	}
	return done, err
}
