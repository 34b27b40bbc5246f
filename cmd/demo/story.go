package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/simulate"
)

// patience is how long the demo waits for any one thing.
const patience = 4 * time.Minute

// tell is the demo, chapter by chapter.
func (s *show) tell(ctx context.Context) error {
	for i, c := range []struct {
		title string
		tell  func(context.Context) error
	}{
		{"A commit becomes machines, segments and clusters", s.firstApply},
		{"A merged change: a pool grows, and a machine moves from acme to globex", s.change},
		{"Somebody changes things by hand, on each of the three systems", s.drift},
		{"A live tenant is removed with git rm", s.remove},
		{"A bad commit is pushed", s.badCommit},
		{"Where does a value come from?", s.why},
		{"What was done?", s.journalled},
		{"What does a reviewer see of a pull request?", s.request},
		{"What do people see?", s.dashboard},
	} {
		chapter(i+1, c.title)
		if err := c.tell(ctx); err != nil {
			return fmt.Errorf("chapter %d (%s): %w", i+1, c.title, err)
		}
	}
	return nil
}

func (s *show) firstApply(ctx context.Context) error {
	say("The agent found the repository %s and applies it, in order:", s.repo.dir)
	say("segments, hosts, membership, claims, tenant clusters, stacks; BIOS of the control plane machines one at a time.\n")
	head, err := s.repo.head(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	stop := s.changes()
	defer stop()
	if _, err := s.settled(ctx, head, patience); err != nil {
		return err
	}
	say("\nConverged in %.0f s. Each control plane machine was reset once: %s", time.Since(began).Seconds(), s.resets("cp-001", "cp-002", "cp-003"))
	_, err = s.millwright(ctx, 0, "status")
	return err
}

// resets tells how often machines were reset, by their own count.
func (s *show) resets(machines ...string) string {
	var told []string
	for _, name := range machines {
		m, _ := s.world.site.Machine(name)
		told = append(told, fmt.Sprintf("%s %d×", name, m.Resets))
	}
	return strings.Join(told, ", ")
}

// given matches a line that `millwright allocate` prints for a machine that a pool gets.
var given = regexp.MustCompile(`\+ (\S+) → pool/globex/serve/h100`)

// released matches the line for a machine that acme gives up.
var released = regexp.MustCompile(`- (\S+) ← pool/acme/train/h100`)

func (s *show) change(ctx context.Context) error {
	const acme, globex = "tenants/acme/acme.cue", "tenants/globex/globex.cue"
	say("A pull request: globex's pool grows from 3 to 5, acme gives up one H100 machine, and globex takes one.")
	if err := s.repo.edit(acme, "count:  4", "count:  3"); err != nil {
		return err
	}
	err := s.repo.edit(globex, `pool: l40s: {class: "l40s-4x", count: 3}`,
		`pool: l40s: {class: "l40s-4x", count: 5}`+"\n\t\t"+`pool: h100: {class: "h100-8x", count: 1}`)
	if err != nil {
		return err
	}
	out, err := s.millwright(ctx, 0, "allocate")
	if err != nil {
		return err
	}
	from, to := released.FindStringSubmatch(out), given.FindStringSubmatch(out)
	if from == nil || to == nil {
		return fmt.Errorf("allocate did not say which machine acme gives up and which globex gets")
	}
	moved := from[1]
	if to[1] != moved {
		say("\nThe allocation is a file like any other: the reviewer gives globex the machine that acme gives up, %s instead of %s.", moved, to[1])
		if err := s.repo.edit("allocation/allocation.cue", `"`+to[1]+`"`, `"`+moved+`"`); err != nil {
			return err
		}
	}
	if _, err := s.millwright(ctx, 0, "plan"); err != nil {
		return err
	}
	stop := s.changes()
	defer stop()
	seen := len(s.world.site.Log())
	if _, err := s.merge(ctx, "Grow globex by two, and move "+moved+" from acme to globex", patience); err != nil {
		return err
	}
	say("\nWhat %s and its neighbours saw, in order: it left acme, was wiped, and only then joined globex.", moved)
	return s.showMove(moved, seen)
}

// showMove prints what happened to the moved machine, and fails unless it left, was cleaned and
// joined in that order.
func (s *show) showMove(machine string, from int) error {
	var order []string
	for _, e := range s.world.site.Log()[from:] {
		if e.Target == machine && e.Status == 0 && slices.Contains([]string{"leave", "clean", "join", "release"}, e.Verb) {
			fmt.Printf("  │ %s  %-8s %-8s %s\n", e.Time.UTC().Format("15:04:05.000"), e.System, e.Verb, e.Detail)
			if e.System == "netris" || e.Verb == "clean" {
				order = append(order, e.Verb)
			}
		}
	}
	if !slices.Equal(order, []string{"leave", "clean", "join"}) {
		return fmt.Errorf("%s should have left, been cleaned and joined, but: %v", machine, order)
	}
	return nil
}

func (s *show) drift(ctx context.Context) error {
	stop := s.changes()
	defer stop()
	if err := s.driftKubernetes(ctx); err != nil {
		return err
	}
	if err := s.driftRedfish(ctx); err != nil {
		return err
	}
	return s.driftNetris(ctx)
}

func (s *show) driftKubernetes(ctx context.Context) error {
	say("Kubernetes: somebody relabels host gpu-003 with kubectl. Harmless, so it is put right; the API server tells who it was.")
	if err := s.world.relabel(ctx, "gpu-003", "millwright.dev/rack", "b7"); err != nil {
		return err
	}
	return s.corrected(ctx, "the label is put right", func() (bool, error) {
		rack, err := s.world.label(ctx, "gpu-003", "millwright.dev/rack")
		return rack == "a1", err
	})
}

func (s *show) driftRedfish(ctx context.Context) error {
	say("\nRedfish: somebody sets other time servers on the BMC of gpu-001. BMCs do not tell who.")
	s.world.site.Update("gpu-001", func(m *simulate.Machine) { m.NTP = []string{"time.nowhere.example.com"} })
	return s.corrected(ctx, "the time servers are put right", func() (bool, error) {
		m, _ := s.world.site.Machine("gpu-001")
		return slices.Equal(m.NTP, []string{"ntp1.dc1.example.com", "ntp2.dc1.example.com"}), nil
	})
}

func (s *show) driftNetris(ctx context.Context) error {
	say("\nNetris: somebody takes gpu-011 out of globex's segment. To put it back changes a network: policy leaves that to a person.")
	if err := s.world.netris.RemoveMember("globex-serve", "gpu-011"); err != nil {
		return err
	}
	const address = "netris/dc1/servercluster/globex-serve/server/gpu-011"
	if _, err := s.agent.until(ctx, address+" is held", patience, held(address, "drift-policy")); err != nil {
		return err
	}
	if _, err := s.millwright(ctx, 0, "status", address); err != nil {
		return err
	}
	say("\nThey put it back themselves, and all is well again.")
	if err := s.whenReady(ctx, func() error { return s.world.netris.AddMember("globex-serve", "gpu-011") }); err != nil {
		return err
	}
	head, err := s.repo.head(ctx)
	if err != nil {
		return err
	}
	_, err = s.settledInSync(ctx, head)
	return err
}

// corrected waits until something is as it was.
func (s *show) corrected(ctx context.Context, what string, ok func() (bool, error)) error {
	_, err := s.agent.until(ctx, what, patience, func(report.Report) bool {
		is, err := ok()
		return err == nil && is
	})
	return err
}

// whenReady tries something that the controller refuses while it is busy.
func (s *show) whenReady(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// held is the condition that an object is held by a guard.
func held(address, by string) func(report.Report) bool {
	return func(r report.Report) bool {
		return slices.ContainsFunc(r.Items, func(i report.Item) bool {
			return i.Address == address && i.Status == plan.Held && slices.ContainsFunc(i.Held, func(h plan.Hold) bool { return h.By == by })
		})
	}
}

// settledInSync waits until nothing but what is in sync is left.
func (s *show) settledInSync(ctx context.Context, commit string) (report.Report, error) {
	return s.agent.until(ctx, "everything is in sync", patience, func(r report.Report) bool {
		return r.Source.Commit == commit && r.Complete && len(r.Items) == 0
	})
}

func (s *show) remove(ctx context.Context) error {
	say("Somebody deletes globex's files: git rm, and its lines in the allocation. Nothing says that globex is to be retired,")
	say("so nothing is taken down: whatever is globex's is held.")
	if _, err := s.repo.git(ctx, "rm", "-r", "--quiet", "tenants/globex", "segments/globex-serve.cue"); err != nil {
		return err
	}
	allocation, err := s.repo.read("allocation/allocation.cue")
	if err != nil {
		return err
	}
	block := regexp.MustCompile(`(?ms)^\tglobex: .*?^\t\}?\]?\n(?:\tglobex: .*?^\t\]\n)*`).FindString(allocation)
	if block == "" {
		return fmt.Errorf("the allocation has no lines of globex")
	}
	if err := s.repo.edit("allocation/allocation.cue", block, ""); err != nil {
		return err
	}
	if _, err := s.millwright(ctx, 0, "validate"); err != nil {
		return err
	}
	r, err := s.merge(ctx, "Remove globex", patience)
	if err != nil {
		return err
	}
	if !held("kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-globex/serve", "retire-first")(r) {
		return fmt.Errorf("globex's cluster is not held")
	}
	say("%d objects are held. The one that matters most:", r.Counts[plan.Held])
	if _, err := s.millwright(ctx, 0, "status", "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-globex/serve"); err != nil {
		return err
	}
	return s.revert(ctx)
}

// revert takes the newest commit back, and waits until everything is in sync again.
func (s *show) revert(ctx context.Context) error {
	say("\ngit revert, and everything is as it was.")
	if _, err := s.repo.git(ctx, "revert", "--no-edit", "HEAD"); err != nil {
		return err
	}
	head, err := s.repo.head(ctx)
	if err != nil {
		return err
	}
	_, err = s.settledInSync(ctx, head)
	return err
}

func (s *show) badCommit(ctx context.Context) error {
	say("A field is misspelt, and nobody ran `millwright validate`:")
	if err := s.repo.edit("tenants/acme/acme.cue", "count:  3", "cuont:  3"); err != nil {
		return err
	}
	if _, err := s.millwright(ctx, 3, "validate"); err != nil {
		return err
	}
	good, err := s.repo.head(ctx)
	if err != nil {
		return err
	}
	if err := s.repo.commit(ctx, "Tune acme"); err != nil {
		return err
	}
	bad, err := s.repo.head(ctx)
	if err != nil {
		return err
	}
	say("\nMerged all the same. The agent refuses it and says where; the last good commit stays in force.")
	_, err = s.agent.until(ctx, "the bad commit is refused", patience, func(r report.Report) bool {
		return r.Source.Refused == bad && r.Source.Commit == good
	})
	if err != nil {
		return err
	}
	if _, err := s.millwright(ctx, 0, "status"); err != nil {
		return err
	}
	return s.revert(ctx)
}

func (s *show) why(ctx context.Context) error {
	say("Every field of every object leads back to a line of the fleet, and to the commit that changed it last.")
	if _, err := s.millwright(ctx, 0, "why", "redfish/gpu-001/ntp.NTP.NTPServers[0]"); err != nil {
		return err
	}
	_, err := s.millwright(ctx, 0, "why", "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-globex/serve.spec.template.helmRelease.values.privateNodes.autoNodes[0].static[1].quantity")
	return err
}

// dashboard tries what a browser would show, and says where.
func (s *show) dashboard(ctx context.Context) error {
	base, err := s.agent.dashboard()
	if err != nil {
		return err
	}
	head, err := s.repo.head(ctx)
	if err != nil {
		return err
	}
	for path, shows := range map[string]string{"/": head, "/racks": "gpu-001", "/tenants/acme": "Acme Robotics", "/machines/gpu-001": "a1", "/stacks/training": "priorities"} {
		page, err := s.agent.get(ctx, path)
		if err != nil {
			return err
		}
		if !strings.Contains(page, shows) {
			return fmt.Errorf("the dashboard's page %s does not show %s", path, shows)
		}
	}
	say("The agent serves a read-only dashboard: %s/ has what needs attention, %s/racks the floor.", base, base)
	return nil
}

// leaveRunning says what to try while everything runs on.
func (s *show) leaveRunning() {
	reach := strings.Join(s.reach(), " ")
	dashboard, _ := s.agent.dashboard() // it was read just before
	fmt.Printf(`
Everything is still running. From another terminal:

  xdg-open %[7]s/racks                          # or any browser
  cd %[1]s                                       # edit the fleet, git commit, and watch
  %[2]s status --state-dir %[3]s
  %[2]s plan %[4]s
  %[2]s why machine/gpu-001.bmc.address
  git -C %[8]s log                # what the agent did
  git switch %[9]s && %[2]s plan --base main -o markdown ; git switch main
  kubectl --kubeconfig %[5]s get baremetalhosts -A     # if you have kubectl
  tail -f %[6]s

Ctrl-C stops it all.
`, s.repo.dir, s.binary, s.agent.state, reach, s.world.kubeconfig(), s.agent.log, dashboard, s.journal.dir, proposal)
}
