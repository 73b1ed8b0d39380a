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
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
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
	requireCallsAgree(t, r)
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

// requireCallsAgree checks that the client's observer, which sees the same pings and
// posts, agrees with the auction's.
func requireCallsAgree(t *testing.T, r *insight.Report) {
	t.Helper()
	calls := map[string]insight.Outcomes{}
	for _, c := range r.Calls {
		calls[c.Operation+" "+c.Company+"/"+c.Endpoint] = c.Outcomes
	}
	for _, s := range r.Sources {
		pings, posts := calls["ping "+s.Name], calls["post "+s.Name]
		require.Equal(t, s.Pings, pings.Calls, "%s: pings", s.Name)
		require.GreaterOrEqual(t, pings.Accepted+pings.NoBuyer, s.Answers, "%s: answers; others came too late", s.Name)
		require.Equal(t, s.Sold-s.SettledSold, posts.Accepted, "%s: sold at once", s.Name)
		require.Equal(t, s.Unknown+s.SettledSold+s.SettledUnsold, posts.Unknown, "%s: doubts", s.Name)
		require.Equal(t, s.Rejected, posts.Rejected+posts.Failed, "%s: rejected", s.Name)
		require.Equal(t, s.NotSent, posts.NotSent, "%s: not sent", s.Name)
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

// runMarket sells leads in a market. Every other market has a desk.
func runMarket(t *testing.T, seed uint64, numbers *insight.Numbers, books *ledgerBooks) {
	t.Helper()
	m := newLedgerMarket(t, seed, numbers)
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: m.sources, Timeout: 3 * time.Second, Observe: numbers.ObserveAuction})
	require.NoError(t, err)
	desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: numbers.ObserveSale})
	require.NoError(t, err)
	leads := make([]ledgerLead, perMarket)
	var all sync.WaitGroup
	for i := range leads {
		l := &leads[i]
		*l = ledgerLead{
			fake: m.fake, numbers: numbers, leave: m.rng.IntN(4) == 0,
			ping: &trackdrive.PingRequest{CallerID: fmt.Sprintf("+1555555%04d", i), TrafficSourceID: fmt.Sprint(1000 + m.rng.IntN(4))},
		}
		all.Go(func() {
			if seed%2 == 0 {
				l.err = l.sell(auction)
			} else {
				l.err = l.offer(desk, auction)
			}
		})
	}
	all.Wait()
	books.take(t, m, leads)
}

// ledgerLead is a lead, and what became of its doubts.
type ledgerLead struct {
	fake    *trackdrivetest.Fake
	numbers *insight.Numbers
	ping    *trackdrive.PingRequest
	leave   bool // a doubt about a post

	left         *trackdrive.SaleTry // nobody settled it
	isToAll      bool                // a post to all buyers is settled: sold
	byDesk       int64               // how many doubts about posts the desk has settled
	isSoldByDesk bool                // one of them
	err          error
}

func (l *ledgerLead) isSold() bool {
	return slices.ContainsFunc(l.fake.Sales(), func(s trackdrivetest.Sale) bool { return s.CallerID == l.ping.CallerID })
}

// sell sells the lead, and settles its doubts as the ledger says.
func (l *ledgerLead) sell(auction *trackdrive.Auction) error {
	result, err := auction.Run(context.Background(), l.ping)
	if err != nil {
		return err
	}
	for {
		sale, err := result.Sell(context.Background())
		if err == nil || trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown {
			return nil
		}
		doubt := trackdrive.SaleTry{}
		if n := len(sale.Tries); n > 0 && sale.Tries[n-1].Outcome == trackdrive.TryUnknown {
			doubt = sale.Tries[n-1]
		}
		if l.leave && doubt.Outcome != "" {
			l.left = &doubt
			return nil
		}
		isSold := l.isSold()
		if err := result.Settle(isSold); err != nil {
			return err
		}
		if isSold && doubt.Outcome == "" { // the ping's
			sale, _ = result.Sell(context.Background())
			doubt.Bid = sale.Bid
		}
		l.numbers.ObserveSettled(doubt, isSold)
		l.isToAll = l.isToAll || isSold && doubt.Bid.ToAll
	}
}

// offer does what sell does with a desk, a few times.
func (l *ledgerLead) offer(desk *sales.Desk, auction *trackdrive.Auction) error {
	const id, times = "lead", 3
	leadID := id + l.ping.CallerID
	for range times {
		sale, err := desk.Auction(context.Background(), leadID, auction, l.ping)
		switch {
		case sale == nil:
			return err
		case sale.State == sales.Sold:
			return nil
		case sale.State != sales.Unknown:
			continue
		}
		i := slices.IndexFunc(sale.Tries, func(t sales.Try) bool { return t.Outcome == trackdrive.TryUnknown && !t.Ping })
		isSold, state := l.isSold(), sales.Unsold
		if isSold {
			state = sales.Sold
		}
		if i >= 0 {
			try := sale.Tries[i]
			isToAll := try.BuyerID == ""
			if l.leave {
				l.left = &trackdrive.SaleTry{Bid: trackdrive.Bid{Source: try.Source, Buyer: trackdrive.Buyer{Name: try.BuyerName}, ToAll: isToAll}}
				return nil
			}
			l.byDesk++
			l.isSoldByDesk, l.isToAll = isSold, isSold && isToAll
		}
		<-time.After(time.Second) // nobody settles a lead in no time
		if _, err := desk.Resolve(context.Background(), leadID, state, "the ledger says so"); err != nil {
			return err
		}
		if isSold {
			return nil
		}
	}
	return nil
}

// take adds the ledger of a market.
func (b *ledgerBooks) take(t *testing.T, m *ledgerMarket, leads []ledgerLead) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	byCaller := map[string]*ledgerLead{}
	for i := range leads {
		l := &leads[i]
		require.NoError(t, l.err)
		byCaller[l.ping.CallerID] = l
		b.doubts["traffic "+l.ping.TrafficSourceID] += l.byDesk // a desk does not know it
		if l.left != nil {
			for _, key := range keysOf(l.left.Bid.Source, l.left.Bid.Buyer.Name, l.ping.TrafficSourceID) {
				b.doubts[key]++
			}
		}
	}
	for _, r := range m.fake.Posts() {
		b.posts[r.Company+"/"+r.Target]++
	}
	for _, s := range m.fake.Sales() {
		b.takeSale(m, &s, byCaller[s.CallerID])
	}
}

func (b *ledgerBooks) takeSale(m *ledgerMarket, s *trackdrivetest.Sale, l *ledgerLead) {
	buyer, isUnpriced := s.BuyerName, l.isToAll && (l.isSoldByDesk || m.isMixed[s.Company+"/"+s.Endpoint])
	if l.isToAll || l.left != nil && l.left.Bid.ToAll {
		buyer = "" // the reply that named it is lost
	}
	keys := keysOf(s.Company+"/"+s.Endpoint, buyer, s.TrafficSourceID)
	if l.isSoldByDesk {
		keys = keys[:2] // a desk does not know the traffic source
	}
	for _, key := range keys {
		b.sold.of(key).add(s.Payout)
		if l.left != nil {
			b.left.of(key).add(s.Payout)
		}
		if isUnpriced {
			b.unpriced.of(key).add(s.Payout)
		}
	}
}
