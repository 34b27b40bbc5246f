package kubernetes

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/simulate"
	"millwright.dev/millwright/internal/state"
)

// sloppy are mistakes that our client, or what it is given to write, could make with Metal3 and
// Platform. Each offends one rule of the simulated ones, which is what catches it, saying so.
var sloppy = map[simulate.Rule]struct {
	name string
	use  func(s *stage, machine string, sloppy bool) error
	says string
}{
	simulate.Metal3Credentials:              {"takes all BMCs to have one password", registerHost, "refuses the credentials"},
	simulate.Metal3ImageRemovalDeprovisions: {"replaces a host where it should apply", relabelHost, "is deprovisioning"},
	simulate.Metal3DeletionWipes:            {"deletes a host where it should release", letHostGo, "is deprovisioning"},
	simulate.Metal3SettingsReboot:           {"writes firmware settings after the host", setFirmware(settingsOf), "was restarted"},
	simulate.Metal3UpdatesReboot:            {"writes firmware images after the host", setFirmware(updatesOf("bios")), "was restarted"},
	simulate.Metal3ComponentNames:           {"updates the firmware of GPUs", updateComponent, `component "gpu" cannot be updated`},
	simulate.Metal3UpdatePolicy:             {"expects settings to follow a restart", restartHost, "were not put in force"},
	simulate.Metal3PowerEnforced:            {"powers a host off behind Metal3's back", powerOff, "was powered on again"},
	simulate.Metal3MACImmutable:             {"lets the boot address follow the network card", changeHost(`bootMACAddress: "02:00:00:00:00:02"`), string(simulate.Metal3MACImmutable)},
	simulate.Metal3AddressFrozen:            {"lets the BMC's address follow the fleet", changeHost("bmc: {address: redfish://10.10.0.12, credentialsName: a}"), string(simulate.Metal3AddressFrozen)},
	simulate.Metal3PowerOffDisabled:         {"forbids to power off what is made powered off", createHost("%s", "disablePowerOff: true"), string(simulate.Metal3PowerOffDisabled)},
	simulate.Metal3ExternallyProvisioned:    {"declares a provisioned host to be another's", changeHost("externallyProvisioned: true"), string(simulate.Metal3ExternallyProvisioned)},
	simulate.Metal3OwnNamespace:             {"refers to network data elsewhere", referElsewhere, string(simulate.Metal3OwnNamespace)},
	simulate.Metal3NameNotUUID:              {"names a host by its system's UUID", createHost("11111111-2222-3333-4444-0000000%s", ""), string(simulate.Metal3NameNotUUID)},
	simulate.PlatformValuesStrict:           {"misspells a value", offer{values: "privateNode: {enabled: true}"}.use, `unknown key "privateNode"`},
	simulate.PlatformSelectorOperators:      {"believes the documentation of operators", offer{operator: "NotExists"}.use, `unknown operator "NotExists"`},
	simulate.PlatformAllowedNodeTypes:       {"forgets to allow a project its pool's node type", offer{project: "allowedNodeTypes: [{name: metal3.other}]"}.use, "no node type"},
	simulate.PlatformQuota:                  {"leaves the quota behind when a pool grows", offer{machines: 1, project: `quotas: {project: {nodeclaims: "0"}}`}.use, "quota leaves 1 machines out"},
	simulate.PlatformSSHKeys:                {"names a key that nobody made", offer{machines: 1, properties: "vcluster.com/ssh-keys: unheard-of"}.use, `no SSHKey "unheard-of"`},
	simulate.PlatformConfigTemplates:        {"names a template that nobody made", offer{machines: 1, properties: "vcluster.com/user-data-template-config: unheard-of"}.use, `MachineConfigTemplate "unheard-of" is not there`},
	simulate.PlatformNodeProfiles:           {"names a profile that nobody made", offer{profile: ", profile: unheard-of"}.use, `no NodeProfile "unheard-of"`},
	simulate.PlatformMembership:             {"offers a machine before it is a member", offer{machines: 1, stranger: true}.use, "is not a member"},
	simulate.PlatformDeletionPrevented:      {"deletes a cluster that is still protected", deleteInstance, string(simulate.PlatformDeletionPrevented)},
}

// Each mistake is caught by its rule, and passes without it, so that it is the rule that catches it;
// without the mistake our client passes with the rule. A rule that is an admission policy
// is off before the policies are installed, and on afterwards.
func TestSloppyClientsAreCaught(t *testing.T) {
	s := newStage(t)
	for _, on := range []bool{false, true} {
		if on {
			s.installAdmission()
		}
		for rule, mutant := range sloppy {
			t.Run(fmt.Sprintf("%s %s/%t", rule, mutant.name, on), func(t *testing.T) {
				s := s.with(t)
				if on {
					t.Parallel() // all rules are on by now
				} else {
					s.site.SetRule(rule, false)
					defer s.site.SetRule(rule, true)
				}
				err := mutant.use(s, s.machine(), true)
				if !on {
					require.NoError(t, err, "the sloppy client")
					return
				}
				require.ErrorContains(t, err, mutant.says, "the sloppy client")
				require.NoError(t, mutant.use(s, s.machine(), false), "the careful client")
			})
		}
	}
}

// No rule of the simulated Metal3 and Platform is without its mistake.
func TestEveryRuleHasItsSloppyClient(t *testing.T) {
	files, err := filepath.Glob("../simulate/*.go")
	require.NoError(t, err)
	declared := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Rule" {
				return true
			}
			rule, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			if strings.HasPrefix(rule, "metal3.") || strings.HasPrefix(rule, "platform.") {
				require.Contains(t, sloppy, simulate.Rule(rule), spec.Names[0].Name)
				declared++
			}
			return false
		})
	}
	require.Len(t, sloppy, declared)
}

// registerHost has a host registered, with its BMC's credentials.
func registerHost(s *stage, machine string, sloppy bool) error {
	password := "secret of " + machine
	if sloppy {
		password = "secret"
	}
	s.create(s.object(s.t, fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s-bmc}, stringData: {username: admin, password: %s}}", machine, password)))
	s.create(s.host(machine, "", ""))
	s.await(machine+" is registered, or not", func() bool {
		return s.field(hosts, machine, "status.provisioning.state") == "available" || s.field(hosts, machine, "status.errorType") != ""
	})
	if problem := s.field(hosts, machine, "status.errorMessage"); problem != "" {
		return errors.New(problem)
	}
	return nil
}

// relabelHost changes a label of a host that carries a system.
func relabelHost(s *stage, machine string, sloppy bool) error {
	s.provision(machine)
	want := s.host(machine, "rack: a2", "")
	if !sloppy {
		require.NoError(s.t, s.update(want))
		return s.stillProvisioned(machine)
	}
	u, _, err := s.c.manifest(s.t.Context(), want, mustFind(s.t, s.c, want.ID.Kind))
	require.NoError(s.t, err)
	was := s.stored(s.t, hosts, machine)
	u.SetResourceVersion(was.GetResourceVersion())
	u.SetFinalizers(was.GetFinalizers())
	require.NoError(s.t, unstructured.SetNestedField(u.Object, true, "spec", "online")) // its power is not the matter here
	_, err = s.others.Resource(hosts).Namespace(s.namespace).Update(s.t.Context(), u, metav1.UpdateOptions{FieldManager: fieldManager})
	require.NoError(s.t, err)
	return s.stillProvisioned(machine)
}

// letHostGo gives up a host that is in the fleet no longer.
func letHostGo(s *stage, machine string, sloppy bool) error {
	s.provision(machine)
	o := s.host(machine, "", "")
	live := present(s.t, s.c, o)
	if !sloppy {
		require.NoError(s.t, apply(s.t, s.c, plan.Change{ID: o.ID, Action: plan.Release, Live: &live}).Err)
		return s.stillProvisioned(machine)
	}
	_, err := s.c.remove(s.t.Context(), plan.Change{ID: o.ID, Action: plan.Delete, Live: &live}, mustFind(s.t, s.c, o.ID.Kind))
	require.NoError(s.t, err)
	return s.stillProvisioned(machine)
}

// settingsOf are firmware settings of a host, updatesOf firmware images.
func settingsOf(s *stage, machine string) state.Object {
	return s.object(s.t, "{apiVersion: metal3.io/v1alpha1, kind: HostFirmwareSettings, metadata: {name: "+machine+"}, spec: {settings: {SriovGlobalEnable: Enabled}}}")
}

func updatesOf(component string) func(*stage, string) state.Object {
	return func(s *stage, machine string) state.Object {
		return s.object(s.t, "{apiVersion: metal3.io/v1alpha1, kind: HostFirmwareComponents, metadata: {name: "+machine+
			"}, spec: {updates: [{component: "+component+", url: https://firmware.example.com/a-2.0.bin}]}}")
	}
}

// setFirmware has settings or images in force on a host that has not been there before.
func setFirmware(of func(*stage, string) state.Object) func(*stage, string, bool) error {
	return func(s *stage, machine string, sloppy bool) error {
		want := of(s, machine)
		if !sloppy {
			s.create(want)
			require.NoError(s.t, registerHost(s, machine, false))
		} else {
			require.NoError(s.t, registerHost(s, machine, false))
			require.NoError(s.t, s.update(want))
		}
		s.looked()
		if s.happened("prepare", machine) {
			return fmt.Errorf("%s was restarted although it was available", machine)
		}
		return nil
	}
}

// updateComponent has an image installed on a new host.
func updateComponent(s *stage, machine string, sloppy bool) error {
	component := "bios"
	if sloppy {
		component = "gpu"
	}
	s.create(updatesOf(component)(s, machine))
	require.NoError(s.t, registerHost(s, machine, false))
	u := s.stored(s.t, components, machine)
	conditions, _, err := unstructured.NestedSlice(u.Object, "status", "conditions")
	require.NoError(s.t, err)
	for _, c := range conditions {
		if c := c.(map[string]any); c["type"] == "Valid" && c["status"] == "False" {
			return fmt.Errorf("%v", c["message"])
		}
	}
	return nil
}

// restartHost has settings in force on a host that carries a system, by a restart; the careful client
// says first that it may be used for that.
func restartHost(s *stage, machine string, sloppy bool) error {
	s.provision(machine)
	require.NoError(s.t, s.update(settingsOf(s, machine)))
	if !sloppy {
		s.create(s.object(s.t, "{apiVersion: metal3.io/v1alpha1, kind: HostUpdatePolicy, metadata: {name: "+machine+"}, spec: {firmwareSettings: onReboot}}"))
	}
	for _, on := range []string{"false", "true"} {
		s.kubectl(s.t, hosts, machine, "spec: {online: "+on+"}")
		s.await(machine+" is on: "+on, func() bool {
			u := s.stored(s.t, hosts, machine)
			is, _, _ := unstructured.NestedBool(u.Object, "status", "poweredOn")
			m, _ := s.site.Machine(machine)
			running := on == "false" || m.Booted == "os" && m.Power == simulate.PowerOn && text(u, "status", "operationalStatus") == "OK"
			return fmt.Sprint(is) == on && running
		})
	}
	if m, _ := s.site.Machine(machine); m.BIOS["SriovGlobalEnable"] != "Enabled" {
		return fmt.Errorf("the settings of %s were not put in force", machine)
	}
	return nil
}

// powerOff powers a machine that carries a system off, for people to work on it.
func powerOff(s *stage, machine string, sloppy bool) error {
	s.provision(machine)
	if !sloppy {
		s.kubectl(s.t, hosts, machine, `metadata: {annotations: {baremetalhost.metal3.io/detached: ""}}`)
		s.await(machine+" is detached", func() bool { return s.field(hosts, machine, "status.operationalStatus") == "detached" })
	}
	require.NoError(s.t, s.site.Reset(machine, "ForceOff"))
	s.await(machine+" is off", func() bool {
		m, _ := s.site.Machine(machine)
		return m.Power == simulate.PowerOff && m.Resetting == "" || s.happened("power-enforced", machine)
	})
	s.looked()
	time.Sleep(s.site.Delay(2 * time.Minute)) // longer than Metal3 waits between its looks at the power
	s.looked()
	if s.happened("power-enforced", machine) {
		return fmt.Errorf("%s was powered on again", machine)
	}
	return nil
}

// changeHost changes a field of a host that carries a system; the careful client only a label.
func changeHost(spec string) func(*stage, string, bool) error {
	return func(s *stage, machine string, sloppy bool) error {
		s.provision(machine)
		if !sloppy {
			return s.update(s.host(machine, "rack: a2", ""))
		}
		return s.update(s.host(machine, "", spec))
	}
}

// createHost makes a host; the sloppy client with another name or another field.
func createHost(name, spec string) func(*stage, string, bool) error {
	return func(s *stage, machine string, sloppy bool) error {
		o := s.host(machine, "", "")
		if sloppy {
			o = s.host(fmt.Sprintf(name, machine), "", spec)
		}
		return apply(s.t, s.c, plan.Change{ID: o.ID, Action: plan.Create, Want: &o}).Err
	}
}

// referElsewhere writes what only a provisioner writes, past the check that our client has of it.
func referElsewhere(s *stage, machine string, sloppy bool) error {
	s.create(s.host(machine, "", ""))
	want := s.host(machine, "rack: a2", "")
	if !sloppy {
		return s.update(want)
	}
	r := mustFind(s.t, s.c, want.ID.Kind)
	u := stub(want.ID, r, "")
	u.Object["spec"] = map[string]any{"online": false, "networkData": map[string]any{"name": "a", "namespace": "elsewhere"}}
	_, err := s.c.patch(s.t.Context(), want.ID, r, u, metav1.PatchOptions{FieldManager: createManager})
	return err
}

// offer is a project with a cluster of one pool. What differs from a good one is left out by the
// careful client.
type offer struct {
	machines                  int
	values, operator, project string
	properties, profile       string // of the pool
	stranger                  bool   // the machine is no member of the server cluster
}

// use makes the project, its node type and the cluster, and says how the cluster fares.
func (o offer) use(s *stage, name string, sloppy bool) error {
	if !sloppy {
		o = offer{machines: o.machines}
	}
	if o.machines > 0 {
		require.NoError(s.t, registerHost(s, name, false))
		require.NoError(s.t, s.update(s.host(name, "pool: "+name, "")))
		if !o.stranger {
			s.site.Update(name, func(m *simulate.Machine) { m.Membership = name + "-train" })
		}
	}
	s.project(name, o.project)
	selector := "{property: pool, value: gpu}"
	if o.operator != "" {
		selector = "{property: unheardOf, operator: " + o.operator + "}"
	}
	at := s.in("p-" + name)
	s.create(at.instance("train", fmt.Sprintf(`{"privateNodes": {enabled: true, autoNodes: [{provider: %s, properties: {%s}, static: [{name: gpu, quantity: %d, nodeTypeSelector: [%s]%s}]}]}, %s}`,
		name, o.properties, o.machines, selector, o.profile, o.values)))
	problem := ""
	s.await(name+" is ready, or not", func() bool {
		phase, message := at.field(instances, "train", "status.phase"), at.field(instances, "train", "status.message")
		if phase == "Failed" || slices.ContainsFunc([]string{"quota", "not a member", "SSHKey", "MachineConfigTemplate"}, func(s string) bool { return strings.Contains(message, s) }) {
			problem = message
		}
		return phase == "Ready" || problem != ""
	})
	if problem != "" {
		return errors.New(problem)
	}
	return nil
}

// deleteInstance deletes a cluster that is protected; the careful client ends the protection first.
func deleteInstance(s *stage, name string, sloppy bool) error {
	s.project(name, "")
	at := s.in("p-" + name)
	o := at.instance("train", "deletion: {prevent: true}")
	s.create(o)
	if !sloppy {
		require.NoError(s.t, s.update(at.instance("train", "deletion: {prevent: false}")))
	}
	live := present(s.t, s.c, o)
	_, err := s.c.remove(s.t.Context(), plan.Change{ID: o.ID, Action: plan.Delete, Live: &live}, mustFind(s.t, s.c, o.ID.Kind))
	return err
}
