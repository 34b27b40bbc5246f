package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/sources"
)

// journalOptions are the flags of the agent's journal.
type journalOptions struct {
	url, ref        string
	key, knownHosts string
	signingKey      string
}

func (o *journalOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.url, "journal", "", "URL (https or ssh) or path of the bare repository that the journal of what was done is pushed to; kept in journal.git in the state directory alone without it; over https a password or token comes from MILLWRIGHT_JOURNAL_USERNAME and MILLWRIGHT_JOURNAL_PASSWORD, or MILLWRIGHT_JOURNAL_TOKEN")
	cmd.Flags().StringVar(&o.ref, "journal-ref", "", "branch of the journal, which this agent alone writes; the name of the fleet without it, so that agents that serve one site each must name theirs")
	cmd.Flags().StringVar(&o.key, "journal-ssh-key", "", "file of the key that may write to an ssh URL of --journal; a passphrase comes from MILLWRIGHT_JOURNAL_SSH_PASSPHRASE")
	cmd.Flags().StringVar(&o.knownHosts, "journal-ssh-known-hosts", "", "known_hosts file with the keys of the host of an ssh URL of --journal; that of --ssh-known-hosts without it")
	cmd.Flags().StringVar(&o.signingKey, "journal-signing-key", "", "file of the SSH key, in OpenSSH's format, that signs the journal's commits; a passphrase comes from MILLWRIGHT_JOURNAL_SIGNING_PASSPHRASE; not signed without it")
}

// agentJournal is an agent's journal: its recorder from the start on, its delivery once the fleet has a name.
type agentJournal struct {
	recorder *journal.Recorder
	dir, ref string
	remote   journal.Remote
	sign     journal.Sign
	log      *slog.Logger
	runs     *runsReader // for the dashboard

	once     sync.Once
	delivery *journal.Delivery
	failed   error // why there is no delivery
	ended    chan struct{}
}

// open checks the flags, and asks nobody.
func (o *journalOptions) open(stateDir, knownHosts string, log *slog.Logger) (*agentJournal, error) {
	j := &agentJournal{dir: filepath.Join(stateDir, "journal.git"), log: log}
	if o.ref != "" {
		var err error
		if j.ref, err = journal.RefName(o.ref); err != nil {
			return nil, fmt.Errorf("--journal-ref: %w", err)
		}
	}
	if o.url != "" {
		remote, err := sources.OpenUpstream(sources.Options{
			URL: o.url, Credentials: credentialsFrom("MILLWRIGHT_JOURNAL"),
			SSH: sources.SSH{KnownHosts: cmp.Or(o.knownHosts, knownHosts), Key: o.key, Passphrase: os.Getenv("MILLWRIGHT_JOURNAL_SSH_PASSPHRASE")},
		})
		if err != nil {
			return nil, fmt.Errorf("--journal: %w", err)
		}
		j.remote = remote
	}
	if o.signingKey != "" {
		sign, err := sources.SSHSigner(o.signingKey, os.Getenv("MILLWRIGHT_JOURNAL_SIGNING_PASSPHRASE"))
		if err != nil {
			return nil, fmt.Errorf("--journal-signing-key: %w", err)
		}
		j.sign = sign
	}
	return j, nil
}

// recorder takes up what waits for the journal in the cluster. The caller holds the lease.
func (l *live) recorder(ctx context.Context, as string) (*journal.Recorder, error) {
	return journal.NewRecorder(ctx, inventory.ConfigMapNotes(l.client, l.namespace), as, version)
}

// deliver begins to take runs into the journal of a fleet, the first time that it is called, until ctx is done.
func (j *agentJournal) deliver(ctx context.Context, fleet string) {
	j.once.Do(func() {
		ref := j.ref
		if ref == "" {
			ref = "refs/heads/" + fleet
		}
		repository, err := journal.Create(j.dir, ref)
		if err != nil {
			j.failed = fmt.Errorf("%w; its runs wait in the cluster until the agent is started again", err)
			j.log.Error("the journal cannot be kept on disk", "error", j.failed)
			j.runs.missing(j.failed)
			return
		}
		where := "its directory alone"
		if j.remote != nil {
			where = j.remote.String()
		}
		j.log.Info("the journal is kept", "directory", j.dir, "ref", ref, "pushed", where, "signed", j.sign != nil)
		j.delivery = &journal.Delivery{Recorder: j.recorder, Repository: repository, Ref: ref, Fleet: fleet, Remote: j.remote, Sign: j.sign, Log: j.log, Written: j.runs.written}
		j.runs.begin(repository, ref)
		j.ended = make(chan struct{})
		go func() {
			defer close(j.ended)
			j.delivery.Run(ctx)
		}()
	})
}

// wait returns once the delivery has ended, which it does with its context.
func (j *agentJournal) wait() {
	if j.ended != nil {
		<-j.ended
	}
}

// status is how the journal stands, for the report; nil before it has begun.
func (j *agentJournal) status() *report.Journal {
	switch {
	case j.failed != nil:
		return &report.Journal{Ref: j.ref, Dir: j.dir, Error: j.failed.Error()}
	case j.delivery == nil:
		return nil
	}
	s := j.delivery.Status()
	return &report.Journal{Ref: s.Ref, Remote: s.Remote, Dir: s.Dir, Waiting: s.Waiting, Since: s.Since, Error: s.Error, Blocked: s.Blocked}
}

// actor says which process it is: what it does, and where.
func actor(what string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	if who, err := user.Current(); err == nil && what != "agent" {
		host = who.Username + "@" + host
	}
	return fmt.Sprintf("%s %s (%d)", what, host, os.Getpid())
}
