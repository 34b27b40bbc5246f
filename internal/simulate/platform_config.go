package simulate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// How Platform has machines set up when it installs them. What it does about a name that leads nowhere
// is not documented; here nothing is installed then.
const (
	// PlatformSSHKeys: every SSHKey that the properties name is there and holds a key.
	PlatformSSHKeys Rule = "platform.ssh-keys"
	// PlatformConfigTemplates: the MachineConfigTemplate that the properties name is there, has the text
	// that is asked of it, and names no value but those that Platform gives.
	PlatformConfigTemplates Rule = "platform.config-templates"
	// PlatformNodeProfiles: the NodeProfile of a pool is there, and the project may have it.
	PlatformNodeProfiles Rule = "platform.node-profiles"
)

type platformKey struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		PublicKey string `json:"publicKey"`
	} `json:"spec"`
}

type platformTemplate struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		CloudInit   string `json:"cloudInitTemplate"`
		NetworkData string `json:"networkDataTemplate"`
	} `json:"spec"`
}

type platformProfile struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Taints        []platformTaint   `json:"taints"`
		StartupTaints []platformTaint   `json:"startupTaints"`
		Labels        map[string]string `json:"nodeLabels"`
		Annotations   map[string]string `json:"nodeAnnotations"`
	} `json:"spec"`
}

// platformSetup is what a machine is told when it is installed.
type platformSetup struct{ userData, networkData string }

// setup makes of a claim's properties what its machine is told.
func (p *Platform) setup(w *platformWorld, claim *platformClaim, host *metal3Host, properties map[string]string) (platformSetup, *platformProblem) {
	keys, problem := p.keys(w, properties["vcluster.com/ssh-keys"])
	if problem != nil {
		return platformSetup{}, problem
	}
	// The address is the one that the host's annotations give; Platform's own choice of one is not simulated.
	address, length, _ := strings.Cut(host.Annotations["metal3.vcluster.com/ip-address"], "/")
	values := map[string]any{
		"NodeClaim": claim, "Project": platformProjectOf(claim.Namespace), "Properties": properties, "SSHKeys": keys, "BareMetalHost": host,
		"AllocatedIP": address, "PrefixLength": length, "Gateway": host.Annotations["metal3.vcluster.com/gateway"],
	}
	text := func(raw, name string, of func(*platformTemplate) string) string {
		if text := properties[raw]; text != "" || properties[name] == "" || problem != nil {
			return text
		}
		var text string
		text, problem = p.filled(w, properties[name], of, values)
		return text
	}
	setup := platformSetup{
		networkData: text("metal3.vcluster.com/network-data", "vcluster.com/network-data-template-config", func(t *platformTemplate) string { return t.Spec.NetworkData }),
		userData:    text("vcluster.com/user-data", "vcluster.com/user-data-template-config", func(t *platformTemplate) string { return t.Spec.CloudInit }),
	}
	if setup.userData == "" {
		setup.userData = "#cloud-config\n"
	}
	for i, key := range keys {
		if i == 0 {
			setup.userData += "\nssh_authorized_keys:\n"
		}
		setup.userData += "- " + key + "\n"
	}
	setup.userData += "\nruncmd: [join " + claim.instance() + "]\n"
	return setup, problem
}

// keys are the public keys of a list of names.
func (p *Platform) keys(w *platformWorld, list string) ([]string, *platformProblem) {
	var keys []string
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(w.keys, func(k *platformKey) bool { return k.Name == name })
		switch {
		case name == "" && list == "":
		case i >= 0 && w.keys[i].Spec.PublicKey != "":
			keys = append(keys, w.keys[i].Spec.PublicKey)
		case p.site.Rule(PlatformSSHKeys):
			return nil, &platformProblem{"SSHKeyNotFound", fmt.Sprintf("there is no SSHKey %q with a key in it", name)}
		}
	}
	return keys, nil
}

// filled is a template's text with the values in it.
func (p *Platform) filled(w *platformWorld, name string, of func(*platformTemplate) string, values map[string]any) (string, *platformProblem) {
	refuse := func(why string) (string, *platformProblem) {
		if !p.site.Rule(PlatformConfigTemplates) {
			return "", nil
		}
		return "", &platformProblem{"MachineConfigTemplate", fmt.Sprintf("MachineConfigTemplate %q %s", name, why)}
	}
	i := slices.IndexFunc(w.templates, func(t *platformTemplate) bool { return t.Name == name })
	if i < 0 {
		return refuse("is not there")
	}
	source := of(w.templates[i])
	if source == "" {
		return refuse("has no text for this")
	}
	parsed, err := template.New(name).Option("missingkey=error").Parse(source)
	if err != nil {
		return refuse(err.Error())
	}
	var text strings.Builder
	if err := parsed.Execute(&text, map[string]any{"Values": values}); err != nil {
		return refuse(err.Error())
	}
	return text.String(), nil
}

// profile is the NodeProfile of a pool: its own, or that of the cluster or the project; nil if none is meant.
func (p *Platform) profile(w *platformWorld, project *platformProject, pool, cluster string) (*platformProfile, *platformProblem) {
	name := pool
	for _, other := range []string{cluster, project.Spec.DefaultNodeProfile} {
		if name == "" {
			name = other
		}
	}
	i := slices.IndexFunc(w.profiles, func(n *platformProfile) bool { return n.Name == name })
	allowed := project.Spec.AllowedNodeProfiles
	var problem *platformProblem
	switch {
	case name == "":
		return nil, nil
	case i < 0:
		problem = &platformProblem{"NodeProfileNotFound", fmt.Sprintf("there is no NodeProfile %q", name)}
	case allowed != nil && !platformAllows(*allowed, name):
		problem = &platformProblem{"NodeProfileNotAllowed", fmt.Sprintf("project %s may not use NodeProfile %q", project.Name, name)}
	}
	if !p.site.Rule(PlatformNodeProfiles) {
		problem = nil
	}
	if i < 0 {
		return nil, problem
	}
	return w.profiles[i], problem
}

// write puts what a machine is told into Secrets beside its host, as user data and, if there is any,
// network data.
func (s platformSetup) write(ctx context.Context, p *Platform, claim *platformClaim, namespace string) (map[string]any, error) {
	spec := map[string]any{}
	for field, text := range map[string]string{"userData": s.userData, "networkData": s.networkData} {
		if text == "" {
			continue
		}
		name := claim.setupSecrets()[field]
		_, err := p.client.Resource(secretResource).Namespace(namespace).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret",
			"metadata":   map[string]any{"name": name, "namespace": namespace},
			"stringData": map[string]any{field: text},
		}}, metav1.CreateOptions{FieldManager: platformManager})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
		spec[field] = &metal3SecretReference{Name: name, Namespace: namespace}
	}
	return spec, nil
}

// setupSecrets are the names of the Secrets with what a claim's machine is told, by the host's field.
func (c *platformClaim) setupSecrets() map[string]string {
	return map[string]string{"userData": c.Name + "-user-data", "networkData": c.Name + "-network-data"}
}

// forget removes those Secrets.
func (p *Platform) forget(ctx context.Context, claim *platformClaim, namespace string) error {
	for _, name := range slices.Sorted(maps.Values(claim.setupSecrets())) {
		err := p.client.Resource(secretResource).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
