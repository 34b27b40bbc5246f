package kubernetes

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

// kubeconfigKey is the key of the Secret vc-<name> that vCluster keeps a tenant cluster's kubeconfig in.
const kubeconfigKey = "config"

// TenantConfig is the configuration for a tenant cluster, from the Secret in the control plane cluster
// that holds its kubeconfig. It is not we who write such Secrets, so only data that stands in the
// kubeconfig itself is taken: a kubeconfig that names a command, a file or a proxy is refused, and so is a server
// that is not https or whose certificate is not to be checked. While there is no such Secret, the error
// wraps target.ErrNotYet.
func TenantConfig(ctx context.Context, controlPlane *Cluster, namespace, secret string) (*rest.Config, error) {
	text, err := controlPlane.secret(ctx, state.SecretRef{Namespace: namespace, Name: secret, Key: kubeconfigKey})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("the kubeconfig in secret %s/%s: %w", namespace, secret, target.ErrNotYet)
	}
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.Load([]byte(text))
	if err != nil {
		// The parser quotes what it cannot read, which may be a key.
		return nil, fmt.Errorf("secret %s/%s[%s] holds no kubeconfig", namespace, secret, kubeconfigKey)
	}
	if err := harmless(config); err != nil {
		return nil, fmt.Errorf("refuse the kubeconfig in secret %s/%s: %w", namespace, secret, err)
	}
	out, err := clientcmd.NewNonInteractiveClientConfig(*config, config.CurrentContext, nil, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig in secret %s/%s: %w", namespace, secret, err)
	}
	return out, nil
}

// harmless refuses a kubeconfig that would make this process run, read or trust something.
func harmless(config *clientcmdapi.Config) error {
	for name, user := range config.AuthInfos {
		switch {
		case user.Exec != nil:
			return fmt.Errorf("user %s is authenticated by a command", name)
		case user.AuthProvider != nil:
			return fmt.Errorf("user %s is authenticated by a plugin", name)
		case user.ClientCertificate != "" || user.ClientKey != "" || user.TokenFile != "":
			return fmt.Errorf("user %s names files", name)
		case user.Impersonate != "" || user.ImpersonateUID != "" || len(user.ImpersonateGroups) > 0:
			return fmt.Errorf("user %s impersonates another", name)
		}
	}
	for name, cluster := range config.Clusters {
		server, err := url.Parse(cluster.Server)
		switch {
		case err != nil || server.Scheme != "https" || server.Host == "":
			return fmt.Errorf("the server of cluster %s is no https address", name)
		case cluster.CertificateAuthority != "":
			return fmt.Errorf("cluster %s names a file", name)
		case cluster.InsecureSkipTLSVerify:
			return fmt.Errorf("cluster %s does not check its server's certificate", name)
		case cluster.ProxyURL != "":
			return fmt.Errorf("cluster %s goes through a proxy", name)
		}
	}
	if config.Contexts[config.CurrentContext] == nil {
		return fmt.Errorf("it has no current context")
	}
	return nil
}

// SecretReader resolves secrets from a cluster, as Options.Secrets wants it. Its errors name the
// secret and never hold a value.
func SecretReader(c *Cluster) func(context.Context, state.SecretRef) (string, error) { return c.secret }

func (c *Cluster) secret(ctx context.Context, ref state.SecretRef) (string, error) {
	r, err := c.catalog.find(ctx, "Secret", "v1", c.options.Now())
	if err != nil {
		return "", fmt.Errorf("read %s: %w", ref, err)
	}
	id := state.ID{Target: c.target, Kind: "Secret", Namespace: ref.Namespace, Name: ref.Name}
	u, err := c.get(ctx, id, r)
	if err != nil {
		return "", err
	}
	text, found, _ := unstructured.NestedString(u.Object, "data", ref.Key)
	if !found {
		return "", fmt.Errorf("%s: the secret has no such key", ref)
	}
	value, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("%s: the server returned no base64", ref)
	}
	return string(value), nil
}
