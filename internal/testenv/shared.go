package testenv

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// shared is the environment of a test binary: tests share it, since each takes seconds to start.
var shared struct {
	sync.Mutex
	env *Environment
}

// Main runs a package's tests and stops what [ForTest] started for them. It is to be the package's TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
func Main(m *testing.M) (code int) {
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.env == nil {
			return
		}
		if err := shared.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "testenv: stop:", err)
			code = max(code, 1)
		}
		shared.env = nil
	}()
	return m.Run()
}

// ForTest is the test binary's environment, with at least these clusters running; it is started at
// the first call. Tests that share a cluster keep apart by [Cluster.Namespace], or name one of their
// own if they need cluster-wide objects, stop it, or count what it is asked. Needs [Main].
func ForTest(t testing.TB, clusters ...string) *Environment {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	// Not the test's own context: the environment outlives it.
	ctx := context.Background()
	if shared.env == nil {
		env, err := Start(ctx, Options{})
		if err != nil {
			t.Fatal(err)
		}
		shared.env = env
	}
	for _, name := range clusters {
		if shared.env.Cluster(name) != nil {
			continue
		}
		if _, err := shared.env.StartCluster(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	return shared.env
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// Namespace makes a namespace for the test alone, named after it.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	prefix := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	// Names have 63 characters, and the server adds 5.
	prefix = prefix[:min(len(prefix), 50)] + "-"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	made, err := client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("make a namespace for the test in cluster %s: %v", c.Name, err)
	}
	return made.Name
}
