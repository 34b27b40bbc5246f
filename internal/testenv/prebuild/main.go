// Command prebuild builds the servers of the test environment, or finds them built. "make test" runs
// it first, since "go test" would show nothing of a build that takes minutes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"millwright.dev/millwright/internal/testenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if _, err := testenv.Prepare(ctx, testenv.Options{ControllerManager: true}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
