package main

import (
	"context"
	"log/slog"
	"time"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/past"
	"millwright.dev/millwright/internal/web"
	"millwright.dev/millwright/sources"
)

// historian reads the history of what the agent fetched, for the dashboard, beside the agent's work.
type historian struct {
	git    *sources.Git
	worker fleet.Worker
	// dir keeps what was found, cache what was compiled; either may be lost.
	dir, cache string
	store      *web.Store
	log        *slog.Logger
	newest     chan string // the commit in force, if it was not taken up yet
}

func newHistorian(git *sources.Git, dir, cache string, store *web.Store, log *slog.Logger) (*historian, error) {
	self, err := workerProgram()
	if err != nil {
		return nil, err
	}
	return &historian{git: git, worker: fleet.Worker{Path: self}, dir: dir, cache: cache, store: store, log: log, newest: make(chan string, 1)}, nil
}

// inForce tells which commit is in force. It never waits.
func (h *historian) inForce(hash string) {
	select {
	case <-h.newest: // an older one is of no interest any more
	default:
	}
	h.newest <- hash // only the agent's loop sends
}

// follow reads up to each commit that comes into force, until ctx is done.
func (h *historian) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case hash := <-h.newest:
			if err := h.read(ctx, hash); err != nil && ctx.Err() == nil {
				h.log.Warn("the history cannot be read; the dashboard shows it up to an earlier commit, or not at all", "commit", hash, "error", err)
			}
		}
	}
}

// read tells the dashboard the history up to a commit. One worker compiles, so that the agent's own work goes on.
func (h *historian) read(ctx context.Context, hash string) error {
	begun := time.Now()
	line, err := h.git.Line(ctx, hash)
	if err != nil {
		return err
	}
	index := audit.Open(h.dir, line, thisBuild())
	pending := index.Pending(line)
	options := fleet.Options{Worker: h.worker, Workers: 1}
	if pending <= manyCommits { // else they would push out what the agent keeps
		options.CacheDir = h.cache
	}
	loader := fleet.NewLoader(options)
	defer loader.Close()
	if err := index.Update(ctx, line, loader); err != nil {
		return err
	}
	answer, err := index.Ask(audit.Query{})
	if err != nil {
		return err
	}
	h.store.SetPast(past.Of(answer.Events, hash))
	h.log.Info("read the history", "commit", hash, "commits", pending, "seconds", time.Since(begun).Seconds())
	return nil
}
