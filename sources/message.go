package sources

import (
	"strings"
	"time"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing/object"
)

// commitOf turns go-git's commit into ours: text that is valid UTF-8, times that JSON can hold.
func commitOf(c *object.Commit) Commit {
	message := strings.ToValidUTF8(c.Message, "\uFFFD")
	subject, body := splitMessage(message)
	out := Commit{
		Hash:      c.Hash.String(),
		Author:    identityOf(c.Author),
		Committer: identityOf(c.Committer),
		Subject:   subject,
		Body:      body,
		Trailers:  parseTrailers(message),
	}
	for _, p := range c.ParentHashes {
		out.Parents = append(out.Parents, p.String())
	}
	return out
}

// identityOf leaves the time zero where the commit claims a year that no calendar of ours prints:
// such a time would make every report that holds it impossible to encode.
func identityOf(s object.Signature) Identity {
	when := s.When.UTC()
	if when.Year() < 1 || when.Year() > 9999 {
		when = time.Time{}
	}
	return Identity{
		Name:  strings.ToValidUTF8(s.Name, "\uFFFD"),
		Email: strings.ToValidUTF8(s.Email, "\uFFFD"),
		Time:  when,
	}
}

// splitMessage separates the first paragraph, on one line, from the rest.
func splitMessage(message string) (subject, body string) {
	lines := strings.Split(strings.TrimLeftFunc(message, unicode.IsSpace), "\n")
	end := 0
	for end < len(lines) && !isBlank(lines[end]) {
		lines[end] = strings.TrimSpace(lines[end])
		end++
	}
	return strings.Join(lines[:end], " "), strings.TrimSpace(strings.Join(lines[end:], "\n"))
}

// parseTrailers returns the trailers of a message by the rules of git-interpret-trailers(1): the
// last paragraph counts, if it is not the subject and either holds nothing but trailers, or has a
// line that Git itself writes (Signed-off-by, cherry picked from) and is at least a quarter trailers.
func parseTrailers(message string) []Trailer {
	lines := strings.Split(strings.TrimRightFunc(message, unicode.IsSpace), "\n")
	block := lastParagraph(lines)
	if block == 0 {
		return nil
	}
	lines = lines[block:]

	var found []Trailer
	trailers, others, byGit := 0, 0, false
	folded := false // the line before was a trailer, or continued one
	for _, line := range lines {
		key, value, isTrailer := splitTrailer(line)
		switch {
		case strings.HasPrefix(line, "#"):
			folded = false
		case strings.HasPrefix(line, "(cherry picked from commit "):
			trailers, byGit, folded = trailers+1, true, false
		case isTrailer:
			byGit = byGit || strings.HasPrefix(line, "Signed-off-by: ")
			found = append(found, Trailer{Key: key, Value: value})
			trailers, folded = trailers+1, true
		case folded && isContinuation(line):
			last := &found[len(found)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(line))
		default:
			others, folded = others+1, false
		}
	}
	if trailers == 0 || others > 0 && (!byGit || trailers*3 < others) {
		return nil
	}
	return found
}

// lastParagraph is the index of its first line; 0 where the message is one paragraph only.
func lastParagraph(lines []string) int {
	for i := len(lines) - 1; i > 0; i-- {
		if isBlank(lines[i-1]) {
			// Blank lines before the subject do not make it a second paragraph.
			if isBlank(strings.Join(lines[:i], "")) {
				return 0
			}
			return i
		}
	}
	return 0
}

// splitTrailer splits "Key: value"; between key and colon there may be blanks, inside the key none.
func splitTrailer(line string) (key, value string, ok bool) {
	before, after, found := strings.Cut(line, ":")
	key = strings.TrimRight(before, " \t")
	if !found || key == "" || strings.IndexFunc(key, notInKey) >= 0 {
		return "", "", false
	}
	return key, strings.TrimSpace(after), true
}

func notInKey(r rune) bool {
	return r != '-' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
}

func isBlank(line string) bool { return strings.TrimSpace(line) == "" }

func isContinuation(line string) bool { return line != "" && (line[0] == ' ' || line[0] == '\t') }

func equalKeys(a, b string) bool { return strings.EqualFold(a, b) }
