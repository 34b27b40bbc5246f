package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/testenv"
)

// Speed of the simulated world: a server's self-test of two minutes takes two seconds.
const speed = 60

// The credentials of everything in the simulated world. Nothing real accepts them.
const (
	worldUser     = "millwright"
	worldPassword = "demo-only"
)

// world is a data centre that does not exist, around API servers that do.
type world struct {
	dir     string // kubeconfigs and certificates for those who want to look around
	site    *simulate.Site
	network *simulate.Network
	netris  *simulate.Netris
	bmcs    map[string]*simulate.BMC
	env     *testenv.Environment
	control *testenv.Cluster
	tenants map[string]*testenv.Cluster // by instance: "acme.train"

	stop    context.CancelFunc
	running sync.WaitGroup
}

// newWorld builds what the fleet describes: machines with their BMCs, the site's Netris controller,
// Metal3, Platform, and one API server for the control plane and for each tenant cluster.
func newWorld(ctx context.Context, f *fleet.Fleet, dir string, progress io.Writer) (_ *world, err error) {
	w := &world{dir: dir, site: simulate.NewSite(speed), bmcs: map[string]*simulate.BMC{}, tenants: map[string]*testenv.Cluster{}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := w.startServers(ctx, f, progress); err != nil {
		return nil, err
	}
	if err := w.buildNetwork(f); err != nil {
		return nil, err
	}
	if err := w.install(ctx, f); err != nil {
		return nil, err
	}
	return w, w.run(f)
}

func (w *world) startServers(ctx context.Context, f *fleet.Fleet, progress io.Writer) (err error) {
	if w.env, err = testenv.Start(ctx, testenv.Options{Progress: progress}); err != nil {
		return err
	}
	if w.control, err = w.env.StartCluster(ctx, "control-plane"); err != nil {
		return err
	}
	for name, tenant := range fleet.All(f.Tenants) {
		for cluster := range fleet.All(tenant.Clusters) {
			if w.tenants[name+"."+cluster], err = w.env.StartCluster(ctx, name+"-"+cluster); err != nil {
				return err
			}
		}
	}
	return nil
}

// buildNetwork puts every BMC and the Netris controller at its address on a management network that
// only a proxy leads to.
func (w *world) buildNetwork(f *fleet.Fleet) (err error) {
	if w.network, err = simulate.NewNetwork(); err != nil {
		return err
	}
	for name, m := range fleet.All(f.Machines) {
		_, system, _ := strings.Cut(m.BMC.SystemPath(), "/Systems/")
		bmc := simulate.NewBMC(w.site, name, simulate.BMCOptions{Username: worldUser, Password: worldPassword, SystemID: system})
		w.bmcs[name] = bmc
		if m.Provisioning == fleet.ProvisioningDirect {
			w.site.Update(name, func(s *simulate.Machine) { s.Power, s.Booted = simulate.PowerOn, "os" })
		}
		if err := w.serve(m.BMC.Endpoint(), bmc); err != nil {
			return err
		}
	}
	for _, site := range fleet.All(f.Sites) {
		w.netris = simulate.NewNetris(w.site, simulate.NetrisOptions{
			Username: worldUser, Password: worldPassword, SiteName: site.Netris.Site, Servers: w.site.Machines(), UFM: site.Netris.UFM,
		})
		if err := w.serve(site.Netris.URL, w.netris); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) serve(endpoint string, h http.Handler) error {
	host := strings.TrimPrefix(endpoint, "https://")
	if !strings.Contains(host, ":") {
		host += ":443"
	}
	return w.network.Serve(host, h)
}

// install gives the control plane cluster what an operator's bootstrap gives it: the APIs of Metal3
// and Platform, namespaces and credentials.
func (w *world) install(ctx context.Context, f *fleet.Fleet) error {
	metal3, err := testenv.Metal3CRDs(ctx)
	if err != nil {
		return err
	}
	if err := testenv.InstallCRDs(ctx, w.control.Config, append(metal3, simulate.PlatformCRDs()...)...); err != nil {
		return err
	}
	if err := simulate.InstallAdmission(ctx, w.control.Config, w.site); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(w.control.Config)
	if err != nil {
		return err
	}
	for _, namespace := range []string{f.Platform.Metal3.Namespace, f.Platform.Namespace} {
		_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("create namespace %s: %w", namespace, err)
		}
	}
	secrets := map[string]string{}
	for _, m := range f.Machines {
		secrets[m.BMC.Credentials] = f.Platform.Metal3.Namespace
	}
	for _, site := range f.Sites {
		secrets[site.Netris.Credentials] = f.Platform.Namespace
	}
	for name, namespace := range secrets {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			StringData: map[string]string{"username": worldUser, "password": worldPassword},
		}
		if _, err := client.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create secret %s/%s: %w", namespace, name, err)
		}
	}
	files := map[string][]byte{"control-plane.kubeconfig": w.control.Kubeconfig(), "management-ca.pem": w.network.CA()}
	for instance, cluster := range w.tenants {
		files[instance+".kubeconfig"] = cluster.Kubeconfig()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(w.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// run starts Metal3 and Platform, which live in the control plane cluster.
func (w *world) run(f *fleet.Fleet) error {
	metal3, err := simulate.NewMetal3(w.site, w.control.Config, simulate.Metal3Options{
		Namespace:   f.Platform.Metal3.Namespace,
		Credentials: func(string) (string, string) { return worldUser, worldPassword },
	})
	if err != nil {
		return err
	}
	platform, err := simulate.NewPlatform(w.site, w.control.Config, simulate.PlatformOptions{
		Cluster: f.Platform.ClusterRef,
		TenantKubeconfig: func(instance string) ([]byte, bool) {
			cluster, ok := w.tenants[instance]
			if !ok {
				return nil, false
			}
			return cluster.Kubeconfig(), true
		},
		ServerCluster: func(instance string) string { return strings.ReplaceAll(instance, ".", "-") },
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.running.Go(func() { _ = metal3.Run(ctx) })
	w.running.Go(func() { _ = platform.Run(ctx) })
	return nil
}

// kubeconfig is the file with the control plane's kubeconfig.
func (w *world) kubeconfig() string { return filepath.Join(w.dir, "control-plane.kubeconfig") }

// close stops everything.
func (w *world) close() {
	if w.stop != nil {
		w.stop()
		w.running.Wait()
	}
	if w.network != nil {
		w.network.Close()
	}
	if w.env != nil {
		_ = w.env.Stop()
	}
}
