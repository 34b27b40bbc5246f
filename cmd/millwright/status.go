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
	"strings"
	"time"

	"github.com/spf13/cobra"

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
shows only that object and what lies below it.
` + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := readReport(cmd.Context(), g, agent, stateDir)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				r.Items = below(r.Items, args[0])
			}
			err = out.write(g, map[string]writer{
				"text": func(w io.Writer) error { return view.ReportText(w, r, time.Now(), g.style()) },
				"json": func(w io.Writer) error { return view.JSON(w, r) },
			})
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
	out.flag(cmd, "text, json")
	cmd.Flags().StringVar(&agent, "agent", "", "address of the agent (host:port); found in the state directory without it")
	cmd.Flags().StringVar(&stateDir, "state-dir", defaultState(), "the agent's state directory")
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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+agent+"/v1/report", nil)
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

// below are the items at an address or an entity, or beneath it.
func below(items []report.Item, address string) []report.Item {
	var found []report.Item
	for _, i := range items {
		if within(i.Address, address) || within(i.Entity, address) {
			found = append(found, i)
		}
	}
	return found
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
