// The processes of Kill: they sell leads with a desk until they are killed, on a store
// that fails and stalls.

package salestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// killWord is what a process says, a line for each.
type killWord struct {
	kind   killWordKind
	lead   int
	number string // the number to dial, with saysSold and saysUnrecorded
}

// killWordKind is what a process says of a lead.
type killWordKind string

const (
	saysBegun      killWordKind = "begun"      // an offer begins
	saysNote       killWordKind = "note"       // the store is about to be given a note
	saysFenced     killWordKind = "fenced"     // the store refused a note, because its lease has ended
	saysSold       killWordKind = "sold"       // the desk said that the lead is sold
	saysUnrecorded killWordKind = "unrecorded" // likewise, and that the store does not know
	saysEnded      killWordKind = "ended"      // the desk said something else
)

func parseKillWord(line string) (w killWord, err error) {
	parts := strings.Fields(line)
	if len(parts) < 2 || len(parts) > 3 {
		return w, fmt.Errorf("the process wrote %q instead of what it knows of a lead", line)
	}
	w.kind = killWordKind(parts[0])
	if len(parts) == 3 {
		w.number = parts[2]
	}
	w.lead, err = strconv.Atoi(parts[1])
	return w, err
}

// killLanes is how many offers all processes together have under way at once.
const killLanes = 15

// sellUntilKilled runs in a process that is to be killed.
func sellUntilKilled(config KillConfig) error {
	process, err := strconv.Atoi(os.Getenv(killProcess))
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(os.Getenv(killSeed), 10, 64)
	if err != nil {
		return err
	}
	s := &leadSeller{url: os.Getenv(killURL), random: newKillRandom(seed, uint64(process)), process: process, risks: 40, words: os.NewFile(3, "words")}
	store, _, err := config.open(os.Getenv(killDir))
	if err != nil {
		return err
	}
	if err := s.prepare(&troubledStore{Store: store, random: s.random, lease: config.Lease, say: s.say, outages: map[string]storeOutage{}}, config.Lease); err != nil {
		return err
	}
	ended := make(chan error)
	for range max(2, killLanes/config.Processes) {
		go func() { ended <- s.sellAll() }()
	}
	return <-ended
}

// leadSeller offers leads, and reports what it is told of them.
type leadSeller struct {
	url     string
	random  *killRandom
	process int
	risks   int       // how many auctions out of a hundred have a ping that may sell
	words   io.Writer // nil: it reports nothing
	offers  atomic.Int64

	desk  *sales.Desk
	acme  *trackdrive.Client
	plain *trackdrive.Auction // no ping sells
	risky *trackdrive.Auction // a ping may sell
}

func (s *leadSeller) prepare(store sales.Store, lease time.Duration) (err error) {
	if s.desk, err = sales.New(sales.Config{Store: store, Lease: lease}); err != nil {
		return err
	}
	client := func(subdomain string) *trackdrive.Client {
		c, failed := trackdrive.NewClient(subdomain, trackdrive.WithBaseURL(s.url+"/"+subdomain),
			trackdrive.WithAuth(trackdrive.AuthToken("made-up")), trackdrive.WithRepeat(trackdrive.RepeatNever))
		err = errors.Join(err, failed)
		return c
	}
	s.acme = client("acme")
	globex := client("globex")
	if err != nil {
		return err
	}
	sources := []trackdrive.AuctionSource{
		{Name: "acme", Client: s.acme, Endpoint: killEndpoint},
		{Name: "globex", Client: globex, Endpoint: killEndpoint},
		{Name: "elsewhere", Bidder: elsewhereBidder{s.url + "/elsewhere", s.random}},
	}
	if s.plain, err = trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Timeout: 3 * lease}); err != nil {
		return err
	}
	static := trackdrive.AuctionSource{Name: killStatic, Client: s.acme, Endpoint: killStatic, Request: &trackdrive.PingRequest{TrackdriveNumber: killNumber}}
	s.risky, err = trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: append(sources[:len(sources):len(sources)], static), Timeout: 3 * lease})
	return err
}

// sellAll offers one lead after another.
func (s *leadSeller) sellAll() error {
	for {
		lead, err := s.nextLead()
		if err != nil {
			return err
		}
		if err := s.say(saysBegun, lead, ""); err != nil {
			return err
		}
		sale, err := s.offer(context.Background(), lead)
		if err := s.report(lead, sale, err); err != nil {
			return err
		}
	}
}

func (s *leadSeller) nextLead() (int, error) {
	reply, err := http.Get(s.url + "/next")
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(reply.Body)
	if err := errors.Join(err, reply.Body.Close()); err != nil {
		return 0, err
	}
	return strconv.Atoi(string(body))
}

// offer offers a lead in one of three ways.
func (s *leadSeller) offer(ctx context.Context, lead int) (*sales.Sale, error) {
	fields := trackdrive.Fields{leadField: strconv.Itoa(lead), offerField: fmt.Sprintf("%d-%d", s.process, s.offers.Add(1))}
	if s.random.chance(20) {
		return s.desk.Post(ctx, killLeadID(lead), s.acme, killEndpoint, &trackdrive.PostRequest{PostOnly: true, CallerID: callerOf(lead), Fields: fields})
	}
	auction := s.plain
	if s.random.chance(s.risks) {
		auction = s.risky
	}
	ping := &trackdrive.PingRequest{CallerID: callerOf(lead), Fields: fields}
	return s.desk.Auction(ctx, killLeadID(lead), auction, ping, func(_ trackdrive.Bid, post *trackdrive.PostRequest) error {
		post.Fields["last_name"] = "Doe"
		return nil
	})
}

// report says what the desk said. If nothing was sent, it waits a little.
func (s *leadSeller) report(lead int, sale *sales.Sale, err error) error {
	switch {
	case errors.Is(err, sales.ErrConflict):
		return err
	case errors.Is(err, sales.ErrNotRecorded):
		return s.say(saysUnrecorded, lead, sale.ForwardingNumber)
	case err == nil && sale.State == sales.Sold:
		number, _ := sale.Number()
		if err := s.say(saysSold, lead, number); err != nil {
			return err
		}
	default:
		if err := s.say(saysEnded, lead, ""); err != nil {
			return err
		}
	}
	<-time.After(killLookEvery / 4)
	return nil
}

// say writes a line to the process that kills. A line that is written survives the
// process.
func (s *leadSeller) say(kind killWordKind, lead int, number string) error {
	if s.words == nil {
		return nil
	}
	_, err := fmt.Fprintf(s.words, "%s %d %s\n", kind, lead, number)
	return err
}

// elsewhereBidder is another market. It sells without a confirmation: whatever comes
// of the request in Post, the number is that of the bid.
type elsewhereBidder struct {
	url    string
	random *killRandom
}

// Ping makes a bid, without asking anybody.
func (b elsewhereBidder) Ping(_ context.Context, r *trackdrive.PingRequest, _ ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	lead, _ := r.Fields[leadField].(string)
	buyer := trackdrive.Buyer{ID: "7", Name: "Buyer E", PingID: trackdrive.ID("bid-" + lead), Payout: trackdrive.MustAmount(strconv.Itoa(18 + b.random.below(20)))}
	return &trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{buyer}}, nil
}

// Post lets the other market count the sale.
func (b elsewhereBidder) Post(ctx context.Context, _ trackdrive.Buyer, r *trackdrive.PostRequest, _ ...trackdrive.CallOption) (*trackdrive.PostResponse, error) {
	lead, _ := r.Fields[leadField].(string)
	query := url.Values{leadField: {lead}, "caller": {r.CallerID}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if err := reply.Body.Close(); err != nil {
		return nil, err
	}
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the other market answered %s", reply.Status)
	}
	return &trackdrive.PostResponse{Accepted: true, ForwardingNumber: killNumber}, nil
}

// troubledStore is a store that fails, before and after it has written, and that
// stalls for longer than the lease.
type troubledStore struct {
	sales.Store
	random *killRandom
	lease  time.Duration
	say    func(kind killWordKind, lead int, number string) error

	mu      sync.Mutex
	outages map[string]storeOutage // by lead
}

var errTroubled = errors.New("salestest: the store failed, for a test")

// Change rarely fails.
func (s *troubledStore) Change(ctx context.Context, c sales.Change) (r sales.Record, err error) {
	err = s.around(c.LeadID, storeTrouble{fails: 1, stalls: 1}, func() error {
		r, err = s.Store.Change(ctx, c)
		return err
	})
	return r, err
}

// Note fails more often if it would record an outcome.
func (s *troubledStore) Note(ctx context.Context, n sales.Note) error {
	lead, err := strconv.Atoi(strings.TrimPrefix(n.Sale.LeadID, leadPrefix))
	if err != nil {
		return err
	}
	if err := s.say(saysNote, lead, ""); err != nil {
		return err
	}
	trouble := storeTrouble{fails: 4, outage: 4, stalls: 3}
	if tries := n.Sale.Tries; len(tries) > 0 && tries[len(tries)-1].Outcome == "" {
		trouble = storeTrouble{fails: 1, stalls: 5}
	}
	err = s.around(n.Sale.LeadID, trouble, func() error { return s.Store.Note(ctx, n) })
	if errors.Is(err, sales.ErrLeaseLost) {
		return errors.Join(err, s.say(saysFenced, lead, ""))
	}
	return err
}

// storeTrouble says how often, out of a hundred times, a call of the store goes wrong.
type storeTrouble struct {
	fails  int // this call
	outage int // this call, and all others about this lead for some time
	stalls int // for longer than the lease
}

// around calls the store. What goes wrong does so before the store has written, or
// after it.
func (s *troubledStore) around(id string, trouble storeTrouble, call func() error) error {
	fails, stalls, before := s.random.chance(trouble.fails), s.random.chance(trouble.stalls), s.random.chance(50)
	if out, isOut := s.outage(id, s.random.chance(trouble.outage), before); isOut {
		fails, before = true, out.before
	}
	longer := s.lease * 3 / 2
	switch {
	case stalls && before:
		<-time.After(longer)
	case fails && before:
		return errTroubled
	}
	err := call()
	switch {
	case stalls && !before:
		<-time.After(longer)
	case fails && !before:
		return errTroubled
	}
	return err
}

// storeOutage is a time in which a store fails.
type storeOutage struct {
	until  time.Time
	before bool // nothing is written; otherwise all is written, and only the answers are errors
}

// outageLasts is longer than a desk tries to record an outcome.
const outageLasts = 2 * time.Second

// outage returns the outage that a lead is in now. It may begin one.
func (s *troubledStore) outage(id string, begins, before bool) (out storeOutage, isOut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if out, isOut = s.outages[id]; isOut && now.Before(out.until) {
		return out, true
	}
	if begins {
		out = storeOutage{now.Add(outageLasts), before}
		s.outages[id] = out
	}
	return out, begins
}
