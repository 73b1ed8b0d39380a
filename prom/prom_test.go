package prom_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var callers = flag.Int("callers", 20_000, "how many callers the test of bounds has")

func amount(text string) trackdrive.Amount { return trackdrive.MustAmount(text) }

// buyerA and buyerB are bids.
var (
	buyerA = trackdrive.Bid{Source: "acme", Buyer: trackdrive.Buyer{ID: "101", Name: "Buyer A"}, Payout: amount("25.50")}
	buyerB = trackdrive.Bid{Source: "globex", Buyer: trackdrive.Buyer{ID: "102"}, Payout: amount("20")}
)

// observeEverything observes at least one of each kind of event.
func observeEverything(m *prom.Metrics) {
	ctx := context.Background()
	m.ObserveCall(ctx, trackdrive.CallReport{Operation: "ping", Subdomain: "acme", Endpoint: "sell", Attempts: 2, Duration: 300 * time.Millisecond, Outcome: trackdrive.OutcomeAccepted})
	m.ObserveCall(ctx, trackdrive.CallReport{Operation: "post", Subdomain: "acme", Endpoint: "sell", Attempts: 1, Duration: time.Second, Outcome: trackdrive.OutcomeRejected, Reason: trackdrive.ReasonCapped})
	m.ObserveCall(ctx, trackdrive.CallReport{Operation: "post", Subdomain: "acme", Endpoint: "sell", Outcome: trackdrive.OutcomeNotSent, Err: errors.New("expired")})
	for _, e := range []trackdrive.AuctionEvent{
		{Kind: trackdrive.EventPing, Source: "acme"},
		{Kind: trackdrive.EventPing, Source: "globex"},
		{Kind: trackdrive.EventLoss, Source: "globex", Loss: &trackdrive.Loss{Source: "globex", Reason: trackdrive.LossTimeout}},
		{Kind: trackdrive.EventBids, Source: "acme", Bids: []trackdrive.Bid{buyerA}},
		{Kind: trackdrive.EventBids, Source: "globex", Bids: []trackdrive.Bid{buyerB, buyerB}},
		{Kind: trackdrive.EventBids, Source: "globex"},
		{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered, After: 400 * time.Millisecond},
		{Kind: trackdrive.EventPost, Source: "acme", Try: &trackdrive.SaleTry{Bid: buyerA}},
		{Kind: trackdrive.EventSale, Source: "acme", Try: &trackdrive.SaleTry{Bid: buyerA, Outcome: trackdrive.TryRejected}},
		{Kind: trackdrive.EventSale, Source: "globex", Try: &trackdrive.SaleTry{Bid: buyerB, Outcome: trackdrive.TryUnknown}},
		{Kind: trackdrive.EventSale, Source: "acme", Try: &trackdrive.SaleTry{Bid: buyerA, Outcome: trackdrive.TrySold}},
	} {
		m.ObserveAuction(ctx, e)
	}
	m.AddSettled(true, amount("20"))
	m.AddSettled(false, trackdrive.Amount{})
	m.AddCorrection(amount("-5.25"))
	m.ObserveOutbox(outbox.Event{Kind: outbox.EventDelivered})
	m.ObserveDesk(sales.Event{Kind: sales.EventUnsold})
}

// TestScrape compares a whole scrape with the one that is documented. Renew the file
// with -renew.
func TestScrape(t *testing.T) {
	t.Parallel()
	m := prom.New(prom.WithBuckets(0.5, 5))
	oldest := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	m.WatchOutbox(func(context.Context) (outbox.Counts, error) {
		return outbox.Counts{Waiting: 3, Dead: 1, Oldest: oldest}, nil
	})
	m.WatchDesk(func(context.Context) (sales.Counts, error) {
		return sales.Counts{Sold: 7, Unknown: 2, Oldest: oldest}, nil
	})
	observeEverything(m)
	got := scrape(t, m).text
	if *renew {
		require.NoError(t, os.WriteFile("testdata/scrape.txt", []byte(got), 0o644))
	}
	want, err := os.ReadFile("testdata/scrape.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

var renew = flag.Bool("renew", false, "write testdata/scrape.txt anew")

func TestNamesAndHelpTextsAreAsPrometheusWants(t *testing.T) {
	t.Parallel()
	m := prom.New()
	m.WatchOutbox(func(context.Context) (outbox.Counts, error) { return outbox.Counts{Oldest: time.Now()}, nil })
	m.WatchDesk(func(context.Context) (sales.Counts, error) { return sales.Counts{Oldest: time.Now()}, nil })
	observeEverything(m)
	problems, err := testutil.CollectAndLint(m)
	require.NoError(t, err)
	require.Empty(t, problems)
	for name, family := range scrape(t, m).families {
		require.Regexp(t, `^[A-Z][^"]*\.$`, family.GetHelp(), "%s: a sentence", name)
	}
}

func TestWhatAnAuctionCounts(t *testing.T) {
	t.Parallel()
	buyers := []trackdrive.Buyer{{ID: "101", Name: "Buyer A", Payout: amount("9")}, {ID: "102", Name: "Buyer B", Payout: amount("8.50")}}
	equal := []trackdrive.Buyer{buyers[1], {ID: "103", Payout: amount("8.5")}}
	toAll := trackdrive.Bid{ToAll: true, Payout: amount("8.50"), Ping: &trackdrive.PingResponse{Buyers: buyers}}
	toOne := trackdrive.Bid{ToAll: true, Payout: amount("9"), Ping: &trackdrive.PingResponse{Buyers: buyers[:1]}}
	toEqual := trackdrive.Bid{ToAll: true, Payout: amount("8.50"), Ping: &trackdrive.PingResponse{Buyers: equal}}
	for name, test := range map[string]struct {
		bid     trackdrive.Bid
		reply   *trackdrive.PostResponse
		buyer   string
		revenue float64
		taken   float64
	}{
		"a buyer with a name":          {bid: buyerA, buyer: "Buyer A", revenue: 25.5},
		"a buyer with an id":           {bid: buyerB, buyer: "buyer 102", revenue: 20},
		"a buyer without either":       {bid: trackdrive.Bid{Payout: amount("1")}, buyer: "any", revenue: 1},
		"no payout":                    {bid: trackdrive.Bid{Buyer: buyerA.Buyer}, buyer: "Buyer A"},
		"a negative payout":            {bid: trackdrive.Bid{Buyer: buyerA.Buyer, Payout: amount("-0.50")}, buyer: "Buyer A", taken: 0.5},
		"a negative zero":              {bid: trackdrive.Bid{Buyer: buyerA.Buyer, Payout: amount("-0.00")}, buyer: "Buyer A"},
		"all buyers, nobody named":     {bid: toAll, buyer: "any"},
		"all buyers, who bid the same": {bid: toEqual, buyer: "any", revenue: 8.5},
		"all buyers, one of them":      {bid: toAll, reply: &trackdrive.PostResponse{BuyerName: "Buyer A"}, buyer: "Buyer A", revenue: 9},
		"all buyers, one by its id":    {bid: toAll, reply: &trackdrive.PostResponse{Buyers: []trackdrive.Buyer{{ID: "101"}}}, buyer: "Buyer A", revenue: 9},
		"all buyers, and another one":  {bid: toAll, reply: &trackdrive.PostResponse{BuyerName: "Buyer C"}, buyer: "Buyer C"},
		"all buyers, who are only one": {bid: toOne, buyer: "Buyer A", revenue: 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := prom.New()
			m.ObserveAuction(t.Context(), trackdrive.AuctionEvent{Kind: trackdrive.EventSale, Source: "acme",
				Try: &trackdrive.SaleTry{Bid: test.bid, Outcome: trackdrive.TrySold, Response: test.reply}})
			s := scrape(t, m)
			require.Equal(t, 1.0, s.sum("sold_total", "source=acme", "buyer="+test.buyer))
			require.Equal(t, 1.0, s.sum("auction_posts_total", "source=acme", "outcome=sold"))
			require.Equal(t, test.revenue, s.sum("revenue_total", "source=acme", "buyer="+test.buyer))
			require.Equal(t, test.taken, s.sum("revenue_corrections_total", "kind=taken_back"))
			require.Zero(t, s.sum("unknown_total"))
		})
	}
}

// TestEventsThatLackWhatTheyShouldHave are made by hand.
func TestEventsThatLackWhatTheyShouldHave(t *testing.T) {
	t.Parallel()
	m := prom.New()
	for _, kind := range []trackdrive.AuctionEventKind{trackdrive.EventPing, trackdrive.EventBids, trackdrive.EventLoss, trackdrive.EventEnd, trackdrive.EventPost, trackdrive.EventSale, "new"} {
		m.ObserveAuction(t.Context(), trackdrive.AuctionEvent{Kind: kind})
	}
	m.ObserveAuction(t.Context(), trackdrive.AuctionEvent{Kind: trackdrive.EventSale, Try: &trackdrive.SaleTry{Outcome: "new"}})
	m.ObserveAuction(t.Context(), trackdrive.AuctionEvent{Kind: trackdrive.EventLoss, Loss: &trackdrive.Loss{Reason: "new"}})
	m.ObserveCall(t.Context(), trackdrive.CallReport{Attempts: -1, Outcome: "new", Reason: "new"})
	m.ObserveCall(t.Context(), trackdrive.CallReport{Attempts: 1, Duration: -time.Second, Outcome: trackdrive.OutcomeFailed})
	m.ObserveOutbox(outbox.Event{Kind: "new"})
	m.ObserveDesk(sales.Event{Kind: "new"})
	for _, kind := range []sales.EventKind{sales.EventSold, sales.EventUnknown, sales.EventSettled} {
		m.ObserveDesk(sales.Event{Kind: kind})
	}
	s := scrape(t, m)
	require.Equal(t, 1.0, s.sum("calls_total", "outcome=other", "reason=other"))
	require.Equal(t, 1.0, s.sum("auction_losses_total", "reason=other"))
	require.Equal(t, 1.0, s.sum("auctions_total", "end=other"))
	require.Equal(t, 1.0, s.sum("outbox_events_total", "event=other"))
	require.Equal(t, 1.0, s.sum("desk_events_total", "event=other"))
	require.Zero(t, s.sum("sold_total"))
	require.Equal(t, 1.0, s.sum("settled_total", "result=unsold"))
}

func TestWhatADeskCounts(t *testing.T) {
	t.Parallel()
	try := func(source string, isPing bool, outcome trackdrive.TryOutcome) sales.Try {
		return sales.Try{Source: source, Subdomain: "acme", Endpoint: "sell", BuyerName: "Buyer A", Payout: amount("25.50"), Ping: isPing, Outcome: outcome}
	}
	for name, test := range map[string]struct {
		kind                   sales.EventKind
		state                  sales.State
		tries                  []sales.Try
		sold, unknown, settled float64
		revenue, found         float64
		source                 string
	}{
		"an auction's sale, which the auction reports":  {kind: sales.EventSold, tries: []sales.Try{try("s1", false, trackdrive.TrySold)}},
		"the sale of a post of its own":                 {kind: sales.EventSold, tries: []sales.Try{try("", false, trackdrive.TryRejected), try("", false, trackdrive.TrySold)}, sold: 1, revenue: 25.5, source: "acme/sell"},
		"an auction's doubt, which the auction reports": {kind: sales.EventUnknown, tries: []sales.Try{try("s1", false, trackdrive.TryUnknown)}},
		"the doubt of a post of its own":                {kind: sales.EventUnknown, tries: []sales.Try{try("", false, trackdrive.TryUnknown)}, unknown: 1, source: "acme/sell"},
		"an auction's post that a panic ended":          {kind: sales.EventUnknown, tries: []sales.Try{try("s1", false, "")}, unknown: 1, source: "s1"},
		"a ping that may have sold":                     {kind: sales.EventUnknown, tries: []sales.Try{try("s1", true, trackdrive.TryUnknown)}, unknown: 1, source: "s1"},
		"a lead that is settled as sold":                {kind: sales.EventSettled, state: sales.Sold, tries: []sales.Try{try("s1", false, trackdrive.TrySold)}, settled: 1, found: 25.5},
		"a lead that all buyers got, and one bought":    {kind: sales.EventSettled, state: sales.Sold, tries: []sales.Try{{Source: "s1", Payout: amount("20"), Outcome: trackdrive.TrySold}}, settled: 1},
		"a lead that is resolved as unsold":             {kind: sales.EventSettled, state: sales.Unsold, tries: []sales.Try{try("s1", false, trackdrive.TryRejected)}},
		"a conflict":                                    {kind: sales.EventConflict, tries: []sales.Try{try("", false, trackdrive.TrySold)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := prom.New()
			m.ObserveDesk(sales.Event{Kind: test.kind, Sale: sales.Sale{State: test.state, Tries: test.tries}})
			s := scrape(t, m)
			require.Equal(t, 1.0, s.sum("desk_events_total", "event="+string(test.kind)))
			require.Equal(t, 1.0, s.sum("desk_events_total"))
			require.Equal(t, test.sold, s.sum("sold_total"))
			require.Equal(t, test.revenue, s.sum("revenue_total"))
			require.Equal(t, test.unknown, s.sum("unknown_total"))
			require.Equal(t, test.settled, s.sum("settled_total", "result=sold"))
			require.Equal(t, test.found, s.sum("revenue_corrections_total", "kind=found"))
			if test.source != "" {
				require.Equal(t, 1.0, s.sum("sold_total", "source="+test.source)+s.sum("unknown_total", "source="+test.source))
			}
		})
	}
}

// TestADeskCountsEachSaleOnce sells by an auction and by posts of its own.
func TestADeskCountsEachSaleOnce(t *testing.T) {
	t.Parallel()
	m, fake := prom.New(), trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "s1", Client: client, Endpoint: "sell"}}, Observe: m.ObserveAuction})
	require.NoError(t, err)
	desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: m.ObserveDesk})
	require.NoError(t, err)
	postOnly := func(caller string) *trackdrive.PostRequest {
		return &trackdrive.PostRequest{PostOnly: true, CallerID: caller}
	}
	for range 2 { // the second time, nothing is sent
		_, err = desk.Auction(t.Context(), "lead-1", auction, &trackdrive.PingRequest{CallerID: "+15555550101"})
		require.NoError(t, err)
		_, err = desk.Post(t.Context(), "lead-2", client, "sell", postOnly("+15555550102"))
		require.NoError(t, err)
	}
	for lead, sell := range map[string]func() error{
		"lead-3": func() error {
			_, err := desk.Auction(t.Context(), "lead-3", auction, &trackdrive.PingRequest{CallerID: "+15555550103"})
			return err
		},
		"lead-4": func() error {
			_, err := desk.Post(t.Context(), "lead-4", client, "sell", postOnly("+15555550104"))
			return err
		},
	} {
		fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
		require.ErrorIs(t, sell(), sales.ErrUnknown)
		_, err = desk.Resolve(t.Context(), lead, sales.Sold, "the buyer says so")
		require.NoError(t, err)
	}
	fake.AssertSales(t, 4)
	s := scrape(t, m)
	for _, source := range []string{"s1", "acme/sell"} {
		require.Equal(t, 1.0, s.sum("sold_total", "source="+source), source)
		require.Equal(t, 1.0, s.sum("unknown_total", "source="+source), source)
	}
	require.Equal(t, 2.0, s.sum("sold_total"))
	require.Equal(t, 2.0, s.sum("unknown_total"))
	require.Equal(t, 2.0, s.sum("settled_total", "result=sold"))
	require.Equal(t, 25.5, s.sum("revenue_total"), "the payout of a post without a ping is not known")
	require.Equal(t, 25.5, s.sum("revenue_corrections_total", "kind=found"))
}

// TestTheFirstEventCounts wants the series before the event: Prometheus' increase()
// does not count what a series has when it appears.
func TestTheFirstEventCounts(t *testing.T) {
	t.Parallel()
	m := prom.New()
	s := scrape(t, m)
	for family, series := range map[string]int{"outbox_events_total": 10, "desk_events_total": 6, "settled_total": 2, "revenue_corrections_total": 2, "auctions_total": 6, "count_failures_total": 2} {
		require.Len(t, s.families["trackdrive_"+family].GetMetric(), series, family)
	}
	m.ObserveCall(t.Context(), trackdrive.CallReport{Operation: "post", Subdomain: "acme", Endpoint: "sell", Outcome: trackdrive.OutcomeAccepted})
	m.ObserveAuction(t.Context(), trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "acme"})
	m.ObserveAuction(t.Context(), trackdrive.AuctionEvent{Kind: trackdrive.EventBids, Source: "acme", Bids: []trackdrive.Bid{buyerA}})
	s = scrape(t, m)
	for _, line := range []string{
		`trackdrive_calls_total{endpoint="sell",operation="post",outcome="unknown",reason="",subdomain="acme"} 0`,
		`trackdrive_unknown_total{source="acme"} 0`,
		`trackdrive_auction_posts_total{outcome="unknown",source="acme"} 0`,
		`trackdrive_sold_total{buyer="Buyer A",source="acme"} 0`,
		`trackdrive_revenue_total{buyer="Buyer A",source="acme"} 0`,
	} {
		require.Contains(t, s.text, line+"\n")
	}
}

func TestMoneyIsExact(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		amount string
		times  int
		want   float64
	}{
		"cents, many times":                   {"0.10", 100_000, 10_000},
		"a tenth of a cent":                   {"0.001", 1000, 1},
		"more digits than the sum keeps fast": {"0.00001", 100_000, 1},
		"more than an int64 has":              {"99999999999999.9999", 20, 2e15},
		"as long as an amount can be":         {"12345678901234567890123456789012", 3, 37037036703703703670370370367036},
		"no fraction":                         {"7", 3, 21},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := prom.New()
			for range test.times {
				m.AddSale("acme", buyerA.Buyer, amount(test.amount))
			}
			require.Equal(t, test.want, scrape(t, m).sum("revenue_total"))
			require.Equal(t, float64(test.times), scrape(t, m).sum("sold_total"))
		})
	}
}

func TestRevenueOnlyGrows(t *testing.T) {
	t.Parallel()
	m := prom.New()
	before := 0.0
	for i := range 200 {
		m.AddSale("acme", buyerA.Buyer, amount(fmt.Sprintf("%d.25", 50-i)))
		now := scrape(t, m).sum("revenue_total")
		require.GreaterOrEqual(t, now, before)
		before = now
	}
	require.Positive(t, scrape(t, m).sum("revenue_corrections_total", "kind=taken_back"))
}

// TestLabelsStayBounded lets everything that comes from outside differ for each of
// many callers.
func TestLabelsStayBounded(t *testing.T) {
	t.Parallel()
	limits := prom.Limits{Operations: 5, Subdomains: 10, Endpoints: 20, Sources: 10, Buyers: 30}
	m := prom.New(prom.WithLimits(limits))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	const workers = 4
	for worker := range workers {
		wg.Go(func() {
			for i := worker; i < *callers; i += workers {
				observeStranger(m, i)
			}
		})
	}
	wg.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	s := scrape(t, m)
	for label, most := range map[string]int{"operation": 6, "subdomain": 11, "endpoint": 21, "source": 11, "buyer": 31, "outcome": 12, "reason": 21, "event": 18} {
		require.LessOrEqual(t, len(s.values(label)), most, label)
	}
	require.Equal(t, float64(*callers), s.sum("calls_total"), "all are counted")
	require.Equal(t, float64(*callers), s.sum("sold_total"))
	require.Equal(t, float64(*callers)*0.01, math.Round(s.sum("revenue_total")*100)/100)
	require.Less(t, s.series(), 4000)
	grown := float64(after.HeapAlloc) - float64(before.HeapAlloc)
	t.Logf("%d callers: %d series, %d bytes, %.1f MiB of memory", *callers, s.series(), len(s.text), grown/(1<<20))
	require.Less(t, grown, float64(64<<20))
	requireNothingPrivate(t, s.text)
}

// values returns the values of a label.
func (s scraped) values(label string) map[string]bool {
	values := map[string]bool{}
	for _, family := range s.families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label {
					values[l.GetValue()] = true
				}
			}
		}
	}
	return values
}

// observeStranger observes the call of a caller that is in everything.
func observeStranger(m *prom.Metrics, i int) {
	ctx := context.Background()
	number := fmt.Sprintf("+1555555%07d", i)
	word := fmt.Sprintf("x%d", i)
	text := []string{number, word, word + number, strings.Repeat(word, 50), number[:5] + "-" + number[5:8] + "-" + number[8:]}[i%5]
	m.ObserveCall(ctx, trackdrive.CallReport{Operation: text, Subdomain: text, Endpoint: text, TrafficSourceID: text, Attempts: 1,
		Outcome: trackdrive.Outcome(text), Reason: trackdrive.Reason(text), Err: errors.New(text)})
	bid := trackdrive.Bid{Source: text, Buyer: trackdrive.Buyer{ID: trackdrive.ID(text), Name: text}, Payout: amount("0.01")}
	for _, e := range []trackdrive.AuctionEvent{
		{Kind: trackdrive.EventPing, Source: text},
		{Kind: trackdrive.EventLoss, Source: text, Loss: &trackdrive.Loss{Reason: trackdrive.LossReason(text)}},
		{Kind: trackdrive.EventBids, Source: text, Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventEnd, End: trackdrive.AuctionEnd(text)},
		{Kind: trackdrive.EventSale, Source: text, Try: &trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TrySold}},
	} {
		m.ObserveAuction(ctx, e)
	}
	m.ObserveOutbox(outbox.Event{Kind: outbox.EventKind(text), Subdomain: text})
	m.ObserveDesk(sales.Event{Kind: sales.EventKind(text), Sale: sales.Sale{LeadID: text, Caller: number}})
}

func TestRegisteringTwiceIsAnError(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := prom.New()
	require.NoError(t, registry.Register(m))
	require.ErrorAs(t, registry.Register(m), &prometheus.AlreadyRegisteredError{})
	require.Error(t, registry.Register(prom.New()))
	require.NoError(t, registry.Register(prom.New(prom.WithNamespace("other_dialer"))))
}

func TestMistakesInOptionsAreErrorsOfRegister(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		option prom.Option
		want   string
	}{
		"no namespace":               {prom.WithNamespace(""), `prom: namespace: "" is not the beginning of a metric's name; give a word such as "trackdrive"`},
		"a namespace with a blank":   {prom.WithNamespace("my dialer"), `prom: namespace: "my dialer" is not`},
		"a digit in front":           {prom.WithNamespace("7up"), `prom: namespace: "7up" is not`},
		"no buckets":                 {prom.WithBuckets(), "prom: buckets: [] are not in ascending order"},
		"equal buckets":              {prom.WithBuckets(1, 1), "prom: buckets: [1 1] are not in ascending order"},
		"descending buckets":         {prom.WithBuckets(2, 1), "prom: buckets: [2 1] are not in ascending order; give limits such as 0.1, 1, 10"},
		"a bucket that is no number": {prom.WithBuckets(math.NaN()), "prom: buckets: [NaN] are not"},
		"a negative limit":           {prom.WithLimits(prom.Limits{Buyers: -1}), "prom: limits: Buyers is -1; it must not be negative (0 means the default, 500)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := prom.New(test.option)
			require.ErrorContains(t, prometheus.NewRegistry().Register(m), test.want)
			observeEverything(m) // which does no harm
		})
	}
	require.NoError(t, prometheus.NewRegistry().Register(prom.New(nil, prom.WithLimits(prom.Limits{}))))
}

func TestAStoreThatCannotCountSpoilsNoScrape(t *testing.T) {
	t.Parallel()
	m := prom.New()
	m.WatchOutbox(func(ctx context.Context) (outbox.Counts, error) {
		_, hasDeadline := ctx.Deadline()
		require.True(t, hasDeadline)
		return outbox.Counts{Waiting: 5}, errors.New("no space left on device")
	})
	m.WatchOutbox(nil)
	m.WatchDesk(nil)
	m.WatchDesk(func(context.Context) (sales.Counts, error) { return sales.Counts{Unknown: 1}, nil })
	m.WatchDesk(func(context.Context) (sales.Counts, error) { return sales.Counts{Unknown: 2}, nil })
	s := scrape(t, m)
	require.NotContains(t, s.families, "trackdrive_outbox_items")
	require.Equal(t, 3.0, s.sum("desk_leads", "state=unknown"))
	require.Equal(t, 1.0, s.sum("count_failures_total", "store=outbox"))
	require.Zero(t, s.sum("count_failures_total", "store=desk"))
}

func TestObservingAllocatesNothing(t *testing.T) { // not parallel: it counts what is allocated
	m := prom.New()
	report := trackdrive.CallReport{Operation: "ping", Subdomain: "acme", Endpoint: "sell", Attempts: 1, Duration: time.Second, Outcome: trackdrive.OutcomeNoBuyer, Reason: trackdrive.ReasonCapped}
	bids := []trackdrive.Bid{buyerA, buyerB}
	loss, sale := &trackdrive.Loss{Reason: trackdrive.LossNoBuyer}, &trackdrive.SaleTry{Bid: buyerA, Outcome: trackdrive.TrySold}
	for name, observe := range map[string]func(){
		"a call": func() { m.ObserveCall(t.Context(), report) },
		"an auction": func() {
			for _, e := range [...]trackdrive.AuctionEvent{
				{Kind: trackdrive.EventPing, Source: "acme"}, {Kind: trackdrive.EventLoss, Source: "acme", Loss: loss}, {Kind: trackdrive.EventBids, Source: "acme", Bids: bids},
				{Kind: trackdrive.EventEnd, End: trackdrive.EndGrace}, {Kind: trackdrive.EventSale, Source: "acme", Try: sale},
			} {
				m.ObserveAuction(t.Context(), e)
			}
		},
		"an item": func() { m.ObserveOutbox(outbox.Event{Kind: outbox.EventDelivered}) },
		"a lead":  func() { m.ObserveDesk(sales.Event{Kind: sales.EventSold}) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, observe), name)
	}
}
