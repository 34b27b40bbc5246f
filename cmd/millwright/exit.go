package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/view"
)

// The exit codes; every command's help lists those it uses.
const (
	exitOK          = 0
	exitError       = 1
	exitChanges     = 2 // only with --exit-code
	exitInvalid     = 3
	exitIncomplete  = 4
	exitInterrupted = 130
)

// exits is the part of a command's help that lists its exit codes. Changes says what code 2 means to
// it, or is empty where it has none; codes are others beside those that every command has.
func exits(changes string, codes ...int) string {
	meaning := map[int]string{
		exitOK:          "done",
		exitError:       "an error: it stands on stderr",
		exitChanges:     changes,
		exitInvalid:     "the fleet is invalid",
		exitIncomplete:  "incomplete: something could not be read, or not everything is done",
		exitInterrupted: "interrupted",
	}
	codes = append(codes, exitOK, exitError, exitInterrupted)
	if changes != "" {
		codes = append(codes, exitChanges)
	}
	var b strings.Builder
	b.WriteString("\nExit status:")
	for _, code := range slices.Sorted(slices.Values(codes)) {
		fmt.Fprintf(&b, "\n  %-3d  %s", code, meaning[code])
	}
	return b.String()
}

// exit is an outcome that is no failure of the command and yet not 0; what there is to say has been
// printed already, unless text is set.
type exit struct {
	code int
	text string
}

func (e exit) Error() string { return e.text }

func exitCode(ctx context.Context, err error) int {
	var e exit
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &e):
		return e.code
	}
	return exitError
}

// complaint is what is left to say of an error.
func complaint(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return ""
	case ctx.Err() != nil:
		return "interrupted"
	}
	return view.Clean(err.Error())
}
