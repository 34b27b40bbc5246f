package fleet

import (
	"io/fs"
	"os"
	"regexp"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
	"github.com/stretchr/testify/require"
)

// What an instance cannot reach of the schema does not matter: with the part that it can reach every
// directory of the example and of each wrong fleet has the values and the errors that it has with all.
func TestPartOfTheSchemaIsAsGoodAsAll(t *testing.T) {
	trees := map[string]fs.FS{"example": os.DirFS(example)}
	for name, a := range All(badFleets(t)) {
		trees[name] = fixture(t, a)
	}
	smaller, seen := 0, map[digest]bool{}
	for name, fsys := range All(trees) {
		tr, list := readTree(fsys, DefaultLimits(), nil, nil)
		if list.Err() != nil {
			continue
		}
		instances, list := plan(tr, map[string]parsed{})
		if list.Err() != nil {
			continue
		}
		for _, in := range instances {
			files, packages, list := in.parse()
			if list.Err() != nil || seen[in.key] {
				continue
			}
			seen[in.key] = true
			part := reach(files, packages)
			if len(part) < len(everything()) {
				smaller++
			}
			require.Equal(t, outcome(in, everything()), outcome(in, part), "%s: %s", name, in.Dir)
		}
	}
	require.Greater(t, smaller, 50, "hardly anything is left out")
}

// outcome is all that an instance comes to with a part of the schema.
func outcome(in *instance, part subset) string {
	files, packages, _ := in.parse()
	e := newEvaluator(part, 1)
	e.packages = packages
	v, list := e.evaluate(in, files)
	if list.Err() != nil {
		return printed(list)
	}
	text := errors.Details(v.Validate(validation...), nil)
	for _, k := range kinds {
		if f := v.LookupPath(cue.MakePath(cue.Str(k.name))); f.Exists() {
			json, err := f.MarshalJSON()
			text += k.name + ": " + string(json) + errors.Details(err, nil) + "\n"
		}
	}
	return closingPlaces.ReplaceAllString(text, "")
}

// closingPlaces are those of the closing file, which has as many lines as the part has kinds.
var closingPlaces = regexp.MustCompile(closingFile + `:\d+:\d+`)

// Where the syntax does not say what a file reaches, everything is within reach.
func TestReachIsNeverGuessed(t *testing.T) {
	for text, all := range map[string]bool{
		"machine: a: fleet.#Machine & {}": false,
		"_x: machine: a: {}":              false,
		"#x: fleet.#Site":                 false,
		"_x: fleet":                       true,
		"fleet.#Site":                     true,
		"{machine: a: {}}":                true,
		"if true {machine: a: {}}":        true,
		"(\"machine\"): a: {}":            true,
		"[string]: a: {}":                 true,
	} {
		in := &instance{Language: "v0.15.0", Files: []sourceFile{{Name: "a.cue", Data: []byte("package a\n\nimport \"millwright.dev/fleet\"\n\n" + text)}}}
		files, packages, _ := in.parse() // some of it is forbidden anyhow
		part := reach(files, packages)
		require.Equal(t, all, len(part) == len(everything()), text)
	}
}
