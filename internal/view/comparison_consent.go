package view

import (
	"fmt"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/plan"
)

// consentLines say which changes need an approval of the fleet's own, which of them have it, and how the approvals
// stand that are there.
func consentLines(c blast.Comparison) []string {
	type asking struct{ entity, by string }
	objects, worst := map[asking]int{}, map[asking]kinds.Impact{}
	var order []asking
	for _, ch := range c.Changes {
		if !ch.Asks() {
			continue
		}
		of := asking{entity: ch.Entity, by: "no approval contains it"}
		if ch.Consent != nil {
			of.by = ch.Consent.String()
		}
		if objects[of]++; objects[of] == 1 {
			order = append(order, of)
		}
		worst[of] = max(worst[of], ch.Impact)
	}
	var lines []string
	for _, of := range order {
		lines = append(lines, fmt.Sprintf("%s for %s, at worst %s: %s", plural(objects[of], "object"), of.entity, worst[of], of.by))
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
