package render_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// sources gives the air-gapped fleet every kind of source that it can name in a field of its own: firmware,
// a pause image, and a stack whose custom resources name images in each of the ways that operators have.
func sources() (*fleet.Fleet, render.Inputs) {
	f, in := airGapped()
	f.Machines["gpu-001"].BMC.Vendor = "dell"
	f.Classes["h100-8x"].Baselines = map[string]*fleet.Baseline{"dell": {Firmware: map[string]fleet.Firmware{"bios": {Version: "2.10.2", URL: "https://firmware.example.com/bios.exe"}}}}
	f.Tenants["acme"].Clusters["train"].PrivateNodes.Join.PauseImage = "registry.k8s.io/pause:3.10"
	repo := in.FS.(fstest.MapFS)
	repo["app/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [all.yaml, custom.yaml]")}
	repo["app/custom.yaml"] = &fstest.MapFile{Data: []byte(`
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: model, labels: {image: quay.io/label}}
spec:
  selector: {matchLabels: {image: model}}
  template:
    metadata: {labels: {image: model}}
    spec:
      containers: [{name: serve, image: ghcr.io/acme/serve:1, args: ["--sidecar=ghcr.io/acme/side:1"]}]
      volumes: [{name: weights, image: {reference: "ghcr.io/acme/weights:1"}}]
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: main, namespace: app}
spec: {image: "quay.io/prometheus/prometheus:v3", podMetadata: {labels: {image: quay.io/label}}, containers: [{name: proxy, image: nginx}]}
---
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata: {name: nics, namespace: app}
spec: {ofedDriver: {image: doca-driver, repository: nvcr.io/nvidia/mellanox, version: "1"}}
---
apiVersion: operator.tigera.io/v1
kind: Installation
metadata: {name: default, namespace: app}
spec: {registry: quay.io/, imagePath: calico}
---
apiVersion: example.com/v1
kind: Engine
metadata: {name: e, namespace: app}
spec:
  image: {registry: ghcr.io, repository: acme/engine, tag: "1"}
  helper: {image: {repository: quay.io/acme/helper, tag: "1"}}
  kept: {registry: registry.example.com, repository: mirror/acme/kept, tag: "1"}
  bare: {image: driver, backups: {repository: backups.example.com/acme}}
`)}
	return f, in
}

// Nothing that is rendered for a platform with a mirror comes from elsewhere.
func TestMirrorHoldsEverything(t *testing.T) {
	f, in := sources()
	set := mustRender(t, f, in)
	const stack = "kubernetes/acme.train/"
	for address, want := range map[string]map[string]any{
		stack + "Deployment.apps/app/web": {
			"spec.template.spec.initContainers[0].image": "registry.example.com/mirror/library/busybox",
			"spec.template.spec.containers[1].image":     "registry.example.com/mirror/acme/kept:1",
		},
		stack + "CronJob.batch/app/nightly": {"spec.jobTemplate.spec.template.spec.containers[0].image": "registry.example.com/mirror/acme/run@sha256:0f"},
		stack + "ConfigMap/app/words":       {"data.image": "docker.io/library/untouched"},
		stack + "DaemonSet.apps/app/model": {
			"spec.template.spec.containers[0].image":        "registry.example.com/mirror/acme/serve:1",
			"spec.template.spec.containers[0].args[0]":      "--sidecar=ghcr.io/acme/side:1",
			"spec.template.spec.volumes[0].image.reference": "registry.example.com/mirror/acme/weights:1",
			"metadata.labels.image":                         "quay.io/label",
		},
		stack + "Prometheus.monitoring.coreos.com/app/main": {
			"spec.image": "registry.example.com/mirror/prometheus/prometheus:v3", "spec.containers[0].image": "registry.example.com/mirror/library/nginx",
			"spec.podMetadata.labels.image": "quay.io/label",
		},
		stack + "NicClusterPolicy.mellanox.com/app/nics":      {"spec.ofedDriver.repository": "registry.example.com/mirror/nvidia/mellanox", "spec.ofedDriver.image": "doca-driver"},
		stack + "Installation.operator.tigera.io/app/default": {"spec.registry": "registry.example.com/mirror/"},
		stack + "Engine.example.com/app/e": {
			"spec.image.registry": "registry.example.com/mirror", "spec.image.repository": "acme/engine",
			"spec.helper.image.repository": "registry.example.com/mirror/acme/helper",
			"spec.kept.registry":           "registry.example.com", "spec.bare.image": "driver", "spec.bare.backups.repository": "backups.example.com/acme",
		},
		"kubernetes/control-plane/HostFirmwareComponents.metal3.io/metal3-system/gpu-001": {"spec.updates[0].url": "https://mirror.example.com/files/firmware.example.com/bios.exe"},
		"kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train": {
			"spec.template.helmRelease.values.privateNodes.joinNode.containerd.pauseImage": "registry.example.com/mirror/pause:3.10",
			"spec.template.helmRelease.chart.repo":                                         "https://mirror.example.com/charts/charts.loft.sh",
		},
		"kubernetes/control-plane/OSImage.management.loft.sh/ubuntu-noble-gpu": {`spec.properties["metal3.vcluster.com/image-url"]`: "https://mirror.example.com/files/images.example.com/gpu.img"},
	} {
		o := must(t, set, address)
		for path, value := range want {
			require.Equal(t, value, at(t, o, path), "%s %s", address, path)
		}
	}
}

// What the renderer cannot rewrite, since it is written in values, is refused: with a mirror nothing may
// come from elsewhere, whatever led there.
func TestMirrorRefusesTheRest(t *testing.T) {
	elsewhere := map[string]any{"registry": "evil.example.org", "repository": "loft-sh/kubernetes"}
	for name, c := range map[string]struct {
		path  string
		value any
		code  string // "" if it may stand
	}{
		"chart":                  {"experimental.deploy.vcluster.helm", []any{map[string]any{"chart": map[string]any{"name": "x", "repo": "https://charts.example.com"}}}, "MW350"},
		"init container":         {"sync.toHost.pods.rewriteHosts.initContainer.image", elsewhere, "MW350"},
		"another registry":       {"controlPlane.advanced.defaultImageRegistry", "other.example.com", "MW352"},
		"vCluster's registry":    {"controlPlane.statefulSet.image.registry", "evil.example.org", "MW350"},
		"Kubernetes's image":     {"controlPlane.distro.k8s.image", elsewhere, "MW350"},
		"a whole repository":     {"controlPlane.distro.k8s.image", map[string]any{"repository": "evil.example.org/kubernetes", "tag": "1"}, "MW350"},
		"the DNS server":         {"controlPlane.coredns.deployment.image", "evil.example.org/dns:1", "MW350"},
		"the proxy":              {"deploy.kubeProxy.image", "evil.example.org/proxy:1", "MW350"},
		"a load balancer":        {"deploy.metallb.speakerImage", "evil.example.org/speaker:1", "MW350"},
		"a pause image":          {"privateNodes.joinNode.containerd.pauseImage", "evil.example.org/pause:3", "MW350"},
		"images translated":      {"sync.toHost.pods.translateImage", map[string]any{"nginx": "evil.example.org/nginx"}, "MW350"},
		"a server of containerd": {"privateNodes.joinNode.containerd.registry.mirrors", map[string]any{"evil.example.org": map[string]any{"server": "https://evil.example.org"}}, "MW350"},
		"one of its hosts":       {"privateNodes.joinNode.containerd.registry.mirrors", map[string]any{"a.example.org": map[string]any{"hosts": []any{map[string]any{"server": "https://evil.example.org/v2/x"}}}}, "MW350"},
		"a server in the mirror": {"privateNodes.joinNode.containerd.registry.mirrors", map[string]any{"a.example.org": map[string]any{"server": "https://registry.example.com/v2/mirror/a"}}, ""},
		"the mirror's registry":  {"controlPlane.statefulSet.image.registry", "registry.example.com/mirror", ""},
		"the mirror in two":      {"controlPlane.distro.k8s.image", map[string]any{"registry": "registry.example.com", "repository": "mirror/loft-sh/kubernetes"}, ""},
		"no host":                {"controlPlane.statefulSet.image.repository", "loft-sh/vcluster-oss", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, in := airGapped()
			steps := strings.Split(c.path, ".")
			value := c.value
			for _, step := range slices.Backward(steps) {
				value = map[string]any{step: value}
			}
			f.Tenants["acme"].Clusters["train"].Values = value.(map[string]any)
			_, found := render.Render(t.Context(), f, in)
			if c.code == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Equal(t, c.code, found[0].Code)
			require.True(t, strings.HasPrefix(found[0].Path, "tenant/acme.cluster.train.values."+c.path), found[0].Path)
		})
	}
}

// The control plane cluster and Platform's chart are held to the mirror as tenant clusters are.
func TestMirrorHoldsThePlatform(t *testing.T) {
	f, in := airGapped()
	f.Platform.Helm.Values = map[string]any{"image": "evil.example.org/platform:4", "agentValues": map[string]any{"image": map[string]any{"repository": "evil.example.org/agent", "tag": "4"}}}
	f.Platform.ControlPlane.Standalone.Values = map[string]any{"controlPlane": map[string]any{"distro": map[string]any{"k8s": map[string]any{"image": map[string]any{"registry": "evil.example.org"}}}}}
	_, found := render.Render(t.Context(), f, in)
	var paths []string
	for _, d := range found {
		require.Equal(t, "MW350", d.Code)
		paths = append(paths, d.Path)
	}
	slices.Sort(paths)
	require.Equal(t, []string{
		"platform.controlPlane.standalone.values.controlPlane.distro.k8s.image.registry",
		"platform.helm.values.agentValues.image.repository", "platform.helm.values.image",
	}, slices.Compact(paths))
}

// What is fetched is named to rules of policy as it is to the proof, image by image.
func TestFetches(t *testing.T) {
	f, in := sources()
	kinds, named := map[render.Fetched]int{}, map[string]bool{}
	for o := range mustRender(t, f, in).All() {
		for path, leaf := range o.Tree.Leaves() {
			kind, from, ok := render.Fetches(o, path, leaf)
			if !ok {
				continue
			}
			kinds[kind]++
			require.True(t, kind.In(f.Platform.Mirror, from), "%s %s: %s", o.ID, path, from)
			named[from] = true
		}
	}
	for _, kind := range []render.Fetched{render.ContainerImage, render.ChartSource, render.OSImage, render.Firmware} {
		require.Positive(t, kinds[kind], kind)
	}
	for _, from := range []string{"nvidia/mellanox/doca-driver", "acme/weights:1", "acme/engine", "acme/helper", "prometheus/prometheus:v3", ""} {
		require.True(t, named["registry.example.com/mirror/"+from], from)
	}
}
