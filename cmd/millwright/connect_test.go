package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

// A UFM is reached by what its site says of it, and one that is in no site is not reached at all.
func TestUFMIsReachedAsItsSiteSays(t *testing.T) {
	strict, trusting := &http.Transport{}, &http.Transport{}
	o := &opener{transport: strict, trusting: trusting}
	f := &fleet.Fleet{Platform: &fleet.Platform{}, Sites: map[string]*fleet.Site{"dc1": {UFMs: map[string]*fleet.UFM{
		"ib-dc1": {URL: "https://ufm.dc1.example.com", Certificate: "verify"}, "bad": {URL: "ufm.example.com"},
	}}}}
	reader, err := o.fabric(state.Target{System: state.UFM, Name: "ib-dc1"}, f, nil)
	require.NoError(t, err)
	require.Equal(t, "ufm/ib-dc1", reader.Target().String())
	require.Same(t, strict, o.trust("verify"))
	require.Same(t, trusting, o.trust("any"))
	_, err = o.fabric(state.Target{System: state.UFM, Name: "bad"}, f, nil)
	require.ErrorContains(t, err, "URL")
	_, err = o.fabric(state.Target{System: state.UFM, Name: "gone"}, f, nil)
	require.ErrorContains(t, err, "no longer in the fleet")
}
