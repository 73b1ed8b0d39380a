package tdotel_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/trackdrive-go/trackdrive"
	tdotel "github.com/trackdrive-go/trackdrive/otel"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestTheMetricsOfCalls(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	fake := oneBuyer()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "nobody"})
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)
	client := b.client(t, trackdrive.WithTransport(fake.Transport()))
	ctx := t.Context()

	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142", TrafficSourceID: "7"})
	require.NoError(t, err)
	best, _ := ping.Best()
	_, err = client.Post(ctx, "sell", ping.PostTo(best))
	require.NoError(t, err)
	_, err = client.Ping(ctx, "nobody", &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	_, err = client.Ping(ctx, "not an endpoint", &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)

	request := func(status int) map[string]any {
		return map[string]any{
			"http.request.method": "POST", "server.address": "acme.trackdrive.com", "server.port": int64(443),
			"http.response.status_code": int64(status),
		}
	}
	const requests = "http.client.request.duration"
	require.Equal(t, 4, b.count(t, requests, nil))
	require.Equal(t, 1, b.count(t, requests, request(429)))
	require.Equal(t, 1, b.count(t, requests, map[string]any{"error.type": "429", "trackdrive.operation": "ping"}))
	require.Equal(t, 3, b.count(t, requests, request(200)))
	require.Equal(t, 2, b.count(t, requests, map[string]any{"trackdrive.operation": "ping", "http.response.status_code": int64(200)}))

	require.Equal(t, 4.0, b.sum(t, "trackdrive.calls", nil))
	require.Equal(t, 1.0, b.sum(t, "trackdrive.calls", map[string]any{
		"trackdrive.operation": "ping", "trackdrive.subdomain": "acme", "trackdrive.endpoint": "sell",
		"trackdrive.traffic_source": "7", "trackdrive.outcome": "accepted",
	}))
	require.Equal(t, 1.0, b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.operation": "post", "trackdrive.outcome": "accepted"}))
	require.Equal(t, 1.0, b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.endpoint": "nobody", "trackdrive.outcome": "no_buyer", "trackdrive.reason": "no_buyer"}))
	require.Equal(t, 1.0, b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.outcome": "not_sent"}))
	require.Equal(t, 4, b.count(t, "trackdrive.call.duration", map[string]any{"trackdrive.subdomain": "acme"}))

	require.Equal(t, 2, b.count(t, "trackdrive.call.payout", nil))
	require.InDelta(t, 25.5, b.sum(t, "trackdrive.call.payout", map[string]any{"trackdrive.operation": "ping", "trackdrive.traffic_source": "7"}), 0)
	require.InDelta(t, 25.5, b.sum(t, "trackdrive.call.payout", map[string]any{"trackdrive.operation": "post", "trackdrive.endpoint": "sell"}), 0)
}

// TestNamesAndUnits holds the metrics against what the package's documentation says.
func TestNamesAndUnits(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	ctx := t.Context()
	b.ObserveAttempt(ctx, trackdrive.Attempt{
		Operation: "ping", Method: "POST", Host: "acme.trackdrive.com", StatusCode: 429, Err: trackdrive.ErrRateLimited, Duration: 1500 * time.Millisecond,
	})
	b.ObserveCall(ctx, trackdrive.CallReport{
		Operation: "ping", Subdomain: "acme", Endpoint: "sell", TrafficSourceID: "7", Reason: trackdrive.ReasonOther,
		Outcome: trackdrive.OutcomeAccepted, Payout: trackdrive.MustAmount("1"), Duration: 1500 * time.Millisecond,
	})
	bid := trackdrive.Bid{Source: "a", Buyer: trackdrive.Buyer{Name: "Buyer A"}, Payout: trackdrive.MustAmount("25.50")}
	corrected := bid
	corrected.Payout = trackdrive.MustAmount("-3.25")
	for _, e := range []trackdrive.AuctionEvent{
		{Kind: trackdrive.EventPing, Source: "a"},
		{Kind: trackdrive.EventBids, Source: "a", Bids: []trackdrive.Bid{bid, corrected}},
		{Kind: trackdrive.EventLoss, Source: "b", Loss: &trackdrive.Loss{Reason: trackdrive.LossNoBuyer}},
		{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered, After: 1500 * time.Millisecond, Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventPost, Source: "a", Try: &trackdrive.SaleTry{Bid: bid}},
		{Kind: trackdrive.EventSale, Source: "a", Try: &trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TrySold, Response: &trackdrive.PostResponse{Accepted: true}}},
		{Kind: trackdrive.EventSale, Source: "a", Try: &trackdrive.SaleTry{Bid: corrected, Outcome: trackdrive.TrySold, Response: &trackdrive.PostResponse{Accepted: true}}},
		{Kind: trackdrive.EventSale, Source: "a", Try: &trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryRejected, Response: &trackdrive.PostResponse{}}},
		{Kind: trackdrive.EventSale, Source: "a"}, // made by hand
		{Kind: trackdrive.EventLoss, Source: "a"},
	} {
		b.ObserveAuction(ctx, e)
	}
	units := map[string]string{}
	for name, m := range b.metrics(t) {
		units[name] = m.Unit
		require.NotEmpty(t, m.Description, name)
	}
	require.Equal(t, map[string]string{
		"http.client.request.duration": "s", "trackdrive.call.duration": "s", "trackdrive.call.payout": "1", "trackdrive.calls": "{call}",
		"trackdrive.auction.duration": "s", "trackdrive.auction.pings": "{ping}", "trackdrive.auction.bids": "{bid}", "trackdrive.auction.bid.payout": "1",
		"trackdrive.auction.losses": "{loss}", "trackdrive.auction.posts": "{post}", "trackdrive.sold": "{lead}", "trackdrive.revenue": "1", "trackdrive.revenue.corrections": "1",
	}, units)
	requireDocumented(t, b)
	for _, name := range []string{"http.client.request.duration", "trackdrive.call.duration", "trackdrive.auction.duration"} {
		data := b.metrics(t)[name].Data.(metricdata.Histogram[float64])
		require.Equal(t, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}, data.DataPoints[0].Bounds, name)
		require.InDelta(t, 1.5, data.DataPoints[0].Sum, 0, name)
	}
	for _, name := range []string{"trackdrive.calls", "trackdrive.auction.bids", "trackdrive.auction.losses", "trackdrive.auction.posts", "trackdrive.sold"} {
		require.True(t, b.metrics(t)[name].Data.(metricdata.Sum[int64]).IsMonotonic, name)
	}
	require.True(t, b.metrics(t)["trackdrive.revenue"].Data.(metricdata.Sum[float64]).IsMonotonic)

	require.Equal(t, []point{{map[string]any{"trackdrive.source": "a"}, 0, 2}}, b.points(t, "trackdrive.auction.bids"))
	require.Equal(t, []point{{map[string]any{"trackdrive.source": "a"}, 1, 25.5}}, b.points(t, "trackdrive.auction.bid.payout"))
	require.Equal(t, []point{{map[string]any{"trackdrive.source": "b", "trackdrive.reason": "no_buyer"}, 0, 1}}, b.points(t, "trackdrive.auction.losses"))
	require.Equal(t, []point{{map[string]any{"trackdrive.end": "all_answered"}, 1, 1.5}}, b.points(t, "trackdrive.auction.duration"))
	ofBuyer := map[string]any{"trackdrive.source": "a", "trackdrive.buyer": "Buyer A"}
	require.Equal(t, []point{{ofBuyer, 0, 25.5}}, b.points(t, "trackdrive.revenue"))
	require.Equal(t, []point{{ofBuyer, 0, 2}}, b.points(t, "trackdrive.sold"))
	require.Equal(t, []point{{map[string]any{"trackdrive.kind": "taken_back"}, 0, 3.25}}, b.points(t, "trackdrive.revenue.corrections"))
	require.InDelta(t, 2, b.sum(t, "trackdrive.auction.posts", map[string]any{"trackdrive.outcome": "sold"}), 0)
	require.InDelta(t, 1, b.sum(t, "trackdrive.auction.posts", map[string]any{"trackdrive.outcome": "rejected"}), 0)
}

// requireDocumented wants each metric, with its unit and attributes, in README.md and
// doc.go.
func requireDocumented(t *testing.T, b *backend) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for name, m := range b.metrics(t) {
		_, row, found := strings.Cut(string(readme), "\n| `"+name+"` | "+m.Unit+" | ")
		require.True(t, found, "README.md lacks %s in %s", name, m.Unit)
		row, _, _ = strings.Cut(row, "\n")
		_, entry, found := strings.Cut(string(doc), "//\t"+name+" ")
		require.True(t, found, "doc.go lacks %s", name)
		require.Equal(t, m.Unit, strings.FieldsFunc(entry, func(r rune) bool { return r == ' ' || r == ',' })[0], name)
		for _, p := range b.points(t, name) {
			for key := range p.attributes {
				short := strings.TrimPrefix(key, "trackdrive")
				require.True(t, strings.Contains(row, "`"+short+"`") || strings.Contains(row, "`"+key+"`"), "README.md lacks %s of %s", key, name)
			}
		}
	}
}

func TestWhoBoughtAndForHowMuch(t *testing.T) {
	t.Parallel()
	amount := trackdrive.MustAmount
	matched := []trackdrive.Buyer{{ID: "101", Name: "Buyer A", Payout: amount("25")}, {ID: "102", Name: "Buyer B", Payout: amount("20")}}
	toOne := trackdrive.Bid{Source: "a", Buyer: matched[0], Payout: matched[0].Payout, Ping: &trackdrive.PingResponse{Buyers: matched}}
	toAll := trackdrive.Bid{Source: "a", ToAll: true, Payout: amount("20"), Ping: &trackdrive.PingResponse{Buyers: matched}}
	toOnly := trackdrive.Bid{Source: "a", ToAll: true, Payout: amount("25"), Ping: &trackdrive.PingResponse{Buyers: matched[:1]}}
	equal := []trackdrive.Buyer{matched[1], {ID: "103", Payout: amount("20.00")}}
	toEqual := trackdrive.Bid{Source: "a", ToAll: true, Payout: amount("20"), Ping: &trackdrive.PingResponse{Buyers: equal}}
	for name, tc := range map[string]struct {
		bid   trackdrive.Bid
		reply trackdrive.PostResponse
		buyer any // nil: unknown
		want  float64
	}{
		"one buyer": {toOne, trackdrive.PostResponse{}, "Buyer A", 25},
		"one buyer, whatever the reply says": {
			toOne, trackdrive.PostResponse{BuyerName: "Buyer B", Buyers: []trackdrive.Buyer{{ID: "102", Payout: amount("24.75")}}}, "Buyer A", 25,
		},
		"to all, by id":                {toAll, trackdrive.PostResponse{Buyers: []trackdrive.Buyer{{ID: "102"}}}, "Buyer B", 20},
		"to all, by name":              {toAll, trackdrive.PostResponse{BuyerName: "Buyer A"}, "Buyer A", 25},
		"to all, by another name":      {toAll, trackdrive.PostResponse{BuyerName: "Buyer C"}, "Buyer C", 0},
		"to all, by another id":        {toAll, trackdrive.PostResponse{BuyerName: "Buyer A", Buyers: []trackdrive.Buyer{{ID: "103"}}}, "Buyer A", 0},
		"to all, unknown":              {toAll, trackdrive.PostResponse{}, nil, 0},
		"to all, unknown, but as much": {toEqual, trackdrive.PostResponse{}, nil, 20},
		"to all, which is one":         {toOnly, trackdrive.PostResponse{}, "Buyer A", 25},
		"to all, made by hand":         {trackdrive.Bid{Source: "a", ToAll: true, Payout: amount("25")}, trackdrive.PostResponse{}, nil, 0},
		"a buyer without a name":       {trackdrive.Bid{Source: "a", Buyer: trackdrive.Buyer{ID: "101"}, Payout: amount("5")}, trackdrive.PostResponse{}, "101", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			tc.reply.Accepted = true
			b.ObserveAuction(t.Context(), trackdrive.AuctionEvent{
				Kind: trackdrive.EventSale, Source: "a", Try: &trackdrive.SaleTry{Bid: tc.bid, Outcome: trackdrive.TrySold, Response: &tc.reply},
			})
			require.InDelta(t, tc.want, b.sum(t, "trackdrive.revenue", nil), 0)
			sold := b.points(t, "trackdrive.sold")
			require.Len(t, sold, 1)
			require.InDelta(t, 1, sold[0].sum, 0)
			require.Equal(t, tc.buyer, sold[0].attributes["trackdrive.buyer"])
		})
	}
}

var auctionCount = flag.Int("auctions", 400, "how many auctions TestAnAuctionEqualsTheLedger runs, at most 10000")

// TestAnAuctionEqualsTheLedger sells leads while requests and replies are lost.
func TestAnAuctionEqualsTheLedger(t *testing.T) {
	t.Parallel()
	leads := *auctionCount
	b := newBackend(t)
	fake := trackdrivetest.New()
	var sources []trackdrive.AuctionSource
	client := b.client(t, trackdrive.WithTransport(fake.Transport()))
	for i, shape := range []trackdrivetest.Shape{trackdrivetest.ShapeProduction, trackdrivetest.ShapeGuide, trackdrivetest.ShapeCurrent} {
		name := fmt.Sprintf("sell_%d", i)
		fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: name, Shape: shape, Buyers: []trackdrivetest.Buyer{
			{Name: "Buyer A", Bid: fmt.Sprintf("%d.10", 20+i)}, {Name: "Buyer B", Bid: fmt.Sprintf("%d.05", 10+i), Declines: i == 1},
		}})
		sources = append(sources, trackdrive.AuctionSource{Name: name, Client: client, Endpoint: name})
	}
	for _, fault := range []trackdrivetest.Fault{
		trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrivetest.BadGateway(), trackdrivetest.Refusal("rejected", "No buyers are available"),
		trackdrivetest.TooManyRequests(0), trackdrivetest.Status(http.StatusUnprocessableEntity, nil, "{}"),
	} {
		fake.Fail(trackdrivetest.OpPost, fault, leads/20)
		fake.Fail(trackdrivetest.OpPing, fault, leads/20)
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Observe: b.ObserveAuction})
	require.NoError(t, err)

	var mu sync.Mutex
	var sold, unsold, doubtful, tries int
	var bids, losses int
	callers := map[string]bool{} // who are certainly sold
	var running sync.WaitGroup
	places := make(chan struct{}, 8)
	for i := range leads {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			caller := fmt.Sprintf("+1555555%04d", i)
			result, err := auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: caller})
			if err != nil {
				t.Error(err)
				return
			}
			sale, err := result.Sell(t.Context())
			mu.Lock()
			defer mu.Unlock()
			tries += len(sale.Tries)
			bids += len(result.Bids)
			losses += len(result.Losses)
			switch {
			case sale.Sold:
				sold++
				callers[caller] = true
			case err != nil && trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown:
				doubtful++
			default:
				unsold++
			}
		})
	}
	running.Wait()
	require.NotZero(t, sold)
	require.NotZero(t, doubtful)

	var ledger int64
	lost := 0
	for _, sale := range fake.Sales() {
		if callers[sale.CallerID] {
			ledger += cents(sale.Payout.Float64())
		} else {
			lost++
		}
	}
	outcome := func(word string) int {
		return int(b.sum(t, "trackdrive.auction.posts", map[string]any{"trackdrive.outcome": word}))
	}
	require.Equal(t, ledger, cents(b.sum(t, "trackdrive.revenue", nil)), "the revenue differs from the ledger")
	require.Equal(t, len(fake.Sales())-lost, outcome("sold"))
	require.Equal(t, sold, outcome("sold"))
	require.Equal(t, sold, int(b.sum(t, "trackdrive.sold", nil)))
	require.Equal(t, leads*len(sources), int(b.sum(t, "trackdrive.auction.pings", nil)))
	require.Equal(t, doubtful, outcome("unknown"))
	require.LessOrEqual(t, lost, doubtful)
	require.Equal(t, tries, int(b.sum(t, "trackdrive.auction.posts", nil)))
	require.Equal(t, bids, int(b.sum(t, "trackdrive.auction.bids", nil)))
	require.Equal(t, losses, int(b.sum(t, "trackdrive.auction.losses", nil)))
	require.Equal(t, leads, b.count(t, "trackdrive.auction.duration", nil))
	require.Equal(t, tries, int(b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.operation": "post"})))
	require.Equal(t, sold, int(b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.operation": "post", "trackdrive.outcome": "accepted"})))
	require.Equal(t, leads*len(sources), int(b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.operation": "ping"})))
	require.Equal(t, len(fake.Requests()), b.count(t, "http.client.request.duration", nil))
}

var callerCount = flag.Int("callers", 20_000, "how many callers, endpoints and the like TestLabelsAreFew observes; a million is the long form")

// TestLabelsAreFew observes calls of which none is like another.
func TestLabelsAreFew(t *testing.T) {
	t.Parallel()
	const limit = 50
	b := newBackend(t, tdotel.WithLabelLimit(limit), tdotel.WithTracerProvider(noop.NewTracerProvider())) // spans are not bounded
	ctx := t.Context()
	var running sync.WaitGroup
	for worker := range 4 {
		running.Go(func() {
			for i := worker; i < *callerCount; i += 4 {
				name := fmt.Sprintf("name %x", i*7919)
				number := fmt.Sprintf("+1555555%04d", i%10_000)
				host := fmt.Sprintf("host-%x.example.com", i)
				if i%2 == 1 {
					host = fmt.Sprintf("10.%d.%d.%d:8080", i>>16, i>>8&255, i&255)
				}
				b.ObserveAttempt(ctx, trackdrive.Attempt{Operation: name, Method: name, Host: host, StatusCode: i % 2000, Err: errors.New(name)})
				b.ObserveCall(ctx, trackdrive.CallReport{
					Operation: name, Subdomain: name, Endpoint: number, TrafficSourceID: name,
					Outcome: trackdrive.Outcome(name), Reason: trackdrive.Reason(name), Payout: trackdrive.MustAmount("1"), Err: errors.New(name),
				})
				bid := trackdrive.Bid{Source: name, Buyer: trackdrive.Buyer{Name: name + " " + number}, Payout: trackdrive.MustAmount("1")}
				b.ObserveAuction(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventBids, Source: name, Bids: []trackdrive.Bid{bid}})
				b.ObserveAuction(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventLoss, Source: name, Loss: &trackdrive.Loss{Reason: trackdrive.LossReason(name)}})
				b.ObserveAuction(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, End: trackdrive.AuctionEnd(name)})
				b.ObserveAuction(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventSale, Source: name, Try: &trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryOutcome(name)}})
			}
		})
	}
	running.Wait()
	const mostWords = 128
	for name := range b.metrics(t) {
		values := map[string]map[any]bool{}
		points := b.points(t, name)
		require.LessOrEqual(t, len(points), 2000, name)
		for _, p := range points {
			for key, value := range p.attributes {
				if values[key] == nil {
					values[key] = map[any]bool{}
				}
				values[key][value] = true
			}
		}
		for key, seen := range values {
			most := limit + 1
			switch key {
			case "trackdrive.operation", "trackdrive.outcome", "trackdrive.reason", "trackdrive.end":
				most = mostWords + 1
			case "http.response.status_code", "error.type":
				most = 901
			}
			require.LessOrEqual(t, len(seen), most, "%s: %s", name, key)
		}
	}
}

func TestMetricsOfWhatIsMadeByHand(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attempt trackdrive.Attempt
		want    map[string]any
	}{
		"nothing at all":  {trackdrive.Attempt{}, map[string]any{"http.request.method": "_OTHER", "server.address": "", "server.port": int64(443)}},
		"an odd status":   {trackdrive.Attempt{StatusCode: 12345}, map[string]any{"http.request.method": "_OTHER", "server.address": "", "server.port": int64(443)}},
		"an odd port":     {trackdrive.Attempt{Host: "a.example:http2"}, map[string]any{"http.request.method": "_OTHER"}},
		"an IPv6 address": {trackdrive.Attempt{Host: "[2001:db8::1]:8443"}, map[string]any{"server.address": "2001:db8::1", "server.port": int64(8443)}},
		"an IPv4 address": {trackdrive.Attempt{Host: "192.168.100.200"}, map[string]any{"server.address": "192.168.100.200", "server.port": int64(443)}},
		"a number":        {trackdrive.Attempt{Host: "15555550142.example.com"}, map[string]any{"server.address": "….example.com"}},
		"a redirect":      {trackdrive.Attempt{StatusCode: 302, Err: trackdrive.ErrRedirect}, map[string]any{"http.response.status_code": int64(302), "error.type": "redirect"}},
		"an unknown error": {
			trackdrive.Attempt{Err: errors.New("call +15555550142")}, map[string]any{"error.type": "_OTHER"},
		},
		"a deadline": {trackdrive.Attempt{Err: context.DeadlineExceeded}, map[string]any{"error.type": "timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			b.ObserveAttempt(t.Context(), tc.attempt)
			points := b.points(t, "http.client.request.duration")
			require.Len(t, points, 1)
			for key, want := range tc.want {
				require.Equal(t, want, points[0].attributes[key], key)
			}
		})
	}
}

func TestCorrections(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	for _, amount := range []string{"25.50", "-3.25", "4.50", "0"} {
		b.AddCorrection(t.Context(), trackdrive.MustAmount(amount))
	}
	b.AddCorrection(t.Context(), trackdrive.Amount{})
	require.Equal(t, int64(3000), cents(b.sum(t, "trackdrive.revenue.corrections", map[string]any{"trackdrive.kind": "found"})))
	require.Equal(t, int64(325), cents(b.sum(t, "trackdrive.revenue.corrections", map[string]any{"trackdrive.kind": "taken_back"})))
	require.Empty(t, b.points(t, "trackdrive.revenue"))
}

// TestACallThatIsCancelledIsCounted: its context has ended when it is observed.
func TestACallThatIsCancelledIsCounted(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.ObserveCall(ctx, trackdrive.CallReport{Operation: "ping", Outcome: trackdrive.OutcomeUnknown, Err: context.Canceled})
	require.Equal(t, 1.0, b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.outcome": "unknown"}))
	require.Len(t, b.spans.GetSpans(), 1)
}

func TestWhatIsNotAcceptedHasNoPayout(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	for outcome, payout := range map[trackdrive.Outcome]string{
		trackdrive.OutcomeRejected: "25.50", trackdrive.OutcomeUnknown: "25.50", trackdrive.OutcomeNoBuyer: "25.50", trackdrive.OutcomeAccepted: "-1",
	} {
		b.ObserveCall(t.Context(), trackdrive.CallReport{Operation: "post", Outcome: outcome, Payout: trackdrive.MustAmount(payout)})
	}
	require.Equal(t, 4.0, b.sum(t, "trackdrive.calls", nil))
	require.Zero(t, b.count(t, "trackdrive.call.payout", nil))
}
