package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/view"
)

var codePattern = regexp.MustCompile(`^(?i:MW)[0-9]+$`)

func newExplain(g *globals) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "explain [field | code]",
		Short: "Say what a field of a fleet means, or what a finding's code does",
		Long: `Explain prints what the schema says about a field: its meaning, type, default and an example. With a
finding's code it prints what is wrong, why that matters and how to mend it; with neither, all that a
fleet can say. It needs neither a fleet nor a network.

  millwright explain tenant.cluster.nodes
  millwright explain machine/gpu-001.bmc.address
  millwright explain CIDR
  millwright explain MW204
` + exits(""),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && codePattern.MatchString(args[0]) {
				return explainCode(g, &out, strings.ToUpper(args[0]))
			}
			fields := fleet.Manual()
			if len(args) == 1 {
				field, err := fleet.Explain(args[0])
				if err != nil {
					return err
				}
				fields = []fleet.Field{field}
			}
			entries := manual(fields)
			return out.write(g.stdout, map[string]writer{
				"text":     func(w io.Writer, s view.Style) error { return view.ManualText(w, entries, s) },
				"markdown": form(entries, view.ManualMarkdown),
				"json":     func(w io.Writer, _ view.Style) error { return view.JSON(w, entries) },
			})
		},
	}
	out.flag(cmd, "text", "markdown", "json")
	return cmd
}

// manual is what the schema says as it is shown.
func manual(fields []fleet.Field) []view.Entry {
	entries := make([]view.Entry, len(fields))
	for i, f := range fields {
		entries[i] = view.Entry(f)
	}
	return entries
}

func explainCode(g *globals, out *outputs, code string) error {
	page, ok := diag.Page(code)
	if !ok {
		return fmt.Errorf("there is no code %s; there are %s", code, strings.Join(diag.Codes(), ", "))
	}
	as := func(w io.Writer, _ view.Style) error { _, err := io.WriteString(w, page); return err }
	return out.write(g.stdout, map[string]writer{
		"text": as, "markdown": as,
		"json": func(w io.Writer, _ view.Style) error {
			return view.JSON(w, map[string]string{"code": code, "page": page})
		},
	})
}
