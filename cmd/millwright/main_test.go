package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An interrupted command says so and nothing else, with the code that shells use for it.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	require.Equal(t, exitInterrupted, execute(ctx, []string{"render", "-C", example, "--cache-dir="}, &stdout, &stderr))
	require.Empty(t, stdout.String())
	require.Equal(t, "millwright: interrupted\n", stderr.String())
}
