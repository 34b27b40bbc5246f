package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/sources"
)

// fleetRepository is the flags that name a repository, and what it takes to read it.
type fleetRepository struct {
	url, ref, path  string
	key, knownHosts string
}

func (r *fleetRepository) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.url, "repo", "", "URL (https or ssh) or local path of the fleet repository (required); over https a password or token comes from MILLWRIGHT_GIT_USERNAME and MILLWRIGHT_GIT_PASSWORD, or MILLWRIGHT_GIT_TOKEN")
	cmd.Flags().StringVar(&r.ref, "ref", "", "branch, tag or commit; the remote's default branch without it")
	cmd.Flags().StringVar(&r.path, "path", "", "directory of the repository that the fleet lies in")
	cmd.Flags().StringVar(&r.key, "ssh-key", "", "file of the deploy key for an ssh URL; a passphrase comes from MILLWRIGHT_GIT_SSH_PASSPHRASE")
	cmd.Flags().StringVar(&r.knownHosts, "ssh-known-hosts", "", "known_hosts file with the keys of the host of an ssh URL; no host is trusted without")
	_ = cmd.MarkFlagRequired("repo")
}

// options are the source's, kept in dir.
func (r *fleetRepository) options(dir string) sources.Options {
	return sources.Options{
		URL: r.url, Ref: r.ref, Path: r.path, Dir: dir, Credentials: gitCredentials(),
		SSH: sources.SSH{KnownHosts: r.knownHosts, Key: r.key, Passphrase: os.Getenv("MILLWRIGHT_GIT_SSH_PASSPHRASE")},
	}
}

// gitCredentials are taken from the environment, never from flags, which other users can see.
func gitCredentials() sources.CredentialsFunc {
	user, password, token := os.Getenv("MILLWRIGHT_GIT_USERNAME"), os.Getenv("MILLWRIGHT_GIT_PASSWORD"), os.Getenv("MILLWRIGHT_GIT_TOKEN")
	if user == "" && password == "" && token == "" {
		return nil
	}
	return func(context.Context) (sources.Credentials, error) {
		return sources.Credentials{Username: user, Password: password, Token: token}, nil
	}
}
