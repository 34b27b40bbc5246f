package simulate

import (
	"cmp"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// step does what the host needs next.
func (t *metal3Turn) step() error {
	h, s := t.host, &t.host.Status
	if h.DeletionTimestamp != nil {
		return t.remove()
	}
	if err := kubeKeep(t.ctx, t.hosts(), metal3FieldManager, metal3Finalizer, &h.ObjectMeta); err != nil {
		return err
	}
	if t.detach() {
		return nil
	}
	if h.Spec.BMC.Address == "" {
		s.Provisioning.State, s.OperationalStatus = "unmanaged", "discovered"
		return nil
	}
	if s.Provisioning.State == "" || s.Provisioning.State == "unmanaged" {
		t.begin(&s.OperationHistory.Register)
		t.enter("registering")
	}
	if !t.login() {
		return nil
	}
	return t.advance()
}

// detach leaves alone a host that is to be taken away from Metal3, once its state allows it.
func (t *metal3Turn) detach() bool {
	s := &t.host.Status
	wanted, _ := t.host.detached()
	switch {
	case !wanted && s.OperationalStatus == "detached":
		t.succeed()
	case wanted && slices.Contains([]string{"available", "provisioned", "externally provisioned"}, s.Provisioning.State):
		s.OperationalStatus = "detached"
		return true
	}
	return false
}

// login tries the Secret's credentials at the BMC.
func (t *metal3Turn) login() bool {
	h, s := t.host, &t.host.Status
	secret, ok := t.secrets[h.Spec.BMC.CredentialsName]
	if !ok {
		t.fail(metal3RegisteredError, fmt.Sprintf("the BMC secret %s/%s does not exist", h.Namespace, h.Spec.BMC.CredentialsName))
		return false
	}
	if _, ok := t.site.Machine(h.Name); !ok {
		t.fail(metal3RegisteredError, fmt.Sprintf("no BMC answers at %s", h.Spec.BMC.Address))
		return false
	}
	s.TriedCredentials = &metal3Credentials{
		Reference: metal3SecretReference{Name: secret.Name, Namespace: secret.Namespace}, Version: secret.ResourceVersion,
	}
	if t.options.Credentials != nil && t.site.Rule(Metal3Credentials) {
		user, password := t.options.Credentials(h.Name)
		if string(secret.Data["username"]) != user || string(secret.Data["password"]) != password {
			t.fail(metal3RegisteredError, fmt.Sprintf("the BMC at %s refuses the credentials of secret %s/%s", h.Spec.BMC.Address, secret.Namespace, secret.Name))
			return false
		}
	}
	s.GoodCredentials = s.TriedCredentials
	if s.ErrorType == metal3RegisteredError {
		t.succeed()
	}
	return true
}

// advance moves a host with good credentials through its states.
func (t *metal3Turn) advance() error {
	h, s := t.host, &t.host.Status
	history := &s.OperationHistory
	switch s.Provisioning.State {
	case "registering":
		if !t.passed(metal3RegisterTime) {
			return nil
		}
		if err := t.readFirmware(); err != nil {
			return err
		}
		s.Provisioning.ID, s.Provisioning.BootMode = string(h.UID), cmp.Or(h.Spec.BootMode, "UEFI")
		t.end(&history.Register)
		switch {
		case h.Spec.ExternallyProvisioned:
			t.enter("externally provisioned")
		case h.Spec.InspectionMode == "disabled":
			t.enter("preparing")
		default:
			t.begin(&history.Inspect)
			t.enter("inspecting")
		}
	case "inspecting":
		if !t.boot("ipa") || !t.passed(metal3InspectTime) {
			return nil
		}
		return t.inspected()
	case "preparing":
		done, err := t.prepared(true, true)
		if err != nil || !done {
			return err
		}
		t.enter("available")
	case "available":
		return t.serve()
	case "provisioning":
		if t.cancelled() {
			t.deprovision()
			return nil
		}
		if !t.boot("ipa") || !t.passed(metal3ProvisionTime) {
			return nil
		}
		if err := t.readFirmware(); err != nil {
			return err
		}
		t.site.Update(h.Name, func(m *Machine) { m.Booted = "os" })
		t.note("provision", h.Spec.Image.URL)
		s.PoweredOn, s.Provisioning.Image = true, h.Spec.Image
		t.end(&history.Provision)
		t.enter("provisioned")
	case "provisioned":
		if t.cancelled() && t.site.Rule(Metal3ImageRemovalDeprovisions) {
			t.deprovision()
			return nil
		}
		if done, err := t.serviced(); err != nil || !done {
			return err
		}
		t.keepPower("os")
	case "externally provisioned":
		t.keepPower("os")
	case "deprovisioning":
		done, err := t.cleaned()
		if done {
			t.enter("available")
		}
		return err
	}
	return nil
}

// inspected notes what an inspection found.
func (t *metal3Turn) inspected() error {
	h, s := t.host, &t.host.Status
	if h.Spec.Architecture == "" {
		fields := map[string]any{"spec": map[string]any{"architecture": "x86_64"}}
		if err := kubeMerge(t.ctx, t.hosts(), metal3FieldManager, h.Name, "", fields); err != nil {
			return err
		}
	}
	s.Hardware = map[string]any{
		"hostname":     h.Name,
		"ramMebibytes": float64(2 << 20),
		"cpu":          map[string]any{"arch": "x86_64", "count": float64(192)},
		"nics":         []any{map[string]any{"name": "eno1", "mac": h.Spec.BootMACAddress, "pxe": true}},
		"systemVendor": map[string]any{"manufacturer": "Acme", "serialNumber": "SN-" + h.Name},
	}
	t.end(&s.OperationHistory.Inspect)
	t.enter("preparing")
	return nil
}

// serve is an available host's turn: it is provisioned, prepared anew, or waits.
func (t *metal3Turn) serve() error {
	h := t.host
	if h.Spec.ExternallyProvisioned {
		t.enter("externally provisioned")
		return nil
	}
	changed, err := t.changedSettings()
	if err != nil {
		return err
	}
	if len(changed) > 0 && t.site.Rule(Metal3SettingsReboot) {
		t.note("prepare", "HostFirmwareSettings changed")
		t.enter("preparing")
		return nil
	}
	updates, err := t.changedUpdates()
	if err != nil {
		return err
	}
	if len(updates) > 0 && t.site.Rule(Metal3UpdatesReboot) {
		t.note("prepare", "HostFirmwareComponents changed")
		t.enter("preparing")
		return nil
	}
	if t.cancelled() || !h.Spec.Online { // a host that is to be off is not provisioned
		t.succeed()
		t.keepPower("ipa")
		return nil
	}
	if ref := h.Spec.UserData; ref != nil {
		if _, ok := t.secrets[ref.Name]; !ok {
			t.fail("provisioning error", fmt.Sprintf("the user data secret %s/%s does not exist", h.Namespace, ref.Name))
			return nil
		}
	}
	t.begin(&h.Status.OperationHistory.Provision)
	t.enter("provisioning")
	return nil
}

// cancelled reports whether the host is not, or no longer, to carry the image that it carries.
func (t *metal3Turn) cancelled() bool {
	want, have := t.host.Spec.Image, t.host.Status.Provisioning.Image
	return want == nil || want.URL == "" || have != nil && have.URL != want.URL
}

func (t *metal3Turn) deprovision() {
	t.begin(&t.host.Status.OperationHistory.Deprovision)
	t.enter("deprovisioning")
}

// cleaned takes the installed system from the host: its disks are erased, unless automated cleaning is
// disabled. It reports whether that is done.
func (t *metal3Turn) cleaned() (bool, error) {
	h, s := t.host, &t.host.Status
	clean := h.Spec.AutomatedCleaningMode != "disabled"
	if clean && (!t.boot("ipa") || !t.passed(metal3CleanTime)) || !clean && !t.powerOff() {
		return false, nil
	}
	if err := t.readFirmware(); err != nil {
		return false, err
	}
	if clean {
		t.note("clean", "")
	}
	s.PoweredOn, s.Provisioning.Image = clean, nil
	t.end(&s.OperationHistory.Deprovision)
	return true, nil
}

// remove takes a deleted host down, and lets it go at the end. A host that carries a system is
// deprovisioned first; a detached one is let go as it is.
func (t *metal3Turn) remove() error {
	s := &t.host.Status
	if s.OperationalStatus == "detached" {
		if is, delays := t.host.detached(); is && delays {
			return nil
		}
		return t.release()
	}
	if !t.site.Rule(Metal3DeletionWipes) {
		return t.release()
	}
	switch s.Provisioning.State {
	case "provisioning", "provisioned":
		t.deprovision()
	case "deprovisioning":
		done, err := t.cleaned()
		if err != nil || !done {
			return err
		}
		t.enter("powering off before delete")
	case "powering off before delete":
		if !t.powerOff() {
			return nil
		}
		s.PoweredOn = false
		t.enter("deleting")
	case "", "unmanaged", "registering", "deleting":
		return t.release()
	default:
		t.enter("powering off before delete")
	}
	return nil
}

// release removes the finalizer, and with it the host and what Metal3 made for it.
func (t *metal3Turn) release() error {
	h := t.host
	for _, resource := range []schema.GroupVersionResource{hostSettingsResource, hostPartsResource, hostPolicyResource} {
		err := t.client.Resource(resource).Namespace(h.Namespace).Delete(t.ctx, h.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	if err := kubeLetGo(t.ctx, t.hosts(), metal3FieldManager, metal3Finalizer, &h.ObjectMeta); err != nil {
		return err
	}
	t.note("delete", "")
	t.gone = true
	delete(t.timers, h.UID)
	return nil
}

// note records an effect on the host.
func (t *metal3Turn) note(verb, detail string) {
	t.site.Record(Event{System: "metal3", Target: t.host.Name, Verb: verb, Detail: detail})
}
