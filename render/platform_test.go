package render_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/render"
)

// sovereign is the small fleet in a data centre without the Internet: its control plane cluster is
// vCluster Standalone, people sign in at two identity providers, everything is logged and mirrored.
func sovereign() *fleet.Fleet {
	f := small()
	p := f.Platform
	p.Networking = fleet.Networking{PodCIDR: "10.40.0.0/16", ServiceCIDR: "10.41.0.0/16"}
	p.Mirror = &fleet.Mirror{
		Registry: "registry.example.com/mirror", Charts: "https://mirror.example.com/charts", Files: "https://mirror.example.com/files",
		Upstreams: []string{"docker.io", "ghcr.io"},
	}
	p.ControlPlane = &fleet.PlatformCluster{Tier: "small", Standalone: &fleet.Standalone{
		Kubernetes: "v1.35.2", Endpoint: "cp.example.com:8443", ExtraSANs: []string{"10.10.255.10"}, DataDir: "/var/lib/vcluster",
		Join: fleet.StandaloneJoin{
			Workloads: true, PreInstall: []string{"modprobe br_netfilter"}, PreJoin: []string{"swapoff -a"}, PostJoin: []string{"systemctl restart chronyd"},
			Kubelet: map[string]string{"max-pods": "250", "v": "2"},
		},
		Values: map[string]any{"controlPlane": map[string]any{"coredns": map[string]any{"enabled": true}}},
	}}
	p.Helm = &fleet.PlatformChart{Version: "4.12.0", Repository: "https://charts.loft.sh", Values: map[string]any{"replicaCount": int64(3)}}
	p.Audit = &fleet.PlatformAudit{
		Level: 2, Path: "/var/log/platform/audit.log", Retention: fleet.Retention{Days: 365, Files: 50, Megabytes: 200},
		Rules: []fleet.AuditRule{{Level: "RequestResponse", Verbs: []string{"delete"}, Resources: []fleet.AuditResource{{Group: "management.loft.sh", Resources: []string{"projects"}}}}, {Level: "Metadata"}},
	}
	p.Identity = &fleet.Identity{
		Host: "platform.example.com", AccessKeyTTL: 2592000,
		OIDC: oidc("https://idp.example.com/realms/factory", "corp-"),
		Connectors: map[string]fleet.Connector{
			"labs": {DisplayName: "Labs", OIDC: oidc("https://idp.labs.example.com", "labs-")},
			"partners": {SAML: &fleet.SAML{
				URL: "https://saml.example.com/sso", Certificate: "-----BEGIN CERTIFICATE-----\nUkVQTEFDRQ==\n-----END CERTIFICATE-----\n",
				UsernameAttribute: "name", EmailAttribute: "email", GroupsAttribute: "groups", AllowedGroups: []string{"acme"},
			}},
		},
		Teams: map[string]fleet.Team{"operations": {DisplayName: "Operations", Groups: []string{"idp:ops", "labs:ops"}}, "finance": {Groups: []string{"idp:finance"}}},
		Roles: map[string]fleet.Role{"operator": {Rules: []fleet.RoleRule{{
			APIGroups: []string{"management.loft.sh"}, Resources: []string{"virtualclusterinstances"}, Verbs: []string{"get", "list"}, ResourceNames: []string{"train"},
		}}}},
	}
	f.Machines["cp-003"] = machine(103, "cp", fleet.ProvisioningDirect)
	f.Machines["cp-003"].Role = fleet.RoleControlPlane

	acme := f.Tenants["acme"]
	acme.Admins = []string{"idp:acme-admins", "partners:acme"}
	acme.Access = fleet.TenantAccess{
		Members: []fleet.ProjectMember{{Team: "operations", Role: "operator"}, {Team: "finance", Role: "viewer"}},
		Clusters: []fleet.ClusterAccess{
			{Teams: []string{"operations"}, Role: "admin", Only: []string{"train"}}, {Teams: []string{"finance"}, Role: "edit", Only: []string{"other"}},
		},
		Others: "edit", Templates: []string{"sandbox", "spare"}, NodeTypes: []string{"cloud.burst"}, PlatformClusters: []string{"loft-cluster", "edge-1"},
	}
	acme.Audit = &fleet.ClusterAudit{Level: "Request", Sink: fleet.SinkFile, Retention: fleet.Retention{Days: 90, Files: 20, Megabytes: 100}}
	f.Tenants["globex"].Audit = &fleet.ClusterAudit{
		Sink: fleet.SinkWebhook, Webhook: "audit-sink",
		Rules: []fleet.AuditRule{{Level: "None", Users: []string{"system:apiserver"}, NonResourceURLs: []string{"/healthz*"}}, {Level: "Metadata", OmitStages: []string{"RequestReceived"}}},
	}
	return f
}

func oidc(issuer, prefix string) *fleet.OIDC {
	return &fleet.OIDC{
		Issuer: issuer, ClientID: "platform", ClientSecret: fleet.SecretKey{Name: "oidc-client", Key: "clientSecret"},
		UsernameClaim: "email", GroupsClaim: "groups", GroupsPrefix: prefix, AllowedGroups: []string{"people"}, Scopes: []string{"profile", "email", "groups"},
	}
}

// airGapped gives the sovereign fleet a stack whose pods are in every place that pods can be in.
func airGapped() (*fleet.Fleet, render.Inputs) {
	f := withStack(sovereign(), map[string]*fleet.Component{"app": {Type: "kustomize", Path: "app", Namespace: "app"}})
	return f, render.Inputs{FS: files(map[string]string{
		"app/kustomization.yaml": "resources: [all.yaml]",
		"app/all.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      initContainers: [{name: init, image: busybox}]
      containers: [{name: web, image: "ghcr.io/acme/web:1"}, {name: kept, image: "registry.example.com/mirror/acme/kept:1"}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  jobTemplate: {spec: {template: {spec: {containers: [{name: run, image: "quay.io/acme/run@sha256:0f"}]}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: words}
data: {image: "docker.io/library/untouched"}
`,
	})}
}

// What the platform, the tenants' people and their audit logs become.
func TestPlatformGolden(t *testing.T) {
	f, in := airGapped()
	set := mustRender(t, f, in)
	var kept []state.Object
	var entities []state.Entity
	for o := range set.All() {
		if o.ID.Target.System == state.Kubernetes && !strings.HasPrefix(o.Entity, "machine/") && !strings.HasPrefix(o.Entity, "pool/") {
			o.After = nil
			kept = append(kept, o)
		}
	}
	some, err := state.NewSet(kept, entities)
	require.NoError(t, err)
	golden(t, "platform.txt", dump(some))
}

// A fleet that says nothing of all this is rendered as before: nothing is written into Platform's
// configuration unasked.
func TestPlatformIsOptional(t *testing.T) {
	for o := range mustRender(t, small(), render.Inputs{}).All() {
		require.NotEqual(t, "ConfigMap", o.ID.Kind, "%s", o.ID)
		require.NotEqual(t, "ClusterRoleTemplate.management.loft.sh", o.ID.Kind, "%s", o.ID)
	}
}

// In a tenant's clusters some rule always stands: Platform makes everybody an administrator where none does.
func TestAccessIsNeverEmpty(t *testing.T) {
	f := small()
	f.Tenants["acme"].Access = fleet.TenantAccess{}
	for o := range mustRender(t, f, render.Inputs{}).All() {
		if o.ID.Kind == "VirtualClusterInstance.management.loft.sh" {
			require.Equal(t, "view", at(t, o, "spec.template.access.defaultClusterRole"))
			require.Equal(t, []any{map[string]any{"teams": []any{f0(o)}, "clusterRole": "cluster-admin"}}, at(t, o, "spec.template.access.rules"))
		}
	}
}

// f0 is the tenant of an instance.
func f0(o state.Object) string { return strings.TrimPrefix(o.ID.Namespace, "p-") }

// A changed audit policy restarts the API server, which reads it only then.
func TestAuditPolicyIsReadAnew(t *testing.T) {
	digest := func(change func(*fleet.Fleet)) any {
		f := sovereign()
		change(f)
		instance := must(t, mustRender(t, f, render.Inputs{}), "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train")
		return at(t, instance, `spec.template.helmRelease.values.controlPlane.statefulSet.pods.annotations["millwright.dev/audit-policy"]`)
	}
	before := digest(func(*fleet.Fleet) {})
	require.Equal(t, before, digest(func(f *fleet.Fleet) { f.Tenants["acme"].Audit.Retention.Days = 1 }), "not part of the policy")
	require.NotEqual(t, before, digest(func(f *fleet.Fleet) { f.Tenants["acme"].Audit.Level = "Metadata" }))
}

// What only a paid edition has is refused on the free one, wherever in the values it is.
func TestEdition(t *testing.T) {
	f := small()
	f.Platform.Edition = fleet.EditionFree
	values := map[string]any{"integrations": map[string]any{"netris": map[string]any{"enabled": true}}}
	f.Tenants["acme"].Clusters["train"].Values = values
	_, found := render.Render(t.Context(), f, render.Inputs{})
	require.Len(t, found, 1)
	require.Equal(t, "MW351", found[0].Code)
	require.Equal(t, "tenant/acme.cluster.train.values.integrations.netris.enabled", found[0].Path)
	f.Platform.Edition = fleet.EditionPaid
	mustRender(t, f, render.Inputs{})
}

// Values of Platform's chart and of the control plane cluster cannot undo what the fleet says in
// fields of its own.
func TestPlatformValuesCannotContradict(t *testing.T) {
	f := sovereign()
	f.Platform.Helm.Values = map[string]any{"config": map[string]any{"audit": map[string]any{"enabled": false}}}
	f.Platform.ControlPlane.Standalone.Values = map[string]any{"controlPlane": map[string]any{"standalone": map[string]any{"dataDir": "/tmp"}}}
	_, found := render.Render(t.Context(), f, render.Inputs{})
	var paths []string
	for _, d := range found {
		require.Equal(t, "MW352", d.Code)
		paths = append(paths, d.Path)
	}
	require.Contains(t, paths, "platform.helm.values.config.audit.enabled")
	require.Contains(t, paths, "platform.controlPlane.standalone.values.controlPlane.standalone.dataDir")
}

// vCluster's own schema accepts what is imposed on tenant clusters, and the control plane cluster's
// own vcluster.yaml.
func TestPlatformFitsTheChart(t *testing.T) {
	schema := chartSchema(t)
	set := mustRender(t, sovereign(), render.Inputs{})
	validate := func(value any) {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance))
	}
	validate(at(t, must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train"), "spec.template.helmRelease.values"))
	validate(at(t, must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-globex/web"), "spec.template.helmRelease.values"))

	standalone := at(t, must(t, set, "kubernetes/control-plane/ConfigMap/vcluster-platform/vcluster-standalone"), `data["vcluster.yaml"]`).(map[string]any)
	release := standalone["experimental"].(map[string]any)["deploy"].(map[string]any)["vcluster"].(map[string]any)["helm"].([]any)[0].(map[string]any)
	require.Equal(t, at(t, must(t, set, "kubernetes/control-plane/ConfigMap/vcluster-platform/vcluster-platform-values"), `data["values.yaml"]`), release["values"],
		"Platform is installed with the values that are kept for it")
	release["values"] = "written as text"
	validate(standalone)
}

// A fleet that says everything about its platform is accepted, keeps the promises of its profiles,
// renders without a finding, and answers why each value is what it is.
func TestSovereignFleet(t *testing.T) {
	a, err := txtar.ParseFile("testdata/sovereign.txtar")
	require.NoError(t, err)
	fsys := fstest.MapFS{}
	for _, file := range a.Files {
		fsys[file.Name] = &fstest.MapFile{Data: file.Data, Mode: 0o644}
	}
	f, found := fleet.Load(t.Context(), fsys, fleet.Options{})
	require.Empty(t, found)
	set := mustRender(t, f, render.Inputs{FS: fsys})
	golden(t, "sovereign.txt", dump(set))
	everyLeafIsWritten(t, f, set)
	require.Equal(t, "registry.example.com/mirror/example/vnode-runtime:1", at(t, must(t, set, "kubernetes/acme.main/DaemonSet.apps/vnode/vnode-runtime"), "spec.template.spec.containers[0].image"))
}
