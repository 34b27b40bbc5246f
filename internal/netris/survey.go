package netris

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"millwright.dev/millwright/internal/state"
)

// listed is one list, or why it could not be read.
type listed struct {
	items []item
	err   error
}

// survey is what one look at the whole controller saw.
type survey struct {
	kinds map[string]listed // by kind; those of IPAM over all VPCs, err being that of any
	vnets map[int64][]item  // by id
	fabric
}

// look reads every list; those of kinds on demand only if one of them is asked for. What lies in VPCs is
// asked for VPC by VPC: without a filter the controller would show the default VPC's only.
func (c *Controller) look(ctx context.Context, asked map[string]bool) *survey {
	s := &survey{kinds: map[string]listed{}}
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	note := func(kind string, l listed) {
		mu.Lock()
		defer mu.Unlock()
		was := s.kinds[kind]
		if l.err == nil {
			l.err = was.err
		}
		s.kinds[kind] = listed{append(was.items, l.items...), l.err}
	}
	var perVPC []kind
	for _, k := range kindTable {
		switch {
		case k.onDemand && !asked[k.name]:
		case k.name == kindTenant, k.name == kindServer, k.name == kindPeering, k.onDemand && !k.inVPC:
			all.Go(func() { note(k.name, c.list(ctx, k, 0)) })
		case k.inVPC && !k.inTree:
			perVPC = append(perVPC, k)
		}
	}
	all.Go(func() {
		vpc, _, _ := kindNamed(kindVPC)
		vpcs := c.list(ctx, vpc, 0)
		note(kindVPC, vpcs)
		note(kindAllocation, listed{err: vpcs.err})
		note(kindSubnet, listed{err: vpcs.err})
		for _, k := range perVPC {
			note(k.name, listed{err: vpcs.err})
		}
		for _, v := range vpcs.items {
			for _, k := range perVPC {
				all.Go(func() { note(k.name, c.list(ctx, k, v.id())) })
			}
			all.Go(func() {
				tree := c.ipam(ctx, v.id())
				note(kindAllocation, ofType(tree, kindAllocation, v.id()))
				note(kindSubnet, ofType(tree, kindSubnet, v.id()))
			})
		}
	})
	all.Go(func() { s.fabric = c.readFabric(ctx) })
	all.Wait()
	s.kinds[kindTemplate], s.kinds[kindCluster] = s.templates, s.clusters
	s.vnets = by(s.kinds[kindVNet].items, item.id)
	return s
}

// failed is the reason if nothing at all could be read, or if the look was cut short.
func (s *survey) failed(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the look at the controller was cut short: %w", err)
	}
	var first error
	for _, k := range kindTable {
		l, looked := s.kinds[k.name]
		if looked && l.err == nil {
			return nil
		}
		if first == nil {
			first = l.err
		}
	}
	return first
}

// list reads all objects of a kind; those in VPCs of one VPC.
func (c *Controller) list(ctx context.Context, k kind, vpc int64) listed {
	if k.inTree {
		return ofType(c.ipam(ctx, vpc), k.name, vpc)
	}
	path := k.path
	if k.list != "" {
		path = k.list
	}
	if !k.inVPC {
		return c.formed(ctx, k, c.read(ctx, path))
	}
	l := c.formed(ctx, k, c.read(ctx, path+"?filterByVpc="+decimal(vpc)))
	// A controller that does not know the filter would list all of them each time.
	l.items = slices.DeleteFunc(l.items, func(o item) bool { return o.ref("vpc").id() != vpc })
	return l
}

func (c *Controller) read(ctx context.Context, path string) listed {
	data, err := c.api.get(ctx, path)
	return listed{items(data), err}
}

// ipam reads the tree of one VPC.
func (c *Controller) ipam(ctx context.Context, vpc int64) listed {
	return c.read(ctx, "/api/v2/ipam?filterByVpc="+decimal(vpc))
}

// ofType picks the nodes of one type out of a tree, which are in the VPC that was asked for: ids of
// allocations and of subnets are separate.
func ofType(tree listed, name string, vpc int64) listed {
	picked := listed{err: tree.err}
	var walk func([]item)
	walk = func(nodes []item) {
		for _, node := range nodes {
			if node.text("type") == name && node.ref("vpc").id() == vpc {
				picked.items = append(picked.items, node)
			}
			walk(node.list("children"))
		}
	}
	walk(tree.items)
	return picked
}

// scope narrows which of several objects of one name can be meant.
type scope struct {
	vpc    string // the VPC that it is wanted in, or ""
	remote string // the identity that we remember, or ""
}

// matches are the objects that can be meant by an ID: those that bear our mark for it, and those of
// its name, in its VPC or with the identity that we remember. More than one means that nobody can tell.
func (c *Controller) matches(k kind, id state.ID, in scope, all []item) []item {
	var found []item
	for _, o := range all {
		named := o.name() == id.Name && (!k.inVPC || in.vpc == "" || o.ref("vpc").name() == in.vpc || o.remote() == in.remote)
		if named || k.tagged && c.bears(o, id) {
			found = append(found, o)
		}
	}
	return found
}

// ambiguous says that several objects stand under one name.
func ambiguous(id state.ID, found []item) error {
	ids := make([]string, len(found))
	for i, o := range found {
		ids[i] = o.remote()
	}
	return fmt.Errorf("%s: the controller has %d objects that this can mean, with the ids %v: delete or rename all but one", id, len(found), ids)
}
