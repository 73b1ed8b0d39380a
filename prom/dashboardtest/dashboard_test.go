package dashboardtest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/prom"
)

// dashboard is what the tests read of Grafana's JSON.
type dashboard struct {
	Title         string `json:"title"`
	UID           string `json:"uid"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Query      any    `json:"query"`
			AllValue   string `json:"allValue"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int                      `json:"id"`
	Type        string                   `json:"type"`
	Title       string                   `json:"title"`
	Description string                   `json:"description"`
	Datasource  datasource               `json:"datasource"`
	GridPos     struct{ X, Y, W, H int } `json:"gridPos"`
	FieldConfig struct {
		Defaults struct {
			Thresholds struct {
				Steps []struct {
					Color string   `json:"color"`
					Value *float64 `json:"value"`
				} `json:"steps"`
			} `json:"thresholds"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []target `json:"targets"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type target struct {
	RefID        string     `json:"refId"`
	Expr         string     `json:"expr"`
	LegendFormat string     `json:"legendFormat"`
	Instant      bool       `json:"instant"`
	Range        bool       `json:"range"`
	Datasource   datasource `json:"datasource"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	require.NoError(t, json.Unmarshal(prom.Dashboard(), &d))
	return d
}

func TestTheDashboardIsWellFormed(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	require.NotEmpty(t, d.Title)
	require.NotEmpty(t, d.UID)
	require.GreaterOrEqual(t, d.SchemaVersion, 39)
	require.Equal(t, "datasource", d.Templating.List[0].Type)
	require.Equal(t, "prometheus", d.Templating.List[0].Query)
	variables := map[string]bool{"__rate_interval": true, "__range": true}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
	}
	ids, taken := map[int]string{}, map[[2]int]string{}
	for _, p := range d.Panels {
		require.NotZero(t, p.ID, p.Title)
		require.NotContains(t, ids, p.ID, p.Title)
		ids[p.ID] = p.Title
		require.Contains(t, []string{"row", "stat", "timeseries", "table"}, p.Type)
		require.NotEmpty(t, p.Title)
		require.Positive(t, p.GridPos.W*p.GridPos.H, p.Title)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.NotContains(t, taken, place, "%s covers %s", p.Title, taken[place])
				taken[place] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.NotEmpty(t, p.Targets, p.Title)
		require.NotEmpty(t, p.Description, p.Title)
		require.Equal(t, datasource{"prometheus", "${datasource}"}, p.Datasource, p.Title)
		refs := map[string]bool{}
		for _, q := range p.Targets {
			require.False(t, refs[q.RefID], "%s: %s", p.Title, q.RefID)
			refs[q.RefID] = true
			require.Equal(t, p.Datasource, q.Datasource, p.Title)
			require.NotEqual(t, q.Instant, q.Range, p.Title)
			for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(q.Expr, -1) {
				require.Contains(t, variables, v[1], q.Expr)
			}
			require.Equal(t, strings.Count(q.Expr, "trackdrive_"), strings.Count(q.Expr, `{job=~"$job"`), "%s: every series is filtered", q.Expr)
		}
	}
}

// TestUnknownSalesAreRed wants a panel that is red above 0.
func TestUnknownSalesAreRed(t *testing.T) {
	t.Parallel()
	for _, p := range readDashboard(t).Panels {
		if p.Title == "Leads that may be sold" {
			steps := p.FieldConfig.Defaults.Thresholds.Steps
			require.Equal(t, "red", steps[len(steps)-1].Color)
			require.Less(t, *steps[len(steps)-1].Value, 0.5, "increase() of one may be less than 1")
			require.Nil(t, steps[0].Value)
			return
		}
	}
	t.Fatal("the panel is missing")
}

// asGrafana replaces the variables in a query.
func asGrafana(expr string, rateInterval, span time.Duration) string {
	for _, v := range []struct{ name, value string }{
		{"$__rate_interval", fmt.Sprintf("%ds", int(rateInterval.Seconds()))},
		{"$__range", fmt.Sprintf("%ds", int(span.Seconds()))},
		{"$job", ".*"},
	} {
		expr = strings.ReplaceAll(expr, v.name, v.value)
	}
	return expr
}

// TestTheQueriesOfTheDashboard runs every query on what a run left behind.
func TestTheQueriesOfTheDashboard(t *testing.T) {
	t.Parallel()
	d := newDialer(t)
	db := d.run(t)
	d.trouble(t)
	for i := range 2 { // the counters of the trouble have to grow between two scrapes
		db.scrape(t, d.server.URL, db.last().Add(time.Duration(i+1)*scrapeInterval))
	}
	used := map[string]bool{}
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			t.Run(p.Title+" "+q.RefID, func(t *testing.T) {
				expr := asGrafana(q.Expr, time.Minute, db.last().Sub(db.first()))
				require.NotContains(t, expr, "$")
				for _, name := range regexp.MustCompile(`trackdrive_\w+`).FindAllString(expr, -1) {
					used[strings.TrimSuffix(name, "_bucket")] = true
				}
				requireValues(t, db, q, expr)
			})
		}
	}
	for _, s := range db.series {
		name := s.labels.Get("__name__")
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		require.True(t, used[name], "no panel shows %s", name)
	}
}

// requireValues wants numbers, and the labels that the legend needs.
func requireValues(t *testing.T, db *database, q target, expr string) {
	t.Helper()
	var results []promql.Series
	if q.Instant {
		vector, err := db.instant(expr)
		require.NoError(t, err, expr)
		for _, s := range vector {
			results = append(results, promql.Series{Metric: s.Metric, Floats: []promql.FPoint{{T: s.T, F: s.F}}})
		}
	} else {
		matrix, err := db.ranged(expr)
		require.NoError(t, err, expr)
		results = matrix
	}
	require.NotEmpty(t, results, expr)
	for _, s := range results {
		numbers := 0
		for _, p := range s.Floats {
			if !math.IsNaN(p.F) && !math.IsInf(p.F, 0) {
				numbers++
				require.GreaterOrEqual(t, p.F, 0.0, expr)
			}
		}
		require.NotZero(t, numbers, "%s: %s has no number", expr, s.Metric)
		for _, l := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(q.LegendFormat, -1) {
			require.True(t, s.Metric.Has(l[1]), "%s: the legend's %s", expr, l[1])
		}
	}
}

// TestTheNumbersOfTheDashboard compares panels with what the run did.
func TestTheNumbersOfTheDashboard(t *testing.T) {
	t.Parallel()
	d := newDialer(t)
	db := d.run(t)
	// After the first scrape, of i = 1 to 40: every second sells at once, every fourth
	// to the second buyer, every fifth to nobody, every tenth without an answer.
	const atOnce, toTheSecond, toNobody, unanswered = 20, 10, 8, 4
	const auctions = atOnce + toTheSecond + toNobody + unanswered
	const oneOf = "" // there is one value, without labels
	for name, want := range map[string]map[string]float64{
		"Leads that may be sold A":     {oneOf: 0},
		"Leads that may be sold B":     {oneOf: unanswered},
		"Sold A":                       {oneOf: atOnce + toTheSecond},
		"Sold B":                       {oneOf: unanswered},
		"Revenue A":                    {oneOf: (atOnce+unanswered)*25.50 + toTheSecond*19.99},
		"Outbox: needs attention A":    {"state=parked": 0, "state=aside": 0, "state=dead": 0},
		"Buyers A":                     {"buyer=Buyer A": atOnce, "buyer=Buyer B": 0, "buyer=Buyer C": toTheSecond},
		"Buyers B":                     {"buyer=Buyer A": atOnce * 25.50, "buyer=Buyer C": toTheSecond * 19.99},
		"Sold per hour, by buyer A":    {"buyer=Buyer A": perHour(atOnce), "buyer=Buyer C": perHour(toTheSecond)},
		"Revenue per hour, by buyer A": {"buyer=Buyer A": perHour(atOnce * 25.50), "buyer=Buyer C": perHour(toTheSecond * 19.99)},
		"Calls by outcome A":           {"outcome=accepted": perSecond(2*(auctions-toNobody) + atOnce + toTheSecond + 20), "outcome=unknown": perSecond(unanswered), "outcome=rejected": perSecond(toTheSecond), "outcome=no_buyer": perSecond(toNobody), "outcome=failed": perSecond(toNobody)},
		"Reasons of refusals A":        {"reason=capped": perSecond(toTheSecond), "reason=unauthorized": perSecond(toNobody)},
		"Pings that fail A":            {"subdomain=globex": float64(toNobody) / auctions},
		"Posts by outcome A":           {"outcome=sold": perSecond(atOnce + toTheSecond), "outcome=rejected": perSecond(toTheSecond), "outcome=unknown": perSecond(unanswered), "outcome=not_sent": 0},
		"Bid rate, by source A":        {"source=acme": float64(auctions-toNobody) / auctions, "source=globex": float64(auctions-toNobody) / auctions},
		"Acceptable bids per ping A":   {"source=acme": 2 * float64(auctions-toNobody) / auctions, "source=globex": float64(auctions-toNobody) / auctions},
		"Losses, by reason A":          {"reason=no_buyer": perSecond(toNobody), "reason=error": perSecond(toNobody)},
		"How auctions end A":           {"end=all_answered": perSecond(auctions), "end=deadline": 0},
		"Outbox: events A":             {"event=delivered": perSecond(20), "event=dead": 0},
		"Sales desk: events A":         {"event=sold": perSecond(atOnce + toTheSecond), "event=unsold": perSecond(toNobody), "event=unknown": perSecond(unanswered), "event=settled": perSecond(unanswered)},
		"Attempts per call A":          {"operation=ping": 1, "operation=post": 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := db.numbers(t, name)
			require.NotEmpty(t, got)
			for labels, value := range want {
				require.Contains(t, got, labels)
				require.InDelta(t, value, got[labels], math.Max(value*0.005, 1e-9), "%s: %v", labels, got)
			}
		})
	}
	t.Run("Ping latency", func(t *testing.T) {
		for ref, least := range map[string]float64{"A": 0.5, "B": 0.5} {
			value := db.numbers(t, "Ping latency "+ref)[oneOf]
			require.Greater(t, value, least)
			require.LessOrEqual(t, value, 0.75, "the bucket that %s falls into", pingTime)
		}
	})
}

// perSecond and perHour turn the events of a run into a rate.
func perSecond(n float64) float64 { return n / (scrapeInterval * (scrapeCount - 1)).Seconds() }
func perHour(n float64) float64   { return 3600 * perSecond(n) }

// numbers evaluates a panel's query over the whole run. The values are by each of
// their labels, and by "" if they have none.
func (d *database) numbers(t *testing.T, titleAndRef string) map[string]float64 {
	t.Helper()
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			if p.Title+" "+q.RefID != titleAndRef {
				continue
			}
			// A second more than the run, so that the first scrape is inside.
			whole := d.last().Sub(d.first()) + time.Second
			vector, err := d.instant(asGrafana(q.Expr, whole, whole))
			require.NoError(t, err)
			numbers := map[string]float64{}
			for _, s := range vector {
				if s.Metric.IsEmpty() {
					numbers[""] = s.F
				}
				for name, value := range s.Metric.Map() {
					numbers[name+"="+value] = s.F
				}
			}
			return numbers
		}
	}
	t.Fatalf("there is no panel %s", titleAndRef)
	return nil
}
