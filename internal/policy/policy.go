// Package policy judges a change by the rules of the fleet: CUE that stands in the repository beside it and
// is evaluated over a view of the plan between two commits. Begin with [ViewOf] and [Judge]; [Test] tries the
// rules' own tests. Rules are evaluated in the fleet's worker processes, and this package neither reads files
// nor knows how rulings are shown.
package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/fleet"
)

// Judge is what the rules say to a comparison, of which v is the view. The rules that are in force judge it,
// those of its base, so that no change can loosen what judges it. Where the change has others, they judge it
// too. The error is that of ctx or of the machine.
func Judge(ctx context.Context, c blast.Comparison, v View, base, head *fleet.Rules) (blast.Policy, error) {
	p := blast.Policy{Rulings: []blast.Ruling{}, Differ: !base.Same(head)}
	if len(base.All()) == 0 && len(head.All()) == 0 {
		return p, nil
	}
	p.Now = v.Now
	text, err := json.Marshal(v)
	if err != nil {
		return p, fmt.Errorf("write the plan for the rules: %w", err)
	}
	sides := []side{{blast.OfBase, base}}
	if p.Differ {
		sides = append(sides, side{blast.OfHead, head})
	}
	for _, s := range sides {
		verdicts, err := s.rules.Judge(ctx, text)
		if err != nil {
			return p, err
		}
		for _, verdict := range verdicts {
			p.Rulings = append(p.Rulings, ruling(c, s.of, verdict))
		}
	}
	return p, nil
}

type side struct {
	of    string
	rules *fleet.Rules
}

func ruling(c blast.Comparison, of string, v fleet.Verdict) blast.Ruling {
	r := blast.Ruling{Rule: v.Rule, Of: of, Says: v.Says, Pos: v.Pos}
	if len(v.Failed) > 0 {
		r.Failed = v.Failed[0]
	}
	for _, d := range v.Deny {
		r.Denied = append(r.Denied, blast.Denied{At: d.At, Why: d.Why, Pos: c.Place(d.At)})
	}
	slices.SortStableFunc(r.Denied, func(a, b blast.Denied) int { return strings.Compare(a.At, b.At) })
	return r
}
