package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// The resources that the two controllers read and write.
var (
	hostResource         = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "baremetalhosts"}
	hostSettingsResource = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "hostfirmwaresettings"}
	hostPartsResource    = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "hostfirmwarecomponents"}
	hostPolicyResource   = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "hostupdatepolicies"}
	hostSchemaResource   = schema.GroupVersionResource{Group: "metal3.io", Version: "v1alpha1", Resource: "firmwareschemas"}
	secretResource       = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	namespaceResource    = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	nodeResource         = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	projectResource      = platformResource("projects")
	providerResource     = platformResource("nodeproviders")
	claimResource        = platformResource("nodeclaims")
	imageResource        = platformResource("osimages")
	keyResource          = platformResource("sshkeys")
	templateResource     = platformResource("machineconfigtemplates")
	profileResource      = platformResource("nodeprofiles")
	instanceResource     = platformResource("virtualclusterinstances")
)

func platformResource(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "management.loft.sh", Version: "v1", Resource: plural}
}

// kubeClient is a client without a rate limit of its own, since the API server's is limit enough, and
// deaf to warnings: Metal3's finalizer has a name that the API server finds bad style.
func kubeClient(config *rest.Config) (dynamic.Interface, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	return dynamic.NewForConfig(config)
}

// kubeLoop runs a controller's pass again and again: when something that it watches changes, when the
// pass itself asks for it, and at the latest after resync. A pass reads what it needs afresh, so a
// watch that breaks costs time and never truth.
type kubeLoop struct {
	client dynamic.Interface
	watch  []schema.GroupVersionResource
	resync time.Duration
	// pass does one round and returns how soon it wants the next one; 0 means at resync.
	pass func(context.Context) time.Duration
}

// kubePause keeps a burst of changes from becoming a burst of passes.
const kubePause = 20 * time.Millisecond

func (l kubeLoop) run(ctx context.Context) {
	wake := make(chan struct{}, 1)
	var followers sync.WaitGroup
	defer followers.Wait()
	for _, resource := range l.watch {
		followers.Go(func() { l.follow(ctx, resource, wake) })
	}
	for ctx.Err() == nil {
		next := l.pass(ctx)
		if next <= 0 || next > l.resync {
			next = l.resync
		}
		sleep(ctx, kubePause, nil)
		sleep(ctx, next-kubePause, wake)
	}
}

// follow wakes the loop at every event of one resource, and watches again when a watch ends.
func (l kubeLoop) follow(ctx context.Context, resource schema.GroupVersionResource, wake chan<- struct{}) {
	for ctx.Err() == nil {
		if w, err := l.client.Resource(resource).Watch(ctx, metav1.ListOptions{}); err == nil {
			for range w.ResultChan() {
				select {
				case wake <- struct{}{}:
				default:
				}
			}
		}
		sleep(ctx, time.Second, nil)
	}
}

// sleep waits for d, for the end of ctx, or for wake.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// kubeSetStatus replaces an object's whole status. The controller that calls it is the only writer of
// that status, so it needs no resourceVersion, and an edit of the spec in between is no conflict.
func kubeSetStatus(ctx context.Context, client dynamic.ResourceInterface, name string, status any) error {
	patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/status", "value": status}})
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", name, err)
	}
	_, err = client.Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// kubeMerge merges fields into an object under the manager's name; nil removes a field. Unless version
// is empty the object must still be of that resourceVersion.
func kubeMerge(ctx context.Context, client dynamic.ResourceInterface, manager, name, version string, fields map[string]any) error {
	if version != "" {
		metadata, _ := fields["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
			fields["metadata"] = metadata
		}
		metadata["resourceVersion"] = version
	}
	patch, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("encode the change of %s: %w", name, err)
	}
	_, err = client.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	return err
}

// kubeDecode reads the fields of an object that a typed view names.
func kubeDecode[T any](object unstructured.Unstructured) (T, error) {
	var view T
	content, err := object.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(content, &view)
	}
	if err != nil {
		err = fmt.Errorf("read %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
	}
	return view, err
}

// kubeListInto reads all objects of a resource, decoded, in the API server's order: by namespace, then
// by name.
func kubeListInto[T any](ctx context.Context, client dynamic.ResourceInterface, into *[]T) error {
	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	*into = make([]T, len(list.Items))
	for i, item := range list.Items {
		if (*into)[i], err = kubeDecode[T](item); err != nil {
			return err
		}
	}
	return nil
}

// kubeKeep puts a finalizer on an object, kubeLetGo takes it off.
func kubeKeep(ctx context.Context, client dynamic.ResourceInterface, manager, finalizer string, object *metav1.ObjectMeta) error {
	if slices.Contains(object.Finalizers, finalizer) {
		return nil
	}
	return kubeFinalizers(ctx, client, manager, object, append(slices.Clone(object.Finalizers), finalizer))
}

func kubeLetGo(ctx context.Context, client dynamic.ResourceInterface, manager, finalizer string, object *metav1.ObjectMeta) error {
	rest := slices.DeleteFunc(slices.Clone(object.Finalizers), func(f string) bool { return f == finalizer })
	err := kubeFinalizers(ctx, client, manager, object, rest)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func kubeFinalizers(ctx context.Context, client dynamic.ResourceInterface, manager string, object *metav1.ObjectMeta, finalizers []string) error {
	fields := map[string]any{"metadata": map[string]any{"finalizers": finalizers}}
	return kubeMerge(ctx, client, manager, object.Name, object.ResourceVersion, fields)
}
