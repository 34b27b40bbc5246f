// Package fleet is what a fleet repository says, typed and checked. Begin with [Load]: it compiles
// the CUE of a file system, checks it as a whole and returns a [Fleet] or every finding at once.
// [Fleet.Locate] says where a value was written, [Allocate] binds machines to pools.
//
// It knows the schema and nothing of Git, of rendering or of any system.
//
// The codes of its findings:
//
//	MW100  the repository as a whole: empty, too large, no module, a foreign copy of the schema
//	MW101  a file that is not CUE
//	MW102  an import that cannot be had, or a cycle of imports
//	MW103  a feature of CUE that is not allowed here (@embed, @extern, @if, @tag)
//	MW104  compilation needed too much time or memory, or its result is too large
//	MW110  a field that the schema does not know
//	MW111  a value of the wrong type or outside what the schema allows
//	MW112  a required field is missing, or its value is not concrete
//	MW113  values that contradict each other
//	MW114  a reference to something that CUE does not know
//	MW115  an entity written in several directories, or outside a leaf directory
//	MW201  a name that nothing bears (class, site, stack, segment, image, machine, path)
//	MW202  an address used twice (MAC, GUID, BMC, serial number, rack unit)
//	MW203  machines: the allocation does not fit the pools
//	MW204  networks that meet, or that are not what they should be
//	MW205  a segment that does not fit the clusters, sites or classes that use it
//	MW206  names that become the same in a target system
//	MW207  a stack whose components cannot be ordered or rendered
//	MW240  a VLAN or VXLAN number outside of the site's range, or given twice
//	MW241  a V-Net whose subnet, gateway, DHCP range or type do not go together
//	MW242  machines that lack what a segment joins between GPUs
//	MW243  peers of which one does not name the other, or may not
//	MW244  an ACL that would open one tenant to another, or that cannot match
//	MW245  an address that is not in the network that it has to be in
//	MW246  a public address or a switch port that has another user already
//	MW247  a fabric profile that does not carry what relies on it
//	MW249  names that become the same in Netris
//	MW260  more than a pool's or a class's machines have
//	MW261  a pool smaller than its floor
//	MW262  rack units that two machines take, or that no rack has
//	MW263  a pool that chooses by what its class or machines do not have or say
//	MW264  a machine that no firmware baseline of its class is for
//	MW265  a class that Metal3 would refuse: a password as BIOS attribute, impossible volumes
//	MW266  a check before a hand-over whose evidence cannot be had, or is not recorded
//	MW267  an SSH key that is none, is private, or is there twice
//	MW268  a pool's settings or a template that contradict each other
//	MW269  what a machine is told at installation, or its ports, do not fit together
//	MW250  a control plane cluster too small for its tier
//	MW251  a control plane cluster without a quorum
//	MW252  a feature that the platform's edition does not cover
//	MW253  a promise to a tenant that is not kept
//	MW254  a team, role or cluster that access names and that is not there
//	MW255  an identity provider or a group by which nobody, or somebody else, would sign in
//	MW256  a project that could take another tenant's machines
//	MW257  an audit log without a place to go to
//	MW280  a UFM entered twice, or two of one name
//	MW281  the fleet's partition keys meet those of Netris's agent
//	MW282  a direct partition without a UFM, or with Netris's agent besides
//	MW283  a direct partition without a key, or with one outside of its UFM's range
//	MW284  a partition key given twice
//	MW285  a machine whose InfiniBand ports cannot join its partition
//	MW370  an approval that is not written out in one file
//	MW371  an approval whose times are none, or that ends before it begins
//	MW372  an approval or a window that is for nothing in the fleet (a warning)
//	MW373  an approval for more machines than changes
//	MW374  a change window in a zone that is not known
//	MW380  a rule outside of policy/rules, or rules of another package
//	MW382  a rule that cannot be evaluated over a plan
package fleet
