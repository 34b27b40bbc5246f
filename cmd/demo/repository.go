package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// repository is the fleet's Git repository, made from the example.
type repository struct{ dir string }

// newRepository copies the example into a repository of its own and commits it.
func newRepository(ctx context.Context, dir, example string) (*repository, error) {
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		return nil, fmt.Errorf("copy the example fleet: %w", err)
	}
	r := &repository{dir}
	if _, err := r.git(ctx, "init", "--quiet", "--initial-branch", "main"); err != nil {
		return nil, err
	}
	return r, r.commit(ctx, "The fleet as it begins")
}

// git runs git in the repository and returns what it prints.
func (r *repository) git(ctx context.Context, args ...string) (string, error) {
	who := []string{"-C", r.dir, "-c", "user.name=Platform Engineer", "-c", "user.email=platform@example.com", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgsign=false"}
	cmd := exec.CommandContext(ctx, "git", append(who, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// commit commits everything.
func (r *repository) commit(ctx context.Context, message string) error {
	if _, err := r.git(ctx, "add", "--all"); err != nil {
		return err
	}
	_, err := r.git(ctx, "commit", "--quiet", "--message", message)
	return err
}

// head is the newest commit.
func (r *repository) head(ctx context.Context) (string, error) {
	out, err := r.git(ctx, "rev-parse", "HEAD")
	return strings.TrimSpace(out), err
}

// edit replaces a text that stands exactly once in a file.
func (r *repository) edit(file, from, to string) error {
	path := filepath.Join(r.dir, filepath.FromSlash(file))
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), from); n != 1 {
		return fmt.Errorf("edit %s: %q stands there %d times, not once", file, from, n)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o644)
}

// read is a file's text.
func (r *repository) read(file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(file)))
	return string(text), err
}
