package render

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/client-go/kubernetes/scheme"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// release is what a chart is told about where it goes.
type release struct {
	name       string
	namespace  string
	kubernetes string   // "v1.35.2"
	apis       []string // that the stack's earlier components bring, beside those of Kubernetes
	values     map[string]any
	hooks      map[string]string // what becomes of hooks, by "Kind/name", "Kind" or "*"
}

// helmDirectory renders a chart that lies unpacked in the repository.
func helmDirectory(ctx context.Context, files *repo, dir string, r release) ([]manifest, diag.List, error) {
	contents, err := files.all(dir)
	if err != nil {
		return nil, nil, err
	}
	return helm(ctx, contents, dir, r)
}

// helm renders a chart, given by its files, as if it were installed for the first time. The chart
// sees no cluster, no network and no environment, and is told the same whenever it is rendered. Dir
// is what messages call the directory of the chart.
func helm(ctx context.Context, contents map[string][]byte, dir string, r release) ([]manifest, diag.List, error) {
	ch, err := loadChart(contents)
	if err != nil {
		return nil, nil, err
	}
	if err := checkChart(ch, r.kubernetes); err != nil {
		return nil, nil, err
	}
	m := &meter{ctx: ctx}
	originals := instrumentChart(ch)
	values, err := renderValues(ch, r)
	if err != nil {
		return nil, nil, err
	}
	e := engine.Engine{CustomTemplateFuncs: m.functions()}
	texts, err := e.RenderWithContext(ctx, ch, values)
	if err != nil {
		if m.spent != nil {
			return nil, nil, m.spent
		}
		// Once more as the chart was written, so that the line in the message is right.
		for file, text := range originals {
			file.Data = text
		}
		if _, again := e.RenderWithContext(ctx, ch, values); again != nil {
			err = again
		}
		return nil, nil, err
	}
	var found diag.List
	if m.asked {
		found = append(found, diag.Diagnostic{
			Severity: diag.Warning, Code: "MW307", Summary: "the chart asks the cluster what is there (lookup), and is told: nothing",
			Hint: "check that what it renders then is right; it will not change with the cluster",
		})
	}
	out, err := chartObjects(ch, dir, texts)
	if err != nil {
		return nil, found, err
	}
	out, hooks := sortHooks(out, r.hooks)
	return out, append(found, hooks...), nil
}

func loadChart(contents map[string][]byte) (*chart.Chart, error) {
	var buffered []*archive.BufferedFile
	for name, data := range fleet.All(contents) {
		buffered = append(buffered, &archive.BufferedFile{Name: name, Data: data})
	}
	return loader.LoadFiles(buffered)
}

// checkChart refuses what would fetch something, or could not be installed.
func checkChart(ch *chart.Chart, kubernetes string) error {
	if ch.Metadata.Type == "library" {
		return fmt.Errorf("chart %s is a library: other charts use it, it installs nothing itself", ch.Name())
	}
	if want := ch.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, kubernetes) {
		return fmt.Errorf("chart %s wants Kubernetes %s, the cluster runs %s", ch.Name(), want, kubernetes)
	}
	for _, d := range ch.Metadata.Dependencies {
		if !slices.ContainsFunc(ch.Dependencies(), func(have *chart.Chart) bool { return have.Name() == d.Name }) {
			return fmt.Errorf("chart %s depends on %s, which is not in its charts/: run helm dependency build and commit it", ch.Name(), d.Name)
		}
	}
	return eachChart(ch, func(c *chart.Chart) error {
		if c.Schema == nil {
			return nil
		}
		var schema any
		if err := json.Unmarshal(c.Schema, &schema); err != nil {
			return fmt.Errorf("chart %s: values.schema.json: %w", c.Name(), err)
		}
		return closed(schema, c.Name())
	})
}

var draft = regexp.MustCompile(`^https?://json-schema\.org/(draft-0[467]|draft/(2019-09|2020-12))/schema#?$`)

// closed refuses a schema that refers to another document, which Helm would fetch.
func closed(schema any, chart string) error {
	switch v := schema.(type) {
	case map[string]any:
		for k, item := range fleet.All(v) {
			to, isText := item.(string)
			refers := isText && strings.HasPrefix(k, "$") && strings.HasSuffix(k, "ef") && !strings.HasPrefix(to, "#") // $ref, $dynamicRef, $recursiveRef
			if refers || isText && k == "$schema" && !draft.MatchString(to) {
				return fmt.Errorf("chart %s: values.schema.json refers to %s, which Millwright does not fetch", chart, to)
			}
			if err := closed(item, chart); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := closed(item, chart); err != nil {
				return err
			}
		}
	}
	return nil
}

func eachChart(ch *chart.Chart, do func(*chart.Chart) error) error {
	if err := do(ch); err != nil {
		return err
	}
	for _, d := range ch.Dependencies() {
		if err := eachChart(d, do); err != nil {
			return err
		}
	}
	return nil
}

// instrumentChart puts the meter into all templates, drops the notes for people, which may fail, and
// returns the templates as they were.
func instrumentChart(ch *chart.Chart) map[*common.File][]byte {
	originals := map[*common.File][]byte{}
	_ = eachChart(ch, func(c *chart.Chart) error {
		c.Templates = slices.DeleteFunc(c.Templates, func(f *common.File) bool { return path.Base(f.Name) == "NOTES.txt" })
		for _, f := range c.Templates {
			originals[f] = f.Data
			f.Data = []byte(instrument(string(f.Data)))
		}
		return nil
	})
	return originals
}

func renderValues(ch *chart.Chart, r release) (common.Values, error) {
	// Numbers as trees have them: integers stay integers, which templates print without an exponent.
	plain, err := state.FromPlain(r.values, state.Origin{}).Plain(nil)
	if err != nil {
		return nil, err
	}
	own, ok := plain.(map[string]any)
	if !ok {
		own = map[string]any{}
	}
	if err := chartutil.ProcessDependencies(ch, own); err != nil {
		return nil, err
	}
	version, err := common.ParseKubeVersion(r.kubernetes)
	if err != nil {
		return nil, fmt.Errorf("kubernetes %s: %w", r.kubernetes, err)
	}
	caps := &common.Capabilities{KubeVersion: *version, APIVersions: append(builtInAPIs(), r.apis...)}
	caps.HelmVersion.Version = "v4.3"
	options := common.ReleaseOptions{Name: r.name, Namespace: r.namespace, Revision: 1, IsInstall: true}
	return commonutil.ToRenderValuesWithSchemaValidation(ch, own, options, caps, false)
}

// chartObjects reads the definitions of a chart's crds/ and what its templates gave.
func chartObjects(ch *chart.Chart, dir string, texts map[string]string) ([]manifest, error) {
	var out []manifest
	take := func(text []byte, file string) error {
		more, err := decode(text, file)
		out = append(out, more...)
		return err
	}
	for _, crd := range ch.CRDObjects() {
		if err := take(crd.File.Data, inRepo(dir, crd.Filename)); err != nil {
			return nil, err
		}
	}
	for name, text := range fleet.All(texts) {
		if err := take([]byte(text), inRepo(dir, name)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// inRepo makes a path that begins with the chart's name one of the repository.
func inRepo(dir, name string) string {
	_, rest, _ := strings.Cut(name, "/")
	return path.Join(dir, rest)
}

const hookAnnotation = "helm.sh/hook"

// sortHooks takes out what is no part of the installed state. Tests are left out without a word, what
// runs at uninstall or rollback with one; what an installation needs to run is refused, since nobody
// would run it, unless it was said what becomes of it.
func sortHooks(all []manifest, said map[string]string) (out []manifest, found diag.List) {
	for _, m := range all {
		hook := m.text("metadata", "annotations", hookAnnotation)
		if hook == "" {
			out = append(out, m)
			continue
		}
		word := cmp.Or(said[m.text("kind")+"/"+m.name()], said[m.text("kind")], said["*"])
		at := fmt.Sprintf("%s: %s %s is a hook (%s)", m.file, m.text("kind"), m.name(), hook)
		switch {
		case word == fleet.HookDrop, only(hook, "test", "test-success", "test-failure"):
		case only(hook, "pre-delete", "post-delete", "pre-rollback", "post-rollback"):
			found = append(found, diag.Diagnostic{Severity: diag.Warning, Code: "MW305", Summary: at + " and is left out"})
		case word == fleet.HookApply:
			out = append(out, m.noHook())
		default:
			found = append(found, diag.Diagnostic{
				Code: "MW305", Summary: at + ", and Millwright runs none",
				Hint: "switch it off in the component's values, or copy it into a component of its own without the annotation",
			})
		}
	}
	return out, found
}

func only(hooks string, of ...string) bool {
	for h := range strings.SplitSeq(hooks, ",") {
		if !slices.Contains(of, strings.TrimSpace(h)) {
			return false
		}
	}
	return true
}

// definedAPIs are the API versions, with and without a kind, that definitions among the objects bring.
func definedAPIs(manifests []manifest) []string {
	var all []string
	for _, m := range manifests {
		if m.kind() != kindCRD {
			continue
		}
		versions, _ := kinds.Lookup(m.body, "spec", "versions").([]any)
		for _, v := range versions {
			if v, ok := v.(map[string]any); ok && v["served"] == true {
				gv := fmt.Sprintf("%s/%s", m.text("spec", "group"), v["name"])
				all = append(all, gv, gv+"/"+m.text("spec", "names", "kind"))
			}
		}
	}
	return all
}

// builtInAPIs are the stable API versions of Kubernetes itself, with and without a kind.
func builtInAPIs() []string {
	all := map[string]bool{}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		stable := strings.HasPrefix(gvk.Version, "v") && !strings.ContainsAny(gvk.Version, "ab") // no alpha, no beta
		if stable && !strings.HasSuffix(gvk.Kind, "List") && !strings.HasSuffix(gvk.Kind, "Options") {
			all[gvk.GroupVersion().String()] = true
			all[gvk.GroupVersion().String()+"/"+gvk.Kind] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// sortedKeys and sortedValues are sprig's, in an order that is always the same.
func sortedKeys(dicts ...map[string]any) []string {
	var keys []string
	for _, d := range dicts {
		keys = append(keys, slices.Sorted(maps.Keys(d))...)
	}
	return keys
}

func sortedValues(dict map[string]any) []any {
	var values []any
	for _, v := range fleet.All(dict) {
		values = append(values, v)
	}
	return values
}
