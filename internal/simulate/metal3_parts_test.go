package simulate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/simulate"
)

func (w *kubeWorld) parts(host, path string) string {
	return field(w.get("HostFirmwareComponents", w.namespace, host), "status."+path)
}

func (w *kubeWorld) update(host, updates string) {
	w.Helper()
	require.NoError(w, w.patch("HostFirmwareComponents", w.namespace, host, `{"spec": {"updates": `+updates+`}}`))
}

// Firmware is read when a host is registered, and an image is installed when its URL is another: on an
// available host at once, with a restart, and never a second time.
func TestFirmwareOfAnAvailableHost(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.host("gpu-001")
	w.awaitState("gpu-001", "available")
	require.Contains(t, w.parts("gpu-001", "components"), "currentVersion:1.0.0")
	require.Equal(t, "True", w.condition("HostFirmwareComponents", w.namespace, "gpu-001", "Valid"))

	w.update("gpu-001", `[{"component": "bios", "url": "https://firmware.example.com/r750-bios-2.10.2.bin"}]`)
	w.await("the image is installed", func() bool { return w.machine("gpu-001").Firmware["bios"] == "2.10.2" })
	w.awaitState("gpu-001", "available")
	require.Len(t, w.events("prepare", "gpu-001"), 1)
	w.await("it is told", func() bool {
		return w.condition("HostFirmwareComponents", w.namespace, "gpu-001", "ChangeDetected") == "False"
	})
	require.Contains(t, w.parts("gpu-001", "components"), "lastVersionFlashed:2.10.2")
	require.Contains(t, w.parts("gpu-001", "components"), "initialVersion:1.0.0")

	// A component of no known name keeps everything from being installed.
	w.update("gpu-001", `[{"component": "bmc", "url": "https://firmware.example.com/bmc-3.0.bin"}, {"component": "gpu", "url": "https://firmware.example.com/gpu-1.0.bin"}]`)
	w.await("the name is refused", func() bool {
		return w.condition("HostFirmwareComponents", w.namespace, "gpu-001", "Valid") == "False"
	})
	require.Contains(t, w.parts("gpu-001", "conditions"), `component "gpu" cannot be updated`)
	require.Equal(t, "1.0.0", w.machine("gpu-001").Firmware["bmc"])

	w.site.SetRule(simulate.Metal3UpdatesReboot, false)
	w.update("gpu-001", `[{"component": "bmc", "url": "https://firmware.example.com/bmc-3.0.bin"}]`)
	w.await("the change is seen", func() bool {
		return w.condition("HostFirmwareComponents", w.namespace, "gpu-001", "Valid") == "True"
	})
	require.Len(t, w.events("prepare", "gpu-001"), 1)
	require.Equal(t, "1.0.0", w.machine("gpu-001").Firmware["bmc"])
}

// On a provisioned host nothing is changed, unless its policy says that a restart may be used for it.
func TestFirmwareOfAProvisionedHost(t *testing.T) {
	w := newKubeWorld(t, "gpu-001")
	w.host("gpu-001")
	w.provision("gpu-001")
	w.update("gpu-001", `[{"component": "nic:NIC.1", "url": "https://firmware.example.com/nic-22.41.bin"}]`)
	require.NoError(t, w.patch("HostFirmwareSettings", w.namespace, "gpu-001", `{"spec": {"settings": {"SriovGlobalEnable": "Enabled"}}}`))
	restart := func() {
		w.patchHost("gpu-001", `{"spec": {"online": false}}`)
		w.await("the host is off", func() bool { return w.hostField("gpu-001", "status.poweredOn") == "false" })
		w.patchHost("gpu-001", `{"spec": {"online": true}}`)
		w.await("the host is on", func() bool {
			m := w.machine("gpu-001")
			return m.Booted == "os" && m.Power == simulate.PowerOn && w.hostField("gpu-001", "status.operationalStatus") == "OK" &&
				w.hostField("gpu-001", "status.poweredOn") == "true"
		})
	}
	restart()
	require.Empty(t, w.machine("gpu-001").Firmware["nic:NIC.1"])
	require.Equal(t, "Disabled", w.machine("gpu-001").BIOS["SriovGlobalEnable"])

	w.create("apiVersion: metal3.io/v1alpha1\nkind: HostUpdatePolicy\nmetadata: {name: gpu-001, namespace: NS}\nspec: {firmwareUpdates: onReboot, firmwareSettings: onPreparing}")
	restart()
	require.Equal(t, "22.41", w.machine("gpu-001").Firmware["nic:NIC.1"])
	require.Equal(t, "Disabled", w.machine("gpu-001").BIOS["SriovGlobalEnable"])
	require.Equal(t, "provisioned", w.hostField("gpu-001", "status.provisioning.state"))

	require.NoError(t, w.patch("HostUpdatePolicy", w.namespace, "gpu-001", `{"spec": {"firmwareSettings": "onReboot"}}`))
	restart()
	require.Equal(t, "Enabled", w.machine("gpu-001").BIOS["SriovGlobalEnable"])

	w.delete("BareMetalHost", w.namespace, "gpu-001")
	w.await("what is the host's goes with it", func() bool {
		return w.get("HostFirmwareComponents", w.namespace, "gpu-001") == nil && w.get("HostUpdatePolicy", w.namespace, "gpu-001") == nil
	})
}
