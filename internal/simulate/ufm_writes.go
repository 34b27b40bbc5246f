package simulate

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// ufmBody is what requests that write say; what they leave out is nil.
type ufmBody struct {
	PKey        string   `json:"pkey"`
	GUIDs       []string `json:"guids"`
	Index0      *bool    `json:"index0"`
	IPOverIB    *bool    `json:"ip_over_ib"`
	Membership  *string  `json:"membership"`
	Memberships []string `json:"memberships"`
	ufmQoS
}

// decode reads a request that writes a partition, and its key.
func (u *UFM) decode(r *http.Request) (in ufmBody, pkey int, err error) {
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return in, 0, ufmRefuse("the body is not the expected JSON: %v", err)
	}
	if pkey, err = u.pkey(in.PKey); err != nil {
		return in, 0, err
	}
	if pkey == ufmDefaultPKey && u.site.Rule(UFMDefaultPartition) {
		return in, 0, ufmRefuse("pkey 0x7fff is the management partition")
	}
	for i, guid := range in.GUIDs {
		if in.GUIDs[i], err = u.guid(guid); err != nil {
			return in, 0, err
		}
	}
	return in, pkey, u.checkQoS(in.ufmQoS)
}

var ufmGUID = regexp.MustCompile(`^[0-9a-f]{16,20}$`)

func (u *UFM) guid(text string) (string, error) {
	guid := strings.ToLower(text)
	if !u.site.Rule(UFMGUIDForm) {
		guid = strings.ReplaceAll(strings.TrimPrefix(guid, "0x"), ":", "")
	}
	if !ufmGUID.MatchString(guid) {
		return "", ufmRefuse("guid %q must have 16 to 20 hexadecimal digits", text)
	}
	return guid, nil
}

var ufmRates = []float64{2.5, 5, 10, 14, 20, 25, 30, 40, 56, 60, 80, 100, 112, 120, 168, 200, 300}

func (u *UFM) checkQoS(q ufmQoS) error {
	switch {
	case !u.site.Rule(UFMQoSValues):
	case q.MTU != nil && *q.MTU != 2 && *q.MTU != 4:
		return ufmRefuse("mtu_limit must be 2 or 4")
	case q.ServiceLevel != nil && (*q.ServiceLevel < 0 || *q.ServiceLevel > 15):
		return ufmRefuse("service_level must be between 0 and 15")
	case q.RateLimit != nil && !slices.Contains(ufmRates, *q.RateLimit):
		return ufmRefuse("rate_limit must be one of %v", ufmRates)
	}
	return nil
}

// newUFMPartition has the quality of service that UFM gives one of which nothing is said.
func newUFMPartition(ipOverIB bool) *ufmPartition {
	p := &ufmPartition{ipOverIB: ipOverIB, members: map[string]ufmMember{}}
	p.setQoS(ufmQoS{}, true)
	return p
}

// setQoS sets what q names, and the rest back to the defaults if it is all that is to be.
func (p *ufmPartition) setQoS(q ufmQoS, whole bool) {
	set := func(to **float64, is *float64, usual float64) {
		switch {
		case is != nil:
			*to = is
		case whole:
			*to = &usual
		}
	}
	set(&p.qos.MTU, q.MTU, 2)
	set(&p.qos.ServiceLevel, q.ServiceLevel, 0)
	set(&p.qos.RateLimit, q.RateLimit, 2.5)
}

// create makes a partition without members. What it answers for one that exists is not documented; here
// it is refused.
func (u *UFM) create(r *http.Request) (any, error) {
	in, pkey, err := u.decode(r)
	if err != nil {
		return nil, err
	}
	if u.partitions[pkey] != nil {
		return nil, ufmRefuse("pkey %s exists", in.PKey)
	}
	p := newUFMPartition(in.IPOverIB == nil || *in.IPOverIB)
	p.setQoS(in.ufmQoS, true)
	u.partitions[pkey] = p
	return map[string]any{}, nil
}

// addPorts adds ports to a partition, which it makes if there is none. That a port which is a member
// already becomes the member that the request says is our reading.
func (u *UFM) addPorts(r *http.Request) (any, error) {
	in, pkey, err := u.decode(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{}, u.add(in, pkey, false)
}

// setPorts makes the request's ports the only members.
func (u *UFM) setPorts(r *http.Request) (any, error) {
	in, pkey, err := u.decode(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{}, u.add(in, pkey, u.site.Rule(UFMPutReplaces))
}

func (u *UFM) add(in ufmBody, pkey int, only bool) error {
	if in.Membership != nil && in.Memberships != nil && u.site.Rule(UFMOneMembership) {
		return ufmRefuse("membership and memberships exclude each other")
	}
	if in.Memberships != nil && len(in.Memberships) != len(in.GUIDs) {
		return ufmRefuse("memberships must be as many as guids")
	}
	index0 := in.Index0 != nil && *in.Index0 || in.Index0 == nil && !u.site.Rule(UFMAddDefaults)
	members := map[string]ufmMember{}
	for i, guid := range in.GUIDs {
		m := ufmMember{index0: index0, membership: "full"}
		if in.Membership != nil {
			m.membership = *in.Membership
		} else if in.Memberships != nil {
			m.membership = in.Memberships[i]
		}
		if m.membership != "full" && m.membership != "limited" {
			return ufmRefuse("membership must be full or limited")
		}
		if index0 && u.site.Rule(UFMIndex0Once) {
			for other, p := range u.partitions {
				if other != pkey && p.members[guid].index0 {
					return ufmRefuse("guid %s has %s at index0", guid, u.pkeyText(other))
				}
			}
		}
		members[guid] = m
	}
	p, there := u.partitions[pkey]
	if !there {
		p = newUFMPartition(true)
		u.partitions[pkey] = p
	}
	if !there || u.site.Rule(UFMAddSetsPartition) {
		p.ipOverIB = in.IPOverIB == nil || *in.IPOverIB
	}
	if only {
		clear(p.members)
	}
	for guid, m := range members {
		p.members[guid] = m
	}
	return nil
}

// known decodes a request about a partition that there is.
func (u *UFM) known(r *http.Request) (ufmBody, *ufmPartition, error) {
	in, pkey, err := u.decode(r)
	if err != nil {
		return in, nil, err
	}
	p := u.partitions[pkey]
	if p == nil {
		return in, nil, &ufmError{http.StatusNotFound, "no such pkey"}
	}
	return in, p, nil
}

// removePorts takes ports out of a partition; one that is no member is passed over. Whether a partition
// goes with its last member is not documented; here it stays.
func (u *UFM) removePorts(r *http.Request) (any, error) {
	in, p, err := u.known(r)
	if err != nil {
		return nil, err
	}
	for _, guid := range in.GUIDs {
		delete(p.members, guid)
	}
	return map[string]any{}, nil
}

func (u *UFM) setQoS(r *http.Request) (any, error) {
	in, p, err := u.known(r)
	if err != nil {
		return nil, err
	}
	p.setQoS(in.ufmQoS, u.site.Rule(UFMQoSWhole))
	return map[string]any{}, nil
}

func (u *UFM) delete(r *http.Request) (any, error) {
	pkey, err := u.pkey(r.PathValue("pkey"))
	if err != nil {
		return nil, err
	}
	p := u.partitions[pkey]
	switch {
	case p == nil:
		return nil, &ufmError{http.StatusNotFound, "no such pkey"}
	case pkey == ufmDefaultPKey && u.site.Rule(UFMDefaultPartition):
		return nil, ufmRefuse("pkey 0x7fff is the management partition")
	case len(p.members) > 0 && !u.site.Rule(UFMDeleteDropsMembers):
		return nil, ufmRefuse("pkey has %d members", len(p.members))
	}
	delete(u.partitions, pkey)
	return map[string]any{}, nil
}
