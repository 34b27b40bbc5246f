package kinds

import (
	"strings"

	"millwright.dev/millwright/internal/state"
)

// retention is where a StatefulSet says what becomes of its volumes.
const retention = "spec.persistentVolumeClaimRetentionPolicy"

// podsImpact of what runs pods: those of another template are other pods, and of no replicas there are none.
func podsImpact(path state.Path, _, new any, _ state.LiveObject) Impact {
	if startsWith(path, "spec.template") || startsWith(path, "spec.replicas") && new == int64(0) {
		return Restart
	}
	return None
}

// statefulImpact of a StatefulSet: the volumes of replicas that go are deleted with them where it says so. That it
// is to say so counts by itself, since the same change may take replicas away.
func statefulImpact(path state.Path, old, new any, live state.LiveObject) Impact {
	switch {
	case startsWith(path, retention+".whenScaled") && new == "Delete":
		return DataLoss
	case len(path) == 2 && startsWith(path, retention):
		if policy, _ := new.(map[string]any); Text(policy, "whenScaled") == "Delete" {
			return DataLoss
		}
	case startsWith(path, "spec.replicas") && grows(old, new):
		return None
	case startsWith(path, "spec.replicas", "spec.ordinals"):
		if live.Value == nil || Text(live.Value, "spec", "persistentVolumeClaimRetentionPolicy", "whenScaled") == "Delete" {
			return DataLoss
		}
		return Restart
	}
	return podsImpact(path, old, new, live)
}

// grows reports whether a number is known to be no lower than it was.
func grows(old, new any) bool {
	from, ok1 := old.(int64)
	to, ok2 := new.(int64)
	return ok1 && ok2 && to >= from
}

// custom reports whether a Kubernetes kind is defined by somebody's resource definition: the groups of
// Kubernetes itself have no dot, or end in its own name.
func custom(kind string) bool {
	_, group, _ := strings.Cut(kind, ".")
	return strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}
