package simulate

import (
	"context"
	"embed"
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

//go:embed crds/*.yaml
var platformManifests embed.FS

// PlatformCRDs are the CustomResourceDefinitions of vCluster Platform's management.loft.sh/v1, each a
// YAML document, sorted by file name. Metal3's own definitions come from its module, not from here.
func PlatformCRDs() [][]byte {
	return readManifests("management.loft.sh_", func(string) bool { return true })
}

// Admission are the ValidatingAdmissionPolicies, and their bindings, that do what the webhooks of
// Metal3 and Platform do and a CRD cannot say: each a YAML document. They are applied beside the
// CRDs. A rule that is switched off at the time of the call is left out; the file is named after it.
func Admission(site *Site) [][]byte {
	return readManifests("admission_", func(rule string) bool { return site.Rule(Rule(rule)) })
}

// InstallAdmission applies what [Admission] returns. The API server heeds it a moment later.
func InstallAdmission(ctx context.Context, config *rest.Config, site *Site) error {
	client, err := kubeClient(config)
	if err != nil {
		return fmt.Errorf("install admission policies: %w", err)
	}
	for _, document := range Admission(site) {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			return fmt.Errorf("read an admission policy: %w", err)
		}
		resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
		options := metav1.ApplyOptions{FieldManager: "simulate", Force: true}
		if _, err := client.Resource(resource).Apply(ctx, object.GetName(), object, options); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// readManifests are the documents of the embedded files whose name has the prefix and whose rest keep
// wants. An embedded file cannot fail to be read.
func readManifests(prefix string, keep func(rest string) bool) [][]byte {
	entries, err := platformManifests.ReadDir("crds")
	if err != nil {
		panic(err)
	}
	var documents [][]byte
	for _, e := range entries {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".yaml"), prefix)
		if !ok || !keep(rest) {
			continue
		}
		content, err := platformManifests.ReadFile(path.Join("crds", e.Name()))
		if err != nil {
			panic(err)
		}
		for document := range strings.SplitSeq(string(content), "\n---\n") {
			documents = append(documents, []byte(document))
		}
	}
	return documents
}
