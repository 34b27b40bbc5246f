package main

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/fleet/scaffold"
	"millwright.dev/millwright/internal/owners"
	"millwright.dev/millwright/sources"
)

// jobs are what init gives a repository for its pull requests.
type jobs struct {
	github, gitlab         bool
	organisation, platform string
}

func (j *jobs) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&j.github, "github", false, "write jobs and CODEOWNERS for GitHub")
	f.BoolVar(&j.gitlab, "gitlab", false, "write jobs and CODEOWNERS for GitLab")
	f.StringVar(&j.organisation, "organisation", "", "with these: the organisation or group whose teams own files")
	f.StringVar(&j.platform, "platform-team", "platform", "with these: the team that owns all that no tenant does")
	cmd.MarkFlagsMutuallyExclusive("github", "gitlab")
}

func (j *jobs) wanted() bool { return j.github || j.gitlab }

var organisationName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$`)

func (j *jobs) check() error {
	switch {
	case !j.wanted() && j.organisation != "":
		return errors.New("--organisation is for CODEOWNERS: say --github or --gitlab")
	case j.wanted() && !organisationName.MatchString(j.organisation):
		return errors.New("say with --organisation whose teams own files, as in --organisation example")
	}
	return nil
}

// isFleet reports whether a directory holds a fleet already.
func isFleet(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cue.mod", "module.cue"))
	return err == nil
}

// write gives the repository around a fleet what it lacks.
func (j *jobs) write(ctx context.Context, g *globals, dir string) error {
	snapshot, c, err := g.source(dir)
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := g.load(ctx, c, snapshot, dir)
	if err != nil {
		return err
	}
	root, below, err := sources.Root(dir)
	if err != nil {
		return err
	}
	ci := scaffold.CI{Forge: "github", Fleet: below, Version: "latest", Organisation: j.organisation, Platform: j.platform, Tenants: tenantOwners(f)}
	if j.gitlab {
		ci.Forge = "gitlab"
	}
	if version != "dev" {
		ci.Version = version
	}
	files := ci.Files()
	top, err := sources.Directory(root)
	if err != nil {
		return err
	}
	there, err := readOwners(top.FS)
	if err != nil {
		return err
	}
	if own := "." + ci.Forge + "/CODEOWNERS"; there != nil && there.Name != own && slices.Contains(owners.Places, own) {
		delete(files, own) // only one counts
		g.say("left %s as it is", there.Name)
	}
	kept, err := files.WriteMissing(root)
	for _, name := range kept {
		g.say("left %s as it is", name)
	}
	if err != nil {
		return err
	}
	g.say("wrote the jobs into %s; protect the branch so that owners have to agree, and look through CODEOWNERS: its teams have to exist", root)
	return nil
}

// tenantOwners are the admins of each tenant, as owners of the directory that is the tenant's alone, or of its file.
func tenantOwners(f *fleet.Fleet) []scaffold.Owner {
	in := map[string]map[string]bool{} // entities by directory
	for _, e := range f.Entities() {
		dir := path.Dir(f.PosOf(e).File)
		if in[dir] == nil {
			in[dir] = map[string]bool{}
		}
		in[dir][e] = true
	}
	byPath := map[string][]string{}
	for name, t := range fleet.All(f.Tenants) {
		at := f.PosOf("tenant/" + name).File
		if dir := path.Dir(at); dir != "." && len(in[dir]) == 1 {
			at = dir + "/"
		}
		for _, admin := range t.Admins {
			if _, group := fleet.GroupAt(admin); !slices.Contains(byPath[at], group) {
				byPath[at] = append(byPath[at], group)
			}
		}
	}
	var all []scaffold.Owner
	for at, teams := range fleet.All(byPath) {
		all = append(all, scaffold.Owner{Path: at, Teams: teams})
	}
	return all
}
