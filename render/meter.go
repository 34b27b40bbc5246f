package render

import (
	"context"
	"fmt"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/Masterminds/sprig/v3"

	"millwright.dev/millwright/internal/fleet"
)

// What the templates of one chart may cost.
const (
	maxSteps    = 200_000  // rounds of loops and uses of templates
	maxEmitted  = 64 << 20 // bytes of literal text
	maxRepeated = 1 << 20  // bytes or items that one call may repeat
)

// meter stops a chart that would never end: every round of a loop and every use of a template passes
// through it. It does not bound what functions make of their arguments.
type meter struct {
	ctx     context.Context
	steps   int
	emitted int
	asked   bool  // for something in the cluster
	spent   error // why it stopped
}

// The names by which instrumented templates call the meter.
const (
	tickName  = "millwrightTick"
	meterName = "millwrightMeter"
)

// tick counts a step that emits so many bytes of literal text.
func (m *meter) tick(bytes int) (string, error) {
	m.steps++
	m.emitted += bytes
	switch err := m.ctx.Err(); {
	case err != nil:
		m.spent = fmt.Errorf("rendering was stopped: %w", err)
	case m.steps > maxSteps:
		m.spent = fmt.Errorf("its templates take more than %d steps", maxSteps)
	case m.emitted > maxEmitted:
		m.spent = fmt.Errorf("its templates make more than %d bytes", maxEmitted)
	}
	return "", m.spent
}

// instrument puts the meter into a template's loops and definitions, and before what it hands to tpl.
// Text that does not parse is returned as it is: Helm says best what is wrong with it.
func instrument(text string) string {
	trees := map[string]*parse.Tree{}
	root := parse.New("")
	root.Mode = parse.SkipFuncCheck
	if _, err := root.Parse(text, "", "", trees); err != nil {
		return text
	}
	var b strings.Builder
	for name, t := range fleet.All(trees) {
		if name != "" {
			through(t.Root, true)
			fmt.Fprintf(&b, "{{define %q}}%s{{end}}", name, t.Root)
		}
	}
	through(root.Root, true)
	return b.String() + root.Root.String()
}

// through goes through a list of nodes and returns how much literal text one pass emits. A counted
// list begins with a tick of its own, and returns 0.
func through(l *parse.ListNode, counted bool) int {
	if l == nil {
		return 0
	}
	size := 0
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			size += len(n.Text)
		case *parse.ActionNode:
			pipe(n.Pipe)
		case *parse.TemplateNode:
			pipe(n.Pipe)
		case *parse.IfNode:
			size += branch(&n.BranchNode, false)
		case *parse.WithNode:
			size += branch(&n.BranchNode, false)
		case *parse.RangeNode:
			size += branch(&n.BranchNode, true)
		}
	}
	if !counted {
		return size
	}
	tick := &parse.TextNode{NodeType: parse.NodeText, Text: fmt.Appendf(nil, "{{%s %d}}", tickName, size)}
	l.Nodes = append([]parse.Node{tick}, l.Nodes...)
	return 0
}

func branch(b *parse.BranchNode, loop bool) int {
	pipe(b.Pipe)
	return through(b.List, loop) + through(b.ElseList, false)
}

// pipe has the text that is handed to tpl instrumented first.
func pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch arg := arg.(type) {
			case *parse.PipeNode:
				pipe(arg)
			case *parse.ChainNode:
				if inner, ok := arg.Node.(*parse.PipeNode); ok {
					pipe(inner)
				}
			}
		}
		if f, ok := c.Args[0].(*parse.IdentifierNode); ok && f.Ident == "tpl" && len(c.Args) > 1 {
			text := c.Args[1].String()
			if _, bare := c.Args[1].(*parse.PipeNode); bare {
				text = "(" + text + ")"
			}
			c.Args[1] = parse.NewIdentifier("(" + meterName + " " + text + ")")
		}
	}
}

// functions are those that charts find changed: the meter's own, what would differ from one rendering
// to the next, and what repeats without bound.
func (m *meter) functions() template.FuncMap {
	f := template.FuncMap{
		tickName:  m.tick,
		meterName: instrument,
		"lookup": func(string, string, string, string) (map[string]any, error) {
			m.asked = true
			return map[string]any{}, nil
		},
		"keys":   sortedKeys,
		"values": sortedValues,
	}
	for _, name := range unsteady {
		f[name] = func(...any) (string, error) {
			return "", fmt.Errorf("%s gives another result each time; write the value into the component's values, or let a controller in the cluster make it", name)
		}
	}
	bound(f)
	return f
}

// unsteady are the functions whose result depends on chance, on the time or on where they run.
var unsteady = []string{
	"ago", "bcrypt", "buildCustomCert", "date", "dateInZone", "dateModify", "date_in_zone", "date_modify", "encryptAES", "env", "expandenv",
	"genCA", "genCAWithKey", "genPrivateKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
	"getHostByName", "htmlDate", "htmlDateInZone", "htpasswd", "mustDateModify", "mustToDate", "must_date_modify", "now",
	"randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric", "shuffle", "toDate", "uuidv4",
}

// bound wraps the functions that make much of little.
func bound(f template.FuncMap) {
	plain := sprig.TxtFuncMap()
	limit := func(n int) error {
		if n < 0 || n > maxRepeated {
			return fmt.Errorf("%d is too often; at most %d are allowed", n, maxRepeated)
		}
		return nil
	}
	f["repeat"] = func(n int, s string) (string, error) {
		if err := limit(max(n, n*len(s))); err != nil {
			return "", err
		}
		return strings.Repeat(s, n), nil
	}
	for _, name := range []string{"indent", "nindent"} {
		original := plain[name].(func(int, string) string)
		f[name] = func(n int, s string) (string, error) {
			if err := limit(n); err != nil {
				return "", err
			}
			return original(n, s), nil
		}
	}
	until := plain["untilStep"].(func(int, int, int) []int)
	f["untilStep"] = func(start, stop, step int) ([]int, error) {
		if step == 0 {
			return []int{}, nil
		}
		if err := limit(max(0, (stop-start)/step)); err != nil {
			return nil, err
		}
		return until(start, stop, step), nil
	}
	f["until"] = func(n int) ([]int, error) {
		if err := limit(max(n, -n)); err != nil {
			return nil, err
		}
		return plain["until"].(func(int) []int)(n), nil
	}
	f["seq"] = func(params ...int) (string, error) {
		for _, p := range params {
			if err := limit(max(p, -p)); err != nil {
				return "", err
			}
		}
		return plain["seq"].(func(...int) string)(params...), nil
	}
}
