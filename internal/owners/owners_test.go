package owners

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Which files a pattern means, as GitHub's and GitLab's documents say.
func TestPatterns(t *testing.T) {
	for pattern, c := range map[string]struct{ yes, no string }{
		"*":                 {"a a/b a/b/c .github/CODEOWNERS", ""},
		"*.js":              {"x.js a/x.js", "x.jsx a/x.ts"},
		"/build/logs/":      {"build/logs/x build/logs/a/b", "build/logs a/build/logs/x"},
		"docs/*":            {"docs/getting-started.md", "docs/build-app/x.md a/docs/x"},
		"apps/":             {"apps/x a/apps/x a/apps/b/c", "apps apps2/x"},
		"/docs/":            {"docs/x docs/a/b", "a/docs/x"},
		"/scripts/":         {"scripts/x", "scripts"},
		"**/logs":           {"logs build/logs scripts/logs/x deeply/nested/logs", "logs2 a/blogs"},
		"/apps/github":      {"apps/github apps/github/x", "apps/githubx a/apps/github"},
		"tenants/**/policy": {"tenants/policy tenants/a/policy tenants/a/b/policy/x", "policy a/tenants/policy"},
		"/docs/**":          {"docs/a docs/a/b", "docs"},
		"README.md":         {"README.md a/README.md", "README.mdx"},
		"/a?.txt":           {"ab.txt", "a.txt abc.txt a/.txt"},
		"/dir/**/":          {"dir/a/b dir/a/b/c", "dir/a"},
		`\#hash`:            {"#hash", "hash"},
		"/x(y)+.cue":        {"x(y)+.cue", "xyy.cue"},
	} {
		f := Parse("CODEOWNERS", pattern+" @a")
		require.Empty(t, f.Bad, pattern)
		for _, file := range strings.Fields(c.yes) {
			require.NotEmpty(t, f.Of(file), "%s is to match %q", pattern, file)
		}
		for _, file := range strings.Fields(c.no) {
			require.Empty(t, f.Of(file), "%s is not to match %q", pattern, file)
		}
	}
}

const github = `
# Who decides.
*               @example/platform
/tenants/acme/  @example/acme ann@acme.example.com  # and nobody else
/tenants/*/free
*.md            @docs
`

func TestEscapedSpaces(t *testing.T) {
	f := Parse("CODEOWNERS", `/with\ space/ @a`)
	require.NotEmpty(t, f.Of("with space/x"))
	require.Empty(t, f.Of("with"))
}

// The last line that matches counts, also one that names nobody.
func TestLastMatchWins(t *testing.T) {
	f := Parse("CODEOWNERS", github)
	require.Empty(t, f.Bad)
	for file, want := range map[string]string{
		"sites/dc1.cue":             "@example/platform",
		"tenants/acme/acme.cue":     "@example/acme ann@acme.example.com",
		"tenants/acme/free/file.md": "@docs",
		"tenants/acme/README.md":    "@docs",
		"tenants/acme/free":         "",
		"tenants/acme/free/x":       "",
	} {
		var got []string
		for _, o := range f.Of(file) {
			got = append(got, o.Owners...)
		}
		require.Equal(t, want, strings.Join(got, " "), file)
	}
}

const gitlab = `
* @everything

[Tenants] @example/tenants
/tenants/
/tenants/acme/ @acme

^[Look at it]
*.cue @@maintainer

[Security][2] @sec-1 @sec-2 @sec-3
/policy/
!/policy/README.md
/policy/README.md

[tenants]
/tenants/globex/ @globex
`

// Each section of GitLab's is judged by itself, with its own defaults and count; sections of one name are one.
func TestSections(t *testing.T) {
	f := Parse(".gitlab/CODEOWNERS", gitlab)
	require.Empty(t, f.Bad)
	says := func(file string) []string {
		var all []string
		for _, o := range f.Of(file) {
			line := o.Section + ": " + strings.Join(o.Owners, " ")
			if o.Optional {
				line += " (optional)"
			}
			if o.Count > 1 {
				line += " (2 of them)"
			}
			all = append(all, line)
		}
		return all
	}
	require.Equal(t, []string{": @everything", "Tenants: @example/tenants", "Look at it: @@maintainer (optional)"}, says("tenants/new/new.cue"))
	require.Equal(t, []string{": @everything", "Tenants: @acme", "Look at it: @@maintainer (optional)"}, says("tenants/acme/acme.cue"))
	require.Equal(t, []string{": @everything", "Tenants: @globex"}, says("tenants/globex/x"))
	require.Equal(t, []string{": @everything", "Security: @sec-1 @sec-2 @sec-3 (2 of them)"}, says("policy/x"))
	require.Equal(t, []string{": @everything"}, says("policy/README.md"), "what is excluded stays so")
}

// Whatever stands in a file, it is read; what means nothing is kept aside.
func FuzzParse(f *testing.F) {
	f.Add(github)
	f.Add(gitlab)
	f.Add("[\n![x] @\n/[a-z]/ @a\n** @b\n\\ \\ \\#\n***")
	f.Fuzz(func(t *testing.T, text string) {
		file := Parse("CODEOWNERS", text)
		for _, s := range file.Sections {
			for _, r := range s.Rules {
				require.Less(t, 0, r.Line)
			}
		}
		file.Of("tenants/acme/acme.cue")
		_ = Lint(file, []string{"a", "tenants/acme/acme.cue"}, nil)
	})
}
