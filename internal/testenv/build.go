package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// build makes the executable dest of s, or waits until another process has made it. The file
// appears complete or not at all.
func build(ctx context.Context, s server, dest string, say *progress) error {
	cache := filepath.Dir(dest)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, filepath.Join(cache, "lock"), func() (stop func()) {
		return say.during("waiting for another process that builds the test servers")
	})
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(dest); err == nil {
		return nil
	}
	if err := removeAbandoned(cache); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, workPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) // swept by the next build

	stop := say.during("building %s %s, about %s the first time on 2 cores", s.name, s.version, s.takes)
	defer stop()
	built := filepath.Join(work, s.name)
	if err := compile(ctx, s, work, built); err != nil {
		return err
	}
	if err := s.verify(ctx, built); err != nil {
		return fmt.Errorf("what was built is not right: %w", err)
	}
	return os.Rename(built, dest)
}

// workPrefix begins the name of every folder that something is built in.
const workPrefix = "build-"

// removeAbandoned removes what killed builds left behind. The caller holds the lock.
func removeAbandoned(cache string) error {
	old, err := filepath.Glob(filepath.Join(cache, workPrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range old {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// compile builds s in the folder work, which becomes the module of the servers.
func compile(ctx context.Context, s server, work, output string) error {
	for name, content := range map[string][]byte{"go.mod": serversMod, "go.sum": serversSum} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return err
		}
	}
	const stamp = "k8s.io/component-base/version."
	flags := "-s -w -X " + stamp + "gitVersion=" + KubernetesVersion +
		" -X " + stamp + "gitMajor=1 -X " + stamp + "gitMinor=35"
	parent := newParent()
	defer parent.close()
	p, err := parent.run(command{
		name: "go-build-" + s.name, logs: work, dir: work,
		// The user's own settings for building must not change what the servers are.
		env:  append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly"),
		path: "go",
		args: []string{"build", "-trimpath", "-ldflags", flags, "-o", output, s.pkg},
	})
	if err != nil {
		return err
	}
	defer p.kill()
	return p.wait(ctx)
}
