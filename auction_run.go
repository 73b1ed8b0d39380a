// One run of an auction: it pings, waits and ranks.

package trackdrive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/auctionmark"
	"github.com/trackdrive-go/trackdrive/internal/gate"
	"github.com/trackdrive-go/trackdrive/internal/salehook"
)

// AuctionEnd says why an auction stopped waiting.
type AuctionEnd string

// The ends of an auction.
const (
	EndAllAnswered AuctionEnd = "all_answered" // every source answered or failed
	EndDeadline    AuctionEnd = "deadline"     // the time was up
	EndEnough      AuctionEnd = "enough"       // there were as many acceptable bids as AuctionConfig.Enough asks for
	EndUnbeatable  AuctionEnd = "unbeatable"   // no source that had not answered could win, because of its MaxPayout or because a ping may have sold the lead
	EndGrace       AuctionEnd = "grace"        // AuctionConfig.Grace was over
	EndCanceled    AuctionEnd = "canceled"     // the caller's context was cancelled
)

// LossReason says why a source or a buyer is not among the bids.
type LossReason string

// The reasons.
const (
	LossNoBuyer      LossReason = "no_buyer"      // TrackDrive matched nobody, or refused the lead
	LossCriteria     LossReason = "criteria"      // AuctionSource.Criteria did not accept the reply
	LossNotAccepted  LossReason = "not_accepted"  // AuctionSource.Accept did not accept the buyer
	LossBelowMinimum LossReason = "below_minimum" // the payout is less than AuctionSource.MinPayout, or there is none
	LossNoPingID     LossReason = "no_ping_id"    // the reply has no ping id for a post
	LossNoBid        LossReason = "no_bid"        // a bid in a Bidder's reply was dropped: Loss.Err says why
	LossTimeout      LossReason = "timeout"       // no answer in time
	LossCutOff       LossReason = "cut_off"       // the auction ended early, or was cancelled
	LossPingMaySell  LossReason = "ping_may_sell" // another source's ping may count as the post, and was not refused, before or after this source answered: see AuctionConfig.PingsNeverSell. AuctionResult.Settle can give the bid back
	LossError        LossReason = "error"         // the ping failed
)

// Loss is a source or a buyer that is not among the bids, with the reason. Why the
// market did not want the call, as one of a few words, is [PingResponse.Reason] of
// Ping or, if the ping failed, [Error.Reason] of Err.
type Loss struct {
	Source   string        // the source's name
	Buyer    *Buyer        // the buyer; nil for the whole source, and if LossNoBid leaves none
	Reason   LossReason    // why it lost
	Decision Decision      // of AuctionSource.Criteria, with LossCriteria
	Ping     *PingResponse // the reply; nil without one. With LossNoBuyer, its Errors and Status say why
	Err      error         // the ping's error, for DeliveryOf; with a reply nil, except with LossNoBid
	After    time.Duration // since the auction began
}

// String returns source, buyer and reason in one line; for a ping without an
// answer also whether it was sent. The reasons of criteria may take more lines. A
// credential of the Client that the reply repeats is hidden.
func (l Loss) String() string {
	text := l.Source + ": "
	if l.Buyer != nil {
		text = Bid{Source: l.Source, Buyer: *l.Buyer, Payout: l.Buyer.Payout, Ping: l.Ping}.String() + ": "
	}
	text += string(l.Reason)
	switch {
	case l.Reason == LossTimeout, l.Reason == LossCutOff, l.Reason == LossPingMaySell && l.Err != nil:
		text += " (" + inWords(DeliveryOf(l.Err)) + ")"
	case l.Err != nil:
		text += ": " + withoutPrefix(l.Err.Error())
	case l.Reason == LossCriteria:
		text += ": " + l.Decision.String()
	case l.Reason == LossNoBuyer && l.Ping != nil && len(l.Ping.Errors) > 0:
		text += ": " + shortReasons(l.Ping.Errors)
	case l.Reason == LossNoBuyer && l.Ping != nil && l.Ping.Status != "":
		text += ": " + oneLine(l.Ping.Status)
	}
	return l.Ping.shown(text)
}

// AuctionEventKind says what happened.
type AuctionEventKind string

// The kinds of events.
const (
	EventPing AuctionEventKind = "ping" // a source is pinged
	EventBids AuctionEventKind = "bids" // a source's reply was judged: AuctionEvent.Bids has its acceptable bids, perhaps none. The losses of its buyers come before
	EventLoss AuctionEventKind = "loss" // a source or a buyer lost: AuctionEvent.Loss
	EventEnd  AuctionEventKind = "end"  // no more bids are taken: AuctionEvent.End, and Bids in rank order
	EventPost AuctionEventKind = "post" // a bid is about to be posted: AuctionEvent.Try
	EventSale AuctionEventKind = "sale" // a post was answered or failed: AuctionEvent.Try
)

// AuctionEvent is one step of an auction, as AuctionConfig.Observe sees it.
type AuctionEvent struct {
	Kind   AuctionEventKind // what happened; it decides which of the last four fields are set
	Source string           // the source's name; "" with EventEnd
	After  time.Duration    // since the auction began
	Bids   []Bid            // with EventBids and EventEnd
	Loss   *Loss            // with EventLoss
	End    AuctionEnd       // with EventEnd
	Try    *SaleTry         // with EventPost, without an outcome, and with EventSale
}

// String says what happened in one line or more, without the time: "bids acme:
// Buyer A 25.50".
func (e AuctionEvent) String() string {
	text := string(e.Kind) + " "
	switch {
	case e.Loss != nil:
		return text + e.Loss.String()
	case e.Try != nil:
		return text + e.Try.String()
	case e.Kind == EventEnd:
		return text + string(e.End) + ", bids: " + strconv.Itoa(len(e.Bids))
	case len(e.Bids) == 0:
		return text + e.Source
	}
	list := make([]string, len(e.Bids))
	for i, b := range e.Bids {
		list[i] = b.String()
	}
	return text + strings.Join(list, ", ")
}

// AuctionResult is the result of an [Auction]'s run: the bids that came in time, and
// why the others did not count.
type AuctionResult struct {
	Bids      []Bid         // the acceptable bids, best first: by value, then the source's priority, then TrackDrive's order
	Losses    []Loss        // the others, in the order in which they became known
	End       AuctionEnd    // why the auction stopped waiting
	StartedAt time.Time     // when Run was called
	Took      time.Duration // from StartedAt to the end

	auction *Auction
	sale    *saleProgress
	mark    auctionmark.Mark // tells the run's events from those of others; zero if nobody observes
}

// Best returns the best bid, Bids[0]; false if there is none.
func (r *AuctionResult) Best() (Bid, bool) {
	if len(r.Bids) == 0 {
		return Bid{}, false
	}
	return r.Bids[0], true
}

// Run pings all sources about a lead. It returns when all have answered, when the
// time is up, or as early as the configuration allows. The result has what came
// until then; pings that are still under way are cancelled.
//
// Once Run has returned, you may change the lead and its Fields, but not the maps
// and slices inside Fields until the last ping and post is over: they are not
// copied.
//
// Errors are of kind [ErrInvalidArgument], and nothing was sent: there is no lead,
// or more than one ping may count as a post (see AuctionConfig.PingsNeverSell).
// Whatever goes wrong at a source is a [Loss].
func (a *Auction) Run(ctx context.Context, lead *PingRequest) (*AuctionResult, error) {
	switch {
	case a == nil || len(a.sources) == 0:
		return nil, notSentError("auction", invalidArgument("auction", "was not made by NewAuction"))
	case ctx == nil:
		return nil, notSentError("auction", invalidArgument("context", "is nil"))
	case lead == nil:
		return nil, notSentError("auction", invalidArgument("lead", "is nil"))
	}
	hook, ctx := salehook.Take(ctx)
	r := auctionRun{
		auction: a,
		hook:    hook,
		result:  &AuctionResult{StartedAt: time.Now(), auction: a},
		pinged:  make([]pingedSource, len(a.sources)),
		pending: len(a.sources),
		updates: make(chan pingUpdate, 2*len(a.sources)), // room for all: no source may be left waiting to send
		outer:   ctx,
	}
	if err := r.prepare(lead); err != nil {
		return nil, notSentError("auction", err)
	}
	if a.cfg.Observe != nil {
		r.result.mark = auctionmark.New()
		r.outer = r.result.mark.Into(ctx)
	}
	r.wait()
	r.finish()
	return r.result, nil
}

// auctionRun is one auction under way. Only the goroutine of Run touches it.
type auctionRun struct {
	auction *Auction
	result  *AuctionResult
	pinged  []pingedSource
	pending int
	bids    []*Bid
	kept    []*Bid // lost by LossPingMaySell
	best    *Bid
	updates chan pingUpdate
	hook    salehook.Hook   // is told of a ping that may sell; nil: nobody is
	outer   context.Context // the caller's
	inner   context.Context // with the auction's deadline
	claim   *saleClaim
	grace   *time.Timer
	over    bool // the grace period is over
	late    bool // a ping ended with the context
}

// saleClaim says that a ping may have sold the lead.
type saleClaim struct {
	source *auctionSource
	ping   *PingResponse // nil if the ping got no reply
	err    error         // of DeliveryUnknown
}

// The doubt that an accepted ping leaves.
var (
	errMaySell       = errors.New("trackdrive: the ping carried caller_id and trackdrive_number, and may count as the post")
	errBidderMaySell = errors.New("trackdrive: the ping may count as the post")
)

// pingedSource is a source in a run.
type pingedSource struct {
	request  *PingRequest
	refused  error // why the request could not be made
	maySell  bool  // the ping may count as a post
	reported bool  // EventPing was reported
	answered bool  // the ping was answered, or failed
	start    pingStart
}

// pingStart settles whether a ping is begun or called off: whichever comes first.
type pingStart struct{ state atomic.Int32 }

// The states of a pingStart.
const (
	pingWaits int32 = iota
	pingBegan
	pingCalledOff
)

// begin reports whether the ping may be sent: it was not called off.
func (s *pingStart) begin() bool { return s.state.CompareAndSwap(pingWaits, pingBegan) }

// callOff reports whether the ping will never be sent: it was not begun.
func (s *pingStart) callOff() bool { return s.state.CompareAndSwap(pingWaits, pingCalledOff) }

// pingUpdate is what a source's goroutine reports.
type pingUpdate struct {
	source  int
	started bool // the ping is about to be sent; the other fields are not set
	ping    *PingResponse
	err     error
	panics  any

	leadIsFree bool // a ping that may sell certainly did not
}

// prepare makes all requests, and refuses two pings that may both sell.
func (r *auctionRun) prepare(lead *PingRequest) error {
	kept := *lead // the caller may change the lead while pings and posts are under way
	kept.Fields = maps.Clone(lead.Fields)
	maySell := ""
	for i := range r.pinged {
		s := &r.auction.sources[i]
		request, err := s.ping(&kept)
		if err != nil {
			r.pinged[i].refused = notSentError("ping", err)
			continue
		}
		r.pinged[i].request = request
		if r.auction.cfg.PingsNeverSell || !s.pingMaySell(request) {
			continue
		}
		if maySell != "" {
			return invalidArgument("trackdrive_number", "is given with caller_id on the pings to %q and %q: "+
				"TrackDrive may take both for posts; set PingsNeverSell if it never does", maySell, s.Name)
		}
		maySell, r.pinged[i].maySell = s.Name, true
	}
	return nil
}

// wait pings all sources, and returns when the auction is over.
func (r *auctionRun) wait() {
	ctx, cancel := context.WithTimeout(r.outer, r.auction.cfg.Timeout)
	defer cancel()
	r.inner = ctx
	defer r.stopGrace()
	for i := range r.pinged {
		r.ask(ctx, i)
	}
	end := r.collect(ctx)
	cancel()
	r.end(end)
}

// collect takes what the sources report until the auction is over.
func (r *auctionRun) collect(ctx context.Context) AuctionEnd {
	for r.pending > 0 {
		if end, early := r.early(); early {
			return end
		}
		select {
		case n := <-r.updates:
			r.take(n)
		case <-r.graceOver():
			r.over = true
			r.takeRest()
		case <-ctx.Done():
			r.takeRest()
			return endOf(ctx.Err())
		}
	}
	if r.late {
		return endOf(ctx.Err())
	}
	return EndAllAnswered
}

func endOf(err error) AuctionEnd {
	switch {
	case err == nil:
		return EndAllAnswered
	case errors.Is(err, context.Canceled):
		return EndCanceled
	default:
		return EndDeadline
	}
}

// ask pings a source in a goroutine of its own. It takes the places in the queues
// itself, so that they follow the order of priority.
func (r *auctionRun) ask(ctx context.Context, i int) {
	if err := r.pinged[i].refused; err != nil {
		r.updates <- pingUpdate{source: i, err: err}
		return
	}
	s, state, out, hook := &r.auction.sources[i], &r.pinged[i], r.updates, r.hook
	q := queuedPing{all: r.auction.gate}
	q.company = s.company.Queue()
	if q.company.Inside() {
		q.queueForAll()
	}
	go func() {
		defer q.leave()
		n := pingUpdate{source: i, err: errNoReturn}
		defer func() {
			n.panics = recover()
			out <- n
		}()
		if err := q.wait(ctx); err != nil {
			n.err = err
			return
		}
		if !state.start.begin() {
			n.err = unsentPing(context.Canceled)
			return
		}
		out <- pingUpdate{source: i, started: true}
		if state.maySell && hook != nil {
			n.ping, n.leadIsFree, n.err = s.tellOfPing(ctx, hook, state.request)
			return
		}
		n.ping, n.leadIsFree, n.err = s.send(ctx, state.request, state.maySell)
	}()
}

// send sends a ping. Of one that may sell, it reports whether the lead is certainly
// still free.
func (s *auctionSource) send(ctx context.Context, r *PingRequest, maySell bool) (reply *PingResponse, leadIsFree bool, err error) {
	switch {
	case s.Bidder != nil:
		return s.pingBidder(ctx, r, maySell)
	case maySell:
		return s.Client.pingThatMaySell(ctx, s.Endpoint, r, s.pingOpts)
	default:
		reply, err = s.Client.Ping(ctx, s.Endpoint, r, s.pingOpts...)
		return reply, false, err
	}
}

// tellOfPing tells the hook of a ping that may sell, and sends it.
func (s *auctionSource) tellOfPing(ctx context.Context, hook salehook.Hook, r *PingRequest) (reply *PingResponse, leadIsFree bool, err error) {
	t := s.saleTry()
	t.IsPing = true
	refused := salehook.Send(ctx, hook, t, func(ctx context.Context) salehook.Outcome {
		reply, leadIsFree, err = s.send(ctx, r, true)
		o := salehook.Outcome{Err: err}
		switch {
		case err != nil && DeliveryOf(err) == DeliveryNotSent:
			o.State = salehook.NotSent
		case leadIsFree:
			o.State = salehook.Rejected
		}
		if reply != nil {
			o.Reasons = hookReasons(reply.Errors)
		}
		return o
	})
	if refused != nil {
		err = refusedByHook("ping", refused)
		s.reportRefusal(ctx, "ping", r.source(), err)
		return nil, true, err
	}
	return reply, leadIsFree, err
}

// reportRefusal reports a ping or post to an endpoint that the sale hook refused.
func (s *auctionSource) reportRefusal(ctx context.Context, operation, source string, err error) {
	if s.Bidder == nil {
		s.Client.reportRefusal(ctx, operation, s.Endpoint, source, err)
	}
}

// saleTry describes a request to the source to the hook.
func (s *auctionSource) saleTry() *salehook.Try {
	t := &salehook.Try{Source: s.Name}
	if s.Bidder == nil {
		t.Subdomain, t.Endpoint = s.Client.Subdomain(), s.Endpoint
	}
	return t
}

// errNoReturn is the error of a ping whose transport ended the goroutine.
var errNoReturn = errors.New("trackdrive: the ping did not return")

// queuedPing is a ping's way through the queues: its company's comes first, so that
// no ping waits in the common queue that could not go on.
type queuedPing struct {
	all             *gate.Gate
	company, common *gate.Ticket
	inCommon        bool
}

func (q *queuedPing) queueForAll() { q.common, q.inCommon = q.all.Queue(), true }

func (q *queuedPing) wait(ctx context.Context) error {
	if err := q.company.Wait(ctx); err != nil {
		return unsentPing(err)
	}
	if !q.inCommon {
		q.queueForAll()
	}
	if err := q.common.Wait(ctx); err != nil {
		return unsentPing(err)
	}
	if err := ctx.Err(); err != nil { // Wait returns at random where both are ready
		return unsentPing(err)
	}
	return nil
}

func (q *queuedPing) leave() {
	q.common.Leave()
	q.company.Leave()
}

// unsentPing returns the error of a ping that was not sent because of the context.
func unsentPing(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = ErrTimeout
	}
	return notSentError("ping", err)
}

// take notes what a source reports.
func (r *auctionRun) take(n pingUpdate) {
	if n.panics != nil {
		panic(n.panics)
	}
	s, state := &r.auction.sources[n.source], &r.pinged[n.source]
	if n.started {
		r.emitPing(n.source)
		return
	}
	state.answered = true
	r.pending--
	r.claimFor(s, state, n.leadIsFree, n.err)
	if r.claim != nil && r.claim.source == s {
		r.claim.ping = n.ping
	}
	if n.err == nil {
		n.ping.Request.Fields = maps.Clone(n.ping.Request.Fields) // the caller's; the run keeps its own
		r.rank(s, n.ping)
		return
	}
	reason := LossError
	switch {
	case errors.Is(n.err, ErrTimeout):
		reason = LossTimeout
	case r.outer.Err() != nil && errors.Is(n.err, context.Canceled):
		reason = LossCutOff
	}
	r.late = r.late || reason != LossError && r.inner.Err() != nil
	r.lose(s, Loss{Reason: reason, Err: n.err})
}

// claimFor notes that a ping may have sold the lead: it may count as a post, and
// the lead is not certainly free.
func (r *auctionRun) claimFor(s *auctionSource, state *pingedSource, leadIsFree bool, err error) {
	doubt := errMaySell
	if s.Bidder != nil {
		doubt = errBidderMaySell
	}
	switch {
	case !state.maySell || leadIsFree:
	case err == nil:
		r.claim = &saleClaim{source: s, err: &Error{Operation: "ping", Err: doubt, Delivery: DeliveryUnknown}}
	case DeliveryOf(err) != DeliveryUnknown: // a status such as 501 says less than a plain no
		r.claim = &saleClaim{source: s, err: &Error{Operation: "ping", Err: fmt.Errorf("%w: %w", doubt, err), Delivery: DeliveryUnknown}}
	default:
		r.claim = &saleClaim{source: s, err: err}
	}
}

func (r *auctionRun) emitPing(i int) {
	r.pinged[i].reported = true
	r.emit(AuctionEvent{Kind: EventPing, Source: r.auction.sources[i].Name})
}

// takeRest takes what was reported in time and not yet taken.
func (r *auctionRun) takeRest() {
	for {
		select {
		case n := <-r.updates:
			r.take(n)
		default:
			return
		}
	}
}

// rank takes the bids of a reply.
func (r *auctionRun) rank(s *auctionSource, ping *PingResponse) {
	if !ping.Accepted {
		r.lose(s, Loss{Reason: LossNoBuyer, Ping: ping})
		return
	}
	if s.Criteria != nil && s.Criteria.Evaluate(ping.Meta.Raw) != VerdictAccepted {
		r.lose(s, Loss{Reason: LossCriteria, Ping: ping, Decision: s.Criteria.Explain(ping.Meta.Raw)})
		return
	}
	before := len(r.bids)
	switch {
	case s.ToAll || noneCanBePosted(ping.Buyers):
		r.offerAll(s, ping)
	case s.Bidder != nil:
		r.offerDistinct(s, ping)
	default:
		for i := range ping.Buyers {
			r.offer(s, ping, &ping.Buyers[i])
		}
	}
	own := r.bids[before:]
	for _, b := range own {
		if r.best == nil || compareBids(b, r.best) < 0 {
			r.best = b
		}
	}
	if r.best != nil {
		r.startGrace()
	}
	if r.auction.cfg.Observe != nil {
		r.emit(AuctionEvent{Kind: EventBids, Source: s.Name, Bids: bidValues(rankBids(own))})
	}
}

func noneCanBePosted(buyers []Buyer) bool {
	return !slices.ContainsFunc(buyers, func(b Buyer) bool { return b.PingID != "" })
}

// offerDistinct takes the bids of a Bidder. If two have one ping id, nobody knows
// which of them a post would take, so the second is dropped.
func (r *auctionRun) offerDistinct(s *auctionSource, ping *PingResponse) {
	for _, reason := range ping.Errors {
		r.lose(s, Loss{Reason: LossNoBid, Ping: ping, Err: noBidError(reason)})
	}
	known := make(map[ID]bool, len(ping.Buyers))
	for i := range ping.Buyers {
		b := &ping.Buyers[i]
		if b.PingID != "" && known[b.PingID] {
			reason := FieldError{"ping_id", "is that of another bid in the reply, too"}
			r.lose(s, Loss{Reason: LossNoBid, Buyer: b, Ping: ping, Err: noBidError(reason)})
			continue
		}
		known[b.PingID] = true
		r.offer(s, ping, b)
	}
}

func noBidError(reason FieldError) error {
	return &Error{Operation: "ping", Err: reason, Delivery: DeliveryAnswered}
}

// offer takes one buyer's bid.
func (r *auctionRun) offer(s *auctionSource, ping *PingResponse, b *Buyer) {
	reason := s.objection(b)
	if b.PingID == "" {
		reason = LossNoPingID
	}
	if reason != "" {
		r.lose(s, Loss{Reason: reason, Buyer: b, Ping: ping})
		return
	}
	r.bid(s, ping, Bid{Buyer: *b, Payout: b.Payout, worth: s.worthOfBuyer(b)})
}

// offerAll takes one bid for all buyers. It is acceptable if each listed buyer is,
// and worth what the lowest of them pays.
func (r *auctionRun) offerAll(s *auctionSource, ping *PingResponse) {
	bid := Bid{ToAll: true}
	if len(ping.Buyers) > 0 {
		bid.Payout = slices.MinFunc(ping.Buyers, func(a, b Buyer) int { return a.Payout.Cmp(b.Payout) }).Payout
	}
	if ping.TryAllBuyersPingID == "" {
		r.lose(s, Loss{Reason: LossNoPingID, Ping: ping})
		return
	}
	for i := range ping.Buyers {
		if reason := s.objection(&ping.Buyers[i]); reason != "" {
			r.lose(s, Loss{Reason: reason, Buyer: &ping.Buyers[i], Ping: ping})
			return
		}
	}
	if len(ping.Buyers) == 0 && s.MinPayout.IsSet() {
		r.lose(s, Loss{Reason: LossBelowMinimum, Ping: ping})
		return
	}
	bid.worth = s.worthOfAll(ping.Buyers, bid.Payout)
	r.bid(s, ping, bid)
}

// worthOfAll returns what one bid for all buyers is ranked by: the lowest of them.
func (s *auctionSource) worthOfAll(buyers []Buyer, lowest Amount) bidWorth {
	if s.Score == nil || len(buyers) == 0 {
		return s.worthOf(lowest)
	}
	least := s.worthOfBuyer(&buyers[0])
	for i := range buyers[1:] {
		if worth := s.worthOfBuyer(&buyers[1+i]); worth.cmp(least) < 0 {
			least = worth
		}
	}
	return least
}

// objection returns why a buyer cannot bid; "" if it can.
func (s *auctionSource) objection(b *Buyer) LossReason {
	switch {
	case b.Payout.Cmp(s.MinPayout) < 0:
		return LossBelowMinimum
	case s.Accept != nil && !s.Accept(*b):
		return LossNotAccepted
	default:
		return ""
	}
}

func (r *auctionRun) bid(s *auctionSource, ping *PingResponse, b Bid) {
	b.Source, b.Ping, b.ReceivedAt = s.Name, ping, ping.ReceivedAt
	b.ExpiresAt, _ = ping.ExpiresAt()
	b.source, b.post = s, r.post(s, &b)
	r.bids = append(r.bids, &b)
}

// post returns the post that Bid.Post prepares, made from what nobody else can
// change. Its Fields belong to the run and must not be changed.
func (r *auctionRun) post(s *auctionSource, b *Bid) *PostRequest {
	request := r.pinged[s.priority].request
	post := &PostRequest{
		PingID: b.Buyer.PingID, BuyerID: b.Buyer.ID, ExpiresAt: b.ExpiresAt,
		CallerID: request.CallerID, TrafficSourceID: request.TrafficSourceID, TrackdriveNumber: request.TrackdriveNumber, Fields: request.Fields,
	}
	if b.ToAll {
		post.PingID = b.Ping.TryAllBuyersPingID
	}
	return post
}

// compareBids puts the better bid first.
func compareBids(a, b *Bid) int {
	if order := b.worth.cmp(a.worth); order != 0 {
		return order
	}
	return a.source.priority - b.source.priority
}

// rankBids returns the bids in rank order. Equal bids of a source keep TrackDrive's
// order.
func rankBids(bids []*Bid) []*Bid {
	sorted := slices.Clone(bids)
	slices.SortStableFunc(sorted, compareBids)
	return sorted
}

func bidValues(bids []*Bid) []Bid {
	list := make([]Bid, len(bids))
	for i, b := range bids {
		list[i] = *b
	}
	return list
}

// early reports whether the auction need not wait for the other sources, and why.
func (r *auctionRun) early() (AuctionEnd, bool) {
	switch {
	case r.claim != nil:
		return EndUnbeatable, true
	case r.best == nil, r.awaitsSale():
		return "", false
	case r.over:
		return EndGrace, true
	case r.auction.cfg.Enough > 0 && len(r.bids) >= r.auction.cfg.Enough:
		return EndEnough, true
	case !r.beatable():
		return EndUnbeatable, true
	default:
		return "", false
	}
}

// awaitsSale reports whether a ping that may count as a post is under way. If it
// were cut off, nobody would know whether the lead is sold.
func (r *auctionRun) awaitsSale() bool {
	for i := range r.pinged {
		if r.pinged[i].maySell && !r.pinged[i].answered {
			return true
		}
	}
	return false
}

// beatable reports whether a source that has not answered might win.
func (r *auctionRun) beatable() bool {
	for i := range r.pinged {
		s := &r.auction.sources[i]
		if r.pinged[i].answered {
			continue
		}
		if !s.capIsKnown || compareBids(&Bid{source: s, worth: s.cap}, r.best) < 0 {
			return true
		}
	}
	return false
}

// startGrace starts the grace period with the first acceptable bid.
func (r *auctionRun) startGrace() {
	if grace := r.auction.cfg.Grace; grace > 0 && r.grace == nil {
		r.grace = time.NewTimer(grace)
	}
}

func (r *auctionRun) graceOver() <-chan time.Time {
	if r.grace == nil {
		return nil
	}
	return r.grace.C
}

func (r *auctionRun) stopGrace() {
	if r.grace != nil {
		r.grace.Stop()
	}
}

// end closes the auction: a source that has not answered has lost.
func (r *auctionRun) end(why AuctionEnd) {
	r.result.End, r.result.Took = why, time.Since(r.result.StartedAt)
	reason, cause := LossCutOff, context.Canceled
	switch {
	case why == EndDeadline:
		reason, cause = LossTimeout, ErrTimeout
	case why == EndUnbeatable && r.claim != nil:
		reason = LossPingMaySell
	}
	for i := range r.pinged {
		if r.pinged[i].answered {
			continue
		}
		err := &Error{Operation: "ping", Err: cause, Delivery: DeliveryNotSent}
		if !r.pinged[i].start.callOff() {
			err.Delivery = DeliveryUnknown
			if !r.pinged[i].reported {
				r.emitPing(i)
			}
		}
		r.claimFor(&r.auction.sources[i], &r.pinged[i], err.Delivery == DeliveryNotSent, err)
		r.lose(&r.auction.sources[i], Loss{Reason: reason, Err: err})
	}
}

// finish puts the result together.
func (r *auctionRun) finish() {
	bids := rankBids(r.claimed())
	r.result.Bids = bidValues(bids)
	r.result.sale = &saleProgress{busy: make(chan struct{}, 1), bids: bids, last: make([]*SaleTry, len(bids)), claim: r.claim, kept: r.kept}
	r.emit(AuctionEvent{Kind: EventEnd, End: r.result.End, Bids: bidValues(bids)})
}

// claimed returns the bids that may be posted to: if a ping may have sold the lead,
// only those of its source.
func (r *auctionRun) claimed() []*Bid {
	if r.claim == nil {
		return r.bids
	}
	var own []*Bid
	for _, b := range r.bids {
		if b.source == r.claim.source {
			own = append(own, b)
			continue
		}
		l := Loss{Reason: LossPingMaySell, Ping: b.Ping}
		if !b.ToAll {
			l.Buyer = &b.Buyer
		}
		r.kept = append(r.kept, b)
		r.lose(b.source, l)
	}
	return own
}

func (r *auctionRun) lose(s *auctionSource, l Loss) {
	l.Source, l.After = s.Name, time.Since(r.result.StartedAt)
	r.result.Losses = append(r.result.Losses, l)
	r.emit(AuctionEvent{Kind: EventLoss, Source: s.Name, Loss: &l})
}

func (r *auctionRun) emit(e AuctionEvent) { r.auction.emit(r.outer, r.result.StartedAt, e) }

func (a *Auction) emit(ctx context.Context, since time.Time, e AuctionEvent) {
	if a != nil && a.cfg.Observe != nil {
		e.After = time.Since(since)
		a.cfg.Observe(ctx, e)
	}
}
