package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Metal3's own definitions are fetched as a Go module, and used only if its content has this checksum
// (the h1: of a go.sum line).
const (
	metal3Module = "github.com/metal3-io/baremetal-operator@v0.13.2"
	metal3Sum    = "h1:XSkyBv4l1OvCL66b7T0FEUaGeS0zOjQKhot9V8zeZQc="
)

// Metal3CRDs are the CustomResourceDefinitions of Metal3 (BareMetalHost, HostFirmwareSettings and
// the others of metal3.io), one manifest each, in the order of their file names. The first call on a
// machine downloads them through the Go module proxy.
func Metal3CRDs(ctx context.Context) ([][]byte, error) {
	dir, err := downloadModule(ctx, metal3Module, metal3Sum)
	if err != nil {
		return nil, fmt.Errorf("fetch the CRDs of Metal3: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "config", "base", "crds", "bases", "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find the CRDs of Metal3: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("find the CRDs of Metal3: none in %s", dir)
	}
	manifests := make([][]byte, len(files))
	for i, file := range files {
		if manifests[i], err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("read the CRDs of Metal3: %w", err)
		}
	}
	return manifests, nil
}

// downloadModule is the folder of a module's source, whose checksum must be sum.
func downloadModule(ctx context.Context, module, sum string) (dir string, err error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir() // outside every module, whose replacements must not apply
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	var answer struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &answer); jsonErr == nil && answer.Error != "" {
		return "", fmt.Errorf("go mod download %s: %s", module, answer.Error)
	}
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return "", fmt.Errorf("go mod download %s: %w: %s", module, err, exit.Stderr)
		}
		return "", fmt.Errorf("go mod download %s: %w", module, err)
	}
	if answer.Sum != sum {
		return "", fmt.Errorf("go mod download %s: its checksum is %s, expected %s", module, answer.Sum, sum)
	}
	return answer.Dir, nil
}
