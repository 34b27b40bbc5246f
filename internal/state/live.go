package state

import "time"

// Live is what one target reports, and what it could not say.
type Live struct {
	Target Target
	// Time is when observation began.
	Time    time.Time
	Objects map[ID]LiveObject
	// Unknown holds what could not be read, and why. Unknown is never drift, never in sync and never
	// absent.
	Unknown map[ID]error
	// Covered holds every ID that was looked for. What is covered and neither in Objects nor in
	// Unknown is absent.
	Covered map[ID]bool
	// Err, if not nil, says why the whole target could not be read: then all of it is unknown.
	Err error
}

// Presence says whether an object is there.
type Presence int

// An object that nobody looked for is Unknown.
const (
	PresenceUnknown Presence = iota
	Absent
	Present
)

// Presence of an object in this target, with the object if it is there, or the error if that is
// unknown.
func (l Live) Presence(id ID) (Presence, LiveObject, error) {
	if l.Err != nil {
		return PresenceUnknown, LiveObject{}, l.Err
	}
	if err, ok := l.Unknown[id]; ok {
		return PresenceUnknown, LiveObject{}, err
	}
	if o, ok := l.Objects[id]; ok {
		return Present, o, nil
	}
	if l.Covered[id] {
		return Absent, LiveObject{}, nil
	}
	return PresenceUnknown, LiveObject{}, nil
}

// LiveObject is one object as its target reports it.
type LiveObject struct {
	ID ID
	// Remote is the target's own identity of it (a uid, a numeric id, a resource's path): if it
	// changes, the object was replaced behind our back.
	Remote string
	// Version changes whenever the object does (resourceVersion, ETag, modifiedDate); may be empty.
	Version string
	// Value is the object in the target's vocabulary, in maps, slices and Scalars. Numbers have the
	// form that Scalar gives them.
	Value map[string]any
	// Pending is what the target has accepted but not yet put in force (a BIOS setting before the
	// reset), in the shape of Value; nil if nothing is pending.
	Pending map[string]any
	// Mark is the ID that our mark on the object names; the zero ID if it bears none of ours.
	Mark ID
	// Health says whether the object does its work, as far as its target can tell.
	Health Health
	// Deleting: the target has accepted its deletion.
	Deleting bool
	// Facts are what gates and guards judge by and what is no field of Value, such as the time of a
	// machine's last reset; keys are the system's package's constants.
	Facts map[string]string
	// Networks are what the target says of the networks that the object is or has, sorted by name; for
	// people to read, never compared. Nil where it is none and has none.
	Networks []Network
	// Writers tells who last wrote a field, where the target says; nil where it does not.
	Writers func(Path) []Writer
}

// Writer is somebody who wrote a field.
type Writer struct {
	Name string    `json:"name"`
	Time time.Time `json:"time,omitzero"`
}

// Health is a verdict with its reason.
type Health struct {
	State   HealthState `json:"state"`
	Message string      `json:"message,omitempty"`
}

// HealthState is how an object does.
type HealthState string

// The states of health. An object whose kind knows no health is Healthy once it is there.
const (
	Healthy     HealthState = "healthy"
	Progressing HealthState = "progressing"
	Unhealthy   HealthState = "unhealthy"
)

// Owned is what we remember of an object of ours. Losing it never causes a write.
type Owned struct {
	ID     ID     `json:"id"`
	Remote string `json:"remote,omitempty"`
	Entity string `json:"entity"`
	// Digest is of the desired tree that was last applied.
	Digest string `json:"digest"`
	// Fields are the paths that were applied, sorted: what we may correct by force, and what is
	// released when Git drops it.
	Fields []string `json:"fields,omitempty"`
	// Commit and Renderer say what the digest came from, to tell a commit's change from an upgrade's. Of
	// what was found as it is wanted, nobody knows the commit.
	Commit   string `json:"commit"`
	Renderer string `json:"renderer"`
	After    []Edge `json:"after,omitempty"`
	// Unsure: nothing was applied since this was noted, and it may have been ours before our memory of it
	// was lost. What differs is not written before Git adopts it.
	Unsure bool `json:"unsure,omitempty"`
}

// Intent is written before a request whose repetition would harm, and stays open until its outcome
// is evident.
type Intent struct {
	ID     ID     `json:"id"`
	Action string `json:"action"`
	// Step tells the requests of one change apart, as "reset".
	Step   string    `json:"step,omitempty"`
	Digest string    `json:"digest,omitempty"`
	Opened time.Time `json:"opened"`
	// Before is the fact by which the outcome shows: once it differs, the request took effect.
	Before string `json:"before,omitempty"`
	// Accepted: the target said yes, so that the request is not sent again for want of a trace.
	Accepted bool `json:"accepted,omitempty"`
	// Owned is what we own once a creation has taken effect, but for its remote identity.
	Owned *Owned `json:"owned,omitempty"`
}

// Spent is what an approval was used for in a target. It is for so many objects in all, whichever process did them.
type Spent struct {
	// Approval is its name, Commit the one that brought it: later there may be another of that name. It is empty
	// where nobody could tell.
	Approval string `json:"approval"`
	Commit   string `json:"commit,omitempty"`
	// Until is when it ends.
	Until time.Time `json:"until"`
	IDs   []ID      `json:"ids"`
}
