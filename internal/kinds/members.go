package kinds

import (
	"strings"

	"millwright.dev/millwright/internal/state"
)

// Membership reports whether an object is a machine's dedicated place in a tenant's segment, and if
// so in which server cluster and of which machine.
func Membership(id state.ID) (cluster, machine string, ok bool) {
	machine, ok = strings.CutPrefix(id.Part, "server/")
	if id.Target.System != state.Netris || id.Kind != "servercluster" || !ok || machine == "" {
		return "", "", false
	}
	return id.Name, machine, true
}

// Port reports whether an object is the place of one InfiniBand port in a partition that UFM keeps, and
// if so the port's GUID, in lower case without colons. Whose port it is the address does not say.
func Port(id state.ID) (guid string, ok bool) {
	guid, ok = strings.CutPrefix(id.Part, "guid/")
	return guid, ok && guid != "" && id.Target.System == state.UFM && id.Kind == "pkey"
}
