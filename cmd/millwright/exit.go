package main

import (
	"context"
	"errors"
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

const exitHelp = `
Exit status:
  0    done
  1    an error: it stands on stderr
  2    there are changes (only with --exit-code)
  3    the fleet is invalid
  4    incomplete: something could not be read, or not everything is done
  130  interrupted`

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
func complaint(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
