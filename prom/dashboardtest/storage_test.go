package dashboardtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"
)

// database keeps what was scraped, as Prometheus does.
type database struct {
	series map[string]*storedSeries
	engine *promql.Engine
	times  []time.Time
}

type storedSeries struct {
	labels  labels.Labels
	samples []chunks.Sample
}

func newDatabase() *database {
	return &database{
		series: map[string]*storedSeries{},
		engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true}),
	}
}

// scrape reads an address as if it were that time.
func (d *database) scrape(t *testing.T, url string, at time.Time) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	p, err := textparse.New(body, resp.Header.Get("Content-Type"), labels.NewSymbolTable(), textparse.ParserOptions{})
	require.NoError(t, err)
	d.times = append(d.times, at)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		if entry != textparse.EntrySeries {
			continue
		}
		var lset labels.Labels
		p.Labels(&lset)
		_, _, value := p.Series()
		b := labels.NewBuilder(lset)
		b.Set("job", "dialer").Set("instance", "dialer-1:9090")
		lset = b.Labels()
		s := d.series[lset.String()]
		if s == nil {
			s = &storedSeries{labels: lset}
			d.series[lset.String()] = s
		}
		s.samples = append(s.samples, sample{at.UnixMilli(), value})
	}
}

// sample is a float at a time.
type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                      { return s.at }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

// Querier implements storage.Queryable. The engine looks at the times itself.
func (d *database) Querier(int64, int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		var found []*storedSeries
		for _, s := range d.series {
			isMatch := func(m *labels.Matcher) bool { return m.Matches(s.labels.Get(m.Name)) }
			if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !isMatch(m) }) {
				found = append(found, s)
			}
		}
		slices.SortFunc(found, func(a, b *storedSeries) int { return labels.Compare(a.labels, b.labels) })
		return &foundSeries{list: found, next: -1}
	}}, nil
}

// foundSeries is a storage.SeriesSet.
type foundSeries struct {
	list []*storedSeries
	next int
}

func (f *foundSeries) Next() bool {
	f.next++
	return f.next < len(f.list)
}
func (f *foundSeries) At() storage.Series {
	return storage.NewListSeries(f.list[f.next].labels, f.list[f.next].samples)
}
func (f *foundSeries) Err() error                        { return nil }
func (f *foundSeries) Warnings() annotations.Annotations { return nil }

// first and last are when the first and the last scrape was.
func (d *database) first() time.Time { return d.times[0] }
func (d *database) last() time.Time  { return d.times[len(d.times)-1] }

// instant evaluates a query at the time of the last scrape.
func (d *database) instant(query string) (promql.Vector, error) {
	q, err := d.engine.NewInstantQuery(context.Background(), d, nil, query, d.last())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(context.Background())
	if r.Err != nil || len(r.Warnings) > 0 {
		return nil, fmt.Errorf("%w %v", r.Err, r.Warnings)
	}
	vector, err := r.Vector()
	return slices.Clone(vector), err
}

// ranged evaluates a query over the time of all scrapes.
func (d *database) ranged(query string) (promql.Matrix, error) {
	q, err := d.engine.NewRangeQuery(context.Background(), d, nil, query, d.first(), d.last(), 15*time.Second)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	r := q.Exec(context.Background())
	if r.Err != nil || len(r.Warnings) > 0 {
		return nil, fmt.Errorf("%w %v", r.Err, r.Warnings)
	}
	matrix, err := r.Matrix()
	matrix = slices.Clone(matrix)
	for i := range matrix { // Close lets other queries use the points
		matrix[i].Floats = slices.Clone(matrix[i].Floats)
	}
	return matrix, err
}
