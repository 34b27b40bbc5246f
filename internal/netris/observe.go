package netris

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Observe reads what is wanted or remembered, all that bears our mark, every server cluster with every
// member and every peering, ours or not, since gates must know where each machine is dedicated and
// which networks are joined. A list that cannot
// be read leaves only what would be in it unknown. A name that several objects have is unknown, too.
//
// A member that its cluster no longer lists, but that the ledger, the controller's map of servers or a
// provisioning that is under way says may still be there, is reported with Deleting set.
func (c *Controller) Observe(ctx context.Context, q target.Query) state.Live {
	l := &looker{Controller: c, asked: map[state.ID]scope{}, owned: map[state.ID]state.Owned{}, live: state.Live{
		Target: c.target, Time: c.clock(),
		Objects: map[state.ID]state.LiveObject{}, Unknown: map[state.ID]error{}, Covered: map[state.ID]bool{},
	}}
	asked := map[string]bool{}
	for _, o := range q.Want {
		asked[o.ID.Kind] = true
	}
	for _, o := range q.Owned {
		asked[o.ID.Kind] = true
	}
	l.survey = c.look(ctx, asked)
	if l.live.Err = l.survey.failed(ctx); l.live.Err != nil {
		return l.live
	}
	l.ask(q)
	l.wholes(ctx)
	l.members()
	return l.live
}

// looker turns a survey into a live state.
type looker struct {
	*Controller
	survey *survey
	asked  map[state.ID]scope
	owned  map[state.ID]state.Owned
	live   state.Live
}

// ask collects the IDs that an answer is due for.
func (l *looker) ask(q target.Query) {
	for _, o := range q.Want {
		in := l.asked[o.ID]
		in.vpc = vpcOf(o.Tree)
		l.asked[o.ID] = in
	}
	for _, o := range q.Owned {
		in := l.asked[o.ID]
		in.remote = o.Remote
		l.asked[o.ID], l.owned[o.ID] = in, o
	}
	for id := range l.asked {
		l.live.Covered[id] = true
	}
	// What bears our mark is there though nobody remembers it, and so is every cluster and peering.
	for kind, listed := range l.survey.kinds {
		k, _, _ := kindNamed(kind)
		for _, o := range listed.items {
			id := l.id(kind, o.name())
			if _, known := l.asked[id]; !known && (kind == kindCluster || kind == kindPeering || k.tagged && l.bears(o, id)) {
				l.asked[id], l.live.Covered[id] = scope{}, true
			}
		}
	}
}

func (c *Controller) id(kind, name string) state.ID {
	return state.ID{Target: c.target, Kind: kind, Name: name}
}

func memberID(cluster state.ID, machine string) state.ID {
	cluster.Part = "server/" + machine
	return cluster
}

// wholes finds the objects that are no parts.
func (l *looker) wholes(ctx context.Context) {
	found := map[state.ID]item{}
	for id, in := range l.asked {
		if id.Part != "" {
			continue
		}
		k, _, ok := kindNamed(id.Kind)
		if !ok {
			l.live.Unknown[id] = fmt.Errorf("%s: there is no kind %q in Netris", id, id.Kind)
			continue
		}
		listed := l.survey.kinds[k.name]
		matches := l.matches(k, id, in, listed.items)
		switch {
		case len(matches) > 1:
			l.live.Unknown[id] = ambiguous(id, matches)
		case len(matches) == 1:
			found[id] = matches[0]
		case listed.err != nil:
			l.live.Unknown[id] = listed.err
		}
	}
	l.detail(ctx, found)
	l.unlisted(ctx, found)
	for id, o := range found {
		k, _, _ := kindNamed(id.Kind)
		live := l.object(k, id, o)
		if k.name == kindCluster {
			live.Networks = l.survey.networks(o)
		}
		l.live.Objects[id] = live
	}
}

// detail adds their resources, which the list leaves out, to those clusters that are ours. They are for
// reports: a cluster whose resources cannot be read is as good to judge by.
func (l *looker) detail(ctx context.Context, found map[state.ID]item) {
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	for id, o := range maps.Clone(found) {
		if id.Kind != kindCluster || o["resources"] != nil || l.asked[id] == (scope{}) && !l.bears(o, id) {
			continue
		}
		all.Go(func() {
			more := l.read(ctx, "/api/v2/server-cluster/"+o.remote())
			if more.err == nil && len(more.items) == 1 && more.items[0].id() == o.id() {
				o = maps.Clone(o)
				o["resources"] = more.items[0]["resources"]
				mu.Lock()
				defer mu.Unlock()
				found[id] = o
			}
		})
	}
	all.Wait()
}

// object is a whole object as its target reports it.
func (c *Controller) object(k kind, id state.ID, o item) state.LiveObject {
	live := state.LiveObject{ID: id, Remote: o.remote(), Value: c.value(k, o), Health: state.Health{State: state.Healthy}}
	for _, field := range []string{"modifiedDate", "modified_date"} {
		if o[field] != nil {
			live.Version = fmt.Sprint(o[field])
		}
	}
	if k.tagged && c.bears(o, id) {
		live.Mark = id
	}
	switch k.name {
	case kindVPC:
		live.Networks = told(state.Network{VXLAN: int(number(o["vni"]))})
	case kindVNet:
		live.Networks = told(numbers(o))
	}
	switch {
	case k.name == kindCluster:
		live.Health = clusterHealth(o)
	case k.name == kindVNet && provisioning(o):
		live.Health = state.Health{State: state.Progressing, Message: "the network is being provisioned"}
	}
	return live
}

// members finds the members of all clusters, and what became of those that were asked for.
func (l *looker) members() {
	f := l.survey.fabric
	for _, cluster := range slices.Concat(f.clusters.items, f.ghosts()) {
		whole := l.id(kindCluster, cluster.name())
		for _, m := range f.members(cluster) {
			id := memberID(whole, m.name)
			l.live.Covered[id] = true
			if _, there := l.live.Objects[id]; there {
				continue // a former cluster of that name, which has not quite let go
			}
			switch err := l.live.Unknown[whole]; {
			case err != nil:
				l.live.Unknown[id] = err
			case f.err() != nil:
				l.live.Unknown[id] = f.err()
			default:
				l.live.Objects[id] = l.member(id, cluster, m)
			}
		}
	}
	for id := range l.asked {
		if _, there := l.live.Objects[id]; there || id.Part == "" {
			continue
		}
		if _, machine, ok := kinds.Membership(id); !ok || strings.Contains(machine, "/") {
			l.live.Unknown[id] = fmt.Errorf("%s: a server cluster has no such part", id)
			continue
		}
		if err := l.live.Unknown[id.Whole()]; err != nil || f.err() != nil {
			l.live.Unknown[id] = f.err()
			if err != nil {
				l.live.Unknown[id] = err
			}
			continue
		}
		// The controller names nobody who leaves while a cluster is being provisioned; but we remember.
		owned, ours := l.owned[id]
		for _, cluster := range f.clusters.items {
			if ours && cluster.name() == id.Name && provisioning(cluster) && strings.HasPrefix(owned.Remote, cluster.remote()+"/") {
				_, machine, _ := kinds.Membership(id)
				_, server, _ := strings.Cut(owned.Remote, "/")
				l.live.Objects[id] = l.member(id, cluster, leaving(cluster, number(server), machine))
			}
		}
	}
}

// leaving is a server that was taken out of a cluster whose provisioning is not done.
func leaving(cluster item, server int64, machine string) member {
	return member{cluster: cluster.name(), server: server, name: machine, leaving: true,
		health: state.Health{State: state.Progressing, Message: "is still being taken out of the cluster"}}
}

// member is one server's place in a cluster. It has no tags of its own: it bears the cluster's mark.
func (c *Controller) member(id state.ID, cluster item, m member) state.LiveObject {
	live := state.LiveObject{
		ID: id, Remote: cluster.remote() + "/" + decimal(m.server),
		Value:    map[string]any{"id": m.server, "name": m.name, "shared": m.shared, "cluster": m.cluster},
		Health:   m.health,
		Deleting: m.leaving,
	}
	for fact, partitions := range map[string][]string{FactPKeys: m.pkeys, FactNVLink: m.nvlinks} {
		if len(partitions) > 0 {
			if live.Facts == nil {
				live.Facts = map[string]string{}
			}
			live.Facts[fact] = strings.Join(partitions, ",")
		}
	}
	if c.bears(cluster, id.Whole()) {
		live.Mark = id
	}
	return live
}

// vpcOf is the name of the VPC that a desired tree names, or "".
func vpcOf(tree state.Tree) string {
	name, _ := tree.Get(state.Path{"vpc", "name"})
	s, _ := name.Value().(string)
	return s
}
