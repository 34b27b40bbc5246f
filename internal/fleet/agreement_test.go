package fleet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/load"
	"cuelang.org/go/mod/modconfig"
	"cuelang.org/go/mod/module"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet/fleettest"
)

// noRegistry refuses every module: nothing in these tests needs the network.
type noRegistry struct{ modconfig.Registry }

var errNoRegistry = errors.New("no registry in tests")

func (noRegistry) Requirements(context.Context, module.Version) ([]module.Version, error) {
	return nil, errNoRegistry
}

func (noRegistry) Fetch(context.Context, module.Version) (module.SourceLoc, error) {
	return module.SourceLoc{}, errNoRegistry
}

func (noRegistry) ModuleVersions(context.Context, string) ([]string, error) {
	return nil, errNoRegistry
}

// vet is `cue vet -c ./...` in a directory, with CUE's own loader; it also returns the values.
func vet(t *testing.T, dir string) ([]cue.Value, error) {
	t.Helper()
	var values []cue.Value
	for _, in := range load.Instances([]string{"./..."}, &load.Config{Dir: dir, Registry: noRegistry{}, Env: []string{}}) {
		if in.Err != nil {
			return nil, in.Err
		}
		v := cuecontext.New().BuildInstance(in)
		if err := v.Validate(cue.Attributes(true), cue.Definitions(true), cue.Hidden(true), cue.Concrete(true)); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// onDisk writes a fixture with the copy of the schema that CUE's own loader needs.
func onDisk(t *testing.T, a *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	files := fleettest.Files{}
	files.Vendor()
	for name, f := range fixture(t, a) {
		files[name] = string(f.Data)
	}
	require.NoError(t, files.Write(dir))
	return dir
}

// Whatever `cue vet -c` refuses we refuse: a fleet that an editor marks red never goes live. (The
// other way round it does not hold: we know more.)
func TestAgreesWithVet(t *testing.T) {
	refused := 0
	for name, a := range All(badFleets(t)) {
		dir := onDisk(t, a)
		_, theirs := vet(t, dir)
		if theirs != nil {
			refused++
		}
		_, list := Load(t.Context(), os.DirFS(dir), Options{})
		require.Error(t, list.Err(), "%s: cue vet says %v", name, theirs)
	}
	require.Greater(t, refused, 15, "the fixtures hardly try cue vet")

	_, err := vet(t, onDisk(t, &txtar.Archive{}))
	require.NoError(t, err, "the base of all fixtures")
}

// Our loader and CUE's own come to the same values, default for default.
func TestSameValuesAsCUE(t *testing.T) {
	values, err := vet(t, example)
	require.NoError(t, err)
	f := loadExample(t)
	tr, list := readTree(os.DirFS(example), DefaultLimits(), nil, nil)
	require.Empty(t, list)
	instances, list := plan(tr, map[string]parsed{})
	require.Empty(t, list)
	require.Len(t, values, len(instances), "as many instances as cue finds")

	compared := 0
	for _, in := range instances {
		for _, e := range compile(in, DefaultLimits()).Entities {
			for _, v := range values {
				path := []string{e.Kind}
				if e.Name != "" {
					path = append(path, e.Name)
				}
				theirs := lookup(v, path)
				if filepath.Join(example, in.Dir) != relative(t, v.BuildInstance().Dir) || !theirs.Exists() {
					continue
				}
				want, err := theirs.MarshalJSON()
				require.NoError(t, err)
				require.JSONEq(t, string(want), string(e.JSON), e.address())
				compared++
			}
		}
	}
	require.Equal(t, len(f.Entities())+len(f.Rules().All()), compared)
}

func relative(t *testing.T, dir string) string {
	t.Helper()
	wd, err := os.Getwd()
	require.NoError(t, err)
	rel, err := filepath.Rel(wd, dir)
	require.NoError(t, err)
	return rel
}
