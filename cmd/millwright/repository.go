package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/sources"
)

// fleetRepository is the flags that name a repository, and what it takes to read it.
type fleetRepository struct {
	url, ref, path  string
	key, knownHosts string
	signatures      sources.Signatures
	signedBy        []string
}

func (r *fleetRepository) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.url, "repo", "", "URL (https or ssh) or local path of the fleet repository (required); over https a password or token comes from MILLWRIGHT_GIT_USERNAME and MILLWRIGHT_GIT_PASSWORD, or MILLWRIGHT_GIT_TOKEN")
	cmd.Flags().StringVar(&r.ref, "ref", "", "branch, tag or commit; the remote's default branch without it")
	cmd.Flags().StringVar(&r.path, "path", "", "directory of the repository that the fleet lies in")
	cmd.Flags().StringVar(&r.key, "ssh-key", "", "file of the deploy key for an ssh URL; a passphrase comes from MILLWRIGHT_GIT_SSH_PASSPHRASE")
	cmd.Flags().StringVar(&r.knownHosts, "ssh-known-hosts", "", "known_hosts file with the keys of the host of an ssh URL; no host is trusted without")
	cmd.Flags().StringVar(&r.signatures.AllowedSigners, "allowed-signers", "", "file of the SSH keys whose signatures of commits count, in OpenSSH's format, one principal a line; retire a key by valid-before")
	cmd.Flags().StringVar(&r.signatures.Keyring, "openpgp-keyring", "", "file of the armored OpenPGP keys whose signatures of commits count; the e-mail address of a key's primary user ID is its principal")
	cmd.Flags().BoolVar(&r.signatures.Required, "require-signatures", false, "take no commit unless it, and each first parent since the last one taken, bears a signature that counts")
	cmd.Flags().StringArrayVar(&r.signedBy, "signed-by", nil, "who must have signed a commit that changes a path of the repository, as 'approvals/**=ada@example.com,bob@example.com'; may be repeated, and all that fit a change hold")
	cmd.Flags().StringVar(&r.signatures.Since, "signed-since", "", "full hash of a commit that needs no signature, nor does any before it; without, the whole history is held to --require-signatures and --signed-by")
	_ = cmd.MarkFlagRequired("repo")
}

// options are the source's, kept in dir.
func (r *fleetRepository) options(dir string) (sources.Options, error) {
	signatures := r.signatures
	for _, rule := range r.signedBy {
		path, names, ok := strings.Cut(rule, "=")
		if !ok || path == "" || names == "" {
			return sources.Options{}, fmt.Errorf("--signed-by %q: write a path, =, and the principals who may sign its changes, with commas between", rule)
		}
		signatures.Paths = append(signatures.Paths, sources.SignedPath{Path: path, Principals: strings.Split(names, ",")})
	}
	return sources.Options{
		URL: r.url, Ref: r.ref, Path: r.path, Dir: dir, Credentials: credentialsFrom("MILLWRIGHT_GIT"),
		SSH:        sources.SSH{KnownHosts: r.knownHosts, Key: r.key, Passphrase: os.Getenv("MILLWRIGHT_GIT_SSH_PASSPHRASE")},
		Signatures: signatures,
	}, nil
}

// credentialsFrom are taken from variables of the environment that begin so, never from flags, which other users can see.
func credentialsFrom(prefix string) sources.CredentialsFunc {
	user, password, token := os.Getenv(prefix+"_USERNAME"), os.Getenv(prefix+"_PASSWORD"), os.Getenv(prefix+"_TOKEN")
	if user == "" && password == "" && token == "" {
		return nil
	}
	return func(context.Context) (sources.Credentials, error) {
		return sources.Credentials{Username: user, Password: password, Token: token}, nil
	}
}
