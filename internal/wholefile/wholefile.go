// Package wholefile replaces files as a whole: whoever reads one, whenever, and whoever was killed while writing it,
// finds all of what was there before or all of what came after. Begin with [Write]. It does not know what is in them.
package wholefile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write replaces a file, which is for this user alone; directories are made. When it returns the file is on disk for
// good, and when the power fails before that, it is the old or the new one.
func Write(path string, content []byte) error {
	if err := replace(path, content, (*os.File).Sync); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// WriteUnsynced is Write for what can be made again, and does not wait for the disk: when the power fails the file may
// be empty or cut, so that whoever reads it has to see that.
func WriteUnsynced(path string, content []byte) error {
	return replace(path, content, func(*os.File) error { return nil })
}

func replace(path string, content []byte, sync func(*os.File) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	_, err = f.Write(content)
	if err == nil {
		err = sync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Remove removes a file for good; if there is none, its error is fs.ErrNotExist.
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// Sync has what is in a file on disk for good, or which files are in a directory.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
