package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/target/conformance"
)

// An ordinary kind, created and deleted by us.
func TestConformanceOfConfigMaps(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Suite {
		w := newWorld(t)
		s := w.suite(t)
		s.Objects = []state.Object{w.configMap(t, "base", "a"), w.configMap(t, "settings", "a")}
		s.Update = func(o state.Object) state.Object { return w.configMap(t, o.ID.Name, "b") }
		s.Tamper = func(t *testing.T, id state.ID) { w.kubectl(t, configMaps, id.Name, "data: {key: tampered}") }
		s.Extend = func(t *testing.T, id state.ID) { w.kubectl(t, configMaps, id.Name, "data: {other: theirs}") }
		s.Foreign = func(t *testing.T, o state.Object) {
			w.make(t, configMaps, "{apiVersion: v1, kind: ConfigMap, metadata: {name: "+o.ID.Name+"}, data: {key: theirs, other: theirs}}")
		}
		s.Count = func(t *testing.T, id state.ID) int {
			list, err := w.others.Resource(configMaps).Namespace(w.namespace).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			n := 0
			for _, item := range list.Items {
				if item.GetName() == id.Name {
					n++
				}
			}
			return n
		}
		return s
	})
}

// A kind that Metal3 makes and we set fields of.
func TestConformanceOfHostFirmwareSettings(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Suite {
		w := newMetal3World(t)
		w.make(t, settings, "{apiVersion: metal3.io/v1alpha1, kind: HostFirmwareSettings, metadata: {name: gpu-001}, spec: {settings: {}}}")
		want := func(value string) state.Object {
			return w.object(t, "{apiVersion: metal3.io/v1alpha1, kind: HostFirmwareSettings, metadata: {name: gpu-001}, spec: {settings: {SriovGlobalEnable: "+value+"}}}")
		}
		s := w.suite(t)
		s.Intrinsic = true
		s.Objects = []state.Object{want("Enabled")}
		s.Update = func(state.Object) state.Object { return want("Disabled") }
		s.Tamper = func(t *testing.T, id state.ID) {
			w.kubectl(t, settings, id.Name, "spec: {settings: {SriovGlobalEnable: Tampered}}")
		}
		s.Extend = func(t *testing.T, id state.ID) { w.kubectl(t, settings, id.Name, "spec: {settings: {Other: 1}}") }
		return s
	})
}

// A part of an object that somebody else made.
func TestConformanceOfParts(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Suite {
		w := newMetal3World(t)
		w.make(t, hosts, hostYAML)
		s := w.suite(t)
		s.Marked = false // the host is not ours
		s.Objects = []state.Object{w.pool(t, "acme/train/h100", "acme.train.h100")}
		s.Update = func(state.Object) state.Object { return w.pool(t, "acme/train/h100", "acme.train.other") }
		s.Tamper = func(t *testing.T, id state.ID) {
			w.kubectl(t, hosts, id.Name, "metadata: {labels: {millwright.dev/pool: tampered}}")
		}
		s.Extend = func(t *testing.T, id state.ID) { w.kubectl(t, hosts, id.Name, "metadata: {labels: {other: theirs}}") }
		s.Foreign = func(t *testing.T, o state.Object) {
			w.kubectl(t, hosts, o.ID.Name, "metadata: {labels: {millwright.dev/pool: theirs}}")
		}
		return s
	})
}

const hostYAML = `
apiVersion: metal3.io/v1alpha1
kind: BareMetalHost
metadata: {name: gpu-001}
spec: {online: true, bootMACAddress: "00:5c:52:31:3a:9c"}
`

// pool is the label that lets Platform claim a host for a pool.
func (w *world) pool(t testing.TB, part, value string) state.Object {
	o := w.object(t, "{apiVersion: metal3.io/v1alpha1, kind: BareMetalHost, metadata: {name: gpu-001, labels: {millwright.dev/pool: "+value+"}}}")
	o.ID.Part = "pool/" + part
	return o
}

// suite has what all suites on this world share.
func (w *world) suite(t *testing.T) conformance.Suite {
	return conformance.Suite{
		Open:       func(t *testing.T) conformance.System { return w.open(t) },
		Marked:     true,
		Break:      func(t *testing.T) func() { return w.cut(t) },
		Stall:      func(t *testing.T) func() { return w.stall(t) },
		LoseAnswer: func(*testing.T) { w.lose.Store(true) },
		Writes:     func() int { return int(w.writes.Load()) },
	}
}
