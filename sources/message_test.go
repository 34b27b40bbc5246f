package sources

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The same messages are read the same by us and by git log.
func TestMessagesAreReadAsGitReadsThem(t *testing.T) {
	messages := []string{
		"subject only",
		"Key: value in the subject",
		"subject\n\nKey: value",
		"\n\nsubject\n\nKey: value\n\n\n",
		"subject on\ntwo lines\n\nbody\n\nKey: value\nOther-Key:no space\nempty:\n",
		"subject\n\nbody: not alone\nin its paragraph",
		"subject\n\nKey: value\n\nlast paragraph",
		"subject\n\nApproved-by: Carol <carol@example.com>\nApproved-by: Dan <dan@example.com>\nChange-Ticket: CHG-1",
		"subject\n\nKey: folded\n  onto the next\n\tand the next\nOther: x",
		"subject\n\nKey : blank before the colon\nTwo words: no key",
		"subject\n\nSigned-off-by: A <a@example.com>\none\ntwo\nthree",
		"subject\n\nSigned-off-by: A <a@example.com>\none\ntwo\nthree\nfour",
		"subject\n\nKey: value\none line of prose",
		"subject\n\n(cherry picked from commit 0123456789012345678901234567890123456789)\nKey: value",
		"subject\n\nprose\n(cherry picked from commit 0123456789012345678901234567890123456789)",
		"subject\n\n  indented: first\nKey: value",
		"subject\n\nKey: value\n   \nOther: after a line of blanks",
		"subject\n\nKey: value\n# a comment\nOther: value",
		"subject\n\nSigned-off-by: A <a@example.com>\nprose\n  continued\n  continued\n  continued\n  continued",
		"subject\n\nKéy: not a key\nKey: value",
		"subject\n\nhttps://example.com/a\nKey: value",
		": no key\n\n: no key",
		"subject\n\nKey: value\n---\nnot a divider in a commit",
	}
	r := newRepo(t)
	r.put("file", "x")
	tree := r.git("rev-parse", "HEAD:")
	for _, message := range messages {
		commit := r.git("commit-tree", "-m", "placeholder", tree)
		raw := r.git("cat-file", "commit", commit)
		header, _, _ := strings.Cut(raw, "\n\n")
		commit = r.hashObject("commit", header+"\n\n"+message)
		snapshot, err := AtRevision(r.dir, commit)
		require.NoError(t, err)
		c := snapshot.Commit

		require.Equal(t, r.git("log", "-1", "--format=%s", commit), c.Subject, "%q", message)
		require.Equal(t, r.git("log", "-1", "--format=%b", commit), c.Body, "%q", message)
		var lines []string
		for _, trailer := range c.Trailers {
			lines = append(lines, strings.TrimRight(trailer.Key+": "+trailer.Value, " "))
		}
		want := r.git("log", "-1", "--format=%(trailers:only,unfold)", commit)
		var wantLines []string
		for line := range strings.Lines(want) {
			wantLines = append(wantLines, strings.TrimRight(line, " \n"))
		}
		require.Equal(t, wantLines, lines, "%q", message)
	}
}
