package insight_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// Example_wiring gives numbers all that they can observe.
func Example_wiring() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	auth, leads, items := trackdrive.WithTransport(fake.Transport()), salestest.NewMemory(), outboxtest.NewMemory()

	numbers := insight.New()
	client, err := trackdrive.NewClient("acme", auth, trackdrive.WithCallObserver(numbers.ObserveCall))
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}},
		Observe: numbers.ObserveAuction,
	})
	if err != nil {
		panic(err)
	}
	desk, err := sales.New(sales.Config{Store: leads, OnEvent: numbers.ObserveSale})
	if err != nil {
		panic(err)
	}
	worker, err := outbox.New(outbox.Config{Store: items, Client: client, OnEvent: numbers.ObserveItem})
	if err != nil {
		panic(err)
	}

	if _, err := desk.Auction(context.Background(), "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	if err := worker.Drain(context.Background()); err != nil {
		panic(err)
	}
	r := numbers.Report()
	fmt.Println(r.Auctions.Sold, r.Auctions.Revenue, r.Leads)
	// Output: 1 25.50 map[sold:1]
}

// logNumbers logs the sums, and a line for each source, every minute.
func logNumbers(ctx context.Context, log *slog.Logger, numbers *insight.Numbers) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-minute.C:
		}
		report := numbers.Report()
		log.InfoContext(ctx, "numbers", "report", report)
		for _, s := range report.Sources {
			log.InfoContext(ctx, "source", "name", s.Name, "pings", s.Pings, "sold", s.Sold, "unknown", s.Unknown, "revenue", s.Revenue, "p95", s.P95)
		}
	}
}

// logCalls returns the option that logs each call.
func logCalls(log *slog.Logger) trackdrive.Option {
	return trackdrive.WithCallObserver(func(ctx context.Context, r trackdrive.CallReport) {
		log.InfoContext(ctx, r.String(), "operation", r.Operation, "outcome", r.Outcome, "reason", r.Reason, "took", r.Duration)
	})
}

// serveNumbers answers with the report as JSON.
func serveNumbers(numbers *insight.Numbers) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(numbers.Report())
	})
}

// Example_series draws a line for each hour of the last week. What happens at the turn of
// an hour is in two of them, so it prints their sums.
func Example_series() {
	numbers := insight.New()
	sell(numbers)
	var sums [3]int64
	draw := func(_ time.Time, accepted, bids, sold int64, _ trackdrive.Amount) {
		sums[0], sums[1], sums[2] = sums[0]+accepted, sums[1]+bids, sums[2]+sold
	}

	for _, b := range numbers.Hours() {
		draw(b.Start, b.Accepted, b.Bids, b.Sold, b.Revenue)
	}
	fmt.Println(sums)

	reply := httptest.NewRecorder()
	serveNumbers(numbers).ServeHTTP(reply, httptest.NewRequest(http.MethodGet, "/", nil))
	var report insight.Report
	fmt.Println(json.Unmarshal(reply.Body.Bytes(), &report), report.Auctions.Revenue)
	// Output:
	// [4 4 1]
	// <nil> 25.50
}
