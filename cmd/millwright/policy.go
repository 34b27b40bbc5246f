package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/policy"
	"millwright.dev/millwright/internal/view"
)

func newPolicy(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Try the rules by which changes are judged",
		Long: `Policy is about the rules in ` + fleet.RulesDir + `, by which plan --base judges a change before it is merged:
CUE that looks at the plan and says what it is against. ` + "`millwright explain rule`" + ` tells how to write one, and
` + "`millwright explain test.plan`" + ` what rules see.
` + exits(""),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyTest(g))
	return cmd
}

func newPolicyTest(g *globals) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "test [directory]",
		Short: "Try the rules on the plans that lie beside them",
		Long: `Test runs the tests of a fleet's rules: each is a plan, as far as it matters, with what the rules deny in it; all
else they have to allow. Tests stand in files of ` + fleet.RulesDir + ` whose names end in _test.cue. Nothing else of the
fleet is compiled, and no network is needed. A rule that no test sees denying anything is warned of. A test
that fails makes the rules invalid.
` + exits("", exitInvalid),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, dir := cmd.Context(), g.directory(args)
			snapshot, c, err := g.source(dir)
			if err != nil {
				return err
			}
			defer c.Close()
			rules, found := c.Rules(ctx, snapshot.FS)
			var tried policy.Outcome
			if found.Err() == nil {
				if tried, found, err = policy.Test(ctx, rules); err != nil {
					return err
				}
			}
			if err := ctx.Err(); err != nil {
				return err // what was found is only that
			}
			err = out.write(g.stdout, map[string]writer{
				"text": func(w io.Writer, s view.Style) error {
					if err := view.Diagnostics(w, found, snapshot.FS, about(dir, s)); err != nil || found.Err() != nil {
						return err
					}
					return triedText(w, tried)
				},
				"json":   form(found, view.DiagnosticsJSON),
				"github": func(w io.Writer, s view.Style) error { return view.DiagnosticsGitHub(w, found, about(dir, s)) },
			})
			if err != nil {
				return err
			}
			return outcome(found)
		},
	}
	out.flag(cmd, "text", "json", "github")
	return cmd
}

func triedText(w io.Writer, o policy.Outcome) error {
	text := fmt.Sprintf("valid: %s, %s", plural(o.Rules, "rule"), plural(o.Tests, "test"))
	if o.Rules == 0 {
		text = "there are no rules in " + fleet.RulesDir
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// clock is a time that may be told; untold it is now.
type clock struct{ time.Time }

// Set takes a time as RFC 3339 has it.
func (c *clock) Set(text string) (err error) {
	c.Time, err = time.Parse(time.RFC3339, text)
	return err
}

// Type is what the help calls a value.
func (c *clock) Type() string { return "time" }

func (c *clock) String() string { return "" }

func (c *clock) or(now func() time.Time) time.Time {
	if c.IsZero() {
		return now()
	}
	return c.Time
}
