package sources

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Why a source could not be read. Every error of [Git.Fetch] wraps one of these, or the context's.
var (
	// ErrUnreachable is a remote that does not answer, answers too late or with a server error.
	ErrUnreachable = errors.New("remote unreachable")
	// ErrUnauthorized is a remote that wants credentials, or refuses those it was given.
	ErrUnauthorized = errors.New("access refused")
	// ErrHostKey is an ssh host that cannot be told from another: unknown, or known by another key.
	ErrHostKey = errors.New("host key refused")
	// ErrNotRepository is an address where no Git repository is, or none that we may see.
	ErrNotRepository = errors.New("no Git repository there")
	// ErrEmpty is a repository without a single commit.
	ErrEmpty = errors.New("repository is empty")
	// ErrRefNotFound is a branch, tag or commit that the remote does not have.
	ErrRefNotFound = errors.New("ref not found")
	// ErrPathNotFound is a commit that lacks the configured directory.
	ErrPathNotFound = errors.New("path not found")
	// ErrChartNotFound is a chart or a version of it that its repository does not have.
	ErrChartNotFound = errors.New("chart not found")
	// ErrSignature is a commit that lacks the signature which the settings require, or keys that cannot be read.
	ErrSignature = errors.New("signature refused")
	// ErrRefused is a push that the remote did not take, or that would have gone over somebody else's.
	ErrRefused = errors.New("push refused")
	// ErrTooLarge is a repository, file or directory beyond its limit.
	ErrTooLarge = errors.New("too large")
	// ErrCache is a cache directory that cannot be read or written.
	ErrCache = errors.New("cache directory unusable")
	// ErrDamaged is an object that is missing or whose content does not match its hash.
	ErrDamaged = errors.New("object missing or damaged")
)

// Why a file of a tree could not be opened, beside fs.ErrNotExist, ErrTooLarge and ErrDamaged.
var (
	// ErrLink is a symlink that leaves the tree or leads in a circle.
	ErrLink = errors.New("symlink refused")
	// ErrSubmodule is a path inside another repository, which is not part of the commit.
	ErrSubmodule = errors.New("submodule refused")
	// ErrBadName is a name that no file of a tree may have: "..", one that is not UTF-8, one with a
	// backslash, or one that appears twice.
	ErrBadName = errors.New("file name refused")
	// ErrNotRegular is a device, socket or pipe.
	ErrNotRegular = errors.New("neither file, directory nor symlink")
)

// Error is a failed fetch: what went wrong, since when, and what stays in force meanwhile.
type Error struct {
	// Source is the remote and the ref, without any secret.
	Source string
	// Err wraps one of the errors above.
	Err error
	// At is when this attempt failed, Since when the first failed after the last success, and
	// Failures how many have failed in a row. All count from the start of the process.
	At, Since time.Time
	Failures  int
	// LastCommit is the last good commit, fetched at LastFetched; empty if there has been none.
	LastCommit  string
	LastFetched time.Time
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fetch %s: %v", e.Source, e.Err)
	if e.Failures > 1 {
		fmt.Fprintf(&b, "; failing since %s (%d times in %s)",
			e.Since.Format(time.RFC3339), e.Failures, e.At.Sub(e.Since).Round(time.Second))
	}
	if e.LastCommit == "" {
		b.WriteString("; no good commit yet")
	} else {
		fmt.Fprintf(&b, "; last good commit %s, fetched %s before",
			short(e.LastCommit), e.At.Sub(e.LastFetched).Round(time.Second))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// failure is one of the errors above with its particulars. It wraps nothing that came from a remote
// or from a library, because such an error may carry a secret; their text arrives cleaned in detail.
type failure struct {
	kind   error
	detail string
	cause  error // a context's error, or nil
}

func fail(kind error, format string, args ...any) error {
	return &failure{kind: kind, detail: fmt.Sprintf(format, args...)}
}

func (f *failure) Error() string { return f.kind.Error() + ": " + f.detail }

func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

// maxDetail bounds, in bytes, what is repeated of a remote's own words.
const maxDetail = 400

// cleanText makes a remote's words fit for one line of a log: printable, short, without secrets.
func cleanText(text string, secrets ...string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "(redacted)")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}
