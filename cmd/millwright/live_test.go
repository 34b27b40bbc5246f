package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/state"
)

// A look that is done soon says nothing; one that takes long says again and again how far it is, and a
// second one begins anew.
func TestALongLookSaysHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr strings.Builder
		looked := (&globals{stderr: &stderr}).looks()
		bmc := state.Target{System: state.Redfish, Name: "gpu-001"}
		for n := range 3 {
			looked(bmc, nil, n+1, 3)
		}
		time.Sleep(time.Minute)
		require.Empty(t, stderr.String())

		looked(bmc, nil, 1, 3)
		time.Sleep(3 * time.Second)
		looked(bmc, errors.New("no answer"), 2, 3)
		time.Sleep(2 * time.Second)
		looked(bmc, nil, 3, 3)
		time.Sleep(time.Minute)
		require.Equal(t, "  observed 1 of 3 targets\n  observed 2 of 3 targets\n", stderr.String())
	})
}
