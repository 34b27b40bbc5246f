package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/sources"
)

// journalSource is the flags that name a journal that is read.
type journalSource struct{ url, ref, key, knownHosts string }

func (j *journalSource) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&j.url, "journal", "", "the journal: the agent's journal.git, a clone of what it pushes to, or the URL of that; over https a password or token comes from MILLWRIGHT_JOURNAL_USERNAME and MILLWRIGHT_JOURNAL_PASSWORD, or MILLWRIGHT_JOURNAL_TOKEN")
	f.StringVar(&j.ref, "journal-ref", "", "branch of the journal; the name of the fleet without it")
	f.StringVar(&j.key, "journal-ssh-key", "", "file of the key for an ssh URL of --journal; a passphrase comes from MILLWRIGHT_JOURNAL_SSH_PASSPHRASE")
	f.StringVar(&j.knownHosts, "journal-ssh-known-hosts", "", "known_hosts file with the keys of the host of an ssh URL of --journal")
}

// opened is a journal that is read, until it is closed.
type opened struct {
	*journal.Repository
	ref, tip string
	close    func()
}

// open opens a journal that lies here, or fetches it. One without a run is an error.
func (j *journalSource) open(ctx context.Context, fleet string) (opened, error) {
	o := opened{close: func() {}}
	var err error
	if o.ref, err = journal.RefName(cmp.Or(j.ref, fleet)); err != nil {
		return o, fmt.Errorf("--journal-ref: %w", err)
	}
	if info, statErr := os.Stat(j.url); statErr == nil && info.IsDir() {
		dir := j.url
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			dir = filepath.Join(dir, ".git")
		}
		if o.Repository, err = journal.Open(dir); err == nil {
			o.tip, err = o.Tip(o.ref)
		}
	} else {
		err = j.fetch(ctx, &o)
	}
	if err == nil && o.tip == "" {
		err = fmt.Errorf("the journal in %s has no branch %s; name it with --journal-ref", j.url, o.ref)
	}
	if err != nil {
		o.close()
	}
	return o, err
}

// fetch brings a journal here, for as long as it is read.
func (j *journalSource) fetch(ctx context.Context, o *opened) error {
	from, err := sources.OpenUpstream(sources.Options{URL: j.url, Credentials: credentialsFrom("MILLWRIGHT_JOURNAL"),
		SSH: sources.SSH{KnownHosts: j.knownHosts, Key: j.key, Passphrase: os.Getenv("MILLWRIGHT_JOURNAL_SSH_PASSPHRASE")}})
	if err != nil {
		return fmt.Errorf("--journal: %w", err)
	}
	if o.tip, err = from.Tip(ctx, o.ref); err != nil || o.tip == "" {
		return err
	}
	dir, err := os.MkdirTemp("", "millwright-journal-*")
	if err != nil {
		return fmt.Errorf("fetch the journal: %w", err)
	}
	o.close = func() { _ = os.RemoveAll(dir) }
	if _, err = journal.Create(dir, o.ref); err == nil {
		err = from.Fetch(ctx, dir, o.ref, o.tip)
	}
	if err == nil {
		o.Repository, err = journal.Open(dir)
	}
	if err != nil {
		return fmt.Errorf("fetch the journal from %s: %w", from, err)
	}
	return nil
}

// required is the error where no journal was named.
func (j *journalSource) required() error {
	if j.url == "" {
		return errors.New("say with --journal where the journal is")
	}
	return nil
}
