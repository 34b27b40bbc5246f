package simulate

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// metal3Host is the part of a BareMetalHost that the simulation reads, and the whole status, which
// Metal3 alone writes.
type metal3Host struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Online                bool                     `json:"online"`
		BootMACAddress        string                   `json:"bootMACAddress"`
		Architecture          string                   `json:"architecture"`
		ExternallyProvisioned bool                     `json:"externallyProvisioned"`
		AutomatedCleaningMode string                   `json:"automatedCleaningMode"`
		InspectionMode        string                   `json:"inspectionMode"`
		DisablePowerOff       bool                     `json:"disablePowerOff"`
		BootMode              string                   `json:"bootMode"`
		Image                 *metal3Image             `json:"image"`
		UserData              *metal3SecretReference   `json:"userData"`
		ConsumerRef           *metal3ConsumerReference `json:"consumerRef"`
		BMC                   struct {
			Address         string `json:"address"`
			CredentialsName string `json:"credentialsName"`
		} `json:"bmc"`
	} `json:"spec"`

	Status metal3Status `json:"status"`
}

type metal3Image struct {
	URL          string `json:"url"`
	Checksum     string `json:"checksum,omitempty"`
	ChecksumType string `json:"checksumType,omitempty"`
	Format       string `json:"format,omitempty"`
}

type metal3SecretReference struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

type metal3ConsumerReference struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Name       string `json:"name,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
}

type metal3Status struct {
	OperationalStatus string             `json:"operationalStatus"`
	ErrorType         string             `json:"errorType,omitempty"`
	ErrorMessage      string             `json:"errorMessage"`
	ErrorCount        int                `json:"errorCount"`
	PoweredOn         bool               `json:"poweredOn"`
	LastUpdated       *metav1.Time       `json:"lastUpdated,omitempty"`
	Hardware          map[string]any     `json:"hardware,omitempty"`
	GoodCredentials   *metal3Credentials `json:"goodCredentials,omitempty"`
	TriedCredentials  *metal3Credentials `json:"triedCredentials,omitempty"`
	Provisioning      struct {
		State    string       `json:"state"`
		ID       string       `json:"ID"`
		BootMode string       `json:"bootMode,omitempty"`
		Image    *metal3Image `json:"image,omitempty"`
	} `json:"provisioning"`
	OperationHistory struct {
		Register    metal3Operation `json:"register,omitzero"`
		Inspect     metal3Operation `json:"inspect,omitzero"`
		Provision   metal3Operation `json:"provision,omitzero"`
		Deprovision metal3Operation `json:"deprovision,omitzero"`
	} `json:"operationHistory,omitzero"`
}

type metal3Credentials struct {
	Reference metal3SecretReference `json:"credentials"`
	Version   string                `json:"credentialsVersion"`
}

// metal3Operation is when one kind of work was last begun and ended.
type metal3Operation struct {
	Start *metav1.Time `json:"start,omitempty"`
	End   *metav1.Time `json:"end,omitempty"`
}

// metal3Secret is the part of a Secret that the simulation reads.
type metal3Secret struct {
	metav1.ObjectMeta `json:"metadata"`
	Data              map[string][]byte `json:"data"`
}

// begin and end note that an operation begins or ends. History has whole seconds, and a simulated
// operation may take less: each stamp is a second later than all before it, so that their order, by
// which a reader judges the host's past, is never lost.
func (t *metal3Turn) begin(o *metal3Operation) { *o = metal3Operation{Start: t.stamp()} }
func (t *metal3Turn) end(o *metal3Operation)   { o.End = t.stamp() }

func (t *metal3Turn) stamp() *metav1.Time {
	latest := time.Now().Truncate(time.Second)
	history := t.host.Status.OperationHistory
	for _, o := range []metal3Operation{history.Register, history.Inspect, history.Provision, history.Deprovision} {
		for _, at := range []*metav1.Time{o.Start, o.End} {
			if at != nil && !at.Time.Before(latest) {
				latest = at.Add(time.Second)
			}
		}
	}
	return &metav1.Time{Time: latest}
}

// enter takes the host to a state, and starts that state's time.
func (t *metal3Turn) enter(state string) {
	t.host.Status.Provisioning.State = state
	t.timers[t.host.UID] = metal3Timers{state: state, entered: time.Now()}
	t.succeed()
	t.soon(0)
}

// passed reports whether the host has been in its state for d of simulated time, and asks to be
// called again when it will have.
func (t *metal3Turn) passed(d time.Duration) bool {
	timers, state := t.timers[t.host.UID], t.host.Status.Provisioning.State
	if timers.state != state {
		timers = metal3Timers{state: state, entered: time.Now()}
		t.timers[t.host.UID] = timers
	}
	left := t.site.Delay(d) - time.Since(timers.entered)
	if left > 0 {
		t.soon(left)
	}
	return left <= 0
}

// soon asks for another look after d of real time.
func (t *metal3Turn) soon(d time.Duration) {
	if d = max(d, kubePause); t.again == 0 || d < t.again {
		t.again = d
	}
}

// fail puts the host into error; the same error again counts once.
func (t *metal3Turn) fail(kind, message string) {
	s := &t.host.Status
	if s.ErrorType != kind || s.ErrorMessage != message {
		s.ErrorCount++
	}
	s.OperationalStatus, s.ErrorType, s.ErrorMessage = "error", kind, message
}

// succeed takes the host out of error.
func (t *metal3Turn) succeed() {
	s := &t.host.Status
	s.OperationalStatus, s.ErrorType, s.ErrorMessage, s.ErrorCount = "OK", "", "", 0
}

// detached reads the annotation by which the host is taken away from Metal3: whether it is there, and
// whether a deletion has to wait until it is gone.
func (h *metal3Host) detached() (is, delaysDeletion bool) {
	value, is := h.Annotations[metal3DetachedMark]
	var arguments struct {
		DeleteAction string `json:"deleteAction"`
	}
	// Any value detaches, so one that is no JSON is as good as none.
	_ = json.Unmarshal([]byte(value), &arguments)
	return is, arguments.DeleteAction == "delay"
}
