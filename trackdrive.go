// Package trackdrive is a client for TrackDrive's call marketplace: ping/post and
// real-time bidding, lead capture, and call updates (postbacks).
//
// A publisher pings an endpoint with what it knows of a caller; buyers bid; the
// publisher posts to one buyer, or to all in order, and gets a number to dial:
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
//		return err // trackdrive.DeliveryOf(err) tells whether it may have been sold
//	}
//	number, _ := post.Number()
//
// No buyer, and a post that is rejected, are answers: read Accepted. Leads and
// updates that are refused are errors. When there is an error, the response is
// nil.
//
// # What is sent again
//
// A post sells a lead. It is sent a second time only when the first provably
// never reached TrackDrive. Each kind of call has a class, [Repeatable]:
//
//	                                        never sent   408 425 429 503   500 502 504, no answer   unreadable 2xx
//	Post, Full, leads, AddRevenue, Fields   again        reported          reported, Unknown        reported, Unknown
//	Ping                                    again        again             reported                 reported
//	UpdateCall with absolute values         again        again             again                    again, once
//
// The statuses 520 to 524 and 530, which gateways send, count as 502 does.
//
// That makes at most 3 attempts, or [WithMaxAttempts]. The wait between them is
// random, at most 2 seconds; Retry-After is honoured where it fits the time
// limit, and a call that cannot end in time returns at once with the last real
// error. A budget for each host keeps an
// outage from being multiplied by retries.
//
// [Error.Delivery] tells of a failed call whether it may have been acted on.
// With [DeliveryNotSent] try again, or elsewhere. With [DeliveryUnknown] never
// post again before it is settled: the lead may be sold.
//
// # Authentication
//
// Give a Client its credentials with [WithAuth]: [BasicAuth] for a company
// access token, [BasicToken] where the dashboard shows it ready-made,
// [DeveloperToken], or the older [AuthToken]; [ParseCredentials] reads them from
// a configuration. They are used for the company that they were given for, and
// for no other. A service that works with many
// companies gives [PerSubdomain], or, knowing what that means, [AnySubdomain].
// An [AuthenticatorFunc] is asked before every attempt, so that secrets may
// rotate. No value of this package prints a credential.
//
// # Errors
//
// Every error of a call is an *[Error], with the kind for [errors.Is], the HTTP
// status, TrackDrive's reasons, the start of the reply, the attempts and the
// delivery:
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
// A wrong argument is [ErrInvalidArgument]; it names the parameter, and nothing
// was sent.
//
// # Time budgets
//
// Every call has a time limit, which covers all attempts, the waits between
// them, and the replies' bodies: [WithTimeout], 10 seconds unless it says
// otherwise, or the context's deadline where that is shorter.
//
// # Custom fields
//
// Offers define their own contact fields. What the request types have no name
// for goes into [Fields], which are sent beside the typed parameters. Replies
// are configured for each endpoint; what the response types have no name for is
// found by path: ping.Field("buyers.0.offer_conversion_duplicate_timeframe").
//
// # Auctions
//
// An [Auction] pings many endpoints, of one company or of several, within one
// deadline, ranks the bids that came in time, and sells to the best one that
// takes the lead, at most once: [AuctionResult.Sell].
//
// # Conversions that must not be lost
//
// Package outbox keeps postbacks until TrackDrive has them, through outages and
// restarts; outbox/boltstore keeps them in a file, outbox/riverstore in
// PostgreSQL.
//
// # Criteria and templates
//
// [Criteria] judge a reply as the acceptance settings of call platforms do,
// and say why. A [Template] fills in the tokens of the platforms' dialects
// ([[tag:CallerId]], [Call:ConversionPayout]), escaped for the place where a
// value lands.
//
// # Testing
//
// Package trackdrivetest has a fake TrackDrive that keeps a ledger. With
// httpmock, hand it [Client.HTTPClient], activate it for the default transport,
// or give a mock to [WithTransport]. Responses, requests and errors have no
// hidden state: make them by hand.
//
// # Compatibility
//
// The package follows semantic versions. It needs one of the two newest
// releases of Go. What TrackDrive sends is read leniently in its shape and
// strictly in its syntax; unknown members are kept in Raw.
package trackdrive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Client talks to one TrackDrive company. It is safe for concurrent use, holds
// no global state, and reads no environment variable of its own (net/http
// heeds the proxy variables). Make one with [NewClient], and keep it: it holds
// the connections.
type Client struct {
	c func() *clientCore // a func, because fmt prints what pointers point to
}

// own returns what the Client is; nil when it was not made by NewClient.
func (c *Client) own() *clientCore {
	if c == nil || c.c == nil {
		return nil
	}
	return c.c()
}

type clientCore struct {
	clientSettings
	http      *http.Client             // below the retries
	own       http.RoundTripper        // where http has none
	transport func() http.RoundTripper // the one of the moment
	budget    *attempt.Budget
}

// NewClient returns a Client for the company at
// https://SUBDOMAIN.trackdrive.com. An empty subdomain addresses
// https://trackdrive.com, which serves ping/post endpoints. It validates
// everything and sends nothing. A subdomain must be one ASCII DNS label
// (letters, digits, hyphens; 1 to 63 characters); upper case is folded.
// Errors are of kind [ErrInvalidArgument].
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
	c := &clientCore{clientSettings: set, own: own, budget: new(attempt.Budget)}
	c.bind(set.httpClient, set.transport)
	if c.http == nil {
		c.setHTTP(&http.Client{Transport: own, CheckRedirect: noRedirect})
	}
	return &Client{hideValue(c)}, nil
}

// ForSubdomain returns a Client for another company that shares this one's
// settings and connections. Options replace what was inherited; observers are
// added. Credentials given by [WithAuth] stay bound to the subdomain they were
// given for, unless they are [PerSubdomain] or [AnySubdomain].
func (c *Client) ForSubdomain(subdomain string, opts ...Option) (*Client, error) {
	parent := c.own()
	if parent == nil {
		return nil, invalidArgument("client", "is not made by NewClient")
	}
	subdomain, err := checkSubdomain("subdomain", subdomain)
	if err != nil {
		return nil, err
	}
	set := parent.clientSettings
	set.subdomain, set.timeout = subdomain, 0
	if set, err = set.with(opts); err != nil {
		return nil, err
	}
	if set.timeout == 0 {
		set.timeout = parent.timeout
	}
	child := &clientCore{clientSettings: set, own: parent.own, budget: parent.budget}
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

// lateBound is the package's own transport, as long as http.DefaultTransport is
// the standard one: a test that puts a mock there means every client.
type lateBound struct{ own *attempt.Transport }

// RoundTrip sends r.
func (l *lateBound) RoundTrip(r *http.Request) (*http.Response, error) {
	if now := http.DefaultTransport; now != attempt.Standard && now != nil {
		return now.RoundTrip(r)
	}
	return l.own.RoundTrip(r)
}

// CloseIdleConnections closes the connections that are kept for later.
func (l *lateBound) CloseIdleConnections() { l.own.CloseIdleConnections() }

// Subdomain returns the company's subdomain, or "".
func (c *Client) Subdomain() string {
	if own := c.own(); own != nil {
		return own.subdomain
	}
	return ""
}

// HTTPClient returns the live *http.Client below the retries and the
// authentication: what a test hands to httpmock.ActivateNonDefault. Its
// Transport is looked up at every attempt. Requests that are sent with it
// directly carry no credentials.
func (c *Client) HTTPClient() *http.Client {
	if own := c.own(); own != nil {
		return own.http
	}
	return nil
}

// Request is a call to any path below /api/v1.
type Request struct {
	Method string     // GET, POST, PUT or DELETE
	Path   []string   // segments below /api/v1, each on its own and escaped: []string{"calls", id}
	Params Fields     // JSON body, or the query of a GET
	Repeat Repeatable // the zero value is the safest; what may sell is never repeated, whatever it says: see Do
}

// Do sends a request that the package has no method for, with the same
// authentication, retries, limits and errors, and decodes a JSON reply into
// out unless out is nil. Numbers in an interface become json.Number. Without
// out any 2xx reply will do, also an empty one; a refusal inside a 2xx reply is
// the caller's to find.
//
// Errors are *[Error]: [ErrInvalidArgument] for a wrong request, with nothing
// sent, else what TrackDrive or the network said. A request is repeated only as
// far as its Repeat or [WithRepeat] allows; one that may sell a lead is
// [RepeatNever], whatever they say: to inbound_webhooks/post or full, or to
// inbound_webhooks/ping with both caller_id and trackdrive_number.
func (c *Client) Do(ctx context.Context, r *Request, out any, opts ...CallOption) (*Meta, error) {
	op := apiOperation{name: "do", need: authBound}
	call, err := c.newCall(op, opts)
	if err != nil {
		return nil, err
	}
	if err := call.setRequest(r); err != nil {
		return nil, notSentError(op.name, err)
	}
	if out != nil {
		decode, err := decoderInto(out)
		if err != nil {
			return nil, notSentError(op.name, err)
		}
		call.read = decode
	}
	meta, err := call.send(ctx)
	if err != nil {
		return nil, err
	}
	return &meta, nil
}

// setRequest takes over what r says.
func (c *apiCall) setRequest(r *Request) error {
	if r == nil {
		return invalidArgument("request", "is nil")
	}
	if _, err := r.Repeat.MarshalText(); err != nil {
		return err
	}
	path, rawPath, template, err := joinSegments(r.Path)
	if err != nil {
		return err
	}
	c.path, c.repeat, c.ownRepeat = template, r.Repeat, true
	c.target = &c.url
	c.url = c.set.base.at(c.subdomain, apiPath+path, apiPath+rawPath)
	c.setParams(r)
	c.secret = pathSecrets(r.Path)
	switch r.Method {
	case http.MethodGet:
		c.params.encoding = EncodeQuery
	case http.MethodPost, http.MethodPut, http.MethodDelete:
		if c.set.encoding == EncodeQuery {
			if c.set.callEncoded {
				return invalidArgument("encoding", "query goes with GET only")
			}
			c.params.encoding = EncodeJSON
		}
		c.params.bodiless = r.Method == http.MethodDelete
	default:
		return invalidArgument("method", "must be GET, POST, PUT or DELETE")
	}
	c.method = r.Method
	return c.neverSellTwice()
}

// joinSegments makes a path of segments: as it is, as it is sent, and as it may
// be shown.
func joinSegments(segments []string) (path, rawPath, template string, err error) {
	if len(segments) == 0 {
		return "", "", "", invalidArgument("path", "is empty; give the segments below %s", apiPath)
	}
	if first := segments[0]; strings.EqualFold(first, "api") || strings.EqualFold(first, "v1") {
		return "", "", "", invalidArgument("path[0]", "is %q; leave out %s, which is added", ascii.Lower(first), apiPath)
	}
	var plain, raw, shown strings.Builder
	for i, segment := range segments {
		field := fmt.Sprintf("path[%d]", i)
		if err := checkSegment(field, segment); err != nil {
			return "", "", "", err
		}
		if strings.Contains(segment, "/") {
			return "", "", "", invalidArgument(field, `has a slash; give each segment on its own: "calls", "live_calls"`)
		}
		plain.WriteString("/" + segment)
		raw.WriteString("/" + urlpart.EscapeSegment(segment))
		if i == 0 && urlpart.IsVanityURI(segment) {
			shown.WriteString("/" + segment)
		} else {
			shown.WriteString("/{}")
		}
	}
	return plain.String(), raw.String(), shown.String(), nil
}

// checkSegment refuses what would leave its place in a path.
func checkSegment(field, segment string) error {
	if leftoverToken(segment) {
		return leftoverError(field)
	}
	if mistake := urlpart.SegmentMistake(segment); mistake != "" {
		return invalidArgument(field, "%s", mistake)
	}
	return nil
}

func (r *Request) parameters(list []typedParam) []typedParam { return list }
func (r *Request) fields() Fields                            { return r.Params }

// decoderInto returns what decodes replies into out.
func decoderInto(out any) (func(status int, body []byte) error, error) {
	if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
		return nil, invalidArgument("out", "must be a pointer that is not nil")
	}
	return func(_ int, body []byte) error {
		if err := jsonscan.Valid(body); err != nil {
			return err
		}
		decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, byteOrderMark)))
		decoder.UseNumber()
		return decoder.Decode(out)
	}, nil
}

var byteOrderMark = []byte("\ufeff")
