package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

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
	root.PersistentFlags().StringVar(&g.cacheDir, "cache-dir", defaultCache(), "where compiled results are kept: below your cache directory unless told; empty keeps none")
	root.PersistentFlags().Lookup("cache-dir").DefValue = "" // help is the same on every machine
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())
	})
	root.AddCommand(
		newValidate(g), newRender(g), newPlan(g), newApply(g), newAllocate(g), newStatus(g), newWhy(g), newHistory(g), newAudit(g), newAgent(g), newVersion(g), newCharts(g),
		newComment(g), newPolicy(g), newInit(g), newExplain(g), newSchema(g), newMonitoring(g), newCompletion(g), newGenerateFleet(g),
	)
	if err := g.complete(root); err != nil {
		panic(err) // it names flags that are there
	}
	return root
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "millwright", "fleet")
}

// styleOn is how text may look on a writer: in colour on a terminal only.
func styleOn(w io.Writer) view.Style {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return view.Style{}
	}
	info, err := file.Stat()
	return view.Style{Colour: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// about is a style for text that names files of a fleet in dir.
func about(dir string, s view.Style) view.Style {
	if filepath.Clean(dir) != "." {
		s.Base = filepath.ToSlash(dir)
	}
	return s
}

// say prints talk: progress and hints, never data.
func (g *globals) say(format string, args ...any) {
	_, _ = fmt.Fprintln(g.stderr, view.Clean(fmt.Sprintf(format, args...)))
}

// directory is the one argument that most commands take instead of -C.
func (g *globals) directory(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return g.dir
}
