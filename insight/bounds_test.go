package insight_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/sales"
)

// crowd observes a call, a sale and an item of the i-th source, buyer, traffic source,
// endpoint and company.
func crowd(numbers *insight.Numbers, i int) {
	label := func(kind string) string { return fmt.Sprintf("%s %x-%x", kind, i%1000, i/1000) } // no phone number
	bid := bidOf(label("source"), label("Buyer"), "0.01")
	bid.Ping.Request.TrafficSourceID = label("traffic")
	numbers.ObserveCall(context.Background(), trackdrive.CallReport{
		Operation: "post", Subdomain: label("company"), Endpoint: label("endpoint"), TrafficSourceID: label("traffic"), Attempts: 1,
		Duration: time.Millisecond, Outcome: trackdrive.OutcomeAccepted, Payout: bid.Payout, Reason: trackdrive.Reason(label("reason")),
	})
	numbers.ObserveAuction(context.Background(), trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: bid.Source})
	numbers.ObserveAuction(context.Background(), bidsOf(bid.Source, bid))
	numbers.ObserveAuction(context.Background(), lossOf(bid.Source, trackdrive.Loss{Reason: trackdrive.LossReason(label("loss")), Buyer: &bid.Buyer}))
	numbers.ObserveAuction(context.Background(), saleOf(bid, trackdrive.TrySold))
	numbers.ObserveAuction(context.Background(), trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, End: trackdrive.AuctionEnd(label("end"))})
	numbers.ObserveSale(sales.Event{Kind: sales.EventKind(label("kind")), Sale: sales.Sale{LeadID: label("lead")}})
	numbers.ObserveItem(outbox.Event{Kind: outbox.EventKind(label("kind")), Subdomain: label("company"), Item: outbox.Item{Operation: label("operation")}})
}

var callerCount = flag.Int("callers", 8_000, "how many callers and traffic sources there are; 1000000 for the long form")

// TestRowsStayFewForManyCallers feeds many different labels of every kind.
func TestRowsStayFewForManyCallers(t *testing.T) { // not parallel: it measures memory
	numbers := insight.New()
	early := *callerCount / 4
	for i := range early {
		crowd(numbers, i)
	}
	before := heapInUse()
	for i := early; i < *callerCount; i++ {
		crowd(numbers, i)
	}
	after := heapInUse()
	r := numbers.Report()
	t.Logf("%d sources, %d buyers, %d traffic sources, %d rows of calls, %d reasons, %d items: %.1f MB; it was %.1f MB after %d",
		len(r.Sources), len(r.Buyers), len(r.TrafficSources), len(r.Calls), len(r.Reasons), len(r.Items), float64(after)/1e6, float64(before)/1e6, early)
	require.LessOrEqual(t, len(r.Sources), 100+2)
	require.LessOrEqual(t, len(r.Buyers), 500+len(r.Sources))
	require.LessOrEqual(t, len(r.TrafficSources), 500+2)
	require.LessOrEqual(t, len(r.Calls), 500+50)
	require.LessOrEqual(t, len(r.Items), 500+50)
	for _, words := range []int{len(r.Reasons), len(r.Auctions.Ends), len(r.Leads), len(r.Sources[0].Losses)} {
		require.LessOrEqual(t, words, 50)
	}
	require.Less(t, after, before+before/2+1<<20, "memory grows")
	requireSums(t, &r, int64(*callerCount))
}

// TestTheSeriesStaysSmall fills each bucket with many rows; in the long form, with all
// that there may be.
func TestTheSeriesStaysSmall(t *testing.T) { // not parallel: it measures memory
	sources, buyers := 20, 100
	if *callerCount >= 1_000_000 {
		sources, buyers = 100, 500
	}
	const buckets, bytesEach = 60 + 168, 300
	before := heapInUse()
	var after uint64
	synctest.Test(t, func(t *testing.T) {
		numbers := insight.New()
		for hour := range 170 {
			steps := 1
			if hour >= 168 {
				steps = 60 // minutes
			}
			for range steps {
				for i := range buyers {
					bid := bidOf(fmt.Sprintf("source %d", i%sources), fmt.Sprintf("Buyer %d", i), "0.01")
					numbers.ObserveAuction(context.Background(), saleOf(bid, trackdrive.TrySold))
				}
				<-time.After(time.Hour / time.Duration(steps))
			}
		}
		after = heapInUse()
		require.Len(t, numbers.Minutes(), 59)
		require.Len(t, numbers.Hours(), 167)
		require.Len(t, numbers.Report().Buyers, buyers)
	})
	t.Logf("%d sources, %d buyers: %.1f MB", sources, buyers, float64(after-before)/1e6)
	require.Less(t, after-before, uint64((sources+buyers)*buckets*bytesEach))
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// requireSums checks that nothing is lost in the rows "other".
func requireSums(t *testing.T, r *insight.Report, n int64) {
	t.Helper()
	cents := fmt.Sprintf("%d.%02d", n/100, n%100)
	require.Equal(t, cents, r.Auctions.Revenue.String())
	sums := map[string]int64{}
	money := map[string]float64{}
	for _, s := range r.Sources {
		sums["sources"] += s.Sold
		money["sources"] += s.Revenue.Float64()
	}
	for _, b := range r.Buyers {
		sums["buyers"] += b.Sold
		money["buyers"] += b.Revenue.Float64()
	}
	for _, s := range r.TrafficSources {
		sums["traffic sources"] += s.Auctions.Sold
		sums["posts"] += s.Calls.Posts.Accepted
		money["traffic sources"] += s.Auctions.Revenue.Float64()
	}
	for _, c := range r.Calls {
		sums["calls"] += c.Accepted
		money["calls"] += c.Revenue.Float64()
	}
	for _, i := range r.Items {
		for _, events := range i.Events {
			sums["items"] += events
		}
	}
	for part, sum := range sums {
		require.Equal(t, n, sum, part)
	}
	for part, sum := range money {
		require.InDelta(t, float64(n)/100, sum, 0.001, part)
	}
}

func TestLimitsAreThoseGiven(t *testing.T) {
	t.Parallel()
	numbers := insight.New(insight.WithLimits(insight.Limits{Sources: 2, Buyers: 3, TrafficSources: 4, Endpoints: 5}))
	for i := range 100 {
		crowd(numbers, i)
	}
	r := numbers.Report()
	require.Equal(t, []string{"other", "source 0-0", "source 1-0"}, []string{r.Sources[0].Name, r.Sources[1].Name, r.Sources[2].Name})
	require.Len(t, r.Sources, 3)
	require.LessOrEqual(t, len(r.Buyers), 3+3)
	require.Len(t, r.TrafficSources, 4+1)
	require.Len(t, r.Calls, 5+1)
	require.LessOrEqual(t, len(r.Items), 5+50)
	requireSums(t, &r, 100)

	usual := insight.New(insight.WithLimits(insight.Limits{Sources: -1}))
	for i := range 1000 {
		crowd(usual, i)
	}
	r = usual.Report()
	require.Len(t, r.Sources, 101)
	require.Len(t, r.TrafficSources, 501)
}

func TestBuyersOfManySourcesAreFewRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // no hour ends in it
		numbers := insight.New(insight.WithLimits(insight.Limits{Buyers: 50}))
		for i := range 20 {
			for j := range 20 {
				numbers.ObserveAuction(context.Background(), saleOf(bidOf(fmt.Sprintf("source %d", i), fmt.Sprintf("Buyer %d", j), "0.01"), trackdrive.TrySold))
			}
		}
		r := numbers.Report()
		require.Len(t, r.Sources, 20)
		require.LessOrEqual(t, len(r.Buyers), 50+20)
		bySource := map[string]int64{}
		for _, b := range r.Buyers {
			bySource[b.Source] += b.Sold
		}
		for _, s := range r.Sources {
			require.Equal(t, s.Sold, bySource[s.Name], "the buyers of a source add up to the source")
		}
		for _, b := range numbers.Hours() {
			require.Len(t, b.Buyers, len(r.Buyers), "the series has the same rows")
		}
	})
}

// everyOutput returns all that a report can be written as.
func everyOutput(t *testing.T, numbers *insight.Numbers) string {
	t.Helper()
	var b bytes.Buffer
	r := numbers.Report()
	for _, v := range []any{r, numbers.Minutes(), numbers.Hours()} {
		out, err := json.Marshal(v)
		require.NoError(t, err)
		b.Write(out)
		fmt.Fprintf(&b, "%v %+v", v, v)
	}
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("numbers", "report", r)
	for _, s := range r.Sources {
		log.Info("source", "source", s)
	}
	return b.String()
}

func TestNoOutputShowsANumberOrACredential(t *testing.T) {
	t.Parallel()
	const number, secret = "+1 (555) 555-0142", "PLANTED-credential"
	numbers := insight.New()
	planted := errors.New(number + " " + secret)
	bid := bidOf("source "+number, "Buyer "+number, "25.50")
	bid.Buyer.ID, bid.Buyer.PingID, bid.Buyer.DestinationNumber = "15555550142", secret, number
	bid.Buyer.Raw = json.RawMessage(`"` + secret + `"`)
	bid.Ping = &trackdrive.PingResponse{
		Status: secret, Errors: []trackdrive.FieldError{{Field: secret, Message: number}}, ForwardingNumber: number,
		Request: &trackdrive.PingRequest{CallerID: number, TrafficSourceID: number, Fields: trackdrive.Fields{"auth_token": secret}},
	}
	nameless := bid
	nameless.Buyer.Name = ""
	for _, outcome := range []trackdrive.Outcome{trackdrive.OutcomeAccepted, trackdrive.OutcomeFailed, number} {
		for _, operation := range []string{"ping", "post", "webhook", number} {
			numbers.ObserveCall(context.Background(), trackdrive.CallReport{
				Operation: operation, Subdomain: "acme " + number, Endpoint: number, TrafficSourceID: number, Attempts: 1, Outcome: outcome, Reason: number, Err: planted,
			})
		}
	}
	sold := saleOf(bid, trackdrive.TrySold)
	sold.Try.Response = &trackdrive.PostResponse{BuyerName: number, ForwardingNumber: number, Status: secret}
	for _, e := range []trackdrive.AuctionEvent{
		bidsOf(bid.Source, bid, nameless), sold, saleOf(nameless, trackdrive.TryUnknown),
		lossOf(bid.Source, trackdrive.Loss{Reason: number, Buyer: &bid.Buyer, Ping: bid.Ping, Err: planted}),
		{Kind: trackdrive.EventEnd, End: number},
	} {
		numbers.ObserveAuction(context.Background(), e)
	}
	numbers.ObserveSettled(trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryUnknown, Err: planted}, true)
	numbers.ObserveSale(sales.Event{Kind: sales.EventSettled, Err: planted, Sale: sales.Sale{
		LeadID: number, Caller: number, Note: secret, Tries: []sales.Try{{Source: number, BuyerName: number, Error: secret, Outcome: trackdrive.TrySold}},
	}})
	numbers.ObserveItem(outbox.Event{Kind: number, Subdomain: "acme " + number, Err: planted, Item: outbox.Item{
		ID: secret, Operation: number, Key: number, Body: json.RawMessage(`{"token":"` + secret + `"}`), LastError: secret,
	}})
	out := everyOutput(t, numbers)
	require.NotContains(t, out, "PLANTED")
	digits := regexp.MustCompile(`[^0-9]`).ReplaceAllString(strings.ReplaceAll(out, "\n", ""), "")
	require.NotContains(t, digits, "5555550142")
	require.NotContains(t, out, "555-0142")
	require.Contains(t, out, "source …")
	require.Contains(t, out, "Buyer …")
}

// randomEvents returns what may happen to a few sources, as functions that observe it.
func randomEvents(rng *rand.Rand, n int) []func(*insight.Numbers) {
	outcomes := []trackdrive.TryOutcome{trackdrive.TrySold, trackdrive.TryRejected, trackdrive.TryNotSent, trackdrive.TryUnknown}
	events := make([]func(*insight.Numbers), n)
	for i := range events {
		bid := bidOf([]string{"acme", "globex"}[rng.IntN(2)], []string{"Buyer A", "Buyer B", "Buyer C"}[rng.IntN(3)], fmt.Sprintf("%d.%d", rng.IntN(50), rng.IntN(1000)))
		outcome, sold := outcomes[rng.IntN(len(outcomes))], rng.IntN(2) == 0
		kind := rng.IntN(7)
		took := time.Duration(rng.Int64N(int64(time.Second)))
		events[i] = func(n *insight.Numbers) {
			switch kind {
			case 0:
				n.ObserveAuction(context.Background(), trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: bid.Source})
			case 1:
				n.ObserveAuction(context.Background(), bidsOf(bid.Source, bid, bid))
			case 2:
				n.ObserveAuction(context.Background(), lossOf(bid.Source, trackdrive.Loss{Reason: trackdrive.LossNoBuyer, Ping: bid.Ping}))
			case 3:
				n.ObserveAuction(context.Background(), saleOf(bid, outcome))
			case 4:
				n.ObserveSettled(trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryUnknown}, sold)
			case 5:
				n.ObserveCall(context.Background(), callOf("post", trackdrive.OutcomeAccepted, func(r *trackdrive.CallReport) { r.Duration, r.Payout = took, bid.Payout }))
			default:
				n.ObserveItem(outbox.Event{Kind: outbox.EventDelivered, Subdomain: bid.Source, Item: outbox.Item{Operation: outbox.OpUpdateCall}})
			}
		}
	}
	return events
}

// TestTheOrderOfEventsDoesNotMatter observes the same events in their order, in others,
// and at once. With -race, it also looks for races.
func TestTheOrderOfEventsDoesNotMatter(t *testing.T) {
	t.Parallel()
	reportOf := func(n *insight.Numbers) insight.Report {
		r := n.Report()
		r.StartedAt, r.At = time.Time{}, time.Time{}
		return r
	}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 5))
		events := randomEvents(rng, 400)
		inOrder := insight.New()
		for _, observe := range events {
			observe(inOrder)
		}
		want := reportOf(inOrder)

		shuffled := insight.New()
		for _, i := range rng.Perm(len(events)) {
			events[i](shuffled)
		}
		require.Equal(t, want, reportOf(shuffled), "seed %d", seed)

		atOnce := insight.New()
		var all sync.WaitGroup
		for part := range 8 {
			all.Go(func() {
				for i := part; i < len(events); i += 8 {
					events[i](atOnce)
					if i%100 == 0 {
						_, _, _ = atOnce.Report(), atOnce.Minutes(), atOnce.Hours()
					}
				}
			})
		}
		all.Wait()
		require.Equal(t, want, reportOf(atOnce), "seed %d", seed)
	}
}
