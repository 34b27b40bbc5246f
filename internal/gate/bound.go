package gate

import (
	"millwright.dev/millwright/internal/kinds"
)

// Bound are the hosts that could be read and who has claimed each, as "namespace/name"; "" is nobody. Platform's
// provider claims them, among those that are offered to a pool.
func Bound(w World) map[string]string {
	bound := map[string]string{}
	for id, host := range w.Live[w.Hosts].Objects {
		if id.Kind != "BareMetalHost.metal3.io" || id.Namespace != w.Namespace || id.Part != "" { // its parts have its name, too
			continue
		}
		bound[id.Name] = ""
		if name := kinds.Text(host.Value, "spec", "consumerRef", "name"); name != "" {
			bound[id.Name] = kinds.Text(host.Value, "spec", "consumerRef", "namespace") + "/" + name
		}
	}
	return bound
}
