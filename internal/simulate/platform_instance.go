package simulate

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// serveInstance claims as many machines as the instance asks for and no more, publishes its
// kubeconfig once all have joined, and says in the status how it stands.
func (p *Platform) serveInstance(ctx context.Context, w *platformWorld, instance *platformInstance) error {
	instances := p.client.Resource(instanceResource).Namespace(instance.Namespace)
	if instance.DeletionTimestamp != nil {
		return p.removeInstance(ctx, w, instance)
	}
	if err := kubeKeep(ctx, instances, platformManager, platformFinalizer, &instance.ObjectMeta); err != nil {
		return err
	}
	before, status := instance.Status, platformStatus{Phase: "Ready"}
	published := before.is("VirtualClusterDeployed")
	joined := false
	demands, problem := p.demanded(w, instance)
	if problem != nil { // what is there stays as it is
		status = platformStatus{Phase: "Failed", Reason: problem.reason, Message: problem.message}
	} else {
		waits, err := p.scale(ctx, w, instance, demands)
		if err != nil {
			return err
		}
		kubeconfig, up := p.options.TenantKubeconfig(instance.id())
		joined = len(waits) == 0
		switch {
		case !up:
			status = platformStatus{Phase: "Pending", Reason: "ControlPlanePending", Message: "the control plane is not up yet"}
		case !joined:
			status = platformStatus{Phase: "Pending", Reason: "NodesPending", Message: strings.Join(waits, "; ")}
		}
		if up && (joined || published) {
			if err := p.publish(ctx, w, instance, kubeconfig); err != nil {
				return err
			}
			published = true
		}
	}
	ready := status.Phase == "Ready"
	status.condition(before, "NodesProvisioned", joined)
	status.condition(before, "VirtualClusterDeployed", published)
	status.condition(before, "VirtualClusterReady", ready)
	status.condition(before, "Ready", ready)
	if reflect.DeepEqual(before, status) {
		return nil
	}
	instance.Status = status
	return kubeSetStatus(ctx, instances, instance.Name, status)
}

// scale makes and deletes claims until each pool has as many as demanded, and returns what the
// instance still waits for.
func (p *Platform) scale(ctx context.Context, w *platformWorld, instance *platformInstance, demands []platformDemand) (waits []string, err error) {
	claims := w.claimsOf(instance)
	for _, demand := range demands {
		w.demands[instance.id()+"/"+demand.pool.Name] = demand
		var have []*platformClaim
		claims = slices.DeleteFunc(claims, func(c *platformClaim) bool {
			mine := c.pool() == demand.pool.Name && c.Spec.ProviderRef == demand.provider.Name
			if mine && c.DeletionTimestamp == nil {
				have = append(have, c)
			}
			return mine
		})
		for len(have) < demand.quantity && p.underQuota(w, instance.Namespace, demand.provider.Name) {
			claim, err := p.makeClaim(ctx, w, instance, demand)
			if err != nil {
				return nil, err
			}
			have = append(have, claim)
		}
		for len(have) > demand.quantity {
			victim := p.victim(w, have)
			if err := p.deleteClaim(ctx, have[victim]); err != nil {
				return nil, err
			}
			have = slices.Delete(have, victim, victim+1)
		}
		if missing := demand.quantity - len(have); missing > 0 {
			waits = append(waits, fmt.Sprintf("pool %s: the project's quota leaves %d machines out", demand.pool.Name, missing))
		}
		for _, c := range have {
			if !c.Status.is("Joined") {
				waits = append(waits, fmt.Sprintf("%s: %s", c.Name, c.Status.Message))
			}
		}
	}
	for _, c := range claims { // of pools that are demanded no longer
		if c.DeletionTimestamp == nil {
			if err := p.deleteClaim(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	return waits, nil
}

// victim is the index of the claim to give up first: the newest whose host the pool no longer selects;
// else the newest that has no host yet; else the newest.
func (p *Platform) victim(w *platformWorld, claims []*platformClaim) int {
	newest, unhosted := len(claims)-1, -1
	for i, c := range slices.Backward(claims) {
		host := w.hostOf(c)
		if host != nil && !w.selects(c, host) {
			return i
		}
		if host == nil && unhosted < 0 {
			unhosted = i
		}
	}
	if unhosted >= 0 {
		return unhosted
	}
	return newest
}

// makeClaim creates the pool's next claim and adds it to the world.
func (p *Platform) makeClaim(ctx context.Context, w *platformWorld, instance *platformInstance, demand platformDemand) (*platformClaim, error) {
	number := 1
	for _, c := range w.claimsOf(instance) {
		if c.pool() == demand.pool.Name {
			number = max(number, c.number()+1)
		}
	}
	properties := map[string]any{}
	for k, v := range demand.properties {
		properties[k] = v
	}
	taints := []any{}
	for _, t := range demand.pool.Taints {
		taints = append(taints, map[string]any{"key": t.Key, "value": t.Value, "effect": t.Effect})
	}
	created, err := p.client.Resource(claimResource).Namespace(instance.Namespace).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "management.loft.sh/v1", "kind": "NodeClaim",
		"metadata": map[string]any{
			"name":       fmt.Sprintf("%s-%s-%d", instance.Name, demand.pool.Name, number),
			"namespace":  instance.Namespace,
			"labels":     map[string]any{platformInstanceLabel: instance.Name, platformPoolLabel: demand.pool.Name},
			"finalizers": []any{platformFinalizer},
		},
		"spec": map[string]any{
			"providerRef": demand.provider.Name, "typeRef": demand.provider.Name + "." + demand.types[0],
			"vClusterRef": instance.Name, "properties": properties, "taints": taints,
		},
	}}, metav1.CreateOptions{FieldManager: platformManager})
	if err != nil {
		return nil, err
	}
	claim, err := kubeDecode[*platformClaim](*created)
	if err != nil {
		return nil, err
	}
	claim.Status.Message = "no machine is claimed yet"
	w.claims = append(w.claims, claim)
	return claim, nil
}

// deleteClaim deletes a claim. Its finalizer keeps it until its host is given back.
func (p *Platform) deleteClaim(ctx context.Context, claim *platformClaim) error {
	err := p.client.Resource(claimResource).Namespace(claim.Namespace).Delete(ctx, claim.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	now := metav1.Now()
	claim.DeletionTimestamp = &now
	return nil
}

// removeInstance gives all machines of a deleted instance back, then takes its kubeconfig away, then
// lets it go.
func (p *Platform) removeInstance(ctx context.Context, w *platformWorld, instance *platformInstance) error {
	claims := w.claimsOf(instance)
	for _, c := range claims {
		if c.DeletionTimestamp == nil {
			if err := p.deleteClaim(ctx, c); err != nil {
				return err
			}
		}
	}
	if len(claims) > 0 {
		return nil
	}
	if namespace := instance.Spec.ClusterRef.Namespace; namespace != "" {
		err := p.client.Resource(secretResource).Namespace(namespace).Delete(ctx, "vc-"+instance.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	delete(p.tenants, instance.id())
	return kubeLetGo(ctx, p.client.Resource(instanceResource).Namespace(instance.Namespace), platformManager, platformFinalizer, &instance.ObjectMeta)
}
