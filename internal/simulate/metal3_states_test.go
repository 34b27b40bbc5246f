package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/simulate"
)

// A host is registered, inspected, provisioned and, when its image goes, erased; the history of its
// operations, by which others judge that it was erased, is in that order.
func TestHostLifeCycle(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.host("gpu-001")
	w.awaitState("gpu-001", "available")
	require.Equal(t, "OK", w.hostField("gpu-001", "status.operationalStatus"))
	require.Equal(t, "x86_64", w.hostField("gpu-001", "spec.architecture"))
	require.NotEmpty(t, w.hostField("gpu-001", "status.hardware.cpu"))
	w.await("the host is powered off as spec.online says", func() bool {
		return w.machine("gpu-001").Power == simulate.PowerOff && w.hostField("gpu-001", "status.poweredOn") == "false"
	})

	w.provision("gpu-001")
	m := w.machine("gpu-001")
	require.Equal(t, "os", m.Booted)
	require.Equal(t, simulate.PowerOn, m.Power)
	require.Empty(t, w.events("clean", "gpu-001"))

	w.patchHost("gpu-001", `{"spec": {"online": false, "image": null}}`)
	w.await("the host is deprovisioned", func() bool {
		return w.hostField("gpu-001", "status.operationHistory.deprovision.end") != ""
	})
	require.Len(t, w.events("clean", "gpu-001"), 1)
	require.Equal(t, "available", w.hostField("gpu-001", "status.provisioning.state"))
	require.Empty(t, w.hostField("gpu-001", "status.provisioning.image"))

	var last time.Time
	for _, step := range []string{
		"register.start", "register.end", "inspect.start", "inspect.end",
		"provision.start", "provision.end", "deprovision.start", "deprovision.end",
	} {
		at, err := time.Parse(time.RFC3339, w.hostField("gpu-001", "status.operationHistory."+step))
		require.NoError(t, err, step)
		require.True(t, at.After(last), "%s is not after what came before", step)
		last = at
	}
}

// Without automated cleaning nothing is erased, and nothing claims to be.
func TestHostWithoutCleaning(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.host("gpu-001")
	w.provision("gpu-001")
	w.patchHost("gpu-001", `{"spec": {"automatedCleaningMode": "disabled", "image": null}}`)
	w.awaitState("gpu-001", "available")
	require.Empty(t, w.events("clean", ""))
}

// Giving up spec.image erases a provisioned host. With the rule off it stays, though Metal3 has seen the
// change: it follows the power asked for in the same one.
func TestImageRemovalDeprovisions(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.site.SetRule(simulate.Metal3ImageRemovalDeprovisions, false)
	w.host("gpu-001")
	w.provision("gpu-001")
	w.patchHost("gpu-001", `{"spec": {"online": false, "image": null}}`)
	w.await("the host is powered off", func() bool { return w.hostField("gpu-001", "status.poweredOn") == "false" })
	require.Equal(t, "provisioned", w.hostField("gpu-001", "status.provisioning.state"))

	w.site.SetRule(simulate.Metal3ImageRemovalDeprovisions, true)
	w.awaitState("gpu-001", "available")
	require.Len(t, w.events("clean", "gpu-001"), 1)
}

// Wrong credentials are an error that names the Secret and not the password; right ones mend it.
func TestHostCredentials(t *testing.T) {
	w := newKubeWorld(t, "gpu-001", "gpu-002")
	w.host("gpu-001")
	require.NoError(t, w.patch("Secret", w.namespace, "gpu-001-bmc", `{"stringData": {"password": "mistyped"}}`))
	w.await("registration fails", func() bool { return w.hostField("gpu-001", "status.errorType") == "registration error" })
	require.Equal(t, "error", w.hostField("gpu-001", "status.operationalStatus"))
	message := w.hostField("gpu-001", "status.errorMessage")
	require.Contains(t, message, "gpu-001-bmc")
	require.NotContains(t, message, "mistyped")

	require.NoError(t, w.patch("Secret", w.namespace, "gpu-001-bmc", `{"stringData": {"password": "secret of gpu-001"}}`))
	w.awaitState("gpu-001", "available")

	w.site.SetRule(simulate.Metal3Credentials, false)
	require.NoError(t, w.patch("Secret", w.namespace, "gpu-001-bmc", `{"stringData": {"password": "mistyped"}}`))
	w.host("gpu-002")
	w.awaitState("gpu-002", "available") // long after Metal3 saw the mistyped one
	require.Empty(t, w.hostField("gpu-001", "status.errorType"))
}

// A host that no BMC answers for, or whose Secret is missing, says so.
func TestHostWithoutMachineOrSecret(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.host("gpu-999")
	w.await("the missing BMC is reported", func() bool {
		return w.hostField("gpu-999", "status.errorMessage") == "no BMC answers at redfish://10.10.0.11/redfish/v1/Systems/1"
	})
	w.create(`apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata: {name: gpu-001, namespace: NS}
spec: {online: false, bmc: {address: "redfish://10.10.0.11", credentialsName: elsewhere}}`)
	w.await("the missing Secret is reported", func() bool {
		return w.hostField("gpu-001", "status.errorMessage") == "the BMC secret "+w.namespace+"/elsewhere does not exist"
	})
}

// Deleting a provisioned host erases it and powers it off. With the rule off it just disappears.
func TestDeletionWipes(t *testing.T) {
	w := newKubeWorld(t, "gpu-001", "gpu-002")
	for _, host := range []string{"gpu-001", "gpu-002"} {
		w.host(host)
		w.provision(host)
	}
	w.delete("BareMetalHost", w.namespace, "gpu-001")
	w.await("the host is gone", func() bool { return w.get("BareMetalHost", w.namespace, "gpu-001") == nil })
	require.Len(t, w.events("clean", "gpu-001"), 1)
	require.Equal(t, simulate.PowerOff, w.machine("gpu-001").Power)
	require.Nil(t, w.get("HostFirmwareSettings", w.namespace, "gpu-001"))

	w.site.SetRule(simulate.Metal3DeletionWipes, false)
	w.delete("BareMetalHost", w.namespace, "gpu-002")
	w.await("the host is gone", func() bool { return w.get("BareMetalHost", w.namespace, "gpu-002") == nil })
	require.Empty(t, w.events("clean", "gpu-002"))
	require.Equal(t, "os", w.machine("gpu-002").Booted)
}

// A detached host is left alone, whatever is asked of it, and let go unharmed when it is deleted. A
// paused one is not even looked at.
func TestDetachedAndPaused(t *testing.T) {
	w := newKubeWorld(t, "gpu-001", "gpu-002", "gpu-003")
	for _, host := range []string{"gpu-001", "gpu-002"} {
		w.host(host)
		w.provision(host)
	}
	w.patchHost("gpu-001", `{"metadata": {"annotations": {"baremetalhost.metal3.io/detached": ""}}}`)
	w.await("the host is detached", func() bool { return w.hostField("gpu-001", "status.operationalStatus") == "detached" })
	w.patchHost("gpu-002", `{"metadata": {"annotations": {"baremetalhost.metal3.io/paused": ""}}}`)
	for _, host := range []string{"gpu-001", "gpu-002"} {
		w.patchHost(host, `{"spec": {"image": null}}`)
	}
	w.host("gpu-003")
	w.awaitState("gpu-003", "available") // many looks later
	require.Equal(t, "provisioned", w.hostField("gpu-001", "status.provisioning.state"))
	require.Equal(t, "provisioned", w.hostField("gpu-002", "status.provisioning.state"))

	w.delete("BareMetalHost", w.namespace, "gpu-001")
	w.await("the host is gone", func() bool { return w.get("BareMetalHost", w.namespace, "gpu-001") == nil })
	require.Empty(t, w.events("clean", ""))
	require.Equal(t, "os", w.machine("gpu-001").Booted)

	w.patchHost("gpu-002", `{"metadata": {"annotations": {"baremetalhost.metal3.io/paused": null}}}`)
	w.awaitState("gpu-002", "available")
}

// Changed firmware settings restart an available host to take force; invalid ones are reported and
// hold all of them back. With the rule off they wait until the host is prepared for another reason.
func TestChangedSettingsRestart(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.host("gpu-001")
	w.awaitState("gpu-001", "available")
	settings := func(path string) string {
		return field(w.get("HostFirmwareSettings", w.namespace, "gpu-001"), path)
	}
	require.Equal(t, "Disabled", settings("status.settings.SriovGlobalEnable"))

	invalid := `{"spec": {"settings": {"SriovGlobalEnable": "Enabled", "Sriov": "Enabled"}}}`
	require.NoError(t, w.patch("HostFirmwareSettings", w.namespace, "gpu-001", invalid))
	w.await("the unknown setting is reported", func() bool {
		return w.condition("HostFirmwareSettings", w.namespace, "gpu-001", "Valid") == "False"
	})
	require.Empty(t, w.events("prepare", ""))

	w.site.SetRule(simulate.Metal3SettingsReboot, false)
	require.NoError(t, w.patch("HostFirmwareSettings", w.namespace, "gpu-001", `{"spec": {"settings": {"Sriov": null}}}`))
	w.await("the change is noticed", func() bool {
		return w.condition("HostFirmwareSettings", w.namespace, "gpu-001", "ChangeDetected") == "True"
	})
	require.Empty(t, w.events("prepare", ""))

	w.site.SetRule(simulate.Metal3SettingsReboot, true)
	resets := w.machine("gpu-001").Resets
	w.await("the setting takes force", func() bool { return settings("status.settings.SriovGlobalEnable") == "Enabled" })
	w.awaitState("gpu-001", "available")
	m := w.machine("gpu-001")
	require.Equal(t, "Enabled", m.BIOS["SriovGlobalEnable"])
	require.Greater(t, m.Resets, resets)
	require.Len(t, w.events("prepare", "gpu-001"), 1)
}

// Metal3 sees a BIOS only when it prepares, provisions or deprovisions the host.
func TestBIOSDriftIsNotSeen(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.host("gpu-001")
	w.provision("gpu-001")
	w.site.Update("gpu-001", func(m *simulate.Machine) { m.BIOS["SriovGlobalEnable"] = "Enabled" })
	settings := func() string {
		return field(w.get("HostFirmwareSettings", w.namespace, "gpu-001"), "status.settings.SriovGlobalEnable")
	}
	w.patchHost("gpu-001", `{"spec": {"online": false}}`)
	w.await("the host is powered off", func() bool { return w.hostField("gpu-001", "status.poweredOn") == "false" })
	require.Equal(t, "Disabled", settings())
	w.patchHost("gpu-001", `{"spec": {"image": null}}`)
	w.await("the BIOS is read", func() bool { return settings() == "Enabled" })
}

// Power changed past Metal3 is changed back, with the rule on.
func TestPowerIsEnforced(t *testing.T) {
	w := newKubeWorld(t, "gpu-001", "gpu-002")
	w.host("gpu-001")
	w.provision("gpu-001")
	require.NoError(t, w.site.Reset("gpu-001", "ForceOff"))
	w.await("the machine is on again", func() bool {
		return len(w.events("power-enforced", "gpu-001")) == 1 && w.machine("gpu-001").Power == simulate.PowerOn &&
			w.hostField("gpu-001", "status.poweredOn") == "true"
	})

	w.site.SetRule(simulate.Metal3PowerEnforced, false)
	require.NoError(t, w.site.Reset("gpu-001", "ForceOff"))
	w.host("gpu-002")
	w.awaitState("gpu-002", "available") // many power checks later
	require.Equal(t, simulate.PowerOff, w.machine("gpu-001").Power)
}
