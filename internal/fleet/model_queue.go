package fleet

// Queue is a queue of a cluster's scheduler; schema/queue.cue documents the fields.
type Queue struct {
	Scheduler  string                       `json:"scheduler,omitempty"` // see Fleet.SchedulerOf
	Quota      map[string]map[string]string `json:"quota"`               // Kubernetes quantities by pool and resource
	Borrow     bool                         `json:"borrow"`
	Namespaces []string                     `json:"namespaces"`
}

// The schedulers whose queues are written, by their names in the catalogue.
const (
	SchedulerKueue   = "kueue"
	SchedulerVolcano = "volcano"
	SchedulerKAI     = "kai-scheduler"
)

// Queueing are the schedulers of a stack that have queues for us to write, sorted.
func (s *Stack) Queueing() []string {
	var all []string
	for _, name := range []string{SchedulerKAI, SchedulerKueue, SchedulerVolcano} {
		if s.Catalogue[name] != nil {
			all = append(all, name)
		}
	}
	return all
}

// SchedulerOf is the scheduler that has a queue of a cluster, or "" if nobody can say.
func (f *Fleet) SchedulerOf(c *Cluster, q *Queue) string {
	if q.Scheduler != "" {
		return q.Scheduler
	}
	if s := f.Stacks[c.Stack]; s != nil {
		if all := s.Queueing(); len(all) == 1 {
			return all[0]
		}
	}
	return ""
}
