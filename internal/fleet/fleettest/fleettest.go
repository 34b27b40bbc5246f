// Package fleettest writes fleets of any size: for tests, benchmarks and the command generate-fleet.
// Begin with [Generate]. What it writes is correct and the same each time. It knows the schema's text
// only, and no test framework, so that a command may use it too.
package fleettest

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"

	"millwright.dev/millwright/internal/fleet/scaffold"
)

// Size is how large a fleet is to be.
type Size struct {
	Machines int // GPU machines, eight to a rack; each rack is a directory, every fifth of the lesser class
	Tenants  int // each with two clusters of five pools together; each is a directory
}

// Check says whether there is such a fleet: addresses and names last for so many.
func (s Size) Check() error {
	const machines, tenants = 100_000, 500
	if s.Machines < 0 || s.Machines > machines {
		return fmt.Errorf("%d machines cannot be generated: 0 to %d can", s.Machines, machines)
	}
	if s.Tenants < 0 || s.Tenants > tenants {
		return fmt.Errorf("%d tenants cannot be generated: 0 to %d can", s.Tenants, tenants)
	}
	return nil
}

const machinesPerRack = 8

// Files is a fleet repository: contents by path.
type Files map[string]string

// pools are the pools of every tenant, with their class.
var pools = map[string][]struct{ name, class string }{
	"train": {{"large", h100}, {"small", h100}, {"debug", h100}},
	"serve": {{"batch", h100}, {"online", l40s}},
}

// The hardware classes.
const (
	h100 = "h100-8x"
	l40s = "l40s-4x"
)

// free are the machines of each class that serve nobody yet, how many of them each pool gets, and how
// many bits of an address tell the hosts of a segment.
type free struct {
	machines map[string][]string
	share    map[string]int
	bits     int
}

// hostBits are as many as the largest segment's subnet needs, the half of a block: one host is the gateway, and
// two addresses are no host's. However few tenants share all machines, their blocks lie within 100.64.0.0/10.
func (l *free) hostBits() int {
	bits := 12
	for _, in := range pools {
		hosts := 3
		for _, p := range in {
			hosts += l.share[p.class]
		}
		for 1<<(bits-1) < hosts {
			bits++
		}
	}
	return bits
}

// Generate is a correct fleet with its allocation and a copy of the schema. The tenants share out
// half of the machines; the rest is free.
func Generate(s Size) Files {
	f := Files{
		"cue.mod/module.cue":            "module: \"fleet.example.com@v0\"\nlanguage: version: \"v0.15.0\"\n",
		"common/common.cue":             common,
		"priorities/kustomization.yaml": "resources: [priorities.yaml]\n",
		"priorities/priorities.yaml":    priorities,
	}
	f.Vendor()
	left := free{machines: map[string][]string{}, share: map[string]int{}}
	for rack := 0; rack*machinesPerRack < s.Machines; rack++ {
		class := h100
		if rack%5 == 4 {
			class = l40s
		}
		var b strings.Builder
		b.WriteString("package machines\n\nimport \"millwright.dev/fleet\"\n")
		for n := rack * machinesPerRack; n < min((rack+1)*machinesPerRack, s.Machines); n++ {
			machine(&b, n, rack, class)
			left.machines[class] = append(left.machines[class], MachineName(n))
		}
		f[RackFile(rack)] = b.String()
	}
	if s.Tenants > 0 {
		left.share = map[string]int{h100: len(left.machines[h100]) / (8 * s.Tenants), l40s: len(left.machines[l40s]) / (2 * s.Tenants)}
	}
	left.bits = left.hostBits()
	allocation := &strings.Builder{}
	allocation.WriteString("package allocation\n\nimport \"millwright.dev/fleet\"\n\nallocation: fleet.#Allocation & {\n")
	for t := range s.Tenants {
		f.tenant(t, &left, allocation)
	}
	allocation.WriteString("}\n")
	f["allocation/allocation.cue"] = allocation.String()
	return f
}

// Vendor puts the built-in schema where CUE's own tools look for it.
func (f Files) Vendor() {
	for name, text := range scaffold.Schema() {
		f[path.Join(scaffold.Vendored, name)] = text
	}
}

// Write writes the files below a directory.
func (f Files) Write(dir string) error {
	for name, text := range f {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// RackFile is the file of a rack, the first being 0: for tests that change one.
func RackFile(rack int) string {
	return path.Join(fmt.Sprintf("machines/rack-%04d", rack), "machines.cue")
}

// MachineName is the name of a machine, the first being 0.
func MachineName(n int) string { return fmt.Sprintf("gpu-%05d", n) }

func machine(b *strings.Builder, n, rack int, class string) {
	hi, lo := n>>8&0xff, n&0xff
	name := MachineName(n)
	fmt.Fprintf(b, "\nmachine: %q: fleet.#Machine & {\n", name)
	fmt.Fprintf(b, "\tsite: \"dc1\"\n\track: \"r%04d\"\n\tunit: %d\n\tserial: \"SN%08d\"\n\tclass: %q\n", rack, n%machinesPerRack*5+1, n, class)
	fmt.Fprintf(b, "\tbmc: {\n\t\taddress: \"redfish-virtualmedia+https://10.%d.%d.%d/redfish/v1/Systems/1\"\n\t\tcredentials: \"%s-bmc\"\n\t\tvendor: \"dell\"\n\t}\n", n>>16&0x3, hi, lo, name)
	fmt.Fprintf(b, "\tbootMAC: \"5c:ff:%02x:%02x:%02x:00\"\n", n>>16, hi, lo)
	b.WriteString("\tlabels: {\"example.com/row\": \"" + fmt.Sprint(rack/10) + "\", \"example.com/power\": \"a\"}\n\tnics: [\n")
	for i := range 2 {
		fmt.Fprintf(b, "\t\t{name: \"eth%d\", role: \"north-south\", mac: \"5c:ff:%02x:%02x:%02x:%02x\"},\n", i, n>>16, hi, lo, i)
	}
	for i := range 8 {
		if class == l40s {
			break // it has no InfiniBand
		}
		fmt.Fprintf(b, "\t\t{name: \"ib%d\", role: \"infiniband\", guid: \"b8:3f:d2:03:%02x:%02x:%02x:%02x\"},\n", i, n>>16, hi, lo, i)
	}
	b.WriteString("\t]\n}\n")
}

func (f Files) tenant(t int, left *free, allocation *strings.Builder) {
	tenant := fmt.Sprintf("tenant%04d", t)
	var b strings.Builder
	fmt.Fprintf(&b, "package tenants\n\nimport \"millwright.dev/fleet\"\n\ntenant: %s: fleet.#Tenant & {\n\tdisplayName: \"Tenant %d\"\n\tadmins: [\"idp:%s-admins\"]\n", tenant, t, tenant)
	for c, cluster := range []string{"train", "serve"} {
		segment := tenant + "-" + cluster
		net := 2*t + c
		fmt.Fprintf(&b, "\tcluster: %s: {\n\t\tkubernetes: \"v1.35.2\"\n\t\tstack: \"base\"\n\t\tsegment: %q\n", cluster, segment)
		for _, pool := range pools[cluster] {
			n := left.share[pool.class]
			fmt.Fprintf(&b, "\t\tpool: %s: {class: %q, count: %d, labels: {\"example.com/pool\": %q}}\n", pool.name, pool.class, n, pool.name)
			fmt.Fprintf(allocation, "\t%s: %s: %s: [", tenant, cluster, pool.name)
			for _, m := range left.machines[pool.class][:n] {
				fmt.Fprintf(allocation, "%q, ", m)
			}
			left.machines[pool.class] = left.machines[pool.class][n:]
			allocation.WriteString("]\n")
		}
		b.WriteString("\t}\n")
		fabric := ""
		if cluster == "train" {
			fabric = "\tinfiniband: {}\n"
		}
		block := func(host uint32) string { // every segment has its block, and nodes the lower half of it
			return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 100<<24|64<<16|uint32(net)<<left.bits|host))).String()
		}
		f["segments/"+segment+".cue"] = fmt.Sprintf(`package segments

import "millwright.dev/fleet"

segment: %q: fleet.#Segment & {
	site: "dc1"
	northSouth: {
		network: "%s/%d"
		subnet:  "%s/%d"
		gateway: "%s"
		nics: ["eth0", "eth1"]
	}
%s}
`, segment, block(0), 32-left.bits, block(0), 33-left.bits, block(1), fabric)
	}
	b.WriteString("}\n")
	f["tenants/"+tenant+"/tenant.cue"] = b.String()
}

const common = `package common

import "millwright.dev/fleet"

platform: fleet.#Platform & {
	fleet: "generated"
	vcluster: version: "0.36.0"
	dns: ["10.15.255.53"]
	networking: {podCIDR: "172.20.0.0/16", serviceCIDR: "172.21.0.0/16"}
}

policy: fleet.#Policy

site: dc1: fleet.#Site & {
	netris: {url: "https://netris.dc1.example.com", credentials: "netris-credentials", site: "dc1", ufm: "ufm-dc1"}
	ntp: ["ntp1.dc1.example.com"]
	management: "10.0.0.0/12"
}

image: "ubuntu-noble-gpu": fleet.#Image & {
	url:      "https://images.example.com/ubuntu-noble-gpu.img"
	checksum: "9f2c1a7e5b8d4036c1e2f3a4b5968778695a4b3c2d1e0f9e8d7c6b5a49382716"
}

class: "h100-8x": fleet.#Class & {
	gpus: {model: "H100-SXM5-80GB", count: 8}
	cpus:   192
	memory: 2048
	nics: [
		{name: "eth0", role: "north-south"}, {name: "eth1", role: "north-south"},
		for i in [0, 1, 2, 3, 4, 5, 6, 7] {name: "ib\(i)", role: "infiniband"},
	]
	bios: SriovGlobalEnable: "Enabled"
	image: "ubuntu-noble-gpu"
}

class: "l40s-4x": fleet.#Class & {
	gpus: {model: "L40S-48GB", count: 4}
	cpus:   96
	memory: 768
	nics: [{name: "eth0", role: "north-south"}, {name: "eth1", role: "north-south"}]
	bios: SriovGlobalEnable: "Enabled"
	image: "ubuntu-noble-gpu"
}

stack: base: fleet.#Stack & {
	description: "priorities"
	component: priorities: {type: "kustomize", path: "priorities"}
}
`

const priorities = `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: batch}
value: 1000
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: online}
value: 100000
`
