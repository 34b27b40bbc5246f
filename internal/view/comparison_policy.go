package view

import (
	"fmt"
	"math"
	"slices"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/diag"
)

// Blocking are the rules that block a change, by name.
func Blocking(p blast.Policy) string {
	var names []string
	for _, r := range p.Rulings {
		if r.Blocks() && !slices.Contains(names, r.Rule) {
			names = append(names, clean(r.Rule))
		}
	}
	return some(names)
}

// blockedCode is by which people find what a blocked change is.
const blockedCode = "MW381"

// otherRules is said where a change has other rules than its base.
const otherRules = "the change has other rules than its base: it is judged by both, and what the base's rules say stands"

// block is one line about what blocks a change: a rule, or something that it denies.
type block struct {
	rule *blast.Ruling // nil for what it denies
	text string
	pos  diag.Pos
}

// blocks are the lines about the rules that block a change, each before what it denies, which are so many at most.
func blocks(p blast.Policy, most int) []block {
	var all []block
	for i := range p.Rulings {
		r := &p.Rulings[i]
		if !r.Blocks() {
			continue
		}
		name := r.Rule
		if p.Differ {
			name += " of the " + r.Of
		}
		all = append(all, block{rule: r, text: name + ": " + r.Says, pos: r.Pos})
		if r.Failed.Summary != "" {
			all = append(all, block{text: r.Failed.Summary + "  [" + r.Failed.Code + "]", pos: r.Failed.Pos})
		}
		for i, d := range r.Denied {
			if i == most {
				all = append(all, block{text: fmt.Sprintf("and %d more", len(r.Denied)-most)})
				break
			}
			all = append(all, block{text: d.At + ": " + d.Why, pos: d.Pos})
		}
	}
	return all
}

// tallyOf is how many rules passed, and how many block.
func tallyOf(p blast.Policy, blocked string) string {
	passed, n := p.Count()
	text := fmt.Sprintf("%d passed", passed)
	if n > 0 {
		text += fmt.Sprintf(", %d %s", n, blocked)
	}
	return text
}

func policyText(p *printer, policy blast.Policy, s Style) {
	if len(policy.Rulings) == 0 && !policy.Differ {
		return
	}
	colour, code := good, ""
	if policy.Blocked() {
		colour, code = bad, "  ["+blockedCode+"]"
	}
	p.f("%s%s\n", s.paint(colour, "policy: "+tallyOf(policy, "blocked")), code)
	if policy.Differ {
		p.f("  %s\n", s.paint(caution, otherRules))
	}
	for _, b := range blocks(policy, math.MaxInt) {
		word := ""
		if b.rule != nil {
			word = "blocked"
		}
		p.f("  %s  %s", s.paint(bad, fmt.Sprintf("%-12s", word)), sentence(b.text))
		if b.pos.IsValid() {
			p.f("  %s", s.paint(faint, s.pos(b.pos)))
		}
		p.f("\n")
	}
}

// policyMarkdown is the tally, and that there are other rules.
func policyMarkdown(p blast.Policy) string {
	if len(p.Rulings) == 0 && !p.Differ {
		return ""
	}
	text := "Policy: " + tallyOf(p, "**blocked**") + "\n\n"
	if p.Differ {
		text += "> **Other rules:** " + otherRules + ".\n\n"
	}
	return text
}

// blocksMarkdown is the table of what blocks; it returns how many lines did not fit.
func blocksMarkdown(out *budget, p blast.Policy) (dropped int) {
	all := blocks(p, most)
	return out.lines("| Policy | What |\n|---|---|\n", "\n", len(all), func(i int) string {
		word, text := "", sentence(all[i].text)
		if all[i].rule != nil {
			word = strongWord("blocked")
		}
		if all[i].pos.IsValid() {
			text += "; " + all[i].pos.String()
		}
		return fmt.Sprintf("| %s | %s |\n", word, code(text))
	})
}

// policyGitHub writes an error for each thing that a rule denies, where it is written, or else at the rule. GitHub
// shows few, so that a rule that denies much has one that tells how much.
func policyGitHub(p *printer, policy blast.Policy, s Style) {
	const few = 3
	for _, r := range policy.Rulings {
		annotate := func(pos diag.Pos, text string) {
			if !pos.IsValid() || pos.IsBuiltIn() {
				pos = r.Pos
			}
			at := s.pos(pos)
			p.f("::error ")
			if at.File != "" {
				p.f("file=%s,line=%d,", noCommand(githubProperty(at.File)), max(at.Line, 1))
			}
			rule := fmt.Sprintf("%s of the %s, %s: %s", r.Rule, r.Of, s.pos(r.Pos), r.Says)
			p.f("title=millwright policy::%s\n", githubText(text+"\n"+rule))
		}
		if r.Failed.Summary != "" {
			annotate(r.Failed.Pos, r.Failed.Summary)
		}
		for i, d := range r.Denied {
			if i == few {
				annotate(r.Pos, fmt.Sprintf("and %d more", len(r.Denied)-few))
				break
			}
			annotate(d.Pos, d.At+": "+d.Why)
		}
	}
}
