package render

import (
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// Fetched is a kind of thing that systems fetch for an object.
type Fetched string

// What is fetched.
const (
	ContainerImage Fetched = "container"
	ChartSource    Fetched = "chart" // a repository of charts
	OSImage        Fetched = "os"
	Firmware       Fetched = "firmware"
)

// Fetches is what is fetched by the leaf at a path of an object, and from where; ok is false if nothing
// is. It sees what stands in a field of its own, not what is a part of a longer text: schema/mirror.cue
// says which.
func Fetches(o state.Object, path state.Path, leaf state.Tree) (kind Fetched, from string, ok bool) {
	text, isText := leaf.Value().(string)
	if !isText || text == "" || o.ID.Target.System != state.Kubernetes {
		return "", "", false
	}
	last := path[len(path)-1]
	before := func(n int) string { // the step that many before the last
		if n >= len(path) {
			return ""
		}
		return path[len(path)-1-n]
	}
	switch {
	case last == "image" && isContainers(before(2)), last == "reference" && before(1) == "image" && before(3) == "volumes",
		before(1) == "translateImage":
		return ContainerImage, text, true
	case last == "server" && (before(2) == "mirrors" || before(2) == "hosts" && before(4) == "mirrors"):
		return ContainerImage, registryOf(text), true
	case last == "metal3.vcluster.com/image-url":
		return OSImage, text, true
	case last == "url" && o.ID.Kind == kindComponents:
		return Firmware, text, true
	case last == "repoURL" || last == "chartRepo" || last == "repo" && before(1) == "chart":
		return ChartSource, text, true
	case !namesImages(last), builtIn(o.ID.Kind) && !document(o.ID.Kind, path), slices.ContainsFunc(path, isFree):
		return "", "", false
	}
	from, ok = imageIn(func(key string) string {
		beside, _ := o.Tree.Get(path[:len(path)-1].Join(key))
		text, _ := beside.Value().(string)
		return text
	}, last)
	return ContainerImage, from, ok
}

func isFree(key string) bool { return slices.Contains(freeMaps, key) }

// document reports whether a path of a ConfigMap leads into one of the documents that we write.
func document(kind string, path state.Path) bool { return kind == "ConfigMap" && len(path) > 2 }

// registryOf is the registry that an address of its API leads to, with a slash at the end.
func registryOf(address string) string {
	_, at, ok := strings.Cut(address, "://")
	if !ok {
		at = address
	}
	host, path, _ := strings.Cut(strings.TrimSuffix(at, "/")+"/", "/")
	return host + "/" + strings.TrimPrefix(path, "v2/")
}

// In reports whether what is fetched comes from the mirror.
func (k Fetched) In(m *fleet.Mirror, from string) bool {
	switch k {
	case ContainerImage:
		return m.HoldsImage(from)
	case OSImage, Firmware:
		return m.HoldsFile(from)
	}
	return m.HoldsChart(from)
}
