package ufm_test

import (
	"net/http"
	"testing"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target/conformance"
)

// Both kinds that we write pass the suite that every system passes.
func TestConformance(t *testing.T) {
	for name, kind := range map[string]struct {
		objects []state.Object
		update  map[string]any
		tamper  func(w *world)
		extend  func(w *world)
		foreign func(w *world)
	}{
		"partition": {
			objects: []state.Object{acme},
			update:  map[string]any{"qos_conf": map[string]any{"mtu_limit": 2, "service_level": 3, "rate_limit": 100}},
			tamper: func(w *world) {
				w.do(http.MethodPut, "/resources/pkeys/qos_conf", map[string]any{"pkey": "0x1ab", "mtu_limit": 2, "service_level": 0, "rate_limit": 2.5})
			},
			foreign: func(w *world) { w.do(http.MethodPost, "/resources/pkeys/add", map[string]any{"pkey": "0x1AB"}) },
		},
		"member": {
			objects: []state.Object{acme, member("0x1ab", port1)},
			update:  map[string]any{"membership": "limited"},
			tamper:  func(w *world) { w.byHand("0x1ab", port1, false, "full") },
			extend:  func(w *world) { w.byHand("0x1ab", foreign, false, "limited") },
			foreign: func(w *world) { w.byHand("0x1ab", port1, false, "limited") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Suite {
				w := newWorld(t)
				var net conformance.Wire
				s := conformance.Suite{
					Open:    func(*testing.T) conformance.System { return w.client(through(net.Through)) },
					Objects: kind.objects,
					Update:  func(o state.Object) state.Object { return with(o, kind.update) },
					Tamper:  func(*testing.T, state.ID) { kind.tamper(w) },
					Foreign: func(*testing.T, state.Object) { kind.foreign(w) },
					Break:   net.Cut, Stall: net.Stall, LoseAnswer: net.LoseAnswer,
					Writes: func() int { return len(w.writes()) },
				}
				if kind.extend != nil {
					s.Extend = func(*testing.T, state.ID) { kind.extend(w) }
				}
				return s
			})
		})
	}
}
