package fleet

import "strings"

// Image is a container image's reference in the mirror: the registry's name is replaced, the
// repository stays. A reference without a registry is one of docker.io. The nil Mirror changes nothing.
func (m *Mirror) Image(ref string) string {
	if m == nil || m.HoldsImage(ref) {
		return ref
	}
	_, repository, ok := strings.Cut(ref, "/")
	switch {
	case !ok:
		repository = "library/" + ref
	case !NamesRegistry(ref):
		repository = ref
	}
	return m.Registry + "/" + repository
}

// NamesRegistry reports whether an image's reference begins with the name of a registry's host.
func NamesRegistry(ref string) bool {
	host, _, ok := strings.Cut(ref, "/")
	return ok && (strings.ContainsAny(host, ".:") || host == "localhost")
}

// Chart is a chart repository's address in the mirror: an OCI registry's name is replaced as that of
// an image is, any other repository is below Charts with its host. The nil Mirror changes nothing.
func (m *Mirror) Chart(repository string) string {
	if m == nil || m.HoldsChart(repository) {
		return repository
	}
	if at, ok := strings.CutPrefix(repository, "oci://"); ok {
		_, path, _ := strings.Cut(at, "/")
		return strings.TrimSuffix("oci://"+m.Registry+"/"+path, "/")
	}
	return below(m.Charts, repository)
}

// File is the address of an operating system image in the mirror. The nil Mirror changes nothing.
func (m *Mirror) File(url string) string {
	if m == nil || m.HoldsFile(url) {
		return url
	}
	return below(m.Files, url)
}

// HoldsImage reports whether an image's reference leads to the mirror.
func (m *Mirror) HoldsImage(ref string) bool { return strings.HasPrefix(ref, m.Registry+"/") }

// HoldsChart reports whether a chart repository is in the mirror.
func (m *Mirror) HoldsChart(repository string) bool {
	return beneath(repository, "oci://"+m.Registry) || beneath(repository, m.Charts)
}

// HoldsFile reports whether an address leads to the mirror's files.
func (m *Mirror) HoldsFile(url string) bool { return beneath(url, m.Files) }

func beneath(url, base string) bool { return url == base || strings.HasPrefix(url, base+"/") }

// below is an address without its scheme, below a base.
func below(base, url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return base + "/" + strings.TrimSuffix(rest, "/")
}
