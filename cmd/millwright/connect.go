package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	core "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/kubernetes"
	"millwright.dev/millwright/internal/netris"
	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/ufm"
	"millwright.dev/millwright/reconcile"
)

// connection is how the targets are reached.
type connection struct {
	kubeconfig string
	proxy      string
	ca         string
	stateDir   string
	namespace  string
	lease      time.Duration
}

func (c *connection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig of the control plane cluster: $KUBECONFIG unless told; without either, the pod's own service account")
	cmd.Flags().StringVar(&c.proxy, "management-proxy", "", "HTTP CONNECT or SOCKS5 proxy through which BMCs and network controllers are reached")
	cmd.Flags().StringVar(&c.ca, "management-ca", "", "PEM file of the authorities that signed the certificates of BMCs and network controllers; the system's without it")
	cmd.Flags().StringVar(&c.namespace, "namespace", "millwright-system", "namespace of the control plane cluster for what Millwright remembers, and its lease; one for each fleet")
	cmd.Flags().DurationVar(&c.lease, "lease-duration", time.Minute, "how long the lease lasts once its holder is gone")
	cmd.Flags().StringVar(&c.stateDir, "state-dir", defaultState(), "where the report and fetched sources are kept: below your cache directory unless told")
	for _, name := range []string{"kubeconfig", "state-dir"} {
		cmd.Flags().Lookup(name).DefValue = "" // help is the same on every machine
	}
}

func defaultState() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ".millwright"
	}
	return filepath.Join(dir, "millwright", "state")
}

// live is everything that a command needs to look at or change the world.
type live struct {
	reconciler *reconcile.Reconciler
	client     core.CoreV1Interface
	cluster    *kubernetes.Cluster // the control plane, for the lease
	memory     inventory.Store
	namespace  string
	lasts      time.Duration // of the lease
}

// controllers are field managers whose fields we never take over by force.
var controllers = []string{"baremetal-operator", "vcluster-platform", "kube-controller-manager", "ironic"}

// open connects to the control plane cluster and prepares the rest, which is opened as it is needed.
func (c *connection) open(log *slog.Logger) (*live, error) {
	config, err := c.controlPlane()
	if err != nil {
		return nil, err
	}
	transport, err := c.management(false)
	if err != nil {
		return nil, err
	}
	trusting, err := c.management(true)
	if err != nil {
		return nil, err
	}
	client, err := core.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the control plane cluster: %w", err)
	}
	cluster, err := kubernetes.New(state.ControlPlane, config, kubernetes.Options{Fleet: c.namespace}) // for the lease alone: it marks nothing
	if err != nil {
		return nil, err
	}
	memory := inventory.ConfigMaps(client, c.namespace)
	opener := &opener{config: config, transport: transport, trusting: trusting}
	return &live{
		client: client, cluster: cluster, memory: memory, namespace: c.namespace, lasts: c.lease,
		reconciler: &reconcile.Reconciler{
			Open: opener.open, Memory: memory, Version: version, Now: time.Now, Log: log, Controllers: controllers, Settle: 15 * time.Minute,
		},
	}, nil
}

func (c *connection) controlPlane() (*rest.Config, error) {
	if c.kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("no --kubeconfig, and not in a pod: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig of the control plane cluster: %w", err)
	}
	return config, nil
}

// management is the transport of the management network. It never follows the environment's proxies:
// BMC passwords go only where the command line says.
func (c *connection) management(anyCertificate bool) (*http.Transport, error) {
	t := &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: anyCertificate}, //nolint:gosec // only for BMCs and UFMs that say certificate: "any"
		TLSHandshakeTimeout: 20 * time.Second,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true, // some BMCs append "-gzip" to ETags
	}
	if c.ca != "" {
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, fmt.Errorf("read --management-ca: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--management-ca %s holds no PEM certificate", c.ca)
		}
	}
	if c.proxy != "" {
		proxy, err := url.Parse(c.proxy)
		if err != nil || proxy.Host == "" || !slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme) {
			return nil, errors.New("--management-proxy is no URL of a proxy, like http://127.0.0.1:3128 or socks5://127.0.0.1:1080") // which may hold a password
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	return t, nil
}

// opener makes a client for each kind of target.
type opener struct {
	config              *rest.Config
	transport, trusting *http.Transport

	once         sync.Once
	controlPlane *kubernetes.Cluster
	err          error
}

func (o *opener) open(ctx context.Context, t state.Target, f *fleet.Fleet) (target.Reader, error) {
	hosts, err := o.hosts(f)
	if err != nil {
		return nil, err
	}
	switch t.System {
	case state.Redfish:
		return o.bmc(t, f, hosts)
	case state.Netris:
		return o.controller(t, f, hosts)
	case state.UFM:
		return o.fabric(t, f, hosts)
	case state.Kubernetes:
		if t == hosts.Target() {
			return hosts, nil
		}
		return o.tenant(ctx, t, f, hosts)
	}
	return nil, fmt.Errorf("%s is no system that Millwright knows", t.System)
}

// hosts is the control plane cluster, which all credentials lie in.
func (o *opener) hosts(f *fleet.Fleet) (*kubernetes.Cluster, error) {
	o.once.Do(func() {
		o.controlPlane, o.err = kubernetes.New(state.Target{System: state.Kubernetes, Name: f.Platform.Cluster}, o.config,
			kubernetes.Options{Fleet: f.Platform.Fleet, Controllers: controllers})
	})
	return o.controlPlane, o.err
}

// trust is the transport for a server whose certificate is treated so: "verify" or "any".
func (o *opener) trust(certificate string) *http.Transport {
	if certificate == "any" {
		return o.trusting
	}
	return o.transport
}

func (o *opener) bmc(t state.Target, f *fleet.Fleet, hosts *kubernetes.Cluster) (target.Reader, error) {
	m, ok := f.Machines[t.Name]
	if !ok {
		return nil, fmt.Errorf("%s is no longer in the fleet, so how to reach it is not known", t)
	}
	return redfish.New(t, redfish.Options{
		Endpoint: m.BMC.Endpoint(), System: m.BMC.SystemPath(), Transport: o.trust(m.BMC.Certificate),
		Credentials: login(hosts, f.Platform.Metal3.Namespace, m.BMC.Credentials),
	}), nil
}

func (o *opener) controller(t state.Target, f *fleet.Fleet, hosts *kubernetes.Cluster) (target.Reader, error) {
	site, ok := f.Sites[t.Name]
	if !ok {
		return nil, fmt.Errorf("%s is no longer in the fleet, so how to reach it is not known", t)
	}
	return netris.New(t, netris.Options{
		URL: site.Netris.URL, Fleet: f.Platform.Fleet, Transport: o.transport,
		Credentials: login(hosts, f.Platform.Namespace, site.Netris.Credentials),
	})
}

func (o *opener) fabric(t state.Target, f *fleet.Fleet, hosts *kubernetes.Cluster) (target.Reader, error) {
	site, ok := f.Sites[f.SiteOfUFM(t.Name)]
	if !ok {
		return nil, fmt.Errorf("%s is no longer in the fleet, so how to reach it is not known", t)
	}
	u := site.UFMs[t.Name]
	return ufm.New(t, ufm.Options{URL: u.URL, Transport: o.trust(u.Certificate), Credentials: login(hosts, f.Platform.Namespace, u.Credentials)})
}

// tenant opens a tenant's cluster by the kubeconfig that Platform publishes for it.
func (o *opener) tenant(ctx context.Context, t state.Target, f *fleet.Fleet, hosts *kubernetes.Cluster) (target.Reader, error) {
	name, cluster, ok := f.TenantCluster(t.Name)
	if !ok {
		return nil, fmt.Errorf("%s is no longer in the fleet, so how to reach it is not known", t)
	}
	config, err := kubernetes.TenantConfig(ctx, hosts, "vc-"+name+"-"+cluster, "vc-"+cluster)
	if err != nil {
		return nil, err
	}
	return kubernetes.New(t, config, kubernetes.Options{Fleet: f.Platform.Fleet, Controllers: controllers})
}

// login reads a user name and a password from a Secret of the control plane cluster, each time anew.
func login(hosts *kubernetes.Cluster, namespace, secret string) func(context.Context) (string, string, error) {
	read := kubernetes.SecretReader(hosts)
	return func(ctx context.Context) (string, string, error) {
		user, err1 := read(ctx, state.SecretRef{Namespace: namespace, Name: secret, Key: "username"})
		password, err2 := read(ctx, state.SecretRef{Namespace: namespace, Name: secret, Key: "password"})
		return user, password, errors.Join(err1, err2)
	}
}
