// The market of Kill: whom the processes sell to, which leads they sell, and the
// ledger of what was sold.

package salestest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// killRandom is a source of random numbers for several goroutines.
type killRandom struct {
	mu     sync.Mutex
	random *rand.Rand
}

func newKillRandom(seed, stream uint64) *killRandom {
	return &killRandom{random: rand.New(rand.NewPCG(seed, stream))}
}

// below returns a number from 0 to n-1.
func (r *killRandom) below(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(n)
}

// chance returns true that many times out of a hundred.
func (r *killRandom) chance(percent int) bool { return r.below(100) < percent }

func (r *killRandom) shuffle(list []bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// The names in the market.
const (
	killEndpoint = "sell"         // of both companies
	killStatic   = "static"       // acme's endpoint whose pings may sell
	killNumber   = "+15555550100" // the number of static tracking
	leadField    = "lead"         // the field with the lead's number, on every ping and post
	offerField   = "offer"        // the field that tells the offers of a lead apart
)

// killMarket is a fake TrackDrive with two companies, and another market that sells
// without a confirmation.
type killMarket struct {
	random   *killRandom
	lease    time.Duration
	happened func(killMoment)
	fake     *trackdrivetest.Fake
	globex   *trackdrivetest.Company
	server   *http.Server
	url      string

	mu       sync.Mutex
	leads    []killLead // by their number
	hot      []hotLead  // those that are offered most
	takes    int
	mixedUp  int // posts to the other market with the caller of one lead and the number of another
	troubled bool
}

// killLead is what the market knows of a lead, beside what is in the fake's ledger.
type killLead struct {
	pingSales map[string]bool // the offers whose ping sold the lead
	takes     []int           // the sales of the other market
	asked     int             // the posts to it
}

// hotLead is a lead that is offered often, until a time.
type hotLead struct {
	lead  int
	until time.Time
}

func newKillMarket(random *killRandom, lease time.Duration, happened func(killMoment)) *killMarket {
	m := &killMarket{random: random, lease: lease, happened: happened, fake: trackdrivetest.New(), troubled: true}
	buyers := []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "31.00"}, {Name: "Buyer B", Bid: "24.00"}}
	m.fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: killEndpoint, Buyers: buyers})
	m.fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: killStatic, Static: true, Buyers: buyers[:1]})
	m.globex = m.fake.AddCompany("globex")
	m.globex.AddEndpoint(trackdrivetest.Endpoint{VanityURI: killEndpoint, Buyers: []trackdrivetest.Buyer{{Name: "Buyer C", Bid: "28.00"}}})
	m.plan()
	return m
}

// plan makes things go wrong. The fake takes the first fault that strikes, so a fault
// that denies a sale comes before a ping sells.
func (m *killMarket) plan() {
	longer := m.lease * 3 / 2
	isStaticPing := func(r trackdrivetest.Request) bool {
		return r.Operation == trackdrivetest.OpPing && r.Target == killStatic
	}
	m.fail(60, isStaticPing, trackdrivetest.Refusal("no_matching_buyer", "No buyers are available"))
	m.fake.Fail(trackdrivetest.Where(m.pingSells), trackdrivetest.Drop(), trackdrivetest.Always) // never strikes
	is := func(op trackdrivetest.Operation) func(trackdrivetest.Request) bool {
		return func(r trackdrivetest.Request) bool { return r.Operation == op }
	}
	ping, post := is(trackdrivetest.OpPing), is(trackdrivetest.OpPost)
	m.fail(4, ping, trackdrivetest.Slow(longer))
	m.fail(3, ping, trackdrivetest.Drop())
	m.fail(2, ping, trackdrivetest.AfterActing(trackdrivetest.BadGateway()))
	m.fail(30, ping, trackdrivetest.Slow(m.lease/8))

	m.fail(20, post, trackdrivetest.Refusal("rejected", "Buyer is no longer available"))
	m.fail(5, post, trackdrivetest.AfterActing(trackdrivetest.Drop()))
	m.fail(3, post, trackdrivetest.Drop())
	m.fail(3, post, trackdrivetest.AfterActing(trackdrivetest.Slow(longer)))
	m.fail(3, post, trackdrivetest.Slow(longer))
	m.fail(10, post, trackdrivetest.AfterActing(trackdrivetest.Slow(m.lease/4)))
	m.fail(3, post, trackdrivetest.AfterActing(trackdrivetest.BadGateway()))
	m.fail(3, post, trackdrivetest.Truncated())
	m.fail(3, post, trackdrivetest.TooManyRequests(0))
}

// fail makes a fault strike some of the requests.
func (m *killMarket) fail(percent int, strikes func(trackdrivetest.Request) bool, fault trackdrivetest.Fault) {
	m.fake.Fail(trackdrivetest.Where(func(r trackdrivetest.Request) bool { return strikes(r) && m.random.chance(percent) }), fault, trackdrivetest.Always)
}

// heal ends all that goes wrong, but for buyers that refuse.
func (m *killMarket) heal() {
	m.fake.Heal()
	m.mu.Lock()
	m.troubled = false
	m.mu.Unlock()
	m.fail(20, func(r trackdrivetest.Request) bool { return r.Operation == trackdrivetest.OpPost }, trackdrivetest.Refusal("rejected", "Buyer is no longer available"))
}

// pingSells enters some of the pings in static tracking mode in the ledger. It always
// returns false, since no answer is changed.
func (m *killMarket) pingSells(r trackdrivetest.Request) bool {
	if r.Operation != trackdrivetest.OpPing || r.Target != killStatic || !m.random.chance(40) {
		return false
	}
	lead, err := strconv.Atoi(r.Params.Text(leadField))
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil && lead < len(m.leads) {
		if m.leads[lead].pingSales == nil {
			m.leads[lead].pingSales = map[string]bool{}
		}
		m.leads[lead].pingSales[r.Params.Text(offerField)] = true
	}
	return false
}

// open lets requests in.
func (m *killMarket) open() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/acme/", http.StripPrefix("/acme", m.counted(m.fake)))
	mux.Handle("/globex/", http.StripPrefix("/globex", m.counted(m.globex)))
	mux.Handle("/elsewhere", m.counted(http.HandlerFunc(m.take)))
	mux.HandleFunc("/next", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, m.next(time.Now())) })
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	m.url = "http://" + listener.Addr().String()
	go func() { _ = m.server.Serve(listener) }() // ends with close
	return nil
}

// close lets no request in any more, and waits until the others are dealt with:
// nothing is sold afterwards.
func (m *killMarket) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), killStuckAfter)
	defer cancel()
	return m.server.Shutdown(ctx)
}

// counted reports when requests arrive and are answered.
func (m *killMarket) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.happened(atArrival)
		defer m.happened(atAnswer)
		h.ServeHTTP(w, r)
	})
}

// take is the other market: whatever it answers, the lead is sold.
func (m *killMarket) take(w http.ResponseWriter, r *http.Request) {
	lead, err := strconv.Atoi(r.FormValue(leadField))
	m.mu.Lock()
	isLead, troubled := err == nil && lead < len(m.leads), m.troubled
	isLead = isLead && r.FormValue("caller") == callerOf(lead)
	if isLead {
		m.leads[lead].asked++
	} else {
		m.mixedUp++
	}
	m.mu.Unlock()
	switch {
	case !isLead:
		http.Error(w, "no such lead", http.StatusBadRequest)
		return
	case troubled && m.random.chance(4):
		panic(http.ErrAbortHandler)
	}
	m.mu.Lock()
	m.takes++
	m.leads[lead].takes = append(m.leads[lead].takes, m.takes)
	m.mu.Unlock()
	switch {
	case troubled && m.random.chance(6):
		panic(http.ErrAbortHandler)
	case troubled && m.random.chance(4):
		select {
		case <-time.After(m.lease * 3 / 2):
		case <-r.Context().Done():
		}
	}
}

// hotLeads is how many leads are offered most.
const hotLeads = 24

// next returns the lead that a process is to offer now. Most of the time it is one of
// a few that all the others offer, too, for as long as a few leases; sometimes it is
// an older one.
func (m *killMarket) next(now time.Time) (lead int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.leads) > 0 && m.random.chance(20) {
		oldest := max(0, len(m.leads)-10*hotLeads)
		if m.random.chance(20) {
			oldest = 0
		}
		return oldest + m.random.below(len(m.leads)-oldest)
	}
	i := m.random.below(hotLeads)
	if i >= len(m.hot) {
		m.hot, i = append(m.hot, hotLead{}), len(m.hot)
	}
	if now.After(m.hot[i].until) {
		m.hot[i] = hotLead{len(m.leads), now.Add(m.lease * time.Duration(4+m.random.below(4)) / 2)}
		m.leads = append(m.leads, killLead{})
	}
	return m.hot[i].lead
}

const leadPrefix = "lead-"

// killLeadID returns the id of a lead in the store.
func killLeadID(lead int) string { return leadPrefix + strconv.Itoa(lead) }

// callerOf returns the number of a lead's caller, which no other lead has.
func callerOf(lead int) string {
	return fmt.Sprintf("+1%d55501%02d", 200+lead/100%800, lead%100)
}

// leadTruth is what the buyers know of a lead.
type leadTruth struct {
	sales map[string]bool // what sold it
	posts int             // the posts that arrived, sold or not
	pings int             // likewise the pings that may sell
}

// truth returns what the buyers know of each lead. A ping that sold, and the post of
// the same offer to the same endpoint, are one sale.
func (m *killMarket) truth() ([]leadTruth, error) {
	requests, sold := m.fake.Requests(trackdrivetest.OpPing, trackdrivetest.OpPost), m.fake.Sales()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mixedUp > 0 {
		return nil, fmt.Errorf("%d posts elsewhere have the caller of one lead and the fields of another", m.mixedUp)
	}
	truth := make([]leadTruth, len(m.leads))
	leads := map[string]int{}
	for i, lead := range m.leads {
		leads[callerOf(i)] = i
		truth[i] = leadTruth{sales: map[string]bool{}, posts: lead.asked}
		for offer := range lead.pingSales {
			truth[i].sales[staticSale(offer)] = true
		}
		for _, take := range lead.takes {
			truth[i].sales["sale "+strconv.Itoa(take)+" elsewhere"] = true
		}
	}
	offers := map[trackdrive.ID]string{}
	for _, r := range requests {
		lead, isLead := leads[r.Params.Text("caller_id")]
		switch {
		case !isLead || r.Params.Text(leadField) != strconv.Itoa(lead):
			return nil, fmt.Errorf("a request has the caller of one lead and the fields of another: %s", r)
		case r.Operation == trackdrivetest.OpPost:
			truth[lead].posts++
			offers[trackdrive.ID(r.Params.Text("ping_id"))] = r.Params.Text(offerField)
		case r.Target == killStatic:
			truth[lead].pings++
		}
	}
	for _, sale := range sold {
		what := "the post of call " + sale.CallUUID + " to " + sale.Company
		if sale.Endpoint == killStatic {
			what = staticSale(offers[trackdrive.ID(sale.PingID)])
		}
		truth[leads[sale.CallerID]].sales[what] = true
	}
	return truth, nil
}

func staticSale(offer string) string {
	return "the ping or post of offer " + offer + " to " + killStatic
}
