package simulate

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// serveProject keeps the project's namespace, and takes it away with the project once no instance is
// left in it.
func (p *Platform) serveProject(ctx context.Context, w *platformWorld, project *platformProject) error {
	namespace := platformNamespace(project.Name)
	projects := p.client.Resource(projectResource)
	if project.DeletionTimestamp == nil {
		if err := kubeKeep(ctx, projects, platformManager, platformFinalizer, &project.ObjectMeta); err != nil {
			return err
		}
		return p.ensureNamespace(ctx, w, namespace, map[string]any{"loft.sh/project": project.Name})
	}
	for _, i := range w.instances {
		if i.Namespace == namespace {
			return nil
		}
	}
	if err := p.client.Resource(namespaceResource).Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return kubeLetGo(ctx, projects, platformManager, platformFinalizer, &project.ObjectMeta)
}

func (p *Platform) ensureNamespace(ctx context.Context, w *platformWorld, name string, labels map[string]any) error {
	if slices.ContainsFunc(w.namespaces, func(n *metav1.PartialObjectMetadata) bool { return n.Name == name }) {
		return nil
	}
	_, err := p.client.Resource(namespaceResource).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "labels": labels},
	}}, metav1.CreateOptions{FieldManager: platformManager})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// serveProvider says whether a node provider can be used.
func (p *Platform) serveProvider(ctx context.Context, provider *platformProvider) error {
	status := platformStatus{Phase: "Available"}
	if problem := p.unusable(provider); problem != nil {
		status = platformStatus{Phase: "Failed", Reason: problem.reason, Message: problem.message}
	}
	status.condition(provider.Status, "Ready", status.Phase == "Available")
	if reflect.DeepEqual(status, provider.Status) {
		return nil
	}
	return kubeSetStatus(ctx, p.client.Resource(providerResource), provider.Name, status)
}

// unusable is why a provider cannot be used, or nil.
func (p *Platform) unusable(provider *platformProvider) *platformProblem {
	switch {
	case provider.Spec.Metal3 == nil:
		return &platformProblem{"NotSimulated", "only the Metal3 node provider is simulated"}
	case provider.Spec.Metal3.ClusterRef.Cluster != p.options.Cluster:
		return &platformProblem{"ClusterNotFound", fmt.Sprintf("cluster %q is not connected", provider.Spec.Metal3.ClusterRef.Cluster)}
	}
	return nil
}

// platformProblem is why an object cannot be served, as its status tells it.
type platformProblem struct{ reason, message string }

func (p *platformProblem) Error() string { return p.message }
