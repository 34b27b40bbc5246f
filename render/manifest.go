package render

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/kinds"
)

// manifest is one Kubernetes object that a component is made of, and the file that it comes from.
type manifest struct {
	body map[string]any
	file string
}

func (m manifest) text(path ...string) string { return kinds.Text(m.body, path...) }

func (m manifest) name() string      { return m.text("metadata", "name") }
func (m manifest) namespace() string { return m.text("metadata", "namespace") }

// kind is Kind.group as addresses have it: "Deployment.apps", "ConfigMap".
func (m manifest) kind() string {
	kind := m.text("kind")
	if group, _, ok := strings.Cut(m.text("apiVersion"), "/"); ok {
		kind += "." + group
	}
	return kind
}

const kindCRD = "CustomResourceDefinition.apiextensions.k8s.io"

// defines is the kind that a custom resource definition defines, and whether it is namespaced.
func (m manifest) defines() (kind string, namespaced, ok bool) {
	if m.kind() != kindCRD {
		return "", false, false
	}
	return m.text("spec", "names", "kind") + "." + m.text("spec", "group"), m.text("spec", "scope") == "Namespaced", true
}

// decode reads all objects in a text of YAML documents.
func decode(text []byte, file string) ([]manifest, error) {
	var out []manifest
	err := documents(text, file, func(doc []byte) error {
		var body map[string]any
		if err := yaml.UnmarshalStrict(doc, &body); err != nil {
			return err
		}
		if len(body) > 0 {
			out = append(out, manifest{body, file})
		}
		return nil
	})
	return out, err
}

// tame refuses YAML that does not parse, or that grows out of bounds once its references are followed:
// the parser here stops at that, kustomize's does not.
func tame(text []byte, file string) error {
	return documents(text, file, func(doc []byte) error {
		var any any
		return yaml.Unmarshal(doc, &any)
	})
}

func documents(text []byte, file string, do func([]byte) error) error {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for n := 0; ; n++ {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = do(doc)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if n > maxObjects {
			return fmt.Errorf("%s holds more than %d documents", file, maxObjects)
		}
	}
}

// plain takes lists of objects apart and drops what says nothing.
func plain(manifests []manifest) ([]manifest, error) {
	var out []manifest
	for _, m := range manifests {
		items, isList := m.body["items"].([]any)
		if !isList || !strings.HasSuffix(m.text("kind"), "List") {
			tidy(m.body)
			out = append(out, m)
			continue
		}
		for _, item := range items {
			body, ok := item.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s: a list holds something that is no object", m.file)
			}
			tidy(body)
			out = append(out, manifest{body, m.file})
		}
	}
	if len(out) > maxObjects {
		return nil, fmt.Errorf("more than %d objects", maxObjects)
	}
	return out, nil
}

func tidy(body map[string]any) {
	delete(body, "status") // another's to write
	dropNulls(body)
}

func dropNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		for k, item := range v {
			if item == nil {
				delete(v, k)
			} else {
				dropNulls(item)
			}
		}
	case []any:
		for _, item := range v {
			dropNulls(item)
		}
	}
}

// check finds what a stack's object must not be. Secrets that come out of a chart are kept sealed.
func (m manifest) check(chart bool) diag.List {
	var found diag.List
	report := func(code, summary, hint string) {
		found = append(found, diag.Diagnostic{Code: code, Summary: m.file + ": " + summary, Hint: hint})
	}
	if m.text("kind") == "" || m.text("apiVersion") == "" || m.name() == "" {
		report("MW309", "an object without an apiVersion, a kind or a name", "write all three; generateName makes another object at each apply")
		return found
	}
	for _, word := range []string{m.kind(), m.name(), m.namespace()} {
		if strings.ContainsAny(word, "/ \t\r\n") || len(word) > 253 {
			report("MW309", fmt.Sprintf("%q is no name in Kubernetes", word), "")
		}
	}
	if m.kind() == "Secret" && chart {
		if err := m.lift(); err != nil {
			report("MW306", fmt.Sprintf("Secret %s: %v", m.name(), err), "correct the chart or its values; an API server would not take it either")
		}
	} else if m.kind() == "Secret" && (holds(m.body["data"]) || holds(m.body["stringData"])) {
		report("MW306", fmt.Sprintf("Secret %s is written out, so that whoever reads the repository knows it", m.name()),
			"let a secret store make it, and name the existing Secret in the component's values")
	}
	meta, _ := m.body["metadata"].(map[string]any)
	for _, set := range []string{"labels", "annotations"} {
		marks, _ := meta[set].(map[string]any)
		for k := range marks {
			if strings.HasPrefix(k, labelPrefix) {
				report("MW301", fmt.Sprintf("%s of %s %s: %s is Millwright's own to set", set, m.text("kind"), m.name(), k), "choose a prefix of your own")
			}
		}
	}
	return found
}

func holds(value any) bool {
	m, isMap := value.(map[string]any)
	return value != nil && (!isMap || len(m) > 0)
}

// clusterScoped are the kinds of Kubernetes itself that have no namespace, as of v1.35.
var clusterScoped = map[string]bool{
	"Namespace": true, "Node": true, "PersistentVolume": true,
	kindCRD:                             true,
	"APIService.apiregistration.k8s.io": true,
	"CertificateSigningRequest.certificates.k8s.io":                 true,
	"ClusterTrustBundle.certificates.k8s.io":                        true,
	"ClusterRole.rbac.authorization.k8s.io":                         true,
	"ClusterRoleBinding.rbac.authorization.k8s.io":                  true,
	"CSIDriver.storage.k8s.io":                                      true,
	"CSINode.storage.k8s.io":                                        true,
	"StorageClass.storage.k8s.io":                                   true,
	"VolumeAttachment.storage.k8s.io":                               true,
	"VolumeAttributesClass.storage.k8s.io":                          true,
	"DeviceClass.resource.k8s.io":                                   true,
	"DeviceTaintRule.resource.k8s.io":                               true,
	"ResourceSlice.resource.k8s.io":                                 true,
	"FlowSchema.flowcontrol.apiserver.k8s.io":                       true,
	"PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io":       true,
	"IngressClass.networking.k8s.io":                                true,
	"IPAddress.networking.k8s.io":                                   true,
	"ServiceCIDR.networking.k8s.io":                                 true,
	"MutatingAdmissionPolicy.admissionregistration.k8s.io":          true,
	"MutatingAdmissionPolicyBinding.admissionregistration.k8s.io":   true,
	"MutatingWebhookConfiguration.admissionregistration.k8s.io":     true,
	"ValidatingAdmissionPolicy.admissionregistration.k8s.io":        true,
	"ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": true,
	"ValidatingWebhookConfiguration.admissionregistration.k8s.io":   true,
	"PriorityClass.scheduling.k8s.io":                               true,
	"RuntimeClass.node.k8s.io":                                      true,
}

// builtIn reports whether a kind comes with Kubernetes: the core group, those without a dot, and
// those below k8s.io that are not made by a definition.
func builtIn(kind string) bool {
	_, group, custom := strings.Cut(kind, ".")
	if !custom {
		return true
	}
	switch group {
	case "apps", "autoscaling", "batch", "policy":
		return true
	}
	return builtInGroups[group]
}

// builtInGroups are the groups of Kubernetes itself below k8s.io.
var builtInGroups = map[string]bool{
	"admissionregistration.k8s.io": true, "apiextensions.k8s.io": true, "apiregistration.k8s.io": true,
	"certificates.k8s.io": true, "coordination.k8s.io": true, "discovery.k8s.io": true, "events.k8s.io": true,
	"flowcontrol.apiserver.k8s.io": true, "networking.k8s.io": true, "node.k8s.io": true,
	"rbac.authorization.k8s.io": true, "resource.k8s.io": true, "scheduling.k8s.io": true, "storage.k8s.io": true,
}
