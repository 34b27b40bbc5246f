package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Ago is how long ago something was, in the largest unit that says enough.
func Ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// ShortCommit abbreviates a hash, and leaves any other word and what is appended to it as it is.
func ShortCommit(commit string) string {
	hash, rest, marked := strings.Cut(commit, "-")
	if len(hash) == 40 || len(hash) == 64 {
		hash = hash[:12]
	}
	if marked {
		return hash + "-" + rest
	}
	return cmp.Or(hash, "no commit")
}

// ShortHashes are two values, of which those that are hashes of files are cut to what tells them apart: they say no
// more than that.
func ShortHashes(a, b string) (string, string) {
	if x, y := shortHash(a), shortHash(b); x != y {
		return x, y
	}
	return a, b
}

func shortHash(text string) string {
	if len(text) == 40 && strings.Trim(text, "0123456789abcdef") == "" {
		return text[:12]
	}
	return text
}
