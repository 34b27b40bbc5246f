package kinds

import (
	"strconv"

	"millwright.dev/millwright/internal/state"
)

// tables is keyed by system, kind and the first word of the part.
var tables = map[string]Table{
	// Metal3. A host is released, never deleted: deleting one deprovisions it, which wipes its disks.
	// `online` is required at creation and belongs to the provisioner afterwards.
	"kubernetes/BareMetalHost.metal3.io": {
		Protected:  true,
		Release:    Leave,
		CreateOnly: []string{"spec.online"},
		Immutable:  []string{"spec.bootMACAddress"},
		Changed: func(path state.Path, _, _ any, live state.LiveObject) Impact {
			if len(path) == 0 || path[0] != "spec" {
				return None
			}
			if (live.Value == nil || hostState(live) == "available") && startsWith(path, "spec.raid", "spec.rootDeviceHints") {
				return Reboot // an available host goes back to preparing, which boots Ironic's ramdisk
			}
			return None
		},
	},
	// The label that lets Platform claim the host for a pool. Taking it away stops future claims only.
	"kubernetes/BareMetalHost.metal3.io/pool": {Release: Delete},
	// Created by Metal3 with an empty spec; we own the keys that the fleet names. On an available host
	// a change boots Ironic's ramdisk; on a provisioned one it waits for the host to be powered off.
	"kubernetes/HostFirmwareSettings.metal3.io": {
		Intrinsic: true,
		Release:   Leave,
		Changed: func(path state.Path, _, _ any, _ state.LiveObject) Impact {
			if startsWith(path, "spec.settings") {
				return Reboot
			}
			return None
		},
	},
	// What a host is told while it is installed. Platform puts a tenant's own there while the tenant has
	// the machine, so that a difference is never corrected unasked: it may be what a machine lives by.
	"kubernetes/BareMetalHost.metal3.io/dhcp": {
		Release: Leave,
		Changed: func(state.Path, any, any, state.LiveObject) Impact { return Network },
	},
	// Made by Metal3 too. It installs an image when its URL changes: on an available host at once, on a
	// provisioned one when it is next prepared or, if its update policy says so, restarted.
	"kubernetes/HostFirmwareComponents.metal3.io": {
		Intrinsic: true,
		Release:   Leave,
		Keys:      map[string]string{"spec.updates": "component"},
		Blank:     []string{"spec.updates"},
		Changed: func(path state.Path, _, _ any, _ state.LiveObject) Impact {
			if startsWith(path, "spec.updates") {
				return Reboot
			}
			return None
		},
	},
	// Without one, Metal3 changes nothing on a host in use. It is ours to make and to take away; to let
	// it lie would leave more allowed than Git says.
	"kubernetes/HostUpdatePolicy.metal3.io": {Release: Delete},

	// vCluster Platform.
	"kubernetes/VirtualClusterInstance.management.loft.sh": {
		Protected: true,
		Release:   Delete,
		Removed:   DataLoss,
		Immutable: append([]string{"spec.clusterRef.cluster", "spec.clusterRef.namespace", "spec.clusterRef.virtualCluster"}, immutableValues...),
		Changed:   instanceImpact,
	},
	"kubernetes/Project.management.loft.sh":      {Protected: true, Release: Delete, Removed: DataLoss},
	"kubernetes/NodeProvider.management.loft.sh": {Protected: true, Release: Delete, Removed: Reprovision, Keys: map[string]string{"spec.metal3.nodeTypes": "name"}},
	"kubernetes/OSImage.management.loft.sh":      {Release: Delete},
	"kubernetes/Team.management.loft.sh":         {Release: Delete},
	// A role of projects; whoever has it loses it with the object.
	"kubernetes/ClusterRoleTemplate.management.loft.sh": {Release: Delete},
	// What machines are installed with; those that are installed keep it.
	"kubernetes/SSHKey.management.loft.sh":                {Release: Delete},
	"kubernetes/MachineConfigTemplate.management.loft.sh": {Release: Delete},
	"kubernetes/NodeProfile.management.loft.sh":           {Release: Delete},

	// Core kinds whose loss takes others along.
	"kubernetes/Namespace":             {Protected: true, Release: Delete, Removed: DataLoss},
	"kubernetes/PersistentVolumeClaim": {Protected: true, Release: Delete, Removed: DataLoss},
	"kubernetes/PersistentVolume":      {Protected: true, Release: Delete, Removed: DataLoss},
	// Whether what they keep goes with them, the driver's class or the content says.
	"kubernetes/VolumeSnapshot.snapshot.storage.k8s.io":        {Protected: true, Release: Delete, Removed: DataLoss},
	"kubernetes/VolumeSnapshotContent.snapshot.storage.k8s.io": {Protected: true, Release: Delete, Removed: DataLoss},
	"kubernetes/CustomResourceDefinition.apiextensions.k8s.io": {
		Protected: true, Release: Delete, Removed: DataLoss,
	},
	// What runs pods. Volumes may go with a StatefulSet, if it says so when it goes.
	"kubernetes/StatefulSet.apps": {Protected: true, Release: Delete, Removed: DataLoss, Changed: statefulImpact},
	"kubernetes/Deployment.apps":  {Release: Delete, Removed: Restart, Changed: podsImpact},
	"kubernetes/DaemonSet.apps":   {Release: Delete, Removed: Restart, Changed: podsImpact},
	// Who reaches whom. A change of one is put right like any other: to leave a policy open until somebody agrees
	// would harm more than to close it.
	"kubernetes/NetworkPolicy.networking.k8s.io": {Release: Delete, Removed: Network},
	"kubernetes/Service":                         {Release: Delete, Removed: Network},
	"kubernetes/Ingress.networking.k8s.io":       {Release: Delete, Removed: Network},
	// A job runs once; one that is to do something else is another job.
	"kubernetes/Job.batch": {Release: Delete, Immutable: []string{"spec.template", "spec.selector", "spec.completions", "spec.completionMode"}},
	// Volumes outlive their class, so that it is simply made anew.
	"kubernetes/StorageClass.storage.k8s.io": {
		Release: Delete, Immutable: []string{"provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"},
	},
	"kubernetes/Secret": {Release: Delete, Sensitive: []string{"data", "stringData"}},

	// Redfish. The resources are there by nature; what Git drops stays as it is.
	"redfish/power": {Intrinsic: true, Release: Leave},
	"redfish/ntp":   {Intrinsic: true, Release: Leave},
	"redfish/bios": {
		Intrinsic: true,
		Release:   Leave,
		Staged:    true,
		Changed:   func(state.Path, any, any, state.LiveObject) Impact { return Reboot },
	},

	// Netris. A VPC or server cluster that vanished may have carried tenants: never re-created by guess.
	"netris/tenant": {Release: Delete}, // which Netris refuses as long as anything is the tenant's
	"netris/vpc": {
		Protected: true,
		Release:   Delete,
		Removed:   Network,
		Immutable: []string{"adminTenant"},
		Sets:      []string{"tags", "guestTenant"},
	},
	"netris/allocation": {Release: Delete, Removed: Network, Immutable: []string{"tenant", "vpc", "prefix"}},
	// The gateway is that of the server cluster template, which no edit changes either.
	"netris/subnet": {
		Release:   Delete,
		Removed:   Network,
		Immutable: []string{"prefix", "vpc"},
		Sets:      []string{"tags", "sites"},
		Changed:   networkImpact("defaultGateway", "sites"),
	},
	// How machines find others by name. (One in use Netris does not delete.)
	"netris/dhcp-option-set": {Release: Delete, Changed: networkImpact("dnsServers", "domainSearch")},
	// Somebody who deletes a network cuts its devices off, perhaps on purpose.
	"netris/vnet": {
		Protected: true,
		Release:   Delete,
		Removed:   Network,
		Immutable: []string{"tenant", "vpc", "vlanAware", "l3vpn", "vxlanID"},
		Keys:      map[string]string{"gateways": "prefix", "ports": "name"},
		Sets:      []string{"tags", "sites", "guestTenants"},
		Changed:   networkImpact("vlan", "state", "gateways", "ports", "ipFamily"),
	},
	// A peering joins two networks, which is not nothing either.
	"netris/vpc-peering": {Release: Delete, Created: Network, Removed: Network, Immutable: []string{"vpcA", "vpcB"}},
	"netris/nat":         {Release: Delete, Removed: Network, Immutable: []string{"site", "vpc"}, Changed: networkImpact()},
	"netris/l4lb": {
		Release:   Delete,
		Removed:   Network,
		Immutable: []string{"tenant", "site", "vpc"},
		Sets:      []string{"backendIps"},
		Changed:   networkImpact(),
	},
	"netris/acl": {Release: Delete, Created: Network, Removed: Network, Immutable: []string{"vpc"}, Changed: networkImpact()},
	// Switches take their settings from it, and who may log in to them.
	"netris/inventory-profile": {Intrinsic: true, Release: Leave},
	// What an edit does to live clusters is not documented, so a template is replaced under a new name.
	"netris/servercluster-template": {Release: Delete, Immutable: []string{"vnets"}, Keys: map[string]string{"vnets": "postfix"}},
	"netris/servercluster": {
		Protected: true,
		Release:   Delete,
		Removed:   Network,
		Immutable: []string{"admin", "site", "vpc", "srvClusterTemplate"},
		Sets:      []string{"tags"},
	},
	// Membership: joining and leaving a tenant's network is what isolation is made of.
	"netris/servercluster/server": {Release: Delete, Created: Network, Removed: Network},
	"netris/server":               {Intrinsic: true, Release: Leave},

	// InfiniBand partitions that are told to UFM itself. An empty one joins nobody, so that it is made
	// again without asking; what somebody else keeps in one keeps it from being deleted. Whether IP runs
	// over it is said when it is made: how to change it is not documented.
	"ufm/pkey": {Release: Delete, Removed: Network, Immutable: []string{"ip_over_ib"}, Changed: networkImpact("qos_conf")},
	// One port of a machine in one: isolation is made of these too.
	"ufm/pkey/guid": {Release: Delete, Created: Network, Removed: Network, Changed: networkImpact()},
}

// networkImpact says that changing any of the fields, or of all if none is named, touches traffic.
func networkImpact(fields ...string) func(state.Path, any, any, state.LiveObject) Impact {
	return func(path state.Path, _, _ any, _ state.LiveObject) Impact {
		if len(fields) == 0 && !startsWith(path, "comment") || startsWith(path, fields...) {
			return Network
		}
		return None
	}
}

// more reports whether a limit, which is a number in a string, is no lower than it was.
func more(old, new any) bool {
	from, _ := old.(string)
	to, _ := new.(string)
	was, err1 := strconv.Atoi(from)
	is, err2 := strconv.Atoi(to)
	return err1 == nil && err2 == nil && is >= was
}

func hostState(live state.LiveObject) string {
	return Text(live.Value, "status", "provisioning", "state")
}

// Text is the string at a path of maps, or "".
func Text(value map[string]any, path ...string) string {
	s, _ := Lookup(value, path...).(string)
	return s
}

// Lookup is the value at a path of maps, or nil.
func Lookup(value map[string]any, path ...string) any {
	var at any = value
	for _, key := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[key]
	}
	return at
}

func startsWith(path state.Path, prefixes ...string) bool {
	for _, prefix := range prefixes {
		p, err := state.ParsePath(prefix)
		if err == nil && path.HasPrefix(p) {
			return true
		}
	}
	return false
}
