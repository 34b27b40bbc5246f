package testenv_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"millwright.dev/millwright/internal/testenv"
)

func TestMain(m *testing.M) {
	if run := child(); run != nil {
		run()
	}
	code := testenv.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Two clusters on one etcd must not see each other's objects, or a tenant's cluster in a test would be the
// control plane's.
func TestClustersOnOneEtcdAreSeparate(t *testing.T) {
	env := testenv.ForTest(t, "control-plane", "acme")
	a, b := client(t, env.Cluster("control-plane").Config), client(t, env.Cluster("acme").Config)
	namespace := env.Cluster("control-plane").Namespace(t)

	_, err := a.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	require.NoError(t, err)
	_, err = b.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "got %v", err)
}

// Certificates of one cluster must not open the other: each has a CA of its own.
func TestClustersDoNotTrustEachOthersUsers(t *testing.T) {
	env := testenv.ForTest(t, "control-plane", "acme")
	stray := rest.CopyConfig(env.Cluster("control-plane").Config)
	stray.Host, stray.CAData = env.Cluster("acme").URL, env.Cluster("acme").Config.CAData
	_, err := client(t, stray).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsUnauthorized(err), "got %v", err)
}

// A user without a role is refused, and may do what a role says once bound: tests of bounded rights rest on it.
func TestRBACDecides(t *testing.T) {
	cluster := testenv.ForTest(t, "control-plane").Cluster("control-plane")
	namespace := cluster.Namespace(t)
	admin, dana := client(t, cluster.Config), client(t, cluster.ConfigFor("dana", "operators"))
	list := func() error {
		_, err := dana.CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
		return err
	}
	require.True(t, apierrors.IsForbidden(list()), "got %v", list())

	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "read"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}},
	}
	_, err := admin.RbacV1().Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{})
	require.NoError(t, err)
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "read"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "read"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "operators"}},
	}
	_, err = admin.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return list() == nil }, 30*time.Second, 50*time.Millisecond)
}

// Server-side apply keeps two writers' fields apart; fake clients do not, which is why this package exists.
func TestServerSideApply(t *testing.T) {
	cluster := testenv.ForTest(t, "control-plane").Cluster("control-plane")
	maps := client(t, cluster.Config).CoreV1().ConfigMaps(cluster.Namespace(t))
	apply := func(manager, key, value string) error {
		data := map[string]string{key: value}
		_, err := maps.Apply(t.Context(), applycorev1.ConfigMap("shared", "").WithData(data),
			metav1.ApplyOptions{FieldManager: manager})
		return err
	}
	require.NoError(t, apply("one", "a", "1"))
	require.NoError(t, apply("two", "b", "2"))
	require.True(t, apierrors.IsConflict(apply("two", "a", "3")), "a field of another manager must conflict")

	require.NoError(t, apply("two", "c", "4"))
	got, err := maps.Get(t.Context(), "shared", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "1", "c": "4"}, got.Data, "b was two's, and given up")
}

// A restarted cluster is the same cluster: address, users and data.
func TestClusterRestartKeepsItsData(t *testing.T) {
	cluster := testenv.ForTest(t, "restarted").Cluster("restarted")
	namespace, url := cluster.Namespace(t), cluster.URL

	cluster.Stop()
	cluster.Stop() // a second time does nothing
	_, err := client(t, cluster.Config).CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	require.ErrorContains(t, err, "connection refused")

	require.NoError(t, cluster.Start(t.Context()))
	require.NoError(t, cluster.Start(t.Context())) // a running one stays
	require.Equal(t, url, cluster.URL)
	_, err = client(t, cluster.Config).CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	require.NoError(t, err)
}

// The kubeconfig stands alone, as kubectl and the Secret of a tenant cluster need it.
func TestKubeconfigStandsAlone(t *testing.T) {
	cluster := testenv.ForTest(t, "control-plane").Cluster("control-plane")
	config, err := clientcmd.RESTConfigFromKubeConfig(cluster.Kubeconfig())
	require.NoError(t, err)
	version, err := client(t, config).Discovery().ServerVersion()
	require.NoError(t, err)
	require.Equal(t, testenv.KubernetesVersion, version.GitVersion)
}

// With a controller manager, a deleted namespace really goes; and stopping leaves no file behind.
func TestControllerManagerEndsNamespaces(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	env, err := testenv.Start(t.Context(), testenv.Options{ControllerManager: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, env.Stop()) })
	cluster, err := env.StartCluster(t.Context(), "control-plane")
	require.NoError(t, err)
	_, err = env.StartCluster(t.Context(), "control-plane")
	require.ErrorContains(t, err, "there is one of that name")

	namespaces := client(t, cluster.Config).CoreV1().Namespaces()
	_, err = namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "brief"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, namespaces.Delete(t.Context(), "brief", metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := namespaces.Get(t.Context(), "brief", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, time.Minute, 100*time.Millisecond)

	require.NoError(t, env.Stop())
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = env.StartCluster(context.Background(), "late")
	require.ErrorContains(t, err, "the environment is stopped")
	require.ErrorContains(t, cluster.Start(context.Background()), "the environment is stopped")
}

func client(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return c
}
