// Package schema holds the CUE definitions of a fleet, which are its manual too: begin with
// fleet.cue. The package carries them as bytes and knows nothing of how they are used.
package schema

//go:generate go run ../cmd/millwright explain -o markdown=REFERENCE.md
//go:generate go run ../cmd/millwright schema ../fleet-example/cue.mod/pkg/millwright.dev/fleet

import "embed"

// ImportPath is the path by which a fleet's files import the schema.
const ImportPath = "millwright.dev/fleet"

// Files are the schema as a module of CUE: its files, all of one package, in the root of the file
// system, and the module file beside them.
//
//go:embed *.cue cue.mod/module.cue
var Files embed.FS

// Language is the version of CUE that the schema is written in.
const Language = "v0.15.0"
