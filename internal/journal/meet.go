package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// foreignError is a journal that is not as we left it. Nothing is written over it, or after it.
type foreignError struct{ text string }

func (e *foreignError) Error() string { return e.text }

func (d *Delivery) foreign(format string, args ...any) error {
	return &foreignError{fmt.Sprintf(format, args...) + fmt.Sprintf(
		": nothing is pushed, and all runs are kept, until %s there is commit %s again, or --journal-ref names another ref; find out who writes to it",
		d.Ref, d.end)}
}

func (e end) String() string {
	if e.Commit == "" {
		return "none"
	}
	return e.Commit
}

// meet makes what is on disk the journal's end, as far as there is one, and proves that nobody else wrote to it. It
// returns where the ref is: in the remote, or on disk if there is none.
func (d *Delivery) meet(ctx context.Context) (there string, err error) {
	here, err := d.Repository.Tip(d.Ref)
	if err != nil {
		return "", err
	}
	if d.Remote == nil {
		return here, d.meetDisk(here)
	}
	if there, err = d.Remote.Tip(ctx, d.Ref); err != nil {
		return "", fmt.Errorf("look at the journal's ref %s in %s: %w", d.Ref, d.Remote, err)
	}
	if there == "" {
		kept, err := d.Repository.descends(here, d.end.Commit)
		if err == nil && !kept {
			err = d.foreign("the journal's ref %s is gone from %s, and what was in it is not on this disk", d.Ref, d.Remote)
		}
		return "", err
	}
	if !d.Repository.Has(there) {
		if err := d.Remote.Fetch(ctx, d.Repository.Dir(), d.Ref, there); err != nil {
			return "", fmt.Errorf("fetch the journal from %s: %w", d.Remote, err)
		}
		d.Repository.reopen()
	}
	if err := d.expect(here, there); err != nil {
		return "", err
	}
	return there, d.follow(here, there)
}

// meetDisk is for a journal that is nowhere else. If all of it is gone, its next run says so.
func (d *Delivery) meetDisk(here string) error {
	if here == "" {
		return nil
	}
	ours, err := d.ours(here)
	if err == nil && !ours {
		err = &foreignError{fmt.Sprintf(
			"the journal in %s does not end with commit %s, as it did: agents that take turns need --journal, or one state directory; the runs are kept until it does",
			d.Repository.Dir(), d.end)}
	}
	return err
}

// ours reports whether a commit is what the journal ended with, or that and runs that are still waiting.
func (d *Delivery) ours(commit string) (bool, error) {
	behind, before, err := d.Repository.ending(commit, d.Recorder.waiting())
	if err != nil {
		return false, err
	}
	ours := d.end.Commit == "" || before == d.end.Commit
	for _, e := range behind {
		ours = ours || e.Commit == d.end.Commit
	}
	return ours, nil
}

// expect proves that the remote's ref is where one of our agents left it. One that was set back to an earlier run
// may go forward again, since all that was there is here.
func (d *Delivery) expect(here, there string) error {
	ours, err := d.ours(there)
	switch {
	case errors.Is(err, ErrNotARun):
		return d.foreign("somebody else pushed to the journal's ref %s in %s: %v", d.Ref, d.Remote, err)
	case err != nil:
		return err
	case ours && d.end.Commit == "": // never pushed from here: is it our fleet's at all?
		e, err := d.Repository.Entry(there)
		if err == nil && e.Run.Fleet != d.Fleet {
			err = d.foreign("the journal's ref %s in %s is that of fleet %s", d.Ref, d.Remote, e.Run.Fleet)
		}
		return err
	case ours:
		return nil
	}
	back, err := d.Repository.descends(d.end.Commit, there)
	if err == nil && back {
		back, err = d.Repository.descends(here, d.end.Commit)
	}
	if err == nil && !back {
		err = d.foreign("somebody else pushed to the journal's ref %s in %s: it is at commit %s, which this agent did not make", d.Ref, d.Remote, there)
	}
	return err
}

// follow makes the ref on disk descend from the remote's. What is on disk alone is dropped there if it is in the
// remote under another commit, or waits and is committed anew: both are so where another agent took a turn.
func (d *Delivery) follow(here, there string) error {
	ahead, err := d.Repository.descends(here, there)
	if err != nil || ahead {
		return err
	}
	if here == "" {
		return d.Repository.setTip(d.Ref, there)
	}
	known := map[string]bool{}
	for _, run := range d.Recorder.waiting() {
		known[run.ID] = true
	}
	shared := map[string]bool{}
	for commit := there; commit != ""; {
		e, err := d.Repository.Entry(commit)
		if err != nil {
			return err
		}
		if commit == here { // the usual case: it went on without us
			return d.Repository.setTip(d.Ref, there)
		}
		known[e.Run.ID], shared[commit], commit = true, true, e.Parent
	}
	for commit := here; commit != "" && !shared[commit]; {
		e, err := d.Repository.Entry(commit)
		if err != nil {
			return err
		}
		if !known[e.Run.ID] {
			return d.foreign("the journal in %s holds run %s, which %s in %s does not have", d.Repository.Dir(), e.Run.ID, d.Ref, d.Remote)
		}
		commit = e.Parent
	}
	return d.Repository.setTip(d.Ref, there)
}

// descends reports whether a commit is another one or has it among its ancestors; the empty one is everybody's.
func (r *Repository) descends(commit, from string) (bool, error) {
	for commit != from && commit != "" && from != "" {
		if !r.Has(commit) {
			return false, nil
		}
		c := new(object.Commit)
		if err := r.decode(plumbing.CommitObject, plumbing.NewHash(commit), c); err != nil {
			return false, err
		}
		if commit = ""; len(c.ParentHashes) > 0 {
			commit = c.ParentHashes[0].String()
		}
	}
	return from == "" || commit == from, nil
}
