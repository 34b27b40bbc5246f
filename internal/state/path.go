package state

import (
	"fmt"
	"strconv"
	"strings"
)

// Path leads from the root of a tree to a value in it: map keys as they are, list indices as "[0]".
type Path []string

// Index is the step to a list's i-th item.
func Index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// String writes a path as people do: spec.bmc.address, nodeTypes[0].name, labels["a.b/c"].
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch {
		case isIndex(step):
			b.WriteString(step)
		case isPlainKey(step):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		default:
			b.WriteString("[" + strconv.Quote(step) + "]")
		}
	}
	return b.String()
}

// Join is p with more steps, in memory of its own.
func (p Path) Join(steps ...string) Path {
	return append(p[:len(p):len(p)], steps...)
}

// HasPrefix reports whether p is q or lies below it.
func (p Path) HasPrefix(q Path) bool {
	if len(p) < len(q) {
		return false
	}
	for i := range q {
		if p[i] != q[i] {
			return false
		}
	}
	return true
}

// ParsePath reads a path as Path.String writes it, and as people write one in CUE: labels."a.b/c".
func ParsePath(s string) (Path, error) {
	var p Path
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], `["`):
			quoted, err := strconv.QuotedPrefix(s[i+1:])
			if err != nil || !strings.HasPrefix(s[i+1+len(quoted):], "]") {
				return nil, fmt.Errorf("path %q: the key that begins at %d is not closed", s, i)
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", s, err)
			}
			p, i = append(p, key), i+len(quoted)+2
		case s[i] == '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 || !isIndex(s[i:i+end+1]) {
				return nil, fmt.Errorf("path %q: the index that begins at %d is no number in brackets", s, i)
			}
			p, i = append(p, s[i:i+end+1]), i+end+1
		default:
			if s[i] == '.' && len(p) > 0 {
				i++
			}
			if strings.HasPrefix(s[i:], `"`) {
				quoted, err := strconv.QuotedPrefix(s[i:])
				key, bad := strconv.Unquote(quoted)
				if err != nil || bad != nil || i+len(quoted) < len(s) && !strings.ContainsAny(s[i+len(quoted):i+len(quoted)+1], ".[") {
					return nil, fmt.Errorf("path %q: the key that begins at %d is not closed", s, i)
				}
				p, i = append(p, key), i+len(quoted)
				continue
			}
			end := strings.IndexAny(s[i:], ".[")
			if end < 0 {
				end = len(s) - i
			}
			if end == 0 {
				return nil, fmt.Errorf("path %q: empty key at %d", s, i)
			}
			p, i = append(p, s[i:i+end]), i+end
		}
	}
	return p, nil
}

func isIndex(step string) bool {
	_, ok := index(step)
	return ok
}

// index is the number of a list's item that a step leads to; ok is false if it leads to a map's key.
func index(step string) (i int, ok bool) {
	if len(step) < 3 || step[0] != '[' || step[len(step)-1] != ']' {
		return 0, false
	}
	n, err := strconv.ParseUint(step[1:len(step)-1], 10, 31)
	return int(n), err == nil
}

func isPlainKey(step string) bool {
	return step != "" && !strings.ContainsAny(step, `.[]"`)
}
