package render_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/render"
)

// What the provider sees of its tenants is made in the control plane cluster; a tenant that leaves is
// not shown.
func TestGoldenObservability(t *testing.T) {
	f := small()
	f.Tenants["acme"].Chargeback = map[string]string{"example.com/cost-centre": "4711"}
	f.Tenants["acme"].Clusters["serve"] = tenantCluster("old-lab", 0)
	f.Platform.Observability = &fleet.Observability{
		Namespace:       "monitoring",
		ServiceMonitors: fleet.ServiceMonitors{Enabled: true, Labels: map[string]string{"release": "prometheus"}},
		Dashboards:      fleet.Dashboards{Enabled: true, Labels: map[string]string{"grafana_dashboard": "1"}, Datasource: "prometheus"},
		Prices:          &fleet.Prices{ConfigMap: "opencost-prices", CPU: 0.031, Memory: 0.004, GPU: 2.1, Storage: 0.00005},
		Collector:       &fleet.Collector{Endpoint: "https://otlp.example.com", Prometheus: "prometheus-operated.monitoring.svc:9090", Interval: 60},
	}
	set := mustRender(t, f, render.Inputs{})
	text := dump(set)
	golden(t, "observability.txt", onlyTarget(text, "kubernetes/control-plane/ConfigMap")+onlyTarget(text, "kubernetes/control-plane/OpenTelemetryCollector")+
		onlyTarget(text, "kubernetes/control-plane/Namespace/vc-acme"))
	train := must(t, set, "kubernetes/control-plane/VirtualClusterInstance.management.loft.sh/p-acme/train")
	require.Equal(t, map[string]any{"enabled": true, "labels": map[string]any{"release": "prometheus"}}, at(t, train, "spec.template.helmRelease.values.controlPlane.serviceMonitor"))
	require.False(t, strings.Contains(text, "dashboard-old"))

	f.Platform.Observability.Dashboards.Enabled, f.Platform.Observability.ServiceMonitors.Enabled = false, false
	f.Platform.Observability.Prices, f.Platform.Observability.Collector = nil, nil
	f.Tenants["acme"].Chargeback = nil
	off := mustRender(t, f, render.Inputs{})
	f.Platform.Observability = nil
	require.Equal(t, dump(mustRender(t, f, render.Inputs{})), dump(off), "switched off is as good as not said")
}
