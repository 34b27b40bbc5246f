package testenv

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The module that the servers are built from requires the versions that the package names.
func TestPinsAgree(t *testing.T) {
	require.Contains(t, string(serversMod), "\tk8s.io/kubernetes "+KubernetesVersion+" ")
	require.Contains(t, string(serversMod), "\tgo.etcd.io/etcd/server/v3 "+EtcdVersion+" ")
}

// Servers of another version would make tests pass or fail for reasons of their own; they are refused, aloud.
func TestServersOfAnotherVersionAreRefused(t *testing.T) {
	cache := cacheWithServers(t)
	assets := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	fake(t, assets, "kube-apiserver", "Kubernetes v1.30.0")
	fake(t, assets, "etcd", "etcd Version: 3.6.70")

	var talk bytes.Buffer
	got, err := Prepare(t.Context(), Options{Progress: &talk})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(cache, "kube-apiserver"), got.APIServer)
	require.Equal(t, filepath.Join(cache, "etcd"), got.Etcd)
	require.Contains(t, talk.String(), "not using "+assets+"/kube-apiserver: its version is v1.30.0, v1.35.4 is needed\n")
	require.Contains(t, talk.String(), "not using "+assets+"/etcd: its version is v3.6.70, v3.6.7 is needed\n")
}

// Servers of the pinned version are taken from KUBEBUILDER_ASSETS, then from PATH.
func TestServersOfTheVersionAreUsed(t *testing.T) {
	cacheWithServers(t)
	assets, bin := t.TempDir(), t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	fake(t, assets, "kube-apiserver", "Kubernetes "+KubernetesVersion)
	fake(t, bin, "kube-apiserver", "Kubernetes "+KubernetesVersion)
	fake(t, bin, "etcd", "etcd Version: "+strings.TrimPrefix(EtcdVersion, "v")+`\nGit SHA: none`)

	var talk bytes.Buffer
	got, err := Prepare(t.Context(), Options{Progress: &talk})
	require.NoError(t, err)
	require.Equal(t, Binaries{Etcd: bin + "/etcd", APIServer: assets + "/kube-apiserver"}, got)
	require.Equal(t, "testenv: using etcd "+EtcdVersion+": "+bin+"/etcd\n"+
		"testenv: using kube-apiserver "+KubernetesVersion+": "+assets+"/kube-apiserver\n", talk.String())
}

// Test packages run at the same time; they build once, and those that wait say so.
func TestParallelBuildsBuildOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", etcd.name)
	var talk bytes.Buffer
	say := newProgress(&talk)
	var builds sync.WaitGroup
	for range 3 {
		builds.Go(func() {
			if err := build(t.Context(), etcd, path, say); err != nil {
				t.Error(err)
			}
		})
	}
	builds.Wait()
	require.NoError(t, etcd.verify(t.Context(), path))
	require.Equal(t, 1, strings.Count(talk.String(), "building etcd"), talk.String())
	require.Equal(t, 2, strings.Count(talk.String(), "waiting for another process"), talk.String())
}

// A build that fails says why and leaves nothing that a later run could take for a server.
func TestFailedBuildLeavesNothing(t *testing.T) {
	cache := t.TempDir()
	missing := server{"missing", "k8s.io/kubernetes/cmd/missing", KubernetesVersion, "no time"}
	err := build(t.Context(), missing, filepath.Join(cache, missing.name), newProgress(&bytes.Buffer{}))
	require.ErrorContains(t, err, "k8s.io/kubernetes/cmd/missing")
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(cache, "lock")}, left)
}

// What killed processes left in the temporary directory is removed; what lives, or is just being made, is not.
func TestSweepRemovesOnlyWhatNobodyClaims(t *testing.T) {
	temp := t.TempDir()
	long := time.Now().Add(-2 * claimGrace)
	claimed := func(age time.Time) (dir string, release func()) {
		dir, release, err := claimDir(temp)
		require.NoError(t, err)
		require.NoError(t, os.Chtimes(filepath.Join(dir, claimName), age, age))
		return dir, release
	}
	living, release := claimed(long)
	defer release()
	abandoned, release := claimed(long)
	release()
	starting, release := claimed(time.Now())
	release()

	sweep(temp)
	require.DirExists(t, living)
	require.DirExists(t, starting)
	require.NoDirExists(t, abandoned)
}

// cacheWithServers has the process look for built servers in a folder of the test's own, with stand-ins in it.
func cacheWithServers(t *testing.T) string {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir()) // which some systems derive it from
	cache, err := cacheDir()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(cache, 0o755))
	fake(t, cache, "kube-apiserver", "unused")
	fake(t, cache, "etcd", "unused")
	return cache
}

// fake writes an executable that prints a version.
func fake(t *testing.T, dir, name, version string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nprintf '%s\\n'\n", version)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
}
