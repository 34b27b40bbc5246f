package simulate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// What Metal3 does on its own, as the baremetal-operator of v0.13 does it. The rules that it enforces
// by webhooks are at [Admission].
const (
	// Metal3Credentials: a host whose Secret is missing or wrong stays in "registration error".
	Metal3Credentials Rule = "metal3.credentials"
	// Metal3ImageRemovalDeprovisions: a provisioned host whose spec.image is removed, or gets
	// another URL, is deprovisioned: with cleaning, its disks are erased.
	Metal3ImageRemovalDeprovisions Rule = "metal3.image-removal-deprovisions"
	// Metal3DeletionWipes: deleting a provisioned host deprovisions it, and powers it off.
	Metal3DeletionWipes Rule = "metal3.deletion-wipes"
	// Metal3SettingsReboot: changed HostFirmwareSettings take an available host to "preparing",
	// where it is restarted.
	Metal3SettingsReboot Rule = "metal3.settings-reboot"
	// Metal3UpdatesReboot: another URL in HostFirmwareComponents takes an available host to "preparing",
	// where the image is installed. Another version behind the same URL goes unseen.
	Metal3UpdatesReboot Rule = "metal3.updates-reboot"
	// Metal3ComponentNames: firmware is updated of "bios", "bmc" and "nic:" with a name, and nothing at all
	// as long as another component is named.
	Metal3ComponentNames Rule = "metal3.component-names"
	// Metal3UpdatePolicy: settings and firmware of a provisioned host wait until the host is prepared anew,
	// unless its HostUpdatePolicy says onReboot: then they take force when the host is next powered on.
	Metal3UpdatePolicy Rule = "metal3.update-policy"
	// Metal3PowerEnforced: a power state changed past Metal3 is changed back within a minute.
	Metal3PowerEnforced Rule = "metal3.power-enforced"
	// Metal3MACImmutable: bootMACAddress cannot be changed once it is set.
	Metal3MACImmutable Rule = "metal3.mac-immutable"
	// Metal3AddressFrozen: bmc.address changes only while registering or detached.
	Metal3AddressFrozen Rule = "metal3.address-frozen"
	// Metal3PowerOffDisabled: online false and disablePowerOff exclude each other.
	Metal3PowerOffDisabled Rule = "metal3.power-off-disabled"
	// Metal3ExternallyProvisioned: the field becomes true only while available, and never false.
	Metal3ExternallyProvisioned Rule = "metal3.externally-provisioned"
	// Metal3OwnNamespace: userData, networkData and metaData are Secrets of the host's namespace.
	Metal3OwnNamespace Rule = "metal3.own-namespace"
	// Metal3NameNotUUID: a host is not named like a UUID.
	Metal3NameNotUUID Rule = "metal3.name-not-uuid"
)

// How long Metal3's work takes, in simulated time, beside the machine's own resets.
const (
	metal3RegisterTime    = 10 * time.Second
	metal3InspectTime     = 2 * time.Minute
	metal3ProvisionTime   = 5 * time.Minute
	metal3CleanTime       = time.Minute
	metal3PowerCheck      = time.Minute // baremetal-operator looks at the power state this often
	metal3BusyPoll        = 5 * time.Second
	metal3FieldManager    = "baremetal-operator"
	metal3Finalizer       = "baremetalhost.metal3.io"
	metal3PausedMark      = "baremetalhost.metal3.io/paused"
	metal3DetachedMark    = "baremetalhost.metal3.io/detached"
	metal3RegisteredError = "registration error"
)

// Metal3Options says which hosts a Metal3 looks after.
type Metal3Options struct {
	// Namespace holds the hosts and the Secrets of their BMCs.
	Namespace string
	// Credentials are what a machine's BMC accepts. Nil means that it accepts any.
	Credentials func(machine string) (user, password string)
}

// Metal3 stands in for the baremetal-operator and Ironic: it takes the BareMetalHosts of one
// namespace, named as the site's machines, through their states, and moves the machines with them.
type Metal3 struct {
	site    *Site
	options Metal3Options
	client  dynamic.Interface
	timers  map[types.UID]metal3Timers // touched by the loop only
	errors  map[string]string          // the last error recorded of each host
}

// metal3Timers are when a host entered the state it is in, and when its power was first seen to be
// wrong. They are lost when Metal3 restarts: then its work begins anew, as Ironic's does.
type metal3Timers struct {
	state      string
	entered    time.Time
	powerWrong time.Time
}

// NewMetal3 is a Metal3 on the API server that config leads to; Metal3's CRDs must be there. It does
// nothing before Run.
func NewMetal3(site *Site, config *rest.Config, options Metal3Options) (*Metal3, error) {
	client, err := kubeClient(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for Metal3: %w", err)
	}
	return &Metal3{site: site, options: options, client: client,
		timers: map[types.UID]metal3Timers{}, errors: map[string]string{}}, nil
}

// Run looks after the hosts until ctx ends, and then returns nil. What the API server refuses is
// recorded as an event with the verb "error", and tried again.
func (m *Metal3) Run(ctx context.Context) error {
	kubeLoop{
		client: m.client,
		watch:  []schema.GroupVersionResource{hostResource, hostSettingsResource, hostPartsResource, hostPolicyResource, secretResource},
		resync: max(m.site.Delay(metal3PowerCheck)/4, 2*kubePause),
		pass:   m.pass,
	}.run(ctx)
	return nil
}

// pass takes every host one step further, and returns how soon to look again.
func (m *Metal3) pass(ctx context.Context) time.Duration {
	var (
		hosts    []metal3Host
		secrets  []metal3Secret
		settings []metal3Settings
		parts    []metal3Parts
		policies []metal3Policy
	)
	namespaced := func(r schema.GroupVersionResource) dynamic.ResourceInterface {
		return m.client.Resource(r).Namespace(m.options.Namespace)
	}
	err := errors.Join(
		kubeListInto(ctx, namespaced(hostResource), &hosts),
		kubeListInto(ctx, namespaced(secretResource), &secrets),
		kubeListInto(ctx, namespaced(hostSettingsResource), &settings),
		kubeListInto(ctx, namespaced(hostPartsResource), &parts),
		kubeListInto(ctx, namespaced(hostPolicyResource), &policies),
	)
	if m.report(ctx, m.options.Namespace, err); err != nil {
		return 0
	}
	secretOf := make(map[string]metal3Secret, len(secrets))
	for _, s := range secrets {
		secretOf[s.Name] = s
	}
	settingsOf := make(map[string]*metal3Settings, len(settings))
	for _, s := range settings {
		settingsOf[s.Name] = &s
	}
	partsOf := make(map[string]*metal3Parts, len(parts))
	for _, s := range parts {
		partsOf[s.Name] = &s
	}
	policyOf := make(map[string]metal3Policy, len(policies))
	for _, s := range policies {
		policyOf[s.Name] = s
	}
	var next time.Duration
	for _, host := range hosts {
		if _, paused := host.Annotations[metal3PausedMark]; paused {
			continue
		}
		turn := &metal3Turn{Metal3: m, ctx: ctx, host: &host, secrets: secretOf, settings: settingsOf[host.Name], parts: partsOf[host.Name], policy: policyOf[host.Name]}
		m.report(ctx, host.Name, turn.take())
		if turn.again > 0 && (next == 0 || turn.again < next) {
			next = turn.again
		}
	}
	return next
}

// report records an error once, until the host has another or none.
func (m *Metal3) report(ctx context.Context, target string, err error) {
	text := ""
	if err != nil && !apierrors.IsConflict(err) { // somebody was faster: the next turn sees what they did
		text = err.Error()
	}
	if ctx.Err() == nil && text != "" && text != m.errors[target] {
		m.site.Record(Event{System: "metal3", Target: target, Verb: "error", Detail: text})
	}
	m.errors[target] = text
}

// metal3Turn is one look at one host.
type metal3Turn struct {
	*Metal3
	ctx     context.Context
	host    *metal3Host
	secrets map[string]metal3Secret
	// settings is the host's HostFirmwareSettings, or nil while there are none.
	settings *metal3Settings
	// parts is the host's HostFirmwareComponents, or nil while there are none.
	parts  *metal3Parts
	policy metal3Policy  // empty if the host has none
	again  time.Duration // how soon to look again; 0 means no sooner than usual
	gone   bool          // the finalizer was removed, so there may be no host to write to
}

// take does the host's next step and writes what came of it.
func (t *metal3Turn) take() error {
	before := t.host.Status // whatever it points to is replaced, never changed
	err := t.step()
	if t.gone || reflect.DeepEqual(before, t.host.Status) {
		return err
	}
	now := metav1.Now()
	t.host.Status.LastUpdated = &now
	if failed := kubeSetStatus(t.ctx, t.hosts(), t.host.Name, t.host.Status); failed != nil {
		return failed
	}
	return err
}

func (t *metal3Turn) hosts() dynamic.ResourceInterface {
	return t.client.Resource(hostResource).Namespace(t.options.Namespace)
}
