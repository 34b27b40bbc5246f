package main

import (
	"context"
	"fmt"
	"os"

	"millwright.dev/millwright/internal/verdict"
	"millwright.dev/millwright/sources"
)

// judged names this program and a tree; what it finds of the tree is always the same. Not every tree can be named.
func judged(what string, s sources.Snapshot, parts ...string) (key verdict.Key, ok bool) {
	tree, err := sources.Digest(s.FS)
	if err != nil {
		return key, false
	}
	self, err := os.Executable()
	if err != nil {
		return key, false
	}
	info, err := os.Stat(self) // a build out of the same commit, with changes of somebody's own, is another program
	if err != nil {
		return key, false
	}
	program := fmt.Sprintf("%s %d %d", thisBuild(), info.Size(), info.ModTime().UnixNano())
	return verdict.KeyOf(append([]string{program, what, tree}, parts...)...), true
}

// validate compiles, checks and renders a directory's fleet, unless the same program found all the same files right
// before. It returns what there is and what was found, errors included.
func (g *globals) validate(ctx context.Context, dir, base string) (v verdict.Verdict, snapshot sources.Snapshot, err error) {
	snapshot, err = sources.Directory(dir)
	if err != nil {
		return v, snapshot, err
	}
	root, below, err := sources.Root(dir)
	if err != nil {
		return v, snapshot, err
	}
	top := snapshot
	if below != "." { // CODEOWNERS may be at the top, and names files from there
		if top, err = sources.Directory(root); err != nil {
			return v, snapshot, err
		}
	}
	verdicts := verdict.Open(g.cacheDir)
	key, named := verdict.Key{}, false
	if base == "" && g.cacheDir != "" { // else nothing is read for it
		key, named = judged("validate", top, below)
	}
	if named {
		if v, known := verdicts.Get(key); known {
			return v, snapshot, nil
		}
	}
	c, err := g.compiler()
	if err != nil {
		return v, snapshot, err
	}
	defer c.Close()
	want, found := c.compile(ctx, snapshot)
	if found.Err() == nil {
		more, err := lintOwners(top, below, want.Fleet)
		if err != nil {
			return v, snapshot, err
		}
		found = append(found, more...).Sort()
	}
	if base != "" && found.Err() == nil {
		changed, err := c.compare(ctx, dir, base, want.Fleet)
		if err != nil {
			return v, snapshot, err
		}
		found = append(found, changed...).Sort()
	}
	if err := ctx.Err(); err != nil {
		return v, snapshot, err // what was found is only that
	}
	v = verdict.Verdict{Found: found}
	if found.Err() != nil {
		return v, snapshot, nil
	}
	v.Summary = summary(want.Fleet, want.Set.Len())
	if named {
		if after, still := judged("validate", top, below); still && after == key { // nobody wrote meanwhile
			verdicts.Put(key, v)
		}
	}
	return v, snapshot, nil
}
