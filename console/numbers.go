// The numbers page: accepted, bids, sold and revenue, over time, by source and by buyer.

package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/trackdrive-go/trackdrive/insight"
)

// numbersBody is what the page of numbers shows.
type numbersBody struct {
	Since   string
	Span    string // "hour" or "day"
	Totals  []numberTotal
	Charts  []numberChart
	Sources []numberRow
	Buyers  []numberRow
	Reasons []reasonRow
}

// numberTotal is a sum, in large.
type numberTotal struct{ Title, Value, Help, Mark string }

// numberRow is a source or a buyer.
type numberRow struct {
	Name                                        string
	Pings, Accepted, Bids, Posts, Sold, Unknown int64
	Revenue, Latency                            string
}

type reasonRow struct {
	Operation, Reason string
	Calls             int64
}

// showNumbers shows what insight has observed, over the last hour by minutes or the last
// day by hours.
func (p *consolePage) showNumbers(w http.ResponseWriter, r *http.Request) error {
	report := p.config.Insight.Report()
	body := &numbersBody{Since: inUTC(report.StartedAt), Span: "hour"}
	buckets, step, count := p.config.Insight.Minutes(), time.Minute, 60
	if r.URL.Query().Get("span") == "day" {
		body.Span = "day"
		buckets, step, count = p.config.Insight.Hours(), time.Hour, 24
	}
	body.Charts = chartsOf(buckets, report.At, step, count)
	body.Totals = totalsOf(&report)
	for i := range report.Sources {
		s := &report.Sources[i]
		row := newNumberRow(s.Name, &s.SaleCounts)
		row.Pings, row.Accepted, row.Latency = s.Pings, s.Accepted, latencyOf(&s.Latency)
		body.Sources = append(body.Sources, row)
	}
	for i := range report.Buyers {
		b := &report.Buyers[i]
		name := b.Source + ", " + b.Name
		if b.Name == "" {
			name = b.Source + ", all buyers"
		}
		row := newNumberRow(name, &b.SaleCounts)
		row.Latency = latencyOf(&b.Latency)
		body.Buyers = append(body.Buyers, row)
	}
	for _, reason := range report.Reasons {
		body.Reasons = append(body.Reasons, reasonRow{inWords(reason.Operation), inWords(string(reason.Reason)), reason.Calls})
	}
	return p.render(w, r, http.StatusOK, "numbers", "Numbers", body)
}

// totalsOf returns the sums that are shown in large.
func totalsOf(report *insight.Report) []numberTotal {
	a := &report.Auctions
	return []numberTotal{
		{"Auctions", inDigits(a.Runs), "finished", ""},
		{"Accepted", inDigits(a.Accepted), "pings with an acceptable bid, of " + inDigits(a.Pings), ""},
		{"Sold", inDigits(a.Sold), "of " + inDigits(a.Posts) + " posts", ""},
		{"Revenue", a.Revenue.String(), revenueHelp(a.Unpriced), ""},
		{"Unknown", inDigits(a.Unknown), "posts that may have sold and are not settled", markIf(a.Unknown > 0)},
	}
}

func newNumberRow(name string, c *insight.SaleCounts) numberRow {
	return numberRow{Name: name, Bids: c.Bids, Posts: c.Posts, Sold: c.Sold, Unknown: c.Unknown, Revenue: c.Revenue.String()}
}

func revenueHelp(unpriced int64) string {
	if unpriced == 0 {
		return "of all sales"
	}
	return "without " + inDigits(unpriced) + " sales of unknown payout"
}

func markIf(isBad bool) string {
	if isBad {
		return "undetermined"
	}
	return ""
}

func latencyOf(l *insight.Latency) string {
	if l.P50 == 0 {
		return ""
	}
	return inMillis(l.P50) + ", " + inMillis(l.P95)
}

// inDigits groups the digits of a number in threes.
func inDigits(n int64) string {
	text := []byte{}
	digits := strconv.AppendInt(nil, n, 10)
	for i, c := range digits {
		if rest := len(digits) - i; i > 0 && rest%3 == 0 && digits[i-1] != '-' {
			text = append(text, ',')
		}
		text = append(text, c)
	}
	return string(text)
}

// The dimensions of a chart, in the units of its picture.
const (
	chartColumns = 640
	chartRows    = 120
	chartFoot    = 18
)

// numberChart is a number over time, as columns.
type numberChart struct {
	Title, Most   string
	Width, Height int
	Columns       []chartColumn
	From, To      string
	Table         []chartCell
}

type chartColumn struct{ X, Y, Width, Height float64 }

type chartCell struct{ At, Value string }

// chartsOf draws what happened in the last count steps.
func chartsOf(buckets []insight.Bucket, now time.Time, step time.Duration, count int) []numberChart {
	begin := now.UTC().Truncate(step).Add(-time.Duration(count-1) * step)
	series := []struct {
		title string
		of    func(*insight.Bucket) (float64, string)
	}{
		{"Accepted pings", func(b *insight.Bucket) (float64, string) { return float64(b.Accepted), inDigits(b.Accepted) }},
		{"Bids", func(b *insight.Bucket) (float64, string) { return float64(b.Bids), inDigits(b.Bids) }},
		{"Sold", func(b *insight.Bucket) (float64, string) { return float64(b.Sold), inDigits(b.Sold) }},
		{"Revenue", func(b *insight.Bucket) (float64, string) { return b.Revenue.Float64(), b.Revenue.String() }},
	}
	var charts []numberChart
	for _, s := range series {
		c := numberChart{Title: s.title, Most: "0", Width: chartColumns, Height: chartRows + chartFoot, From: begin.Format("15:04"), To: now.UTC().Format("15:04") + " UTC"}
		values, most := make([]float64, count), 0.0
		for i := range buckets {
			b := &buckets[i]
			at := int(b.Start.Sub(begin) / step)
			if at < 0 || at >= count || b.Start.Before(begin) {
				continue
			}
			value, text := s.of(b)
			values[at] = value
			if value > most {
				most, c.Most = value, text
			}
			if value != 0 {
				c.Table = append(c.Table, chartCell{b.Start.UTC().Format("15:04"), text})
			}
		}
		width := float64(chartColumns) / float64(count)
		for i, value := range values {
			if most == 0 || value <= 0 {
				continue
			}
			height := max(1, value/most*chartRows)
			c.Columns = append(c.Columns, chartColumn{float64(i) * width, chartRows - height, max(1, width-2), height})
		}
		charts = append(charts, c)
	}
	return charts
}
