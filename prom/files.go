// Files: what Grafana and Prometheus read.

package prom

import _ "embed" // for the files

//go:embed dashboard.json
var dashboardJSON string

//go:embed alerts.yml
var alertsYAML string

// Dashboard returns the Grafana dashboard as JSON, for a program that provisions it. It
// is the file dashboard.json of this package. When Grafana imports it, it asks for the
// data source.
func Dashboard() []byte { return []byte(dashboardJSON) }

// Alerts returns three alerting rules for Prometheus as YAML: a lead may be sold, the
// outbox is stuck, pings fail. They are the file alerts.yml of this package.
func Alerts() []byte { return []byte(alertsYAML) }
