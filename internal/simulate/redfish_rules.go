package simulate

// What BMCs enforce. Each rule names where the behaviour was seen; "Redfish specification" is DMTF
// DSP0266, "Base registry" is DMTF DSP8011.
const (
	// RedfishAuthentication: without a valid session token or basic credentials everything but the
	// service root and the login answers 401; a token of a session that is gone does so too, and the
	// client has to log in anew (Redfish specification, "Security").
	RedfishAuthentication Rule = "redfish.authentication"
	// RedfishLockout: after five wrong passwords in a row the account is refused for twenty minutes,
	// also with the right one, so that a client that keeps trying locks everybody out (badfish#447;
	// properties AccountLockoutThreshold and AccountLockoutDuration of the AccountService).
	RedfishLockout Rule = "redfish.lockout"
	// RedfishSessionLimit: a login beyond the limit, 8 on iDRACs seen, answers 503 with message RAC0218
	// until a session is deleted or expires (gofish#75, check_redfish#198).
	RedfishSessionLimit Rule = "redfish.session-limit"
	// RedfishSessionTimeout: a session unused for SessionTimeout is gone; 1800 s on Dell and NVIDIA
	// machines seen, 300 s on Lenovo's (property SessionTimeout of the SessionService).
	RedfishSessionTimeout Rule = "redfish.session-timeout"
	// RedfishETagOnPatch: a PATCH without If-Match answers 428, as AMI's firmware does with its
	// message PreconditionHeaderMissing (gofish#171).
	RedfishETagOnPatch Rule = "redfish.etag-on-patch"
	// RedfishETagCurrent: a PATCH whose If-Match is not the resource's present ETag answers 412 (Redfish
	// specification, "ETags").
	RedfishETagCurrent Rule = "redfish.etag-current"
	// RedfishJSONOnly: a body that is not declared as application/json answers 415 (Redfish
	// specification, "Request headers").
	RedfishJSONOnly Rule = "redfish.json-only"
	// RedfishKnownProperties: a PATCH of a property that the resource lacks, or that cannot be written,
	// answers 400, as HPE iLO does for HttpBootUri (gofish#507; Base registry PropertyUnknown and
	// PropertyNotWritable).
	RedfishKnownProperties Rule = "redfish.known-properties"
	// RedfishBIOSThroughSettings: BIOS attributes are written on the resource that @Redfish.Settings
	// names; a PATCH of Bios itself answers 405 (Redfish specification, "Settings resource").
	RedfishBIOSThroughSettings Rule = "redfish.bios-through-settings"
	// RedfishBIOSAtReset: written BIOS attributes are pending, and take force when a reset's self-test is
	// over (Redfish specification, "Settings resource"; apply time OnReset).
	RedfishBIOSAtReset Rule = "redfish.bios-at-reset"
	// RedfishBIOSApplyTime: an apply time that SupportedApplyTimes does not list answers 400; only
	// OnReset is listed, as on Lenovo's XCC.
	RedfishBIOSApplyTime Rule = "redfish.bios-apply-time"
	// RedfishBIOSOneJob: Dell only: a PATCH makes a job, and a further one before the reset answers 400,
	// since pending values are committed already (quads#726).
	RedfishBIOSOneJob Rule = "redfish.bios-one-job"
	// RedfishBIOSKnown: an attribute that the attribute registry lacks answers 400.
	RedfishBIOSKnown Rule = "redfish.bios-known"
	// RedfishBIOSValue: a value whose type, range, length or choice the attribute registry does not allow
	// answers 400.
	RedfishBIOSValue Rule = "redfish.bios-value"
	// RedfishBIOSReadOnly: an attribute that the attribute registry calls ReadOnly answers 400.
	RedfishBIOSReadOnly Rule = "redfish.bios-read-only"
	// RedfishNTPSlots: a BMC has a fixed number of places for time servers; a longer list answers 400
	// (Base registry ArraySizeTooLong).
	RedfishNTPSlots Rule = "redfish.ntp-slots"
	// RedfishResetListed: a ResetType that the action's AllowableValues lacks answers 400 (badfish#10;
	// Base registry ActionParameterValueNotInList).
	RedfishResetListed Rule = "redfish.reset-listed"
	// RedfishResetFitsPower: powering on what is on, or resetting what is off, is refused and has no
	// effect: 400 with message InvalidOperationForSystemState on HPE iLO (goldyfruit/ansible-ilo#1). For
	// the others we chose 409. Off, a machine that is already as asked answers 204.
	RedfishResetFitsPower Rule = "redfish.reset-fits-power"
	// RedfishOneResetAtATime: while a reset is under way a further one answers 409 (Base registry
	// ResourceInUse: in use or in transition).
	RedfishOneResetAtATime Rule = "redfish.one-reset-at-a-time"
	// RedfishPowerTakesTime: a reset is answered at once and takes minutes; PowerState shows PoweringOn
	// or PoweringOff meanwhile, and a warm restart On throughout: LastResetTime tells when it is over
	// (schema ComputerSystem).
	RedfishPowerTakesTime Rule = "redfish.power-takes-time"
)
