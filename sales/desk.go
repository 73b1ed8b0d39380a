// The Desk: offers leads, each at most once.

package sales

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive"
)

// Config is what a [Desk] needs.
type Config struct {
	Store Store // where sales are kept: sales/boltsales, sales/pgsales, or one of your own

	// Lease is how long a lead may be under way without a sign of life: a post, or a
	// ping that may count as one. Make it longer than an auction's Timeout with what
	// complete does, and longer than a post, which ends with it. Default 2 min.
	Lease time.Duration

	Keep time.Duration // how long Purge keeps leads that are sold, unsold or open. Default 90 days; negative: for ever

	// SameCaller is for how long after its last change a lead, whatever its state,
	// keeps another id with the same caller from being offered: ErrConflict. 0: no
	// check. Purge forgets leads after Keep, so more than that has no effect.
	SameCaller time.Duration

	// RefusedFor is for how long a source's buyer that refused the lead is not posted
	// to again; 0: it is. It is for bids with a buyer id. If no other bid is left, the
	// error of Auction says so, and the lead is Unsold.
	RefusedFor time.Duration

	// Clients returns the Client that Settle asks about a company's calls; nil for
	// nobody.
	Clients func(subdomain string) *trackdrive.Client

	// CallerKey is a secret. With it, the store gets an HMAC-SHA-256 of each caller's
	// digits instead of the number. Give at least 32 random bytes, the same to all
	// desks of a store, and never change them: with another key, or with none, every
	// known lead is ErrConflict.
	CallerKey []byte

	// Caller returns the number of a lead's caller to Settle, which cannot read it from
	// the store if there is a CallerKey.
	Caller func(leadID string) (string, error)

	// OnEvent is called for every event, in the goroutine of the call that it comes
	// from, which waits. Several goroutines may call it at the same time.
	OnEvent func(Event)
}

// The defaults of a Config.
const (
	defaultLease = 2 * time.Minute
	defaultKeep  = 90 * 24 * time.Hour
)

// Desk offers leads, and sells each at most once, whatever dies: see the package's
// comment. Several desks may share a store, in one process or in many, if the store
// allows it; give them the same Config. A Desk is safe for concurrent use.
type Desk struct{ config Config }

// New makes a Desk. It starts nothing, and reads nothing from the store. Errors are of
// kind [trackdrive.ErrInvalidArgument] and name the field.
func New(config Config) (*Desk, error) {
	switch {
	case config.Store == nil:
		return nil, invalidArgument("store", "is nil")
	case config.Lease < 0:
		return nil, invalidArgument("lease", "is negative; leave it 0 for %s", defaultLease)
	case config.SameCaller < 0:
		return nil, invalidArgument("same caller", "is negative; leave it 0 for no check")
	case config.RefusedFor < 0:
		return nil, invalidArgument("refused for", "is negative; leave it 0 to ask everybody again")
	case config.CallerKey != nil && len(config.CallerKey) == 0:
		return nil, invalidArgument("caller key", "is empty; give at least 32 random bytes, or leave it nil to keep the numbers themselves")
	}
	config.Lease = cmp.Or(config.Lease, defaultLease)
	config.Keep = cmp.Or(config.Keep, defaultKeep)
	config.CallerKey = slices.Clone(config.CallerKey)
	return &Desk{config}, nil
}

// Auction offers a lead to an auction's sources: it pings them, and posts to the bids
// in rank order, as [trackdrive.Auction.Run] and [trackdrive.AuctionResult.Sell] do.
// The functions in complete are Sell's.
//
// The Sale is what the store knows of the lead. If the lead is sold, now or earlier,
// under this id, the error is nil; if it was sold earlier, nothing is sent. The error
// is nil, too, if nobody took the lead: the Sale is then Unsold, and you may offer it
// again under the same id. If that is because pings failed, the Event has their errors.
//
// An error is [ErrUnknown] if the lead may be sold; [ErrBusy] while somebody else has
// it; [ErrConflict] if the id is known with another caller, or the caller with another
// id: then the Sale is the known one, which is not yours to dial; [ErrNotRecorded] if
// the lead is sold, and the store failed. With any other error the lead is not sold,
// and the Sale is nil if the store did not take the lead. Errors of the auction are
// those of Run and Sell.
//
// Auction sends nothing before the store has taken the lead, and posts nothing before
// the store has taken a note of the post.
func (d *Desk) Auction(ctx context.Context, leadID string, a *trackdrive.Auction, lead *trackdrive.PingRequest, complete ...func(trackdrive.Bid, *trackdrive.PostRequest) error) (*Sale, error) {
	switch {
	case a == nil:
		return nil, invalidArgument("auction", "is nil")
	case lead == nil:
		return nil, invalidArgument("lead", "is nil")
	}
	return d.offer(ctx, leadID, lead.CallerID, false, func(ctx context.Context, o *leadOffer) error {
		result, err := a.Run(ctx, lead)
		if err != nil {
			return err
		}
		o.unasked = failedPings(result)
		_, err = result.Sell(ctx, complete...)
		if err == nil && len(result.Bids) == 0 && ctx.Err() != nil {
			err = fmt.Errorf("sales: the auction was cut off: %w", ctx.Err())
		}
		return err
	})
}

// failedPings returns the errors of the pings that failed, if there is no bid: nobody
// may have been asked.
func failedPings(r *trackdrive.AuctionResult) error {
	if len(r.Bids) > 0 {
		return nil
	}
	var errs []error
	for _, l := range r.Losses {
		if l.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.Source, l.Err))
		}
	}
	return errors.Join(errs...)
}

// Post sells a lead with one post, as [trackdrive.Client.Post] does. It is
// [trackdrive.RepeatNever], whatever the options say. The Sale and the errors are those
// of [Desk.Auction].
//
// To be settled after a doubt, the request needs the caller_id, and better also the
// buyer_id.
func (d *Desk) Post(ctx context.Context, leadID string, c *trackdrive.Client, endpoint string, r *trackdrive.PostRequest, opts ...trackdrive.CallOption) (*Sale, error) {
	switch {
	case c == nil:
		return nil, invalidArgument("client", "is nil")
	case r == nil:
		return nil, invalidArgument("request", "is nil")
	}
	opts = append(slices.Clone(opts), trackdrive.WithRepeat(trackdrive.RepeatNever))
	return d.offer(ctx, leadID, r.CallerID, true, func(ctx context.Context, _ *leadOffer) error {
		_, err := c.Post(ctx, endpoint, r, opts...)
		return err
	})
}

// Get returns what the store knows of a lead, or [ErrNoSale].
func (d *Desk) Get(ctx context.Context, leadID string) (*Sale, error) {
	if err := checkLead(ctx, leadID); err != nil {
		return nil, err
	}
	r, err := d.config.Store.Get(ctx, leadID)
	if err != nil {
		return nil, d.storeError(ctx, err)
	}
	return &r.Sale, nil
}

// Unsettled lists the unknown leads, or those of the state q.State, in the order in
// which they were first offered. Each unknown one may be sold, and needs [Desk.Settle]
// or [Desk.Resolve].
func (d *Desk) Unsettled(ctx context.Context, q Query) ([]Sale, error) {
	q.State = cmp.Or(q.State, Unknown)
	switch {
	case ctx == nil:
		return nil, invalidArgument("context", "is nil")
	case !q.State.IsKnown():
		return nil, invalidArgument("state", "%q is not a state; give one of the five, such as %q", q.State, Unknown)
	case q.Limit < 0:
		return nil, invalidArgument("limit", "is negative; leave it 0 for 100")
	}
	list, err := d.config.Store.List(ctx, q)
	if err != nil {
		return nil, d.storeError(ctx, err)
	}
	found := make([]Sale, len(list))
	for i := range list {
		found[i] = list[i].Sale
	}
	return found, nil
}

// Counts returns how many leads are in each state, for metrics.
func (d *Desk) Counts(ctx context.Context) (Counts, error) {
	if ctx == nil {
		return Counts{}, invalidArgument("context", "is nil")
	}
	counts, err := d.config.Store.Counts(ctx)
	if err != nil {
		return Counts{}, d.storeError(ctx, err)
	}
	return counts, nil
}

// Purge forgets the leads that are sold, unsold or open and have not changed for
// Config.Keep, with their phone numbers, and returns how many. A forgotten lead is new if it is
// offered again. Unknown leads are kept until they are settled. Call it now and then,
// such as once a day; if Keep is negative, it does nothing.
func (d *Desk) Purge(ctx context.Context) (int, error) {
	switch {
	case ctx == nil:
		return 0, invalidArgument("context", "is nil")
	case d.config.Keep < 0:
		return 0, nil
	}
	n, err := d.config.Store.Purge(ctx, d.config.Keep)
	if err != nil {
		return n, d.storeError(ctx, err)
	}
	return n, nil
}

// maxLeadID is the maximum length of a lead's id, in bytes.
const maxLeadID = 255

// checkLead refuses ids that no store could tell apart.
func checkLead(ctx context.Context, leadID string) error {
	switch {
	case ctx == nil:
		return invalidArgument("context", "is nil")
	case strings.TrimSpace(leadID) == "":
		return invalidArgument("lead id", "is empty; give your own id of the lead")
	case len(leadID) > maxLeadID:
		return invalidArgument("lead id", "is longer than %d bytes", maxLeadID)
	case !utf8.ValidString(leadID):
		return invalidArgument("lead id", "is not valid UTF-8")
	case strings.ContainsFunc(leadID, unicode.IsControl):
		return invalidArgument("lead id", "has control characters")
	}
	return nil
}

// invalidArgument returns the error for a wrong argument. It names the field and never
// shows the caller's data.
func invalidArgument(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", trackdrive.ErrInvalidArgument, field, fmt.Sprintf(format, args...))
}

// storeError reports a store that failed, and returns its error. A lead that is not
// there, or an ended context, is not a failure.
func (d *Desk) storeError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrNoSale):
		return err
	case hasEnded(ctx, err):
		return fmt.Errorf("sales: %w", err)
	}
	d.emit(Event{Kind: EventStore, Err: err})
	return fmt.Errorf("sales: the store failed: %w", err)
}

// hasEnded reports whether an error only says that the caller's context has ended. A
// time limit of the store's own is a failure of the store.
func hasEnded(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

func (d *Desk) emit(events ...Event) {
	if d.config.OnEvent == nil {
		return
	}
	for _, e := range events {
		d.config.OnEvent(e)
	}
}
