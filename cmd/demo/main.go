// Command demo shows Millwright at work on a laptop: the real agent, real API servers and a real Git
// repository, with the hardware and the network around them simulated. It narrates what happens and
// prints what the real commands print; nothing of that is made up here. A step that does not come
// about ends the demo with an error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	once := flag.Bool("once", false, "run through and exit, instead of leaving everything running")
	dir := flag.String("dir", ".demo", "where the demo keeps its repository, state and kubeconfigs")
	binary := flag.String("millwright", "bin/millwright", "the millwright that is shown")
	example := flag.String("fleet", "fleet-example", "the fleet that is shown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, *dir, *binary, *example, *once)
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run sets the stage, tells the story, and clears up.
func run(ctx context.Context, dir, binary, example string, once bool) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	paths := map[*string]string{&dir: dir, &binary: binary}
	for to, from := range paths {
		absolute, err := filepath.Abs(from)
		if err != nil {
			return err
		}
		*to = absolute
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("there is no millwright to show: %w; `make demo` builds it", err)
	}
	s, err := stage(ctx, dir, binary, example)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.tell(ctx); err != nil {
		return errors.Join(err, s.agent.failure())
	}
	if once {
		return nil
	}
	s.leaveRunning()
	<-ctx.Done()
	say("\nstopping ...")
	return nil
}
