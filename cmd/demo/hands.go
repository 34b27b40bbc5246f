package main

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

var hosts = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "baremetalhosts"}

// relabel changes a label of a host as `kubectl label` does.
func (w *world) relabel(ctx context.Context, host, label, to string) error {
	client, err := dynamic.NewForConfig(w.control.Config)
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{label: to}}})
	if err != nil {
		return err
	}
	_, err = client.Resource(hosts).Namespace("metal3-system").Patch(ctx, host, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-label"})
	if err != nil {
		return fmt.Errorf("relabel host %s: %w", host, err)
	}
	return nil
}

// label reads a label of a host.
func (w *world) label(ctx context.Context, host, label string) (string, error) {
	client, err := dynamic.NewForConfig(w.control.Config)
	if err != nil {
		return "", err
	}
	o, err := client.Resource(hosts).Namespace("metal3-system").Get(ctx, host, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read host %s: %w", host, err)
	}
	return o.GetLabels()[label], nil
}
