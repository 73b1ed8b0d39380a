// Bidder: whoever bids in an auction, at TrackDrive or elsewhere.

package trackdrive

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Bidder answers pings with bids, and takes the lead. [Client.Endpoint] is
// TrackDrive's, [WebhookBidder] that of any other market; tests and programs may have
// their own. It must be safe for concurrent use.
//
// Ping returns the bids in Buyers, each with a PingID, and in ExpiresIn how long they
// hold. Errors may say why bids in an accepted reply were dropped. An [Auction] keeps
// a copy of the reply, fills in Request if it is nil, and takes a zero ReceivedAt for
// the time at which Ping returned.
//
// Post commits the lead to the buyer b, which is zero for a post to all buyers. The
// [PostResponse] has the number to dial. [AuctionResult.Sell] calls Post only before
// r.ExpiresAt, and offers the lead to another bid only if Post returns a reply that
// is not accepted, or an *[Error] of [DeliveryNotSent] or [DeliveryAnswered]. After
// any other error, a nil reply included, the lead may be sold, and Sell ends.
//
// The context has the time limits of the AuctionSource. The options are those that
// the methods of a [Client] take; a Bidder that calls none ignores them.
//
// A Bidder may have a method PingMaySell(*PingRequest) bool, which says whether that
// ping may count as the post: see AuctionConfig.PingsNeverSell. Without it, a ping
// with caller_id and trackdrive_number may.
type Bidder interface {
	// Ping asks for bids. A ping that nobody bids on is an answer, not an error.
	Ping(ctx context.Context, r *PingRequest, opts ...CallOption) (*PingResponse, error)

	// Post commits the lead to the buyer b. It returns an error of DeliveryUnknown if
	// the lead may be sold.
	Post(ctx context.Context, b Buyer, r *PostRequest, opts ...CallOption) (*PostResponse, error)
}

// Endpoint returns an endpoint of the company, named by its vanity URI, as a Bidder.
// Its methods are [Client.Ping] and [Client.Post]; what Post sends is in the request,
// whatever the buyer. A wrong vanity URI is reported by each call, and by
// [NewAuction].
func (c *Client) Endpoint(vanityURI string) Bidder { return endpointBidder{c, vanityURI} }

type endpointBidder struct {
	client    *Client
	vanityURI string
}

// Ping is Client.Ping.
func (e endpointBidder) Ping(ctx context.Context, r *PingRequest, opts ...CallOption) (*PingResponse, error) {
	return e.client.Ping(ctx, e.vanityURI, r, opts...)
}

// Post is Client.Post.
func (e endpointBidder) Post(ctx context.Context, _ Buyer, r *PostRequest, opts ...CallOption) (*PostResponse, error) {
	return e.client.Post(ctx, e.vanityURI, r, opts...)
}

// pingMaySell reports whether the ping may count as the post.
func (s *auctionSource) pingMaySell(r *PingRequest) bool {
	if says, ok := s.Bidder.(interface{ PingMaySell(*PingRequest) bool }); ok {
		return says.PingMaySell(r.copied())
	}
	return r.CallerID != "" && r.TrackdriveNumber != ""
}

// copied returns a copy whose Fields may be changed.
func (r *PingRequest) copied() *PingRequest {
	own := *r
	own.Fields = maps.Clone(r.Fields)
	return &own
}

var (
	errNoBidderReply = errors.New("trackdrive: the bidder returned neither a reply nor an error")
	errNilError      = errors.New("trackdrive: the bidder returned a nil *Error as an error")
	errReplyAndError = errors.New("trackdrive: the bidder returned an accepted reply beside the error")
)

// pingBidder pings a Bidder that is not an endpoint. The reply is the run's own.
func (s *auctionSource) pingBidder(ctx context.Context, r *PingRequest, maySell bool) (reply *PingResponse, leadIsFree bool, err error) {
	if ctx.Err() != nil {
		return nil, true, unsentPing(ctx.Err())
	}
	opts := slices.Clone(s.pingOpts)
	if maySell {
		opts = append(opts, WithRepeat(RepeatNever))
	}
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	given, err := s.Bidder.Ping(ctx, r.copied(), opts...)
	received := time.Now()
	switch {
	case err != nil:
		err = bidderError("ping", err, given != nil && given.Accepted)
		return nil, DeliveryOf(err) == DeliveryNotSent || isPlainRefusal(err), err
	case given == nil:
		return nil, false, bidderError("ping", errNoBidderReply, false)
	}
	reply = given.copied()
	if reply.Request == nil {
		reply.Request = r.copied()
	}
	if reply.ReceivedAt.IsZero() {
		reply.ReceivedAt = received
	}
	return reply, isPlainNo(reply.Meta.Raw, false), nil
}

// copied returns a copy that shares nothing that is written to.
func (p *PingResponse) copied() *PingResponse {
	own := *p
	own.Buyers, own.Errors = slices.Clone(p.Buyers), slices.Clone(p.Errors)
	if p.Request != nil {
		request := *p.Request
		own.Request = &request
	}
	return &own
}

// isPlainRefusal reports whether a Bidder's error has a reply that says no and
// nothing else, in its status and in its body.
func isPlainRefusal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Delivery == DeliveryAnswered &&
		400 <= e.StatusCode && e.StatusCode <= 499 && len(e.Body) > 0 && isPlainNo(e.Body, true)
}

// postBidder posts to a Bidder that is not an endpoint.
func (s *auctionSource) postBidder(ctx context.Context, b *Buyer, r *PostRequest) (*PostResponse, error) {
	switch {
	case ctx.Err() != nil:
		return nil, notSentError("post", ctx.Err())
	case r.isExpired():
		return nil, notSentError("post", ErrExpired)
	}
	if s.PostTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.PostTimeout)
		defer cancel()
	}
	given, err := s.Bidder.Post(ctx, *b, r, slices.Clone(s.postOpts)...)
	switch {
	case err != nil:
		return nil, bidderError("post", err, given != nil && given.Accepted)
	case given == nil:
		return nil, bidderError("post", errNoBidderReply, false)
	}
	reply := *given
	return &reply, nil
}

// isExpired reports whether the ping id has expired.
func (r *PostRequest) isExpired() bool {
	return !r.ExpiresAt.IsZero() && !time.Now().Before(r.ExpiresAt)
}

// bidderError returns a Bidder's error if it says what became of the call; else one
// of unknown outcome. An error such as ErrInvalidArgument may as well be about the
// reply, so that by itself it does not say that nothing was sent.
func bidderError(operation string, err error, isAccepted bool) error {
	var e *Error
	switch {
	case isAccepted:
		err = errors.Join(errReplyAndError, err)
	case !errors.As(err, &e):
	case e == nil:
		err = errNilError
	default:
		return err
	}
	return &Error{Operation: operation, Err: err, Delivery: DeliveryUnknown}
}
