// Selling to the bids of an auction: one after the other, and at most once.

package trackdrive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// TryOutcome is what a post to one bid led to.
type TryOutcome string

// The outcomes.
const (
	TrySold     TryOutcome = "sold"
	TryRejected TryOutcome = "rejected" // answered, and not sold: SaleTry.Response, or SaleTry.Err such as a 422
	TryNotSent  TryOutcome = "not_sent" // provably never reached TrackDrive; also an expired ping id
	TryUnknown  TryOutcome = "unknown"  // may have sold the lead
)

// SaleTry is one post of a sale.
type SaleTry struct {
	Bid      Bid           // whom it went to
	At       time.Time     // when it began
	Took     time.Duration // until it was answered or failed
	Outcome  TryOutcome    // "" in an EventPost
	Response *PostResponse // nil with an error
	Err      error         // nil with a response
}

// String tells bid, outcome and why in a line: "acme: Buyer A 25.50: rejected: no
// longer available".
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

// Sale is the story of a sale.
type Sale struct {
	Sold     bool          // certainly; when it is false, the error of Sell tells whether it may be
	Bid      Bid           // the bid that the lead is sold to
	Response *PostResponse // its answer; nil unless sold
	Tries    []SaleTry     // all posts, in order, those of earlier calls of Sell, too
}

// Number returns the number to dial: [PostResponse.Number], or in static
// tracking mode, where the answer has none, the number of the ping.
func (s *Sale) Number() (number string, ok bool) {
	if !s.Sold || s.Response == nil {
		return "", false
	}
	if number, ok = s.Response.Number(); ok {
		return number, true
	}
	r := s.Response
	if r.ForwardingNumber != "" || r.TrackdriveNumber != "" || r.ForwardingNumberStatus != "" && !isAccepting(r.ForwardingNumberStatus) {
		return "", false
	}
	if p := s.Bid.Ping; p != nil && p.Request != nil {
		number = p.Request.TrackdriveNumber
	}
	return number, number != ""
}

// String tells the story in a line for each post, for logs:
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
	busy  chan struct{} // holds one while a call of Sell works; a channel, for tests in synctest's time
	bids  []*Bid
	claim *saleClaim // of a ping; nil for none
	doubt error      // of a post
	last  []*SaleTry // of each bid; nil: not tried
	done  Sale
}

// Sell posts to the best bid, and to the next one only where the lead is
// certainly unsold: the post was not sent, or it was answered and rejected. It
// never goes on after a post of [DeliveryUnknown], and never posts with an
// expired ping id. Each post carries what the ping did, its caller_id above
// all; complete may add the contact fields that a ping leaves out, but may
// change neither the ids, nor a caller_id, traffic_source_id or
// trackdrive_number that the ping had.
//
// The Sale is never nil, and tells the story also beside an error. Sold or
// rejected by all, the error is nil. It is of DeliveryUnknown when the lead may
// be sold: a post's outcome is not known, or a ping may have counted as the post
// (see AuctionConfig.PingsNeverSell) and no post sold; settle that before the
// lead is offered to anybody. Any other error joins those of all posts that
// failed, and the lead is unsold.
//
// A lead is sold at most once, however often Sell is called: a call after a
// sale returns it again, one after an unknown outcome its error, and one after
// posts that were not sent tries those bids again. Calls at the same time wait
// for one another; one whose context ends meanwhile is of DeliveryUnknown, and
// one from within complete or an observer waits for itself. Changes to Bids do
// not matter.
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
		return &Sale{}, notSentError("post", invalidArgument("bids", "are not of an auction's run"))
	case s == nil:
		return &Sale{}, nil
	}
	if err := s.begin(ctx); err != nil {
		return &Sale{}, err
	}
	defer s.finish()
	for i := range s.bids {
		if s.done.Sold || s.doubt != nil || ctx.Err() != nil {
			break
		}
		if t := s.last[i]; t == nil || t.Outcome == TryNotSent && !errors.Is(t.Err, ErrExpired) {
			r.try(ctx, i, complete)
		}
	}
	story := s.done
	story.Tries = slices.Clone(story.Tries)
	return &story, s.err(ctx)
}

// begin waits until no other call of Sell is at work.
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
		return &Error{Operation: "post", Err: fmt.Errorf("another call of Sell is at work: %w", ctx.Err()), Delivery: DeliveryUnknown}
	}
}

func (s *saleProgress) finish() { <-s.busy }

// try posts to one bid.
func (r *AuctionResult) try(ctx context.Context, i int, complete []func(Bid, *PostRequest) error) {
	s := r.sale
	t := SaleTry{Bid: *s.bids[i], At: time.Now()}
	before := t
	r.auction.tell(ctx, r.StartedAt, AuctionEvent{Kind: EventPost, Source: t.Bid.Source, Try: &before})
	s.sell(ctx, i, &t, complete)
	told := t
	r.auction.tell(ctx, r.StartedAt, AuctionEvent{Kind: EventSale, Source: t.Bid.Source, Try: &told})
}

// sell posts to the bid, and notes what came of it: also where complete or an
// observer panics, or ends the goroutine.
func (s *saleProgress) sell(ctx context.Context, i int, t *SaleTry, complete []func(Bid, *PostRequest) error) {
	defer s.note(i, t)
	t.Err = notSentError("post", errNoPost)
	post, err := t.Bid.complete(complete)
	if err != nil {
		t.Err = notSentError("post", err)
		return
	}
	t.Err = errNoPost // of DeliveryUnknown
	b := &t.Bid
	t.Response, t.Err = b.source.Client.Post(ctx, b.source.Endpoint, post, b.source.postOpts...)
}

// errNoPost is left where a panic ended the post.
var errNoPost = errors.New("trackdrive: the post did not return")

// note keeps what a try led to.
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

func outcomeOf(reply *PostResponse, err error) TryOutcome {
	switch {
	case err == nil && reply.Accepted:
		return TrySold
	case err == nil:
		return TryRejected
	case DeliveryOf(err) == DeliveryNotSent:
		return TryNotSent
	case DeliveryOf(err) == DeliveryAnswered:
		return TryRejected
	default:
		return TryUnknown
	}
}

// complete returns the post that the ping led to, with what the caller adds.
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

// differs refuses a post that is not the one that the ping led to.
func (r *PostRequest) differs(meant *PostRequest) error {
	const changed = "is not what the ping led to"
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

// err is what Sell returns beside the story.
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
		case t.Err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", t.Bid.Source, t.Err))
		}
	}
	if untried {
		errs = append(errs, notSentError("post", ctx.Err()))
	}
	return errors.Join(errs...)
}
