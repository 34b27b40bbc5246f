package web

import (
	"fmt"
	"slices"
)

// The statuses that the dashboard itself decides on; all are those of a plan.
const (
	inSync  = "in-sync"
	unknown = "unknown"
)

// look is how a status is shown: always by word and sign, and by colour besides.
type look struct {
	word      string
	meaning   string
	attention bool // somebody should look
}

// statuses by name.
var statuses = map[string]look{
	inSync:        {"in sync", "It is as Git wants it.", false},
	"progressing": {"under way", "It is being made so, or waits for what it stands on.", false},
	"pending":     {"pending", "Accepted; it takes effect at the next reset.", false},
	"drifted":     {"drifted", "Somebody changed it.", true},
	"missing":     {"missing", "It was ours and is gone.", true},
	"orphaned":    {"orphaned", "It bears our mark, and nothing explains it.", true},
	"held":        {"held", "It must not happen yet; a guard says why.", true},
	unknown:       {"unknown", "It could not be read: neither drift nor in sync.", true},
	"failed":      {"failed", "It was tried, and refused.", true},
}

// fromBest are all statuses, the worst last.
var fromBest = []string{inSync, "progressing", "pending", "drifted", "missing", "orphaned", "held", unknown, "failed"}

// gravity orders statuses; a word that is none counts as unknown.
func gravity(status string) int {
	if n := slices.Index(fromBest, status); n >= 0 {
		return n
	}
	return slices.Index(fromBest, unknown)
}

// shown is a status that has a look.
func shown(status string) string {
	if _, ok := statuses[status]; ok {
		return status
	}
	return unknown
}

// impacts in rising order.
var impacts = []string{"none", "restart", "network", "reboot", "reprovision", "data-loss"}

// impact is a report's word, and nothing for none.
func impact(word string) string {
	if word == "none" {
		return ""
	}
	return word
}

// impactRank orders impacts; a word that is none counts as the worst.
func impactRank(word string) int {
	if word == "" {
		return 0
	}
	if n := slices.Index(impacts, word); n >= 0 {
		return n
	}
	return len(impacts)
}

// plural is "1 machine", "2 machines".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
