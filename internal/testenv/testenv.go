// Package testenv runs real Kubernetes API servers for tests and for the demo: one etcd, and on it
// as many clusters as are asked for, each with TLS and RBAC on a free loopback port. There are no
// kubelets: objects are stored, admitted and watched, but no pod ever runs.
//
// A test calls [ForTest], and its package's TestMain calls [Main]; a program calls [Start]. The
// servers are built from Go modules the first time and kept in the user's cache directory.
//
// Whatever is started is stopped: by [Environment.Stop], and on Linux by the kernel when the process
// that started it is gone, whatever the reason. Elsewhere a process that is killed leaves its servers
// behind. The package knows nothing of the product.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options says what to start. The zero value is what most tests want.
type Options struct {
	// ControllerManager also runs a kube-controller-manager for every cluster, so that deleted
	// namespaces and the dependents of deleted objects go away. Without it they stay.
	ControllerManager bool
	// Progress gets lines for people: which servers are used, and how a build goes. Nil is standard error.
	Progress io.Writer
}

// Environment is one etcd and the clusters on it. Its methods may be called from several goroutines.
type Environment struct {
	options  Options
	binaries Binaries
	say      *progress
	dir      string // everything on disk; removed by Stop
	release  func() // gives up the claim on dir
	parent   *parent
	etcd     *process
	etcdURL  string

	mu       sync.Mutex
	clusters map[string]*Cluster
	stopped  bool
}

// Start finds or builds the servers and starts etcd; [Environment.StartCluster] adds clusters. The
// first call on a machine builds for several minutes, which ctx may cut short. Once Start has
// returned, ctx has no further effect: stop the environment with Stop.
func Start(ctx context.Context, o Options) (_ *Environment, err error) {
	binaries, err := Prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	sweep(os.TempDir())
	dir, release, err := claimDir(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("make a directory for the test servers: %w", err)
	}
	e := &Environment{
		options: o, binaries: binaries, say: newProgress(o.Progress), dir: dir, release: release,
		parent: newParent(), clusters: map[string]*Cluster{},
	}
	if err := e.startEtcd(ctx); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// startEtcd starts etcd and waits until it answers.
func (e *Environment) startEtcd(ctx context.Context) error {
	return retryPorts(2, func(ports []int) (*process, error) {
		e.etcdURL = loopback("http", ports[0])
		peer := loopback("http", ports[1])
		p, err := e.parent.start(e.dir, "etcd", e.binaries.Etcd,
			"--data-dir="+filepath.Join(e.dir, "etcd"),
			"--name=testenv",
			"--listen-client-urls="+e.etcdURL, "--advertise-client-urls="+e.etcdURL,
			"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer,
			"--initial-cluster=testenv="+peer,
			// Survives a killed process, not a power cut: the data is thrown away anyhow.
			"--unsafe-no-fsync",
			"--log-level=warn",
		)
		if err != nil {
			return nil, err
		}
		e.etcd = p
		return p, p.await(ctx, httpOK(nil, e.etcdURL+"/health"))
	})
}

// StartCluster starts an API server with a store of its own and waits until it is ready. The name
// is for people and for [Environment.Cluster]; it is a DNS label and used once per environment.
func (e *Environment) StartCluster(ctx context.Context, name string) (*Cluster, error) {
	c, err := e.addCluster(name)
	if err != nil {
		return nil, err
	}
	if err := c.boot(ctx); err != nil {
		e.mu.Lock()
		delete(e.clusters, name)
		e.mu.Unlock()
		c.kill()
		return nil, fmt.Errorf("start cluster %s: %w", name, err)
	}
	return c, nil
}

func (e *Environment) addCluster(name string) (*Cluster, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.stopped:
		return nil, fmt.Errorf("start cluster %s: %w", name, errStopped)
	case e.clusters[name] != nil:
		return nil, fmt.Errorf("start cluster %s: there is one of that name", name)
	}
	c, err := newCluster(e, name)
	if err != nil {
		return nil, fmt.Errorf("start cluster %s: %w", name, err)
	}
	e.clusters[name] = c
	return c, nil
}

// Cluster is the cluster of that name, or nil if none was started.
func (e *Environment) Cluster(name string) *Cluster {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.clusters[name]
}

// Stop ends all servers and removes their data. Calling it again does nothing.
func (e *Environment) Stop() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return nil
	}
	e.stopped = true
	// Nothing is kept, so nothing need be shut down in order.
	for _, c := range e.clusters {
		c.kill()
	}
	e.etcd.kill()
	e.parent.close()
	err := os.RemoveAll(e.dir)
	e.release()
	return err
}

// startTimeout bounds the wait for one server on a busy machine; alone it takes about 3 seconds.
const startTimeout = 3 * time.Minute
