package render

import (
	"fmt"
	"strconv"
	"strings"

	"millwright.dev/millwright/internal/fleet"
	"millwright.dev/millwright/internal/state"
)

const kindCollector = "OpenTelemetryCollector.opentelemetry.io"

// observability renders how the provider watches all tenant clusters: the prices that costs are
// reckoned with, and the collector of fleet metrics. What has Prometheus read the control planes
// themselves stands in each vcluster.yaml: see builtIns.
func (r *renderer) observability() {
	o := r.fleet.Platform.Observability
	if o == nil {
		return
	}
	if o.Prices != nil {
		r.prices(o)
	}
	if o.Collector != nil {
		r.collector(o)
	}
}

// watchers is an object of the platform's in the namespace for observability.
func (r *renderer) watchers(o *fleet.Observability, kind, name string) (state.ID, fields) {
	p := source("platform")
	return r.control(kind, o.Namespace, name), fields{"name": p.because("observability", "named after what it is for", name), "namespace": p.of("observability.namespace", o.Namespace)}
}

// panels are what a tenant's dashboard shows; %s is where the namespaces of its control planes go.
var panels = []struct{ title, unit, query string }{
	{"API requests", "reqps", `sum by (namespace) (rate(apiserver_request_total{namespace=~"%s"}[5m]))`},
	{"API errors", "reqps", `sum by (namespace) (rate(apiserver_request_total{namespace=~"%s",code=~"5.."}[5m]))`},
	{"API latency, 99th percentile", "s", `histogram_quantile(0.99, sum by (namespace, le) (rate(apiserver_request_duration_seconds_bucket{namespace=~"%s",verb!~"WATCH|CONNECT"}[5m])))`},
	{"etcd database", "bytes", `max by (namespace) (etcd_mvcc_db_total_size_in_bytes{namespace=~"%s"})`},
	{"Control plane CPU", "cores", `sum by (namespace) (rate(container_cpu_usage_seconds_total{namespace=~"%s",container!=""}[5m]))`},
	{"Control plane memory", "bytes", `sum by (namespace) (container_memory_working_set_bytes{namespace=~"%s",container!=""})`},
}

// dashboard shows a tenant's control planes in Grafana. They are named one by one: a pattern could
// match another tenant's.
func (r *renderer) dashboard(name string, t *fleet.Tenant) {
	o := r.fleet.Platform.Observability
	if o == nil || !o.Dashboards.Enabled || len(r.clusters[name]) == 0 {
		return
	}
	var namespaces []string
	for _, c := range r.clusters[name] {
		namespaces = append(namespaces, c.controlPlaneNamespace())
	}
	s, p := source("tenant/"+name), source("platform")
	source := node(fields{"type": s.fixed("prometheus"), "uid": p.of("observability.dashboards.datasource", o.Dashboards.Datasource)})
	var shown []state.Tree
	for i, panel := range panels {
		shown = append(shown, node(fields{
			"id":          s.fixed(i + 1),
			"type":        s.fixed("timeseries"),
			"title":       s.fixed(panel.title),
			"datasource":  source,
			"gridPos":     s.fixed(map[string]any{"x": i % 2 * 12, "y": i / 2 * 8, "w": 12, "h": 8}),
			"fieldConfig": s.fixed(map[string]any{"defaults": map[string]any{"unit": panel.unit}, "overrides": []any{}}),
			"targets": list(node(fields{
				"refId":        s.fixed("A"),
				"expr":         s.because("cluster", "the namespaces of the tenant's clusters", fmt.Sprintf(panel.query, strings.Join(namespaces, "|"))),
				"legendFormat": s.fixed("{{namespace}}"),
			})),
		}))
	}
	id, meta := r.watchers(o, "ConfigMap", "dashboard-"+name)
	meta["labels"] = node(p.labels("observability.dashboards.labels", o.Dashboards.Labels))
	r.add(state.Object{ID: id, Entity: string(s), Tree: node(fields{
		"apiVersion": s.fixed("v1"),
		"kind":       s.fixed("ConfigMap"),
		"metadata":   node(meta),
		"data": node(fields{name + ".json": state.Encode(state.JSON, node(fields{
			"uid":           s.fixed("millwright-" + name),
			"title":         s.because("displayName", "the tenant", "Tenant "+t.DisplayName),
			"tags":          s.fixed([]any{"millwright", "tenant"}),
			"schemaVersion": s.fixed(39),
			"editable":      s.fixed(false),
			"refresh":       s.fixed("1m"),
			"time":          s.fixed(map[string]any{"from": "now-6h", "to": "now"}),
			"panels":        list(shown...),
		}))}),
	})})
}

// prices are in the form of OpenCost's custom pricing, where numbers are texts. That form is not
// verified: it stands here alone.
func (r *renderer) prices(o *fleet.Observability) {
	p, at := source("platform"), "observability.prices."
	price := func(field string, value float64) state.Tree {
		return p.of(at+field, strconv.FormatFloat(value, 'f', -1, 64))
	}
	id, meta := r.watchers(o, "ConfigMap", o.Prices.ConfigMap)
	r.add(state.Object{ID: id, Entity: string(p), Tree: node(fields{
		"apiVersion": p.fixed("v1"),
		"kind":       p.fixed("ConfigMap"),
		"metadata":   node(meta),
		"data": node(fields{"default.json": state.Encode(state.JSON, node(fields{
			"provider":    p.fixed("custom"),
			"description": p.of("fleet", r.fleet.Platform.Fleet),
			"CPU":         price("cpu", o.Prices.CPU),
			"RAM":         price("memory", o.Prices.Memory),
			"GPU":         price("gpu", o.Prices.GPU),
			"storage":     price("storage", o.Prices.Storage),
		}))}),
	})})
}

// collector takes from Prometheus what it has read of the tenants' control planes: it alone has the
// certificates for them.
func (r *renderer) collector(o *fleet.Observability) {
	p, at := source("platform"), "observability.collector."
	interval := p.of(at+"interval", strconv.Itoa(o.Collector.Interval)+"s")
	id, meta := r.watchers(o, kindCollector, "millwright-fleet")
	r.add(state.Object{ID: id, Entity: string(p), Tree: node(fields{
		"apiVersion": p.fixed("opentelemetry.io/v1beta1"),
		"kind":       p.fixed("OpenTelemetryCollector"),
		"metadata":   node(meta),
		"spec": node(fields{
			"mode":     p.fixed("deployment"),
			"replicas": p.fixed(1), // a second one would send everything twice
			"config": node(fields{
				"receivers": node(fields{"prometheus": node(fields{"config": node(fields{"scrape_configs": list(node(fields{
					"job_name":        p.fixed("tenant-control-planes"),
					"honor_labels":    p.fixed(true),
					"metrics_path":    p.fixed("/federate"),
					"params":          p.fixed(map[string]any{"match[]": []any{`{namespace=~"vc-.+"}`}}),
					"scrape_interval": interval,
					"static_configs":  list(node(fields{"targets": list(p.of(at+"prometheus", o.Collector.Prometheus))})),
				}))})})}),
				"processors": node(fields{"resource": node(fields{"attributes": list(node(fields{
					"key":    p.fixed("millwright.fleet"),
					"action": p.fixed("upsert"),
					"value":  p.of("fleet", r.fleet.Platform.Fleet),
				}))})}),
				"exporters": node(fields{"otlphttp": node(fields{"endpoint": p.of(at+"endpoint", o.Collector.Endpoint)})}),
				"service": node(fields{"pipelines": node(fields{"metrics": p.fixed(map[string]any{
					"receivers": []any{"prometheus"}, "processors": []any{"resource"}, "exporters": []any{"otlphttp"},
				})})}),
			}),
		}),
	})})
}

// chargeback are the labels by which the costs of a tenant's namespaces are added up.
func (c cluster) chargeback(metadata fields) fields {
	if len(c.of.Chargeback) > 0 {
		metadata["labels"] = node(c.src().labels("chargeback", c.of.Chargeback))
	}
	return metadata
}
