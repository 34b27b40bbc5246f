package simulate

import (
	"path"
	"slices"
)

// redfishJob is a Dell configuration job: it waits for the first reset after those that it has seen.
type redfishJob struct {
	id     string
	resets int
}

func redfishTaskService() doc {
	return redfishEntity(redfishRoot+"/TaskService", "TaskService.v1_2_1.TaskService", "Task Service", doc{"ServiceEnabled": true, "Tasks": redfishLink(redfishTasksPath)})
}

func (b *BMC) taskList() doc {
	b.mu.Lock()
	defer b.mu.Unlock()
	var members []string
	for _, j := range b.jobs {
		members = append(members, redfishTasksPath+"/"+j.id)
	}
	return redfishCollection(redfishTasksPath, "Task", members...)
}

func (b *BMC) task(at string) (redfishResource, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.jobs, func(j redfishJob) bool { return j.id == path.Base(at) })
	if i < 0 {
		return redfishResource{}, false
	}
	j := b.jobs[i]
	return redfishResource{get: func() doc { return b.taskDoc(j) }}, true
}

func (b *BMC) taskDoc(j redfishJob) doc {
	d := doc{"TaskState": "Pending", "TaskStatus": "OK", "PercentComplete": 0}
	if b.state().Resets > j.resets || !b.site.Rule(RedfishBIOSAtReset) {
		d["TaskState"], d["PercentComplete"] = "Completed", 100
	}
	return redfishEntity(redfishTasksPath+"/"+j.id, "Task.v1_7_4.Task", "BIOS configuration", d)
}
