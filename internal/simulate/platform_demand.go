package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// platformDemand is what an instance asks of one static node pool.
type platformDemand struct {
	provider   *platformProvider
	pool       platformPool
	quantity   int
	properties map[string]string // of the autoNodes entry
	profile    *platformProfile  // nil for none
	types      []string          // names of the node types that will do, the cheapest first
}

// demanded reads the pools that an instance asks for, sorted as they are written.
func (p *Platform) demanded(w *platformWorld, instance *platformInstance) ([]platformDemand, *platformProblem) {
	project := w.project(instance.Namespace)
	switch {
	case project == nil || project.DeletionTimestamp != nil:
		return nil, &platformProblem{"ProjectNotFound", fmt.Sprintf("there is no project %s", platformProjectOf(instance.Namespace))}
	case instance.Spec.Template == nil:
		return nil, &platformProblem{"NotSimulated", "templateRef is not simulated; use template"}
	case instance.Spec.ClusterRef.Cluster != p.options.Cluster:
		return nil, &platformProblem{"ClusterNotFound", fmt.Sprintf("cluster %q is not connected", instance.Spec.ClusterRef.Cluster)}
	case len(project.Spec.AllowedClusters) > 0 && !platformAllows(project.Spec.AllowedClusters, p.options.Cluster):
		return nil, &platformProblem{"ClusterNotAllowed", fmt.Sprintf("project %s may not use cluster %s", project.Name, p.options.Cluster)}
	case instance.Spec.ClusterRef.Namespace == "":
		return nil, &platformProblem{"NamespaceMissing", "clusterRef.namespace is empty"}
	}
	nodes, err := platformParse(p.site, instance.Spec.Template.HelmRelease.Values)
	if err != nil {
		return nil, &platformProblem{"InvalidValues", err.Error()}
	}
	var demands []platformDemand
	for _, auto := range nodes.AutoNodes {
		provider := w.provider(auto.Provider)
		if provider == nil {
			return nil, &platformProblem{"NodeProviderNotFound", fmt.Sprintf("there is no node provider %q", auto.Provider)}
		}
		if problem := p.unusable(provider); problem != nil {
			return nil, problem
		}
		for _, pool := range auto.Static {
			demand := platformDemand{provider: provider, pool: pool.platformPool, quantity: *pool.Quantity, properties: auto.Properties}
			if demand.types = p.typesFor(project, provider, pool.NodeTypeSelector); len(demand.types) == 0 {
				return nil, &platformProblem{"NodeTypeNotFound", fmt.Sprintf("pool %s: node provider %s has no node type that the pool selects and project %s may have", pool.Name, provider.Name, project.Name)}
			}
			var problem *platformProblem
			if demand.profile, problem = p.profile(w, project, pool.Profile, nodes.DefaultProfile); problem != nil {
				return nil, problem
			}
			demands = append(demands, demand)
		}
	}
	return demands, nil
}

// typesFor are the names of the provider's node types that match all selectors, the cheapest first.
func (p *Platform) typesFor(project *platformProject, provider *platformProvider, selectors []platformSelector) []string {
	types := slices.Clone(provider.Spec.Metal3.NodeTypes)
	slices.SortStableFunc(types, func(a, b platformNodeType) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(a.Name, b.Name))
	})
	var names []string
	for _, t := range types {
		properties := maps.Clone(t.Properties)
		if properties == nil {
			properties = map[string]string{}
		}
		properties["vcluster.com/node-type"] = t.Name // the short name, as the documentation has it
		allowed := project.Spec.AllowedNodeTypes
		if p.site.Rule(PlatformAllowedNodeTypes) && allowed != nil &&
			!platformAllows(*allowed, provider.Name+"."+t.Name) && !platformAllows(*allowed, provider.Name+".*") {
			continue
		}
		if !slices.ContainsFunc(selectors, func(s platformSelector) bool { return !s.matches(properties) }) {
			names = append(names, t.Name)
		}
	}
	return names
}

func platformAllows(list []platformNamed, name string) bool {
	return slices.Contains(list, platformNamed{name})
}

// underQuota reports whether the project may have one more claim of the provider.
func (p *Platform) underQuota(w *platformWorld, namespace, provider string) bool {
	project := w.project(namespace)
	if !p.site.Rule(PlatformQuota) || project == nil {
		return true
	}
	all, ofProvider := 0, 0
	for _, c := range w.claims {
		if c.Namespace == namespace && c.DeletionTimestamp == nil {
			all++
			if c.Spec.ProviderRef == provider {
				ofProvider++
			}
		}
	}
	under := func(key string, used int) bool {
		limit, ok := project.Spec.Quotas.Project[key]
		n, err := strconv.Atoi(strings.TrimSpace(limit))
		return !ok || err == nil && used < n
	}
	return under("nodeclaims", all) && under("nodeclaims.provider="+provider, ofProvider)
}
