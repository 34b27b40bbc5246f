package testenv

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
)

// Cluster is one API server with a store of its own on the environment's etcd.
type Cluster struct {
	Name string
	// URL is where the API server listens, as https://127.0.0.1:21234. It outlives Stop and Start.
	URL string
	// Config is for a client that may do everything (group system:masters), without a client-side
	// rate limit. Copy it before changing it.
	Config *rest.Config

	env       *Environment
	dir       string
	authority *authority

	mu                sync.Mutex
	apiServer         *process
	controllerManager *process
}

// newCluster prepares the files of a cluster; nothing runs yet.
func newCluster(e *Environment, name string) (*Cluster, error) {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return nil, fmt.Errorf("not a cluster's name: %s", problems[0])
	}
	a, err := newAuthority("testenv " + name)
	if err != nil {
		return nil, err
	}
	serving, err := a.server()
	if err != nil {
		return nil, err
	}
	serviceAccounts, err := a.client("service accounts") // for its key alone
	if err != nil {
		return nil, err
	}
	c := &Cluster{Name: name, env: e, dir: filepath.Join(e.dir, name), authority: a}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return nil, err
	}
	for file, content := range map[string][]byte{
		"ca.crt": a.pem, "server.crt": serving.cert, "server.key": serving.key, "sa.key": serviceAccounts.key,
	} {
		if err := os.WriteFile(c.file(file), content, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }

// boot starts the cluster for the first time, which settles its port.
func (c *Cluster) boot(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return retryPorts(1, func(ports []int) (*process, error) {
		c.URL = loopback("https", ports[0])
		c.Config = c.ConfigFor("admin", "system:masters")
		if err := os.WriteFile(c.file("kubeconfig"), c.Kubeconfig(), 0o600); err != nil {
			return nil, err
		}
		err := c.run(ctx, fmt.Sprint(ports[0]))
		return c.apiServer, err
	})
}

// Start runs a stopped cluster again, at the same URL and with what it held, and waits until it is
// ready. A running cluster stays as it is.
func (c *Cluster) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apiServer != nil {
		return nil
	}
	if err := c.run(ctx, c.port()); err != nil {
		return fmt.Errorf("start cluster %s again: %w", c.Name, err)
	}
	return nil
}

// Stop ends the API server, as a restart or an outage would; its data stays until the environment is
// stopped. Stopping a stopped cluster does nothing.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.controllerManager.kill()
	if c.apiServer != nil {
		c.apiServer.interrupt(stopGrace)
	}
	c.apiServer, c.controllerManager = nil, nil
}

// stopGrace bounds the orderly end of an API server, which waits for open requests.
const stopGrace = 5 * time.Second

// kill ends the cluster at once.
func (c *Cluster) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.controllerManager.kill()
	c.apiServer.kill()
	c.apiServer, c.controllerManager = nil, nil
}

// run starts the processes. The caller holds c.mu.
func (c *Cluster) run(ctx context.Context, port string) (err error) {
	c.apiServer, err = c.env.parent.start(c.dir, "kube-apiserver", c.env.binaries.APIServer,
		"--etcd-servers="+c.env.etcdURL,
		"--etcd-prefix=/"+c.Name,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port,
		"--tls-cert-file="+c.file("server.crt"), "--tls-private-key-file="+c.file("server.key"),
		"--client-ca-file="+c.file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.file("sa.key"), "--service-account-signing-key-file="+c.file("sa.key"),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC",
		// Nobody makes the default service account that this plugin would insist on.
		"--disable-admission-plugins=ServiceAccount",
		"--allow-privileged=true",
		"--profiling=false",
	)
	if err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		return err
	}
	if c.env.options.ControllerManager {
		return c.runControllerManager()
	}
	return nil
}

// awaitReady waits until the API server says that it is ready and has made its first namespace.
func (c *Cluster) awaitReady(ctx context.Context) error {
	config, err := rest.TLSConfigFor(c.Config)
	if err != nil {
		return err
	}
	for _, path := range []string{"/readyz", "/api/v1/namespaces/default"} {
		if err := c.apiServer.await(ctx, httpOK(&http.Transport{TLSClientConfig: config}, c.URL+path)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) runControllerManager() (err error) {
	c.controllerManager, err = c.env.parent.start(c.dir, "kube-controller-manager", c.env.binaries.ControllerManager,
		"--kubeconfig="+c.file("kubeconfig"),
		"--root-ca-file="+c.file("ca.crt"),
		"--service-account-private-key-file="+c.file("sa.key"),
		"--leader-elect=false",
		"--secure-port=0",
		// The others work towards pods, which never run here.
		"--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller",
	)
	return err
}
