package ufm

import (
	"context"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// Observe reads every partition with every member, ours or not, since gates must know where each port
// is. Only of the default partition are the members left out: all ports are in it. A partition is
// Unhealthy as long as the default partition joins all ports.
func (m *Manager) Observe(ctx context.Context, q target.Query) state.Live {
	live := state.Live{Target: m.target, Time: m.clock()}
	v, err := m.look(ctx)
	if err != nil {
		live.Err = err
		return live
	}
	live.Objects, live.Unknown, live.Covered = map[state.ID]state.LiveObject{}, map[state.ID]error{}, map[state.ID]bool{}
	for pkey, p := range v {
		id := m.partitionID(pkey)
		live.Objects[id] = m.partition(pkey, p, v.health())
		if pkey == DefaultPKey {
			continue
		}
		for guid, in := range p.members {
			live.Objects[memberID(id, guid)] = m.member(id, guid, in)
		}
	}
	for id := range live.Objects {
		live.Covered[id] = true
	}
	for _, id := range ids(q) {
		live.Covered[id] = true
		_, err := pkeyOf(id)
		if err == nil && id.Part != "" {
			_, err = guidOf(id)
		}
		if err != nil {
			live.Unknown[id] = err
		}
	}
	return live
}

func ids(q target.Query) []state.ID {
	list := make([]state.ID, 0, len(q.Want)+len(q.Owned))
	for _, o := range q.Want {
		list = append(list, o.ID)
	}
	for _, o := range q.Owned {
		list = append(list, o.ID)
	}
	return list
}

func (m *Manager) partitionID(pkey int) state.ID {
	return state.ID{Target: m.target, Kind: kindPartition, Name: PKeyText(pkey)}
}

func memberID(partition state.ID, guid string) state.ID {
	partition.Part = partGUID + guid
	return partition
}

// partition is one as a live object. UFM has no identity of one beside its key: one that was deleted
// and made again is the same.
func (m *Manager) partition(pkey int, p *partition, health state.Health) state.LiveObject {
	return state.LiveObject{
		ID: m.partitionID(pkey), Remote: PKeyText(pkey), Value: p.value(pkey), Health: health,
		Networks: []state.Network{{Partitions: []state.Partition{{Fabric: m.target.Name, Number: PKeyText(pkey)}}}},
	}
}

func (m *Manager) member(partition state.ID, guid string, in member) state.LiveObject {
	return state.LiveObject{ID: memberID(partition, guid), Remote: partition.Name + "/" + guid, Value: in.value(guid), Health: state.Health{State: state.Healthy}}
}
