package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/web"
)

func newMonitoring(g *globals) *cobra.Command {
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "monitoring <directory>",
		Short: "Write alert rules for Prometheus and a dashboard for Grafana",
		Long: `Monitoring writes the alert rules and the dashboard of this version into a directory: alerts.yaml is a file of
rules for Prometheus, grafana-fleet.json a dashboard to import into Grafana. Both read the metrics that the
agent serves at /metrics. A file that is there and differs is left as it is, and nothing is written, unless
--overwrite says otherwise.
` + exits(""),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := writeMonitoring(args[0], overwrite); err != nil {
				return err
			}
			g.say("wrote alerts and a dashboard into %s", args[0])
			return nil
		},
	}
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace files that differ")
	return cmd
}

func writeMonitoring(dir string, overwrite bool) error {
	entries, err := fs.ReadDir(web.Monitoring(), ".")
	if err != nil {
		return err
	}
	contents := map[string][]byte{}
	for _, e := range entries {
		if contents[e.Name()], err = fs.ReadFile(web.Monitoring(), e.Name()); err != nil {
			return err
		}
		there, err := os.ReadFile(filepath.Join(dir, e.Name()))
		switch {
		case err == nil && !overwrite && !bytes.Equal(there, contents[e.Name()]):
			return fmt.Errorf("%s is there and differs; --overwrite replaces it", filepath.Join(dir, e.Name()))
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("look at what is there: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory for alerts and dashboards: %w", err)
	}
	for _, e := range entries {
		if err := os.WriteFile(filepath.Join(dir, e.Name()), contents[e.Name()], 0o644); err != nil {
			return fmt.Errorf("write alerts and dashboards: %w", err)
		}
	}
	return nil
}
