package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
	"millwright.dev/millwright/internal/view"
)

func newStatus(g *globals) *cobra.Command {
	var (
		out      outputs
		agent    string
		stateDir string
		exitCode bool
	)
	cmd := &cobra.Command{
		Use:   "status [address]",
		Short: "Show how everything stands: what drifted, is held, pending or unknown",
		Long: `Status reads the report of the running agent, or the last one that was stored. With an address it
shows only what is there and below: an object, a target, or an entity with all that is for it. Of a
tenant, a segment or a site it also tells which VLANs, VXLANs and partitions the networks have:

  millwright status redfish/gpu-001
  millwright status machine/gpu-001
  millwright status tenant/acme
` + exits("something is not in sync (only with --exit-code)", exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := readReport(cmd.Context(), g, agent, stateDir)
			if err != nil {
				return err
			}
			forms := reportForms(r)
			if len(args) > 0 {
				r = narrow(r, args[0])
				forms = narrowForms(r)
			}
			err = out.write(g.stdout, forms)
			switch {
			case err != nil:
				return err
			case !r.Complete:
				return exit{code: exitIncomplete}
			case exitCode && len(r.Items) > 0:
				return exit{code: exitChanges}
			}
			return nil
		},
	}
	out.flag(cmd, "text", "json")
	cmd.Flags().StringVar(&agent, "agent", "", "address of the agent (host:port); found in the state directory without it")
	cmd.Flags().StringVar(&stateDir, "state-dir", defaultState(), "the agent's state directory: below your cache directory unless told")
	cmd.Flags().Lookup("state-dir").DefValue = "" // help is the same on every machine
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 2 if anything is not in sync")
	return cmd
}

// readReport asks the agent; if none runs, it reads the stored report and says so.
func readReport(ctx context.Context, g *globals, agent, stateDir string) (report.Report, error) {
	if agent != "" {
		return fetchReport(ctx, agent) // it was named, so nothing else will do
	}
	conn := connection{stateDir: stateDir}
	address, err := os.ReadFile(conn.addressFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return report.Report{}, fmt.Errorf("read the agent's address: %w", err)
	}
	if len(address) > 0 {
		r, err := fetchReport(ctx, strings.TrimSpace(string(address)))
		if err == nil {
			return r, nil
		}
		g.say("the agent does not answer (%v); this is the report that it stored last", err)
	}
	r, err := report.Load(conn.reportFile())
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("no agent runs and no report is stored in %s; start one with `millwright agent`, or name it with --agent or --state-dir", stateDir)
	}
	return r, err
}

// maxReport bounds what is read of an agent's answer.
const maxReport = 256 << 20

func fetchReport(ctx context.Context, agent string) (report.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+agent+"/api/v1/report", nil)
	if err != nil {
		return report.Report{}, fmt.Errorf("ask the agent at %s: %w", agent, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return report.Report{}, fmt.Errorf("ask the agent at %s: %w", agent, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReport))
	if err != nil {
		return report.Report{}, fmt.Errorf("read the report of the agent at %s: %w", agent, err)
	}
	if answer.StatusCode != http.StatusOK {
		return report.Report{}, fmt.Errorf("the agent at %s answers %s: %s", agent, answer.Status, strings.TrimSpace(string(body)))
	}
	return report.Decode(body)
}

// reportForms are the ways to write a report.
func reportForms(r report.Report) map[string]writer {
	return map[string]writer{
		"text": func(w io.Writer, s view.Style) error { return view.ReportText(w, r, time.Now(), s) },
		"json": func(w io.Writer, _ view.Style) error { return view.JSON(w, r) },
	}
}

// narrowForms are the ways to write what narrow left of a report: the numbers of all networks together
// would be of no use to a reader.
func narrowForms(r report.Report) map[string]writer {
	forms := reportForms(r)
	all := forms["text"]
	forms["text"] = func(w io.Writer, s view.Style) error {
		return errors.Join(all(w, s), view.NetworksText(w, r.Networks, time.Now()))
	}
	return forms
}

// narrow is the report of what is at an address or concerns an entity. What is in sync stands in no
// report by name, so it is not counted. Alarms stay: they concern everybody.
func narrow(r report.Report, address string) report.Report {
	r.Counts = map[plan.Status]int{}
	r.Items = slices.DeleteFunc(slices.Clone(r.Items), func(i report.Item) bool { return !concerns(i, address) })
	for _, i := range r.Items {
		r.Counts[i.Status]++
	}
	r.Unreachable = slices.DeleteFunc(slices.Clone(r.Unreachable), func(u report.Unreachable) bool {
		touched := func(i report.Item) bool { return within(i.Address, u.Target) }
		return !within(u.Target, address) && !within(address, u.Target) && !slices.ContainsFunc(r.Items, touched)
	})
	r.Networks = slices.DeleteFunc(slices.Clone(r.Networks), func(n report.Networks) bool {
		return address != n.Entity && address != "tenant/"+n.Tenant
	})
	return r
}

// concerns reports whether an item is at an address, or is for an entity: a tenant's clusters and
// pools are for the tenant, and what bears a machine's name is for the machine.
func concerns(i report.Item, address string) bool {
	kind, name, _ := strings.Cut(address, "/")
	switch kind {
	case "tenant":
		if within(i.Entity, "cluster/"+name) || within(i.Entity, "pool/"+name) {
			return true
		}
	case "machine":
		if slices.Contains(strings.Split(i.Address, "/"), name) {
			return true
		}
	}
	return within(i.Address, address) || within(i.Entity, address)
}

func within(name, above string) bool {
	return name == above || strings.HasPrefix(name, above+"/")
}

func (c *connection) reportFile() string  { return filepath.Join(c.stateDir, "report.json") }
func (c *connection) addressFile() string { return filepath.Join(c.stateDir, "agent.address") }

func (c *connection) save(r report.Report) error {
	if err := os.MkdirAll(c.stateDir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	return report.Save(c.reportFile(), r)
}
