// Worker is the compiler as a program of its own, for tests: a plain build of it runs under a memory
// limit, which a race build of the test itself would not.
package main

import "millwright.dev/millwright/internal/fleet"

func main() { fleet.WorkerMain() }
