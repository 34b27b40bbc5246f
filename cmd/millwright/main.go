// Command millwright turns a fleet repository into machines, segments and clusters, and keeps them so.
// This package holds flags, wiring and exit codes; what is done is done elsewhere, above all in
// package reconcile.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"millwright.dev/millwright/internal/fleet"
)

func main() {
	fleet.WorkerMain()
	os.Exit(run())
}

// run is main with its exit code.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// execute runs one command. It is the only place that prints errors.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(&globals{stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	if text := complaint(ctx, err); text != "" {
		_, _ = fmt.Fprintf(stderr, "millwright: %s\n", text)
	}
	return code
}
