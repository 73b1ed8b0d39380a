// Package dashboardtest runs the queries of the dashboard, and those of the alerts in
// the documents, on Prometheus' own engine. It is a module of its own, so that users
// of the metrics do not inherit Prometheus.
package dashboardtest
