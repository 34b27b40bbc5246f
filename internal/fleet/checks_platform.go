package fleet

import "fmt"

// tiers are what each size of the control plane cluster takes and carries, as schema/standalone.cue
// promises: nodes at least, tenant clusters at most (0: as many as it can bear).
var tiers = map[string]struct{ nodes, clusters int }{
	"small":  {3, 10},
	"medium": {3, 50},
	"large":  {5, 0},
}

// platform: the control plane cluster is large enough and has a quorum, the licence covers what the
// platform asks for, and its audit settings make sense.
func (c *checker) platform() {
	p := c.f.Platform
	if p == nil {
		return
	}
	if p.ControlPlane != nil {
		c.controlPlane(p.ControlPlane)
	}
	c.edition()
	for tn, t := range All(c.f.Tenants) {
		if t.Audit != nil {
			c.sink(tn, t.Audit)
		}
	}
}

// sink: what is said of where the audit log of a tenant's clusters goes is used there.
func (c *checker) sink(tenant string, a *ClusterAudit) {
	at := func(field string) Query { return Query{address("tenant", tenant), "audit." + field} }
	if a.Sink == SinkWebhook && a.Webhook == "" {
		c.report("MW257", at("sink"), "the audit log goes to a webhook, but none is named", "write webhook: the Secret with the collector's kubeconfig")
	}
	useless := func(there bool, field, sink string) {
		if there && a.Sink != sink {
			c.report("MW225", at(field), fmt.Sprintf("audit.%s of tenant %s does nothing: the log goes to %s", field, tenant, a.Sink), fmt.Sprintf("write sink: %q, or leave it out", sink))
		}
	}
	useless(a.Webhook != "", "webhook", SinkWebhook)
	useless(a.Retention != defaultRetention, "retention", SinkFile)
}

// defaultRetention is what the schema says where nothing is written; a test compares the two.
var defaultRetention = Retention{Days: 30, Files: 10, Megabytes: 100}

// controlPlane: tier and quorum.
func (c *checker) controlPlane(k *PlatformCluster) {
	at := func(field string) Query { return Query{"platform", "controlPlane." + field} }
	if (k.Managed == nil) == (k.Standalone == nil) {
		c.report("MW251", Query{"platform", "controlPlane"}, "the control plane cluster is either managed or standalone", "write one of the two")
		return
	}
	tier, clusters := tiers[k.Tier], 0
	for _, t := range c.f.Tenants {
		if !t.Retired {
			clusters += len(t.Clusters)
		}
	}
	if tier.clusters > 0 && clusters > tier.clusters {
		c.report("MW250", at("tier"), fmt.Sprintf("the control plane cluster is %s and carries %d tenant clusters at most; the fleet has %d", k.Tier, tier.clusters, clusters),
			"give it larger machines, or more of them, and raise the tier")
	}
	short := func(nodes int, field string) {
		if nodes < tier.nodes {
			c.report("MW250", at(field), fmt.Sprintf("a %s control plane cluster has %d nodes at least; this one has %d", k.Tier, tier.nodes, nodes),
				"add nodes, or lower the tier")
		}
	}
	if k.Managed != nil {
		short(k.Managed.Nodes, "managed.nodes")
		return
	}
	var members []mention
	for n, m := range All(c.f.Machines) {
		if m.Role == RoleControlPlane && (m.Lifecycle == InService || m.Lifecycle == Maintenance) {
			members = append(members, mention{Query{address("machine", n), "role"}, "carries the control plane cluster"})
		}
	}
	if n := len(members); n < 3 || n%2 == 0 {
		c.report("MW251", at("standalone"), fmt.Sprintf("etcd runs on %d control plane machines; it needs an odd number of at least 3 to outlive one of them", n),
			"give role: \"control-plane\" to machines that are in service, 3, 5 or 7 in all", members...)
		return
	}
	short(len(members), "standalone")
}

// edition: what the licence covers. These are the features of the platform itself and of tenants' stacks that the free tier lacks. Those
// of vcluster.yaml are found by the renderer, in what is rendered.
func (c *checker) edition() {
	p := c.f.Platform
	if p.Edition != EditionFree {
		return
	}
	refuse := func(what string, at Query) {
		c.report("MW252", at, fmt.Sprintf("%s needs a paid edition of vCluster Platform; the platform declares %q", what, p.Edition),
			"leave it out, or raise the edition once the licence is there", mention{Query{"platform", "edition"}, "the edition"})
	}
	if id := p.Identity; id != nil {
		if id.OIDC != nil {
			refuse("single sign-on", Query{"platform", "identity.oidc"})
		}
		if id.SAML != nil {
			refuse("single sign-on", Query{"platform", "identity.saml"})
		}
		for n := range All(id.Connectors) {
			refuse("single sign-on", Query{"platform", joinPath("identity", "connector", n)})
		}
	}
	if p.Audit != nil {
		refuse("the audit log of Platform", Query{"platform", "audit"})
	}
	for tn, t := range All(c.f.Tenants) {
		for cn, k := range All(t.Clusters) {
			if c.f.HasVNode(k) {
				refuse("vNode", Query{address("tenant", tn), c.vnodeField(cn, k)})
			}
		}
	}
}

// vnodeField is what decides whether a cluster has vNode, from within its tenant.
func (c *checker) vnodeField(name string, k *Cluster) string {
	switch {
	case k.Nodes == "private" && k.Stack != "":
		return joinPath("cluster", name, "stack")
	case k.Nodes != "private":
		return joinPath("cluster", name, "sharedNodes", "runtimeClass")
	}
	return joinPath("cluster", name)
}
