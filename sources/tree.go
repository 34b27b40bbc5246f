package sources

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Bounds on what a tree may make us do.
const (
	maxLinks      = 40       // symlinks followed for one path, as Linux does
	maxLinkTarget = 4 << 10  // bytes
	maxEntries    = 100_000  // entries of one directory
	maxTreeObject = 16 << 20 // bytes of one directory's object in Git
	maxCommit     = 1 << 20  // bytes of one commit or tag object
)

// nodes is a tree whose links nobody has followed. Every dir given to it is a real directory of the
// tree, as a listing named it; "." is the root.
type nodes interface {
	root() node
	// list returns a directory's entries sorted by name, with valid names and without ".git"; find
	// is one of them, or fs.ErrNotExist.
	list(dir string) ([]node, error)
	find(dir, name string) (node, error)
	// size of a file or link, without reading it.
	size(dir string, n node) (int64, error)
	// read returns the content of a file, or the target of a link, refusing more than limit bytes.
	read(dir string, n node, limit int64) ([]byte, error)
}

// node is an entry of a directory. Its mode's permissions are what Git keeps of them: read, and
// execute where a file has it.
type node struct {
	name string
	mode fs.FileMode
	time time.Time
	id   string // Git's hash; empty in a working directory
}

// tree makes nodes a file system: it follows the links that stay inside and refuses all others.
type tree struct {
	nodes
	maxFile int64 // bytes
}

// place is where a path led: a node and the directory it stands in.
type place struct {
	dir string
	node
}

func (t *tree) Open(name string) (fs.File, error) {
	p, err := t.walk("open", name, true)
	if err != nil {
		return nil, err
	}
	info, err := t.info("open", name, p)
	if err != nil {
		return nil, err
	}
	if p.mode.IsDir() {
		entries, err := t.entries("open", name, p)
		if err != nil {
			return nil, err
		}
		return &openDir{info: info, entries: entries}, nil
	}
	return &openFile{info: info, load: func() ([]byte, error) { return t.content("read", name, p) }}, nil
}

func (t *tree) ReadFile(name string) ([]byte, error) {
	p, err := t.walk("read", name, true)
	if err != nil {
		return nil, err
	}
	return t.content("read", name, p)
}

func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	p, err := t.walk("readdir", name, true)
	if err != nil {
		return nil, err
	}
	return t.entries("readdir", name, p)
}

func (t *tree) Stat(name string) (fs.FileInfo, error) {
	p, err := t.walk("stat", name, true)
	if err != nil {
		return nil, err
	}
	return t.info("stat", name, p)
}

func (t *tree) Lstat(name string) (fs.FileInfo, error) {
	p, err := t.walk("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return t.info("lstat", name, p)
}

func (t *tree) ReadLink(name string) (string, error) {
	p, err := t.walk("readlink", name, false)
	if err != nil {
		return "", err
	}
	if p.mode.Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := t.read(p.dir, p.node, maxLinkTarget)
	return string(target), pathError("readlink", name, err)
}

// walk resolves name step by step. Links are expanded into the steps that remain, so that ".." is
// always taken from a real directory; the last step's link is followed only if asked.
func (t *tree) walk(op, name string, follow bool) (place, error) {
	refuse := func(err error) (place, error) { return place{}, &fs.PathError{Op: op, Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return refuse(fs.ErrInvalid)
	}
	at := []place{{dir: ".", node: t.root()}} // the root, and every step from it
	steps := stepsOf(name, "")
	for links := 0; len(steps) > 0; {
		step, from := steps[0].name, steps[0].link
		steps = steps[1:]
		here := at[len(at)-1]
		if !here.mode.IsDir() {
			return refuse(fs.ErrNotExist)
		}
		if step == "" || step == "." {
			continue
		}
		if step == ".." {
			if at = at[:len(at)-1]; len(at) == 0 {
				return refuse(fmt.Errorf("%w: %s leaves the tree", ErrLink, from))
			}
			continue
		}
		dir := path.Join(here.dir, here.name)
		n, err := t.find(dir, step)
		if err != nil {
			return refuse(err)
		}
		switch n.mode.Type() {
		case fs.ModeSymlink:
			if len(steps) == 0 && !follow {
				break
			}
			target, err := t.read(dir, n, maxLinkTarget)
			if err != nil {
				return refuse(err)
			}
			link := fmt.Sprintf("%s -> %s", path.Join(dir, step), target)
			if path.IsAbs(string(target)) {
				return refuse(fmt.Errorf("%w: %s leaves the tree", ErrLink, link))
			}
			if links++; links > maxLinks {
				return refuse(fmt.Errorf("%w: %s leads in a circle", ErrLink, link))
			}
			steps = append(stepsOf(string(target), link), steps...)
			continue
		case fs.ModeIrregular:
			if len(steps) > 0 || follow {
				return refuse(irregular(path.Join(dir, step), n))
			}
		}
		at = append(at, place{dir: dir, node: n})
	}
	return at[len(at)-1], nil
}

// step is one element of a path, and the link out of which it came.
type step struct{ name, link string }

func stepsOf(path, link string) []step {
	var steps []step
	for name := range strings.SplitSeq(path, "/") {
		steps = append(steps, step{name, link})
	}
	return steps
}

func irregular(name string, n node) error {
	if n.id != "" {
		return fmt.Errorf("%w: %s is commit %s of another repository; put its files into this one",
			ErrSubmodule, name, short(n.id))
	}
	return fmt.Errorf("%w: %s", ErrNotRegular, name)
}

// pick finds a name in a sorted listing.
func pick(list []node, name string) (node, bool) {
	i, ok := slices.BinarySearchFunc(list, name, func(n node, name string) int { return strings.Compare(n.name, name) })
	if !ok {
		return node{}, false
	}
	return list[i], true
}

// checkListing sorts a directory's entries and refuses those that no file system of ours may show.
func checkListing(list []node) ([]node, error) {
	if len(list) > maxEntries {
		return nil, fail(ErrTooLarge, "a directory has %d entries, of which %d are allowed", len(list), maxEntries)
	}
	slices.SortFunc(list, func(a, b node) int { return strings.Compare(a.name, b.name) })
	for i, n := range list {
		if !fs.ValidPath(n.name) || n.name == "." || strings.ContainsAny(n.name, `/\`) {
			return nil, fail(ErrBadName, "%q", n.name)
		}
		if i > 0 && n.name == list[i-1].name {
			return nil, fail(ErrBadName, "%q appears twice in a directory", n.name)
		}
	}
	return list, nil
}

// isDotGit also catches the spellings that a file system which ignores case takes for .git.
func isDotGit(name string) bool { return strings.EqualFold(name, ".git") }

func (t *tree) content(op, name string, p place) ([]byte, error) {
	if p.mode.IsDir() {
		return nil, &fs.PathError{Op: op, Path: name, Err: errIsDirectory}
	}
	data, err := t.read(p.dir, p.node, t.maxFile)
	return data, pathError(op, name, err)
}

func (t *tree) entries(op, name string, p place) ([]fs.DirEntry, error) {
	if !p.mode.IsDir() {
		return nil, &fs.PathError{Op: op, Path: name, Err: errNotDirectory}
	}
	dir := path.Join(p.dir, p.name)
	list, err := t.list(dir)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	entries := make([]fs.DirEntry, len(list))
	for i, n := range list {
		entries[i] = dirEntry{tree: t, place: place{dir: dir, node: n}}
	}
	return entries, nil
}

// info describes a place under the last element of the name it was asked by.
func (t *tree) info(op, name string, p place) (fs.FileInfo, error) {
	info := fileInfo{name: path.Base(name), mode: p.mode, time: p.time}
	if info.time.IsZero() { // Git keeps a time of commits alone
		info.time = t.root().time
	}
	if p.mode.IsRegular() || p.mode.Type() == fs.ModeSymlink {
		size, err := t.size(p.dir, p.node)
		if err != nil {
			return nil, pathError(op, name, err)
		}
		info.size = size
	}
	return info, nil
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// readBounded reads all of r, of at most limit bytes.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		return nil, tooLarge(n, limit)
	}
	return buf.Bytes(), err
}

func tooLarge(size, limit int64) error {
	return fail(ErrTooLarge, "at least %d bytes, of which %d are allowed", size, limit)
}
