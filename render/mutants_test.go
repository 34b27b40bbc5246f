package render_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// One value of what tenants write broken at random, again and again: what the checks accept renders into a
// vcluster.yaml that vCluster's own schema accepts, or not at all. Half of the values are those of another
// field, since few fields take a value that is odd everywhere. A seed that failed once is tried by itself
// with -run TestMutantsFitTheChart/seed-n.
func TestMutantsFitTheChart(t *testing.T) {
	schema := chartSchema(t)
	seeds := uint64(60)
	if os.Getenv("MILLWRIGHT_SOAK") != "" {
		seeds = 1000
	}
	_, files := archived(t, "clusters.txtar")
	names := []string{"tenants/acme/acme.cue", "tenants/globex/globex.cue"}
	values := map[string][]ast.Expr{}
	var all []string
	for _, name := range names {
		values[name] = valuesOf(t, files[name].Data)
		for _, v := range values[name] {
			all = append(all, string(files[name].Data[v.Pos().Offset():v.End().Offset()]))
		}
	}
	odd := []string{`""`, `"x"`, `0`, `1`, `-1`, `1.5`, `true`, `false`, `"1"`, `"10.0.0.0/8"`, `"1h"`, `"-"`, `[]`, `{}`, `["x"]`, `[{}]`, `{x: "1"}`, `{x: 1}`}
	l := fleet.NewLoader(fleet.Options{})
	defer l.Close()
	tried, accepted := uint64(0), 0
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			tried++
			r := rand.New(rand.NewPCG(seed, 2))
			name, choices := names[r.IntN(len(names))], odd
			if r.IntN(2) == 0 {
				choices = all
			}
			text := string(files[name].Data)
			v := values[name][r.IntN(len(values[name]))]
			from, to := v.Pos().Offset(), v.End().Offset()
			instead := choices[r.IntN(len(choices))]
			fsys := fstest.MapFS{}
			for n, f := range files {
				fsys[n] = f
			}
			fsys[name] = &fstest.MapFile{Data: []byte(text[:from] + instead + text[to:]), Mode: 0o644}
			f, list := l.Load(t.Context(), fsys)
			if list.Err() != nil {
				return
			}
			set, list := render.Render(t.Context(), f, render.Inputs{FS: fsys})
			if list.Err() != nil {
				return
			}
			accepted++
			for o := range set.All() {
				if o.ID.Kind == "VirtualClusterInstance.management.loft.sh" {
					err := schema.Validate(plainJSON(t, at(t, o, "spec.template.helmRelease.values")))
					require.NoError(t, err, "%s: %s instead of %s in %s", o.ID, instead, text[from:to], name)
				}
			}
		})
	}
	if !t.Failed() && tried == seeds {
		require.Greater(t, accepted, int(seeds)/20, "the mutants hardly try what is accepted")
		require.Less(t, accepted, int(seeds)*9/10, "the mutants hardly try what is refused")
	}
}

// valuesOf are the values of a file's fields and lists that are written out.
func valuesOf(t *testing.T, text []byte) []ast.Expr {
	t.Helper()
	f, err := parser.ParseFile("x.cue", text)
	require.NoError(t, err)
	var out []ast.Expr
	add := func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.BasicLit:
			out = append(out, e)
		case *ast.ListLit:
			out = append(out, e)
		case *ast.StructLit:
			if e.Lbrace.IsValid() && !strings.Contains(string(text[e.Pos().Offset():e.End().Offset()]), "displayName") {
				out = append(out, e) // not a whole tenant
			}
		}
	}
	ast.Walk(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportDecl:
			return false
		case *ast.Field:
			add(n.Value)
		case *ast.ListLit:
			for _, e := range n.Elts {
				add(e)
			}
		}
		return true
	}, nil)
	return out
}
