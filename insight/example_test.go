package insight_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// sell sells two leads in an auction of two endpoints, and returns what came of the
// second: its buyer sells it, and its answer is lost.
func sell(numbers *insight.Numbers) (*trackdrive.AuctionResult, *trackdrive.Sale) {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "medicare", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "health", Buyers: []trackdrivetest.Buyer{{Name: "Buyer B", Bid: "20.00"}, {Name: "Buyer C", Bid: "4.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithCallObserver(numbers.ObserveCall))
	if err != nil {
		panic(err)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{
			{Name: "medicare", Client: client, Endpoint: "medicare"},
			{Name: "health", Client: client, Endpoint: "health", MinPayout: trackdrive.MustAmount("5")},
		},
		Observe: numbers.ObserveAuction,
	})
	if err != nil {
		panic(err)
	}
	var result *trackdrive.AuctionResult
	var sale *trackdrive.Sale
	for _, caller := range []string{"+15555550142", "+15555550143"} {
		result, err = auction.Run(context.Background(), &trackdrive.PingRequest{CallerID: caller, TrafficSourceID: "1000"})
		if err != nil {
			panic(err)
		}
		sale, _ = result.Sell(context.Background())
		fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	}
	return result, sale
}

func Example() {
	numbers := insight.New()
	sell(numbers) // with WithCallObserver(numbers.ObserveCall) and Observe: numbers.ObserveAuction

	for _, s := range numbers.Report().Sources {
		fmt.Println(s.Name, s.Pings, s.Bids, s.Posts, s.Sold, s.Unknown, s.Revenue)
	}
	// Output:
	// health 2 2 0 0 0 0.00
	// medicare 2 2 2 1 1 25.50
}

func ExampleNew() {
	numbers := insight.New()
	fmt.Println(numbers.Report().Auctions.Revenue)
	// Output: 0.00
}

func ExampleWithLimits() {
	numbers := insight.New(insight.WithLimits(insight.Limits{TrafficSources: 2}))
	for id := range 5 {
		numbers.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping", TrafficSourceID: fmt.Sprint(1000 + id), Outcome: trackdrive.OutcomeAccepted})
	}

	for _, s := range numbers.Report().TrafficSources {
		fmt.Println(s.ID, s.Calls.Pings.Accepted)
	}
	// Output:
	// 1000 1
	// 1001 1
	// other 3
}

func ExampleNumbers_ObserveCall() {
	numbers := insight.New()
	// client, err := trackdrive.NewClient("acme", trackdrive.WithCallObserver(numbers.ObserveCall))
	numbers.ObserveCall(context.Background(), trackdrive.CallReport{
		Operation: "ping", Subdomain: "acme", Endpoint: "sell", TrafficSourceID: "1000", Attempts: 1, Duration: 80 * time.Millisecond,
		Outcome: trackdrive.OutcomeNoBuyer, Reason: trackdrive.ReasonCapped,
	})

	for _, c := range numbers.Report().Calls {
		fmt.Println(c.Operation, c.Company, c.Endpoint, c.NoBuyer, c.Reasons)
	}
	// Output: ping acme sell 1 map[capped:1]
}

func ExampleNumbers_ObserveAuction() {
	numbers := insight.New()
	sell(numbers) // its auction has Observe: numbers.ObserveAuction

	for _, b := range numbers.Report().Buyers {
		fmt.Println(b.Source, b.Name, b.Bids, b.Sold, b.Unknown, b.Revenue, b.Losses)
	}
	// Output:
	// health Buyer B 2 0 0 0.00 map[]
	// health Buyer C 0 0 0 0.00 map[below_minimum:2]
	// medicare Buyer A 2 1 1 25.50 map[]
}

func ExampleNumbers_ObserveSettled() {
	numbers := insight.New()
	result, sale := sell(numbers) // sale, err := result.Sell(ctx): the lead may be sold

	const sold = true // client.FindSale has found the call
	if err := result.Settle(sold); err == nil {
		numbers.ObserveSettled(sale.Tries[len(sale.Tries)-1], sold)
	}
	a := numbers.Report().Auctions
	fmt.Println(a.Sold, a.Unknown, a.SettledSold, a.Revenue)
	// Output: 2 0 1 51.00
}

func ExampleNumbers_ObserveSale() {
	numbers := insight.New()
	desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: numbers.ObserveSale})
	if err != nil {
		panic(err)
	}
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
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

	_, err = desk.Auction(context.Background(), "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
	fmt.Println(err != nil, numbers.Report().Sources[0].Unknown)
	if _, err := desk.Resolve(context.Background(), "lead-4711", sales.Sold, "the buyer says so"); err != nil {
		panic(err)
	}
	s := numbers.Report().Sources[0]
	fmt.Println(s.Sold, s.Unknown, s.Revenue, numbers.Report().Leads)
	// Output:
	// true 1
	// 1 0 25.50 map[settled:1 unknown:1]
}

func ExampleNumbers_ObserveItem() {
	numbers := insight.New()
	fake := trackdrivetest.New()
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "lead-token"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	worker, err := outbox.New(outbox.Config{
		Store: outboxtest.NewMemory(), Client: client, OnEvent: numbers.ObserveItem,
		Tokens: func(string) (string, error) { return "lead-token", nil },
	})
	if err != nil {
		panic(err)
	}
	item, err := outbox.NewCaptureLead("lead-4711", "acme", &trackdrive.Lead{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	if _, _, err := worker.Enqueue(context.Background(), item); err != nil {
		panic(err)
	}
	if err := worker.Drain(context.Background()); err != nil {
		panic(err)
	}

	for _, i := range numbers.Report().Items {
		fmt.Println(i.Company, i.Operation, i.Events)
	}
	// Output: acme capture_lead map[delivered:1]
}

func ExampleNumbers_Report() {
	numbers := insight.New()
	sell(numbers)

	r := numbers.Report()
	fmt.Println(r.Auctions.Runs, r.Auctions.Pings, r.Auctions.Posts, r.Auctions.Sold, r.Auctions.Unknown, r.Auctions.Revenue)
	row, err := json.Marshal(r.TrafficSources[0].Auctions)
	fmt.Println(string(row), err)
	// Output:
	// 2 4 2 1 1 25.50
	// {"bids":4,"posts":2,"sold":1,"rejected":0,"not_sent":0,"unknown":1,"settled_sold":0,"settled_unsold":0,"revenue":"25.50","unpriced":0} <nil>
}

func ExampleNumbers_Minutes() {
	numbers := insight.New()
	sell(numbers)

	var sold int64
	for _, b := range numbers.Minutes() { // b.Start is the beginning of the minute
		sold += b.Sold
	}
	fmt.Println(sold)
	// Output: 1
}

func ExampleNumbers_Hours() {
	numbers := insight.New()
	sell(numbers)

	accepted := map[string]int64{}
	for _, b := range numbers.Hours() {
		for _, s := range b.Sources {
			accepted[s.Name] += s.Accepted
		}
	}
	fmt.Println(accepted)
	// Output: map[health:2 medicare:2]
}

func ExampleReport_WriteText() {
	r := insight.Report{Calls: []insight.Calls{{
		Operation: "ping", Company: "acme", Endpoint: "sell", Outcomes: insight.Outcomes{Calls: 10, Accepted: 7, NoBuyer: 3},
		Reasons: map[trackdrive.Reason]int64{trackdrive.ReasonCapped: 2, trackdrive.ReasonClosed: 1},
		Latency: insight.Latency{Timed: 10, P50: 81_234_567, P95: 1_234_567_890},
	}}}
	if err := r.WriteText(os.Stdout); err != nil {
		panic(err)
	}
	// Output:
	// operation  company  endpoint  calls  accepted  no buyer  rejected  not sent  unknown  failed  p50     p95    reasons
	// ping       acme     sell      10     7         3         0         0         0        0       81.2ms  1.23s  capped 2, closed 1
}

func ExampleReport_String() {
	numbers := insight.New()
	numbers.ObserveItem(outbox.Event{Kind: outbox.EventDead, Subdomain: "acme", Item: outbox.Item{Operation: outbox.OpUpdateCall}})
	fmt.Print(numbers.Report())
	// Output:
	// company  item         p50  p95  events
	// acme     update_call  -    -    dead 1
}

func ExampleReport_LogValue() {
	numbers := insight.New()
	sell(numbers)

	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimes}))
	log.Info("numbers", "report", numbers.Report())
	// Output: level=INFO msg=numbers report.auctions.runs=2 report.auctions.pings=4 report.auctions.accepted=4 report.auctions.bids=4 report.auctions.posts=2 report.auctions.sold=1 report.auctions.rejected=0 report.auctions.not_sent=0 report.auctions.unknown=1 report.auctions.revenue=25.50 report.auctions.unpriced=0 report.calls.calls=6 report.calls.accepted=5 report.calls.no_buyer=0 report.calls.rejected=0 report.calls.not_sent=0 report.calls.unknown=1 report.calls.failed=0
}

func withoutTimes(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime {
		return slog.Attr{}
	}
	return a
}
