// The report for people, and for logs.

package insight

import (
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// String returns the report as WriteText writes it.
func (r Report) String() string {
	var b strings.Builder
	_ = r.WriteText(&b)
	return b.String()
}

// WriteText writes the report as tables for people to read. It leaves out tables without
// rows, and shows "-" for an empty label. It returns w's error.
func (r Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	isFirst := true
	for _, table := range []textTable{r.sourceTable(), r.buyerTable(), r.trafficTable(), r.callTable(), r.itemTable(), r.leadTable()} {
		if len(table.rows) == 0 {
			continue
		}
		if !isFirst {
			_, _ = io.WriteString(t, "\n")
		}
		isFirst = false
		for _, row := range append([][]string{table.header}, table.rows...) {
			_, _ = io.WriteString(t, strings.Join(row, "\t")+"\n")
		}
	}
	return t.Flush()
}

// textTable is a part of the report, as text.
type textTable struct {
	header []string
	rows   [][]string
}

var (
	pingHeader  = []string{"pings", "answers", "accepted"}
	saleHeader  = []string{"bids", "posts", "sold", "rejected", "not sent", "unknown", "settled", "revenue", "unpriced"}
	callsHeader = []string{"calls", "accepted", "no buyer", "rejected", "not sent", "unknown", "failed"}
	timeHeader  = []string{"p50", "p95"}
)

func (r Report) sourceTable() textTable {
	t := textTable{header: slices.Concat([]string{"source"}, pingHeader, saleHeader, timeHeader, []string{"losses"})}
	if len(r.Sources) > 0 {
		a := &r.Auctions
		t.rows = append(t.rows, slices.Concat([]string{"(all)"}, a.PingCounts.cells(), a.SaleCounts.cells(), []string{"-", "-", "auctions: " + countText(a.Runs)}))
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		t.rows = append(t.rows, slices.Concat([]string{labelText(s.Name)}, s.PingCounts.cells(), s.SaleCounts.cells(), s.Latency.cells(), []string{wordsText(s.Losses)}))
	}
	return t
}

func (r Report) buyerTable() textTable {
	t := textTable{header: slices.Concat([]string{"source", "buyer"}, saleHeader, timeHeader, []string{"losses"})}
	for i := range r.Buyers {
		b := &r.Buyers[i]
		t.rows = append(t.rows, slices.Concat([]string{labelText(b.Source), labelText(b.Name)}, b.SaleCounts.cells(), b.Latency.cells(), []string{wordsText(b.Losses)}))
	}
	return t
}

func (r Report) trafficTable() textTable {
	t := textTable{header: slices.Concat([]string{"traffic source", "pings", "accepted", "posts", "sold", "unknown"}, timeHeader,
		[]string{"in auctions:"}, saleHeader)}
	for i := range r.TrafficSources {
		s := &r.TrafficSources[i]
		calls := []string{countText(s.Calls.Pings.Calls), countText(s.Calls.Pings.Accepted), countText(s.Calls.Posts.Calls), countText(s.Calls.Posts.Accepted), countText(s.Calls.Posts.Unknown)}
		t.rows = append(t.rows, slices.Concat([]string{labelText(s.ID)}, calls, s.Calls.cells(), []string{""}, s.Auctions.cells()))
	}
	return t
}

func (r Report) callTable() textTable {
	t := textTable{header: slices.Concat([]string{"operation", "company", "endpoint"}, callsHeader, timeHeader, []string{"reasons"})}
	for i := range r.Calls {
		c := &r.Calls[i]
		t.rows = append(t.rows, slices.Concat([]string{labelText(c.Operation), labelText(c.Company), labelText(c.Endpoint)}, c.Outcomes.cells(), c.Latency.cells(), []string{wordsText(c.Reasons)}))
	}
	return t
}

func (r Report) itemTable() textTable {
	t := textTable{header: slices.Concat([]string{"company", "item"}, timeHeader, []string{"events"})}
	for i := range r.Items {
		item := &r.Items[i]
		t.rows = append(t.rows, slices.Concat([]string{labelText(item.Company), labelText(item.Operation)}, item.cells(), []string{wordsText(item.Events)}))
	}
	return t
}

func (r Report) leadTable() textTable {
	t := textTable{header: []string{"leads"}}
	if len(r.Leads) > 0 {
		t.rows = [][]string{{wordsText(r.Leads)}}
	}
	return t
}

func (p *PingCounts) cells() []string {
	return []string{countText(p.Pings), countText(p.Answers), countText(p.Accepted)}
}

func (s *SaleCounts) cells() []string {
	return []string{
		countText(s.Bids), countText(s.Posts), countText(s.Sold), countText(s.Rejected), countText(s.NotSent), countText(s.Unknown),
		countText(s.SettledSold + s.SettledUnsold), s.Revenue.String(), countText(s.Unpriced),
	}
}

func (o *Outcomes) cells() []string {
	return []string{
		countText(o.Calls), countText(o.Accepted), countText(o.NoBuyer), countText(o.Rejected), countText(o.NotSent), countText(o.Unknown), countText(o.Failed),
	}
}

func (l *Latency) cells() []string {
	if l.Timed == 0 {
		return []string{"-", "-"}
	}
	return []string{durationText(l.P50), durationText(l.P95)}
}

// durationText returns a duration with about as many digits as are known.
func durationText(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

func countText(n int64) string { return strconv.FormatInt(n, 10) }

// labelText shows that there is nothing.
func labelText(label string) string {
	if label == "" {
		return "-"
	}
	return label
}

// wordsText returns counts in the order of their words: "capped 3, closed 1".
func wordsText[W ~string](counts map[W]int64) string {
	var list []string
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, string(word)+" "+countText(counts[word]))
	}
	return labelText(strings.Join(list, ", "))
}

// LogValue returns the totals of all auctions and of all calls, for package log/slog. A
// row such as a Source can be logged by itself.
func (r Report) LogValue() slog.Value {
	var calls Outcomes
	for i := range r.Calls {
		calls.sum(&r.Calls[i].Outcomes)
	}
	a := &r.Auctions
	return slog.GroupValue(
		slog.Time("started_at", r.StartedAt),
		slog.Time("at", r.At),
		slog.Group("auctions",
			slog.Int64("runs", a.Runs), slog.Int64("pings", a.Pings), slog.Int64("accepted", a.Accepted),
			slog.Int64("bids", a.Bids), slog.Int64("posts", a.Posts), slog.Int64("sold", a.Sold), slog.Int64("rejected", a.Rejected),
			slog.Int64("not_sent", a.NotSent), slog.Int64("unknown", a.Unknown), slog.String("revenue", a.Revenue.String()), slog.Int64("unpriced", a.Unpriced),
		),
		slog.Group("calls",
			slog.Int64("calls", calls.Calls), slog.Int64("accepted", calls.Accepted), slog.Int64("no_buyer", calls.NoBuyer), slog.Int64("rejected", calls.Rejected),
			slog.Int64("not_sent", calls.NotSent), slog.Int64("unknown", calls.Unknown), slog.Int64("failed", calls.Failed),
		),
	)
}

func (o *Outcomes) sum(more *Outcomes) {
	o.Calls += more.Calls
	o.Accepted += more.Accepted
	o.NoBuyer += more.NoBuyer
	o.Rejected += more.Rejected
	o.NotSent += more.NotSent
	o.Unknown += more.Unknown
	o.Failed += more.Failed
}
