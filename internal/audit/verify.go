package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/sources"
)

// Verification says what a journal proves together with the history of the fleet.
type Verification struct {
	Ref string `json:"ref"`
	// Tip is the newest run's commit. Noted elsewhere, it proves later that nothing up to here was written anew.
	Tip   string    `json:"tip,omitempty"`
	Runs  int       `json:"runs"`
	First time.Time `json:"first,omitzero"` // when the first run began
	Last  time.Time `json:"last,omitzero"`  // when the last one ended
	// Proven and Unproven are sentences; Wrong is what contradicts, and is empty if all is well.
	Proven   []string `json:"proven"`
	Unproven []string `json:"unproven"`
	Wrong    []Wrong  `json:"wrong"`
}

// Wrong is one contradiction.
type Wrong struct {
	// Run is the number of the run, 0 where it is of none; Commit is the run's, or that of the fleet.
	Run    int    `json:"run,omitempty"`
	Commit string `json:"commit,omitempty"`
	What   string `json:"what"`
}

// Wanted is what a commit of the fleet wants, as this version of Millwright renders it.
type Wanted struct {
	Set state.Set
	// Fleet is the commit's; nil where it does not compile.
	Fleet *fleet.Fleet
	// Lacks says what of it is not known, as without a chart; then an object that is not in it proves nothing.
	Lacks string
}

// Verify is what is verified, and against what.
type Verify struct {
	Journal *journal.Repository
	// Ref is the journal's, Tip where it is.
	Ref, Tip string
	Line     *sources.Line
	// Fleet is the name of the fleet at the line's end.
	Fleet string
	// JournalKeys sign the journal, SourceKeys the fleet; nil: signatures are not looked at.
	JournalKeys, SourceKeys *sources.Keys
	// SignedSince is a commit of the fleet up to which none needs a signature; empty for none.
	SignedSince string
	// Includes is a commit of the journal that was noted before; empty for none.
	Includes string
	// Version is that of this Millwright, and Wants what the line's i-th commit wants.
	Version string
	Wants   func(ctx context.Context, i int) (Wanted, error)
}

// verification is one on its way.
type verification struct {
	Verify
	out     Verification
	entries []journal.Entry // the oldest first
	at      []int           // the place of each entry's commit in the line; -1: it has none
}

// Run verifies. An error is that it could not be done; what is wrong is in the answer.
func (v Verify) Run(ctx context.Context) (Verification, error) {
	w := &verification{Verify: v, out: Verification{Ref: v.Ref, Proven: []string{}, Unproven: []string{}, Wrong: []Wrong{}}}
	for e, err := range v.Journal.From(v.Tip) {
		if err != nil {
			w.wrong(journal.Entry{}, "the journal is not whole: %v", err)
			break
		}
		w.entries = append(w.entries, e)
	}
	slices.Reverse(w.entries)
	w.chain()
	w.source()
	w.signatures()
	if err := w.changes(ctx); err != nil {
		return w.out, err
	}
	w.out.Unproven = append(w.out.Unproven,
		"what a target did: the journal holds what it answered, and what was found when it was read back",
		"that nobody but the agent changed a target: what it found changed is in the journal, and what was changed back before it looked is not")
	return w.out, nil
}

func (w *verification) wrong(e journal.Entry, format string, args ...any) {
	w.out.Wrong = append(w.out.Wrong, Wrong{Run: e.Run.Sequence, Commit: e.Commit, What: fmt.Sprintf(format, args...)})
}

func (w *verification) proven(format string, args ...any) {
	w.out.Proven = append(w.out.Proven, fmt.Sprintf(format, args...))
}

func (w *verification) unproven(format string, args ...any) {
	w.out.Unproven = append(w.out.Unproven, fmt.Sprintf(format, args...))
}

// chain is what is left to prove of the chain that the reading has proven: that no run is there twice, that it is one
// fleet's, and that it holds what was noted before.
func (w *verification) chain() {
	if len(w.entries) == 0 {
		return
	}
	whole := len(w.out.Wrong) == 0
	first, last := w.entries[0], w.entries[len(w.entries)-1]
	w.out.Runs, w.out.Tip, w.out.First, w.out.Last = len(w.entries), last.Commit, first.Run.Began, last.Run.Ended
	ids, noted := map[string]int{}, w.Includes == ""
	before := len(w.out.Wrong)
	for _, e := range w.entries {
		noted = noted || e.Commit == w.Includes
		if n, twice := ids[e.Run.ID]; twice {
			w.wrong(e, "it is run %d once more", n)
		}
		ids[e.Run.ID] = e.Run.Sequence
		if e.Run.Fleet != w.Fleet {
			w.wrong(e, "it is of the fleet %s, and not of %s", e.Run.Fleet, w.Fleet)
		}
	}
	if !noted {
		w.wrong(journal.Entry{}, "the journal does not hold commit %s, which was noted before: it was written anew, or cut off", w.Includes)
	}
	if whole && before == len(w.out.Wrong) {
		w.proven("runs %d to %d follow one another, none missing, doubled or changed", first.Run.Sequence, last.Run.Sequence)
	}
	if first.Run.Follows != "" {
		w.unproven("what was in runs 1 to %d: they were lost with their disk, and ended with commit %s", first.Run.Sequence-1, first.Run.Follows)
	}
	if w.Includes == "" {
		w.unproven("that the newest runs were not cut off: note %s elsewhere, and name it with --includes the next time", last.Commit)
	} else if noted {
		w.proven("the journal holds %s, which was noted before, and all that leads to it", w.Includes)
	}
}

// source proves that runs were of commits of the fleet, in their order.
func (w *verification) source() {
	place := map[string]int{}
	for i, c := range w.Line.Commits {
		place[c.Hash] = i
	}
	fine, last, unknown := 0, 0, 0
	for _, e := range w.entries {
		at, there := place[e.Run.Source.Commit]
		switch {
		case !there && w.Line.Shallow:
			unknown++
		case !there:
			w.wrong(e, "it is of %q, which is no commit of the fleet's branch as far as it is checked out", e.Run.Source.Commit)
		case at < last:
			w.wrong(e, "it is of commit %s, after runs of one that follows that", e.Run.Source.Commit)
		default:
			if begun := w.Line.Commits[at].Committer.Time; e.Run.Began.Before(begun) {
				w.unproven("when run %d was: it says that it began before its commit was made, so that one clock was wrong", e.Run.Sequence)
			}
			last = at
			fine++
		}
		if !there {
			at = -1
		}
		w.at = append(w.at, at)
	}
	if fine > 0 {
		w.proven("%d of %s are of commits of the fleet's branch, in its order", fine, many(len(w.entries), "run"))
	}
	if unknown > 0 {
		w.unproven("that the commits of %s are the fleet's: the clone is shallow; git fetch --unshallow", many(unknown, "run"))
	}
}

// signatures proves who signed runs, commits, and approvals.
func (w *verification) signatures() {
	if w.JournalKeys == nil {
		w.unproven("who wrote the journal: whoever may write to its repository could have written it anew as a whole; let the agent sign, and name its key with --journal-signers")
	} else {
		var at time.Time
		fine := 0
		for _, e := range w.entries {
			at = later(at, e.Time)
			if _, err := w.JournalKeys.Signer(e.Raw, at); err != nil {
				w.wrong(e, "its signature does not count: %v", err)
				continue
			}
			fine++
		}
		w.proven("%d of %s are signed by an allowed signer", fine, many(len(w.entries), "run"))
	}
	if w.SourceKeys == nil {
		w.unproven("who wrote and approved: names in commits are what their authors wrote; name keys with --allowed-signers or --openpgp-keyring")
	} else {
		w.sourceSignatures()
	}
	w.approvals()
}

func (w *verification) sourceSignatures() {
	from, to := -1, -1
	for _, at := range w.at {
		if at >= 0 && from < 0 {
			from = at
		}
		to = max(to, at)
	}
	var at time.Time
	fine, trusted := 0, w.SignedSince
	if i := slices.IndexFunc(w.Line.Commits, func(c sources.Commit) bool { return c.Hash == trusted }); i >= 0 {
		from = max(from, i+1)
	}
	for i := max(from, 0); i <= to; i++ {
		c := w.Line.Commits[i]
		at = later(at, c.Committer.Time)
		raw, err := w.Line.Raw(c.Hash)
		if err == nil {
			_, err = w.SourceKeys.Signer(raw, at)
		}
		if err != nil {
			w.out.Wrong = append(w.out.Wrong, Wrong{Commit: c.Hash, What: fmt.Sprintf("this commit of the fleet was in force or led to one that was, and its signature does not count: %v", err)})
			continue
		}
		fine++
	}
	w.proven("of the commits of the fleet that were in force, or lie between such, %d are signed by an allowed signer", fine)
}

// approvals proves that each that is called verified was brought by a commit of the fleet before the run.
func (w *verification) approvals() {
	fine, asserted := 0, 0
	for i, e := range w.entries {
		for _, c := range e.Run.Changes {
			a := c.Approval
			switch {
			case a == nil:
				continue
			case !a.Verified:
				asserted++
				continue
			case w.at[i] < 0:
				continue // which is said already
			}
			if err := w.approval(*a, w.at[i]); err != nil {
				w.wrong(e, "the approval of %s: %v", c.Address, err)
				continue
			}
			fine++
		}
	}
	if fine > 0 {
		w.proven("commits that led to what was in force brought %s", many(fine, "approval"))
	}
	if asserted > 0 {
		w.unproven("who gave %s: no signature that counted was on what brought it", many(asserted, "approval"))
	}
}

func (w *verification) approval(a journal.Approval, at int) error {
	leads, err := w.Line.Leads(a.Commit, at)
	switch {
	case err != nil:
		return err
	case !leads:
		return fmt.Errorf("commit %q, which is said to have brought it, does not lead to what was in force", a.Commit)
	case w.SourceKeys == nil:
		return nil
	}
	raw, err := w.Line.Raw(a.Commit)
	if err != nil {
		return err
	}
	who, err := w.SourceKeys.Signer(raw, later(time.Time{}, w.Line.Commits[at].Committer.Time))
	if err == nil && who.Principal != a.By {
		err = errors.New("it is signed by " + who.Principal + ", and not by " + a.By)
	}
	return err
}

// many is "1 run", "2 runs".
func many(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// later is when something counts as made: not before what it follows, and not in the future.
func later(last, said time.Time) time.Time {
	if now := time.Now().UTC(); said.After(now) {
		said = now
	}
	if said.After(last) {
		return said
	}
	return last
}
