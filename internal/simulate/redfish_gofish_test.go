package simulate

import (
	"testing"
	"time"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"
	"github.com/stretchr/testify/require"
)

// A real Redfish client finds everything where it expects it, over TLS and through the proxy: log in,
// read, write BIOS attributes, reset, log out.
func TestRedfishWithGofish(t *testing.T) {
	n := newTestNetwork(t)
	site := NewSite(10_000)
	bmc := NewBMC(site, "gpu-001", BMCOptions{Username: "operator", Password: "open sesame"})
	require.NoError(t, n.Serve("10.10.0.11:443", bmc))
	client, err := gofish.ConnectContext(t.Context(), gofish.ClientConfig{
		Endpoint: "https://10.10.0.11", Username: "operator", Password: "open sesame",
		HTTPClient: networkClient(t, n), ReuseConnections: true, NoModifyTransport: true,
	})
	require.NoError(t, err)

	systems, err := client.Service.Systems()
	require.NoError(t, err)
	require.Len(t, systems, 1)
	system := systems[0]
	require.Equal(t, schemas.OffPowerState, system.PowerState)
	types, err := system.GetSupportedResetTypes()
	require.NoError(t, err)
	require.Contains(t, types, schemas.ForceRestartResetType)

	bios, err := system.Bios()
	require.NoError(t, err)
	require.Equal(t, "Disabled", bios.Attributes["SriovGlobalEnable"])
	require.Equal(t, []schemas.SettingsApplyTime{schemas.OnResetSettingsApplyTime}, bios.AllowedAttributeUpdateApplyTimes())
	attributes := schemas.SettingsAttributes{"SriovGlobalEnable": "Enabled", "AcPwrRcvryUserDelay": 120.0, "BootMode": "Uefi"}
	job, err := bios.UpdateBiosAttributesApplyAtWithTask(attributes, schemas.OnResetSettingsApplyTime)
	require.NoError(t, err)
	require.Equal(t, schemas.PendingTaskState, job.Task.TaskState)
	m, _ := site.Machine("gpu-001")
	require.Equal(t, map[string]any{"SriovGlobalEnable": "Enabled", "AcPwrRcvryUserDelay": 120.0}, m.Pending)

	managers, err := system.ManagedBy()
	require.NoError(t, err)
	require.Len(t, managers, 1)
	site.Update("gpu-001", func(m *Machine) { m.NTP = []string{"ntp.example.com"} })
	protocol, err := managers[0].NetworkProtocol()
	require.NoError(t, err)
	require.Equal(t, []string{"ntp.example.com"}, protocol.NTP.NTPServers)

	_, err = system.Reset(schemas.OnResetType)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		m, _ := site.Machine("gpu-001")
		return m.Resets == 1
	}, 10*time.Second, time.Millisecond)
	bios, err = system.Bios()
	require.NoError(t, err)
	require.Equal(t, "Enabled", bios.Attributes["SriovGlobalEnable"])

	accounts, err := client.Service.AccountService()
	require.NoError(t, err)
	require.EqualValues(t, 5, *accounts.AccountLockoutThreshold)
	client.Logout()
	log := site.Log()
	last := log[len(log)-1]
	require.Equal(t, []any{"DELETE", testSessions + "/1", 204}, []any{last.Verb, last.Path, last.Status})
}
