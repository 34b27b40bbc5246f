package simulate

// The rules of the simulated UFM. Where its documents leave an answer open, the comment says so and the
// stand-in takes the reading that is harder on a client.
const (
	// UFMAuth: every request carries the user name and the password (basic authentication); else 401.
	UFMAuth Rule = "ufm.auth"
	// UFMForms: answers have partition keys and GUIDs in whatever case they like (here: upper). That both
	// come in several forms is documented, not which when. Off, they come in lower case.
	UFMForms Rule = "ufm.forms"
	// UFMListPlain: the list of partitions without a query is a plain list of keys. That its structure
	// differs is documented, not how. Off, it is that of guids_data.
	UFMListPlain Rule = "ufm.list-plain"
	// UFMListBothFlags: the list with guids_data and qos_conf together leaves the members out. That it is
	// broken is known as a defect, not how. Off, both are there.
	UFMListBothFlags Rule = "ufm.list-both-flags"

	// UFMKeyRange: a partition key lies between 0x0 and 0x7fff, both excluded; the bit above is no part of
	// it (400). Off, that bit is passed over.
	UFMKeyRange Rule = "ufm.key-range"
	// UFMDefaultPartition: 0x7fff is the management partition and is not written (400).
	UFMDefaultPartition Rule = "ufm.default-partition"
	// UFMGUIDForm: a request's GUIDs have 16 to 20 hexadecimal digits and nothing else (400). Off, colons
	// and 0x are passed over.
	UFMGUIDForm Rule = "ufm.guid-form"
	// UFMOneMembership: a request says membership for all its ports or memberships one by one, not both (400).
	UFMOneMembership Rule = "ufm.one-membership"
	// UFMIndex0Once: a port has one partition at index 0. Netris documents it; what UFM answers to a
	// second is not documented: here 400. Off, it has both.
	UFMIndex0Once Rule = "ufm.index0-once"
	// UFMQoSValues: mtu_limit is 2 or 4 (KB), service_level 0 to 15, rate_limit one of the speeds that
	// InfiniBand has (400).
	UFMQoSValues Rule = "ufm.qos-values"

	// UFMPutReplaces: PUT makes a request's ports the only members. Off, it adds them.
	UFMPutReplaces Rule = "ufm.put-replaces"
	// UFMAddDefaults: what an addition leaves out is false for index0, full for membership and true for
	// ip_over_ib. Off, index0 is true.
	UFMAddDefaults Rule = "ufm.add-defaults"
	// UFMAddSetsPartition: an addition sets ip_over_ib of the whole partition, named or not. What it does to
	// a partition that exists is not documented. Off, only the first one does.
	UFMAddSetsPartition Rule = "ufm.add-sets-partition"
	// UFMQoSWhole: setting the quality of service sets all three of its numbers; those left out go back to
	// UFM's defaults. Not documented. Off, they stay.
	UFMQoSWhole Rule = "ufm.qos-whole"
	// UFMDeleteDropsMembers: a partition is deleted with all its members. Off, one with members is not (400).
	UFMDeleteDropsMembers Rule = "ufm.delete-drops-members"
)

// UFMRules are all rules of the simulated UFM, in the order of their declaration.
func UFMRules() []Rule {
	return []Rule{
		UFMAuth, UFMForms, UFMListPlain, UFMListBothFlags,
		UFMKeyRange, UFMDefaultPartition, UFMGUIDForm, UFMOneMembership, UFMIndex0Once, UFMQoSValues,
		UFMPutReplaces, UFMAddDefaults, UFMAddSetsPartition, UFMQoSWhole, UFMDeleteDropsMembers,
	}
}
