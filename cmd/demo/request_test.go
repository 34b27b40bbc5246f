package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the demo ends with needs no data centre: it is the plan of two commits.
func TestRequest(t *testing.T) {
	dir := t.TempDir()
	repo, err := newRepository(t.Context(), filepath.Join(dir, "fleet"), "../../fleet-example")
	require.NoError(t, err)
	s := &show{dir: dir, binary: built, repo: repo}
	require.NoError(t, repo.edit("tenants/acme/acme.cue", "count:  4", "count:  3"))
	_, err = s.millwright(t.Context(), 0, "allocate")
	require.NoError(t, err)
	require.NoError(t, repo.commit(t.Context(), "As the story leaves it"))
	main, err := repo.head(t.Context())
	require.NoError(t, err)

	require.NoError(t, s.request(t.Context()))
	head, err := repo.head(t.Context())
	require.NoError(t, err)
	require.Equal(t, main, head, "what the agent follows is as it was")
	branch, err := repo.git(t.Context(), "diff", "--name-only", "main", proposal)
	require.NoError(t, err)
	require.Equal(t, "allocation/allocation.cue\ntenants/acme/acme.cue\n", branch)
	_, err = s.millwright(t.Context(), 0, "validate")
	require.NoError(t, err)
}
