package render_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// small is a fleet with one of everything: Metal3 machines in and out of pools and of every lifecycle
// that matters, a control plane machine without Metal3, two tenants and one that leaves.
func small() *fleet.Fleet {
	f := &fleet.Fleet{
		Platform: &fleet.Platform{
			Fleet: "example", Cluster: "control-plane", Namespace: "vcluster-platform", ClusterRef: "loft-cluster", Owner: "admin",
			Metal3:   fleet.PlatformMetal3{Namespace: "metal3-system", NodeProvider: "metal3"},
			VCluster: fleet.VCluster{Version: "0.36.0"}, DNS: []string{"10.10.255.53", "10.10.255.54"},
		},
		Policy: &fleet.Policy{},
		Sites: map[string]*fleet.Site{"dc1": {
			Netris: fleet.Netris{URL: "https://netris.dc1.example.com", Credentials: "netris-credentials", Site: "DC 1", AdminTenant: "Admin", UFM: "ufm-dc1"},
			NTP:    []string{"ntp1.dc1.example.com", "ntp2.dc1.example.com"},
		}},
		Classes: map[string]*fleet.Class{
			"h100-8x": {
				BIOS:     map[string]any{"SriovGlobalEnable": "Enabled", "NumaNodesPerSocket": int64(4), "Turbo.Mode": true},
				BootMode: "UEFI", RootDeviceHints: &fleet.DiskHints{DeviceName: "/dev/nvme0n1", MinSizeGigabytes: 800},
				Sanitise: fleet.Sanitise{Cleaning: "metadata"}, Image: "ubuntu-noble-gpu", Cost: 1000,
				Resources: map[string]string{"cpu": "192", "memory": "2048Gi", "nvidia.com/gpu": "8"},
			},
			"cp": {
				BIOS: map[string]any{"SriovGlobalEnable": "Enabled"}, BootMode: "UEFI",
				Sanitise: fleet.Sanitise{Cleaning: "disabled"}, Cost: 1000, Resources: map[string]string{"cpu": "64", "memory": "512Gi"},
			},
		},
		Images: map[string]*fleet.Image{
			"ubuntu-noble-gpu": {DisplayName: "Ubuntu 24.04 GPU", URL: "https://images.example.com/gpu.img", Checksum: strings.Repeat("ab", 32), ChecksumType: "sha256"},
			"unused":           {URL: "https://images.example.com/unused.img", Checksum: strings.Repeat("cd", 32), ChecksumType: "sha256"},
		},
		Machines: map[string]*fleet.Machine{},
		Segments: map[string]*fleet.Segment{"acme-train": segment(20), "globex-web": segment(21), "old-lab": segment(22)},
		Stacks:   map[string]*fleet.Stack{},
		Tenants: map[string]*fleet.Tenant{
			"acme": {DisplayName: "Acme Robotics", Admins: []string{"idp:acme-admins"}, Clusters: map[string]*fleet.Cluster{
				"train": tenantCluster("acme-train", 4),
			}},
			"globex": {DisplayName: "Globex", Admins: []string{"idp:globex-ops", "idp:globex-dev"}, Clusters: map[string]*fleet.Cluster{
				"web": tenantCluster("globex-web", 1),
			}},
			"old": {DisplayName: "Old", Retired: true, Admins: []string{"idp:old"}, Clusters: map[string]*fleet.Cluster{
				"lab": tenantCluster("old-lab", 1),
			}},
		},
		Allocation: fleet.Allocation{
			"acme":   {"train": {"h100": {"gpu-001", "gpu-002"}}},
			"globex": {"web": {"h100": {"gpu-003"}}},
			"old":    {"lab": {"h100": {"gpu-007"}}},
		},
	}
	f.Segments["acme-train"].InfiniBand = &fleet.Partition{PKey: "auto"}
	f.Segments["globex-web"].NorthSouth.DHCP = false
	f.Segments["globex-web"].Version = 3
	train := f.Tenants["acme"].Clusters["train"].Pools["h100"]
	train.Taints = []fleet.Taint{{Key: "nvidia.com/gpu", Value: "present", Effect: "NoSchedule"}}
	train.Labels = map[string]string{"example.com/tier": "gold"}
	f.Tenants["acme"].Clusters["train"].Values = map[string]any{
		"controlPlane": map[string]any{"coredns": map[string]any{"enabled": true}, "proxy": map[string]any{"bindAddress": "0.0.0.0"}},
		"telemetry":    map[string]any{"enabled": true},
	}

	for i := range 7 {
		f.Machines[fmt.Sprintf("gpu-%03d", i+1)] = machine(i+1, "h100-8x", fleet.ProvisioningMetal3)
	}
	f.Machines["gpu-001"].Labels = map[string]string{"example.com/fabric": "leaf-1"}
	f.Machines["gpu-002"].BMC.Certificate = "any"
	f.Machines["gpu-002"].NTP = []string{"ntp9.example.com"}
	f.Machines["gpu-004"].Lifecycle = fleet.Spare
	f.Machines["gpu-005"].Lifecycle = fleet.Retired
	f.Machines["gpu-006"].Lifecycle = fleet.RMA
	f.Machines["cp-001"] = machine(101, "cp", fleet.ProvisioningDirect)
	f.Machines["cp-001"].Role = fleet.RoleControlPlane
	f.Machines["cp-002"] = machine(102, "cp", fleet.ProvisioningDirect)
	f.Machines["cp-002"].Lifecycle = fleet.Maintenance
	for name, s := range f.Sites {
		s.Name = name
	}
	return f
}

func machine(n int, class, provisioning string) *fleet.Machine {
	return &fleet.Machine{
		Lifecycle: fleet.InService, Role: fleet.RoleWorker, Site: "dc1", Rack: "a1", Class: class, Provisioning: provisioning,
		BMC: fleet.BMC{
			Address:     fmt.Sprintf("redfish-virtualmedia+https://10.10.0.%d/redfish/v1/Systems/1", n),
			Credentials: fmt.Sprintf("bmc-%03d", n), Certificate: "verify",
		},
		BootMAC: fmt.Sprintf("5c:ff:35:00:00:%02x", n),
	}
}

func segment(n int) *fleet.Segment {
	return &fleet.Segment{Site: "dc1", Version: 1, NorthSouth: fleet.Ethernet{
		Network: fmt.Sprintf("10.%d.0.0/16", n), Subnet: fmt.Sprintf("10.%d.1.0/24", n), Gateway: fmt.Sprintf("10.%d.1.1", n),
		DHCP: true, NICs: []string{"eth0", "eth1"},
	}}
}

func tenantCluster(segment string, count int) *fleet.Cluster {
	return &fleet.Cluster{
		Kubernetes: "v1.35.2", Nodes: "private", Segment: segment,
		ControlPlane: fleet.ControlPlane{Replicas: 3, Size: "small", Store: fleet.Store{Type: fleet.StoreEmbeddedEtcd}},
		PrivateNodes: fleet.PrivateNodes{VPN: fleet.VPNOff, Join: fleet.Join{Containerd: true}, AutoUpgrade: fleet.AutoUpgrade{Enabled: true, Concurrency: 1}},
		Networking:   fleet.Networking{PodCIDR: "10.244.0.0/16", ServiceCIDR: "10.96.0.0/12"},
		Pools:        map[string]*fleet.Pool{"h100": {Class: "h100-8x", Count: count}},
	}
}

// withStack gives acme's cluster one stack made of files, one component per entry.
func withStack(f *fleet.Fleet, components map[string]*fleet.Component) *fleet.Fleet {
	f.Stacks["training"] = &fleet.Stack{Meta: fleet.Meta{Name: "training", Pos: diag.Pos{File: "stacks/training.cue", Line: 5}}, Components: components}
	f.Tenants["acme"].Clusters["train"].Stack = "training"
	return f
}

// files makes a repository of a txtar-like map.
func files(contents map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range contents {
		m[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return m
}

// mustRender renders without any finding.
func mustRender(t *testing.T, f *fleet.Fleet, in render.Inputs) state.Set {
	t.Helper()
	set, found := render.Render(t.Context(), f, in)
	require.Empty(t, found)
	return set
}

// must is an object of the set, by its address.
func must(t *testing.T, set state.Set, address string) state.Object {
	t.Helper()
	id, err := state.ParseID(address)
	require.NoError(t, err)
	o, ok := set.Get(id)
	require.True(t, ok, "%s is not rendered", address)
	return o
}

// at is the value at a path of an object.
func at(t *testing.T, o state.Object, path string) any {
	t.Helper()
	p, err := state.ParsePath(path)
	require.NoError(t, err)
	v, ok := o.Tree.Get(p)
	require.True(t, ok, "%s has no %s", o.ID, path)
	return v.Masked()
}

// waits reports whether an object stands on another, and whether on its parts too.
func waits(o state.Object, on string) (there, below bool) {
	for _, e := range o.After {
		if e.On.String() == on {
			return true, e.Below
		}
	}
	return false, false
}
