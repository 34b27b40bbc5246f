package render

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"millwright.dev/millwright/internal/fleet"
)

// maxRoots is how often kustomizations may be entered: bases of bases that are each used twice would
// double with every level.
const maxRoots = 1000

// kustomizing is held while kustomize runs: its schema is a variable of the whole process.
var kustomizing sync.Mutex

// kustomize renders a directory. Kustomize is given a file system in memory that holds only what the
// kustomizations name, each name having been looked at first: nothing is fetched, nothing is run.
func kustomize(files *repo, c *fleet.Component) ([]manifest, error) {
	b := bundle{repo: files, fs: filesys.MakeFsInMemory(), roots: map[string]int{}}
	if _, err := b.root(c.Path); err != nil {
		return nil, err
	}
	if err := b.tellOrigins(c.Path); err != nil {
		return nil, err
	}
	kustomizing.Lock()
	defer kustomizing.Unlock()
	options := krusty.MakeDefaultOptions() // files from the root only, no plugins
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(b.fs, "/"+c.Path)
	if err != nil {
		return nil, err
	}
	var out []manifest
	for _, res := range resources.Resources() {
		body, err := res.Map()
		if err != nil {
			return nil, err
		}
		out = append(out, manifest{body: body, file: takeOrigin(body, c.Path)})
	}
	return out, nil
}

// bundle is what kustomize gets to see.
type bundle struct {
	repo  *repo
	fs    filesys.FileSystem
	roots map[string]int // how many roots each root enters; -1 while that is being found out
}

// root adds a kustomization with all that it names, and counts the roots entered by it.
func (b *bundle) root(dir string) (int, error) {
	switch n := b.roots[dir]; {
	case n < 0:
		return 0, fmt.Errorf("%s leads back to itself", dir)
	case n > 0:
		return n, nil
	}
	b.roots[dir] = -1
	file, err := b.repo.kustomizationIn(dir)
	if err != nil {
		return 0, err
	}
	k, err := b.read(file)
	if err != nil {
		return 0, err
	}
	if field := refusedField(k); field != "" {
		return 0, fmt.Errorf("%s uses %s, which Millwright does not render", file, field)
	}
	for _, p := range k.Patches {
		if err := tame([]byte(p.Patch), file); err != nil {
			return 0, err
		}
	}
	n := 1
	for _, name := range contents(k) {
		if _, err := b.add(dir, name, false); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, name := range operands(k) {
		more, err := b.add(dir, name, true)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		if n += more; n > maxRoots {
			return 0, fmt.Errorf("%s enters more than %d kustomizations", file, maxRoots)
		}
	}
	b.roots[dir] = n
	return n, nil
}

func (b *bundle) read(file string) (*types.Kustomization, error) {
	text, err := b.repo.file(file)
	if err != nil {
		return nil, err
	}
	k := &types.Kustomization{}
	if err := k.Unmarshal(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return k, b.fs.WriteFile("/"+file, text)
}

// localPath leaves no room for what kustomize takes for an address: schemes, users, queries.
var localPath = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._+/-]*$`)

// add takes up a file or another root that a kustomization names; parsed says that kustomize reads
// the file as YAML.
func (b *bundle) add(dir, name string, parsed bool) (roots int, err error) {
	if !localPath.MatchString(name) || strings.HasPrefix(strings.ToLower(name), "github.com") {
		return 0, fmt.Errorf("%q is no path within the repository; copy what it means into the repository", name)
	}
	at := path.Join(dir, name)
	if !fs.ValidPath(at) {
		return 0, fmt.Errorf("%q is outside the repository", name)
	}
	info, err := b.repo.stat(at)
	if err != nil {
		return 0, err
	}
	if info.IsDir() {
		return b.root(at)
	}
	text, err := b.repo.file(at)
	if err != nil {
		return 0, err
	}
	if parsed {
		if err := tame(text, at); err != nil {
			return 0, err
		}
	}
	return 0, b.fs.WriteFile("/"+at, text)
}

// operands are the files and directories that a kustomization works on.
func operands(k *types.Kustomization) []string {
	names := slices.Concat(k.Resources, k.Components, k.Crds, k.Configurations)
	for _, p := range k.Patches {
		names = append(names, p.Path)
	}
	for _, r := range k.Replacements {
		names = append(names, r.Path)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// contents are the files that only become the contents of ConfigMaps.
func contents(k *types.Kustomization) []string {
	var names []string
	for _, g := range k.ConfigMapGenerator {
		names = append(names, g.EnvSource)
		names = append(names, g.EnvSources...)
		for _, f := range g.FileSources { // key=path, or path
			if _, after, keyed := strings.Cut(f, "="); keyed {
				f = after
			}
			names = append(names, f)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// refusedField is a field in use that would run something, reach outside, make literal Secrets, or
// that kustomize itself has given up and warns about on the terminal; "" if there is none.
func refusedField(k *types.Kustomization) string {
	for _, f := range []struct {
		name string
		used bool
	}{
		{"openapi", len(k.OpenAPI) > 0},
		{"helmGlobals", k.HelmGlobals != nil},
		{"helmCharts", len(k.HelmCharts) > 0},
		{"helmChartInflationGenerator", len(k.HelmChartInflationGenerator) > 0},
		{"generators", len(k.Generators) > 0},
		{"transformers", len(k.Transformers) > 0},
		{"validators", len(k.Validators) > 0},
		{"secretGenerator", len(k.SecretGenerator) > 0},
		{"buildMetadata", len(k.BuildMetadata) > 0},
		{"bases (write resources)", k.Bases != nil},                               //nolint:staticcheck // refused because it is deprecated
		{"commonLabels (write labels)", k.CommonLabels != nil},                    //nolint:staticcheck // refused because it is deprecated
		{"imageTags (write images)", k.ImageTags != nil},                          //nolint:staticcheck // refused because it is deprecated
		{"patchesJson6902 (write patches)", k.PatchesJson6902 != nil},             //nolint:staticcheck // refused because it is deprecated
		{"patchesStrategicMerge (write patches)", k.PatchesStrategicMerge != nil}, //nolint:staticcheck // refused because it is deprecated
		{"vars (write replacements)", k.Vars != nil},                              //nolint:staticcheck // refused because it is deprecated
	} {
		if f.used {
			return f.name
		}
	}
	return ""
}

const originAnnotation = "config.kubernetes.io/origin"

// tellOrigins has kustomize note on each object which file it comes from.
func (b *bundle) tellOrigins(dir string) error {
	file, err := b.repo.kustomizationIn(dir)
	if err != nil {
		return err
	}
	k, err := b.read(file)
	if err != nil {
		return err
	}
	k.BuildMetadata = []string{types.OriginAnnotations}
	text, err := yaml.Marshal(k)
	if err != nil {
		return err
	}
	return b.fs.WriteFile("/"+file, text)
}

// takeOrigin takes the note off an object and reads the file from it, as a path in the repository.
func takeOrigin(body map[string]any, dir string) string {
	meta, _ := body["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	note, _ := annotations[originAnnotation].(string)
	delete(annotations, originAnnotation)
	if len(annotations) == 0 {
		delete(meta, "annotations")
	}
	var origin struct{ Path, ConfiguredIn string }
	if err := yaml.Unmarshal([]byte(note), &origin); err != nil {
		return dir
	}
	if origin.Path == "" {
		return path.Join(dir, origin.ConfiguredIn)
	}
	return path.Join(dir, origin.Path)
}
