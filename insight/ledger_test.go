package insight_test

import (
	"context"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var auctionCount = flag.Int("auctions", 500, "how many random auctions to compare with the fake's ledger")

// perMarket is how many auctions share a market.
const perMarket = 50

// TestTheReportEqualsTheLedger runs auctions in markets that fail at random, before and
// after acting, settles most doubts as the market's ledger says, and compares.
func TestTheReportEqualsTheLedger(t *testing.T) {
	t.Parallel()
	numbers := insight.New()
	books := newLedgerBooks()
	for seed := range *auctionCount / perMarket {
		synctest.Test(t, func(t *testing.T) {
			runMarket(t, uint64(seed), numbers, books)
		})
	}
	report := numbers.Report()
	books.compare(t, &report)
	a := report.Auctions
	t.Logf("%d auctions, %d pings, %d bids, %d posts: %d sold for %s (%d unpriced), %d rejected, %d not sent; %d doubts settled (%d of them sold), %d left (%d of them sold)",
		a.Runs, a.Pings, a.Bids, a.Posts, a.Sold, a.Revenue, a.Unpriced, a.Rejected, a.NotSent, a.SettledSold+a.SettledUnsold, a.SettledSold, a.Unknown, books.left.countOfSources())
}

// money counts sales, and adds up what they pay.
type money struct {
	count, unset int64
	sum          *big.Rat
}

func (m *money) add(payout trackdrive.Amount) {
	m.count++
	if m.sum == nil {
		m.sum = new(big.Rat)
	}
	if exact, isSet := payout.Rat(); isSet {
		m.sum.Add(m.sum, exact)
	} else {
		m.unset++
	}
}

type moneyBy map[string]*money

func (m moneyBy) of(key string) *money {
	if m[key] == nil {
		m[key] = &money{sum: new(big.Rat)}
	}
	return m[key]
}

// countOfSources returns how many sales there are, whoever made them.
func (m moneyBy) countOfSources() (n int64) {
	for key, one := range m {
		if strings.HasPrefix(key, "source ") {
			n += one.count
		}
	}
	return n
}

// ledgerBooks are what the markets' ledgers say, and what a test knows of its doubts.
type ledgerBooks struct {
	mu       sync.Mutex
	sold     moneyBy          // in the ledgers
	left     moneyBy          // of these, those whose doubt was left
	unpriced moneyBy          // of these, those that nobody can tell the payout of
	doubts   map[string]int64 // how many doubts were left, by key
	posts    map[string]int64 // that arrived, by source
}

func newLedgerBooks() *ledgerBooks {
	return &ledgerBooks{sold: moneyBy{}, left: moneyBy{}, unpriced: moneyBy{}, doubts: map[string]int64{}, posts: map[string]int64{}}
}

// keysOf are the rows that a sale belongs to.
func keysOf(source, buyer, traffic string) []string {
	return []string{"source " + source, "buyer " + source + "/" + buyer, "traffic " + traffic}
}

func (b *ledgerBooks) compare(t *testing.T, r *insight.Report) {
	t.Helper()
	known := map[string]bool{}
	check := func(key string, s *insight.SaleCounts) {
		known[key] = true
		require.Equal(t, b.sold.of(key).count-b.left.of(key).count, s.Sold, "%s: sold", key)
		require.Equal(t, b.doubts[key], s.Unknown, "%s: unknown", key)
		require.Equal(t, b.sold.of(key).unset-b.left.of(key).unset+b.unpriced.of(key).count, s.Unpriced, "%s: unpriced", key)
		want := new(big.Rat).Sub(b.sold.of(key).sum, b.left.of(key).sum)
		want.Sub(want, b.unpriced.of(key).sum)
		got, isSet := s.Revenue.Rat()
		require.True(t, isSet)
		require.Zero(t, want.Cmp(got), "%s: revenue is %s, not %s", key, s.Revenue, want.FloatString(6))
		require.Equal(t, s.Posts, s.Sold+s.Rejected+s.NotSent+s.Unknown+s.SettledUnsold, "%s: posts", key)
	}
	for _, s := range r.Sources {
		check("source "+s.Name, &s.SaleCounts)
		require.Equal(t, b.posts[s.Name], s.Posts-s.NotSent, "%s: posts that arrived", s.Name)
	}
	for _, buyer := range r.Buyers {
		check("buyer "+buyer.Source+"/"+buyer.Name, &buyer.SaleCounts)
	}
	for _, s := range r.TrafficSources {
		check("traffic "+s.ID, &s.Auctions)
	}
	for key, m := range b.sold {
		require.True(t, known[key] || m.count == 0, "%s is missing in the report", key)
	}
}

// ledgerMarket is a fake with sources, and with faults.
type ledgerMarket struct {
	fake    *trackdrivetest.Fake
	rng     *rand.Rand
	sources []trackdrive.AuctionSource
	isMixed map[string]bool // the source's buyers pay differently
}

var ledgerFaults = []trackdrivetest.Fault{
	trackdrivetest.Drop(), trackdrivetest.BadGateway(), trackdrivetest.HTML200(), trackdrivetest.Empty(), trackdrivetest.Truncated(), trackdrivetest.CutOff(),
	trackdrivetest.TooManyRequests(0), trackdrivetest.Status(503, nil, ""), trackdrivetest.Refusal("rejected", "no"), trackdrivetest.Slow(time.Minute),
	trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrivetest.AfterActing(trackdrivetest.BadGateway()), trackdrivetest.AfterActing(trackdrivetest.CutOff()),
	trackdrivetest.AfterActing(trackdrivetest.Truncated()), trackdrivetest.AfterActing(trackdrivetest.HTML200()), trackdrivetest.AfterActing(trackdrivetest.Slow(time.Minute)),
}

func newLedgerMarket(t *testing.T, seed uint64, numbers *insight.Numbers) *ledgerMarket {
	t.Helper()
	m := &ledgerMarket{fake: trackdrivetest.New(), rng: rand.New(rand.NewPCG(seed, 29)), isMixed: map[string]bool{}}
	companies := []*trackdrivetest.Company{m.fake.Company, m.fake.AddCompany("globex")}
	shapes := []trackdrivetest.Shape{trackdrivetest.ShapeCurrent, trackdrivetest.ShapeGuide, trackdrivetest.ShapeNested, trackdrivetest.ShapeProduction, trackdrivetest.ShapeInTryAll}
	for i, shape := range shapes {
		company := companies[i%len(companies)]
		endpoint := fmt.Sprintf("sell%d", i)
		isToAll := shape == trackdrivetest.ShapeGuide && m.rng.IntN(2) == 0 // its posts name the buyer
		buyers := m.buyers(isToAll)
		company.AddEndpoint(trackdrivetest.Endpoint{VanityURI: endpoint, Shape: shape, Buyers: buyers, Expiry: time.Duration(m.rng.IntN(3)) * time.Second})
		m.isMixed[company.Subdomain()+"/"+endpoint] = slices.ContainsFunc(buyers, func(b trackdrivetest.Buyer) bool { return b.Bid != buyers[0].Bid })
		client, err := trackdrive.NewClient(company.Subdomain(), trackdrive.WithTransport(m.fake.Transport()), trackdrive.WithCallObserver(numbers.ObserveCall))
		require.NoError(t, err)
		m.sources = append(m.sources, trackdrive.AuctionSource{
			Name: company.Subdomain() + "/" + endpoint, Client: client, Endpoint: endpoint, ToAll: isToAll, PostTimeout: 5 * time.Second,
		})
	}
	if m.rng.IntN(4) == 0 { // its pings may count as posts
		static := trackdrivetest.Endpoint{VanityURI: "static", Static: true, Buyers: m.buyers(false)}
		m.fake.AddEndpoint(static)
		m.sources = append(m.sources, trackdrive.AuctionSource{
			Name: "acme/static", Client: m.sources[0].Client, Endpoint: "static", PostTimeout: 5 * time.Second,
			Request: &trackdrive.PingRequest{TrackdriveNumber: "+15555550111"},
		})
	}
	for i, f := range ledgerFaults {
		m.fake.Fail(trackdrivetest.Where(func(r trackdrivetest.Request) bool {
			return rand.N(len(ledgerFaults)*(2+2*boolInt(r.Operation == trackdrivetest.OpPing))) == i
		}), f, trackdrivetest.Always)
	}
	return m
}

func boolInt(is bool) int {
	if is {
		return 1
	}
	return 0
}

// buyers returns up to three buyers. A reply that names no id needs names.
func (m *ledgerMarket) buyers(all bool) []trackdrivetest.Buyer {
	bids := []string{"25.50", "0.01", "19.995", "7", "0", "33.333333333333333333"}
	if !all {
		bids = append(bids, "")
	}
	list := []trackdrivetest.Buyer{{Name: "Buyer A"}, {Name: "Buyer B"}, {Name: "Buyer C"}}[:1+m.rng.IntN(3)]
	for i := range list {
		list[i].Bid, list[i].Declines = bids[m.rng.IntN(len(bids))], m.rng.IntN(5) == 0
	}
	return list
}

func runMarket(t *testing.T, seed uint64, numbers *insight.Numbers, books *ledgerBooks) {
	t.Helper()
	m := newLedgerMarket(t, seed, numbers)
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: m.sources, Timeout: 3 * time.Second, Observe: numbers.ObserveAuction})
	require.NoError(t, err)
	doubts := make([]ledgerDoubts, perMarket)
	var all sync.WaitGroup
	for i := range perMarket {
		lead := &trackdrive.PingRequest{CallerID: fmt.Sprintf("+1555555%04d", i), TrafficSourceID: fmt.Sprint(1000 + m.rng.IntN(4))}
		leave := m.rng.IntN(4) == 0
		all.Go(func() { doubts[i] = sellLead(t, m.fake, auction, lead, numbers, leave) })
	}
	all.Wait()
	books.take(m, doubts)
}

// ledgerDoubts are a lead's doubts.
type ledgerDoubts struct {
	caller, traffic string
	left            *trackdrive.SaleTry // nobody settled it
	isToAll         bool                // a post to all buyers is settled: sold
}

// sellLead sells a lead, and settles its doubts as the ledger says.
func sellLead(t *testing.T, fake *trackdrivetest.Fake, auction *trackdrive.Auction, lead *trackdrive.PingRequest, numbers *insight.Numbers, leave bool) (d ledgerDoubts) {
	d = ledgerDoubts{caller: lead.CallerID, traffic: lead.TrafficSourceID}
	result, err := auction.Run(context.Background(), lead)
	if err != nil {
		t.Error(err)
		return d
	}
	for {
		sale, err := result.Sell(context.Background())
		if err == nil || trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown {
			return d
		}
		doubt := trackdrive.SaleTry{}
		if n := len(sale.Tries); n > 0 && sale.Tries[n-1].Outcome == trackdrive.TryUnknown {
			doubt = sale.Tries[n-1]
		}
		if leave && doubt.Outcome != "" {
			d.left = &doubt
			return d
		}
		isSold := slices.ContainsFunc(fake.Sales(), func(s trackdrivetest.Sale) bool { return s.CallerID == lead.CallerID })
		if err := result.Settle(isSold); err != nil {
			t.Error(err)
			return d
		}
		if isSold && doubt.Outcome == "" { // the ping's
			sale, _ = result.Sell(context.Background())
			doubt.Bid = sale.Bid
		}
		numbers.ObserveSettled(doubt, isSold)
		d.isToAll = d.isToAll || isSold && doubt.Bid.ToAll
	}
}

// take adds the ledger of a market.
func (b *ledgerBooks) take(m *ledgerMarket, doubts []ledgerDoubts) {
	b.mu.Lock()
	defer b.mu.Unlock()
	byCaller := map[string]*ledgerDoubts{}
	for i := range doubts {
		d := &doubts[i]
		byCaller[d.caller] = d
		if d.left != nil {
			for _, key := range keysOf(d.left.Bid.Source, d.left.Bid.Buyer.Name, d.traffic) {
				b.doubts[key]++
			}
		}
	}
	for _, r := range m.fake.Posts() {
		b.posts[r.Company+"/"+r.Target]++
	}
	for _, s := range m.fake.Sales() {
		d, buyer := byCaller[s.CallerID], s.BuyerName
		isUnpriced := d.isToAll
		if isUnpriced || d.left != nil && d.left.Bid.ToAll {
			buyer = "" // the reply that named it is lost
		}
		isUnpriced = isUnpriced && m.isMixed[s.Company+"/"+s.Endpoint]
		for _, key := range keysOf(s.Company+"/"+s.Endpoint, buyer, s.TrafficSourceID) {
			b.sold.of(key).add(s.Payout)
			if d.left != nil {
				b.left.of(key).add(s.Payout)
			}
			if isUnpriced {
				b.unpriced.of(key).add(s.Payout)
			}
		}
	}
}
