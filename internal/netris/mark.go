package netris

import (
	"slices"
	"strings"

	"millwright.dev/millwright/internal/state"
)

// Our mark on an object is two tags: whose it is, and which object it was made to be.
const (
	fleetTag = "millwright-fleet="
	idTag    = "millwright-id="
)

// mark is the tags for an object of ours. A slash may not stand in a tag.
func (c *Controller) mark(id state.ID) []string {
	return []string{fleetTag + c.fleet, idTag + strings.ReplaceAll(id.String(), "/", ".")}
}

// bears reports whether an object bears our mark as this very object. A mark that names another one
// was copied, and counts for nothing.
func (c *Controller) bears(o item, id state.ID) bool {
	tags := o.tags()
	return !slices.ContainsFunc(c.mark(id), func(tag string) bool { return !slices.Contains(tags, tag) })
}

// unmarked are the tags without our mark. Another fleet's mark stays in sight.
func (c *Controller) unmarked(tags []string) []string {
	if !slices.Contains(tags, fleetTag+c.fleet) {
		return tags
	}
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool {
		return tag == fleetTag+c.fleet || strings.HasPrefix(tag, idTag)
	})
}

// otherFleet is the name of another fleet that an object is marked as belonging to, or "".
func (c *Controller) otherFleet(o item) string {
	for _, tag := range o.tags() {
		if fleet, ok := strings.CutPrefix(tag, fleetTag); ok && fleet != c.fleet {
			return fleet
		}
	}
	return ""
}
