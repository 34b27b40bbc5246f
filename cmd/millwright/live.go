package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target"
	"millwright.dev/millwright/internal/view"
	"millwright.dev/millwright/reconcile"
)

func newPlan(g *globals) *cobra.Command {
	var (
		out      outputs
		conn     connection
		exitCode bool
		b        between
		signed   keys
	)
	cmd := &cobra.Command{
		Use:   "plan [directory]",
		Short: "Show what would be done now, or what a commit changes, at what cost",
		Long: `Plan compiles the fleet, observes every target and prints the difference. It writes nothing: to the
API servers it sends reads and dry runs, to BMCs and network controllers reads only. A plan in which
something could not be read says so: in its text, by its exit code, and by "complete" in its JSON.

With --base it compares two commits instead, and needs neither credentials nor a network: what the fleet in
the directory, or at the revision of --head, changes since it left the base. It says first what that does to
tenants, machines and networks, then which objects change and how, and who has to agree by CODEOWNERS. As
nothing is asked how it is, each impact is the greatest that there can be. A chart that is not at hand makes
it incomplete: the objects of its stack are left out, and what the stack says otherwise is shown. The markdown
form is one comment of a pull request, the github form annotations of its files; these two need --base.

What waits for an approval says so, and what has one by whom. Whether an approver is verified is told with
--allowed-signers or --openpgp-keyring, as the agent is given them; without, approvals count as asserted. With
--base an approval of the branch counts as it would now, and no window is open.

The rules in policy/rules judge what is compared: those of the base, which are in force, and those of the change
if they are others. What they block is said with the rule and its place, and the plan ends with 3, as that of an
invalid fleet.
` + exits("there is something to do or held (only with --exit-code)", exitInvalid, exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if b.dir = g.directory(args); b.base != "" {
				b.signed = signed
				return g.planBetween(ctx, b, &out, exitCode)
			}
			if b.head != "" || !b.now.IsZero() || out.has("markdown", "github") {
				return errors.New("--head, --now and the forms markdown and github are for comparing commits: say with --base what to compare with")
			}
			want, l, err := g.connect(ctx, &conn, &signed, b.dir)
			if err != nil {
				return err
			}
			defer l.close(ctx)
			g.say("observing %s ...", plural(len(want.Set.Targets()), "target"))
			l.reconciler.Looked = g.looks()
			p, err := l.reconciler.Look(ctx, want)
			if err != nil {
				return err
			}
			err = out.write(g.stdout, map[string]writer{
				"text": func(w io.Writer, s view.Style) error { return view.PlanText(w, p, s) },
				"json": form(p, view.PlanJSON),
			})
			switch {
			case err != nil:
				return err
			case p.Incomplete():
				return exit{code: exitIncomplete, text: "the plan is incomplete: something could not be read"}
			case exitCode && differs(p):
				return exit{code: exitChanges}
			}
			return nil
		},
	}
	conn.flags(cmd)
	signed.flags(cmd)
	out.flag(cmd, "text", "json", "markdown", "github")
	cmd.Flags().StringVar(&b.base, "base", "", "compare with this revision instead of what is there: a branch, tag or commit, like origin/main")
	cmd.Flags().StringVar(&b.head, "head", "", "with --base: the revision to compare, instead of the directory as it lies there")
	cmd.Flags().Var(&b.now, "now", "with --base: the time at which rules judge and approvals count, as in 2026-05-12T08:00:00Z (default: now)")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 2 if there is anything to do or held")
	return cmd
}

// connect compiles the fleet in a directory and prepares to look at its targets and change them.
func (g *globals) connect(ctx context.Context, conn *connection, signed *keys, dir string) (reconcile.Desired, *live, error) {
	want, snapshot, err := g.compileDirectory(ctx, dir, true)
	if err != nil {
		return want, nil, err
	}
	want.Approvers = signed.approversIn(dir, snapshot, want.Fleet)
	l, err := conn.open(quiet())
	return want, l, err
}

func differs(p plan.Plan) bool {
	for _, c := range p.Changes {
		if c.Action != plan.Nothing {
			return true
		}
	}
	return false
}

func newApply(g *globals) *cobra.Command {
	var (
		out     outputs
		conn    connection
		timeout time.Duration
		signed  keys
	)
	cmd := &cobra.Command{
		Use:   "apply [directory]",
		Short: "Make it so, once: for the first installation and for emergencies",
		Long: `Apply does once what the agent does for ever: it observes, plans, holds what must be held, and
applies the rest in order until nothing more can be done. It takes the agent's lease, and refuses if
an agent holds it. What needs an approval waits for one here too, by the same rules; name the keys that the agent
has, so that no other approval counts. What it did waits in the cluster for the next agent, which takes it into the
journal.
` + exits("", exitInvalid, exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			want, l, err := g.connect(ctx, &conn, &signed, g.directory(args))
			if err != nil {
				return err
			}
			defer l.close(ctx)
			ctx, release, err := l.lease(ctx)
			if err != nil {
				return err
			}
			defer release()
			recorder, err := l.recorder(ctx, actor("apply"))
			if err != nil {
				return err
			}
			l.reconciler.Journal = recorder
			l.reconciler.Done, l.reconciler.Looked = g.progress, g.looks()
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			result, err := l.reconciler.Converge(ctx, want, time.Second)
			if flushErr := recorder.Flush(); flushErr != nil {
				g.say("what was done last could not be written down for the journal: %v", flushErr)
			}
			if result.Report.Version == 0 {
				return err
			}
			if saveErr := conn.save(result.Report); saveErr != nil {
				g.say("the report could not be stored: %v", saveErr)
			}
			writeErr := out.write(g.stdout, reportForms(result.Report))
			switch {
			case writeErr != nil:
				return writeErr
			case err != nil && ctx.Err() == nil:
				return err
			case err != nil, !result.Report.Complete, result.Report.Counts[plan.Failed] > 0:
				return exit{code: exitIncomplete, text: "not everything is done"}
			}
			return nil
		},
	}
	conn.flags(cmd)
	signed.flags(cmd)
	out.flag(cmd, "text", "json")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Minute, "how long to go on before giving up on what is not done")
	return cmd
}

// progress prints each change as it is carried out.
func (g *globals) progress(c plan.Change, r target.Result) {
	what := string(c.Action)
	if c.Step != "" {
		what = string(c.Step)
	}
	if r.Err != nil {
		g.say("  ! %s %s: %v", what, c.ID, r.Err)
		return
	}
	g.say("  %s %s %s", c.Action.Sign(), what, c.ID)
}

// looksShown is how often a look that takes long says how far it is.
const looksShown = 2 * time.Second

// looks prints how far a look at all targets has come, if that takes long, and how far it still is when
// nothing comes any more.
func (g *globals) looks() func(t state.Target, err error, done, all int) {
	var (
		mu    sync.Mutex // guards what the timer and the looks see
		done  int
		all   int
		timer *time.Timer
	)
	say := func() {
		mu.Lock()
		defer mu.Unlock()
		if done < all {
			g.say("  observed %d of %s", done, plural(all, "target"))
			timer.Reset(looksShown)
		}
	}
	return func(_ state.Target, _ error, n, of int) {
		mu.Lock()
		defer mu.Unlock()
		done, all = n, of
		switch {
		case n == of && timer != nil:
			timer.Stop()
		case n == 1 && of > 1 && timer == nil:
			timer = time.AfterFunc(looksShown, say)
		case n == 1 && of > 1:
			timer.Reset(looksShown)
		}
	}
}

func (l *live) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	l.reconciler.Close(ctx)
	if err := l.cluster.Close(ctx); err != nil {
		slog.Debug("could not close the connection to the control plane cluster", "error", err)
	}
}

// quiet is the log of commands that show their outcome otherwise.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
