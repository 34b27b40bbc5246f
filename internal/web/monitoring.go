package web

import (
	"embed"
	"io/fs"
)

//go:embed monitoring
var monitoringFiles embed.FS

// Monitoring are the files for those who watch over an agent by its metrics: rules of alerts for Prometheus, and
// dashboards for Grafana.
func Monitoring() fs.FS {
	files, err := fs.Sub(monitoringFiles, "monitoring")
	if err != nil {
		panic(err) // it was built without
	}
	return files
}
