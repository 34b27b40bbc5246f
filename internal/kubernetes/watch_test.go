package kubernetes

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
)

const (
	patience = 30 * time.Second
	poll     = 20 * time.Millisecond
)

// A watch hints at changes and deletions of what is ours, and goes on after the server was away.
func TestWatch(t *testing.T) {
	w := newWorldOn(t, "watched") // one that may be stopped
	c := w.open(t)
	o := w.configMap(t, "a", "v")
	live := create(t, c, o)

	ctx, cancel := context.WithCancel(t.Context())
	hints, ended := make(chan struct{}, 1000), make(chan error, 1)
	go func() {
		ended <- c.Watch(ctx, target.Query{Want: []state.Object{o}}, func() { hints <- struct{}{} })
	}()
	hinted := func(what string, act func()) {
		t.Helper()
		require.Eventually(t, func() bool {
			act()
			select {
			case <-hints:
				return true
			case <-time.After(100 * time.Millisecond):
				return false
			}
		}, patience, poll, what)
	}
	quiet := func() { // so that no hint is taken for a later one
		for {
			select {
			case <-hints:
			case <-time.After(300 * time.Millisecond):
				return
			}
		}
	}
	n := 0
	edit := func() {
		n++
		w.kubectl(t, configMaps, "a", "data: {key: v"+string(rune('a'+n%26))+"}")
	}
	hinted("an edit", edit)
	w.server.Stop()
	quiet()
	require.NoError(t, w.server.Start(t.Context()))
	hinted("after the server was away", func() {})
	hinted("an edit, again", edit)
	quiet()
	require.NoError(t, apply(t, c, plan.Change{ID: o.ID, Action: plan.Delete, Live: &live}).Err)
	hinted("the deletion", func() {})

	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// Only one holder at a time; another is told who; what is released or abandoned can be taken.
func TestLease(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	times := leaseTimes{duration: 2 * time.Second, deadline: time.Second, renew: 100 * time.Millisecond}
	take := func(holder string) (<-chan struct{}, func(), error) {
		return acquireLease(t.Context(), c, w.namespace, "agent", holder, times)
	}
	lost, release, err := take("agent-1")
	require.NoError(t, err)
	_, _, err = take("apply-2")
	held, ok := errors.AsType[*HeldError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "agent-1", held.Holder)
	release()
	<-lost
	lost, release, err = take("apply-2")
	require.NoError(t, err)

	// The holder that cannot renew notices before anybody else may take it.
	mend := w.cut(t)
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the lease was not given up")
	}
	mend()
	other := w.open(t) // the first client's breaker may be open
	_, free, err := acquireLease(t.Context(), other, w.namespace, "agent", "agent-3", times)
	if held, ok := errors.AsType[*HeldError](err); ok {
		require.Equal(t, "apply-2", held.Holder, "it has not expired yet")
		require.Eventually(t, func() bool {
			_, free, err = acquireLease(t.Context(), other, w.namespace, "agent", "agent-3", times)
			return err == nil
		}, patience, poll)
	}
	require.NoError(t, err)
	release()
	free()
}

// Somebody who takes the lease by force ends it for the holder.
func TestLeaseTakenIsLost(t *testing.T) {
	w := newWorld(t)
	times := leaseTimes{duration: 2 * time.Second, deadline: time.Second, renew: 50 * time.Millisecond}
	lost, release, err := acquireLease(t.Context(), w.open(t), w.namespace, "agent", "agent-1", times)
	require.NoError(t, err)
	leases := mustFind(t, w.open(t), "Lease.coordination.k8s.io").GroupVersionResource
	w.kubectl(t, leases, "agent", "spec: {holderIdentity: thief}")
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the lease was not noticed to be lost")
	}
	release()
	require.Equal(t, "thief", text(w.stored(t, leases, "agent"), "spec", "holderIdentity"), "what is lost is not given up again")
}

// A tenant's kubeconfig is taken from its Secret if it is harmless, and refused otherwise.
func TestTenantConfig(t *testing.T) {
	w := newWorld(t)
	c := w.open(t)
	good := func() *clientcmdapi.Config {
		config, err := clientcmd.Load(w.server.Kubeconfig())
		require.NoError(t, err)
		return config
	}
	keep := func(config *clientcmdapi.Config) {
		content, err := clientcmd.Write(*config)
		require.NoError(t, err)
		o := w.object(t, "{apiVersion: v1, kind: Secret, metadata: {name: vc-train}, stringData: {config: x}}")
		o.Tree = with(o.Tree, state.Leaf(string(content), state.Origin{}), "stringData", "config")
		presence, live, err := c.Observe(t.Context(), target.Query{Want: []state.Object{o}}).Presence(o.ID)
		require.NoError(t, err)
		if presence == state.Absent {
			create(t, c, o)
			return
		}
		require.NoError(t, apply(t, c, updateOf(o, live)).Err)
	}
	keep(good())
	config, err := TenantConfig(t.Context(), c, w.namespace, "vc-train")
	require.NoError(t, err)
	tenant, err := New(state.Target{System: state.Kubernetes, Name: "acme.train"}, config, Options{Fleet: "test"})
	require.NoError(t, err)
	require.NoError(t, tenant.Observe(t.Context(), target.Query{}).Err)
	require.NoError(t, tenant.Close(t.Context()))

	_, err = TenantConfig(t.Context(), c, w.namespace, "vc-none")
	require.ErrorIs(t, err, target.ErrNotYet)
	for name, spoil := range map[string]func(*clientcmdapi.Config){
		"command": func(c *clientcmdapi.Config) {
			c.AuthInfos["default"].Exec = &clientcmdapi.ExecConfig{Command: "sh", APIVersion: "client.authentication.k8s.io/v1"}
		},
		"plugin": func(c *clientcmdapi.Config) {
			c.AuthInfos["default"].AuthProvider = &clientcmdapi.AuthProviderConfig{Name: "oidc"}
		},
		"files":    func(c *clientcmdapi.Config) { c.AuthInfos["default"].TokenFile = "/etc/passwd" },
		"a file":   func(c *clientcmdapi.Config) { c.Clusters["default"].CertificateAuthority = "/etc/passwd" },
		"https":    func(c *clientcmdapi.Config) { c.Clusters["default"].Server = "http://127.0.0.1" },
		"check":    func(c *clientcmdapi.Config) { c.Clusters["default"].InsecureSkipTLSVerify = true },
		"proxy":    func(c *clientcmdapi.Config) { c.Clusters["default"].ProxyURL = "http://127.0.0.1:1" },
		"no cur":   func(c *clientcmdapi.Config) { c.CurrentContext = "" },
		"imperson": func(c *clientcmdapi.Config) { c.AuthInfos["default"].Impersonate = "admin" },
	} {
		t.Run(name, func(t *testing.T) {
			config := good()
			spoil(config)
			keep(config)
			_, err := TenantConfig(t.Context(), c, w.namespace, "vc-train")
			require.ErrorContains(t, err, name)
		})
	}
}
