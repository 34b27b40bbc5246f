package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock on a file that exists; ok is false if another process, or another call in
// this one, holds it. The kernel releases it when the process ends.
func tryLock(path string) (release func(), ok bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, false, err
	}
	release = func() { f.Close() } // nothing was written
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
		return release, true, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		release()
		return nil, false, nil
	default:
		release()
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
}

// lock takes the lock on a file, made if need be, and waits for it until ctx is done. If it has to
// wait, it calls waiting, and what that returned when the waiting is over.
func lock(ctx context.Context, path string, waiting func() (stop func())) (release func(), err error) {
	if err := touch(path); err != nil {
		return nil, err
	}
	waited := false
	for {
		release, ok, err := tryLock(path)
		if err != nil || ok {
			return release, err
		}
		if !waited {
			waited = true
			defer waiting()()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock on %s: %w", path, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// A data directory is claimed by a lock on the file "claim" in it. One whose claim can be had belongs
// to nobody any more.
const (
	dataPrefix = "millwright-testenv-"
	claimName  = "claim"
	// claimGrace is longer than a process needs between making its claim and locking it.
	claimGrace = time.Minute
)

// claimDir makes a data directory under parent that is ours until release is called or the process ends.
func claimDir(parent string) (dir string, release func(), err error) {
	dir, err = os.MkdirTemp(parent, dataPrefix)
	if err != nil {
		return "", nil, err
	}
	release, err = lock(context.Background(), filepath.Join(dir, claimName), func() func() { return func() {} })
	return dir, release, err
}

// sweep removes data directories under parent whose processes are gone. It does what it can: a
// directory that it cannot remove is no obstacle to making another.
func sweep(parent string) {
	claims, _ := filepath.Glob(filepath.Join(parent, dataPrefix+"*", claimName)) // the pattern is well-formed
	for _, claim := range claims {
		info, err := os.Stat(claim)
		if err != nil || time.Since(info.ModTime()) < claimGrace {
			continue
		}
		if release, ok, _ := tryLock(claim); ok {
			os.RemoveAll(filepath.Dir(claim)) // see above
			release()
		}
	}
}
