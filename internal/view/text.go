package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printer remembers the first error of a sequence of writes, so that a view reads as what it prints.
// Whatever is printed through it is made safe for terminals and kept on one line.
type printer struct {
	w   io.Writer
	err error
}

// painted is text that is safe already, and may hold colours of ours.
type painted string

func (p *printer) f(format string, args ...any) {
	if p.err != nil {
		return
	}
	for i, arg := range args {
		switch v := arg.(type) {
		case painted:
			args[i] = string(v)
		case int:
		default:
			args[i] = clean(fmt.Sprint(v))
		}
	}
	_, p.err = fmt.Fprintf(p.w, format, args...)
}

// Clean is text from anywhere as it may go to a terminal: line breaks stay, what else is not visible
// is written as its code.
func Clean(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// clean is Clean for one line: a line break is shown as a sign.
func clean(text string) string {
	if !hasUnsafe([]byte(text)) && !strings.ContainsAny(text, "\n\t") {
		return text
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case r == '\n':
			b.WriteRune('⏎')
		case r == '\t':
			b.WriteString("    ")
		case unsafe(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafe reports whether a character does something to a terminal, or to the order or width of what
// is around it, instead of being seen.
func unsafe(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }

func hasUnsafe(text []byte) bool { return !utf8.Valid(text) || bytes.ContainsFunc(text, unsafe) }

// escapeJSON escapes what encoding/json leaves as it is; in its output that stands in strings only.
func escapeJSON(text []byte) []byte {
	if !hasUnsafe(text) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case !unsafe(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// plural is "1 machine", "2 machines".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// longest is how much of a value is shown on a line.
const longest = 96

// value is a value on one line, as people write it, cut where it gets long.
func value(v any) string {
	text, ok := v.(string)
	switch {
	case v == nil:
		return "(not set)"
	case ok && text != "":
		return cut(clean(text))
	}
	return cut(quoted(v))
}

// values are two values that differ, so written that a reader sees how.
func values(a, b any) (string, string) {
	x, y := value(a), value(b)
	if x != y {
		return x, y
	}
	x, y = clean(quoted(a)), clean(quoted(b))
	if cut(x) != cut(y) {
		return cut(x), cut(y)
	}
	// Two long values: what they begin with in common tells nothing.
	p, q := []rune(x), []rune(y)
	same := 0
	for same < min(len(p), len(q)) && p[same] == q[same] {
		same++
	}
	same = max(0, same-longest/4)
	return "…" + cut(string(p[same:])), "…" + cut(string(q[same:]))
}

// quoted is a value as JSON: text in quotes, so that "1" is not 1.
func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func cut(text string) string { return cutAt(text, longest) }

// sentence is an explanation, most of which is needed to understand it, on one line.
func sentence(text string) string { return cutAt(clean(text), 4*longest) }

func cutAt(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
