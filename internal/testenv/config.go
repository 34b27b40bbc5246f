package testenv

import (
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ConfigFor is a client's configuration for somebody else: a user in groups, who may do what RBAC
// lets them, which to begin with is next to nothing.
func (c *Cluster) ConfigFor(user string, groups ...string) *rest.Config {
	id, err := c.authority.client(user, groups...)
	if err != nil {
		panic("testenv: sign a certificate for " + user + ": " + err.Error()) // a defect here, not in the test
	}
	return &rest.Config{
		Host: c.URL,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.authority.pem, CertData: id.cert, KeyData: id.key,
		},
		QPS: -1, // the server's own fairness is limit enough
	}
}

// Kubeconfig is a kubeconfig file for the administrator of the cluster.
func (c *Cluster) Kubeconfig() []byte { return Kubeconfig(c.Config) }

// Kubeconfig is a kubeconfig file with everything in it that config has: address, CA, certificate
// and key. Its only context is "default".
func Kubeconfig(config *rest.Config) []byte {
	const name = "default"
	file := clientcmdapi.NewConfig()
	file.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	file.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	file.CurrentContext = name
	content, err := clientcmd.Write(*file)
	if err != nil {
		panic("testenv: encode a kubeconfig: " + err.Error()) // its types always encode
	}
	return content
}

// port is the port of the cluster's URL.
func (c *Cluster) port() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		panic("testenv: " + err.Error()) // we made it
	}
	return u.Port()
}
