package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// consentLines say which changes need an approval of the fleet's own, which of them have it, and how the approvals
// stand that are there.
func consentLines(c blast.Comparison) []string {
	type asking struct{ kind, by string }
	objects, worst, names := map[asking]int{}, map[asking]kinds.Impact{}, map[asking]map[string]bool{}
	var order []asking
	for _, ch := range c.Changes {
		if !ch.Asks() {
			continue
		}
		kind, name, _ := strings.Cut(ch.Entity, "/")
		of := asking{kind: kind, by: "no approval contains it"}
		if ch.Consent != nil {
			of.by = ch.Consent.String()
		}
		if objects[of]++; objects[of] == 1 {
			order, names[of] = append(order, of), map[string]bool{}
		}
		names[of][name] = true
		worst[of] = max(worst[of], ch.Impact)
	}
	var lines []string
	for _, of := range order {
		lines = append(lines, fmt.Sprintf("%s %s: %s, at worst %s: %s", of.kind, ranges(slices.Sorted(maps.Keys(names[of]))), plural(objects[of], "object"), worst[of], of.by))
	}
	for _, g := range c.Approvals.Given {
		if g.Standing != "" {
			lines = append(lines, givenLine(g))
		}
	}
	return lines
}

// givenLine is how an approval stands that does not count.
func givenLine(g blast.Given) string {
	by := plan.Consent{Approval: g.Name, By: g.By, Verified: g.Verified}
	return fmt.Sprintf("not in force: %s: %s", by, g.Standing)
}
