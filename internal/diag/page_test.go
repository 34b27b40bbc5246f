package diag

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var codePattern = regexp.MustCompile(`"(MW[0-9]{3})"`)

// Whoever meets a code can look it up: every code in the source has a page, and no page explains a
// code that is gone.
func TestEveryCodeHasAPage(t *testing.T) {
	used := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS("../.."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (name == ".git" || name == "bin" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			return err
		}
		for _, m := range codePattern.FindAllSubmatch(text, -1) {
			used[string(m[1])] = name
		}
		return nil
	}))
	require.Greater(t, len(used), 20)
	for code, file := range used {
		_, ok := Page(code)
		require.True(t, ok, "%s, which %s reports, has no page: write internal/diag/pages/%s.md, with the sections What, Why and How to mend it, as the others have them", code, file, code)
	}
	for _, code := range Codes() {
		require.Contains(t, used, code, "nothing reports %s any more: remove internal/diag/pages/%s.md", code, code)
	}
}

// All pages have one form, which people learn once.
func TestPagesHaveOneForm(t *testing.T) {
	for _, code := range Codes() {
		text, _ := Page(code)
		var headings []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#") {
				headings = append(headings, strings.TrimSpace(line))
			}
		}
		require.NotEmpty(t, headings, code)
		require.True(t, strings.HasPrefix(headings[0], "# "+code+": "), "the page of %s begins with # %s: and a title", code, code)
		require.True(t, slices.Equal([]string{"## What", "## Why", "## How to mend it"}, headings[1:]), "the page of %s has the sections %v", code, headings[1:])
	}
	_, ok := Page("MW999")
	require.False(t, ok)
	_, ok = Page("../page")
	require.False(t, ok)
}
