package fleet

import "slices"

// Profile is a set of promises that a tenant must keep; schema/profile.cue documents the fields.
type Profile struct {
	Meta
	Description      string      `json:"description,omitempty"`
	Extends          string      `json:"extends,omitempty"`
	PrivateNodes     *Promise    `json:"privateNodes,omitempty"`
	OwnSegment       *Promise    `json:"ownSegment,omitempty"`
	VNode            *Promise    `json:"vnode,omitempty"`
	VNodeOnShared    *Promise    `json:"vnodeOnShared,omitempty"`
	Mirror           *Promise    `json:"mirror,omitempty"`
	Audit            *Promise    `json:"audit,omitempty"`
	Residency        *Promise    `json:"residency,omitempty"`
	SignOn           *Promise    `json:"signOn,omitempty"`
	HighAvailability *Promise    `json:"highAvailability,omitempty"`
	Sites            *SitePledge `json:"sites,omitempty"`
}

// Promise is something demanded, and why.
type Promise struct {
	Reason string `json:"reason"`
}

// SitePledge is where a tenant's clusters may be, and why.
type SitePledge struct {
	Names  []string `json:"names"`
	Reason string   `json:"reason"`
}

// builtinProfiles are those that every fleet has. schema/profile.cue lists what they demand.
var builtinProfiles = map[string]*Profile{
	"ai-cloud": {
		PrivateNodes: &Promise{"customers of an AI cloud share no machine: each pays for hardware alone"},
		OwnSegment:   &Promise{"customers of an AI cloud meet in no network"},
	},
	"enterprise": {
		VNodeOnShared: &Promise{"on shared nodes vNode is what keeps the teams of an enterprise apart"},
		SignOn:        &Promise{"the people of an enterprise sign in with the company's own accounts"},
	},
	"sovereign": {
		PrivateNodes: &Promise{"a sovereign tenant shares no machine with anybody"},
		OwnSegment:   &Promise{"a sovereign tenant is kept apart at the switch"},
		VNode:        &Promise{"a sovereign tenant's workloads are kept from their nodes too"},
		Mirror:       &Promise{"a sovereign tenant runs nothing that is fetched from outside"},
		Audit:        &Promise{"a sovereign tenant can prove who did what in its clusters"},
		Residency:    &Promise{"a sovereign tenant's data stays where the tenant says"},
	},
	"agentic": {
		VNode: &Promise{"agents run code that nobody has read, as root: vNode keeps it from the node"},
	},
}

// Profile is a profile of the fleet's own or a built-in one, nil if there is none of that name.
func (f *Fleet) Profile(name string) *Profile {
	if p := builtinProfiles[name]; p != nil {
		return p
	}
	return f.Profiles[name]
}

// HasVNode reports whether a cluster's workloads run in vNode: as the runtime class of the pods that
// are synced from it to shared nodes, or installed in it by a component called vnode.
func (f *Fleet) HasVNode(c *Cluster) bool {
	if c.Nodes == NodesShared {
		return c.SharedNodes != nil && c.SharedNodes.RuntimeClass == "vnode"
	}
	s := f.Stacks[c.Stack]
	return s != nil && (s.Components["vnode"] != nil || s.Catalogue["vnode"] != nil)
}

// promises are the profile's own and those of the profiles that it extends, nearest first.
func (f *Fleet) promises(name string) []*Profile {
	var all []*Profile
	for p := f.Profile(name); p != nil && !slices.Contains(all, p); p = f.Profile(p.Extends) {
		all = append(all, p)
	}
	return all
}
