package simulate

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// platformTenant is the way into one tenant cluster.
type platformTenant struct {
	kubeconfig string
	client     dynamic.Interface
	ready      map[string]bool // the nodes as they were last written, by machine
}

// tenantTimeout bounds a request to a tenant cluster, so that one that hangs does not hold up the others.
const tenantTimeout = 5 * time.Second

// tenant is the way into an instance's cluster, or nil while that has no control plane.
func (p *Platform) tenant(instance string) (*platformTenant, error) {
	kubeconfig, ok := p.options.TenantKubeconfig(instance)
	if !ok {
		return nil, nil
	}
	if t := p.tenants[instance]; t != nil && t.kubeconfig == string(kubeconfig) {
		return t, nil
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig of %s: %w", instance, err)
	}
	config.Timeout = tenantTimeout
	client, err := kubeClient(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", instance, err)
	}
	t := &platformTenant{kubeconfig: string(kubeconfig), client: client, ready: map[string]bool{}}
	p.tenants[instance] = t
	return t, nil
}

// join makes a claimed machine a node of its cluster once it can be one, and returns what it still
// waits for, or "". A node whose machine can no longer be one is told to be not ready.
func (p *Platform) join(ctx context.Context, w *platformWorld, claim *platformClaim, host *metal3Host) (wait string, err error) {
	instance := claim.instance()
	machine, _ := p.site.Machine(host.Name)
	if state := host.Status.Provisioning.State; state != "provisioned" {
		p.leave(ctx, instance, host.Name)
		return "is " + state, nil
	}
	tenant, err := p.tenant(instance)
	if err != nil {
		return "", err
	}
	if tenant == nil {
		return "waits for the control plane", nil
	}
	if machine.Power != PowerOn {
		wait = "is powered off"
	}
	if p.options.ServerCluster != nil && p.site.Rule(PlatformMembership) {
		if want := p.options.ServerCluster(instance); machine.Membership != want {
			wait = "is not a member of server cluster " + want
		}
	}
	if wait != "" && machine.Cluster != instance {
		return wait, nil
	}
	if err := tenant.setNode(ctx, w, claim, host.Name, wait == ""); err != nil {
		return "", fmt.Errorf("node %s of %s: %w", host.Name, instance, err)
	}
	if machine.Cluster != instance {
		p.site.Update(host.Name, func(m *Machine) { m.Cluster = instance })
		p.site.Record(Event{System: "platform", Target: host.Name, Verb: "join", Detail: instance})
	}
	return wait, nil
}

// leave takes a machine out of the cluster that it is a node of. A cluster that does not answer does
// not hold the machine back.
func (p *Platform) leave(ctx context.Context, instance, machine string) {
	left := false
	p.site.Update(machine, func(m *Machine) {
		if left = m.Cluster == instance; left {
			m.Cluster = ""
		}
	})
	if !left {
		return
	}
	p.site.Record(Event{System: "platform", Target: machine, Verb: "release", Detail: instance})
	tenant, err := p.tenant(instance)
	if err == nil && tenant != nil {
		delete(tenant.ready, machine)
		err = tenant.client.Resource(nodeResource).Delete(ctx, machine, metav1.DeleteOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		p.report(ctx, "node "+machine, err)
	}
}

// setNode creates a machine's Node, with the labels and taints of its pool, or changes its readiness.
func (t *platformTenant) setNode(ctx context.Context, w *platformWorld, claim *platformClaim, machine string, ready bool) error {
	if was, known := t.ready[machine]; known && was == ready {
		return nil
	}
	demand := w.demands[claim.instance()+"/"+claim.pool()]
	pool := demand.pool
	nodes := t.client.Resource(nodeResource)
	labels := map[string]any{"kubernetes.io/hostname": machine, "kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": claim.shortType()}
	annotations, asked := map[string]any{}, pool.Taints
	if profile := demand.profile; profile != nil { // startup taints are gone by the time that a node is ready
		labels["vcluster.com/node-profile"] = profile.Name
		for k, v := range profile.Spec.Labels {
			labels[k] = v
		}
		for k, v := range profile.Spec.Annotations {
			annotations[k] = v
		}
		asked = slices.Concat(profile.Spec.Taints, asked)
	}
	for k, v := range pool.NodeLabels {
		labels[k] = v
	}
	taints := []any{}
	for _, taint := range asked {
		taints = append(taints, map[string]any{"key": taint.Key, "value": taint.Value, "effect": taint.Effect})
	}
	_, err := nodes.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": machine, "labels": labels, "annotations": annotations},
	}}, metav1.CreateOptions{FieldManager: platformManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	condition := map[string]any{"type": "Ready", "status": "True", "reason": "KubeletReady"}
	if !ready {
		condition["status"], condition["reason"] = "Unknown", "NodeStatusUnknown"
		taints = append(taints, map[string]any{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"})
	}
	// The API server taints every new node as not ready, and there may be no controller to undo it.
	if err := kubeMerge(ctx, nodes, platformManager, machine, "", map[string]any{"spec": map[string]any{"taints": taints}}); err != nil {
		return err
	}
	now := metav1.Now().Rfc3339Copy()
	condition["lastHeartbeatTime"], condition["lastTransitionTime"] = now, now
	if err := kubeSetStatus(ctx, nodes, machine, map[string]any{"conditions": []any{condition}}); err != nil {
		return err
	}
	t.ready[machine] = ready
	return nil
}

// publish writes the Secret with the kubeconfig of an instance's cluster.
func (p *Platform) publish(ctx context.Context, w *platformWorld, instance *platformInstance, kubeconfig []byte) error {
	file, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig of %s: %w", instance.id(), err)
	}
	data := map[string][]byte{"config": kubeconfig}
	if at := file.Contexts[file.CurrentContext]; at != nil {
		if c := file.Clusters[at.Cluster]; c != nil {
			data["certificate-authority"] = c.CertificateAuthorityData
		}
		if u := file.AuthInfos[at.AuthInfo]; u != nil {
			data["client-certificate"], data["client-key"] = u.ClientCertificateData, u.ClientKeyData
		}
	}
	maps.DeleteFunc(data, func(_ string, content []byte) bool { return len(content) == 0 })
	namespace, name := instance.Spec.ClusterRef.Namespace, "vc-"+instance.Name
	if err := p.ensureNamespace(ctx, w, namespace, nil); err != nil {
		return err
	}
	secrets := p.client.Resource(secretResource).Namespace(namespace)
	object, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = secrets.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret",
			"metadata": map[string]any{"name": name, "namespace": namespace, "labels": map[string]any{"app": "vcluster"}},
			"data":     data,
		}}, metav1.CreateOptions{FieldManager: platformManager})
		return err
	}
	if err != nil {
		return err
	}
	secret, err := kubeDecode[metal3Secret](*object)
	if err != nil || reflect.DeepEqual(secret.Data, data) {
		return err
	}
	return kubeMerge(ctx, secrets, platformManager, name, "", map[string]any{"data": data})
}
