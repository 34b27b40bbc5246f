package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed all:github all:gitlab all:hooks
var ciFiles embed.FS

// CI says for which forge files are, and where.
type CI struct {
	// Forge is "github" or "gitlab".
	Forge string
	// Fleet is the fleet's directory in the repository, "." at its top.
	Fleet string
	// Version is that of Millwright which jobs install.
	Version string
	// Organisation is whose teams own files, Platform the team that owns all that no tenant does.
	Organisation, Platform string
	// Tenants are who owns what, by directory or file.
	Tenants []Owner
}

// Owner is who owns a directory, which ends in a slash, or a file of the fleet.
type Owner struct {
	Path  string
	Teams []string
}

// Files are the jobs, CODEOWNERS and the hook, by their paths in the repository.
func (c CI) Files() Files {
	files := Files{}
	fill := strings.NewReplacer("@FLEET@", c.Fleet, "@VERSION@", c.Version)
	for _, dir := range []string{c.Forge, "hooks"} {
		sub, err := fs.Sub(ciFiles, dir)
		if err != nil {
			panic(err) // the names are constant
		}
		for name, text := range read(sub) {
			files[name] = fill.Replace(text)
		}
	}
	files["."+c.Forge+"/CODEOWNERS"] = c.codeOwners()
	return files
}

// codeOwners names the owners of everything, and below them those of each tenant: the last line that matches counts.
func (c CI) codeOwners() string {
	var b strings.Builder
	b.WriteString("# Who has to agree to a change. The last line that matches a file counts. It binds only where the branch is\n" +
		"# protected so that owners must agree. `millwright validate` tells if a tenant has none.\n\n")
	fmt.Fprintf(&b, "* %s\n", c.team(c.Platform))
	if len(c.Tenants) > 0 {
		b.WriteString("\n# The admins of each tenant, as teams of the same names.\n")
	}
	for _, t := range c.Tenants {
		at := path.Join("/", c.Fleet, t.Path)
		if strings.HasSuffix(t.Path, "/") {
			at += "/"
		}
		fmt.Fprint(&b, strings.ReplaceAll(at, " ", `\ `))
		for _, team := range t.Teams {
			fmt.Fprintf(&b, " %s", c.team(team))
		}
		b.WriteString("\n")
	}
	return b.String()
}

var noSlug = regexp.MustCompile(`[^a-z0-9_-]+`)

// team is a team of the organisation as forges write it: its name in lower case, other characters as dashes.
func (c CI) team(name string) string {
	return "@" + c.Organisation + "/" + strings.Trim(noSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// WriteMissing writes the files that are not there yet below a directory, and says which it left as they are
// though they are others. No link leads out of the directory.
func (f Files) WriteMissing(dir string) (kept []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("write into %s: %w", dir, err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		there, err := root.ReadFile(name)
		if err == nil {
			if string(there) != f[name] {
				kept = append(kept, name)
			}
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = writeNew(root, name, f[name])
		}
		if err != nil {
			return kept, fmt.Errorf("write into %s: %w", dir, err)
		}
	}
	return kept, nil
}

func writeNew(root *os.Root, name, text string) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
