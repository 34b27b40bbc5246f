package redfish_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/redfish"
	"millwright.dev/millwright/internal/simulate"
)

// sloppy are clients that each lack one care of ours, and the use in which that shows. The rule of the
// simulated BMC that each offends is what catches it.
var sloppy = map[simulate.Rule]struct {
	name string
	way  func() []middle
	use  func(w *world, b *redfish.BMC) error
	opts simulate.BMCOptions
}{
	simulate.RedfishAuthentication:      {name: "sends no token", way: noToken, use: setTimeServers},
	simulate.RedfishLockout:             {name: "repeats a refused login", way: stubbornLogin, use: correctThePassword},
	simulate.RedfishSessionLimit:        {name: "logs in for every request", way: loginEachTime, use: setTimeServers},
	simulate.RedfishSessionTimeout:      {name: "gives up when its session ends", way: noNewSession, use: returnAfterAnHour},
	simulate.RedfishETagOnPatch:         {name: "writes without a precondition", way: noPrecondition, use: setTimeServers},
	simulate.RedfishETagCurrent:         {name: "writes as of its first look", way: firstLook, use: lookTwice},
	simulate.RedfishJSONOnly:            {name: "does not say that it sends JSON", way: plainText, use: setTimeServers},
	simulate.RedfishKnownProperties:     {name: "writes back all that it read", way: wholeResource, use: setTimeServers},
	simulate.RedfishBIOSThroughSettings: {name: "writes the BIOS itself", way: pastTheSettings, use: bringIntoForce},
	simulate.RedfishBIOSAtReset:         {name: "spares the reset", way: noReset, use: bringIntoForce},
	simulate.RedfishBIOSApplyTime:       {name: "wants it at once", way: atOnce, use: bringIntoForce},
	simulate.RedfishBIOSOneJob:          {name: "writes attributes one by one", way: oneByOne, use: bringIntoForce},
	simulate.RedfishBIOSKnown:           {name: "sends other makes' names, too", way: allNames, use: stageOnly},
	simulate.RedfishBIOSValue:           {name: "takes numbers for text", way: numbersAsText, use: bringIntoForce},
	simulate.RedfishBIOSReadOnly:        {name: "writes back all attributes", way: allAttributes, use: bringIntoForce},
	simulate.RedfishNTPSlots:            {name: "fills up to four servers", way: fourServers, use: setTimeServers},
	simulate.RedfishResetListed: {name: "forces every reset", way: forceReset, use: bringIntoForce,
		opts: simulate.BMCOptions{ResetTypes: []string{"On", "GracefulRestart"}}},
	simulate.RedfishResetFitsPower:  {name: "takes every machine to be on", way: alwaysOn, use: resetWhileOff},
	simulate.RedfishOneResetAtATime: {name: "makes sure with a second reset", way: resetTwice, use: bringIntoForce},
	simulate.RedfishPowerTakesTime:  {name: "takes a reset's answer for its end", way: doneWhenAnswered, use: tellWhatIsInForce},
}

// Each sloppy client is caught by its rule, and passes without it, so that it is the rule that catches
// it; ours passes with the rule and without.
func TestSloppyClientsAreCaught(t *testing.T) {
	for rule, s := range sloppy {
		for _, on := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s %s/%t", rule, s.name, on), func(t *testing.T) {
				try(t, s.opts, func(w *world) {
					w.site.SetRule(rule, on)
					require.NoError(w, s.use(w, w.client()), "the careful client")
				})
				try(t, s.opts, func(w *world) {
					w.site.SetRule(rule, on)
					err := s.use(w, w.client(s.way()...))
					if on {
						require.Error(w, err, "the sloppy client")
						return
					}
					require.NoError(w, err, "the sloppy client")
				})
			})
		}
	}
}

// No rule of the simulated BMC is without its sloppy client.
func TestEveryRuleHasItsSloppyClient(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../simulate/redfish_rules.go", nil, 0)
	require.NoError(t, err)
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			rule, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.Contains(t, sloppy, simulate.Rule(rule), name.Name)
			declared++
		}
		return false
	})
	require.Len(t, sloppy, declared)
}
