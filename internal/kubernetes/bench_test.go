package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/ssa"
	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"millwright.dev/millwright/internal/plan"
	"millwright.dev/millwright/internal/state"
)

// BenchmarkFirstApply makes 1,000 ConfigMaps of 1 KiB in three ways on one API server, in turns, and
// reports our rate as a multiple of the two others': raw is server-side apply, forced and unchecked,
// with as many requests at once as ours; ssa is fluxcd/pkg/ssa's ApplyAllStaged at concurrency 4.
func BenchmarkFirstApply(b *testing.B) {
	const objects = 1000
	w := newWorld(b)
	var ours, raw, staged time.Duration
	for b.Loop() {
		raw += w.timed(b, objects, applyRaw)
		ours += w.timed(b, objects, applyOurs)
		staged += w.timed(b, objects, applyStaged)
	}
	rate := func(d time.Duration) float64 { return float64(objects*b.N) / d.Seconds() }
	b.ReportMetric(rate(ours), "objects/s")
	b.ReportMetric(rate(ours)/rate(raw), "of-raw")
	b.ReportMetric(rate(ours)/rate(staged), "of-ssa")
	b.ReportMetric(0, "ns/op")
}

// timed is how long one way takes to make so many objects in a namespace of its own.
func (w *world) timed(b *testing.B, n int, way func(*testing.B, *rest.Config, []state.Object)) time.Duration {
	fresh := *w
	fresh.namespace = w.server.Namespace(b)
	value := strings.Repeat("0123456789abcdef", 64)
	objects := make([]state.Object, n)
	for i := range objects {
		objects[i] = fresh.configMap(b, fmt.Sprintf("c%04d", i), value)
	}
	began := time.Now()
	way(b, rest.CopyConfig(w.server.Config), objects)
	took := time.Since(began)
	list, err := w.others.Resource(configMaps).Namespace(fresh.namespace).List(b.Context(), metav1.ListOptions{})
	require.NoError(b, err)
	require.Len(b, list.Items, n)
	return took
}

func applyOurs(b *testing.B, config *rest.Config, objects []state.Object) {
	c, err := New(state.ControlPlane, config, Options{Fleet: "bench"})
	require.NoError(b, err)
	defer func() { require.NoError(b, c.Close(context.Background())) }()
	var changes []plan.Change
	for _, o := range objects {
		changes = append(changes, plan.Change{ID: o.ID, Action: plan.Create, Want: &o})
	}
	for r := range c.Apply(b.Context(), changes) {
		require.NoError(b, r.Err)
	}
}

func manifests(b *testing.B, objects []state.Object) []*unstructured.Unstructured {
	all := make([]*unstructured.Unstructured, len(objects))
	for i, o := range objects {
		plain, err := o.Tree.Plain(nil)
		require.NoError(b, err)
		all[i] = &unstructured.Unstructured{Object: plain.(map[string]any)}
		all[i].SetNamespace(o.ID.Namespace)
	}
	return all
}

func applyRaw(b *testing.B, config *rest.Config, objects []state.Object) {
	c, err := New(state.ControlPlane, config, Options{Fleet: "bench"})
	require.NoError(b, err)
	defer func() { require.NoError(b, c.Close(context.Background())) }()
	var all errgroup.Group
	all.SetLimit(c.options.Concurrency)
	for _, u := range manifests(b, objects) {
		all.Go(func() error {
			_, err := c.client.Resource(configMaps).Namespace(u.GetNamespace()).Apply(b.Context(), u.GetName(), u,
				metav1.ApplyOptions{FieldManager: "raw", Force: true})
			return err
		})
	}
	require.NoError(b, all.Wait())
}

func applyStaged(b *testing.B, config *rest.Config, objects []state.Object) {
	log.SetLogger(logr.Discard())
	kube, err := client.New(config, client.Options{})
	require.NoError(b, err)
	manager := ssa.NewResourceManager(kube, nil, ssa.Owner{Field: "staged", Group: "example.com"})
	manager.SetConcurrency(4)
	_, err = manager.ApplyAllStaged(b.Context(), manifests(b, objects), ssa.DefaultApplyOptions())
	require.NoError(b, err)
}
