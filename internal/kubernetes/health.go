package kubernetes

import (
	"cmp"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"millwright.dev/millwright/internal/state"
)

// health judges an object by its status. A few kinds speak a language of their own; the others are
// judged by the conventions of Kubernetes, where an object without a status is healthy.
func health(u *unstructured.Unstructured) state.Health {
	if u.GetDeletionTimestamp() != nil {
		return state.Health{State: state.Progressing, Message: "is being deleted"}
	}
	gvk := u.GroupVersionKind()
	switch {
	case gvk.Group == "metal3.io" && gvk.Kind == "BareMetalHost":
		return hostHealth(u)
	case gvk.Group == "management.loft.sh":
		if h, ok := phaseHealth(u); ok {
			return h
		}
	}
	result, err := status.Compute(u)
	if err != nil {
		return state.Health{State: state.Unhealthy, Message: fmt.Sprintf("its status cannot be read: %v", err)}
	}
	switch result.Status {
	case status.CurrentStatus:
		return state.Health{State: state.Healthy}
	case status.FailedStatus:
		return state.Health{State: state.Unhealthy, Message: result.Message}
	}
	return state.Health{State: state.Progressing, Message: result.Message}
}

// hostHealth reads a BareMetalHost's status as Metal3's API documents it (v0.13): operationalStatus
// says whether it is well, provisioning.state what it is at.
func hostHealth(u *unstructured.Unstructured) state.Health {
	text := func(path ...string) string {
		s, _, _ := unstructured.NestedString(u.Object, append([]string{"status"}, path...)...)
		return s
	}
	at, operational := text("provisioning", "state"), text("operationalStatus")
	if operational == "error" || text("errorType") != "" {
		message := cmp.Or(text("errorType"), "error")
		if told := text("errorMessage"); told != "" {
			message += ": " + told
		}
		return state.Health{State: state.Unhealthy, Message: message}
	}
	switch at {
	case "available", "ready", "provisioned", "externally provisioned", "unmanaged":
		if operational == "delayed" || operational == "servicing" {
			return state.Health{State: state.Progressing, Message: operational}
		}
		return state.Health{State: state.Healthy, Message: at}
	}
	return state.Health{State: state.Progressing, Message: cmp.Or(at, "not looked at by Metal3 yet")}
}

// phaseHealth reads status.phase of vCluster Platform's kinds; ok is false where there is none.
func phaseHealth(u *unstructured.Unstructured) (h state.Health, ok bool) {
	phase, _, _ := unstructured.NestedString(u.Object, "status", "phase")
	message, _, _ := unstructured.NestedString(u.Object, "status", "message")
	message = cmp.Or(message, phase)
	switch phase {
	case "":
		// Nobody has looked at an instance without a phase yet; the other kinds need no controller.
		if u.GetKind() == "VirtualClusterInstance" {
			return state.Health{State: state.Progressing, Message: "not looked at by Platform yet"}, true
		}
		return state.Health{}, false
	case "Ready", "Available", "Sleeping":
		return state.Health{State: state.Healthy, Message: phase}, true
	case "Failed":
		return state.Health{State: state.Unhealthy, Message: message}, true
	}
	return state.Health{State: state.Progressing, Message: message}, true
}
