package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/state"
)

// ChartFile is where the chart store keeps the archive with a digest: "sha256/9f2c….tgz" for
// "sha256:9f2c…".
func ChartFile(digest string) string {
	return strings.Replace(digest, ":", "/", 1) + ".tgz"
}

// fromStore renders a catalogue entry out of the chart store. What is not there leaves the fleet
// incomplete: it is neither guessed at nor fetched.
func (r *renderer) fromStore(p part, to release) ([]manifest, diag.List, error) {
	c := p.chart
	missing := func(why, hint string) ([]manifest, diag.List, error) {
		return nil, diag.List{{Severity: diag.Incomplete, Code: "MW330", Summary: fmt.Sprintf("chart %s %s of %s %s", c.Chart, c.Version, c.Repository, why), Hint: hint}}, nil
	}
	if c.Digest == "" {
		return missing("has no digest", "millwright charts fetches it and prints its digest, which then stands beside the version")
	}
	archive, err := r.archive(c.Digest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing("is not at hand", "millwright charts fetches it")
	case err != nil:
		return nil, diag.List{{Code: "MW331", Summary: fmt.Sprintf("chart %s %s: %v", c.Chart, c.Version, err)}}, nil
	}
	contents, err := unpack(archive)
	if err != nil {
		return nil, diag.List{{Code: "MW331", Summary: fmt.Sprintf("unpacking chart %s %s: %v", c.Chart, c.Version, err)}}, nil
	}
	to.values, to.hooks = c.Values, c.Hooks
	return helm(r.ctx, contents, c.Chart+"-"+c.Version, to)
}

// archive reads a chart's archive, and proves that it is the one meant.
func (r *renderer) archive(digest string) ([]byte, error) {
	if r.charts == nil {
		return nil, fs.ErrNotExist
	}
	file, err := r.charts.Open(ChartFile(digest))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading its archive: %w", err)
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("its archive has more than %d bytes", maxBytes)
	}
	if sum := sha256.Sum256(data); "sha256:"+hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("the archive in the chart store is another one than %s: remove it, and fetch it again", digest)
	}
	return data, nil
}

// unpack reads the files of a chart's archive, by their path within the chart, in memory and no more
// than a component may have. What is neither a plain file nor a directory is refused.
func unpack(archive []byte) (map[string][]byte, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	contents, total := map[string][]byte{}, 0
	for entries := tar.NewReader(zipped); ; {
		head, err := entries.Next()
		if errors.Is(err, io.EOF) {
			if len(contents) == 0 {
				return nil, errors.New("it holds no chart")
			}
			return contents, nil
		}
		if err != nil {
			return nil, err
		}
		switch head.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg:
		default:
			return nil, fmt.Errorf("%q is no plain file", head.Name)
		}
		top, name, below := strings.Cut(path.Clean(head.Name), "/")
		if !below || !fs.ValidPath(top) || !fs.ValidPath(name) || strings.ContainsAny(head.Name, `\:`) {
			return nil, fmt.Errorf("%q is no path within a chart", head.Name)
		}
		data, err := io.ReadAll(io.LimitReader(entries, maxFileBytes+1))
		if err != nil {
			return nil, err
		}
		total += len(data)
		if _, twice := contents[name]; twice || len(data) > maxFileBytes || total > maxBytes || len(contents) >= maxFiles {
			return nil, fmt.Errorf("%q: a file twice, more than %d bytes in one, or more than %d bytes or %d files in all", head.Name, maxFileBytes, maxBytes, maxFiles)
		}
		contents[name] = data
	}
}

// noHook is an object without what made Helm run it. A job stays when it is done: one that removed
// itself would be missed, and run again.
func (m manifest) noHook() manifest {
	if spec, ok := m.body["spec"].(map[string]any); ok && m.kind() == "Job.batch" {
		delete(spec, "ttlSecondsAfterFinished")
	}
	meta, _ := m.body["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	maps.DeleteFunc(annotations, func(k string, _ any) bool { return strings.HasPrefix(k, "helm.sh/hook") })
	if len(annotations) == 0 {
		delete(meta, "annotations")
	}
	return m
}

// leave takes out the fields that are the tenant's to set.
func (m manifest) leave(all []fleet.TenantFields) {
	for _, t := range all {
		if !m.meant(t) {
			continue
		}
		for _, f := range t.Fields {
			if p, err := state.ParsePath(f); err == nil && len(p) > 0 {
				above, _ := kinds.Lookup(m.body, p[:len(p)-1]...).(map[string]any)
				delete(above, p[len(p)-1])
			}
		}
	}
}

// tenantFields refuses what leaves fields to the tenant that no object has: with a mistyped name the
// tenant's own values would be set back.
func (in *install) tenantFields(rendered map[string]*component) {
	for _, c := range rendered {
		if c.found.Err() != nil {
			return // objects are missing
		}
	}
	for i, t := range in.stack.TenantFields {
		matched := false
		for _, c := range rendered {
			matched = matched || slices.ContainsFunc(c.manifests, func(m manifest) bool { return m.meant(t) })
		}
		if !matched {
			in.report(diag.Diagnostic{
				Code: "MW332", Summary: fmt.Sprintf("fields of %s are left to the tenant, and stack %s has no such object", strings.TrimSuffix(t.Kind+" "+t.Name, " "), in.stack.Name),
				Hint: "the kind is written with its group, as in Deployment.apps", Path: fmt.Sprintf("stack/%s.tenantFields[%d]", in.stack.Name, i), Pos: in.stack.Pos,
			})
		}
	}
}

// meant reports whether fields of an object are the tenant's to set.
func (m manifest) meant(t fleet.TenantFields) bool {
	return t.Kind == m.kind() && (t.Name == "" || t.Name == m.name())
}
