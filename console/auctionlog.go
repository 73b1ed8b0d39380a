// AuctionLog: the last auctions of a program, as the page draws them.

package console

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/echoes"
)

// AuctionLog keeps the latest auctions in memory. Pass its Observe to the auction, and
// give each run a name with Watch:
//
//	log := console.NewAuctionLog(100)
//	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: sources, Observe: log.Observe})
//
//	ctx = log.Watch(ctx, "lead-4711")
//	result, err := auction.Run(ctx, lead)
//	sale, err := result.Sell(ctx)
//
// It keeps names, amounts, reasons and times, but no requests or replies. It is bounded,
// and safe for concurrent use.
type AuctionLog struct {
	limit int

	mu        sync.Mutex
	runs      []*auctionRecord // the oldest first
	next      int              // the id of the next run
	unwatched int              // events of runs without a name
}

// Limits of an AuctionLog.
const (
	defaultRuns    = 100
	maxRunSources  = 1000 // sources of one run
	maxRanked      = 100  // bids of one run, best first
	maxSourceNotes = 100  // bids and losses of one source, and posts of one run
)

// NewAuctionLog returns a log that keeps the last limit auctions. If limit is 0 or less, it
// keeps 100.
func NewAuctionLog(limit int) *AuctionLog {
	if limit <= 0 {
		limit = defaultRuns
	}
	return &AuctionLog{limit: limit}
}

// watchKey is the key of a log's run in a context. Each log has its own: another log may
// observe the same context.
type watchKey struct{ log *AuctionLog }

// Watch returns a context for one run of an auction and the sale that follows. The name
// is shown on the page: use an id of the lead, not the caller's number.
func (l *AuctionLog) Watch(ctx context.Context, name string) context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	run := &auctionRecord{ID: l.next, Name: display.Line(display.HideNumbers(name)), StartedAt: time.Now()}
	if len(l.runs) >= l.limit {
		l.runs = slices.Delete(l.runs, 0, 1+len(l.runs)-l.limit)
	}
	l.runs = append(l.runs, run)
	return context.WithValue(ctx, watchKey{l}, run)
}

// Observe records the events of a run. Pass it to AuctionConfig.Observe. Events whose
// context does not come from Watch are counted and dropped.
func (l *AuctionLog) Observe(ctx context.Context, e trackdrive.AuctionEvent) {
	run, _ := ctx.Value(watchKey{l}).(*auctionRecord)
	l.mu.Lock()
	defer l.mu.Unlock()
	if run == nil {
		l.unwatched++
		return
	}
	run.note(e)
}

// list returns the runs, the newest first, and how many events were dropped.
func (l *AuctionLog) list() (runs []auctionRecord, unwatched int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, run := range slices.Backward(l.runs) {
		runs = append(runs, run.clone())
	}
	return runs, l.unwatched
}

// get returns one run.
func (l *AuctionLog) get(id int) (auctionRecord, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, run := range l.runs {
		if run.ID == id {
			return run.clone(), true
		}
	}
	return auctionRecord{}, false
}

// auctionRecord is one run.
type auctionRecord struct {
	ID        int
	Name      string
	StartedAt time.Time
	Sources   []sourceRecord
	Posts     []postRecord
	End       trackdrive.AuctionEnd // "" until it ended
	EndedAt   time.Duration
	FirstBid  time.Duration // 0 if there is none
	Last      time.Duration // of the last event
	Ranked    []rankedBid   // once it ended: the best bids, best first
	Bids      int           // how many there are
	Sold      bool
	Unknown   bool
	Dropped   int // sources, bids and posts that the log has no place for
}

// sourceRecord is what one source did.
type sourceRecord struct {
	Name       string
	Pinged     bool
	PingedAt   time.Duration
	Answered   bool
	AnsweredAt time.Duration
	Bids       []bidRecord
	Losses     []lossRecord
}

type bidRecord struct {
	Buyer, Payout string
	amount        trackdrive.Amount
}

// rankedBid is a bid with its source.
type rankedBid struct {
	Source string
	bidRecord
}

type lossRecord struct {
	Buyer, Reason, Text string
	At                  time.Duration
	Whole               bool // the source lost, and not one of its buyers
}

type postRecord struct {
	rankedBid
	Outcome, Error string
	At, Until      time.Duration
}

func (r *auctionRecord) clone() auctionRecord {
	c := *r
	c.Posts, c.Ranked = slices.Clone(r.Posts), slices.Clone(r.Ranked)
	c.Sources = slices.Clone(r.Sources)
	for i := range c.Sources {
		c.Sources[i].Bids, c.Sources[i].Losses = slices.Clone(c.Sources[i].Bids), slices.Clone(c.Sources[i].Losses)
	}
	return c
}

// note adds an event.
func (r *auctionRecord) note(e trackdrive.AuctionEvent) {
	r.Last = max(r.Last, e.After)
	switch e.Kind {
	case trackdrive.EventPing:
		if s := r.source(e.Source); s != nil {
			s.Pinged, s.PingedAt = true, e.After
		}
	case trackdrive.EventBids:
		r.noteBids(e)
	case trackdrive.EventLoss:
		r.noteLoss(e)
	case trackdrive.EventEnd:
		r.End, r.EndedAt, r.Bids = e.End, e.After, len(e.Bids)
		for _, b := range e.Bids[:min(len(e.Bids), maxRanked)] {
			r.Ranked = append(r.Ranked, rankedBid{shownSource(b.Source), newBidRecord(b)})
		}
	case trackdrive.EventPost, trackdrive.EventSale:
		r.noteTry(e)
	}
}

// source returns the record of a source; nil if there is no place for it.
func (r *auctionRecord) source(name string) *sourceRecord {
	name = shownSource(name)
	if at := slices.IndexFunc(r.Sources, func(s sourceRecord) bool { return s.Name == name }); at >= 0 {
		return &r.Sources[at]
	}
	if len(r.Sources) >= maxRunSources {
		r.Dropped++
		return nil
	}
	r.Sources = append(r.Sources, sourceRecord{Name: name})
	return &r.Sources[len(r.Sources)-1]
}

func (r *auctionRecord) noteBids(e trackdrive.AuctionEvent) {
	s := r.source(e.Source)
	if s == nil {
		return
	}
	s.Answered, s.AnsweredAt = true, e.After
	if len(e.Bids) > 0 && r.FirstBid == 0 {
		r.FirstBid = e.After
	}
	r.Bids += len(e.Bids)
	for _, b := range e.Bids {
		if len(s.Bids) >= maxSourceNotes {
			r.Dropped++
			continue
		}
		s.Bids = append(s.Bids, newBidRecord(b))
	}
}

// ranking returns the best bids, best first: in the auction's order once it has ended, and
// until then by payout.
func (r *auctionRecord) ranking() []rankedBid {
	if r.End != "" {
		return r.Ranked
	}
	var list []rankedBid
	for i := range r.Sources {
		for _, b := range r.Sources[i].Bids {
			list = append(list, rankedBid{r.Sources[i].Name, b})
		}
	}
	slices.SortStableFunc(list, func(a, b rankedBid) int { return b.amount.Cmp(a.amount) })
	return list[:min(len(list), maxRanked)]
}

// shownSource returns the name of a source, without numbers.
func shownSource(name string) string { return display.Line(display.HideNumbers(name)) }

// shownName returns the name of a buyer in a reply, without numbers and what it repeats of
// the request's credentials.
func shownName(name string, reply *trackdrive.PingResponse) string {
	return display.Line(display.HideNumbers(echoes.Text(name, reply)))
}

func newBidRecord(b trackdrive.Bid) bidRecord {
	return bidRecord{buyerOf(b), b.Payout.String(), b.Payout}
}

// buyerOf names the buyer of a bid, without numbers.
func buyerOf(b trackdrive.Bid) string {
	switch {
	case b.ToAll:
		return "all buyers"
	case b.Buyer.Name != "":
		return shownName(b.Buyer.Name, b.Ping)
	default:
		return "buyer " + display.Line(echoes.Text(string(b.Buyer.ID), b.Ping))
	}
}

func (r *auctionRecord) noteLoss(e trackdrive.AuctionEvent) {
	s := r.source(e.Source)
	if s == nil || e.Loss == nil {
		return
	}
	if e.Loss.Buyer == nil {
		s.Answered, s.AnsweredAt = e.Loss.Ping != nil, e.After
	}
	if len(s.Losses) >= maxSourceNotes {
		r.Dropped++
		return
	}
	loss := lossRecord{Reason: string(e.Loss.Reason), Text: lossInWords(e.Loss), At: e.After, Whole: e.Loss.Buyer == nil}
	if e.Loss.Buyer != nil {
		loss.Buyer = shownName(e.Loss.Buyer.Name, e.Loss.Ping)
	}
	s.Losses = append(s.Losses, loss)
}

// lossInWords returns a loss without its source, whose row it is in.
func lossInWords(l *trackdrive.Loss) string {
	text := strings.TrimPrefix(l.String(), l.Source+": ")
	return display.Line(display.HideNumbers(strings.Replace(text, string(l.Reason), inWords(string(l.Reason)), 1)))
}

func (r *auctionRecord) noteTry(e trackdrive.AuctionEvent) {
	if e.Try == nil {
		return
	}
	if e.Kind == trackdrive.EventPost {
		if len(r.Posts) >= maxSourceNotes {
			r.Dropped++
			return
		}
		r.Posts = append(r.Posts, postRecord{rankedBid: rankedBid{shownSource(e.Source), newBidRecord(e.Try.Bid)}, At: e.After})
		return
	}
	at := len(r.Posts) - 1
	if at < 0 {
		return
	}
	post := &r.Posts[at]
	post.Outcome, post.Until = string(e.Try.Outcome), e.After
	var err *trackdrive.Error
	if errors.As(e.Try.Err, &err) {
		post.Error = display.Line(display.HideNumbers(err.Error()))
	}
	r.Sold = r.Sold || e.Try.Outcome == trackdrive.TrySold
	r.Unknown = r.Unknown || e.Try.Outcome == trackdrive.TryUnknown
}
