// Observing: auctions, pings and calls become lines.

package bidlog

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/auctionmark"
	"github.com/trackdrive-go/trackdrive/internal/echoes"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// The kinds of lines.
const (
	kindReply = "reply" // a reply to a ping, and what the run thought of it
	kindLoss  = "loss"  // a ping without a reply, or a bid that was taken back
	kindEnd   = "end"   // the end of an auction's run, with the best bid
	kindPost  = "post"  // a bid is about to be posted
	kindSale  = "sale"  // a post was answered or failed
	kindCall  = "call"  // a call is over
)

// The answers in a reply's line.
const (
	answerBuyers = "accepted" // somebody wants the call
	answerNo     = "no_buyer"
)

// lineBuffer is a line under construction.
type lineBuffer struct{ b []byte }

// line begins a line.
func (l *Log) line(kind string) *lineBuffer {
	line := l.lines.Get().(*lineBuffer)
	line.b = append(line.b[:0], `{"v":`+lineVersion+`,"kind":"`...)
	line.b = append(line.b, kind...)
	line.b = append(line.b, `","at":"`...)
	line.b = time.Now().UTC().AppendFormat(line.b, "2006-01-02T15:04:05.000Z")
	line.b = append(line.b, '"')
	return line
}

// maxKeptLine is the size up to which a buffer is kept for the next line.
const maxKeptLine = 64 << 10

// finish queues the line.
func (l *Log) finish(line *lineBuffer) {
	line.b = append(line.b, '}', '\n')
	if len(line.b) > l.cfg.MaxLine+1 {
		l.count(func(s *Stats) { s.Dropped++ })
	} else {
		l.enqueue(line.b)
	}
	if cap(line.b) <= maxKeptLine {
		l.lines.Put(line)
	}
}

func (l *Log) count(add func(*Stats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.stats)
}

func (b *lineBuffer) key(name string) {
	if last := b.b[len(b.b)-1]; last != '{' {
		b.b = append(b.b, ',')
	}
	b.b = append(b.b, '"')
	b.b = append(b.b, name...)
	b.b = append(b.b, '"', ':')
}

// text appends a member, unless it is empty.
func (b *lineBuffer) text(name, value string) {
	if value != "" {
		b.key(name)
		b.b = jsonscan.AppendQuoted(b.b, value)
	}
}

// number appends a member, unless it is 0.
func (b *lineBuffer) number(name string, value int64) {
	if value != 0 {
		b.key(name)
		b.b = strconv.AppendInt(b.b, value, 10)
	}
}

// truth appends a member, unless it is false.
func (b *lineBuffer) truth(name string, value bool) {
	if value {
		b.key(name)
		b.b = append(b.b, "true"...)
	}
}

// openReply is what is known about a reply before the event that ends its judgment.
type openReply struct {
	source string
	ping   *trackdrive.PingResponse
	whole  trackdrive.LossReason // of a bid for all buyers
	lost   []lostBuyer
}

type lostBuyer struct {
	buyer  *trackdrive.Buyer
	reason trackdrive.LossReason
}

// maxOpenReplies bounds the replies of runs that a panic ended.
const maxOpenReplies = 4096

// ObserveAuction writes the events of auctions. Pass it to AuctionConfig.Observe. A
// function that wraps it must pass on the context that it receives, which tells the runs
// of an auction apart. Without it, each reply counts as an auction of its own, and a
// reply whose bids all lost is not logged.
//
// It writes one line for each reply, one for each ping without a reply, one for the end
// of a run, and two for each post. EventPing has no line of its own.
func (l *Log) ObserveAuction(ctx context.Context, e trackdrive.AuctionEvent) {
	if l == nil {
		return
	}
	mark := auctionmark.In(ctx)
	switch {
	case e.Kind == trackdrive.EventLoss && e.Loss != nil:
		l.loss(mark, &e)
	case e.Kind == trackdrive.EventBids:
		l.bids(mark, &e)
	case e.Kind == trackdrive.EventEnd:
		l.end(mark, &e)
	case e.Try != nil:
		l.try(mark, &e)
	}
}

// loss writes a loss that concerns a whole source, and notes any other until the
// source's reply is judged.
func (l *Log) loss(mark auctionmark.Mark, e *trackdrive.AuctionEvent) {
	switch loss := e.Loss; {
	case loss.Ping == nil || loss.Reason == trackdrive.LossPingMaySell:
		l.lossLine(mark, e)
	case loss.Reason == trackdrive.LossNoBuyer, loss.Reason == trackdrive.LossCriteria:
		r := loggedReply{source: e.Source, ping: loss.Ping, after: e.After, verdict: loss.Decision.Verdict}
		l.reply(mark, &r)
	default:
		l.noteLoss(mark, loss)
	}
}

func (l *Log) noteLoss(mark auctionmark.Mark, loss *trackdrive.Loss) {
	if mark == 0 {
		return // it cannot be assigned to a reply
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	open := l.open[mark]
	if open == nil || open.ping != loss.Ping {
		if len(l.open) >= maxOpenReplies {
			clear(l.open)
		}
		open = &openReply{source: loss.Source, ping: loss.Ping}
		l.open[mark] = open
	}
	switch {
	case loss.Buyer == nil && loss.Reason == trackdrive.LossNoBid: // it left no buyer
		return
	case loss.Buyer == nil:
		open.whole = loss.Reason
		return
	}
	open.lost = append(open.lost, lostBuyer{loss.Buyer, loss.Reason})
}

// takeOpen returns what is known of a source's reply, and forgets it.
func (l *Log) takeOpen(mark auctionmark.Mark, source string) *openReply {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := l.open[mark]
	delete(l.open, mark)
	if open == nil || open.source != source {
		return new(openReply)
	}
	return open
}

func (l *Log) bids(mark auctionmark.Mark, e *trackdrive.AuctionEvent) {
	open := l.takeOpen(mark, e.Source)
	r := loggedReply{source: e.Source, ping: open.ping, after: e.After, verdict: trackdrive.VerdictAccepted, whole: open.whole, lost: open.lost, bids: len(e.Bids)}
	if len(e.Bids) > 0 {
		r.ping, r.toAll = e.Bids[0].Ping, e.Bids[0].ToAll
	}
	if mark == 0 && !r.toAll {
		r.lost = othersThan(e.Bids, r.ping)
	}
	if r.ping != nil {
		r.toAll = r.toAll || open.whole != "" || len(e.Bids) == 0 && len(open.lost) < len(r.ping.Buyers)
		l.reply(mark, &r)
	}
}

// lossUnknown is the reason of a buyer whose loss cannot be told from those of other runs.
const lossUnknown trackdrive.LossReason = "unknown"

// othersThan returns the buyers in a reply that are not among the bids.
func othersThan(bids []trackdrive.Bid, ping *trackdrive.PingResponse) (lost []lostBuyer) {
	if ping == nil {
		return nil
	}
	for i := range ping.Buyers {
		b := &ping.Buyers[i]
		if !slices.ContainsFunc(bids, func(bid trackdrive.Bid) bool { return bid.Buyer.PingID == b.PingID }) {
			lost = append(lost, lostBuyer{b, lossUnknown})
		}
	}
	return lost
}

func (l *Log) lossLine(mark auctionmark.Mark, e *trackdrive.AuctionEvent) {
	line := l.line(kindLoss)
	line.text("auction", l.auctionID(mark))
	line.text("source", l.hide.label(e.Source))
	line.number("after_ms", e.After.Milliseconds())
	line.text("loss", string(e.Loss.Reason))
	line.outcome(e.Loss.Err)
	if b := e.Loss.Buyer; b != nil {
		l.appendBuyer(line, b, secretsOf(e.Loss.Ping))
	}
	line.truth("withdrawn", e.Loss.Ping != nil)
	l.finish(line)
}

// outcome appends what is known about an error, without its text.
func (b *lineBuffer) outcome(err error) {
	if err == nil {
		return
	}
	b.text("delivery", trackdrive.DeliveryOf(err).String())
	var e *trackdrive.Error
	if errors.As(err, &e) && e != nil {
		b.number("status_code", int64(e.StatusCode))
		b.text("reason", string(e.Reason()))
	}
}

func (l *Log) end(mark auctionmark.Mark, e *trackdrive.AuctionEvent) {
	l.takeOpen(mark, "")
	line := l.line(kindEnd)
	line.text("auction", l.auctionID(mark))
	line.number("after_ms", e.After.Milliseconds())
	line.text("end", string(e.End))
	line.number("bids", int64(len(e.Bids)))
	if len(e.Bids) > 0 {
		l.appendBid(line, &e.Bids[0])
	}
	l.finish(line)
}

func (l *Log) try(mark auctionmark.Mark, e *trackdrive.AuctionEvent) {
	kind := kindPost
	if e.Kind == trackdrive.EventSale {
		kind = kindSale
	}
	line := l.line(kind)
	line.text("auction", l.auctionID(mark))
	l.appendBid(line, &e.Try.Bid)
	line.number("after_ms", e.After.Milliseconds())
	line.text("outcome", string(e.Try.Outcome))
	line.number("took_ms", e.Try.Took.Milliseconds())
	if r := e.Try.Response; r != nil {
		line.text("status", l.hide.status(r.Status, &pingSecrets{sent: echoes.Secrets(r)}))
		line.text("reason", string(r.Reason()))
	}
	line.outcome(e.Try.Err)
	l.finish(line)
}

// appendBid appends the bid that a line is about.
func (l *Log) appendBid(line *lineBuffer, b *trackdrive.Bid) {
	line.text("source", l.hide.label(b.Source))
	line.truth("to_all", b.ToAll)
	if !b.ToAll {
		l.appendBuyer(line, &b.Buyer, secretsOf(b.Ping))
	}
	line.text("payout", l.hide.amount(b.Payout.String()))
}

func (l *Log) appendBuyer(line *lineBuffer, b *trackdrive.Buyer, hidden *pingSecrets) {
	line.text("buyer", l.hide.id(string(b.ID), hidden))
}

// secretsOf returns what the reply to a ping may repeat of its request.
func secretsOf(p *trackdrive.PingResponse) *pingSecrets {
	s := &pingSecrets{sent: echoes.Secrets(p)}
	if p != nil && p.Request != nil {
		s.numbers[0], s.numbers[1] = phoneDigits(p.Request.CallerID), phoneDigits(p.Request.TrackdriveNumber)
	}
	return s
}

// Ping writes the reply to a ping outside auctions. Source names the endpoint in replays.
// Verdict is the program's own: VerdictAccepted if it took a bid. Ping does nothing if
// reply is nil.
func (l *Log) Ping(source string, reply *trackdrive.PingResponse, verdict trackdrive.Verdict) {
	if l == nil || reply == nil {
		return
	}
	r := loggedReply{source: source, ping: reply, after: reply.Meta.Elapsed, verdict: verdict}
	if verdict == trackdrive.VerdictAccepted {
		for i := range reply.Buyers {
			if reply.Buyers[i].PingID != "" {
				r.bids++
			}
		}
	}
	r.toAll = verdict == trackdrive.VerdictAccepted && r.bids == 0
	l.reply(0, &r)
}

// loggedReply is a reply, and what the run thought of it.
type loggedReply struct {
	source  string
	ping    *trackdrive.PingResponse
	after   time.Duration
	verdict trackdrive.Verdict // of the criteria; means nothing if nobody wants the call
	toAll   bool               // one bid is for all buyers
	whole   trackdrive.LossReason
	lost    []lostBuyer
	bids    int
}

// reply writes a reply's line. The reply itself comes last.
func (l *Log) reply(mark auctionmark.Mark, r *loggedReply) {
	line := l.line(kindReply)
	hidden := secretsOf(r.ping)
	line.text("auction", l.auctionID(mark))
	line.text("source", l.hide.label(r.source))
	if r.ping.Request != nil {
		line.text("traffic_source", l.hide.id(r.ping.Request.TrafficSourceID, hidden))
	}
	line.number("after_ms", r.after.Milliseconds())
	if !r.ping.Accepted {
		line.text("answer", answerNo)
		line.text("reason", string(r.ping.Reason()))
	} else {
		line.text("answer", answerBuyers)
		line.text("verdict", r.verdict.String())
	}
	line.text("status", l.hide.status(r.ping.Status, hidden))
	line.number("bids", int64(r.bids))
	line.truth("to_all", r.toAll)
	line.text("lost", string(r.whole))
	line.truth("try_all", r.ping.TryAllBuyersPingID != "")
	l.appendBuyers(line, r, hidden)
	l.appendReply(line, r.ping.Meta.Raw, hidden)
	l.finish(line)
}

// appendBuyers appends the buyers, as the SDK read them.
func (l *Log) appendBuyers(line *lineBuffer, r *loggedReply, hidden *pingSecrets) {
	if len(r.ping.Buyers) == 0 {
		return
	}
	line.key("buyers")
	line.b = append(line.b, '[')
	for i := range r.ping.Buyers {
		b := &r.ping.Buyers[i]
		if i > 0 {
			line.b = append(line.b, ',')
		}
		line.b = append(line.b, '{')
		line.text("id", l.hide.id(string(b.ID), hidden))
		line.text("payout", l.hide.amount(b.Payout.String()))
		line.truth("post", b.PingID != "")
		at := slices.IndexFunc(r.lost, func(lost lostBuyer) bool { return lost.buyer == b })
		if at >= 0 {
			line.text("lost", string(r.lost[at].reason))
		}
		line.b = append(line.b, '}')
	}
	line.b = append(line.b, ']')
}

// appendReply appends the reply as it was received, redacted, or why it is left out.
func (l *Log) appendReply(line *lineBuffer, reply []byte, hidden *pingSecrets) {
	before := len(line.b)
	line.key("reply")
	leftOut := leftOutTooLong
	if len(reply) <= 2*l.cfg.MaxLine { // blanks may make up the rest
		line.b, leftOut = l.hide.appendReply(line.b, reply, hidden)
	}
	if leftOut == "" && len(line.b)+len("}\n") > l.cfg.MaxLine {
		leftOut = leftOutTooLong
	}
	if leftOut != "" {
		line.b = line.b[:before]
		line.text("left_out", leftOut)
		l.count(func(s *Stats) { s.LeftOut++ })
	}
}

// ObserveCall writes a line for each finished call. Pass it to
// trackdrive.WithCallObserver. The lines of an auction's calls have its id, so that a
// sale is not counted twice.
func (l *Log) ObserveCall(ctx context.Context, r trackdrive.CallReport) {
	if l == nil {
		return
	}
	line := l.line(kindCall)
	line.text("auction", l.auctionID(auctionmark.In(ctx)))
	line.text("operation", l.hide.label(r.Operation))
	line.text("subdomain", l.hide.label(r.Subdomain))
	line.text("endpoint", l.hide.label(r.Endpoint))
	line.text("traffic_source", l.hide.id(r.TrafficSourceID, new(pingSecrets)))
	line.number("attempts", int64(r.Attempts))
	line.number("took_ms", r.Duration.Milliseconds())
	line.text("outcome", l.hide.status(string(r.Outcome), new(pingSecrets)))
	line.text("payout", l.hide.amount(r.Payout.String()))
	line.text("reason", l.hide.status(string(r.Reason), new(pingSecrets)))
	if r.Err != nil {
		line.text("delivery", trackdrive.DeliveryOf(r.Err).String())
	}
	l.finish(line)
}
