package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"millwright.dev/millwright/internal/view"
)

// globals are what every command has.
type globals struct {
	stdout, stderr io.Writer
	dir            string
	cacheDir       string
}

func newRoot(g *globals) *cobra.Command {
	root := &cobra.Command{
		Use:   "millwright",
		Short: "One Git repository for machines, segments and clusters",
		Long: `Millwright turns a fleet repository into machines, network segments and tenant clusters: it compiles
and checks what the repository says, plans the difference to what is there, applies what may be
applied, and reports drift.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP(&g.dir, "directory", "C", ".", "the fleet repository, or a directory of it")
	root.PersistentFlags().StringVar(&g.cacheDir, "cache-dir", defaultCache(), "where compiled results are kept; empty keeps none")
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		newValidate(g), newRender(g), newPlan(g), newApply(g), newAllocate(g), newStatus(g), newWhy(g), newAgent(g), newVersion(g),
	)
	return root
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "millwright", "fleet")
}

// style is how text on stdout may look.
func (g *globals) style() view.Style {
	file, ok := g.stdout.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return view.Style{}
	}
	info, err := file.Stat()
	return view.Style{Colour: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// say prints talk: progress and hints, never data.
func (g *globals) say(format string, args ...any) {
	_, _ = fmt.Fprintf(g.stderr, format+"\n", args...)
}

// directory is the one argument that most commands take instead of -C.
func (g *globals) directory(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return g.dir
}

// writer is a way to write one result.
type writer func(io.Writer) error

// outputs are the sinks of -o: "text", "json=plan.json", several at once.
type outputs []string

// write writes the result in every form that was asked for; "text" to stdout if none was.
func (o outputs) write(g *globals, forms map[string]writer) error {
	wanted := []string(o)
	if len(wanted) == 0 {
		wanted = []string{"text"}
	}
	for _, w := range wanted {
		form, file, toFile := strings.Cut(w, "=")
		write, ok := forms[form]
		if !ok {
			return fmt.Errorf("-o %s: no such form here; there are %s", form, strings.Join(names(forms), ", "))
		}
		if !toFile {
			if err := write(g.stdout); err != nil {
				return err
			}
			continue
		}
		if err := toDisk(file, write); err != nil {
			return fmt.Errorf("-o %s: %w", w, err)
		}
	}
	return nil
}

func toDisk(file string, write writer) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func (o *outputs) flag(cmd *cobra.Command, forms string) {
	cmd.Flags().StringSliceVarP((*[]string)(o), "output", "o", nil, "how to write the result: "+forms+"; form=file writes to a file; may be repeated")
}
