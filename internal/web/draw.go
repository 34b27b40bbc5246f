package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Drawing is a picture in lines, boxes and words; the page that shows it says the same in text.
type Drawing struct {
	Width, Height int
	Label         string
	Lines         []Line
	Boxes         []Box
	Words         []Word
}

// Line is a path, in SVG's own words.
type Line struct{ Class, D string }

// Box is a named rectangle; URL is empty where it leads nowhere.
type Box struct {
	Class            string
	X, Y, W, H       int
	Text, Small, URL string
}

// Word is text that stands alone.
type Word struct {
	Class string
	X, Y  int
	Text  string
}

// Sizes of a stack's drawing, in pixels.
const (
	boxW, boxH = 184, 44
	gapX, gapY = 46, 18
	margin     = 12
)

// drawStack draws components in columns: each to the right of all that it waits for.
func drawStack(parts []Component) Drawing {
	depth := depths(parts)
	columns := map[int][]string{}
	deepest := 0
	for _, p := range parts {
		columns[depth[p.Name]] = append(columns[depth[p.Name]], p.Name)
		deepest = max(deepest, depth[p.Name])
	}
	tallest := 0
	for _, c := range columns {
		tallest = max(tallest, len(c))
	}
	d := Drawing{Width: 2*margin + (deepest+1)*boxW + deepest*gapX, Height: 2*margin + tallest*boxH + max(0, tallest-1)*gapY}
	d.Label = fmt.Sprintf("%s in the order in which they are installed, from left to right", plural(len(parts), "component"))
	type point struct{ x, y int }
	at := map[string]point{}
	for n := range deepest + 1 {
		names := columns[n]
		top := margin + (tallest-len(names))*(boxH+gapY)/2
		for i, name := range names {
			at[name] = point{margin + n*(boxW+gapX), top + i*(boxH+gapY)}
		}
	}
	for _, p := range parts {
		to := at[p.Name]
		for _, on := range direct(p, parts) {
			from := at[on]
			x1, y1, x2, y2 := from.x+boxW, from.y+boxH/2, to.x, to.y+boxH/2
			bend := (x2 - x1) / 2
			d.Lines = append(d.Lines, Line{"edge", fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2-1, y2)})
		}
		d.Boxes = append(d.Boxes, Box{Class: "part", X: to.x, Y: to.y, W: boxW, H: boxH, Text: shorten(p.Name, 22), Small: shorten(cmp.Or(p.Version, p.Type), 26)})
	}
	return d
}

// depths is how many steps each part stands behind the first; what waits for itself in a circle, which a
// fleet's checks refuse, stands where it was met.
func depths(parts []Component) map[string]int {
	depth := map[string]int{}
	for range parts {
		moved := false
		for _, p := range parts {
			for _, on := range p.After {
				if d := depth[on] + 1; d > depth[p.Name] && d < len(parts) {
					depth[p.Name], moved = d, true
				}
			}
		}
		if !moved {
			break
		}
	}
	return depth
}

// direct are those that a part waits for and that nothing else which it waits for waits for in turn.
func direct(p Component, parts []Component) []string {
	after := map[string][]string{}
	for _, q := range parts {
		after[q.Name] = q.After
	}
	implied := map[string]bool{}
	for _, on := range p.After {
		for _, further := range after[on] {
			implied[further] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(p.After), func(on string) bool {
		_, there := after[on]
		return implied[on] || !there
	})
}

// manyMembers is how many machines a segment's drawing shows one by one; more are drawn as racks.
const manyMembers = 24

// drawSegment draws the networks as lines, and below them the machines that are on each.
func drawSegment(g Segment, networks []networkRow, members []Cell) Drawing {
	const left, lane, box, gap, perRow, tall, wide = 210, 34, 104, 10, 8, 34, 940
	var buses []networkRow
	for _, n := range networks {
		if n.Joined {
			buses = append(buses, n)
		}
	}
	d := Drawing{Width: left + perRow*(box+gap) + margin}
	bottom := 0
	for i, n := range buses {
		y := 22 + i*lane
		d.Lines = append(d.Lines, Line{fmt.Sprintf("bus bus%d", i), fmt.Sprintf("M%d %dH%d", left, y, d.Width-margin)})
		d.Words = append(d.Words, Word{"name", 2, y - 1, shorten(n.Name+" · "+n.Numbers[0].short(), 30)})
		d.Words = append(d.Words, Word{"small", 2, y + 13, strings.TrimSpace(n.Range)})
		bottom = y
	}
	boxes := memberBoxes(members)
	for i, b := range boxes {
		row := i / perRow
		b.X, b.Y, b.W, b.H = left+i%perRow*(box+gap), bottom+30+row*(tall+gap), box, tall
		d.Boxes = append(d.Boxes, b)
		if row > 0 {
			continue // the wires of the first row speak for those below
		}
		for n := range buses {
			x := b.X + box/2 + (n*12 - (len(buses)-1)*6)
			d.Lines = append(d.Lines, Line{fmt.Sprintf("wire bus%d", n), fmt.Sprintf("M%d %dV%d", x, 22+n*lane, b.Y)})
		}
	}
	rows := (len(boxes) + perRow - 1) / perRow
	d.Height = bottom + 30 + rows*(tall+gap)
	d.Label = fmt.Sprintf("Segment %s: %s, and the %s on it", g.Name, plural(len(buses), "network"), plural(len(members), "machine"))
	return d
}

// mostBoxes is how many boxes a drawing has; the table below it has all machines.
const mostBoxes = 64

func memberBoxes(members []Cell) []Box {
	var boxes []Box
	if len(members) <= manyMembers {
		for _, m := range members {
			boxes = append(boxes, Box{Class: "s-" + shown(m.Status), Text: shorten(m.Name, 13), Small: "rack " + shorten(m.Rack, 10), URL: path("machines", m.Name)})
		}
		return boxes
	}
	byRack := map[string][]Cell{}
	var racks []string
	for _, m := range members {
		if byRack[m.Rack] == nil {
			racks = append(racks, m.Rack)
		}
		byRack[m.Rack] = append(byRack[m.Rack], m)
	}
	slices.SortFunc(racks, natural)
	for i, rack := range racks {
		if i == mostBoxes-1 && len(racks) > mostBoxes {
			return append(boxes, Box{Class: "part", Text: fmt.Sprintf("%d more", len(racks)-i), Small: "racks"})
		}
		worst := inSync
		for _, m := range byRack[rack] {
			if gravity(m.Status) > gravity(worst) {
				worst = m.Status
			}
		}
		boxes = append(boxes, Box{Class: "s-" + shown(worst), Text: "rack " + shorten(rack, 9), Small: plural(len(byRack[rack]), "machine"),
			URL: path("racks") + "?site=" + byRack[rack][0].Site + "&rack=" + rack + "#" + rack})
	}
	return boxes
}

// shorten cuts a name that would not fit its box; the text beside the drawing has it whole.
func shorten(name string, most int) string {
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return name
}
