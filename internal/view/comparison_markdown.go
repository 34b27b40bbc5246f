package view

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"millwright.dev/millwright/internal/blast"
	"millwright.dev/millwright/internal/kinds"
	"millwright.dev/millwright/internal/report"
)

// MarkdownLimit is how many characters a comment may have: forges take a few thousand more.
const MarkdownLimit = 60_000

// CommentMarker begins every comment of ours, so that it is found again and edited. People do not see it.
const CommentMarker = "<!-- millwright-plan "

// ComparisonMarkdown writes a comparison as one comment of at most [MarkdownLimit] characters. What is dangerous
// stands in full and unfolded; of the rest as much as there is room for, folded, and what was left out is said.
// Text out of the fleet cannot become markup, mention anybody or end a table.
func ComparisonMarkdown(w io.Writer, c blast.Comparison) error {
	_, err := io.WriteString(w, markdown(c))
	return err
}

func markdown(c blast.Comparison) string {
	head := &strings.Builder{}
	fmt.Fprintf(head, "%sbase=%s head=%s plan=%s -->\n", CommentMarker, word(c.Base.Commit), word(c.Head.Commit), ComparisonDigest(c))
	fmt.Fprintf(head, "### millwright plan · %s onto %s at %s\n\n", code(report.ShortCommit(c.Head.Commit)), code(c.Base.Name), code(report.ShortCommit(c.Base.Commit)))
	if text := staleLine(c); text != "" {
		fmt.Fprintf(head, "> **Stale:** %s has gone on to %s since. What is merged may do something else than what stands here.\n\n", code(c.Base.Name), code(report.ShortCommit(c.Base.Tip)))
	}
	for i, reason := range c.Incomplete {
		if i == most {
			fmt.Fprintf(head, "> **Incomplete:** and %d more reasons.\n\n", len(c.Incomplete)-most)
			break
		}
		fmt.Fprintf(head, "> **Incomplete:** %s\n\n", code(sentence(reason)))
	}
	fmt.Fprintf(head, "**%s**\n\n", ComparisonSummary(c))

	foot := fmt.Sprintf("\n<sub>plan %s; %s.</sub>\n", code(ComparisonDigest(c)[:len("sha256:")+12]), assumed)
	head.WriteString(policyMarkdown(c.Policy))
	out := &budget{left: MarkdownLimit - length(head.String()) - length(foot) - reserved}
	if !c.Differs() {
		if left := blocksMarkdown(out, c.Policy); left > 0 {
			fmt.Fprintf(&out.text, "\n> **Cut:** %s did not fit. The whole plan is the job's artifact.\n", plural(left, "policy line"))
		}
		return head.String() + out.text.String() + foot
	}
	all := dangers(c.Radius)
	left := out.lines("| Danger | What |\n|---|---|\n", "\n", len(all), func(i int) string {
		return fmt.Sprintf("| %s | %s |\n", strongWord(all[i].what), code(all[i].line))
	})
	if left > 0 {
		fmt.Fprintf(head, "> **%d lines about danger do not fit below.** Do not judge by this comment: the whole plan is the job's artifact.\n\n", left)
	}
	dropped := []string{}
	drop := func(n int, what string) {
		if n > 0 {
			dropped = append(dropped, plural(n, what))
		}
	}
	drop(blocksMarkdown(out, c.Policy), "policy line")
	tenants := c.Radius.Tenants
	drop(out.lines("| Tenant | Hosts | GPUs | Impact |\n|---|---|---|---|\n", "\n", len(tenants), func(i int) string {
		t := tenants[i]
		name := code(t.Name)
		if t.DisplayName != "" && t.DisplayName != t.Name {
			name += " " + code(cut(clean(t.DisplayName)))
		}
		return fmt.Sprintf("| %s | %s | %s | %s |\n", name, count(t.Hosts), count(t.GPUs), impactWord(t.Impact))
	}), "tenant")
	segments := c.Radius.Segments
	drop(out.lines("| Segment | What |\n|---|---|\n", "\n", len(segments), func(i int) string {
		return fmt.Sprintf("| %s | %s |\n", code(segments[i].Name), code(sentence(segmentLine(segments[i]))))
	}), "segment")
	approvals := append(approvalLines(c.Approvals), consentLines(c)...)
	drop(out.lines("**Approvals**\n\n", "\n", len(approvals), func(i int) string {
		return "- " + code(sentence(approvals[i])) + "\n"
	}), "line about approval")
	entities := slices.DeleteFunc(groups(c), func(g group) bool { return g.body == "" }) // all of it stands above
	drop(out.lines("", "", len(entities), func(i int) string { return folded(entities[i]) }), "change of an entity")
	if len(dropped) > 0 {
		fmt.Fprintf(&out.text, "\n> **Cut:** %s did not fit. The whole plan is the job's artifact.\n", strings.Join(dropped, ", "))
	}
	return head.String() + out.text.String() + foot
}

const (
	// most is how many reasons of incompleteness are told, and how much of what one rule denies.
	most = 20
	// reserved are the characters kept for what has to be said when something is cut.
	reserved = 800
)

// budget is text that must not grow beyond a number of characters.
type budget struct {
	text strings.Builder
	left int
}

// lines adds as many of n lines as fit below a heading and says how many did not.
func (b *budget) lines(heading, end string, n int, line func(int) string) (dropped int) {
	if n == 0 {
		return 0
	}
	frame := length(heading) + length(end)
	if b.left < frame {
		return n
	}
	b.text.WriteString(heading)
	b.left -= frame
	for i := range n {
		text := line(i)
		if size := length(text); size <= b.left {
			b.text.WriteString(text)
			b.left -= size
		} else {
			dropped++
		}
	}
	b.text.WriteString(end)
	return dropped
}

// length counts as GitHub's database does at worst: in UTF-16.
func length(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// folded is an entity with all that changes, under a line that opens it. No line of it begins with text that is not
// ours: GitLab carries out what begins with a slash.
func folded(g group) string {
	fence := strings.Repeat("`", max(3, longestRun(g.body)+1))
	var body strings.Builder
	for line := range strings.Lines(g.body) {
		body.WriteString(" " + line)
	}
	return fmt.Sprintf("<details><summary><code>%s</code></summary>\n\n%stext\n%s%s\n</details>\n\n",
		html.EscapeString(cutAt(clean(groupTitle(g)), 4*longest)), fence, body.String(), fence)
}

// code is text as a span of code, within which nothing has a meaning, on one line, and with nothing that could
// end the cell of a table.
func code(text string) string {
	text = strings.ReplaceAll(clean(text), "|", "¦")
	if strings.TrimSpace(text) == "" {
		return "—"
	}
	fence := strings.Repeat("`", longestRun(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// longestRun is the longest run of backticks in a text.
func longestRun(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// word is text for the marker: nothing that could end it.
func word(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ReplaceAll(text, "--", "-"))
}

func strongWord(text string) string { return "**" + text + "**" }

func impactWord(i kinds.Impact) string {
	if i >= kinds.Reboot {
		return strongWord(i.String())
	}
	return i.String()
}
