package sources

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// history is that of what the source has in force, with the keys as they are now.
func history(t *testing.T, g *Git) *History {
	t.Helper()
	h, err := g.History(fetch(t, g).Commit.Hash)
	require.NoError(t, err)
	return h
}

// brought asserts which commit made a file what it is, and whose signature it bears.
func brought(t *testing.T, h *History, file, commit, signer, unsigned string) {
	t.Helper()
	b, err := h.Brought(file)
	require.NoError(t, err)
	require.Equal(t, commit, b.Commit.Hash)
	if signer == "" {
		require.Nil(t, b.Commit.Signer)
		require.Contains(t, b.Unsigned, unsigned)
		return
	}
	require.NotNil(t, b.Commit.Signer, b.Unsigned)
	require.Equal(t, signer+"@example.com", b.Commit.Signer.Principal)
	require.Empty(t, b.Unsigned)
}

// Who brought a file is who signed the commit that made it what it is: not who signed it before, nor who
// merged it, nor whoever committed since.
func TestWhoBroughtAFile(t *testing.T) {
	s := newSigning(t, "olga", "eve", "forge")
	s.put("other", "1")
	signed := s.by("olga", "fleet/approvals/a.cue", "for acme")
	g := open(t, Options{URL: s.dir, Path: "fleet", Signatures: Signatures{AllowedSigners: s.allowed(s.line("olga", ""), s.line("forge", ""))}})
	h := history(t, g)
	require.True(t, h.Verifies())
	brought(t, h, "approvals/a.cue", signed, "olga", "")
	_, err := h.Brought("approvals/b.cue")
	require.ErrorIs(t, err, ErrPathNotFound)

	s.put("other", "2")
	s.by("eve", "fleet/tenants/acme.cue", "x")
	brought(t, history(t, g), "approvals/a.cue", signed, "olga", "")

	grown := s.put("fleet/approvals/a.cue", "for everybody")
	brought(t, history(t, g), "approvals/a.cue", grown, "", "it is not signed")
	again := s.by("eve", "fleet/approvals/a.cue", "for acme and globex")
	brought(t, history(t, g), "approvals/a.cue", again, "", "is no allowed signer's")
	again = s.by("olga", "fleet/approvals/a.cue", "for acme")
	brought(t, history(t, g), "approvals/a.cue", again, "olga", "")

	s.git("mv", "fleet/approvals/a.cue", "fleet/approvals/b.cue")
	moved := s.commit("another name is another approval")
	brought(t, history(t, g), "approvals/b.cue", moved, "", "it is not signed")

	s.link("../tenants/acme.cue", "fleet/approvals/link.cue")
	s.git("add", "-A")
	s.git("olga", "-m", "a link")
	_, err = history(t, g).Brought("approvals/link.cue")
	require.ErrorContains(t, err, "no such plain file")
	s.git("rm", "-qr", "fleet/approvals")
	s.link("tenants", "fleet/approvals")
	s.git("add", "-A")
	s.git("olga", "-m", "a linked directory")
	_, err = history(t, g).Brought("approvals/acme.cue")
	require.ErrorContains(t, err, "no such plain file")
}

// Of a request that was merged, the commit on its branch counts; of one that brings back what had been taken away,
// the merge does.
func TestWhoBroughtAFileByAMerge(t *testing.T) {
	s := newSigning(t, "olga", "forge")
	s.put("other", "1")
	s.git("switch", "-qc", "request")
	signed := s.by("olga", "a.cue", "for acme")
	s.put("tenant.cue", "unsigned, on the same branch")
	merge := func(branch string) string {
		s.git("switch", "-q", "main")
		s.git("merge", "-q", "--no-ff", "--no-commit", "-s", "ort", branch)
		s.git("forge", "-m", "merge "+branch)
		return s.git("rev-parse", "HEAD")
	}
	s.git("switch", "-q", "main")
	s.put("other", "2")
	merge("request")
	opts := Options{URL: s.dir, Dir: filepath.Join(t.TempDir(), "cache"), Signatures: Signatures{AllowedSigners: s.allowed(s.line("olga", ""), s.line("forge", ""))}}
	g := open(t, opts)
	brought(t, history(t, g), "a.cue", signed, "olga", "")

	s.git("rm", "-q", "a.cue")
	s.commit("taken away")
	s.git("switch", "-qc", "old", signed)
	s.put("more", "x")
	s.git("switch", "-q", "main")
	s.git("merge", "-q", "--no-ff", "--no-commit", "-s", "ort", "old") // keeps it away
	s.git("checkout", "-q", signed, "--", "a.cue")
	s.git("commit", "-qm", "and brings it back")
	back := s.git("rev-parse", "HEAD")
	brought(t, history(t, g), "a.cue", back, "", "it is not signed")
	for range 3 {
		s.put("other", s.git("rev-parse", "HEAD"))
	}
	brought(t, history(t, g), "a.cue", back, "", "it is not signed")
	brought(t, history(t, open(t, opts)), "a.cue", back, "", "it is not signed") // without what is remembered, too
}

// A signature counts as long as its key does: not before, and not after, whatever time the commit claims.
func TestWhoBroughtAFileAnswersByAKeyOfNow(t *testing.T) {
	s := newSigning(t, "olga")
	signed := s.by("olga", "a.cue", "for acme")
	now := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	for options, why := range map[string]string{
		"":                             "",
		`valid-before="20260513Z"`:     "",
		`valid-before="20260512Z"`:     "no longer counts since",
		`valid-after="20260513Z"`:      "from 2026-05-13T00:00:00Z on only",
		`namespaces="file,something"`:  "is not allowed to sign",
		`valid-after="20260301000000"`: "",
	} {
		g := open(t, Options{URL: s.dir, Now: func() time.Time { return now }, Signatures: Signatures{AllowedSigners: s.allowed(s.line("olga", options))}})
		signer := "olga"
		if why != "" {
			signer = ""
		}
		brought(t, history(t, g), "a.cue", signed, signer, why)
	}
	h, err := HistoryOf(s.dir, "HEAD", Signatures{})
	require.NoError(t, err)
	require.False(t, h.Verifies())
	brought(t, h, "a.cue", signed, "", "no keys are given")
	h, err = HistoryOf(s.dir, "main", Signatures{AllowedSigners: s.allowed(s.line("olga", ""))})
	require.NoError(t, err)
	brought(t, h, "a.cue", signed, "olga", "")
	_, err = HistoryOf(s.dir, "main", Signatures{AllowedSigners: "/nowhere"})
	require.ErrorIs(t, err, ErrSignature)
	_, err = HistoryOf(s.dir, "nowhere", Signatures{})
	require.ErrorIs(t, err, ErrRefNotFound)
}

// Who had a hand in a change is whoever wrote, committed or signed what changed its files since it was in force.
func TestHands(t *testing.T) {
	s := newSigning(t, "olga", "jane")
	base := s.by("jane", "acme.cue", "1")
	s.by("jane", "other.cue", "1")
	s.git("switch", "-qc", "request")
	s.git("config", "user.email", "unused@example.com")
	s.write("acme.cue", "2")
	s.git("add", "-A")
	s.git("commit", "-q", "--author", "Carol <carol@example.com>", "-m", "on a branch")
	s.git("switch", "-q", "main")
	s.put("other.cue", "2")
	s.git("merge", "-q", "--no-ff", "-m", "merge", "request")
	merged := s.git("rev-parse", "HEAD")
	s.by("olga", "approval.cue", "1")
	h, err := HistoryOf(s.dir, "HEAD", Signatures{AllowedSigners: s.allowed(s.line("jane", ""), s.line("olga", ""))})
	require.NoError(t, err)
	for _, c := range []struct {
		since string
		files []string
		want  []string
	}{
		{base, []string{"acme.cue"}, []string{"bob@example.com", "carol@example.com"}},
		{base, []string{"acme.cue", "none.cue"}, []string{"bob@example.com", "carol@example.com"}},
		{base, []string{"none.cue"}, []string{}},
		{merged, []string{"acme.cue"}, []string{}},
		{merged, nil, []string{"ada@example.com", "bob@example.com", "olga@example.com"}},
		{"", []string{"acme.cue"}, []string{"ada@example.com", "bob@example.com", "carol@example.com", "jane@example.com"}},
		{"0123456789012345678901234567890123456789", []string{"approval.cue"}, []string{"ada@example.com", "bob@example.com", "olga@example.com"}},
		{base + "-dirty", []string{"approval.cue"}, []string{"ada@example.com", "bob@example.com", "olga@example.com"}},
	} {
		people, err := h.Hands(c.since, c.files)
		require.NoError(t, err)
		require.Equal(t, c.want, people, "%s %s", c.since, c.files)
		again, err := h.Hands(c.since, c.files)
		require.NoError(t, err)
		require.Equal(t, people, again)
	}

	shallow := filepath.Join(t.TempDir(), "shallow")
	s.git("clone", "-q", "--depth=1", "file://"+s.dir, shallow)
	h, err = HistoryOf(shallow, "HEAD", Signatures{})
	require.NoError(t, err)
	_, err = h.Hands(base, []string{"acme.cue"})
	require.ErrorContains(t, err, "as in a shallow clone")
	_, err = h.Brought("approval.cue")
	require.ErrorContains(t, err, "as in a shallow clone")
}

// What a commit adds is all that is looked at, once the rest is known.
func TestWhoBroughtAFileIsRemembered(t *testing.T) {
	s := newSigning(t, "olga")
	signed := s.by("olga", "a.cue", "for acme")
	for i := range 20 {
		s.put("other", string(rune('a'+i)))
	}
	g := open(t, Options{URL: s.dir, Signatures: Signatures{AllowedSigners: s.allowed(s.line("olga", ""))}})
	h := history(t, g)
	brought(t, h, "a.cue", signed, "olga", "")
	require.Len(t, h.commits, 21)
	h = history(t, g)
	brought(t, h, "a.cue", signed, "olga", "")
	require.Len(t, h.commits, 2, "the commit in force, and the one that is told of")
	s.put("other", "z")
	h = history(t, g)
	brought(t, h, "a.cue", signed, "olga", "")
	require.Len(t, h.commits, 3)
}

// A merge that brings back what had been taken away answers for it, whichever of its parents still had it: its first
// one, as when an old commit takes in the branch that had dropped the file, or one of three.
func TestWhoBroughtAFileBackByTurningAMergeAround(t *testing.T) {
	for name, merge := range map[string]func(s *signing, first, signed, dropped string){
		"the first parent has it": func(s *signing, _, signed, dropped string) {
			s.git("switch", "-qc", "turned", signed)
			s.git("merge", "-q", "--no-ff", "-s", "ours", "-m", "bring it back", dropped)
		},
		"one of three has it": func(s *signing, first, signed, dropped string) {
			tree := s.git("rev-parse", signed+"^{tree}")
			s.git("switch", "-qc", "turned", s.git("commit-tree", "-m", "bring it back", "-p", first, "-p", signed, "-p", dropped, tree))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSigning(t, "olga")
			first := s.put("other", "1")
			signed := s.by("olga", "a.cue", "for acme")
			opts := Options{URL: s.dir, Signatures: Signatures{AllowedSigners: s.allowed(s.line("olga", ""))}}
			g := open(t, opts)
			brought(t, history(t, g), "a.cue", signed, "olga", "")
			s.git("rm", "-q", "a.cue")
			dropped := s.commit("taken away")
			merge(s, first, signed, dropped)
			back := s.git("rev-parse", "HEAD")
			s.git("push", "-q", ".", "HEAD:refs/heads/main") // which goes forward, so that no force is needed
			s.git("switch", "-q", "main")
			brought(t, history(t, g), "a.cue", back, "", "it is not signed")
			brought(t, history(t, open(t, opts)), "a.cue", back, "", "it is not signed")
			s.put("other", "2")
			brought(t, history(t, g), "a.cue", back, "", "it is not signed")
		})
	}
}

// A merge that undoes what was merged before has a hand in it, though one of its parents has the file as it is then.
func TestHandsOfAMergeThatUndoes(t *testing.T) {
	s := newSigning(t, "eve")
	old := s.put("acme.cue", "1")
	since := s.put("acme.cue", "2")
	s.git("switch", "-qc", "turned", old)
	s.git("merge", "-q", "--no-ff", "--no-commit", "-s", "ours", "main")
	s.git("eve", "-m", "as it was")
	h, err := HistoryOf(s.dir, "HEAD", Signatures{AllowedSigners: s.allowed(s.line("eve", ""))})
	require.NoError(t, err)
	people, err := h.Hands(since, []string{"acme.cue"})
	require.NoError(t, err)
	require.Contains(t, people, "eve@example.com")
}

// Who signed a commit had a hand in it whatever time it claims, and who signed a merge has one in what it brings that
// nobody signed: what such a commit says of its author proves nothing.
func TestHandsAreNotHidden(t *testing.T) {
	s := newSigning(t, "eve")
	keys := Signatures{AllowedSigners: s.allowed(s.line("eve", `valid-after="20260401Z",valid-before="20260501Z"`))}
	base := s.put("acme.cue", "1")
	s.by("eve", "acme.cue", "2") // which claims a time at which the key did not count
	h, err := HistoryOf(s.dir, "HEAD", keys)
	require.NoError(t, err)
	people, err := h.Hands(base, []string{"acme.cue"})
	require.NoError(t, err)
	require.Contains(t, people, "eve@example.com")

	s = newSigning(t, "eve", "carol")
	keys = Signatures{AllowedSigners: s.allowed(s.line("eve", ""), s.line("carol", ""))}
	base = s.put("acme.cue", "1")
	merged := func(branch string) []string {
		s.git("switch", "-q", "main")
		s.git("merge", "-q", "--no-ff", "--no-commit", branch)
		s.git("eve", "-m", "merge")
		h, err := HistoryOf(s.dir, "HEAD", keys)
		require.NoError(t, err)
		people, err := h.Hands(base, []string{"acme.cue"})
		require.NoError(t, err)
		return people
	}
	s.git("switch", "-qc", "signed")
	s.by("carol", "acme.cue", "2")
	people = merged("signed")
	require.Contains(t, people, "carol@example.com")
	require.NotContains(t, people, "eve@example.com", "she merged what another answers for")
	s.git("switch", "-qc", "unsigned")
	s.put("acme.cue", "3")
	require.Contains(t, merged("unsigned"), "eve@example.com")

	s.put("more.cue", "1")
	base = s.git("rev-parse", "HEAD")
	s.git("switch", "-qc", "removed")
	s.git("rm", "-q", "more.cue")
	s.commit("drop more of acme")
	require.Contains(t, merged("removed"), "eve@example.com")
}

// What a file of CUE said, beside or above those that are left, goes with it: who removed it had a hand.
func TestHandsOfWhoRemovesAFile(t *testing.T) {
	s := newSigning(t, "eve")
	for _, file := range []string{"tenants/acme/a.cue", "tenants/acme/b.cue", "tenants/acme/notes.md", "tenants/all.cue", "tenants/globex/g.cue", "top.cue"} {
		s.write("fleet/"+file, file)
	}
	base := s.commit("all of it")
	keys := Signatures{AllowedSigners: s.allowed(s.line("eve", ""))}
	for file, want := range map[string]bool{"tenants/acme/b.cue": true, "tenants/all.cue": true, "top.cue": true, "tenants/acme/notes.md": false, "tenants/globex/g.cue": false} {
		s.git("switch", "-qC", "request", base)
		s.git("rm", "-q", "fleet/"+file)
		s.git("eve", "-m", "remove "+file)
		h, err := HistoryOf(filepath.Join(s.dir, "fleet"), "HEAD", keys)
		require.NoError(t, err)
		people, err := h.Hands(base, []string{"tenants/acme/a.cue"})
		require.NoError(t, err)
		require.Equal(t, want, len(people) > 0, file)
		s.git("switch", "-q", "main")
		s.git("reset", "-q", "--hard", base)
		s.put("other", file)
		s.git("merge", "-q", "--no-ff", "-m", "merge", "request")
		h, err = HistoryOf(filepath.Join(s.dir, "fleet"), "HEAD", keys)
		require.NoError(t, err)
		people, err = h.Hands(base, []string{"tenants/acme/a.cue"})
		require.NoError(t, err)
		require.Equal(t, want, len(people) > 0, file)
	}
}

// A directory stands for every file below it, of any kind: who changed, added or removed one had a hand, and who merged
// what others answer for had none.
func TestHandsInADirectory(t *testing.T) {
	s := newSigning(t, "eve", "carol", "olga")
	for _, file := range []string{"db/kustomization.yaml", "db/db.yaml", "db/more/motd.txt", "db2/db.yaml", "db.yaml", "top.yaml"} {
		s.write("fleet/parts/"+file, file)
	}
	base := s.commit("all of it")
	keys := Signatures{AllowedSigners: s.allowed(s.line("eve", ""), s.line("carol", ""), s.line("olga", ""))}
	hands := func(since string, files ...string) []string {
		h, err := HistoryOf(filepath.Join(s.dir, "fleet"), "HEAD", keys)
		require.NoError(t, err)
		people, err := h.Hands(since, files)
		require.NoError(t, err)
		return people
	}
	for name, c := range map[string]struct {
		change func()
		had    bool
	}{
		"changed":            {func() { s.write("fleet/parts/db/db.yaml", "other") }, true},
		"changed far below":  {func() { s.write("fleet/parts/db/more/motd.txt", "other") }, true},
		"added":              {func() { s.write("fleet/parts/db/new.json", "new") }, true},
		"added far below":    {func() { s.write("fleet/parts/db/so/far/new.json", "new") }, true},
		"removed":            {func() { s.git("rm", "-q", "fleet/parts/db/db.yaml") }, true},
		"removed far below":  {func() { s.git("rm", "-qr", "fleet/parts/db/more") }, true},
		"moved away":         {func() { s.git("mv", "fleet/parts/db", "fleet/parts/elsewhere") }, true},
		"beside it":          {func() { s.write("fleet/parts/db2/db.yaml", "other") }, false},
		"a file of its name": {func() { s.write("fleet/parts/db.yaml", "other") }, false},
		"above it":           {func() { s.write("fleet/parts/top.yaml", "other") }, false},
		"removed above it":   {func() { s.git("rm", "-q", "fleet/parts/top.yaml") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s.git("switch", "-qC", "main", base)
			s.git("switch", "-qC", "request", base)
			c.change()
			s.git("add", "-A")
			s.git("eve", "-m", name)
			require.Equal(t, c.had, slices.Contains(hands(base, "parts/db/"), "eve@example.com"))
			s.git("switch", "-q", "main")
			s.put("other", name)
			s.git("merge", "-q", "--no-ff", "-m", "merge", "request")
			require.Equal(t, c.had, slices.Contains(hands(base, "parts/db/"), "eve@example.com"))
		})
	}

	s.git("switch", "-qC", "main", base)
	s.git("switch", "-qC", "one", base)
	s.by("eve", "fleet/parts/db/db.yaml", "one")
	s.git("switch", "-qC", "other", base)
	s.by("carol", "fleet/parts/db/more/motd.txt", "other")
	s.git("switch", "-q", "main")
	for _, branch := range []string{"one", "other"} {
		s.git("merge", "-q", "--no-ff", "--no-commit", branch)
		s.git("olga", "-m", "merge")
	}
	people := hands(base, "parts/db/")
	require.Contains(t, people, "eve@example.com")
	require.Contains(t, people, "carol@example.com")
	require.NotContains(t, people, "olga@example.com")
	require.Contains(t, hands("", "parts/db/"), "ada@example.com", "who began it, too")

	h, err := HistoryOf(filepath.Join(s.dir, "fleet"), base, keys)
	require.NoError(t, err)
	fsys, err := h.Files()
	require.NoError(t, err)
	text, err := fs.ReadFile(fsys, "parts/db/db.yaml")
	require.NoError(t, err)
	require.Equal(t, "db/db.yaml", string(text), "as the commit has it, whatever came later")
}
