// Files: what Grafana and Prometheus read.

package prom

import _ "embed" // for the files

//go:embed dashboard.json
var dashboardJSON string

//go:embed alerts.yml
var alertsYAML string

// Dashboard returns the dashboard for Grafana as JSON, for a program that provisions
// it. It is the file dashboard.json beside this package, which Grafana imports: it
// asks for the data source.
func Dashboard() []byte { return []byte(dashboardJSON) }

// Alerts returns rules for Prometheus as YAML: a lead may be sold, the outbox is stuck,
// pings fail. They are the file alerts.yml beside this package.
func Alerts() []byte { return []byte(alertsYAML) }
