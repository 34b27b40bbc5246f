package simulate

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func (b *BMC) system() doc {
	m := b.state()
	d := redfishEntity(b.systemPath(), "ComputerSystem.v1_20_1.ComputerSystem", "System", doc{
		"SystemType":   "Physical",
		"Manufacturer": b.opts.Vendor,
		"Model":        b.opts.Model,
		"SerialNumber": b.serial(),
		"UUID":         b.uuid("system"),
		"BiosVersion":  b.opts.BIOSVersion,
		"PowerState":   m.Power,
		"Status":       redfishHealthy,
		"Boot": doc{
			"BootSourceOverrideEnabled":                        "Disabled",
			"BootSourceOverrideTarget":                         "None",
			"BootSourceOverrideTarget@Redfish.AllowableValues": []string{"None", "Pxe", "UefiHttp", "Cd", "Hdd"},
			"BootSourceOverrideMode":                           "UEFI",
		},
		"Bios": redfishLink(b.biosPath()),
		"Links": doc{
			"Chassis":   []doc{redfishLink(b.chassisPath())},
			"ManagedBy": []doc{redfishLink(b.managerPath())},
		},
		"Actions": doc{"#ComputerSystem.Reset": doc{
			"target":                            b.systemPath() + "/Actions/ComputerSystem.Reset",
			"ResetType@Redfish.AllowableValues": b.opts.ResetTypes,
		}},
	})
	if !m.LastReset.IsZero() {
		d["LastResetTime"] = m.LastReset.UTC().Format(time.RFC3339Nano)
	}
	return d
}

// reset is the action ComputerSystem.Reset. A machine that is powering up or down is in transition.
func (b *BMC) reset(body doc) redfishReply {
	kind, _ := body["ResetType"].(string)
	if !slices.Contains(b.opts.ResetTypes, kind) && b.site.Rule(RedfishResetListed) {
		return redfishFailure(http.StatusBadRequest, redfishMessage("ActionParameterValueNotInList",
			fmt.Sprintf("ResetType %q is none of %s.", kind, strings.Join(b.opts.ResetTypes, ", ")), "/ResetType"))
	}
	switch err := b.site.Reset(b.machine, kind); {
	case errors.Is(err, ErrPowerState) && b.hpe():
		return redfishFailure(http.StatusBadRequest, redfishMessage("iLO.2.24.InvalidOperationForSystemState", "The system's power state does not allow this."))
	case errors.Is(err, ErrPowerState):
		return redfishFailure(http.StatusConflict, redfishMessage("ActionParameterValueConflict",
			fmt.Sprintf("ResetType %s does not fit power state %s.", kind, b.state().Power), "/ResetType"))
	case err != nil:
		return redfishFailure(http.StatusConflict, redfishMessage("ResourceInUse", "The system is in transition: "+err.Error()+"."))
	}
	return redfishReply{status: http.StatusNoContent}
}
