// Package sources reads a fleet repository: it fetches a commit over https, ssh or from a local path,
// keeps the last good one through failures and restarts, and hands it on as a Snapshot, a read-only
// file system of exactly what the commit holds.
//
// Call [Open] and [Git.Fetch], or let a [Poller] do it again and again; [Directory] and [AtRevision]
// read a local checkout. Whatever a Snapshot holds was written by people and is hostile until
// checked: nothing of it is executed, no link leads out of it, and every read is bounded and proved
// against the object's own hash. [Charts] fetches the charts that a fleet names once, and keeps each
// under its digest. The package knows Git, Helm repositories and OCI registries; it knows neither CUE, nor fleets, nor the
// systems they describe.
package sources

import (
	"io/fs"
	"time"
)

// Snapshot is one state of the repository, and immutable (a Directory's files apart).
type Snapshot struct {
	// Commit is what FS holds; its Hash is empty for a directory outside any repository, or in one
	// without a commit.
	Commit Commit
	// Dirty says that FS is a directory that differs from Commit.
	Dirty bool
	// FS is the tree below the configured path. It implements fs.ReadDirFS, fs.ReadFileFS, fs.StatFS
	// and fs.ReadLinkFS. ReadDir lists symlinks as such (fs.ModeSymlink) and submodules as
	// fs.ModeIrregular; Open, Stat and ReadFile follow a link that stays in the tree and refuse
	// every other ([ErrLink], [ErrSubmodule]). Sizes are known without reading.
	//
	// A tree of a commit also has Identity(name string) (string, error): what stands there, by the hash
	// under which Git stores it, so that equal identities mean equal bytes and are told without a read.
	FS fs.FS
	// FetchedAt is when the source last said that this is its commit (UTC).
	FetchedAt time.Time
	// Rewritten is the hash of the commit that stood here before, if history was rewritten: a
	// branch force-pushed to a commit that does not descend from it, or a tag that moved.
	Rewritten string
}

// Commit is what Git records about a commit. All times are in UTC.
type Commit struct {
	// Hash is 40 hex digits.
	Hash      string   `json:"hash"`
	Parents   []string `json:"parents,omitempty"`
	Author    Identity `json:"author"`
	Committer Identity `json:"committer"`
	// Subject is the first paragraph of the message on one line, Body all that follows it, the
	// trailers included.
	Subject  string    `json:"subject"`
	Body     string    `json:"body,omitempty"`
	Trailers []Trailer `json:"trailers,omitempty"`
	// Signer is who is proven to have signed it, if somebody is whose signature counts.
	Signer *Signer `json:"signer,omitempty"`
}

// IsZero reports whether c is no commit at all.
func (c Commit) IsZero() bool { return c.Hash == "" }

// Short is the abbreviated hash that people read: 12 digits.
func (c Commit) Short() string { return short(c.Hash) }

// Trailer returns the values of a key, compared without regard to case as Git does, in their order.
func (c Commit) Trailer(key string) []string {
	var values []string
	for _, t := range c.Trailers {
		if equalKeys(t.Key, key) {
			values = append(values, t.Value)
		}
	}
	return values
}

// Identity is who, and when. Git proves neither: anyone may write any name into a commit.
type Identity struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Time  time.Time `json:"time"`
}

// Trailer is one "Key: value" line at the end of a commit message, folded lines joined by a space.
type Trailer struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func short(hash string) string { return hash[:min(12, len(hash))] }
