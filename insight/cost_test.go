package insight_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
)

// usualCalls are calls with rows of their own.
func usualCalls() (calls []trackdrive.CallReport) {
	for i := range 20 {
		calls = append(calls, callOf("ping", trackdrive.OutcomeNoBuyer, func(r *trackdrive.CallReport) {
			r.Endpoint, r.TrafficSourceID, r.Reason, r.Duration = fmt.Sprintf("sell%d", i), fmt.Sprint(1000+i%5), trackdrive.ReasonCapped, time.Duration(i+1)*time.Millisecond
		}))
	}
	return calls
}

// usualAuction are the events of an auction of four sources with a bid each.
func usualAuction() (events []trackdrive.AuctionEvent) {
	var bids []trackdrive.Bid
	for i := range 4 {
		source := fmt.Sprintf("source %d", i)
		bid := bidOf(source, fmt.Sprintf("Buyer %d", i), "25.50")
		bids = append(bids, bid)
		events = append(events, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: source}, bidsOf(source, bid))
	}
	return append(events, lossOf("source 4", trackdrive.Loss{Reason: trackdrive.LossTimeout}),
		trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered, Bids: bids},
		saleOf(bids[0], trackdrive.TryRejected), saleOf(bids[1], trackdrive.TrySold))
}

func TestObserversAllocateNothingOnceTheirRowsAreThere(t *testing.T) { // not parallel: it counts what is allocated
	numbers := insight.New()
	calls, auction := usualCalls(), usualAuction()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range calls {
			numbers.ObserveCall(context.Background(), calls[i])
		}
	}))
	// A new minute may begin meanwhile, whose rows are few among so many events.
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for i := range auction {
			numbers.ObserveAuction(context.Background(), auction[i])
		}
	}))
}

func BenchmarkObserveCall(b *testing.B) {
	numbers, calls := insight.New(), usualCalls()
	for _, c := range calls {
		numbers.ObserveCall(context.Background(), c)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		numbers.ObserveCall(context.Background(), calls[i%len(calls)])
	}
}

func BenchmarkObserveCallInParallel(b *testing.B) {
	numbers, calls := insight.New(), usualCalls()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			numbers.ObserveCall(context.Background(), calls[i%len(calls)])
		}
	})
}

// BenchmarkObserveAuction observes the twelve events of an auction.
func BenchmarkObserveAuction(b *testing.B) {
	numbers, auction := insight.New(), usualAuction()
	for _, e := range auction {
		numbers.ObserveAuction(context.Background(), e)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range auction {
			numbers.ObserveAuction(context.Background(), auction[i])
		}
	}
}

// BenchmarkReport reports as many rows as there may be.
func BenchmarkReport(b *testing.B) {
	numbers := insight.New()
	for i := range 2000 {
		crowd(numbers, i)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = numbers.Report()
	}
}
