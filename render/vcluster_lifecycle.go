package render

import (
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// given are the fields that say something.
func (c cluster) given(at string, values map[string]string) fields {
	part := fields{}
	for name, value := range values {
		if value != "" {
			part[name] = c.src().of(c.at(at+"."+name), value)
		}
	}
	return part
}

// sleep is the part of vcluster.yaml about sleeping.
func (c cluster) sleep() fields {
	z := c.Sleep
	if z == nil {
		return nil
	}
	s := c.src()
	auto := c.given("sleep", map[string]string{"afterInactivity": z.AfterInactivity, "schedule": z.Schedule, "timezone": z.Timezone})
	if z.Wakeup != "" {
		auto["wakeup"] = node(fields{"schedule": s.of(c.at("sleep.wakeup"), z.Wakeup)})
	}
	if len(z.Exclude) > 0 {
		auto["exclude"] = node(fields{"selector": node(fields{"labels": node(s.labels(c.at("sleep.exclude"), z.Exclude))})})
	}
	return fields{"auto": node(auto)}
}

// snapshots is the part of vcluster.yaml about snapshots.
func (c cluster) snapshots() fields {
	n := c.Snapshots
	if n == nil {
		return nil
	}
	s, at := c.src(), func(field string) string { return c.at("snapshots." + field) }
	auto := c.given("snapshots", map[string]string{"schedule": n.Schedule, "timezone": n.Timezone})
	keep := fields{}
	if n.Days != 0 {
		keep["period"] = s.of(at("days"), n.Days)
	}
	if n.Max != 0 {
		keep["maxSnapshots"] = s.of(at("max"), n.Max)
	}
	if len(keep) > 0 {
		auto["retention"] = node(keep)
	}
	store := fields{}
	switch n.Storage.Type {
	case "container":
		path := s.of(at("storage.path"), n.Storage.Path)
		store["path"] = path
		store["volume"] = node(fields{"name": s.of(at("storage.volume"), n.Storage.Volume), "path": path})
	default:
		name := map[string]string{"s3": "url", "oci": "repository", "azure": "blobUrl"}[n.Storage.Type]
		store[name] = s.of(at("storage.url"), n.Storage.URL)
		if n.Storage.Secret != "" {
			store["credential"] = node(fields{
				"secretName":      s.of(at("storage.secret"), n.Storage.Secret),
				"secretNamespace": s.because(at("storage.secret"), "where the control plane runs", c.controlPlaneNamespace()),
			})
		}
	}
	auto["storage"] = node(fields{"type": s.of(at("storage.type"), n.Storage.Type), n.Storage.Type: node(store)})
	return fields{"auto": node(auto)}
}

// deletion is the part of vcluster.yaml about who may delete the cluster.
func (c cluster) deletion() fields {
	s, d, part := c.src(), c.Deletion, fields{}
	if d.Prevent {
		part["prevent"] = s.of(c.at("deletion.prevent"), true)
	}
	if d.AfterInactivity != "" {
		part["auto"] = node(fields{"afterInactivity": s.of(c.at("deletion.afterInactivity"), d.AfterInactivity)})
	}
	return part
}

// kubeconfigs is the part of vcluster.yaml about further kubeconfigs.
func (c cluster) kubeconfigs() fields {
	s := c.src()
	var secrets []state.Tree
	for name, k := range fleet.All(c.Kubeconfigs) {
		at := key(c.at("kubeconfig"), name)
		secret := fields{"name": s.because(at, "the kubeconfig's name", name), "server": s.of(at+".server", k.Server)}
		if k.Context != "" {
			secret["context"] = s.of(at+".context", k.Context)
		}
		if a := k.ServiceAccount; a != nil {
			secret["serviceAccount"] = node(fields{
				"name":        s.of(at+".serviceAccount.name", a.Name),
				"namespace":   s.of(at+".serviceAccount.namespace", a.Namespace),
				"clusterRole": s.of(at+".serviceAccount.clusterRole", a.ClusterRole),
			})
		}
		if scope := c.of.Access.Kubeconfigs; scope != nil && k.ServiceAccount == nil {
			secret["serviceAccount"] = node(fields{
				"name":        s.because(at, "the kubeconfig's name", name),
				"namespace":   s.fixed("kube-system"),
				"clusterRole": s.of("access.kubeconfigs.role", scope.Role),
			})
		}
		secrets = append(secrets, node(secret))
	}
	if secrets == nil {
		return nil
	}
	return fields{"additionalSecrets": list(secrets...)}
}
