package render

import (
	"slices"
	"strings"

	"millwright.dev/millwright/internal/fleet"
)

// mirrored rewrites the images that a stack's objects name: those of pods, wherever in an object a pod's
// template is, and those of custom resources as far as they name a registry's host. What custom resources
// name without one is completed by their operator. They are plain values that nobody else has.
func (r *renderer) mirrored(manifests []manifest) {
	if r.mirror() == nil {
		return
	}
	for _, m := range manifests {
		rewritePods(r.mirror(), m.body)
		if !builtIn(m.kind()) {
			rewriteCustom(r.mirror(), m.body)
		}
	}
}

// rewritePods rewrites the images of containers and of volumes that are images.
func rewritePods(m *fleet.Mirror, value any) {
	each(value, func(key string, item any) {
		list, _ := item.([]any)
		for _, entry := range list {
			entry, ok := entry.(map[string]any)
			if !ok {
				continue
			}
			if isContainers(key) {
				rewrite(entry, "image", m.Image)
			}
			if volume, ok := entry["image"].(map[string]any); ok && key == "volumes" {
				rewrite(volume, "reference", m.Image)
			}
		}
		rewritePods(m, item)
	})
}

// rewriteCustom rewrites the images of a custom resource, each in the field that names the registry.
func rewriteCustom(m *fleet.Mirror, value any) {
	if v, ok := value.(map[string]any); ok {
		text := func(key string) string { s, _ := v[key].(string); return s }
		for key := range v {
			if !namesImages(key) {
				continue
			}
			if from, ok := imageIn(text, key); ok && !m.HoldsImage(from) {
				// The slash is for a registry alone.
				rewrite(v, key, func(ref string) string { return strings.TrimSuffix(m.Image(ref+"/"), "/") })
			}
		}
	}
	each(value, func(key string, item any) {
		if !slices.Contains(freeMaps, key) {
			rewriteCustom(m, item)
		}
	})
}

// each goes through what a map or a list holds; the items of a list have no key.
func each(value any, do func(key string, item any)) {
	switch v := value.(type) {
	case map[string]any:
		for k, item := range v {
			do(k, item)
		}
	case []any:
		for _, item := range v {
			do("", item)
		}
	}
}

func rewrite(in map[string]any, key string, how func(string) string) {
	if ref, ok := in[key].(string); ok && ref != "" {
		in[key] = how(ref)
	}
}

func isContainers(key string) bool {
	return key == "containers" || key == "initContainers" || key == "ephemeralContainers"
}

// imageKeys are keys of custom resources and of vcluster.yaml that hold an image's whole reference.
var imageKeys = []string{"image", "pauseImage", "initImage", "controllerImage", "speakerImage"}

// registryKeys are those that hold a registry, with or without the beginning of a repository's name.
var registryKeys = []string{"registry", "imageRegistry", "defaultImageRegistry"}

// freeMaps are maps whose keys are of people's own choice.
var freeMaps = []string{"labels", "annotations", "matchLabels", "selector", "nodeSelector"}

// namesImages reports whether a key may hold the registry of an image.
func namesImages(key string) bool {
	return key == "repository" || slices.Contains(imageKeys, key) || slices.Contains(registryKeys, key)
}

// imageIn is the image that one key of a map names the registry of, and ok is false if it names none. An
// image may be written in several keys of the map, and text is what stands in each of them: registry,
// repository, image. Where only a registry is said, the reference ends with a slash.
func imageIn(text func(key string) string, key string) (ref string, ok bool) {
	own := text(key)
	registry, repository, image := text("registry"), text("repository"), text("image")
	switch {
	case own == "" || strings.Contains(own, "://"):
		return "", false
	case slices.Contains(registryKeys, key):
		ref = strings.TrimSuffix(own, "/") + "/" + repository
	case key == "repository" && registry == "" && image != "":
		ref = own + "/" + image
	case key == "repository" && registry == "" && text("tag")+text("version")+text("digest") != "":
		ref = own
	case key == "image" && registry+repository != "": // the others say where it is
	case slices.Contains(imageKeys, key):
		ref = own
	}
	return ref, fleet.NamesRegistry(ref)
}
