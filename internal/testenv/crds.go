package testenv

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// fieldManager owns the fields of what the environment itself applies.
const fieldManager = "testenv"

// establishTimeout bounds the wait for the types of one call; they usually take 2 seconds.
const establishTimeout = time.Minute

// InstallCRDs applies CustomResourceDefinitions, any number of YAML documents in each manifest, and
// waits until their types are served. Other kinds are refused. Applying them again does nothing.
func InstallCRDs(ctx context.Context, config *rest.Config, manifests ...[]byte) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("install CRDs: %w", err)
	}
	served, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("install CRDs: %w", err)
	}
	crds, err := parseCRDs(manifests)
	if err != nil {
		return fmt.Errorf("install CRDs: %w", err)
	}
	resource := client.Resource(apiextensions.SchemeGroupVersion.WithResource("customresourcedefinitions"))
	for _, crd := range crds {
		options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
		if _, err := resource.Apply(ctx, crd.GetName(), crd, options); err != nil {
			return fmt.Errorf("apply CustomResourceDefinition %s: %w", crd.GetName(), err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, establishTimeout)
	defer cancel()
	for _, crd := range crds {
		if err := awaitServed(ctx, resource, client, served, crd.GetName()); err != nil {
			return fmt.Errorf("wait until %s is served: %w", crd.GetName(), err)
		}
	}
	return nil
}

// parseCRDs reads YAML documents; empty ones are skipped.
func parseCRDs(manifests [][]byte) ([]*unstructured.Unstructured, error) {
	var crds []*unstructured.Unstructured
	for _, manifest := range manifests {
		documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(document, &object.Object); err != nil {
				return nil, err
			}
			if len(object.Object) == 0 {
				continue
			}
			if object.GetKind() != "CustomResourceDefinition" {
				return nil, fmt.Errorf("%s %s is not a CustomResourceDefinition", object.GetKind(), object.GetName())
			}
			// Some generators write an empty status, which the server does not take from an applier.
			unstructured.RemoveNestedField(object.Object, "status")
			crds = append(crds, object)
		}
	}
	return crds, nil
}

// awaitServed waits until the CRD is established and each served version can be discovered and
// listed: the parts of the API server learn of a new type one after the other.
func awaitServed(ctx context.Context, crds dynamic.ResourceInterface, client dynamic.Interface,
	served discovery.DiscoveryInterface, name string,
) error {
	for {
		err := checkServed(ctx, crds, client, served, name)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func checkServed(ctx context.Context, crds dynamic.ResourceInterface, client dynamic.Interface,
	served discovery.DiscoveryInterface, name string,
) error {
	object, err := crds.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	var crd apiextensions.CustomResourceDefinition
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &crd); err != nil {
		return err
	}
	if !slices.ContainsFunc(crd.Status.Conditions, established) {
		return fmt.Errorf("not established: %v", crd.Status.Conditions)
	}
	for _, version := range crd.Spec.Versions {
		if !version.Served {
			continue
		}
		resource := schema.GroupVersionResource{Group: crd.Spec.Group, Version: version.Name, Resource: crd.Spec.Names.Plural}
		listed, err := served.ServerResourcesForGroupVersion(resource.GroupVersion().String())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(listed.APIResources, func(r metav1.APIResource) bool { return r.Name == resource.Resource }) {
			return fmt.Errorf("%s is not discovered", resource)
		}
		if _, err := client.Resource(resource).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			return err
		}
	}
	return nil
}

func established(c apiextensions.CustomResourceDefinitionCondition) bool {
	return c.Type == apiextensions.Established && c.Status == apiextensions.ConditionTrue
}
