package testenv

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
)

// The versions of the servers; servers/servers.mod requires the same.
const (
	KubernetesVersion = "v1.35.4"
	EtcdVersion       = "v3.6.7"
)

// servers/servers.mod and its checksums are what the servers are built from.
var (
	//go:embed servers/servers.mod
	serversMod []byte
	//go:embed servers/servers.sum
	serversSum []byte
)

// server is one program that the environment runs.
type server struct {
	name    string // of the executable
	pkg     string // its main package
	version string
	takes   string // how long a first build takes on two cores
}

var (
	etcd              = server{"etcd", "go.etcd.io/etcd/server/v3", EtcdVersion, "a minute"}
	apiServer         = server{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", KubernetesVersion, "6 minutes"}
	controllerManager = server{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", KubernetesVersion, "2 minutes"}
)

// Binaries are the paths of the servers' executables. ControllerManager is empty unless asked for.
type Binaries struct {
	Etcd, APIServer, ControllerManager string
}

// Prepare finds the servers of the pinned versions, in this order: in the folder KUBEBUILDER_ASSETS,
// on PATH, in the cache; what is missing is built into the cache. Processes that prepare at the same
// time build once. What is used, and what was refused for its version, goes to o.Progress.
func Prepare(ctx context.Context, o Options) (Binaries, error) {
	say := newProgress(o.Progress)
	cache, err := cacheDir()
	if err != nil {
		return Binaries{}, err
	}
	var b Binaries
	wanted := []struct {
		server
		path *string
	}{{etcd, &b.Etcd}, {apiServer, &b.APIServer}}
	if o.ControllerManager {
		wanted = append(wanted, struct {
			server
			path *string
		}{controllerManager, &b.ControllerManager})
	}
	for _, w := range wanted {
		if *w.path, err = locate(ctx, w.server, cache, say); err != nil {
			return Binaries{}, fmt.Errorf("prepare %s %s for the test environment: %w", w.name, w.version, err)
		}
		say.line("using %s %s: %s", w.name, w.version, *w.path)
	}
	return b, nil
}

// cacheDir is where built servers are kept; a change of version, system or architecture is another folder.
func cacheDir() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for built test servers: %w", err)
	}
	name := fmt.Sprintf("kubernetes-%s-etcd-%s-%s-%s", KubernetesVersion, EtcdVersion, runtime.GOOS, runtime.GOARCH)
	return filepath.Join(user, "millwright", "testenv", name), nil
}

// locate is the path of an executable of s, built if need be.
func locate(ctx context.Context, s server, cache string, say *progress) (string, error) {
	var candidates []string
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		candidates = append(candidates, filepath.Join(assets, s.name))
	}
	if path, err := exec.LookPath(s.name); err == nil {
		candidates = append(candidates, path)
	}
	for _, path := range candidates {
		err := s.verify(ctx, path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			say.line("not using %s: %v", path, err)
		}
	}
	cached := filepath.Join(cache, s.name)
	if _, err := os.Stat(cached); err == nil {
		return cached, nil
	}
	return cached, build(ctx, s, cached, say)
}

var semver = regexp.MustCompile(`\bv?(\d+\.\d+\.\d+\S*)`)

// verify reports why the executable at path is not s in the pinned version.
func (s server) verify(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return fmt.Errorf("ask for its version: %w", err)
	}
	found := semver.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("it names no version, %s is needed", s.version)
	}
	if got := "v" + string(found[1]); got != s.version {
		return fmt.Errorf("its version is %s, %s is needed", got, s.version)
	}
	return nil
}
