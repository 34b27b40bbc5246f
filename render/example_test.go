package render_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// The example fleet renders without a finding, and whoever asks why a value is what it is gets an
// answer for every leaf: a place in the author's files or in the schema.
func TestExampleFleet(t *testing.T) {
	repo := os.DirFS("../fleet-example")
	f, found := fleet.Load(t.Context(), repo, fleet.Options{})
	require.NoError(t, found.Err())
	set := mustRender(t, f, render.Inputs{FS: repo})
	golden(t, "example.txt", dump(set))

	located(t, f, set)
}
