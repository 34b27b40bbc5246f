package diag

import (
	"embed"
	"path"
	"slices"
	"strings"
)

// Each code has a page in Markdown: what it means, why it matters, how to mend it.
//
//go:embed pages/*.md
var pages embed.FS

// Page is the page of a code, in Markdown; ok is false where there is no such code.
func Page(code string) (text string, ok bool) {
	data, err := pages.ReadFile("pages/" + path.Base(code) + ".md")
	return string(data), err == nil
}

// Codes are the codes that have a page, sorted.
func Codes() []string {
	files, err := pages.ReadDir("pages")
	if err != nil {
		panic(err) // embedded
	}
	var codes []string
	for _, f := range files {
		codes = append(codes, strings.TrimSuffix(f.Name(), ".md"))
	}
	slices.Sort(codes)
	return codes
}
