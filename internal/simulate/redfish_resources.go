package simulate

import (
	"crypto/sha256"
	"fmt"
	"path"
)

const redfishRoot = "/redfish/v1"

const redfishManagerID = "BMC"

// paths of the resources whose name depends on an option.
func (b *BMC) systemPath() string   { return redfishRoot + "/Systems/" + b.opts.SystemID }
func (b *BMC) chassisPath() string  { return redfishRoot + "/Chassis/" + b.opts.SystemID }
func (b *BMC) managerPath() string  { return redfishRoot + "/Managers/" + redfishManagerID }
func (b *BMC) biosPath() string     { return b.systemPath() + "/Bios" }
func (b *BMC) settingsPath() string { return b.biosPath() + "/Settings" }

const (
	redfishInventoryPath = redfishRoot + "/UpdateService/FirmwareInventory"
	redfishTasksPath     = redfishRoot + "/TaskService/Tasks"
	redfishRegistryPath  = redfishRoot + "/Registries/" + redfishBIOSRegistry
)

// redfishResource is what lies at a path.
func (b *BMC) resource(at string) (redfishResource, bool) {
	members := func(of string, names ...string) redfishResource {
		return redfishResource{get: func() doc { return redfishCollection(at, of, names...) }}
	}
	switch at {
	case "/redfish":
		return redfishResource{open: true, get: func() doc { return doc{"v1": redfishRoot + "/"} }}, true
	case redfishRoot:
		return redfishResource{open: true, get: b.serviceRoot}, true
	case redfishRoot + "/SessionService":
		return redfishResource{get: b.sessionService}, true
	case redfishSessionsPath:
		return redfishResource{get: b.sessionList, post: b.login, login: true}, true
	case redfishRoot + "/AccountService":
		return redfishResource{get: b.accountService}, true
	case redfishRoot + "/AccountService/Accounts":
		return members("ManagerAccount"), true
	case redfishRoot + "/Systems":
		return members("ComputerSystem", b.systemPath()), true
	case b.systemPath():
		return redfishResource{get: b.system}, true
	case b.systemPath() + "/Actions/ComputerSystem.Reset":
		return redfishResource{post: b.reset}, true
	case b.biosPath():
		r := redfishResource{get: b.bios}
		if !b.site.Rule(RedfishBIOSThroughSettings) {
			r.patch = b.patchBIOS
		}
		return r, true
	case b.settingsPath():
		return redfishResource{get: b.biosSettings, patch: b.patchBIOS}, true
	case redfishRoot + "/Registries":
		return members("MessageRegistryFile", redfishRegistryPath), true
	case redfishRegistryPath:
		return redfishResource{get: b.registryFile}, true
	case redfishRegistryPath + "/Registry":
		return redfishResource{get: b.registry}, true
	case redfishRoot + "/Chassis":
		return members("Chassis", b.chassisPath()), true
	case b.chassisPath():
		return redfishResource{get: b.chassis}, true
	case redfishRoot + "/Managers":
		return members("Manager", b.managerPath()), true
	case b.managerPath():
		return redfishResource{get: b.manager}, true
	case b.managerPath() + "/NetworkProtocol":
		return redfishResource{get: b.networkProtocol, patch: b.patchNetworkProtocol}, true
	case redfishRoot + "/UpdateService":
		return redfishResource{get: redfishUpdateService}, true
	case redfishInventoryPath:
		return members("SoftwareInventory", redfishInventoryPath+"/BIOS", redfishInventoryPath+"/BMC"), true
	case redfishInventoryPath + "/BIOS":
		return redfishFirmware(at, b.opts.BIOSVersion), true
	case redfishInventoryPath + "/BMC":
		return redfishFirmware(at, redfishBMCVersion), true
	case redfishRoot + "/TaskService":
		return redfishResource{get: redfishTaskService}, true
	case redfishTasksPath:
		return redfishResource{get: b.taskList}, true
	}
	switch path.Dir(at) {
	case redfishSessionsPath:
		return b.session(at)
	case redfishTasksPath:
		return b.task(at)
	}
	return redfishResource{}, false
}

const redfishBMCVersion = "7.10.50.00"

func (b *BMC) serviceRoot() doc {
	return redfishEntity(redfishRoot, "ServiceRoot.v1_16_0.ServiceRoot", "Root Service", doc{
		"Id":             "RootService",
		"RedfishVersion": "1.18.0",
		"Vendor":         b.opts.Vendor,
		"UUID":           b.uuid("bmc"),
		"Systems":        redfishLink(redfishRoot + "/Systems"),
		"Chassis":        redfishLink(redfishRoot + "/Chassis"),
		"Managers":       redfishLink(redfishRoot + "/Managers"),
		"Registries":     redfishLink(redfishRoot + "/Registries"),
		"SessionService": redfishLink(redfishRoot + "/SessionService"),
		"AccountService": redfishLink(redfishRoot + "/AccountService"),
		"UpdateService":  redfishLink(redfishRoot + "/UpdateService"),
		"Tasks":          redfishLink(redfishRoot + "/TaskService"),
		"Links":          doc{"Sessions": redfishLink(redfishSessionsPath)},
	})
}

func (b *BMC) chassis() doc {
	return redfishEntity(b.chassisPath(), "Chassis.v1_25_0.Chassis", "Chassis", doc{
		"ChassisType":  "RackMount",
		"Manufacturer": b.opts.Vendor,
		"Model":        b.opts.Model,
		"SerialNumber": b.serial(),
		"Status":       redfishHealthy,
		"Links": doc{
			"ComputerSystems": []doc{redfishLink(b.systemPath())},
			"ManagedBy":       []doc{redfishLink(b.managerPath())},
		},
	})
}

func (b *BMC) manager() doc {
	return redfishEntity(b.managerPath(), "Manager.v1_19_0.Manager", "Manager", doc{
		"ManagerType":     "BMC",
		"FirmwareVersion": redfishBMCVersion,
		"UUID":            b.uuid("bmc"),
		"Status":          redfishHealthy,
		"NetworkProtocol": redfishLink(b.managerPath() + "/NetworkProtocol"),
		"Links": doc{
			"ManagerForServers": []doc{redfishLink(b.systemPath())},
			"ManagerForChassis": []doc{redfishLink(b.chassisPath())},
		},
	})
}

func redfishUpdateService() doc {
	return redfishEntity(redfishRoot+"/UpdateService", "UpdateService.v1_14_0.UpdateService", "Update Service", doc{
		"ServiceEnabled":    true,
		"FirmwareInventory": redfishLink(redfishInventoryPath),
	})
}

func redfishFirmware(at, version string) redfishResource {
	return redfishResource{get: func() doc {
		return redfishEntity(at, "SoftwareInventory.v1_10_2.SoftwareInventory", path.Base(at)+" firmware", doc{"Version": version, "Updateable": true})
	}}
}

var redfishHealthy = doc{"State": "Enabled", "Health": "OK"}

// serial is a serial number that stays the same for a machine's name.
func (b *BMC) serial() string {
	sum := sha256.Sum256([]byte(b.machine))
	return fmt.Sprintf("%X", sum[:4])
}

func (b *BMC) uuid(of string) string {
	sum := sha256.Sum256([]byte(of + "/" + b.machine))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
