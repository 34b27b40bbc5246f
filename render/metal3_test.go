package render_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// metal is the small fleet with every field of machines, classes and pools in use.
func metal() *fleet.Fleet {
	f, no := small(), false
	gpu := f.Classes["h100-8x"]
	gpu.Architecture, gpu.Inspection = "x86_64", "disabled"
	gpu.RootDeviceHints = &fleet.DiskHints{
		DeviceName: "/dev/nvme0n1", HCTL: "0:0:0:0", Model: "MZ1L", Vendor: "SAMSUNG", SerialNumber: "S64G", WWN: "0x5002", MinSizeGigabytes: 800, Rotational: &no,
	}
	gpu.Baselines = map[string]*fleet.Baseline{"dell": {
		BIOS: map[string]any{"NumaNodesPerSocket": int64(1), "ProcCStates": "Disabled"},
		Firmware: map[string]fleet.Firmware{
			"bmc":  {Version: "7.10.50.00", URL: "https://firmware.example.com/idrac.exe"},
			"bios": {Version: "2.10.2", URL: "https://firmware.example.com/bios.exe"},
		},
	}}
	gpu.Updates = fleet.Updates{BIOS: "onReboot", Firmware: "onReboot"}
	gpu.Reserved = map[string]string{"cpu": "2", "memory": "16Gi"}
	gpu.NetworkData = "bond"
	gpu.RAID = &fleet.RAID{Hardware: []fleet.HardwareVolume{
		{Level: "1", Name: "root", Size: 800, Disks: 2, Controller: "RAID.1", Rotational: &no, PhysicalDisks: []string{"Disk.0", "Disk.1"}},
		{Level: "0"},
	}}
	f.Classes["cp"].RAID = &fleet.RAID{Software: []fleet.SoftwareVolume{{Level: "1", Size: 100, PhysicalDisks: []fleet.DiskHints{{DeviceName: "/dev/sda"}, {DeviceName: "/dev/sdb"}}}}}
	f.Classes["cp"].DisablePowerOff = true
	soft := machine(8, "cp", fleet.ProvisioningMetal3)
	f.Machines["soft-001"] = soft
	m := f.Machines["gpu-001"]
	m.BMC.Vendor, m.Description = "dell", "fan 3 replaced"
	m.DHCP = &fleet.Lease{Address: "192.168.100.21/24", Gateway: "192.168.100.1", DNS: []string{"10.10.255.53", "10.10.255.54"}, NTP: []string{"ntp1.example.com"}}
	f.Platform.Metal3.SSHKeys = map[string]fleet.SSHKey{
		"ops":    {PublicKey: "ssh-ed25519 AAAA ops@example.com", Everywhere: true},
		"acme":   {DisplayName: "Acme's own", PublicKey: "ssh-ed25519 AAAB acme@example.com"},
		"unused": {PublicKey: "ssh-ed25519 AAAC unused@example.com"},
	}
	f.Platform.Metal3.Configs = map[string]fleet.MachineConfig{
		"bond":   {NetworkData: "version: 2\n"},
		"plain":  {NetworkData: "version: 2\nethernets: {}\n"},
		"chrony": {CloudInit: "#cloud-config\npackages: [chrony]\n"},
		"unused": {CloudInit: "#cloud-config\n"},
	}
	once := []fleet.Taint{{Key: "node.example.com/bootstrap", Value: "true", Effect: "NoSchedule"}}
	f.Platform.Metal3.Profiles = map[string]fleet.NodeProfile{
		"training": {
			DisplayName: "Training", Description: "GPU nodes", Taints: []fleet.Taint{{Key: "nvidia.com/gpu", Value: "present", Effect: "NoSchedule"}}, StartupTaints: once,
			Labels: map[string]string{"example.com/class": "gpu"}, Annotations: map[string]string{"example.com/owner": "ops"},
		},
		"unused": {},
	}
	p := f.Tenants["acme"].Clusters["train"].Pools["h100"]
	p.Count, p.Floor, p.Profile, p.SSHKeys, p.UserData, p.Drain = 2, 1, "training", []string{"acme"}, "chrony", "2h"
	p.Automatic = &fleet.Automatic{
		Limits: map[string]string{"nvidia.com/gpu": "16"}, Consolidate: "WhenEmpty", ConsolidateAfter: "1h", ExpireAfter: "Never", Weight: 10,
		Budgets: []fleet.DisruptionBudget{{Nodes: "10%"}, {Nodes: "0", Schedule: "0 8 * * 1-5", Duration: "10h"}},
	}
	f.Tenants["globex"].Clusters["web"].Pools["h100"].NetworkData = "plain"
	return f
}

// What Metal3 and Platform are told of machines and pools.
func TestGoldenMetal(t *testing.T) {
	var objects []state.Object
	for o := range mustRender(t, metal(), render.Inputs{}).All() {
		word := o.ID.String()
		about := slices.Contains([]string{"gpu-001", "soft-001", "train"}, o.ID.Name) && o.ID.Target.System == state.Kubernetes
		if about || strings.Contains(word, "redfish/gpu-001/bios") || slices.ContainsFunc([]string{"NodeProvider", "SSHKey", "MachineConfig", "NodeProfile"}, func(k string) bool { return strings.HasPrefix(o.ID.Kind, k) }) {
			objects = append(objects, o)
		}
	}
	set, err := state.NewSet(objects, nil)
	require.NoError(t, err)
	golden(t, "metal.txt", dump(set))
}

// A vendor's own BIOS value goes before that of the class, for Metal3 and for the BMC alike.
func TestBaselines(t *testing.T) {
	set := mustRender(t, metal(), render.Inputs{})
	const settings = "kubernetes/control-plane/HostFirmwareSettings.metal3.io/metal3-system/"
	require.EqualValues(t, 1, at(t, must(t, set, settings+"gpu-001"), "spec.settings.NumaNodesPerSocket"))
	require.EqualValues(t, 1, at(t, must(t, set, "redfish/gpu-001/bios"), "Attributes.NumaNodesPerSocket"))
	require.EqualValues(t, 4, at(t, must(t, set, settings+"gpu-002"), "spec.settings.NumaNodesPerSocket"), "of no known vendor")
	require.Equal(t, "true", at(t, must(t, set, settings+"gpu-001"), `spec.settings["Turbo.Mode"]`))
	require.Equal(t, true, at(t, must(t, set, "redfish/gpu-001/bios"), `Attributes["Turbo.Mode"]`))
	_, ok := set.Get(state.ID{Target: state.ControlPlane, Kind: "HostFirmwareComponents.metal3.io", Namespace: "metal3-system", Name: "gpu-002"})
	require.False(t, ok)
	require.Empty(t, at(t, must(t, mustRender(t, cleared(), render.Inputs{}), "kubernetes/control-plane/BareMetalHost.metal3.io/metal3-system/gpu-001"), "spec.raid.hardwareRAIDVolumes"))
}

// cleared asks for no hardware volumes at all, which is not the same as to ask for nothing.
func cleared() *fleet.Fleet {
	f := metal()
	f.Classes["h100-8x"].RAID = &fleet.RAID{Hardware: []fleet.HardwareVolume{}}
	return f
}

// A pool that names no class has that of the machines allocated to it.
func TestPoolsByLabelsAlone(t *testing.T) {
	f := small()
	for _, t := range f.Tenants {
		for _, c := range t.Clusters {
			c.Pools["h100"].Class, c.Pools["h100"].Selector = "", map[string]string{"example.com/leaf": "1"}
		}
	}
	require.Equal(t, dump(mustRender(t, small(), render.Inputs{})), dump(mustRender(t, f, render.Inputs{})))
}

// Of an automatic pool no more is asked for than is allocated, and the floor is always there.
func TestAutomaticPools(t *testing.T) {
	const instance = "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"
	const nodes = "spec.template.helmRelease.values.privateNodes.autoNodes[0]"
	for name, c := range map[string]struct {
		change  func(*fleet.Fleet, *fleet.Pool)
		static  int64
		dynamic any
	}{
		"floor and more":   {func(*fleet.Fleet, *fleet.Pool) {}, 1, "1"},
		"nothing is fixed": {func(_ *fleet.Fleet, p *fleet.Pool) { p.Floor = 0 }, 0, "2"},
		"all is fixed":     {func(_ *fleet.Fleet, p *fleet.Pool) { p.Floor = 2 }, 2, "0"},
		"one is away": {func(f *fleet.Fleet, p *fleet.Pool) {
			p.Floor = 2
			f.Machines["gpu-002"].Lifecycle = fleet.RMA
		}, 1, "0"},
		"a lower limit": {func(_ *fleet.Fleet, p *fleet.Pool) { p.Automatic.Limits["nodes"] = "1"; p.Floor = 0 }, 0, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := metal()
			c.change(f, f.Tenants["acme"].Clusters["train"].Pools["h100"])
			o := must(t, mustRender(t, f, render.Inputs{}), instance)
			require.Equal(t, c.dynamic, at(t, o, nodes+".dynamic[0].limits.nodes"))
			require.Equal(t, c.static, at(t, o, nodes+".static[0].quantity"))
			require.Equal(t, "h100", at(t, o, nodes+".static[0].name"), "as before it was automatic: nothing is installed anew")
			require.Equal(t, "h100-more", at(t, o, nodes+".dynamic[0].name"))
		})
	}
}

// The fields of a host's spec by which a provisioned machine is wiped when they go or change. Whoever
// has once owned one cannot let go of it without harm, so none is ever owned.
var deprovisioning = []string{"consumerRef", "customDeploy", "externallyProvisioned", "image", "metaData", "networkData", "userData"}

// No sequence of commits makes us drop a field that would deprovision a host: whatever is changed in
// a fleet, in whatever order, no host's object ever holds one, under any name, and giving an object up
// never deletes a host.
func TestNoCommitsDeprovision(t *testing.T) {
	const sequences, commits = 40, 12
	for seed := range sequences {
		random := rand.New(rand.NewPCG(uint64(seed), 7))
		f := metal()
		owned := map[state.ID]map[string]bool{}
		for range commits {
			for range 1 + random.IntN(4) {
				fates[random.IntN(len(fates))](random, f)
			}
			next := *copyOf(f)
			set, found := render.Render(t.Context(), &next, render.Inputs{})
			require.NoError(t, found.Err(), "seed %d", seed)
			for o := range set.All() {
				if !strings.HasPrefix(o.ID.Kind, "BareMetalHost") {
					continue
				}
				if owned[o.ID] == nil {
					owned[o.ID] = map[string]bool{}
				}
				for path := range o.Tree.Leaves() {
					if len(path) > 1 && path[0] == "spec" {
						owned[o.ID][path[1]] = true
					}
				}
				if o.ID.Part == "" {
					table := kinds.Of(o.ID)
					require.Equal(t, kinds.Leave, table.Release, "a host that Git drops is left")
					require.True(t, table.Protected)
					require.Contains(t, table.CreateOnly, "spec.online", "power is the provisioner's once the host is there")
				} else {
					require.Empty(t, owned[o.ID], "%s: a part has labels and annotations only", o.ID)
				}
			}
		}
		require.NotEmpty(t, owned)
		for id, fields := range owned {
			for _, field := range deprovisioning {
				require.NotContains(t, fields, field, "seed %d: %s", seed, id)
			}
		}
	}
}

// copyOf is a fleet as the next commit has it: an index of who serves what belongs to one commit.
func copyOf(f *fleet.Fleet) *fleet.Fleet {
	return &fleet.Fleet{
		Platform: f.Platform, Policy: f.Policy, Sites: f.Sites, Classes: f.Classes, Images: f.Images, Machines: f.Machines,
		Segments: f.Segments, Stacks: f.Stacks, Tenants: f.Tenants, Allocation: f.Allocation,
	}
}

// fates are what people do to machines, classes and pools from one commit to the next.
var fates = []func(*rand.Rand, *fleet.Fleet){
	func(r *rand.Rand, f *fleet.Fleet) {
		anyMachine(r, f).Lifecycle = pick(r, fleet.InService, fleet.Maintenance, fleet.Spare, fleet.Quarantine, fleet.RMA, fleet.Retired)
	},
	func(r *rand.Rand, f *fleet.Fleet) {
		m := anyMachine(r, f)
		m.Provisioning = pick(r, fleet.ProvisioningMetal3, fleet.ProvisioningDirect)
	},
	func(r *rand.Rand, f *fleet.Fleet) { anyMachine(r, f).Class = pick(r, "h100-8x", "cp") },
	func(r *rand.Rand, f *fleet.Fleet) { anyMachine(r, f).BMC.Vendor = pick(r, "", "dell", "hpe") },
	func(r *rand.Rand, f *fleet.Fleet) { anyMachine(r, f).Description = pick(r, "", "x") },
	func(r *rand.Rand, f *fleet.Fleet) {
		anyMachine(r, f).DHCP = pick(r, nil, &fleet.Lease{Address: fmt.Sprintf("192.168.100.%d/24", r.IntN(250)+1)})
	},
	func(r *rand.Rand, f *fleet.Fleet) {
		anyMachine(r, f).Labels = pick(r, nil, map[string]string{"example.com/image": "x"})
	},
	func(r *rand.Rand, f *fleet.Fleet) {
		c := f.Classes[pick(r, "h100-8x", "cp")]
		c.Image = "ubuntu-noble-gpu"
		c.RAID = pick(r, nil, c.RAID, &fleet.RAID{Hardware: []fleet.HardwareVolume{{Level: "0"}}})
		c.RootDeviceHints = pick(r, nil, &fleet.DiskHints{Model: "x"})
		c.Sanitise.Cleaning = pick(r, "metadata", "disabled")
		c.Inspection = pick(r, "agent", "disabled")
		c.NetworkData = pick(r, "", "bond")
	},
	func(r *rand.Rand, f *fleet.Fleet) {
		p := f.Tenants["acme"].Clusters["train"].Pools["h100"]
		p.Image = pick(r, "", "ubuntu-noble-gpu", "unused")
		p.UserData, p.NetworkData = pick(r, "", "chrony"), pick(r, "", "plain")
		p.Automatic = pick(r, nil, p.Automatic)
	},
	func(r *rand.Rand, f *fleet.Fleet) { f.Tenants["globex"].Retired = !f.Tenants["globex"].Retired },
	func(r *rand.Rand, f *fleet.Fleet) { // a machine moves between tenants, or to nobody
		f.Allocation = fleet.Allocation{}
		for n := range fleet.All(f.Machines) {
			if t := pick(r, "acme", "globex", ""); t != "" {
				cluster := map[string]string{"acme": "train", "globex": "web"}[t]
				if f.Allocation[t] == nil {
					f.Allocation[t] = map[string]map[string][]string{cluster: {}}
				}
				f.Allocation[t][cluster]["h100"] = append(f.Allocation[t][cluster]["h100"], n)
			}
		}
	},
	func(r *rand.Rand, f *fleet.Fleet) { // a file is removed, or comes back
		if n := fmt.Sprintf("gpu-%03d", r.IntN(9)+1); f.Machines[n] == nil {
			f.Machines[n] = machine(r.IntN(200)+1, "h100-8x", fleet.ProvisioningMetal3)
		} else if _, allocated := copyOf(f).PoolOf(n); !allocated {
			delete(f.Machines, n)
		}
	},
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func anyMachine(r *rand.Rand, f *fleet.Fleet) *fleet.Machine {
	return f.Machines[pick(r, slices.Sorted(maps.Keys(f.Machines))...)]
}
