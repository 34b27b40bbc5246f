package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const (
	module       = "millwright.dev/millwright/"
	architecture = "../../ARCHITECTURE.md"
)

var (
	sectionPattern = regexp.MustCompile("(?m)^### `([^`]+)`$")
	importsPattern = regexp.MustCompile(`(?m)^Imports: .*\n?|^Imports nothing of Millwright\.\n?`)
)

// TestArchitecture holds ARCHITECTURE.md to the code: a section for every package and for no other,
// each ending in what the package imports. With -update it writes those last lines.
func TestArchitecture(t *testing.T) {
	imports := importGraph(t)
	text, err := os.ReadFile(architecture)
	require.NoError(t, err)

	var described []string
	parts := sectionPattern.FindAllSubmatchIndex(text, -1)
	written := string(text[:parts[0][0]])
	for i, at := range parts {
		end := len(text)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		name := string(text[at[2]:at[3]])
		described = append(described, name)
		body, next, _ := strings.Cut(string(text[at[1]:end]), "\n## ") // a heading above the next section
		body = strings.TrimSpace(importsPattern.ReplaceAllString(body, ""))
		written += "### `" + name + "`\n\n" + body + "\n\n" + importsLine(imports[name]) + "\n\n"
		if next != "" {
			written += "## " + next
		}
	}
	written = strings.TrimSpace(written) + "\n"

	for _, name := range described {
		require.Contains(t, imports, name, "ARCHITECTURE.md describes a package that is not there")
	}
	for name := range imports {
		if !helps(name, imports) {
			require.Contains(t, described, name, "ARCHITECTURE.md has no section for a package")
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(architecture, []byte(written), 0o644))
		return
	}
	require.Empty(t, cmp.Diff(written, string(text)), "ARCHITECTURE.md is not what the code imports; -update writes it anew")
}

func importsLine(names []string) string {
	if len(names) == 0 {
		return "Imports nothing of Millwright."
	}
	return "Imports: `" + strings.Join(names, "`, `") + "`."
}

// importGraph are all packages of the module by their path in it, with what of it they import.
func importGraph(t *testing.T) map[string][]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	command.Dir = "../.."
	out, err := command.Output()
	require.NoError(t, err)
	graph := map[string][]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		require.NoError(t, decoder.Decode(&p))
		own := []string{}
		for _, i := range p.Imports {
			if name, ok := strings.CutPrefix(i, module); ok {
				own = append(own, name)
			}
		}
		slices.Sort(own)
		graph[strings.TrimPrefix(p.ImportPath, module)] = own
	}
	return graph
}

// helps reports whether a package only helps to test or build the one that it lies below, whose
// section then speaks for both.
func helps(name string, imports map[string][]string) bool {
	if _, below := imports[path.Dir(name)]; !below {
		return false
	}
	for _, used := range imports {
		if slices.Contains(used, name) {
			return false
		}
	}
	return true
}
