package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/audit"
	"millwright.dev/millwright/internal/journal"
	"millwright.dev/millwright/internal/view"
)

func newAuditExport(g *globals) *cobra.Command {
	var out outputs
	var from journalSource
	var q audit.Query
	var since, until string
	cmd := &cobra.Command{
		Use:   "export [directory]",
		Short: "Write out what was merged and done, for a tenant and a period",
		Long: `Export writes, the oldest first, what was merged and, with --journal, what the agent did, what it found changed
by others, and which machines others bound. With --tenant it is what concerns that tenant: itself, its segments,
and machines while they are its own, the commits that gave and took them included.

  millwright audit export --tenant acme --since 2026-01-01 --until 2026-03-31 --journal journal.git -o csv=acme.csv

The journal is read as it is: ` + "`millwright audit verify`" + ` proves it. Times of what was merged are when it was, of
what was done when the target answered.
` + exits("", exitIncomplete),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := times(&q, "", since, until); err != nil {
				return err
			}
			line, index, err := g.index(cmd.Context(), g.directory(args))
			if err != nil {
				return err
			}
			notice := g.notice(line, index)
			done := index.Lay(nil)
			if from.url == "" {
				notice.Notes = append(notice.Notes, "what was done is not in it: no journal was named")
			} else if done, err = from.lay(cmd, index); err != nil {
				return err
			}
			records, err := done.Export(q)
			if err != nil {
				return err
			}
			for _, text := range notice.Notes {
				g.say("%s", text)
			}
			err = out.write(g.stdout, map[string]writer{
				"csv":  form(records, view.RecordsCSV),
				"json": func(w io.Writer, _ view.Style) error { return view.RecordsJSON(w, records, notice) },
			})
			if err == nil && !notice.Complete {
				return exit{code: exitIncomplete, text: strings.Join(notice.Incomplete, "; ")}
			}
			return err
		},
	}
	out.flag(cmd, "csv", "json")
	from.flags(cmd)
	cmd.Flags().StringVar(&since, "since", "", "only what was merged or done at that time or later")
	cmd.Flags().StringVar(&until, "until", "", "only what was merged or done at that time or earlier")
	cmd.Flags().StringVar(&q.Tenant, "tenant", "", "only what concerns a tenant")
	return cmd
}

// lay reads a journal and lays it on a history. One that is not whole is an error: it would be told as if it were.
func (j *journalSource) lay(cmd *cobra.Command, x *audit.Index) (*audit.Done, error) {
	fleet := ""
	if m, err := x.At("platform.fleet", time.Now()); err == nil && len(m.Values) > 0 {
		fleet, _ = m.Values[0].Value.Plain().(string)
	}
	o, err := j.open(cmd.Context(), fleet)
	if err != nil {
		return nil, err
	}
	defer o.close()
	var runs []journal.Run
	for e, err := range o.From(o.tip) {
		if err != nil {
			return nil, fmt.Errorf("%w; `millwright audit verify` tells more", err)
		}
		runs = append(runs, e.Run)
	}
	slices.Reverse(runs)
	return x.Lay(runs), nil
}
