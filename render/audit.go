package render

import (
	"fmt"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// Where the API server of a tenant cluster finds its audit policy and the collector's address, and
// where on the control plane's volume it keeps its log.
const (
	auditPolicyName  = "audit-policy"
	auditPolicyKey   = "policy.yaml"
	auditPolicyDir   = "/etc/kubernetes/audit"
	auditWebhookName = "audit-webhook"
	auditWebhookDir  = "/etc/kubernetes/audit-webhook"
	auditLog         = "/data/audit/audit.log"
)

// auditPolicy renders what the API server of a cluster logs, and returns its address; nothing where
// the tenant has no audit.
func (r *renderer) auditPolicy(c cluster) []state.ID {
	if c.of.Audit == nil {
		return nil
	}
	s := c.src()
	id := r.control("ConfigMap", c.controlPlaneNamespace(), auditPolicyName)
	namespace := r.control("Namespace", "", c.controlPlaneNamespace())
	r.add(state.Object{ID: id, Entity: c.entity(), After: after(namespace), Tree: node(fields{
		"apiVersion": s.fixed("v1"),
		"kind":       s.fixed("ConfigMap"),
		"metadata":   node(r.metadata(s, id, nil)),
		"data":       node(fields{auditPolicyKey: state.Encode(state.YAML, auditRules(s, c.of.Audit))}),
	})})
	return []state.ID{id}
}

// auditRules is the policy in Kubernetes' words.
func auditRules(s source, a *fleet.ClusterAudit) state.Tree {
	rules := auditRuleList(s, "audit.rules", a.Rules)
	if len(a.Rules) == 0 {
		level := s.of("audit.level", a.Level)
		rules = []state.Tree{
			s.fixed(map[string]any{"level": "None", "nonResourceURLs": []any{"/healthz*", "/livez*", "/readyz*"}}),
			s.fixed(map[string]any{"level": "None", "resources": []any{map[string]any{"group": "coordination.k8s.io", "resources": []any{"leases"}}}}),
			s.fixed(map[string]any{"level": "Metadata", "resources": []any{
				map[string]any{"group": "", "resources": []any{"secrets", "configmaps", "serviceaccounts/token"}},
				map[string]any{"group": "authentication.k8s.io", "resources": []any{"tokenreviews"}},
			}}),
			node(fields{"level": level}),
		}
	}
	return node(fields{
		"apiVersion": s.fixed("audit.k8s.io/v1"),
		"kind":       s.fixed("Policy"),
		"omitStages": s.fixed([]any{"RequestReceived"}),
		"rules":      list(rules...),
	})
}

// auditRuleList are rules as Kubernetes and Platform both have them.
func auditRuleList(s source, field string, rules []fleet.AuditRule) []state.Tree {
	var all []state.Tree
	for i, rule := range rules {
		at := field + state.Index(i)
		f := fields{"level": s.of(at+".level", rule.Level)}
		for name, values := range map[string][]string{
			"users": rule.Users, "userGroups": rule.UserGroups, "verbs": rule.Verbs,
			"namespaces": rule.Namespaces, "nonResourceURLs": rule.NonResourceURLs, "omitStages": rule.OmitStages,
		} {
			if len(values) > 0 {
				f[name] = s.texts(at+"."+name, values)
			}
		}
		var resources []state.Tree
		for n, res := range rule.Resources {
			at := at + ".resources" + state.Index(n)
			g := fields{"group": s.of(at+".group", res.Group)}
			if len(res.Resources) > 0 {
				g["resources"] = s.texts(at+".resources", res.Resources)
			}
			resources = append(resources, node(g))
		}
		if resources != nil {
			f["resources"] = list(resources...)
		}
		all = append(all, node(f))
	}
	return all
}

// auditValues are what vcluster.yaml says of the audit log: the API server's arguments and the volumes
// that they need. The policy's digest is on the pod, so that a changed policy is read anew.
func (r *renderer) auditValues(c cluster) state.Tree {
	a, s := c.of.Audit, c.src()
	if a == nil {
		return node(nil)
	}
	args := []state.Tree{s.because("audit", "the policy of the audit log", "--audit-policy-file="+auditPolicyDir+"/"+auditPolicyKey)}
	volumes := []state.Tree{node(fields{"name": s.fixed(auditPolicyName), "configMap": node(fields{"name": s.fixed(auditPolicyName)})})}
	mounts := []state.Tree{mount(s, auditPolicyName, auditPolicyDir)}
	arg := func(field, note, format string, value any) {
		args = append(args, s.because(field, note, fmt.Sprintf(format, value)))
	}
	switch a.Sink {
	case fleet.SinkFile:
		arg("audit.sink", "on the volume of the control plane", "--audit-log-path=%s", auditLog)
		arg("audit.retention.days", "days", "--audit-log-maxage=%d", a.Retention.Days)
		arg("audit.retention.files", "files", "--audit-log-maxbackup=%d", a.Retention.Files)
		arg("audit.retention.megabytes", "megabytes", "--audit-log-maxsize=%d", a.Retention.Megabytes)
	case fleet.SinkWebhook:
		arg("audit.webhook", "mounted from the Secret", "--audit-webhook-config-file=%s/config", auditWebhookDir)
		volumes = append(volumes, node(fields{"name": s.fixed(auditWebhookName), "secret": node(fields{"secretName": s.of("audit.webhook", a.Webhook)})}))
		mounts = append(mounts, mount(s, auditWebhookName, auditWebhookDir))
	default:
		arg("audit.sink", "the API server's own output", "--audit-log-path=%s", "-")
	}
	digest := auditRules(s, a).Digest()
	return node(fields{"controlPlane": node(fields{
		"distro": node(fields{"k8s": node(fields{"apiServer": node(fields{"extraArgs": list(args...)})})}),
		"statefulSet": node(fields{
			"persistence": node(fields{"addVolumes": list(volumes...), "addVolumeMounts": list(mounts...)}),
			"pods":        node(fields{"annotations": node(fields{labelPrefix + auditPolicyName: s.because("audit", "the policy's digest", digest)})}),
		}),
	})})
}

func mount(s source, name, path string) state.Tree {
	return node(fields{"name": s.fixed(name), "mountPath": s.fixed(path), "readOnly": s.fixed(true)})
}
