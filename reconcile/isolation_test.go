package reconcile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/kinds"
)

// soak is how many seeds to try: few in daily work, many when MILLWRIGHT_SOAK is set.
func soak(quick, long uint64) uint64 {
	if os.Getenv("MILLWRIGHT_SOAK") != "" {
		return long
	}
	return quick
}

// Whatever fleets follow each other, whatever is lost, unreachable, killed or done by a hand in between:
// neither Netris nor UFM is ever asked to give a machine to a tenant before it left the last one and was wiped. And
// once the faults stop, all is as the last fleet wants it.
func TestNoMachineIsEverInTwoHands(t *testing.T) {
	for seed := range soak(60, 20000) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			x := newRun(t, seed)
			rng := rand.New(rand.NewPCG(seed, 11))
			gpus := machines[2 : 4+rng.IntN(3)]
			tenants := []string{"acme", "globex", "initech"}[:2+rng.IntN(2)]
			var d Desired
			for commit := range 2 + rng.IntN(3) {
				d = desired(fmt.Sprintf("c%d", commit), gpus, random(rng, gpus, tenants))
				x.faults = faults{}
				if rng.IntN(4) > 0 {
					x.faults = faults{lost: rng.Float64() / 4, refused: rng.Float64() / 4, unreachable: rng.Float64() / 4, unreadable: rng.Float64() / 8, moves: rng.Float64() / 2}
				}
				for range 5 + rng.IntN(40) {
					if x.process.killAt == 0 && rng.IntN(15) == 0 {
						x.process.killAt, x.process.sendLast = 1+rng.IntN(4), rng.IntN(2) == 0
					}
					if rng.IntN(20) == 0 {
						x.hand(rng, gpus, tenants)
					}
					x.pass(d)
				}
			}
			x.sound()
			x.faults, x.process.killAt = faults{}, 0
			x.handLetsGo()
			// All give back what they have first: tenants that exchange machines wait for each other for ever.
			x.settle(desired("given back", gpus, random(rng, nil, tenants)))
			x.settle(d)
			x.sound()
			for o := range d.Set.All() {
				require.True(t, x.objects[o.ID] != nil || o.ID.Kind == "power", "%s\n%s", o.ID, x.tail())
			}
			for _, gpu := range gpus {
				require.LessOrEqual(t, len(x.segmentsOf(gpu)), 1, x.tail())
				require.LessOrEqual(t, len(x.partitionsOf(gpu)), 1, x.tail())
			}
		})
	}
}

// The same where memory is lost as well: then not everything converges without a person, but no machine
// is given away too early.
func TestNoMachineIsEverInTwoHandsWithoutMemory(t *testing.T) {
	for seed := range soak(20, 5000) {
		x := newRun(t, seed)
		rng := rand.New(rand.NewPCG(seed, 13))
		gpus, tenants := machines[2:5], []string{"acme", "globex"}
		for commit := range 4 {
			d := desired(fmt.Sprintf("c%d", commit), gpus, random(rng, gpus, tenants))
			x.faults = faults{lost: 0.1, unreachable: 0.1, moves: 0.3}
			for range 10 + rng.IntN(30) {
				if rng.IntN(25) == 0 {
					clear(x.kept.memory)
					x.start()
				}
				x.pass(d)
			}
		}
		require.Empty(t, x.broken, "seed %d\n%s", seed, x.tail())
	}
}

// random gives each machine to some tenant or to none.
func random(rng *rand.Rand, gpus, tenants []string) allocation {
	a := allocation{}
	for _, tenant := range tenants {
		a[tenant] = nil
	}
	for _, gpu := range gpus {
		if i := rng.IntN(len(tenants) + 1); i < len(tenants) {
			a[tenants[i]] = append(a[tenants[i]], gpu)
		}
	}
	return a
}

const byHand = "hand"

// hand does what people do to a running system behind our back.
func (x *run) hand(rng *rand.Rand, gpus, tenants []string) {
	name, tenant := gpus[rng.IntN(len(gpus))], tenants[rng.IntN(len(tenants))]
	host := x.objects[hostID(name)]
	member, taken := x.objects[memberID(tenant, name)]
	switch rng.IntN(7) {
	case 0: // takes the machine out of a segment
		if taken {
			x.log("a hand takes %s out of %s", name, tenant)
			x.leave(member.id)
			delete(x.objects, member.id)
		}
	case 1: // puts it into one, as Netris lets him
		if !taken && len(x.segmentsOf(name)) == 0 && x.objects[clusterID(tenant)] != nil {
			x.log("a hand puts %s into %s", name, tenant)
			x.put(memberID(tenant, name), m{"shared": false}).facts = map[string]string{byHand: ""}
		}
	case 2: // takes its label away
		if host != nil {
			x.log("a hand takes the label off %s", name)
			for id := range x.objects {
				if id.Part != "" && id.Whole() == hostID(name) {
					x.leave(id)
					delete(x.objects, id)
				}
			}
		}
	case 4: // makes Metal3 believe that it is free, without wiping it
		if host != nil && x.machine(name).used != "" {
			x.log("a hand frees %s, uncleaned", name)
			x.release(host)
			host.value = merge(host.value, m{"status": m{"provisioning": m{"state": "available"}}})
		}
	case 5: // takes a port out of a partition
		if port := x.objects[portIDs(tenant, name)[0]]; port != nil {
			x.log("a hand takes a port of %s out of %s", name, tenant)
			delete(x.objects, port.id)
		}
	case 6: // puts one into a partition, as UFM lets him
		port := portIDs(tenant, name)[0]
		if len(x.partitionsOf(name)) == 0 && x.objects[port.Whole()] != nil {
			x.log("a hand puts a port of %s into %s", name, tenant)
			x.put(port, m{"index0": true}).facts = map[string]string{byHand: ""}
		}
	case 3: // offers it to a tenant
		if host != nil {
			x.log("a hand offers %s to %s", name, tenant)
			host.value = merge(host.value, m{"metadata": m{"labels": m{"millwright.dev/pool": tenant + ".train.h100"}}})
		}
	}
	x.touched[name] = true
}

// handLetsGo undoes what only the hand can undo.
func (x *run) handLetsGo() {
	for id, o := range x.objects {
		if _, ok := o.facts[byHand]; ok {
			x.leave(id)
			delete(x.objects, id)
		}
	}
	for _, o := range x.sorted() {
		if o.id.Kind != hostKind || o.id.Part != "" {
			continue
		}
		label := any(nil) // what our own part says
		for _, part := range x.sorted() {
			if part.id.Part != "" && part.id.Whole() == o.id {
				label = part.value["metadata"].(m)["labels"].(m)["millwright.dev/pool"]
			}
		}
		o.value = merge(o.value, m{"metadata": m{"labels": m{"millwright.dev/pool": label}}})
		if kinds.Text(o.value, "status", "provisioning", "state") == "available" && x.machine(o.id.Name).used != "" {
			x.log("a hand has %s cleaned", o.id.Name)
			o.value = merge(o.value, m{"status": m{"provisioning": m{"state": "deprovisioning"}}})
		}
	}
}
