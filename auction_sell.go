// Selling to an auction's bids: one after another, and at most once.

package trackdrive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/salehook"
)

// SaleTry is one post of a sale.
type SaleTry struct {
	Bid      Bid           // the bid that was posted to
	At       time.Time     // when the post began
	Took     time.Duration // how long it took to be answered or to fail
	Outcome  TryOutcome    // "" in an EventPost
	Response *PostResponse // the answer; nil with an error
	Err      error         // the post's error; nil with a response
}

// String returns the bid, the outcome and the reason in one line: "acme: Buyer A
// 25.50: rejected: no longer available".
func (t SaleTry) String() string {
	text := t.Bid.String()
	switch t.Outcome {
	case "":
	case TryNotSent:
		text += ": " + inWords(DeliveryNotSent)
	case TryUnknown:
		text += ": " + inWords(DeliveryUnknown)
	default:
		text += ": " + string(t.Outcome)
	}
	switch r := t.Response; {
	case t.Err != nil:
		return text + ": " + withoutPrefix(t.Err.Error())
	case t.Outcome != TryRejected || r == nil:
		return text
	case len(r.Errors) > 0:
		return text + ": " + shortReasons(r.Errors)
	case r.Status != "":
		return text + ": " + oneLine(r.Status)
	default:
		return text
	}
}

// Sale tells the story of a sale: the posts, and what came of them.
type Sale struct {
	Sold     bool          // the lead is certainly sold, or AuctionResult.Settle says so; if false, the error of Sell says whether it may be
	Bid      Bid           // the bid that the lead is sold to; zero unless sold
	Response *PostResponse // the answer to the post that sold; nil unless sold, and if AuctionResult.Settle says that it is sold
	Tries    []SaleTry     // all posts, in order, those of earlier calls of Sell included
}

// Number returns the number to dial: [PostResponse.Number] or, in static tracking
// mode, where the answer has none, the number of the ping. It is not ok if the lead
// is not sold, or if there is no number. If [AuctionResult.Settle] said that the lead
// is sold, the answer with the number is lost: only the number of a ping that sold
// is known.
func (s *Sale) Number() (number string, ok bool) {
	if !s.Sold {
		return "", false
	}
	static := ""
	if p := s.Bid.Ping; p != nil && p.Request != nil {
		static = p.Request.TrackdriveNumber
	}
	switch n := len(s.Tries); {
	case s.Response != nil:
		return s.Response.numberOr(static)
	case n > 0 && s.Tries[n-1].Outcome == TryUnknown:
		return "", false // the lost answer to this post had the number
	default:
		return static, static != ""
	}
}

// String returns the story for logs, with a line for each post:
//
//	not sold
//	acme: Buyer A 25.50: rejected: no longer available
//	globex: Buyer B 20.00: not sent: network error
func (s *Sale) String() string {
	lines := []string{"not sold"}
	if s.Sold {
		lines[0] = "sold to " + s.Bid.String()
	}
	for _, t := range s.Tries {
		lines = append(lines, t.String())
	}
	return strings.Join(lines, "\n")
}

// saleProgress is what became of a result's bids so far.
type saleProgress struct {
	busy  chan struct{} // holds one element while a call of Sell is in progress; a channel, for tests in synctest's time
	bids  []*Bid
	kept  []*Bid     // lost by LossPingMaySell; Settle gives them back
	claim *saleClaim // a ping's; nil without one, and once it is settled
	doubt error      // the error of a post of unknown outcome; nil without one, and once it is settled
	last  []*SaleTry // the last try of each bid; nil: not tried
	done  Sale
}

// Sell posts to the best bid. It goes on to the next bid only if the lead is
// certainly unsold: the post was not sent, or it was answered and rejected. It
// never goes on after a post of [DeliveryUnknown], and never posts with an expired
// ping id.
//
// Each post carries what the ping carried, above all its caller_id. The functions
// in complete may add the contact fields that a ping leaves out:
//
//	sale, err := result.Sell(ctx, func(_ trackdrive.Bid, post *trackdrive.PostRequest) error {
//		post.Fields["last_name"] = lead.LastName
//		return nil
//	})
//
// They must not change the ids, nor a caller_id, traffic_source_id or
// trackdrive_number that the ping had.
//
// The Sale is never nil, even if there is an error. The error is nil if the lead is
// sold, or if all bids rejected it. The error is of DeliveryUnknown if the lead may
// be sold: the outcome of a post is unknown, or a ping may have counted as the post
// (see AuctionConfig.PingsNeverSell) and no post sold. Find out before you offer the
// lead to anybody: [Client.FindSale] looks for the call, and [AuctionResult.Settle]
// tells the result, so that Sell can go on. Any other error joins the errors of all
// failed posts, and the lead is unsold.
//
// A lead is sold at most once, however often Sell is called. A call after a sale
// returns the same sale, a call after an unknown outcome returns the same error
// until it is settled, and a call after posts that were not sent tries those bids
// again. Concurrent calls wait for one another; if the context of one ends
// meanwhile, its error is of DeliveryUnknown. A call from within complete or an
// observer waits for itself. Sell ignores changes to Bids.
func (r *AuctionResult) Sell(ctx context.Context, complete ...func(Bid, *PostRequest) error) (*Sale, error) {
	switch {
	case ctx == nil:
		return &Sale{}, notSentError("post", invalidArgument("context", "is nil"))
	case r == nil:
		return &Sale{}, notSentError("post", invalidArgument("result", "is nil"))
	}
	s := r.sale
	switch {
	case s == nil && len(r.Bids) > 0: // made by hand, or read from storage
		return &Sale{}, notSentError("post", invalidArgument("bids", "do not come from Auction.Run"))
	case s == nil:
		return &Sale{}, nil
	}
	if err := s.begin(ctx); err != nil {
		return &Sale{}, err
	}
	defer s.finish()
	hook, ctx := salehook.Take(r.mark.Into(ctx))
	for i := range s.bids {
		if s.done.Sold || s.doubt != nil || ctx.Err() != nil {
			break
		}
		if t := s.last[i]; t == nil || t.Outcome == TryNotSent && !errors.Is(t.Err, ErrExpired) {
			if refused := r.try(ctx, hook, i, complete); refused {
				break
			}
		}
	}
	story := s.done
	story.Tries = slices.Clone(story.Tries)
	return &story, s.err(ctx)
}

// begin waits until no other call of Sell is in progress.
func (s *saleProgress) begin(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &Error{Operation: "post", Err: fmt.Errorf("another call of Sell is in progress: %w", ctx.Err()), Delivery: DeliveryUnknown}
	}
}

func (s *saleProgress) finish() { <-s.busy }

// try posts to one bid, and reports whether the hook refused that. A hook that
// refuses one post would refuse the others.
func (r *AuctionResult) try(ctx context.Context, hook salehook.Hook, i int, complete []func(Bid, *PostRequest) error) (refused bool) {
	s := r.sale
	t := SaleTry{Bid: *s.bids[i], At: time.Now()}
	before := t
	r.auction.emit(ctx, r.StartedAt, AuctionEvent{Kind: EventPost, Source: t.Bid.Source, Try: &before})
	s.sell(ctx, hook, i, &t, complete)
	after := t
	r.auction.emit(ctx, r.StartedAt, AuctionEvent{Kind: EventSale, Source: t.Bid.Source, Try: &after})
	return errors.As(t.Err, new(*hookRefusal))
}

// sell posts to the bid and notes the outcome, even if complete or an observer
// panics, or ends the goroutine.
func (s *saleProgress) sell(ctx context.Context, hook salehook.Hook, i int, t *SaleTry, complete []func(Bid, *PostRequest) error) {
	defer s.note(i, t)
	t.Err = notSentError("post", errNoPost)
	post, err := t.Bid.complete(complete)
	if err != nil {
		t.Err = notSentError("post", err)
		return
	}
	t.Err = errNoPost // of DeliveryUnknown
	if hook != nil {
		isCalled := false
		t.Response, t.Err = tellOfPost(ctx, hook, t.Bid.saleTry(), post, func(ctx context.Context) (*PostResponse, error) {
			isCalled = true
			return t.Bid.commit(ctx, post)
		})
		if !isCalled {
			t.Bid.source.reportRefusal(ctx, "post", post.source(), t.Err)
		}
		return
	}
	t.Response, t.Err = t.Bid.commit(ctx, post)
}

// commit posts to the bid.
func (b *Bid) commit(ctx context.Context, post *PostRequest) (*PostResponse, error) {
	if b.source.Bidder != nil {
		return b.source.postBidder(ctx, &b.Buyer, post)
	}
	return b.source.Client.Post(ctx, b.source.Endpoint, post, b.source.postOpts...)
}

// saleTry describes the post to a bid to the hook.
func (b *Bid) saleTry() *salehook.Try {
	t := b.source.saleTry()
	t.BuyerID, t.PingID, t.Payout = b.Ping.shownID(b.Buyer.ID), b.Ping.shownID(b.post.PingID), b.Payout.String()
	t.BuyerName = b.Ping.shown(b.Buyer.Name)
	return t
}

// errNoPost is the error of a post that a panic ended.
var errNoPost = errors.New("trackdrive: the post did not return")

// note records the outcome of a try.
func (s *saleProgress) note(i int, t *SaleTry) {
	t.Took = time.Since(t.At)
	t.Outcome = outcomeOf(t.Response, t.Err)
	noted := *t
	s.last[i] = &noted
	s.done.Tries = append(s.done.Tries, noted)
	switch t.Outcome {
	case TrySold:
		s.done.Sold, s.done.Bid, s.done.Response = true, t.Bid, t.Response
	case TryUnknown:
		s.doubt = t.Err
	}
}

// complete returns the post that the bid's ping leads to, with what the caller adds.
func (b *Bid) complete(complete []func(Bid, *PostRequest) error) (*PostRequest, error) {
	post := *b.post
	post.Fields = Fields{}
	maps.Copy(post.Fields, b.post.Fields)
	for _, add := range complete {
		if add == nil {
			continue
		}
		if err := add(*b, &post); err != nil {
			return nil, err
		}
	}
	return &post, post.differs(b.post)
}

// differs refuses a post in which the caller changed what the ping decides.
func (r *PostRequest) differs(meant *PostRequest) error {
	const changed = "was changed by complete; leave it as the ping decided it"
	switch {
	case r.PingID != meant.PingID:
		return invalidArgument("ping_id", changed)
	case r.BuyerID != meant.BuyerID:
		return invalidArgument("buyer_id", changed)
	case r.PostOnly:
		return invalidArgument("post_only", changed)
	case !r.ExpiresAt.Equal(meant.ExpiresAt):
		return invalidArgument("expires_at", changed)
	case meant.CallerID != "" && r.CallerID != meant.CallerID:
		return invalidArgument("caller_id", changed)
	case meant.TrafficSourceID != "" && r.TrafficSourceID != meant.TrafficSourceID:
		return invalidArgument("traffic_source_id", changed)
	case meant.TrackdriveNumber != "" && r.TrackdriveNumber != meant.TrackdriveNumber:
		return invalidArgument("trackdrive_number", changed)
	default:
		return nil
	}
}

// err returns the error of Sell.
func (s *saleProgress) err(ctx context.Context) error {
	switch {
	case s.done.Sold:
		return nil
	case s.doubt != nil:
		return fmt.Errorf("%s: the lead may be sold: %w", s.done.Tries[len(s.done.Tries)-1].Bid.Source, s.doubt)
	case s.claim != nil:
		return fmt.Errorf("%s: the lead may be sold: %w", s.claim.source.Name, s.claim.err)
	}
	var errs []error
	untried := false
	for _, t := range s.last {
		switch {
		case t == nil:
			untried = true
		case t.Outcome == TryUnknown: // it is settled: unsold
		case t.Err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", t.Bid.Source, t.Err))
		}
	}
	if untried && ctx.Err() != nil { // if not, the hook ended the sale, which is among the errors
		errs = append(errs, notSentError("post", ctx.Err()))
	}
	return errors.Join(errs...)
}
