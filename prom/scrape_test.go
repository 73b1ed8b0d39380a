package prom_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/prom"
)

// scraped is the result of a scrape.
type scraped struct {
	text     string
	families map[string]*dto.MetricFamily
}

// scrape registers the metrics, serves them, and reads them with Prometheus' parser.
func scrape(t testing.TB, m *prom.Metrics) scraped {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(m))
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	resp, err := http.Get(server.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", body)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	require.NoError(t, err)
	return scraped{string(body), families}
}

// sum adds up the series of a family that have all these labels: "source=acme".
func (s scraped) sum(name string, labels ...string) float64 {
	var sum float64
	for _, m := range s.families["trackdrive_"+name].GetMetric() {
		if !hasLabels(m, labels) {
			continue
		}
		switch {
		case m.Counter != nil:
			sum += m.Counter.GetValue()
		case m.Gauge != nil:
			sum += m.Gauge.GetValue()
		case m.Histogram != nil:
			sum += float64(m.Histogram.GetSampleCount())
		}
	}
	return sum
}

func hasLabels(m *dto.Metric, labels []string) bool {
	given := map[string]string{}
	for _, l := range m.GetLabel() {
		given[l.GetName()] = l.GetValue()
	}
	for _, label := range labels {
		name, value, _ := strings.Cut(label, "=")
		if given[name] != value {
			return false
		}
	}
	return true
}

// series returns how many series there are, each bucket of a histogram counted.
func (s scraped) series() int {
	n := 0
	for line := range strings.Lines(s.text) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}
