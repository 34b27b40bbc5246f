package web

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStackIsDrawnInOrder protects the picture: what waits stands to the right of all that it waits for,
// and what follows from other lines has no line of its own.
func TestStackIsDrawnInOrder(t *testing.T) {
	parts := worldStack(nil).Components
	d := drawStack(parts)
	x := map[string]int{}
	for i, b := range d.Boxes {
		x[parts[i].Name] = b.X
	}
	for _, p := range parts {
		for _, on := range p.After {
			require.Less(t, x[on], x[p.Name], "%s waits for %s", p.Name, on)
		}
	}
	require.Len(t, d.Boxes, len(parts))
	require.Len(t, d.Lines, 10, "of 12 that wait for another, two follow from the others")
	require.NotPanics(t, func() {
		drawStack([]Component{{Name: "a", After: []string{"b"}}, {Name: "b", After: []string{"a", "gone"}}})
	})
}

// TestSegmentDrawsAllThatAreOnIt protects that nobody on a segment is left out of its picture.
func TestSegmentDrawsAllThatAreOnIt(t *testing.T) {
	g := worldSegment(0)
	networks := (&request{Snapshot: &Snapshot{}}).networksOf(g)
	var members []Cell
	for n := range 400 {
		members = append(members, Cell{Machine: worldMachine(n, n/8, 1), Status: inSync})
		d := drawSegment(g, networks, members)
		if n < manyMembers {
			require.Len(t, d.Boxes, n+1)
		}
		require.LessOrEqual(t, len(d.Boxes), mostBoxes)
		require.Contains(t, d.Label, plural(n+1, "machine"))
	}
	last := drawSegment(g, networks, members)
	require.Equal(t, "rack a01", last.Boxes[0].Text)
}
