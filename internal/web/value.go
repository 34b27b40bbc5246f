package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// longest is how much of a value a page shows.
const longest = 400

// valueText is a value as people write it, on one line. What would turn the order of the text around, or
// not be seen, is written as its code.
func valueText(v any) string {
	if v == nil {
		return "(not set)"
	}
	text, ok := v.(string)
	if !ok || text == "" {
		encoded, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		text = string(encoded)
	}
	text = visible(text)
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest-1]) + "…"
	}
	return text
}

func visible(text string) string {
	if strings.IndexFunc(text, hiddenRune) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hiddenRune(r) {
			fmt.Fprintf(&b, `\u{%x}`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func hiddenRune(r rune) bool { return !unicode.IsGraphic(r) }

// unitsText says which units of a rack something occupies.
func unitsText(unit, height int) string {
	switch {
	case unit == 0:
		return "unit not said"
	case height > 1:
		return fmt.Sprintf("units %d to %d", unit, unit+height-1)
	}
	return fmt.Sprintf("unit %d", unit)
}
