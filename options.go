// Options for a Client and for single calls, and the constants that they take.

package trackdrive

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Encoding says how parameters are sent.
type Encoding int

// The encodings.
const (
	EncodeJSON      Encoding = iota // POST, application/json
	EncodeForm                      // POST, application/x-www-form-urlencoded
	EncodeQuery                     // GET, query string, no Content-Type; RepeatNever calls take a fresh connection
	EncodePostQuery                 // POST, query string; lead_token and other credentials go to a form body, never into the URL
)

var encodingNames = enumNames[Encoding]{"encoding", []string{"json", "form", "query", "post_query"}}

// String returns "json", "form", "query" or "post_query".
func (e Encoding) String() string { return encodingNames.name(e) }

// MarshalText writes the name that String returns.
func (e Encoding) MarshalText() ([]byte, error) { return encodingNames.marshal(e) }

// UnmarshalText reads the name that MarshalText writes.
func (e *Encoding) UnmarshalText(text []byte) error { return encodingNames.unmarshal(text, e) }

// Repeatable says when a request may be sent again.
type Repeatable int

// The classes, the most careful first.
const (
	RepeatNever   Repeatable = iota // a copy may sell, pay or create twice: sent again only if the first provably never left
	RepeatRefused                   // also sent again if the server refused it before working on it: 408, 425, 429, 503
	RepeatSafe                      // also sent again after 500, 502, 504, 520 to 524, 530 and after no readable answer: a copy changes nothing more
)

var repeatableNames = enumNames[Repeatable]{"repeat", []string{"never", "refused", "safe"}}

// String returns "never", "refused" or "safe".
func (r Repeatable) String() string { return repeatableNames.name(r) }

// MarshalText writes the name that String returns.
func (r Repeatable) MarshalText() ([]byte, error) { return repeatableNames.marshal(r) }

// UnmarshalText reads the name that MarshalText writes.
func (r *Repeatable) UnmarshalText(text []byte) error { return repeatableNames.unmarshal(text, r) }

// TrackingMode is an endpoint's tracking mode: it decides which number the
// caller is sent to.
type TrackingMode int

// The tracking modes.
const (
	TrackingUnknown  TrackingMode = iota // nothing is checked
	TrackingRingPool                     // every post gets a number of its own
	TrackingStatic                       // the publisher's number: trackdrive_number on ping, caller_id and ping_id on post
)

var trackingNames = enumNames[TrackingMode]{"tracking", []string{"unknown", "ring_pool", "static"}}

// String returns "unknown", "ring_pool" or "static".
func (m TrackingMode) String() string { return trackingNames.name(m) }

// MarshalText writes the name that String returns.
func (m TrackingMode) MarshalText() ([]byte, error) { return trackingNames.marshal(m) }

// UnmarshalText reads the name that MarshalText writes.
func (m *TrackingMode) UnmarshalText(text []byte) error { return trackingNames.unmarshal(text, m) }

// Option configures a [Client].
type Option interface {
	apply(*clientSettings) error
}

// CallOption configures a single call or, given to [NewClient], the default for
// every call.
type CallOption interface {
	Option
	perCall()
}

type clientOption func(*clientSettings) error

func (o clientOption) apply(s *clientSettings) error { return o(s) }

type callOption func(*clientSettings) error

func (o callOption) apply(s *clientSettings) error { return o(s) }

func (callOption) perCall() {}

// defaultTimeout and defaultAttempts limit a call whose options say nothing else.
const (
	defaultTimeout  = 10 * time.Second
	defaultAttempts = 3
)

// clientSettings holds what options set: for a Client or, in a copy, for one call.
type clientSettings struct {
	subdomain string // the company that WithAuth is for
	base      baseURL

	timeout     time.Duration // the shortest that was given; 0 for none
	maxAttempts int           // 0 for the default
	repeat      *Repeatable
	encoding    Encoding
	tracking    TrackingMode
	literal     map[string]bool // fields whose values are never taken for tokens
	auth        Authenticator
	authFor     string // the subdomain that auth was given for

	isChild     bool        // the options applied now are those of ForSubdomain
	inCall      bool        // the options applied now are a call's own
	callRepeat  *Repeatable // the call's own WithRepeat
	callEncoded bool        // the encoding is the call's own

	observers     []func(context.Context, Attempt)
	callObservers []func(context.Context, CallReport)
	logger        *slog.Logger
	userAgent     string

	httpClient *http.Client
	transport  http.RoundTripper
}

// with returns a copy of s with opts applied.
func (s clientSettings) with(opts []Option) (clientSettings, error) {
	s.httpClient, s.transport = nil, nil
	for _, o := range opts {
		if isNil(o) {
			return s, invalidArgument("option", "is nil")
		}
		if err := o.apply(&s); err != nil {
			return s, err
		}
	}
	if s.repeat != nil && *s.repeat != RepeatNever {
		return s, invalidArgument("repeat", "%s cannot be the default of every call; give it to single calls", *s.repeat)
	}
	if s.httpClient != nil && s.transport != nil {
		return s, invalidArgument("transport", "is given together with an HTTP client; give one of them")
	}
	return s, nil
}

// forCall returns s or, if a call has options, a copy with them applied.
func (s *clientSettings) forCall(opts []CallOption) (*clientSettings, error) {
	if len(opts) == 0 {
		return s, nil
	}
	call := *s
	call.inCall = true
	for _, o := range opts {
		if isNil(o) {
			return nil, invalidArgument("option", "is nil")
		}
		if err := o.apply(&call); err != nil {
			return nil, err
		}
	}
	return &call, nil
}

// isNil reports whether an option is nil, or one of the package's functions that
// is nil.
func isNil(o Option) bool {
	switch o := o.(type) {
	case nil:
		return true
	case clientOption:
		return o == nil
	case callOption:
		return o == nil
	}
	return false
}

// limit is how long a call may take.
func (s *clientSettings) limit() time.Duration {
	if s.timeout > 0 {
		return s.timeout
	}
	return defaultTimeout
}

func (s *clientSettings) attempts() int {
	if s.maxAttempts > 0 {
		return s.maxAttempts
	}
	return defaultAttempts
}

// repeatOf decides when a call may be sent again. The call's options come first,
// then the class that the caller gave with the request (own), then the Client's
// default, then the class of the operation.
func (s *clientSettings) repeatOf(class Repeatable, own bool) Repeatable {
	switch {
	case s.callRepeat != nil:
		return *s.callRepeat
	case s.repeat != nil && !own:
		return *s.repeat
	default:
		return class
	}
}

// WithAuth authenticates calls to the Client's own subdomain. The credentials
// go nowhere else; for other companies see [PerSubdomain] and [AnySubdomain].
func WithAuth(a Authenticator) CallOption {
	return callOption(func(s *clientSettings) error {
		if err := checkAuthenticator(a); err != nil {
			return err
		}
		s.auth, s.authFor = a, s.subdomain
		return nil
	})
}

// WithEncoding sets how parameters are sent. The default is [EncodeJSON].
func WithEncoding(e Encoding) CallOption {
	return callOption(func(s *clientSettings) error {
		if _, err := e.MarshalText(); err != nil {
			return err
		}
		s.encoding, s.callEncoded = e, s.inCall
		return nil
	})
}

// WithMaxAttempts limits how many times one call is tried. The default is 3;
// 1 turns retries off.
func WithMaxAttempts(n int) CallOption {
	return callOption(func(s *clientSettings) error {
		if n < 1 {
			return invalidArgument("max attempts", "is %d; it must be at least 1", n)
		}
		s.maxAttempts = n
		return nil
	})
}

// WithRepeat overrides when a call may be sent again. The defaults are:
//
//   - Ping: RepeatRefused; with both caller_id and trackdrive_number RepeatNever, because TrackDrive may take such a ping as the post
//   - Post, Full: RepeatNever
//   - UpdateCall: RepeatSafe; with AddRevenue, AddPayout or Fields RepeatNever
//   - UpdateCallByCallerID, SendKeyPress: RepeatNever
//   - CaptureLead, SubmitLead, UpdateLead: RepeatNever
//   - Call, Calls, OptOutCaller, OptOutLead: RepeatSafe
//   - Do and RunWebhook: what the [Request] or the webhook says
//
// A request of [Client.Do] or [Client.RunWebhook] that may sell a lead stays
// RepeatNever, whatever WithRepeat says. As the default of a Client, only
// RepeatNever is accepted.
func WithRepeat(r Repeatable) CallOption {
	return callOption(func(s *clientSettings) error {
		if _, err := r.MarshalText(); err != nil {
			return err
		}
		if s.inCall {
			s.callRepeat = &r
		} else {
			s.repeat = &r
		}
		return nil
	})
}

// WithTimeout limits a whole call: all attempts and the waits between them. The
// default is 10 s. Of several limits, the context's deadline included, the
// shortest counts.
func WithTimeout(d time.Duration) CallOption {
	return callOption(func(s *clientSettings) error {
		if d <= 0 {
			return invalidArgument("timeout", "is %v; it must be more than 0", d)
		}
		if s.timeout == 0 || d < s.timeout {
			s.timeout = d
		}
		return nil
	})
}

// WithTracking says which tracking mode an endpoint uses, so that a request
// without the parameters that the mode needs is refused before anything is sent.
func WithTracking(m TrackingMode) CallOption {
	return callOption(func(s *clientSettings) error {
		if _, err := m.MarshalText(); err != nil {
			return err
		}
		s.tracking = m
		return nil
	})
}

// WithLiteral names fields whose values are sent as they are, even if
// [LeftoverToken] takes one for a token. This sends {"company": "[acme]"}:
//
//	client, err := trackdrive.NewClient("acme", trackdrive.WithLiteral("company"))
//
// A field is a parameter of a typed request or one of its Fields, by its name on
// the wire, with everything that is nested in it; or a contact field of
// post_call_tokens or data, by its own name. Names are case-sensitive, and a dot
// or a bracket in one is a character like any other.
//
// The values of caller_id, ping_id, buyer_id and lead_token are always checked;
// naming one of these is [ErrInvalidArgument]. Webhooks are not typed requests.
func WithLiteral(fields ...string) Option {
	return clientOption(func(s *clientSettings) error {
		literal := make(map[string]bool, len(s.literal)+len(fields))
		maps.Copy(literal, s.literal)
		for _, field := range fields {
			switch {
			case field == "":
				return invalidArgument("WithLiteral", "a field's name is empty")
			case slices.Contains(neverLiteral, ascii.Lower(rootOf(field))):
				return invalidArgument("WithLiteral", "%s cannot be literal: a token in its place would reach the market", field)
			}
			literal[field] = true
		}
		s.literal = literal
		return nil
	})
}

// WithBaseURL replaces https://SUBDOMAIN.trackdrive.com with a white-label host
// or a test server ("https://calls.example.com"). Plain http is accepted for
// loopback addresses only. The URL must not have user info, a query or a
// fragment, nor /api/v1, which the package adds. The subdomain then only decides
// whose credentials are used.
func WithBaseURL(rawURL string) Option {
	return clientOption(func(s *clientSettings) error {
		b, err := parseBase(rawURL)
		if err != nil {
			return err
		}
		if s.base.domain != "" {
			return errTwoBases
		}
		s.base = b
		return nil
	})
}

// WithBaseDomain replaces trackdrive.com with another domain of companies: with
// "example.net", the Client for acme calls https://acme.example.net. Credentials that
// the Client has go to companies at that domain, and never to trackdrive.com. It is
// for NewClient only, and cannot be given together with [WithBaseURL].
func WithBaseDomain(domain string) Option {
	return clientOption(func(s *clientSettings) error {
		folded := ascii.Lower(domain)
		switch {
		case !urlpart.IsBaseDomain(domain):
			return invalidArgument("base domain", "must be a domain such as example.net, without scheme, port and leading dot")
		case strings.HasSuffix(folded, "."+urlpart.TrackDriveHost):
			return invalidArgument("base domain", "is a company's host; the domain is %s, and needs no option", urlpart.TrackDriveHost)
		case s.isChild:
			return invalidArgument("base domain", "is an option of NewClient; companies at another domain need a Client of their own")
		case s.base.host != "":
			return errTwoBases
		}
		s.base.domain = folded
		return nil
	})
}

var errTwoBases = invalidArgument("base domain", "is given together with a base URL; give one of them")

// WithHTTPClient sends requests with hc, which is never copied or changed. Its
// Timeout counts as a limit of each call. Its Jar and CheckRedirect are not used,
// and redirects are not followed. If hc has no Transport, the package's own is
// used.
func WithHTTPClient(hc *http.Client) Option {
	return clientOption(func(s *clientSettings) error {
		if hc == nil {
			return invalidArgument("http client", "is nil")
		}
		s.httpClient = hc
		return nil
	})
}

// WithTransport uses rt for every attempt: a mock, or a wrapper around
// [NewTransport] that sends each request once and passes its context on. If the
// context's httptrace saw nothing of a failed attempt, as with a mock, the
// attempt is [DeliveryUnknown], whatever its error says: see docs/delivery.md.
func WithTransport(rt http.RoundTripper) Option {
	return clientOption(func(s *clientSettings) error {
		if rt == nil {
			return invalidArgument("transport", "is nil")
		}
		s.transport = rt
		return nil
	})
}

// NewTransport returns the transport that a Client uses by default: a hardened
// clone of base, or of the standard transport if base is nil. It speaks HTTP/1.1,
// counts bytes to prove that nothing was sent, has limits and an idle pool, and
// takes a fresh connection for a GET that must not be repeated or that comes
// without the context of a call. Give it a base with a proxy, or wrap it, for
// OpenTelemetry for example:
//
//	otelhttp.NewTransport(trackdrive.NewTransport(nil))
func NewTransport(base *http.Transport) http.RoundTripper {
	return attempt.NewTransport(base)
}

// WithLogger logs attempts at Debug and retries at Warn. By default, nothing is
// logged. Credentials, queries, bodies and whole phone numbers never are.
func WithLogger(l *slog.Logger) Option {
	return clientOption(func(s *clientSettings) error {
		if l == nil {
			return invalidArgument("logger", "is nil")
		}
		s.logger = l
		return nil
	})
}

// WithObserver calls f after every attempt, from the calling goroutine.
// Several observers are called in the order in which they were given.
func WithObserver(f func(context.Context, Attempt)) Option {
	return clientOption(func(s *clientSettings) error {
		if f == nil {
			return invalidArgument("observer", "is nil")
		}
		s.observers = append(s.observers[:len(s.observers):len(s.observers)], f)
		return nil
	})
}

// WithCallObserver calls f once for each finished call of the Client, whatever its
// outcome: after its last attempt, or when it is refused before anything is sent. This
// includes the calls of auctions, of webhooks, and of anything built on a Client, such as
// the outbox. [WithObserver] observes single attempts.
//
// A method that makes several calls reports each of them: [Client.Calls] each page,
// [Client.Fire] each webhook. In an auction, a ping or a post that a desk of package
// sales does not allow is reported as not sent. Nothing is reported if no call is made:
// for a trigger that does not fire, for a ping that an auction does not start, or for the
// post of a [WebhookBidder] without a ConfirmWebhook.
//
// f runs in the goroutine of the call, which waits for it. Concurrent calls call f
// concurrently. Several observers are called in the order in which they were given. If a
// call panics, such as in an Authenticator, its report has [OutcomeUnknown], and the
// panic continues. A panic in f reaches the caller of the method.
func WithCallObserver(f func(context.Context, CallReport)) Option {
	return clientOption(func(s *clientSettings) error {
		if f == nil {
			return invalidArgument("call observer", "is nil")
		}
		s.callObservers = append(s.callObservers[:len(s.callObservers):len(s.callObservers)], f)
		return nil
	})
}

// Attempt is one try of a call, as [WithObserver] sees it.
//
// Operation is "ping", "post", "full"; "update_call", "update_call_by_caller_id",
// "send_key_press", "call", "calls"; "capture_lead", "submit_lead", "update_lead",
// "opt_out"; "webhook" or "do".
type Attempt struct {
	Operation  string        // which call it is
	Number     int           // 1 for the first
	Method     string        // the HTTP method
	Host       string        // with the port, if any
	Path       string        // the path's template: /api/v1/calls/update_call/{uuid}
	StatusCode int           // 0 without an answer
	Delivery   Delivery      // of this attempt
	Duration   time.Duration // until the reply was read
	RetryIn    time.Duration // the wait before the next attempt; negative if this was the last
	Err        error         // nil for a readable reply with a 2xx status
}

// WithUserAgent puts product ("dialer/1.4") before the package's own
// User-Agent.
func WithUserAgent(product string) Option {
	return clientOption(func(s *clientSettings) error {
		if !isHeaderValue(product) {
			return invalidArgument("user agent", "must be printable ASCII without leading or trailing blanks")
		}
		s.userAgent = product + " " + userAgent
		return nil
	})
}

// sdkVersion is the package's version in its User-Agent.
const sdkVersion = "0.1.0"

const userAgent = "trackdrive-go/" + sdkVersion
