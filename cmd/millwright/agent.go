package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/floor"
	"millwright.dev/millwright/internal/inventory"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/web"
	"millwright.dev/millwright/reconcile"
	"millwright.dev/millwright/sources"
)

// agentOptions are the agent's flags.
type agentOptions struct {
	conn           connection
	repo           fleetRepository
	dashboard      dashboard
	journal        journalOptions
	poll, interval time.Duration
	pause, settle  time.Duration
	bmcInterval    time.Duration
	patience       time.Duration
}

func newAgent(g *globals) *cobra.Command {
	var o agentOptions
	cmd := &cobra.Command{
		Use:   "agent --repo <url>",
		Short: "Watch a repository and keep everything as it says",
		Long: `Agent fetches the repository, compiles each new commit, and keeps all targets as the newest good
commit wants them. A commit that cannot be fetched, does not compile or lacks a signature that is
required changes nothing: the last good one stays in force. What it does is kept in a journal, a Git
history of its own (--journal), which never holds it up. Signatures are checked against keys that
you name (--allowed-signers, --openpgp-keyring), never against keys of the repository. It serves a read-only dashboard on a loopback address, which it says when it
starts, and with --dashboard to people who sign in, at an OpenID Connect provider or at a proxy.
` + exits(""),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), g) },
	}
	o.conn.flags(cmd)
	o.repo.flags(cmd)
	o.dashboard.flags(cmd)
	o.journal.flags(cmd)
	cmd.Flags().DurationVar(&o.poll, "poll", time.Minute, "time between two looks at the repository")
	cmd.Flags().DurationVar(&o.interval, "interval", time.Minute, "time between two looks at the targets when nothing is under way and no cluster tells of a change")
	cmd.Flags().DurationVar(&o.pause, "pause", 2*time.Second, "time between two looks when something is under way")
	cmd.Flags().DurationVar(&o.bmcInterval, "bmc-interval", 10*time.Minute, "how long what was read of a quiet BMC may be used again")
	cmd.Flags().DurationVar(&o.patience, "patience", 45*time.Second, "how long one look at one target may take before it counts as unknown")
	cmd.Flags().DurationVar(&o.settle, "settle", 15*time.Minute, "how long a reset may take to show before it counts as not done")
	return cmd
}

// run wires the agent and lets it work until ctx is done.
func (o *agentOptions) run(ctx context.Context, g *globals) error {
	debug.SetGCPercent(50) // what a fleet wants is kept for long: memory counts for more than the collector's time
	if err := o.dashboard.check(); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(g.stderr, nil))
	if err := os.MkdirAll(o.conn.stateDir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	options, err := o.repo.options(filepath.Join(o.conn.stateDir, "source"))
	if err != nil {
		return err
	}
	kept, err := o.journal.open(o.conn.stateDir, o.repo.knownHosts, log)
	if err != nil {
		return err
	}
	git, err := sources.Open(ctx, options)
	if err != nil {
		return err
	}
	compiler, err := g.compiler()
	if err != nil {
		return err
	}
	defer compiler.Close()
	l, err := o.conn.open(log)
	if err != nil {
		return err
	}
	ctx, release, err := l.await(ctx, log)
	if err != nil {
		return err
	}
	defer release()
	if kept.recorder, err = l.recorder(ctx, actor("agent")); err != nil {
		return err
	}
	l.reconciler.Journal = kept.recorder
	delivering, stop := context.WithCancel(ctx)
	defer kept.wait()
	defer stop()
	store := &web.Store{}
	served, err := o.dashboard.serve(ctx, store, o.interval, o.conn.addressFile(), log)
	if err != nil {
		return err
	}
	defer served()
	historian, err := newHistorian(git, o.conn.stateDir, g.cacheDir, store, log)
	if err != nil {
		return err
	}
	var reading sync.WaitGroup
	readable, enough := context.WithCancel(ctx)
	defer func() { enough(); reading.Wait() }()
	reading.Go(func() { historian.follow(readable) })
	kept.runs = newRunsReader(store, log)
	reading.Go(func() { kept.runs.follow(readable) })
	l.reconciler.Settle, l.reconciler.Patience = o.settle, o.patience
	l.reconciler.Keep = map[state.System]time.Duration{state.Redfish: o.bmcInterval}
	poller := sources.NewPoller(git)
	poller.Interval = o.poll
	compiler.charts.fetch = true
	compiler.charts.say = func(format string, args ...any) {
		log.Warn("a chart cannot be had", "error", fmt.Sprintf(format, args...))
	}
	agent := &reconcile.Agent{
		Poller:     poller,
		LastGood:   lastGood{l.memory},
		Recall:     git.At,
		Compile:    compiler.compile,
		Reconciler: l.reconciler, Interval: o.interval, Pause: o.pause, Log: log,
		Approvers: approversOf(git, verifies(options.Signatures)),
		InForce: func(d reconcile.Desired) {
			kept.deliver(delivering, d.Fleet.Platform.Fleet)
			store.SetFloor(floor.Of(d.Source.Commit, d.Fleet, d.Set))
			historian.inForce(d.Source.Commit)
		},
		Publish: func(r report.Report) {
			r.Journal = kept.status()
			store.SetReport(r)
			if err := o.conn.save(r); err != nil {
				log.Error("the report could not be stored", "error", err)
			}
		},
	}
	err = errors.Join(agent.Run(ctx), kept.recorder.Flush())
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// lastGood is the memory of the commit in force: the one of the namespace's fleet.
type lastGood struct{ inventory.Store }

const thisFleet = "fleet"

func (g lastGood) LastGood(ctx context.Context) (string, error) {
	return g.Store.LastGood(ctx, thisFleet)
}

func (g lastGood) SetLastGood(ctx context.Context, commit string) error {
	return g.Store.SetLastGood(ctx, thisFleet, commit)
}
