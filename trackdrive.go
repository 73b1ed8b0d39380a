// Package trackdrive is a client for TrackDrive's call marketplace: ping/post and
// real-time bidding, lead capture, and call updates (postbacks).
//
// A publisher pings an endpoint with what it knows about a caller; buyers bid;
// the publisher posts to one buyer, or to all in order, and gets a number to dial:
//
//	client, err := trackdrive.NewClient("acme")
//	if err != nil {
//		return err
//	}
//	ping, err := client.Ping(ctx, "check_for_available_buyers", &trackdrive.PingRequest{CallerID: "+15555550100"})
//	if err != nil {
//		return err
//	}
//	best, ok := ping.Best()
//	if !ping.Accepted || !ok {
//		return nil // nobody wants the call
//	}
//	post, err := client.Post(ctx, "check_for_available_buyers", ping.PostTo(best))
//	if err != nil {
//		return err // trackdrive.DeliveryOf(err) says whether the lead may be sold
//	}
//	number, _ := post.Number()
//
// A ping that finds no buyer and a post that is rejected are answers, not
// errors: read Accepted. A refused lead or update is an error. If there is an
// error, the response is nil.
//
// # What is sent again
//
// A post sells a lead. It is sent a second time only if the first attempt
// provably never reached TrackDrive. Each kind of call has a class, [Repeatable],
// which decides what follows a failed attempt:
//
//	                                   never sent   408 425 429 503   500 502 504, no answer   unreadable 2xx
//	Post, Full, CaptureLead            retry        error             error, outcome unknown   error, outcome unknown
//	UpdateCall with Add..., Fields     retry        error             error, outcome unknown   error, outcome unknown
//	Ping                               retry        retry             error                    error
//	UpdateCall with absolute values    retry        retry             retry                    one retry
//
// The statuses 520 to 524 and 530, which gateways send, count as 502. A ping with
// both caller_id and trackdrive_number is treated like a post. [WithRepeat] lists
// the classes of the other calls.
//
// A call makes at most 3 attempts, or as many as [WithMaxAttempts] says. The wait
// between them is random, at most 2 seconds. Retry-After is honoured if it fits
// the time limit; a call that cannot end in time returns at once with the last
// real error. A budget for each host keeps retries from multiplying an outage.
//
// [Error.Delivery] says whether TrackDrive may have acted on a failed call. With
// [DeliveryNotSent], try again, here or elsewhere. With [DeliveryUnknown], the
// lead may be sold: do not post it again until that is settled.
//
// # Authentication
//
// [WithAuth] gives a Client its credentials. [BasicAuth] takes the two keys of a
// company access token, [BasicToken] the same token ready-made, as the dashboard
// shows it, [DeveloperToken] a developer access token, and [AuthToken] the older
// parameter; [ParseCredentials] reads the first three from a configuration. They
// are sent to the company that they were given for, and to no other. A service
// that works with many companies uses [PerSubdomain] or, knowing what that
// means, [AnySubdomain]. An [AuthenticatorFunc] is called before every attempt,
// so that secrets can rotate. No value of this package prints a credential.
//
// # Errors
//
// Every error of a call is an *[Error]. It holds the kind, for [errors.Is], the
// HTTP status, TrackDrive's reasons, the start of the reply, the number of
// attempts and the delivery:
//
//	switch {
//	case errors.Is(err, trackdrive.ErrRateLimited):
//	case errors.Is(err, trackdrive.ErrForbidden):
//	}
//	var e *trackdrive.Error
//	if errors.As(err, &e) {
//		log.Println(e.StatusCode, e.Errors, e.Delivery)
//	}
//
// A wrong argument is [ErrInvalidArgument]: the message names the parameter, and
// nothing was sent.
//
// # Time budgets
//
// Every call has a time limit. It covers all attempts, the waits between them
// and the bodies of the replies: 10 seconds, or what [WithTimeout] says, or the
// context's deadline if that is sooner.
//
// # Custom fields
//
// Offers define their own contact fields. Put parameters that the request types
// have no name for into [Fields]; they are sent beside the typed ones. Each
// endpoint configures its own replies. Look up what the response types have no
// name for by its path: ping.Field("buyers.0.offer_conversion_duplicate_timeframe").
//
// # Auctions
//
// An [Auction] pings many endpoints, of one company or of several, within one
// deadline, and ranks the bids that arrive in time. [AuctionResult.Sell] sells
// the lead to the best bid that takes it, at most once.
//
// # Conversions that must not be lost
//
// Package outbox keeps postbacks until TrackDrive has them, through outages and
// restarts; outbox/boltstore stores them in a file, outbox/riverstore in
// PostgreSQL.
//
// # Criteria and templates
//
// [Criteria] judge a reply as the acceptance settings of call platforms do,
// and say why. A [Template] replaces the tokens of the platforms' dialects
// ([[tag:CallerId]], [Call:ConversionPayout]) with values, and escapes each value
// for its place.
//
// # Testing
//
// Package trackdrivetest has a fake TrackDrive that keeps a ledger. Mocks work,
// too: activate httpmock for [Client.HTTPClient] or for the default transport, or
// give a mock to [WithTransport]. Responses, requests and errors have no hidden
// state: make them by hand.
//
// # Compatibility
//
// The package follows semantic versioning. It needs one of the two newest
// releases of Go. It reads what TrackDrive sends leniently in shape and strictly
// in syntax, and keeps unknown members in Raw.
package trackdrive

import (
	"net/http"
	"sync/atomic"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
)

// Client talks to one TrackDrive company. It is safe for concurrent use, holds
// no global state, and reads no environment variable of its own (net/http
// reads the proxy variables). Make one with [NewClient] and reuse it: it holds
// the connections.
type Client struct {
	c func() *clientCore // a func, because fmt prints what pointers point to
}

// own returns the Client's state, or nil if NewClient did not make it.
func (c *Client) own() *clientCore {
	if c == nil || c.c == nil {
		return nil
	}
	return c.c()
}

type clientCore struct {
	clientSettings
	host      string                   // the company's, at TrackDrive or at the domain of WithBaseDomain
	http      *http.Client             // below the retries
	own       http.RoundTripper        // used if http has no Transport
	transport func() http.RoundTripper // the current transport
	budget    *attempt.Budget
	known     atomic.Pointer[knownSecrets]
	names     *namesMemory
	promises  *promiseMemory
}

// NewClient returns a Client for the company at
// https://SUBDOMAIN.trackdrive.com. An empty subdomain addresses
// https://trackdrive.com, which serves ping/post endpoints. Any other must be one
// ASCII DNS label (letters, digits, hyphens; 1 to 63 characters); it is folded to
// lower case.
//
// NewClient checks its arguments and sends nothing. Errors are of kind
// [ErrInvalidArgument].
func NewClient(subdomain string, opts ...Option) (*Client, error) {
	if subdomain != "" {
		var err error
		if subdomain, err = checkSubdomain("subdomain", subdomain); err != nil {
			return nil, err
		}
	}
	set, err := clientSettings{subdomain: subdomain}.with(opts)
	if err != nil {
		return nil, err
	}
	own := &lateBound{attempt.NewTransport(nil)}
	c := &clientCore{clientSettings: set, host: set.base.companyHost(subdomain), own: own, budget: new(attempt.Budget), names: new(namesMemory), promises: newPromiseMemory()}
	c.bind(set.httpClient, set.transport)
	if c.http == nil {
		c.setHTTP(&http.Client{Transport: own, CheckRedirect: noRedirect})
	}
	return &Client{hideValue(c)}, nil
}

// ForSubdomain returns a Client for another company that shares this one's
// settings and connections. Options replace inherited settings; observers are
// added to the inherited ones. Credentials given by [WithAuth] stay bound to the
// subdomain they were given for, unless they are [PerSubdomain] or
// [AnySubdomain]. Errors are of kind [ErrInvalidArgument].
func (c *Client) ForSubdomain(subdomain string, opts ...Option) (*Client, error) {
	parent := c.own()
	if parent == nil {
		return nil, invalidArgument("client", "was not made by NewClient")
	}
	subdomain, err := checkSubdomain("subdomain", subdomain)
	if err != nil {
		return nil, err
	}
	set := parent.clientSettings
	set.subdomain, set.timeout, set.isChild = subdomain, 0, true
	if set, err = set.with(opts); err != nil {
		return nil, err
	}
	if set.timeout == 0 {
		set.timeout = parent.timeout
	}
	child := &clientCore{clientSettings: set, host: set.base.companyHost(subdomain), own: parent.own, budget: parent.budget, names: parent.names, promises: parent.promises}
	child.bind(set.httpClient, set.transport)
	if child.http == nil {
		child.setHTTP(parent.http)
	}
	return &Client{hideValue(child)}, nil
}

// bind uses the HTTP client or the transport that an option gave.
func (c *clientCore) bind(hc *http.Client, rt http.RoundTripper) {
	switch {
	case hc != nil:
		c.setHTTP(hc)
	case rt != nil:
		c.setHTTP(&http.Client{Transport: rt, CheckRedirect: noRedirect})
	}
}

func (c *clientCore) setHTTP(hc *http.Client) {
	c.http = hc
	c.transport = func() http.RoundTripper {
		if hc.Transport != nil {
			return hc.Transport
		}
		return c.own
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// lateBound uses the package's own transport as long as http.DefaultTransport is
// the standard one: a test that puts a mock there means it for every client.
type lateBound struct{ own *attempt.Transport }

// RoundTrip sends r.
func (l *lateBound) RoundTrip(r *http.Request) (*http.Response, error) {
	if now := http.DefaultTransport; now != attempt.Standard && now != nil {
		return now.RoundTrip(r)
	}
	return l.own.RoundTrip(r)
}

// CloseIdleConnections closes the idle connections of the package's own transport.
func (l *lateBound) CloseIdleConnections() { l.own.CloseIdleConnections() }

// Subdomain returns the company's subdomain, or "".
func (c *Client) Subdomain() string {
	if own := c.own(); own != nil {
		return own.subdomain
	}
	return ""
}

// HTTPClient returns the live *http.Client below the retries and the
// authentication. A test hands it to httpmock.ActivateNonDefault. Its Transport
// is looked up at every attempt. Requests sent directly with it carry no
// credentials.
func (c *Client) HTTPClient() *http.Client {
	if own := c.own(); own != nil {
		return own.http
	}
	return nil
}
