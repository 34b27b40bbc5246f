package simulate

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// serveClaim gets a host for a claim, follows it until its machine has joined, and gives it back when
// the claim is deleted.
func (p *Platform) serveClaim(ctx context.Context, w *platformWorld, claim *platformClaim) error {
	host := w.hostOf(claim)
	if claim.DeletionTimestamp != nil {
		return p.release(ctx, claim, host)
	}
	if claim.Spec.VClusterRef == "" {
		return nil // a free-standing machine, which is not simulated
	}
	status := platformStatus{Phase: "Pending"}
	if host == nil {
		var problem *platformProblem
		var err error
		if host, problem, err = p.assign(ctx, w, claim); err != nil {
			return err
		}
		if problem != nil {
			status.Reason, status.Message = problem.reason, problem.message
		}
	}
	provisioned, joined := false, false
	if host != nil {
		provisioned = host.Status.Provisioning.State == "provisioned"
		wait, err := p.join(ctx, w, claim, host)
		if err != nil {
			return err
		}
		if joined = wait == ""; joined {
			status.Phase = "Available"
		} else {
			status.Reason, status.Message = "NotJoined", host.Name+" "+wait
		}
	}
	status.condition(claim.Status, "Scheduled", host != nil)
	status.condition(claim.Status, "Provisioned", provisioned)
	status.condition(claim.Status, "Joined", joined)
	if reflect.DeepEqual(status, claim.Status) {
		return nil
	}
	return kubeSetStatus(ctx, p.client.Resource(claimResource).Namespace(claim.Namespace), claim.Name, status)
}

// nodeType is the provider and the node type of a claim, or nil.
func (w *platformWorld) nodeType(claim *platformClaim) (*platformProvider, *platformNodeType) {
	provider := w.provider(claim.Spec.ProviderRef)
	if provider == nil || provider.Spec.Metal3 == nil {
		return nil, nil
	}
	for i, t := range provider.Spec.Metal3.NodeTypes {
		if provider.Name+"."+t.Name == claim.Spec.TypeRef {
			return provider, &provider.Spec.Metal3.NodeTypes[i]
		}
	}
	return provider, nil
}

// selects reports whether the node type of a claim selects a host. One without selector selects none.
func (w *platformWorld) selects(claim *platformClaim, host *metal3Host) bool {
	provider, nodeType := w.nodeType(claim)
	if nodeType == nil {
		return false
	}
	if in := provider.Spec.Metal3.ClusterRef.Namespace; in != "" && in != host.Namespace {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(nodeType.BareMetalHosts.Selector)
	return err == nil && selector.Matches(labels.Set(host.Labels))
}

// assign takes the first free host, by name, that the claim's node type selects, and has it installed.
func (p *Platform) assign(ctx context.Context, w *platformWorld, claim *platformClaim) (*metal3Host, *platformProblem, error) {
	provider, nodeType := w.nodeType(claim)
	if nodeType == nil {
		return nil, &platformProblem{"NodeTypeNotFound", fmt.Sprintf("there is no node type %s", claim.Spec.TypeRef)}, nil
	}
	properties := map[string]string{}
	for _, more := range []map[string]string{provider.Spec.Properties, nodeType.Properties, claim.Spec.Properties} {
		maps.Copy(properties, more)
	}
	image, problem := w.image(properties)
	if problem != nil {
		return nil, problem, nil
	}
	for _, host := range w.hosts {
		if !host.free() || !w.selects(claim, host) {
			continue
		}
		if pinned := claim.Spec.Properties["metal3.vcluster.com/server-name"]; pinned != "" && pinned != host.Name {
			continue
		}
		setup, problem := p.setup(w, claim, host, properties)
		if problem != nil {
			return nil, problem, nil
		}
		if err := p.install(ctx, claim, host, image, setup); err != nil {
			return nil, nil, err
		}
		return host, nil, nil
	}
	return nil, &platformProblem{"NoHost", fmt.Sprintf("no available BareMetalHost is free for node type %s", claim.Spec.TypeRef)}, nil
}

// free reports whether a host can be claimed.
func (h *metal3Host) free() bool {
	_, paused := h.Annotations[metal3PausedMark]
	return h.DeletionTimestamp == nil && !paused && h.Spec.ConsumerRef == nil && h.Spec.Image == nil &&
		h.Status.Provisioning.State == "available" && h.Status.OperationalStatus == "OK"
}

// image is what the properties say is to be installed.
func (w *platformWorld) image(properties map[string]string) (*metal3Image, *platformProblem) {
	if name := properties["vcluster.com/os-image"]; name != "" {
		for _, i := range w.images {
			if i.Name == name {
				properties = i.Spec.Properties
				name = ""
			}
		}
		if name != "" {
			return nil, &platformProblem{"OSImageNotFound", fmt.Sprintf("there is no OSImage %q", name)}
		}
	}
	const prefix = "metal3.vcluster.com/image-"
	image := &metal3Image{URL: properties[prefix+"url"], Checksum: properties[prefix+"checksum"], ChecksumType: properties[prefix+"checksum-type"]}
	if image.URL == "" {
		return nil, &platformProblem{"NoImage", "neither the provider, the node type nor the pool names an image"}
	}
	return image, nil
}

// install writes the Secrets with what the machine is told, the join command among it, and tells Metal3
// to install the host.
func (p *Platform) install(ctx context.Context, claim *platformClaim, host *metal3Host, image *metal3Image, setup platformSetup) error {
	spec, err := setup.write(ctx, p, claim, host.Namespace)
	if err != nil {
		return err
	}
	consumer := &metal3ConsumerReference{APIVersion: "management.loft.sh/v1", Kind: "NodeClaim", Name: claim.Name, Namespace: claim.Namespace}
	maps.Copy(spec, map[string]any{"image": image, "consumerRef": consumer, "online": true})
	if err := p.change(ctx, host, spec); err != nil {
		return err
	}
	host.Spec.ConsumerRef, host.Spec.Image = consumer, image
	return nil
}

// change writes fields of a host's spec, provided that nobody has changed the host since it was read.
func (p *Platform) change(ctx context.Context, host *metal3Host, spec map[string]any) error {
	hosts := p.client.Resource(hostResource).Namespace(host.Namespace)
	return kubeMerge(ctx, hosts, platformManager, host.Name, host.ResourceVersion, map[string]any{"spec": spec})
}

// release gives a deleted claim's host back: the machine leaves the cluster, the image goes, and once
// Metal3 has made the host available again it is nobody's.
func (p *Platform) release(ctx context.Context, claim *platformClaim, host *metal3Host) error {
	if host != nil {
		p.leave(ctx, claim.instance(), host.Name)
		if host.Spec.Image != nil {
			return p.change(ctx, host, map[string]any{"image": nil, "userData": nil, "networkData": nil, "online": host.Spec.DisablePowerOff})
		}
		if host.Status.Provisioning.State != "available" || host.Status.Provisioning.Image != nil {
			return nil
		}
		if err := p.forget(ctx, claim, host.Namespace); err != nil {
			return err
		}
		if err := p.change(ctx, host, map[string]any{"consumerRef": nil}); err != nil {
			return err
		}
	}
	claims := p.client.Resource(claimResource).Namespace(claim.Namespace)
	return kubeLetGo(ctx, claims, platformManager, platformFinalizer, &claim.ObjectMeta)
}

// shortType is a node type's name without its provider's.
func (c *platformClaim) shortType() string {
	return strings.TrimPrefix(c.Spec.TypeRef, c.Spec.ProviderRef+".")
}
