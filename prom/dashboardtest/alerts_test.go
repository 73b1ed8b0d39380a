package dashboardtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/trackdrive-go/trackdrive/prom"
)

// ruleFile is what the tests read of the alerts.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// readAlerts returns the queries by the names of the alerts.
func readAlerts(t *testing.T) map[string]string {
	t.Helper()
	var f ruleFile
	require.NoError(t, yaml.Unmarshal(prom.Alerts(), &f))
	queries := map[string]string{}
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			require.NotContains(t, queries, r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			queries[r.Alert] = r.Expr
		}
	}
	return queries
}

// firing evaluates all alerts.
func (d *database) firing(t *testing.T) map[string]bool {
	t.Helper()
	firing := map[string]bool{}
	for name, query := range readAlerts(t) {
		vector, err := d.instant(query)
		require.NoError(t, err, name)
		for _, s := range vector {
			require.Equal(t, "dialer", s.Metric.Get("job"), "the summary of %s names it", name)
			firing[name] = true
		}
	}
	return firing
}

func TestAlertsFireOnTroubleAlone(t *testing.T) {
	t.Parallel()
	const maySell, stuck, pingsFail = "TrackDriveLeadMayBeSold", "TrackDriveOutboxStuck", "TrackDrivePingsFail"
	for name, test := range map[string]struct {
		trouble func(*testing.T, *dialer)
		after   time.Duration
		want    map[string]bool
	}{
		"nothing":                        {func(*testing.T, *dialer) {}, 0, map[string]bool{}},
		"a lead may be sold, new":        {func(t *testing.T, d *dialer) { inBubble(t, func(t *testing.T) { d.sellWithoutAnAnswer(t, true) }) }, 0, map[string]bool{maySell: true}},
		"a lead may be sold, long since": {func(t *testing.T, d *dialer) { inBubble(t, func(t *testing.T) { d.sellWithoutAnAnswer(t, false) }) }, time.Hour, map[string]bool{maySell: true}},
		"a lead was settled long since":  {func(t *testing.T, d *dialer) { inBubble(t, func(t *testing.T) { d.sellWithoutAnAnswer(t, true) }) }, time.Hour, map[string]bool{}},
		"an item is dead":                {func(t *testing.T, d *dialer) { d.deliverInvalid(t) }, 0, map[string]bool{stuck: true}},
		"an item waits":                  {func(t *testing.T, d *dialer) { d.deliverLater(t) }, 0, map[string]bool{}},
		"an item waits for an hour":      {func(t *testing.T, d *dialer) { d.deliverLater(t) }, time.Hour, map[string]bool{stuck: true}},
		"all pings to a company fail":    {func(t *testing.T, d *dialer) { d.sellSome(t, 0, 1) }, 0, map[string]bool{pingsFail: true}},
		"most pings to a company fail":   {func(t *testing.T, d *dialer) { d.sellSome(t, 1, 3) }, 0, map[string]bool{pingsFail: true}},
		"few pings to a company fail":    {func(t *testing.T, d *dialer) { d.sellSome(t, 19, 1) }, 0, map[string]bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, db := newDialer(t), newDatabase()
			at := time.Now()
			scrape := func() {
				db.scrape(t, d.server.URL, at)
				at = at.Add(scrapeInterval)
			}
			inBubble(t, d.sellAtOnce)
			d.deliver(t, nil)
			scrape()
			for range 2 { // a rate needs two scrapes
				test.trouble(t, d)
				scrape()
			}
			if test.after > 0 {
				at = at.Add(test.after)
				scrape()
			}
			require.Equal(t, test.want, db.firing(t))
		})
	}
}

// sellSome sells some leads, and lets a ping fail for each of some others.
func (d *dialer) sellSome(t *testing.T, sold, unsold int) {
	inBubble(t, func(t *testing.T) {
		for range sold {
			d.sellAtOnce(t)
		}
		for range unsold {
			d.sellToNobody(t)
		}
	})
}

// inBubble runs f where waiting takes no time.
func inBubble(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }
