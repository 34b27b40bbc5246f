package simulate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"millwright.dev/millwright/internal/simulate"
)

// A vcluster.yaml that vCluster would refuse never becomes a cluster, and the status says why; where
// the reason is a rule, it does so only while the rule is in force.
func TestInvalidValues(t *testing.T) {
	w := newPlatformWorld(t)
	for name, c := range map[string]struct {
		values, message string
		rule            simulate.Rule
	}{
		"misspelt": {`{privateNode: {enabled: true}}`, `unknown key "privateNode"`, simulate.PlatformValuesStrict},
		"misspelt-below": {`{privateNodes: {enabled: true, autoUpgrades: {}}}`, `unknown field "autoUpgrades"`,
			simulate.PlatformValuesStrict},
		"operator": {`{privateNodes: {enabled: true, autoNodes: [{provider: metal3, static: [{name: a, quantity: 0,
			nodeTypeSelector: [{property: x, operator: NotExists}]}]}]}}`, `unknown operator "NotExists"`,
			simulate.PlatformSelectorOperators},
		"an-object":        {`{privateNodes: {enabled: true, autoNodes: {provider: metal3}}}`, "cannot unmarshal object", ""},
		"quantity-string":  {`{privateNodes: {enabled: true, autoNodes: [{provider: metal3, static: [{name: a, quantity: "1"}]}]}}`, "cannot unmarshal string", ""},
		"quantity-missing": {`{privateNodes: {enabled: true, autoNodes: [{provider: metal3, static: [{name: a}]}]}}`, "quantity is needed", ""},
		"pool-twice": {`{privateNodes: {enabled: true, autoNodes: [{provider: metal3, static: [{name: a, quantity: 0}], dynamic: [{name: a}]}]}}`,
			`"a" is empty or used twice`, ""},
		"two-values": {`{privateNodes: {enabled: true, autoNodes: [{provider: metal3, static: [{name: a, quantity: 0,
			nodeTypeSelector: [{property: x, value: a, values: [b]}]}]}]}}`, "exclude each other", ""},
		"no-provider": {`{privateNodes: {enabled: true, autoNodes: [{provider: bcm, static: []}]}}`, `no node provider "bcm"`, ""},
		"no-type": {`{privateNodes: {enabled: true, autoNodes: [{provider: metal3, static: [{name: a, quantity: 1,
			nodeTypeSelector: [{property: vcluster.com/node-type, value: metal3.gpu}]}]}]}}`, "no node type", ""},
		"sqlite-ha":    {`{controlPlane: {statefulSet: {highAvailability: {replicas: 3}}}}`, "backing store", ""},
		"endpoint":     {`{controlPlane: {endpoint: "a:8443"}}`, "needs private nodes", ""},
		"not-yaml":     {`{a`, "vcluster.yaml", ""},
		"old-spelling": {`{sleepMode: {enabled: true}}`, `unknown key "sleepMode"`, simulate.PlatformValuesStrict},
	} {
		t.Run(name, func(t *testing.T) {
			w.instance(name, c.values)
			w.awaitPhase(name, "Failed")
			require.Contains(t, w.status(name, "message"), c.message)
			if c.rule != "" {
				w.site.SetRule(c.rule, false)
				w.await(name+" is accepted without the rule", func() bool { return w.status(name, "phase") != "Failed" })
				w.site.SetRule(c.rule, true)
			}
		})
	}
}

// A node type that the project may not have is not given to it, and no more machines than its quota.
func TestProjectLimits(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001", "gpu-002")
	w.site.SetRule(simulate.PlatformMembership, false)
	project := func(patch string) { require.NoError(t, w.patch("Project", "", w.project, patch)) }
	project(`{"spec": {"allowedNodeTypes": [{"name": "metal3.other"}], "quotas": {"project": {"nodeclaims": "1"}}}}`)
	w.instance("train", values(2))
	w.awaitPhase("train", "Failed")
	require.Contains(t, w.status("train", "message"), "no node type")

	project(`{"spec": {"allowedNodeTypes": [{"name": "metal3.*"}]}}`)
	w.await("the quota is reported", func() bool {
		return w.status("train", "message") == "pool gpu: the project's quota leaves 1 machines out"
	})
	require.Equal(t, []string{"gpu-001"}, w.consumers("train"))

	w.site.SetRule(simulate.PlatformQuota, false)
	w.site.SetRule(simulate.PlatformAllowedNodeTypes, false)
	project(`{"spec": {"allowedNodeTypes": []}}`)
	w.awaitPhase("train", "Ready")
}

// Every CRD refuses what it does not know, at each depth.
func TestStrictCRDs(t *testing.T) {
	w := newKubeWorld(t)
	for _, manifest := range []string{
		`{kind: Team, metadata: {name: a}, spec: {groups: [idp-a], SPELT: 1}}`,
		`{kind: Team, metadata: {name: a}, spec: {access: [{verbs: [get], SPELT: 1}]}}`,
		`{kind: Project, metadata: {name: a}, spec: {members: [{kind: Team, name: a, clusterRole: r, SPELT: 1}]}}`,
		`{kind: Project, metadata: {name: a}, spec: {quotas: {project: {nodeclaims: "1"}, SPELT: {}}}}`,
		`{kind: ClusterRoleTemplate, metadata: {name: a}, spec: {management: true, SPELT: 1}}`,
		`{kind: ClusterRoleTemplate, metadata: {name: a}, spec: {clusterRoleTemplate: {rules: [{verbs: [get], resources: [pods], SPELT: 1}]}}}`,
		`{kind: OSImage, metadata: {name: a}, spec: {properties: {a: b}, SPELT: 1}}`,
		`{kind: SSHKey, metadata: {name: a}, spec: {publicKey: "ssh-ed25519 A", SPELT: 1}}`,
		`{kind: MachineConfigTemplate, metadata: {name: a}, spec: {cloudInitTemplate: a, SPELT: 1}}`,
		`{kind: NodeProfile, metadata: {name: a}, spec: {nodeLabels: {a: b}, SPELT: 1}}`,
		`{kind: NodeProfile, metadata: {name: a}, spec: {startupTaints: [{key: a, effect: NoSchedule, SPELT: 1}]}}`,
		`{kind: NodeProvider, metadata: {name: a}, spec: {metal3: {clusterRef: {cluster: c}, nodeTypes: [{name: t, bareMetalHosts: {SPELT: 1}}]}}}`,
		`{kind: NodeClaim, metadata: {name: a, namespace: NS}, spec: {providerRef: p, SPELT: 1}}`,
		`{kind: VirtualClusterInstance, metadata: {name: a, namespace: NS}, spec: {template: {helmRelease: {chart: {version: "1"}, SPELT: 1}}}}`,
	} {
		manifest = "apiVersion: management.loft.sh/v1\n" + strings.TrimSuffix(strings.TrimPrefix(manifest, "{"), "}")
		manifest = strings.Replace(manifest, ", metadata:", "\nmetadata:", 1)
		manifest = strings.Replace(manifest, ", spec:", "\nspec:", 1)
		err := w.try(manifest)
		require.True(t, apierrors.IsBadRequest(err), "%s: %v", manifest, err)
		require.ErrorContains(t, err, "SPELT")
		for _, known := range []string{", SPELT: 1", ", SPELT: {}", "SPELT: 1"} {
			manifest = strings.ReplaceAll(manifest, known, "")
		}
		object := strings.Replace(manifest, "name: a,", "name: ok,", 1)
		if err := w.try(object); !apierrors.IsAlreadyExists(err) {
			require.NoError(t, err, "it is refused for something else: %s", object)
		}
	}
	for manifest, message := range map[string]string{
		"kind: Project\nmetadata: {name: b}\nspec: {quotas: {project: {nodeclaims: 1}}}":                                                         "must be of type string",
		"kind: NodeProvider\nmetadata: {name: b}\nspec: {displayName: b}":                                                                        "exactly one of",
		"kind: NodeProvider\nmetadata: {name: b}\nspec: {metal3: {clusterRef: {namespace: c}}}":                                                  "spec.metal3.clusterRef.cluster: Required",
		"kind: VirtualClusterInstance\nmetadata: {name: b, namespace: NS}\nspec: {displayName: b}":                                               "one of template and templateRef",
		"kind: VirtualClusterInstance\nmetadata: {name: b, namespace: NS}\nspec: {template: {helmRelease: {values: {privateNodes: {}}}}}":        "unknown field",
		"kind: VirtualClusterInstance\nmetadata: {name: b, namespace: NS}\nspec: {template: {pro: {enabled: true}}, templateRef: {name: other}}": "one of template and templateRef",
	} {
		require.ErrorContains(t, w.try("apiVersion: management.loft.sh/v1\n"+manifest), message)
	}
}

// What webhooks refuse in a real installation, the admission policies refuse here, and nothing else does.
func TestAdmission(t *testing.T) {
	w := newPlatformWorld(t, "gpu-001")
	w.instance("train", "# kept\ndeletion:\n  auto: {}\n  prevent: true\n")
	w.instance("flow", "{deletion: {prevent: true}}")
	w.instance("free", "# deletion: {prevent: true}\nplatform:\n  deletion:\n    prevent: true\n")
	host := func(patch string) func() error {
		return func() error {
			return w.patch("BareMetalHost", w.namespace, "gpu-001", patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		}
	}
	remove := func(instance string) func() error {
		return func() error {
			at := w.client.Resource(kubeResources["VirtualClusterInstance"]).Namespace("p-" + w.project)
			return at.Delete(t.Context(), instance, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		}
	}
	sloppy := map[simulate.Rule][]func() error{
		simulate.Metal3MACImmutable:     {host(`{"spec": {"bootMACAddress": "02:00:00:00:00:02"}}`), host(`{"spec": {"bootMACAddress": null}}`)},
		simulate.Metal3AddressFrozen:    {host(`{"spec": {"bmc": {"address": "redfish://10.10.0.12"}}}`)},
		simulate.Metal3PowerOffDisabled: {host(`{"spec": {"online": false, "disablePowerOff": true}}`)},
		simulate.Metal3OwnNamespace:     {host(`{"spec": {"userData": {"name": "a", "namespace": "elsewhere"}}}`)},
		simulate.Metal3NameNotUUID: {func() error {
			return w.try("apiVersion: metal3.io/v1alpha1\nkind: BareMetalHost\nmetadata: {name: 11111111-2222-3333-4444-555555555555, namespace: NS}\nspec: {online: true}")
		}},
		simulate.PlatformDeletionPrevented: {remove("train"), remove("flow")},
	}
	harmless := []func() error{
		host(`{"spec": {"online": true, "disablePowerOff": true}}`), host(`{"spec": {"userData": {"name": "a", "namespace": "` + w.namespace + `"}}}`),
		host(`{"spec": {"externallyProvisioned": true}}`), host(`{"metadata": {"labels": {"a": "b"}}}`), remove("free"),
	}
	for rule, attempts := range sloppy {
		for _, attempt := range attempts {
			w.await("accepted without "+string(rule), func() bool { err := attempt(); return err == nil || apierrors.IsAlreadyExists(err) })
		}
	}
	for rule, attempts := range sloppy {
		t.Run(string(rule), func(t *testing.T) {
			for other := range sloppy {
				w.site.SetRule(other, other == rule)
			}
			require.NoError(t, simulate.InstallAdmission(t.Context(), w.config, w.site))
			for _, attempt := range attempts {
				w.await("refused with the rule", func() bool { return apierrors.IsInvalid(attempt()) })
				require.ErrorContains(t, attempt(), string(rule)+".simulate.millwright.dev")
			}
		})
	}
	for _, attempt := range harmless {
		require.NoError(t, attempt())
	}
}

// A host becomes externally provisioned only while it is available, and stays so.
func TestExternallyProvisioned(t *testing.T) {
	w := newKubeWorld(t, "gpu-001", "gpu-002")
	w.host("gpu-001")
	w.host("gpu-002")
	w.provision("gpu-001")
	w.awaitState("gpu-002", "available")
	require.NoError(t, simulate.InstallAdmission(t.Context(), w.config, w.site))
	become := func(host, is string) error {
		dryRun := metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}
		return w.patch("BareMetalHost", w.namespace, host, `{"spec": {"externallyProvisioned": `+is+`}}`, dryRun)
	}
	w.await("a provisioned one cannot", func() bool { return apierrors.IsInvalid(become("gpu-001", "true")) })
	require.NoError(t, become("gpu-002", "true"))
	w.patchHost("gpu-002", `{"spec": {"externallyProvisioned": true}}`)
	w.awaitState("gpu-002", "externally provisioned")
	require.True(t, apierrors.IsInvalid(become("gpu-002", "false")))
}
