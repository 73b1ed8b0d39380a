package prom_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/prom"
)

// BenchmarkCall compares ObserveCall with what anybody would write without this
// package: one counter and one histogram, by their labels.
func BenchmarkCall(b *testing.B) {
	report := trackdrive.CallReport{Operation: "ping", Subdomain: "acme", Endpoint: "sell", Attempts: 1, Duration: 300 * time.Millisecond,
		Outcome: trackdrive.OutcomeNoBuyer, Reason: trackdrive.ReasonCapped}
	m := prom.New()
	total := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "calls_total"}, []string{"operation", "subdomain", "endpoint", "outcome", "reason"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "call_duration_seconds"}, []string{"operation"})
	bare := func(_ context.Context, r trackdrive.CallReport) {
		total.WithLabelValues(r.Operation, r.Subdomain, r.Endpoint, string(r.Outcome), string(r.Reason)).Inc()
		duration.WithLabelValues(r.Operation).Observe(r.Duration.Seconds())
	}
	for _, of := range []struct {
		name    string
		observe func(context.Context, trackdrive.CallReport)
	}{{"this", m.ObserveCall}, {"bare", bare}} {
		b.Run(of.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				of.observe(b.Context(), report)
			}
		})
		b.Run(of.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			ctx := b.Context()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					of.observe(ctx, report)
				}
			})
		})
	}
}

// BenchmarkAuction observes an auction of two sources that sells.
func BenchmarkAuction(b *testing.B) {
	m := prom.New()
	events := []trackdrive.AuctionEvent{
		{Kind: trackdrive.EventPing, Source: "acme"}, {Kind: trackdrive.EventPing, Source: "globex"},
		{Kind: trackdrive.EventBids, Source: "acme", Bids: []trackdrive.Bid{buyerA}}, {Kind: trackdrive.EventBids, Source: "globex", Bids: []trackdrive.Bid{buyerB}},
		{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered},
		{Kind: trackdrive.EventPost, Source: "acme", Try: &trackdrive.SaleTry{Bid: buyerA}},
		{Kind: trackdrive.EventSale, Source: "acme", Try: &trackdrive.SaleTry{Bid: buyerA, Outcome: trackdrive.TrySold}},
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range events {
			m.ObserveAuction(b.Context(), e)
		}
	}
}

// BenchmarkStranger observes calls to endpoints that are beyond the limits.
func BenchmarkStranger(b *testing.B) {
	m := prom.New(prom.WithLimits(prom.Limits{Operations: 5, Subdomains: 10, Endpoints: 20, Sources: 10, Buyers: 30}))
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		observeStranger(m, i)
		i++
	}
}

func BenchmarkScrape(b *testing.B) {
	m := prom.New()
	observeEverything(m)
	registry := prometheus.NewRegistry()
	if err := registry.Register(m); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
