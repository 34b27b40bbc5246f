package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"millwright.dev/millwright/internal/cachefile"
	"millwright.dev/millwright/internal/forge"
	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/report"
)

// telling is a status that was set, or is to be.
type telling struct {
	Commit string       `json:"commit"`
	Status forge.Status `json:"status"`
}

func (c comment) tellReport(ctx context.Context, g *globals, service forge.Forge) error {
	text, err := readBounded(c.report)
	if err != nil {
		return err
	}
	r, err := report.Decode(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.report, err)
	}
	return c.tell(ctx, g, service, r, nil)
}

// tellAgent tells what the agent says now, as far as it is news. What an agent that does not answer said last is
// told to nobody: it would pass for what is so.
func (c comment) tellAgent(ctx context.Context, g *globals, service forge.Forge) error {
	if c.agent == "" {
		conn := connection{stateDir: c.stateDir}
		address, err := os.ReadFile(conn.addressFile())
		if err != nil {
			return fmt.Errorf("find the agent: %w", err)
		}
		c.agent = strings.TrimSpace(string(address))
	}
	r, err := fetchReport(ctx, c.agent)
	if err != nil {
		return err
	}
	var known []telling
	file := ""
	if g.cacheDir != "" {
		file = filepath.Join(g.cacheDir, fmt.Sprintf("statuses-%x", sha256.Sum256([]byte(c.whom())))[:9+16])
		if text, err := cachefile.Read(file, maxTold); err == nil && json.Unmarshal(text, &known) != nil {
			known = nil
		}
	}
	err = c.tell(ctx, g, service, r, &known)
	if file == "" {
		return err
	}
	// What cannot be remembered is told once more, which does no harm.
	_ = cachefile.Write(file, func(w io.Writer) error { return json.NewEncoder(w).Encode(known) })
	return err
}

// maxTold bounds the file of what was told, in bytes.
const maxTold = 1 << 20

// whom is what tells one repository that is told from another.
func (c comment) whom() string {
	parts := []string{c.repository, fmt.Sprint(c.github, c.gitlab)}
	for _, name := range []string{"GITHUB_API_URL", "GITHUB_REPOSITORY", "CI_API_V4_URL", "CI_PROJECT_ID"} {
		parts = append(parts, os.Getenv(name))
	}
	return strings.Join(parts, "\n")
}

// tell sets what a report says, but for what is known to be set, which it keeps up to date; a nil known is nothing,
// and stays it.
func (c comment) tell(ctx context.Context, g *globals, service forge.Forge, r report.Report, known *[]telling) error {
	commit := r.Source.Commit
	if c.commit != "" && c.commit != commit {
		return fmt.Errorf("%s is in force, and not %s: nothing can be said of that yet", commit, c.commit)
	}
	var all []telling
	for _, s := range inForce(r) {
		all = append(all, telling{commit, s})
	}
	if refused := r.Source.Refused; fullCommit.MatchString(refused) && refused != commit {
		all = append(all, telling{refused, forge.Status{Name: "millwright/applied", State: forge.Failure, Description: "refused, and the last good commit stays in force: " + r.Source.Error}})
	}
	for i := range all {
		all[i].Status.URL = c.url
		if known != nil && slices.Contains(*known, all[i]) {
			continue
		}
		if err := c.set(ctx, g, service, all[i].Commit, all[i].Status); err != nil {
			return err
		}
		if known != nil {
			*known = append(slices.DeleteFunc(*known, func(k telling) bool { return k.Commit == all[i].Commit && k.Status.Name == all[i].Status.Name }), all[i])
		}
	}
	if known != nil { // of commits that nothing is said of any more nothing needs to be known
		*known = slices.DeleteFunc(*known, func(k telling) bool { return !slices.Contains(all, k) })
	}
	if !r.Complete {
		return exit{code: exitIncomplete, text: "the report is incomplete: something could not be read"}
	}
	return nil
}

// inForce are what a report says of the commit in force.
func inForce(r report.Report) [3]forge.Status {
	n := r.Counts
	applied := forge.Status{Name: "millwright/applied", State: forge.Success, Description: fmt.Sprintf("all is applied: %d objects in sync", n[plan.InSync])}
	switch under := n[plan.Progressing] + n[plan.Pending]; {
	case n[plan.Failed] > 0:
		applied.State, applied.Description = forge.Failure, plural(n[plan.Failed], "object")+" failed"
	case !r.Complete || n[plan.Unknown] > 0:
		applied.State, applied.Description = forge.Pending, "not known: "+plural(n[plan.Unknown], "object")+" could not be read"
	case under > 0:
		applied.State, applied.Description = forge.Pending, plural(under, "object")+" under way"
	}
	drifted := forge.Status{Name: "millwright/drifted", State: forge.Success, Description: "nothing drifted"}
	if d := n[plan.Drifted] + n[plan.Missing]; d > 0 {
		drifted.State, drifted.Description = forge.Failure, plural(d, "object")+" drifted or missing"
	} else if !r.Complete || n[plan.Unknown] > 0 {
		drifted.State, drifted.Description = forge.Pending, "nothing is seen to have drifted, and not everything could be read"
	}
	held := forge.Status{Name: "millwright/held", State: forge.Success, Description: "nothing is held"}
	if h := n[plan.Held]; h > 0 {
		by := map[string]bool{}
		var order []string
		for _, i := range r.Items {
			for _, hold := range i.Held {
				if !by[hold.By] {
					by[hold.By] = true
					order = append(order, hold.By)
				}
			}
		}
		held.State, held.Description = forge.Pending, plural(h, "object")+" held by "+strings.Join(order, ", ")
	}
	return [3]forge.Status{applied, drifted, held}
}
