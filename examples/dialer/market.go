// The market: two companies on a fake TrackDrive, and another platform. They buy every
// lead that is posted to them, also for the second time: a dialer that offers a lead
// twice sells it twice. Each keeps a ledger.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// How often things go wrong, in percent. Whether a lead is sold, the dialer cannot tell
// after the first three.
const (
	soldAnswerLost   = 1.5 // the lead is sold, and the connection breaks
	unsoldAnswerLost = 1   // the connection breaks before
	soldAnswerLate   = 1   // the lead is sold, and the answer comes after the dialer has given up
	postRefused      = 5   // the buyer has changed its mind
	pingFailed       = 2
	pingLate         = 2
)

// lateAnswer is longer than a dialer waits.
const lateAnswer = 2 * postTimeout

// How long answers take, at least and at most.
const (
	fastAnswer = 15 * time.Millisecond
	slowAnswer = 70 * time.Millisecond
)

// fakeMarket is all buyers at one address.
type fakeMarket struct {
	fake     *trackdrivetest.Fake
	platform *fakePlatform
	server   *http.Server
	url      string

	posts    atomic.Int64   // posts and confirmations that have arrived
	lastPost atomic.Int64   // when the last of them did, in nanoseconds since 1970
	waiting  []atomic.Int64 // those that are not answered yet, of each dialer
}

// ledgerLine is a sale in a ledger.
type ledgerLine struct {
	Source string
	Payout trackdrive.Amount
}

// openMarket opens a market for a list of that many leads, and for that many dialers.
func openMarket(leads, dialers int) (*fakeMarket, error) {
	m := &fakeMarket{
		fake:     trackdrivetest.New(trackdrivetest.WithSubdomain(acmeSource)),
		platform: newFakePlatform(),
		waiting:  make([]atomic.Int64, dialers),
	}
	m.fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "21.50", Cap: leads / 3},
		{ID: "102", Name: "Buyer B", Bid: "9.50"}, // below the floor
	}})
	globex := m.fake.AddCompany(globexSource)
	globex.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{
		{ID: "201", Name: "Buyer C", Bid: "24.00", Cap: leads / 4},
		{ID: "202", Name: "Buyer D", Bid: "16.00"},
	}})
	m.plan()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/"+acmeSource+"/", http.StripPrefix("/"+acmeSource, m.fake))
	mux.Handle("/"+globexSource+"/", http.StripPrefix("/"+globexSource, globex))
	mux.Handle("/", m.platform)
	byDialer := http.NewServeMux()
	for place := range dialers {
		byDialer.Handle(pathOf(place)+"/", http.StripPrefix(pathOf(place), m.delayed(&m.waiting[place], mux)))
	}
	m.server = &http.Server{Handler: byDialer, ReadHeaderTimeout: 5 * time.Second}
	m.url = "http://" + listener.Addr().String()
	go func() { _ = m.server.Serve(listener) }() // ends with close
	return m, nil
}

// plan makes things go wrong at the two companies.
func (m *fakeMarket) plan() {
	strike := func(op trackdrivetest.Operation, percent float64, fault trackdrivetest.Fault) {
		strikes := func(r trackdrivetest.Request) bool { return r.Operation == op && hasChance(percent) }
		m.fake.Fail(trackdrivetest.Where(strikes), fault, trackdrivetest.Always)
	}
	isOutOfArea := func(r trackdrivetest.Request) bool {
		return r.Operation == trackdrivetest.OpPing && isUnwanted(r.Params.Text("zip"))
	}
	m.fake.Fail(trackdrivetest.Where(isOutOfArea), trackdrivetest.Refusal("rejected", "No buyers are available"), trackdrivetest.Always)
	strike(trackdrivetest.OpPing, pingFailed, trackdrivetest.BadGateway())
	strike(trackdrivetest.OpPing, pingLate, trackdrivetest.Slow(lateAnswer))
	strike(trackdrivetest.OpPost, soldAnswerLost, trackdrivetest.AfterActing(trackdrivetest.Drop()))
	strike(trackdrivetest.OpPost, unsoldAnswerLost, trackdrivetest.Drop())
	strike(trackdrivetest.OpPost, soldAnswerLate, trackdrivetest.AfterActing(trackdrivetest.Slow(lateAnswer)))
	strike(trackdrivetest.OpPost, postRefused, trackdrivetest.Refusal("rejected", "Buyer is no longer available"))
}

func hasChance(percent float64) bool { return 100*rand.Float64() < percent }

// isUnwanted reports whether nobody buys leads from a zip code.
func isUnwanted(zip string) bool { return strings.HasPrefix(zip, "0") }

// urlFor returns the address of the market for a dialer: each has one of its own, so
// that the market can tell whose posts are under way.
func (m *fakeMarket) urlFor(place int) string { return m.url + pathOf(place) }

func pathOf(place int) string { return fmt.Sprintf("/dialer-%d", place+1) }

// delayed makes answers take their time, and counts the posts.
func (m *fakeMarket) delayed(waiting *atomic.Int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPost(r) {
			m.posts.Add(1)
			m.lastPost.Store(time.Now().UnixNano())
			waiting.Add(1)
			defer waiting.Add(-1)
		}
		if r.Method != http.MethodGet { // Settle reads calls
			time.Sleep(fastAnswer + rand.N(slowAnswer-fastAnswer))
		}
		next.ServeHTTP(w, r)
	})
}

// postsPerSecond returns how many posts arrived a second, from the start to the last one.
func (m *fakeMarket) postsPerSecond(start time.Time) float64 {
	if m.posts.Load() == 0 {
		return 0
	}
	return float64(m.posts.Load()) / time.Unix(0, m.lastPost.Load()).Sub(start).Seconds()
}

// isPost reports whether a request sells a lead: a post, or the confirmation of a
// reservation.
func isPost(r *http.Request) bool {
	return r.Method == http.MethodPut || strings.Contains(r.URL.Path, "/inbound_webhooks/post/")
}

// close waits for the requests that have arrived: nothing is sold afterwards.
func (m *fakeMarket) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*lateAnswer)
	defer cancel()
	return m.server.Shutdown(ctx)
}

// ledger returns what was sold, by the callerKey.
func (m *fakeMarket) ledger() map[string][]ledgerLine {
	ledger := m.platform.sold()
	for _, sale := range m.fake.Sales() {
		caller := callerKey(sale.CallerID)
		ledger[caller] = append(ledger[caller], ledgerLine{sale.Company, sale.Payout})
	}
	return ledger
}
