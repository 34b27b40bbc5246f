package fleet_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// mutant is the example with one value broken.
type mutant struct {
	file, what string
	text       string
}

// span is a part of a file, and what may stand there instead.
type span struct {
	from, to int
	instead  []string
}

// odd are values that are wrong almost everywhere.
var odd = []string{
	`""`, `"x"`, `"X Y"`, `"../.."`, `"10.0.0.0/8"`, `"fd00::/8"`, `"auto"`, `0`, `-1`, `4294967296`, `1.5`, `true`, `null`, `[]`, `{}`, `["x"]`,
	`{x: 1}`, `string`, `int & >5`, `_`, `_|_`, `*1 | "x"`, `_nothing`, `"\(1)"`, `[...]`, `'\x00'`, `strings.ToUpper("x")`,
}

// spans are the values, names and fields of a file that can be broken.
func spans(t *testing.T, text string) []span {
	t.Helper()
	f, err := parser.ParseFile("x.cue", text, parser.ParseComments)
	require.NoError(t, err)
	var out []span
	offsets := func(n ast.Node) (from, to int) { return n.Pos().Offset(), n.End().Offset() }
	ast.Walk(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportDecl:
			return false
		case *ast.BasicLit:
			from, to := offsets(n)
			out = append(out, span{from, to, odd})
		case *ast.Field:
			from, to := offsets(n.Label)
			label := text[from:to]
			out = append(out, span{from, to, []string{label + "x", strings.ToUpper(label), label + "?", label + "!", `"` + strings.Trim(label, `"`) + ` "`, "_" + strings.Trim(label, `"[]-`)}})
			from, to = offsets(n)
			field := text[from:to]
			out = append(out, span{from, to, []string{"", field + ", " + field, "_x: {" + field + "}", "if true {" + field + "}", "if false {" + field + "}"}})
			from, to = offsets(n.Value)
			out = append(out, span{from, to, odd})
		case *ast.ListLit:
			from, to := offsets(n)
			out = append(out, span{from, to, odd})
		}
		return true
	}, nil)
	return out
}

// mutate breaks one value of one of the files, chosen by the seed.
func mutate(t *testing.T, files map[string]string, names []string, seed uint64) mutant {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	for {
		name := names[r.IntN(len(names))]
		text := files[name]
		all := spans(t, text)
		s := all[r.IntN(len(all))]
		instead := s.instead[r.IntN(len(s.instead))]
		changed := text[:s.from] + instead + text[s.to:]
		if changed != text {
			return mutant{name, fmt.Sprintf("%q instead of %q in %s", instead, text[s.from:s.to], name), changed}
		}
	}
}

// One value of the example broken at random, again and again: loading never fails over it, each finding
// has a code and a place, and what is accepted `cue vet -c` accepts too and rendering survives. A seed that failed once is
// tried by itself with -run TestMutants/seed-n.
func TestMutants(t *testing.T) {
	seeds := uint64(60)
	if os.Getenv("MILLWRIGHT_SOAK") != "" {
		seeds = 1000
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(fleet.Example)))
	files := map[string]string{}
	var names []string
	require.NoError(t, fs.WalkDir(os.DirFS(fleet.Example), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".cue" || strings.HasPrefix(name, "cue.mod/") {
			return err
		}
		text, err := os.ReadFile(filepath.Join(fleet.Example, name))
		files[name], names = string(text), append(names, name)
		return err
	}))
	slices.Sort(names)
	l := fleet.NewLoader(fleet.Options{Worker: *fleet.TestingWorker})
	defer l.Close()
	tried, accepted := uint64(0), 0
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			tried++
			m := mutate(t, files, names, seed)
			path := filepath.Join(dir, m.file)
			require.NoError(t, os.WriteFile(path, []byte(m.text), 0o600))
			defer func() { require.NoError(t, os.WriteFile(path, []byte(files[m.file]), 0o600)) }()
			f, list := l.Load(t.Context(), os.DirFS(dir))
			for _, d := range list {
				require.NotEmpty(t, d.Code, m.what)
				require.NotEqual(t, "MW104", d.Code, "%s: %s", m.what, d.Summary)
				require.NotEmpty(t, d.Summary, m.what)
				require.True(t, d.Pos.IsValid() || d.Code == "MW201", "%s: %v has no place", m.what, d)
				require.False(t, d.Pos.IsBuiltIn(), "%s: %v: a person cannot mend the schema", m.what, d)
			}
			if f != nil {
				_, _, _ = fleet.Allocate(f) // it may find no machines; it must not fail otherwise
			}
			if list.Err() == nil {
				accepted++
				require.NotNil(t, f, m.what)
				_, err := fleet.Vet(t, dir)
				if strings.HasSuffix(m.file, "_test.cue") && err != nil {
					// It is no part of the fleet: it is `policy test` that has to find it.
					rules, found := l.Rules(t.Context(), os.DirFS(dir))
					require.Empty(t, found, m.what)
					_, found, terr := rules.Try(t.Context())
					require.NoError(t, terr, m.what)
					require.Error(t, found.Err(), "cue vet refuses it, and policy test does not: %s", m.what)
					return
				}
				require.NoError(t, err, "accepted, and cue vet refuses it: %s", m.what)
				_, list = render.Render(t.Context(), f, render.Inputs{FS: os.DirFS(dir)})
				for _, d := range list {
					require.NotEmpty(t, d.Code, "%s: %v", m.what, d)
				}
			}
		})
	}
	if !t.Failed() && tried == seeds {
		require.Greater(t, accepted, int(seeds)/20, "the mutants hardly try what is accepted")
		require.Less(t, accepted, int(seeds)*9/10, "the mutants hardly try what is refused")
	}
}
