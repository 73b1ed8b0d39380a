package prom_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// printSeries scrapes a collector, and prints the series whose names begin with a prefix and
// that are not 0.
func printSeries(c prometheus.Collector, prefix string) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(c); err != nil {
		fmt.Println(err)
		return
	}
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, prefix) && !strings.HasSuffix(line, " 0\n") {
			fmt.Print(line)
		}
	}
}

// A program that sells leads in an auction, with a desk and an outbox.
func Example() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})

	metrics := prom.New()
	registry := prometheus.NewRegistry()
	if err := registry.Register(metrics); err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()),
		trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")), trackdrive.WithCallObserver(metrics.ObserveCall))
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}},
		Observe: metrics.ObserveAuction,
	})
	if err != nil {
		panic(err)
	}
	desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: metrics.ObserveDesk})
	if err != nil {
		panic(err)
	}
	metrics.WatchDesk(desk.Counts)
	worker, err := outbox.New(outbox.Config{Store: outboxtest.NewMemory(), Client: client, OnEvent: metrics.ObserveOutbox})
	if err != nil {
		panic(err)
	}
	metrics.WatchOutbox(worker.Counts)

	if _, err := desk.Auction(context.Background(), "lead-1", auction, &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	for _, prefix := range []string{"trackdrive_calls", "trackdrive_sold", "trackdrive_revenue", "trackdrive_desk_leads"} {
		printSeries(metrics, prefix)
	}
	// Output:
	// trackdrive_calls_total{endpoint="sell",operation="ping",outcome="accepted",reason="",subdomain="acme"} 1
	// trackdrive_calls_total{endpoint="sell",operation="post",outcome="accepted",reason="",subdomain="acme"} 1
	// trackdrive_sold_total{buyer="Buyer A",source="acme"} 1
	// trackdrive_revenue_total{buyer="Buyer A",source="acme"} 25.5
	// trackdrive_desk_leads{state="sold"} 1
}

// A mistake in an option is the error of Register.
func ExampleNew() {
	registry := prometheus.NewRegistry()
	fmt.Println(registry.Register(prom.New()))
	err := registry.Register(prom.New(prom.WithBuckets(5, 1)))
	_, mistake, _ := strings.Cut(err.Error(), "is invalid: ")
	fmt.Println(mistake)
	// Output:
	// <nil>
	// prom: buckets: [5 1] are not in ascending order; give limits such as 0.1, 1, 10
}

func ExampleWithNamespace() {
	metrics := prom.New(prom.WithNamespace("dialer"))
	metrics.AddSale("acme", trackdrive.Buyer{Name: "Buyer A"}, trackdrive.MustAmount("25.50"))
	printSeries(metrics, "dialer_sold")
	// Output: dialer_sold_total{buyer="Buyer A",source="acme"} 1
}

func ExampleWithBuckets() {
	metrics := prom.New(prom.WithBuckets(0.5, 5))
	metrics.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping", Attempts: 1, Duration: time.Second})
	printSeries(metrics, "trackdrive_call_duration_seconds_bucket")
	// Output:
	// trackdrive_call_duration_seconds_bucket{operation="ping",le="5"} 1
	// trackdrive_call_duration_seconds_bucket{operation="ping",le="+Inf"} 1
}

func ExampleWithLimits() {
	metrics := prom.New(prom.WithLimits(prom.Limits{Buyers: 2}))
	for _, buyer := range []string{"Buyer A", "Buyer B", "Buyer C", "Buyer D"} {
		metrics.AddSale("acme", trackdrive.Buyer{Name: buyer}, trackdrive.MustAmount("10"))
	}
	printSeries(metrics, "trackdrive_revenue_total")
	// Output:
	// trackdrive_revenue_total{buyer="Buyer A",source="acme"} 10
	// trackdrive_revenue_total{buyer="Buyer B",source="acme"} 10
	// trackdrive_revenue_total{buyer="other",source="acme"} 20
}

func ExampleMetrics_ObserveCall() {
	metrics := prom.New()
	metrics.ObserveCall(context.Background(), trackdrive.CallReport{
		Operation: "ping", Subdomain: "acme", Endpoint: "sell", Attempts: 2, Duration: 300 * time.Millisecond,
		Outcome: trackdrive.OutcomeNoBuyer, Reason: trackdrive.ReasonCapped,
	})
	printSeries(metrics, "trackdrive_calls_total")
	printSeries(metrics, "trackdrive_call_attempts_total")
	// Output:
	// trackdrive_calls_total{endpoint="sell",operation="ping",outcome="no_buyer",reason="capped",subdomain="acme"} 1
	// trackdrive_call_attempts_total{operation="ping",subdomain="acme"} 2
}

func ExampleMetrics_ObserveAuction() {
	metrics := prom.New()
	bid := trackdrive.Bid{Source: "acme", Buyer: trackdrive.Buyer{Name: "Buyer A"}, Payout: trackdrive.MustAmount("25.50")}
	for _, e := range []trackdrive.AuctionEvent{
		{Kind: trackdrive.EventPing, Source: "acme"},
		{Kind: trackdrive.EventPing, Source: "globex"},
		{Kind: trackdrive.EventBids, Source: "acme", Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventLoss, Source: "globex", Loss: &trackdrive.Loss{Source: "globex", Reason: trackdrive.LossTimeout}},
		{Kind: trackdrive.EventEnd, End: trackdrive.EndDeadline},
		{Kind: trackdrive.EventSale, Source: "acme", Try: &trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TrySold}},
	} {
		metrics.ObserveAuction(context.Background(), e)
	}
	for _, family := range []string{"auction_pings_total", "auction_bids", "auction_losses", "auctions", "auction_posts", "revenue_total"} {
		printSeries(metrics, "trackdrive_"+family)
	}
	// Output:
	// trackdrive_auction_pings_total{source="acme"} 1
	// trackdrive_auction_pings_total{source="globex"} 1
	// trackdrive_auction_bids_total{source="acme"} 1
	// trackdrive_auction_losses_total{reason="timeout",source="globex"} 1
	// trackdrive_auctions_total{end="deadline"} 1
	// trackdrive_auction_posts_total{outcome="sold",source="acme"} 1
	// trackdrive_revenue_total{buyer="Buyer A",source="acme"} 25.5
}

func ExampleMetrics_ObserveOutbox() {
	metrics := prom.New()
	metrics.ObserveOutbox(outbox.Event{Kind: outbox.EventDelivered})
	metrics.ObserveOutbox(outbox.Event{Kind: outbox.EventDead})
	printSeries(metrics, "trackdrive_outbox_events_total")
	// Output:
	// trackdrive_outbox_events_total{event="dead"} 1
	// trackdrive_outbox_events_total{event="delivered"} 1
}

// A lead that was in doubt turns out to be sold.
func ExampleMetrics_ObserveDesk() {
	metrics := prom.New()
	lead := sales.Sale{LeadID: "lead-1", State: sales.Sold, Tries: []sales.Try{
		{Source: "acme", BuyerName: "Buyer A", Payout: trackdrive.MustAmount("25.50"), Outcome: trackdrive.TrySold},
	}}
	metrics.ObserveDesk(sales.Event{Kind: sales.EventSettled, Sale: lead})
	for _, family := range []string{"desk_events", "settled", "revenue"} {
		printSeries(metrics, "trackdrive_"+family)
	}
	// Output:
	// trackdrive_desk_events_total{event="settled"} 1
	// trackdrive_settled_total{result="sold"} 1
	// trackdrive_revenue_corrections_total{kind="found"} 25.5
}

func ExampleMetrics_AddSale() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	metrics := prom.New()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		panic(err)
	}
	ping, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	if buyer, ok := ping.Best(); ok {
		post, err := client.Post(context.Background(), "sell", ping.PostTo(buyer))
		if err == nil && post.Accepted {
			metrics.AddSale("sell", buyer, buyer.Payout)
		}
	}
	printSeries(metrics, "trackdrive_revenue_total")
	// Output: trackdrive_revenue_total{buyer="Buyer A",source="sell"} 25.5
}

func ExampleMetrics_AddSettled() {
	metrics := prom.New()
	metrics.AddSettled(true, trackdrive.MustAmount("25.50"))
	metrics.AddSettled(false, trackdrive.Amount{})
	printSeries(metrics, "trackdrive_settled_total")
	printSeries(metrics, "trackdrive_revenue_corrections_total")
	// Output:
	// trackdrive_settled_total{result="sold"} 1
	// trackdrive_settled_total{result="unsold"} 1
	// trackdrive_revenue_corrections_total{kind="found"} 25.5
}

// A buyer pays nothing for a call, because it was too short.
func ExampleMetrics_AddCorrection() {
	metrics := prom.New()
	metrics.AddSale("acme", trackdrive.Buyer{Name: "Buyer A"}, trackdrive.MustAmount("25.50"))
	metrics.AddCorrection(trackdrive.MustAmount("-25.50"))
	printSeries(metrics, "trackdrive_revenue")
	// Output:
	// trackdrive_revenue_corrections_total{kind="taken_back"} 25.5
	// trackdrive_revenue_total{buyer="Buyer A",source="acme"} 25.5
}

func ExampleMetrics_WatchOutbox() {
	store := outboxtest.NewMemory()
	item, err := outbox.NewUpdate("sale-4711", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		panic(err)
	}
	if _, _, err := outbox.Enqueue(context.Background(), store, item); err != nil {
		panic(err)
	}
	metrics := prom.New()
	metrics.WatchOutbox(store.Counts)
	printSeries(metrics, "trackdrive_outbox_items")
	// Output: trackdrive_outbox_items{state="waiting"} 1
}

func ExampleMetrics_WatchDesk() {
	metrics := prom.New()
	metrics.WatchDesk(func(context.Context) (sales.Counts, error) { // usually Desk.Counts
		return sales.Counts{Sold: 41, Unknown: 1}, nil
	})
	printSeries(metrics, "trackdrive_desk_leads")
	// Output:
	// trackdrive_desk_leads{state="sold"} 41
	// trackdrive_desk_leads{state="unknown"} 1
}

func ExampleMetrics_Describe() {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		prom.New().Describe(descriptions)
	}()
	for d := range descriptions {
		if strings.Contains(d.String(), `"trackdrive_settled_total"`) {
			fmt.Println("trackdrive_settled_total is described")
		}
	}
	// Output: trackdrive_settled_total is described
}

func ExampleMetrics_Collect() {
	metrics := make(chan prometheus.Metric)
	go func() {
		defer close(metrics)
		prom.New().Collect(metrics)
	}()
	n := 0
	for range metrics {
		n++
	}
	fmt.Println(n > 20)
	// Output: true
}

func ExampleDashboard() {
	var dashboard struct {
		Title  string
		Panels []struct{ Title string }
	}
	if err := json.Unmarshal(prom.Dashboard(), &dashboard); err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s\n", dashboard.Title, dashboard.Panels[1].Title)
	// Output: TrackDrive: Leads that may be sold
}

func ExampleAlerts() {
	for line := range strings.Lines(string(prom.Alerts())) {
		if _, name, isAlert := strings.Cut(line, "- alert: "); isAlert {
			fmt.Print(name)
		}
	}
	// Output:
	// TrackDriveLeadMayBeSold
	// TrackDriveOutboxStuck
	// TrackDrivePingsFail
}
