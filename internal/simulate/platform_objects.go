package simulate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The parts of Platform's objects that the simulation reads, and the statuses, which it writes.

type platformProject struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Quotas struct {
			Project map[string]string `json:"project"`
		} `json:"quotas"`
		AllowedClusters  []platformNamed  `json:"allowedClusters"`
		AllowedNodeTypes *[]platformNamed `json:"allowedNodeTypes"` // nil allows all
		// AllowedNodeProfiles: nil allows all.
		AllowedNodeProfiles *[]platformNamed `json:"allowedNodeProfiles"`
		DefaultNodeProfile  string           `json:"defaultNodeProfile"`
	} `json:"spec"`
}

type platformNamed struct {
	Name string `json:"name"`
}

type platformProvider struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Properties map[string]string `json:"properties"`
		Metal3     *struct {
			ClusterRef struct {
				Cluster   string `json:"cluster"`
				Namespace string `json:"namespace"`
			} `json:"clusterRef"`
			NodeTypes []platformNodeType `json:"nodeTypes"`
		} `json:"metal3"`
	} `json:"spec"`

	Status platformStatus `json:"status"`
}

type platformNodeType struct {
	Name           string            `json:"name"`
	Properties     map[string]string `json:"properties"`
	Cost           int64             `json:"cost"`
	BareMetalHosts struct {
		Selector *metav1.LabelSelector `json:"selector"`
	} `json:"bareMetalHosts"`
}

type platformImage struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Properties map[string]string `json:"properties"`
	} `json:"spec"`
}

type platformInstance struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		TemplateRef *platformNamed `json:"templateRef"`
		Template    *struct {
			HelmRelease struct {
				Values string `json:"values"`
			} `json:"helmRelease"`
		} `json:"template"`
		ClusterRef struct {
			Cluster   string `json:"cluster"`
			Namespace string `json:"namespace"`
		} `json:"clusterRef"`
	} `json:"spec"`

	Status platformStatus `json:"status"`
}

// id is what an instance is called here, "acme.train".
func (i *platformInstance) id() string { return platformProjectOf(i.Namespace) + "." + i.Name }

type platformClaim struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		ProviderRef string            `json:"providerRef"`
		TypeRef     string            `json:"typeRef"`
		VClusterRef string            `json:"vClusterRef"`
		Properties  map[string]string `json:"properties"`
	} `json:"spec"`

	Status platformStatus `json:"status"`
}

// instance is the instance that the claim is for, "acme.train".
func (c *platformClaim) instance() string {
	return platformProjectOf(c.Namespace) + "." + c.Spec.VClusterRef
}

func (c *platformClaim) pool() string { return c.Labels[platformPoolLabel] }

// number is the claim's number in its pool. Claims made later have higher numbers.
func (c *platformClaim) number() int {
	n, _ := strconv.Atoi(c.Name[strings.LastIndex(c.Name, "-")+1:])
	return n
}

// platformByAge sorts claims, the oldest first.
func platformByAge(claims []*platformClaim) []*platformClaim {
	return slices.SortedFunc(slices.Values(claims), func(a, b *platformClaim) int {
		return cmp.Or(cmp.Compare(a.number(), b.number()), cmp.Compare(a.Name, b.Name))
	})
}

// platformStatus is what the statuses of Platform's objects have in common.
type platformStatus struct {
	Phase      string              `json:"phase,omitempty"`
	Reason     string              `json:"reason,omitempty"`
	Message    string              `json:"message,omitempty"`
	Conditions []platformCondition `json:"conditions,omitempty"`
}

type platformCondition struct {
	Type               string      `json:"type"`
	Status             string      `json:"status"`
	LastTransitionTime metav1.Time `json:"lastTransitionTime"`
	Reason             string      `json:"reason,omitempty"`
	Message            string      `json:"message,omitempty"`
}

// condition adds a condition; one that is not true carries the status's reason and message. When it
// last changed is taken from the status before.
func (s *platformStatus) condition(before platformStatus, kind string, is bool) {
	c := platformCondition{Type: kind, Status: "True", LastTransitionTime: metav1.Now().Rfc3339Copy()}
	if !is {
		c.Status, c.Reason, c.Message = "False", s.Reason, s.Message
	}
	for _, old := range before.Conditions {
		if old.Type == kind && old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
	}
	s.Conditions = append(s.Conditions, c)
}

// is reports whether a condition is true.
func (s *platformStatus) is(kind string) bool {
	return slices.ContainsFunc(s.Conditions, func(c platformCondition) bool { return c.Type == kind && c.Status == "True" })
}
