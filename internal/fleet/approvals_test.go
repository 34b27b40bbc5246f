package fleet

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// An approval is loaded from its file alone, and anything is told which files it is computed from.
func TestApprovalsAndTheirFiles(t *testing.T) {
	f, list := Load(t.Context(), fixture(t, txtar.Parse([]byte(`
-- approvals/cap-17.cue --
package approvals

import mw "millwright.dev/fleet"

approval: "cap-17": mw.#Approval & {
	for: ["tenant/acme", "machine/m*"]
	changes: 2, machines: 1, drift: true
	until:  "2026-05-12T18:00:00Z"
	reason: "agreed with everybody"
}
-- approvals/cap-18.cue --
package approvals

approval: "cap-18": {for: ["tenant/acme"], impact: "reboot", changes: 1, until: "2020-05-12T18:00:00Z", reason: "long over, and no finding"}
-- policy/shared.cue --
package shared

#Max: 3
-- common/policy.cue --
package common

import "fleet.example.com/policy:shared"

policy: {
	deletions: max: shared.#Max
	windows: nights: {days: ["sat"], from: "22:00", to: "04:00", zone: "Europe/Berlin", impact: "reboot"}
}
`))), Options{})
	require.Empty(t, printed(list))
	require.Equal(t, &Approval{Meta: Meta{Name: "cap-17", Pos: f.PosOf("approval/cap-17")}, For: []string{"tenant/acme", "machine/m*"}, Impact: "none", Changes: 2, Machines: 1, Drift: true,
		Until: "2026-05-12T18:00:00Z", Reason: "agreed with everybody"}, f.Approvals["cap-17"])
	require.Equal(t, "approvals/cap-17.cue", f.PosOf("approval/cap-17").File)
	require.Equal(t, "reboot", f.Approvals["cap-18"].Impact)
	require.Equal(t, 3, f.Policy.Deletions.Max)
	require.Equal(t, ApprovalPolicy{From: Never}, f.Policy.Approvals)
	require.Equal(t, map[string]Window{"nights": {Days: []string{"sat"}, From: "22:00", To: "04:00", Zone: "Europe/Berlin", Impact: "reboot", For: []string{}}}, f.Policy.Windows)
	require.Equal(t, []string{"common/common.cue", "common/policy.cue", "policy/shared.cue"}, f.FilesOf("policy"))
	require.Empty(t, f.FilesOf("machine/nobody"))
	require.Empty(t, (&Fleet{}).FilesOf("policy"))
}
