package render_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// store is a chart store in memory.
type store struct{ fstest.MapFS }

// put takes an archive up and returns its digest.
func (s store) put(archive []byte) string {
	sum := sha256.Sum256(archive)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	s.MapFS[render.ChartFile(digest)] = &fstest.MapFile{Data: archive}
	return digest
}

// archive packs files as a chart's archive.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var heads []*tar.Header
	for _, name := range slices.Sorted(maps.Keys(files)) {
		heads = append(heads, &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(files[name]))})
	}
	return pack(t, heads, files)
}

func pack(t *testing.T, heads []*tar.Header, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	entries := tar.NewWriter(zipped)
	for _, h := range heads {
		require.NoError(t, entries.WriteHeader(h))
		_, err := entries.Write([]byte(files[h.Name]))
		require.NoError(t, err)
	}
	require.NoError(t, entries.Close())
	require.NoError(t, zipped.Close())
	return b.Bytes()
}

// chartOf is a chart with the templates given, by file name.
func chartOf(name string, templates map[string]string) map[string]string {
	files := map[string]string{name + "/Chart.yaml": "apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n"}
	for file, text := range templates {
		files[name+"/"+file] = text
	}
	return files
}

// withCatalogue is the small fleet with entries of each wave, all of them stand-ins that render what
// matters of the true charts: definitions, workloads, hooks.
func withCatalogue(t *testing.T) (*fleet.Fleet, store) {
	t.Helper()
	charts := store{fstest.MapFS{}}
	entry := func(wave int, namespace string, templates map[string]string) *fleet.Chart {
		return &fleet.Chart{
			Repository: "https://charts.example.com", Chart: "c", Version: "v1.0.0", Wave: wave, Namespace: namespace, Role: "other",
			Digest: charts.put(archive(t, chartOf("c", templates))),
		}
	}
	daemon := "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: {{ .Release.Name }}}\nspec: {size: {{ .Values.size | default 1 }}}\n"
	cni := entry(1, "kube-system", map[string]string{"templates/d.yaml": daemon})
	cni.Role, cni.Values = fleet.RoleCNI, map[string]any{"kubeProxyReplacement": "true", "size": int64(2)}
	nfs := entry(3, "kube-system", map[string]string{"templates/d.yaml": daemon})
	nfs.Role = fleet.RoleCSI
	gpu := entry(6, "gpu-operator", map[string]string{
		"crds/policy.yaml":     strings.ReplaceAll(widgetCRD, "idget", "olicy"),
		"templates/p.yaml":     "apiVersion: example.com/v1\nkind: Wolicy\nmetadata: {name: cluster-policy}\n",
		"templates/d.yaml":     strings.ReplaceAll(daemon, "DaemonSet", "Deployment"),
		"templates/hooks.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: upgrade, annotations: {helm.sh/hook: pre-upgrade, helm.sh/hook-weight: '1'}}\n",
		"templates/job.yaml":   "apiVersion: batch/v1\nkind: Job\nmetadata: {name: init, annotations: {helm.sh/hook: pre-install}}\nspec: {ttlSecondsAfterFinished: 60, template: {spec: {restartPolicy: Never}}}\n",
		"templates/undo.yaml":  "apiVersion: batch/v1\nkind: Job\nmetadata: {name: undo, annotations: {helm.sh/hook: post-delete}}\n",
		"templates/c.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, annotations: {helm.sh/hook: 'pre-install,pre-upgrade', keep: this}}\ndata: {a: b}\n",
	})
	gpu.Privileged, gpu.Hooks = true, map[string]string{"ConfigMap/settings": fleet.HookApply, "Job/init": fleet.HookApply, "*": fleet.HookDrop}
	queues := entry(7, "queues", map[string]string{"templates/d.yaml": strings.ReplaceAll(daemon, "DaemonSet", "Deployment")})
	queues.After = []string{"limits"}

	f := withStack(small(), map[string]*fleet.Component{
		"limits": {Type: "kustomize", Path: "stacks/limits", Namespace: "default", After: []string{"gpu-operator"}},
	})
	s := f.Stacks["training"]
	s.Catalogue = map[string]*fleet.Chart{"cilium": cni, "csi-driver-nfs": nfs, "gpu-operator": gpu, "kueue": queues}
	s.TenantFields = []fleet.TenantFields{{Kind: "Deployment.apps", Name: "kueue", Fields: []string{"spec.size"}}}
	f.Tenants["acme"].Clusters["train"].Storage = map[string]*fleet.StorageClass{
		"home": {Default: true, ReclaimPolicy: "Retain", BindingMode: "Immediate", Expansion: true, MountOptions: []string{"nfsvers=4.1"},
			Parameters: map[string]string{"mountPermissions": "0755"}, NFS: &fleet.NFSVolumes{Server: "nfs.example.com", Share: "/acme"}},
	}
	return f, charts
}

var limits = files(map[string]string{
	"stacks/limits/kustomization.yaml": "resources: [quota.yaml]",
	"stacks/limits/quota.yaml":         "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: gpus}\nspec: {hard: {requests.nvidia.com/gpu: 8}}\n",
})

// The catalogue's entries come in waves, in the tenant's cluster; what vCluster brings itself gives way.
func TestGoldenCatalogue(t *testing.T) {
	f, charts := withCatalogue(t)
	set := mustRender(t, f, render.Inputs{FS: limits, Charts: charts})
	golden(t, "catalogue.txt", onlyTarget(dump(set), "kubernetes/acme.train/"))

	train := must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train")
	require.Equal(t, map[string]any{
		"cni":                  map[string]any{"flannel": map[string]any{"enabled": false}},
		"kubeProxy":            map[string]any{"enabled": false},
		"localPathProvisioner": map[string]any{"enabled": false},
	}, at(t, train, "spec.template.helmRelease.values.deploy"))

	const c = "kubernetes/acme.train/"
	for after, before := range map[string]string{
		c + "DaemonSet.apps/kube-system/csi-driver-nfs": c + "DaemonSet.apps/kube-system/cilium",
		c + "Deployment.apps/gpu-operator/gpu-operator": c + "DaemonSet.apps/kube-system/csi-driver-nfs",
		c + "Deployment.apps/queues/kueue":              c + "Deployment.apps/gpu-operator/gpu-operator",
		c + "ResourceQuota/default/gpus":                c + "Deployment.apps/gpu-operator/gpu-operator",
		c + "StorageClass.storage.k8s.io/home":          c + "DaemonSet.apps/kube-system/csi-driver-nfs",
		c + "Wolicy.example.com/cluster-policy":         c + "CustomResourceDefinition.apiextensions.k8s.io/wolicys.example.com",
		c + "ConfigMap/gpu-operator/settings":           c + "Namespace/gpu-operator",
		c + "Namespace/queues":                          "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train",
	} {
		there, _ := waits(must(t, set, after), before)
		require.True(t, there, "%s does not wait for %s", after, before)
	}
}

// What is not at hand makes the fleet incomplete, and then nothing of it is rendered: half a fleet
// would look like the wish to delete the other half.
func TestChartsNotAtHand(t *testing.T) {
	for name, change := range map[string]func(*fleet.Chart, store){
		"no digest":     func(c *fleet.Chart, _ store) { c.Digest = "" },
		"not fetched":   func(c *fleet.Chart, s store) { delete(s.MapFS, render.ChartFile(c.Digest)) },
		"another store": func(_ *fleet.Chart, s store) { clear(s.MapFS) },
	} {
		f, charts := withCatalogue(t)
		change(f.Stacks["training"].Catalogue["kueue"], charts)
		set, found := render.Render(t.Context(), f, render.Inputs{FS: limits, Charts: charts})
		require.True(t, found.Incomplete(), "%s: %v", name, found)
		require.Equal(t, "MW330", found[0].Code, name)
		require.Zero(t, set.Len(), name)
	}
	f, _ := withCatalogue(t)
	_, found := render.Render(t.Context(), f, render.Inputs{FS: limits})
	require.True(t, found.Incomplete(), "without a store")
	require.NotContains(t, found.Error(), "MW332", "what is not rendered cannot be missed")
}

// An archive is whatever somebody put there.
func TestHostileArchives(t *testing.T) {
	link := &tar.Header{Typeflag: tar.TypeSymlink, Name: "c/templates", Linkname: "/etc"}
	chart := &tar.Header{Typeflag: tar.TypeReg, Name: "c/Chart.yaml", Mode: 0o644}
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"no archive":      {[]byte("<html>not found</html>"), "gzip"},
		"cut off":         {archive(t, chartOf("c", nil))[:60], "unexpected EOF"},
		"empty":           {archive(t, nil), "no chart"},
		"above itself":    {archive(t, map[string]string{"c/../../x": ""}), "no path within"},
		"absolute":        {archive(t, map[string]string{"/c/Chart.yaml": ""}), "no path within"},
		"beside":          {archive(t, map[string]string{"Chart.yaml": ""}), "no path within"},
		"another slash":   {archive(t, map[string]string{`c/..\x`: ""}), "no path within"},
		"a link":          {pack(t, []*tar.Header{link}, nil), "no plain file"},
		"one file twice":  {pack(t, []*tar.Header{chart, chart}, nil), "a file twice"},
		"a file too big":  {archive(t, map[string]string{"c/x": strings.Repeat("0", 5<<20)}), "bytes in one"},
		"too much in all": {archive(t, manyFiles(9, 4<<20)), "bytes in one, or more"},
		"too many files":  {archive(t, manyFiles(2001, 0)), "files in all"},
	} {
		f, charts := withCatalogue(t)
		f.Stacks["training"].Catalogue["kueue"].Digest = charts.put(c.data)
		_, found := render.Render(t.Context(), f, render.Inputs{FS: limits, Charts: charts})
		require.Equal(t, "MW331", found[0].Code, "%s: %v", name, found)
		require.Contains(t, found[0].Summary, c.says, name)
		require.False(t, found.Incomplete(), name)
	}

	f, charts := withCatalogue(t)
	digest := f.Stacks["training"].Catalogue["kueue"].Digest
	charts.MapFS[render.ChartFile(digest)].Data = archive(t, chartOf("c", nil))
	_, found := render.Render(t.Context(), f, render.Inputs{FS: limits, Charts: charts})
	require.Contains(t, found.Error(), "another one than "+digest)
}

func manyFiles(n, size int) map[string]string {
	all := map[string]string{}
	for i := range n {
		all["c/"+hex.EncodeToString([]byte{byte(i >> 8), byte(i)})] = strings.Repeat("0", size)
	}
	return all
}

// Each of these would be installed wrongly, and is refused.
func TestRefusedCatalogues(t *testing.T) {
	class := func(name string) string {
		return "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: " + name + ", annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}\nprovisioner: x\n"
	}
	for code, change := range map[string]func(*fleet.Fleet, store){
		"MW305": func(f *fleet.Fleet, _ store) { f.Stacks["training"].Catalogue["gpu-operator"].Hooks = nil },
		"MW308": func(f *fleet.Fleet, s store) {
			f.Tenants["acme"].Clusters["train"].Storage["home"].Default = false
			f.Stacks["training"].Catalogue["kueue"].Digest = s.put(archive(t, chartOf("c", map[string]string{"templates/s.yaml": class("home"), "templates/d.yaml": deployment})))
		},
		"MW332": func(f *fleet.Fleet, _ store) { f.Stacks["training"].TenantFields[0].Name = "kueu" },
		"MW333": func(f *fleet.Fleet, s store) {
			f.Stacks["training"].Catalogue["kueue"].Digest = s.put(archive(t, chartOf("c", map[string]string{"templates/s.yaml": class("other"), "templates/d.yaml": deployment})))
		},
	} {
		f, charts := withCatalogue(t)
		change(f, charts)
		_, found := render.Render(t.Context(), f, render.Inputs{FS: limits, Charts: charts})
		require.Error(t, found.Err(), code)
		for _, d := range found {
			if d.Severity == diag.Error {
				require.Equal(t, code, d.Code, "%v", found)
			}
		}
	}
}

// A chart whose values make its own storage class the default leaves no other one beside it.
func TestChartsDefaultClassTakesItsPlace(t *testing.T) {
	f, charts := withCatalogue(t)
	f.Tenants["acme"].Clusters["train"].Storage = nil
	catalogue := f.Stacks["training"].Catalogue
	longhorn := *catalogue["csi-driver-nfs"]
	catalogue["longhorn"] = &longhorn
	for _, on := range []bool{false, true} {
		longhorn.Values = map[string]any{"persistence": map[string]any{"defaultClass": on}}
		set := mustRender(t, f, render.Inputs{FS: limits, Charts: charts})
		train := must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train")
		_, off := at(t, train, "spec.template.helmRelease.values.deploy").(map[string]any)["localPathProvisioner"]
		require.Equal(t, on, off)
	}
}

const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: kueue}\nspec: {size: 1}\n"

// Every backend has its driver and what the driver wants to know.
func TestStorageBackends(t *testing.T) {
	f, charts := withCatalogue(t)
	catalogue := f.Stacks["training"].Catalogue
	for _, name := range []string{"rook-ceph", "rook-ceph-cluster", "weka", "longhorn", "cloud-csi"} {
		c := *catalogue["csi-driver-nfs"]
		c.Namespace = name
		catalogue[name] = &c
	}
	class := fleet.StorageClass{ReclaimPolicy: "Delete", BindingMode: "WaitForFirstConsumer", Expansion: true}
	all := map[string]*fleet.StorageClass{}
	for _, name := range []string{"block", "fast", "replicated", "elsewhere"} {
		c := class
		all[name] = &c
	}
	all["block"].Ceph, all["block"].Default = &fleet.CephVolumes{Pool: "replicapool"}, true
	all["fast"].Weka = &fleet.WekaVolumes{Filesystem: "acme", Secret: "weka-api"}
	all["replicated"].Longhorn = &fleet.LonghornVolumes{Replicas: 2}
	all["elsewhere"].Cloud = &fleet.CloudVolumes{Provisioner: "disk.csi.example.com"}
	f.Tenants["acme"].Clusters["train"].Storage = all
	golden(t, "storage.txt", onlyTarget(dump(mustRender(t, f, render.Inputs{FS: limits, Charts: charts})), "kubernetes/acme.train/StorageClass"))
}

// What a component says that it provides takes the place of vCluster's own, and what it does not say leaves it.
func TestComponentsTakeTheirPlace(t *testing.T) {
	for _, c := range []struct {
		provides []string
		off      any
	}{
		{nil, nil},
		{[]string{fleet.RoleCSI}, nil},
		{[]string{fleet.RoleCNI}, map[string]any{"cni": map[string]any{"flannel": map[string]any{"enabled": false}}}},
		{[]string{fleet.RoleProxy, fleet.RoleDefaultClass}, map[string]any{
			"kubeProxy":            map[string]any{"enabled": false},
			"localPathProvisioner": map[string]any{"enabled": false},
		}},
	} {
		f := withStack(small(), map[string]*fleet.Component{"own": {Type: "kustomize", Path: "stacks/limits", Namespace: "default", Provides: c.provides}})
		set := mustRender(t, f, render.Inputs{FS: limits})
		train := must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train")
		require.Equal(t, c.off, at(t, train, "spec.template.helmRelease.values").(map[string]any)["deploy"])
	}
}
