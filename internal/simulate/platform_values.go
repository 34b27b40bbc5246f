package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// platformValueKeys are the keys that vcluster.yaml has at its top, as of vCluster 0.36.
var platformValueKeys = []string{
	"controlPlane", "deletion", "deploy", "experimental", "exportKubeConfig", "global", "integrations", "logging",
	"networking", "platform", "plugin", "plugins", "policies", "privateNodes", "pro", "rbac", "serviceCIDR", "sleep",
	"snapshots", "sync", "telemetry",
}

// platformPrivateNodes is the block privateNodes of vcluster.yaml, with every key that it may have.
type platformPrivateNodes struct {
	Enabled        bool                `json:"enabled"`
	DefaultProfile string              `json:"defaultProfile"`
	Kubelet        map[string]any      `json:"kubelet"`
	AutoUpgrade    map[string]any      `json:"autoUpgrade"`
	JoinNode       map[string]any      `json:"joinNode"`
	VPN            map[string]any      `json:"vpn"`
	Daemon         map[string]any      `json:"daemon"`
	AutoNodes      []platformAutoNodes `json:"autoNodes"`
}

// platformAutoNodes are the pools that one node provider serves.
type platformAutoNodes struct {
	Provider   string                `json:"provider"`
	Properties map[string]string     `json:"properties"`
	Static     []platformStaticPool  `json:"static"`
	Dynamic    []platformDynamicPool `json:"dynamic"`
}

// platformPool is what static and dynamic node pools have in common.
type platformPool struct {
	Name                   string             `json:"name"`
	NodeTypeSelector       []platformSelector `json:"nodeTypeSelector"`
	Taints                 []platformTaint    `json:"taints"`
	NodeLabels             map[string]string  `json:"nodeLabels"`
	TerminationGracePeriod string             `json:"terminationGracePeriod"`
	Profile                string             `json:"profile"`
}

type platformStaticPool struct {
	platformPool
	Quantity *int `json:"quantity"`
}

type platformDynamicPool struct {
	platformPool
	Limits      map[string]string `json:"limits"`
	Disruption  map[string]any    `json:"disruption"`
	ExpireAfter string            `json:"expireAfter"`
	Weight      int               `json:"weight"`
}

// pools are the static and the dynamic pools.
func (a platformAutoNodes) pools() []platformPool {
	var pools []platformPool
	for _, s := range a.Static {
		pools = append(pools, s.platformPool)
	}
	for _, d := range a.Dynamic {
		pools = append(pools, d.platformPool)
	}
	return pools
}

type platformTaint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

// platformSelector compares one property of a node type.
type platformSelector struct {
	Property string   `json:"property"`
	Operator string   `json:"operator"`
	Value    string   `json:"value"`
	Values   []string `json:"values"`
}

// platformParse reads the pools out of a vcluster.yaml and checks what vCluster's schema and its
// validation check of what concerns them. The site says which rules are in force.
func platformParse(site *Site, values string) (*platformPrivateNodes, error) {
	var top map[string]any
	if err := yaml.UnmarshalStrict([]byte(values), &top); err != nil {
		return nil, fmt.Errorf("vcluster.yaml: %w", err)
	}
	strict := site.Rule(PlatformValuesStrict)
	for _, key := range slices.Sorted(maps.Keys(top)) {
		if strict && !slices.Contains(platformValueKeys, key) {
			return nil, fmt.Errorf("vcluster.yaml: unknown key %q", key)
		}
	}
	block, err := yaml.Marshal(top["privateNodes"])
	if err != nil {
		return nil, fmt.Errorf("vcluster.yaml: privateNodes: %w", err)
	}
	decode := yaml.UnmarshalStrict
	if !strict {
		decode = func(content []byte, into any, options ...yaml.JSONOpt) error {
			return yaml.Unmarshal(content, into, options...)
		}
	}
	nodes := &platformPrivateNodes{}
	if err := decode(block, nodes); err != nil {
		return nil, fmt.Errorf("vcluster.yaml: privateNodes: %w", err)
	}
	if err := platformCheckControlPlane(top, nodes.Enabled); err != nil {
		return nil, fmt.Errorf("vcluster.yaml: %w", err)
	}
	return nodes, nodes.check(site)
}

// check holds the pools against vCluster's validation.
func (n *platformPrivateNodes) check(site *Site) error {
	if len(n.AutoNodes) > 0 && !n.Enabled {
		return fmt.Errorf("vcluster.yaml: privateNodes.autoNodes needs privateNodes.enabled")
	}
	providers, pools := map[string]bool{}, map[string]bool{}
	for i, auto := range n.AutoNodes {
		at := fmt.Sprintf("vcluster.yaml: privateNodes.autoNodes[%d]", i)
		if auto.Provider == "" || providers[auto.Provider] {
			return fmt.Errorf("%s: provider %q is empty or named twice", at, auto.Provider)
		}
		providers[auto.Provider] = true
		for _, pool := range auto.pools() {
			if pool.Name == "" || pools[pool.Name] {
				return fmt.Errorf("%s: pool name %q is empty or used twice", at, pool.Name)
			}
			pools[pool.Name] = true
			for _, s := range pool.NodeTypeSelector {
				if err := s.check(site); err != nil {
					return fmt.Errorf("%s: pool %s: %w", at, pool.Name, err)
				}
			}
		}
		for _, pool := range auto.Static {
			if pool.Quantity == nil || *pool.Quantity < 0 {
				return fmt.Errorf("%s: pool %s: quantity is needed, and not below 0", at, pool.Name)
			}
		}
	}
	return nil
}

func (s platformSelector) check(site *Site) error {
	valued := s.Value != "" || len(s.Values) > 0
	if s.Property == "" {
		return fmt.Errorf("a nodeTypeSelector needs a property")
	}
	if s.Value != "" && len(s.Values) > 0 {
		return fmt.Errorf("nodeTypeSelector %s: value and values exclude each other", s.Property)
	}
	switch s.Operator {
	case "", "In", "NotIn", "Gt", "Lt":
		if !valued {
			return fmt.Errorf("nodeTypeSelector %s: operator %q needs a value", s.Property, s.Operator)
		}
	case "Exists", "DoesNotExist":
		if valued {
			return fmt.Errorf("nodeTypeSelector %s: operator %s takes no value", s.Property, s.Operator)
		}
	default:
		if site.Rule(PlatformSelectorOperators) {
			return fmt.Errorf("nodeTypeSelector %s: unknown operator %q", s.Property, s.Operator)
		}
	}
	return nil
}

// matches holds a selector against the properties of a node type. Gt and Lt match nothing here.
func (s platformSelector) matches(properties map[string]string) bool {
	value, exists := properties[s.Property]
	values := s.Values
	if s.Value != "" {
		values = []string{s.Value}
	}
	switch s.Operator {
	case "", "In":
		return exists && slices.Contains(values, value)
	case "NotIn":
		return !slices.Contains(values, value)
	case "Exists":
		return exists
	case "DoesNotExist", "NotExists":
		return !exists
	}
	return false
}

// platformCheckControlPlane holds the block controlPlane against the rules on replicas and endpoint.
func platformCheckControlPlane(top map[string]any, privateNodes bool) error {
	replicas, _ := platformAt(top, "controlPlane", "statefulSet", "highAvailability", "replicas").(float64)
	store := false
	for _, path := range []string{"etcd.embedded", "etcd.deploy", "etcd.external", "database.external"} {
		group, kind, _ := strings.Cut(path, ".")
		enabled, _ := platformAt(top, "controlPlane", "backingStore", group, kind, "enabled").(bool)
		store = store || enabled
	}
	if replicas > 1 && !store {
		return fmt.Errorf("controlPlane: %v replicas need a backing store other than the embedded database", replicas)
	}
	if endpoint, _ := platformAt(top, "controlPlane", "endpoint").(string); endpoint != "" {
		if host, port, _ := strings.Cut(endpoint, ":"); !privateNodes || host == "" || port == "" {
			return fmt.Errorf("controlPlane.endpoint %q must be host:port, and needs private nodes", endpoint)
		}
	}
	return nil
}

// platformAt is what stands at a path in a tree, or nil.
func platformAt(tree any, path ...string) any {
	for _, key := range path {
		node, _ := tree.(map[string]any)
		tree = node[key]
	}
	return tree
}
