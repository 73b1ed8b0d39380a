// Options of a Client and of single calls, and the constants that they take.

package trackdrive

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// Encoding is how parameters travel.
type Encoding int

// The encodings.
const (
	EncodeJSON  Encoding = iota // POST, application/json
	EncodeForm                  // POST, application/x-www-form-urlencoded
	EncodeQuery                 // GET, query string, no Content-Type; RepeatNever calls take a fresh connection
)

var encodingNames = enumNames[Encoding]{"encoding", []string{"json", "form", "query"}}

// String returns "json", "form" or "query".
func (e Encoding) String() string { return encodingNames.name(e) }

// MarshalText writes the name that String returns.
func (e Encoding) MarshalText() ([]byte, error) { return encodingNames.marshal(e) }

// UnmarshalText reads the name that MarshalText writes.
func (e *Encoding) UnmarshalText(text []byte) error { return encodingNames.unmarshal(text, e) }

// Repeatable says when a request may be sent again.
type Repeatable int

// What may be sent again, from the most careful.
const (
	RepeatNever   Repeatable = iota // a copy may sell, pay or create twice: sent again only when the first provably never left
	RepeatRefused                   // also when the server refused it before working on it: 408, 425, 429, 503
	RepeatSafe                      // also after no readable answer and after 500, 502, 504, 520 to 524, 530: a copy changes nothing more
)

var repeatableNames = enumNames[Repeatable]{"repeat", []string{"never", "refused", "safe"}}

// String returns "never", "refused" or "safe".
func (r Repeatable) String() string { return repeatableNames.name(r) }

// MarshalText writes the name that String returns.
func (r Repeatable) MarshalText() ([]byte, error) { return repeatableNames.marshal(r) }

// UnmarshalText reads the name that MarshalText writes.
func (r *Repeatable) UnmarshalText(text []byte) error { return repeatableNames.unmarshal(text, r) }

// TrackingMode is an endpoint's tracking mode: where the number that the caller
// is sent to comes from.
type TrackingMode int

// The tracking modes.
const (
	TrackingUnknown  TrackingMode = iota // nothing is checked
	TrackingRingPool                     // a number of its own for every post
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

// CallOption configures a single call and, given to [NewClient], the default of
// every call.
type CallOption interface {
	Option
	perCall()
}

type clientOption func(*clientSettings) error

func (o clientOption) apply(s *clientSettings) error { return o(s) }

type callOption func(*clientSettings) error

func (o callOption) apply(s *clientSettings) error { return o(s) }
func (callOption) perCall()                        {}

// defaultTimeout and defaultAttempts limit a call that says nothing.
const (
	defaultTimeout  = 10 * time.Second
	defaultAttempts = 3
)

// clientSettings are what options set: a Client's, and a copy with a call's on top.
type clientSettings struct {
	subdomain string // whom WithAuth authenticates
	base      baseURL

	timeout     time.Duration // the shortest that was given; 0 for none
	maxAttempts int           // 0 for the default
	repeat      *Repeatable
	encoding    Encoding
	tracking    TrackingMode
	literal     map[string]bool // fields whose values are never taken for tokens
	auth        Authenticator
	authFor     string // the subdomain that auth was given for

	inCall      bool        // options are a call's own
	callRepeat  *Repeatable // what the call itself says
	callEncoded bool        // the call itself chose the encoding

	observers []func(context.Context, Attempt)
	logger    *slog.Logger
	userAgent string

	httpClient *http.Client
	transport  http.RoundTripper
}

// with returns a copy of s with options on top.
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
		return s, invalidArgument("repeat", "only never can be the default of every call")
	}
	if s.httpClient != nil && s.transport != nil {
		return s, invalidArgument("transport", "is given beside an HTTP client; give one of them")
	}
	return s, nil
}

// forCall returns s, or a copy with a call's options on top.
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

// isNil reports whether an option is missing; the package's own are functions.
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

// repeatOf decides when a call may be sent again: what its options say, else
// what the caller said with the request (own), else the Client's default, else
// the class of the operation.
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

// WithEncoding says how parameters travel. Default [EncodeJSON].
func WithEncoding(e Encoding) CallOption {
	return callOption(func(s *clientSettings) error {
		if _, err := e.MarshalText(); err != nil {
			return err
		}
		s.encoding, s.callEncoded = e, s.inCall
		return nil
	})
}

// WithMaxAttempts limits how often one call is sent. Default 3; 1 turns
// retries off.
func WithMaxAttempts(n int) CallOption {
	return callOption(func(s *clientSettings) error {
		if n < 1 {
			return invalidArgument("max attempts", "must be at least 1")
		}
		s.maxAttempts = n
		return nil
	})
}

// WithRepeat overrides when a call may be sent again. Defaults:
// Ping RepeatRefused, but RepeatNever when it carries both caller_id and
// trackdrive_number, because TrackDrive may take such a ping as the post;
// Post, Full, CaptureLead and SubmitLead RepeatNever; UpdateCall RepeatSafe,
// but RepeatNever with AddRevenue, AddPayout or Fields; Do and RunWebhook as
// they say. It does not override the RepeatNever of a request that may sell in
// [Client.Do] and [Client.RunWebhook]. As a Client's default, only RepeatNever is
// taken.
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

// WithTimeout limits a whole call: all attempts and the waits between them.
// Default 10 s. The context's deadline counts too, and of several limits the
// shortest.
func WithTimeout(d time.Duration) CallOption {
	return callOption(func(s *clientSettings) error {
		if d <= 0 {
			return invalidArgument("timeout", "must be more than 0")
		}
		if s.timeout == 0 || d < s.timeout {
			s.timeout = d
		}
		return nil
	})
}

// WithTracking tells which tracking mode an endpoint uses, so that missing
// parameters are refused before anything is sent.
func WithTracking(m TrackingMode) CallOption {
	return callOption(func(s *clientSettings) error {
		if _, err := m.MarshalText(); err != nil {
			return err
		}
		s.tracking = m
		return nil
	})
}

// WithBaseURL replaces https://SUBDOMAIN.trackdrive.com by a white-label host
// or a test server ("https://calls.example.com"). Plain http is accepted for
// loopback addresses only; no user info, query or fragment, and no /api/v1, which
// is added. The subdomain then only names whose credentials are used.
func WithBaseURL(rawURL string) Option {
	return clientOption(func(s *clientSettings) error {
		b, err := parseBase(rawURL)
		if err != nil {
			return err
		}
		s.base = b
		return nil
	})
}

// WithHTTPClient uses hc, by pointer: it is never copied, and never written
// to. Its Timeout counts; its Jar and CheckRedirect are not used, and redirects
// stay off. Without a Transport it uses the package's own.
func WithHTTPClient(hc *http.Client) Option {
	return clientOption(func(s *clientSettings) error {
		if hc == nil {
			return invalidArgument("http client", "is nil")
		}
		s.httpClient = hc
		return nil
	})
}

// WithTransport uses rt for every attempt: a mock, or [NewTransport] wrapped
// in something that sends each request once and hands on its context. A failure
// of which the context's trace saw nothing is of [DeliveryUnknown], whatever its
// error says; docs/delivery.md has the rest.
func WithTransport(rt http.RoundTripper) Option {
	return clientOption(func(s *clientSettings) error {
		if rt == nil {
			return invalidArgument("transport", "is nil")
		}
		s.transport = rt
		return nil
	})
}

// WithLogger logs attempts at Debug, retries at Warn. Default: silent.
// Never logs credentials, queries, bodies or whole phone numbers.
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

// WithUserAgent puts product ("dialer/1.4") before the package's own
// User-Agent.
func WithUserAgent(product string) Option {
	return clientOption(func(s *clientSettings) error {
		if !isHeaderValue(product) {
			return invalidArgument("user agent", "must be printable ASCII without blanks at its ends")
		}
		s.userAgent = product + " " + userAgent
		return nil
	})
}

// NewTransport hardens base, or a clone of the standard transport when base
// is nil, the way the package needs it: HTTP/1.1, byte counting for the proof
// that nothing was sent, fresh connections for GETs that must not be repeated or
// come without the context of a call, limits and an idle pool. It is what a
// Client uses by default; wrap it for OpenTelemetry
// (otelhttp.NewTransport(trackdrive.NewTransport(nil))), or give it a base with a
// proxy. Base itself is not changed.
func NewTransport(base *http.Transport) http.RoundTripper {
	return attempt.NewTransport(base)
}

// baseURL is where requests go: a host of TrackDrive's, or the one that
// WithBaseURL named.
type baseURL struct {
	scheme string
	host   string // with a port, if any; "" for TrackDrive's
	prefix string // of every path: "" or "/proxy"
}

// trackdriveHost is where companies' subdomains are.
const trackdriveHost = "trackdrive.com"

func parseBase(rawURL string) (baseURL, error) {
	bad := func(format string, args ...any) (baseURL, error) {
		return baseURL{}, invalidArgument("base URL", format, args...)
	}
	u, err := url.Parse(rawURL)
	switch {
	case rawURL == "":
		return bad(`is empty; give the address of the host, such as "https://calls.example.com"`)
	case strings.Contains(rawURL, "@"):
		return bad("must not have user info; credentials go to WithAuth")
	case err != nil:
		return bad(`cannot be read as a URL; give one such as "https://calls.example.com"`) // the error would quote it
	case strings.ContainsAny(rawURL, "?#"):
		return bad("must have neither query nor fragment")
	case u.Scheme == "" && isBase("https://"+strings.TrimPrefix(rawURL, "//")):
		return bad("has no https://; give %q", "https://"+strings.TrimPrefix(rawURL, "//"))
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return bad("must begin with https://")
	case !urlpart.IsHost(u.Host):
		return bad(`has no valid host; give one such as "https://calls.example.com"`)
	case u.Scheme == "http" && !urlpart.IsLoopback(u.Hostname()):
		return bad("must begin with https://; plain http is for loopback addresses")
	}
	prefix := strings.TrimSuffix(u.Path, "/")
	for segment := range strings.SplitSeq(strings.TrimPrefix(prefix, "/"), "/") {
		if prefix != "" && !urlpart.IsVanityURI(segment) || u.RawPath != "" {
			return bad("has a path that is not made of plain segments: letters, digits, _, - and points")
		}
	}
	if at := strings.Index(ascii.Lower(prefix)+"/", apiPath+"/"); at >= 0 {
		return bad("has %s in its path, which the package adds; give %q", apiPath, u.Scheme+"://"+strings.ToLower(u.Host)+prefix[:at])
	}
	return baseURL{u.Scheme, strings.ToLower(u.Host), prefix}, nil
}

func isBase(rawURL string) bool {
	_, err := parseBase(rawURL)
	return err == nil
}

// at returns the URL of a path of the company's. Path is as it is shown,
// rawPath as it is sent where that differs.
func (b baseURL) at(subdomain, path, rawPath string) url.URL {
	u := url.URL{Scheme: b.scheme, Host: b.host, Path: b.prefix + path}
	if rawPath != "" {
		u.RawPath = b.prefix + rawPath
	}
	if b.host == "" {
		u.Scheme, u.Host = "https", companyHost(subdomain)
	}
	return u
}

// root is what Error.URL begins with.
func (b baseURL) root(subdomain string) string {
	if b.host == "" {
		return "https://" + companyHost(subdomain)
	}
	return b.scheme + "://" + b.host + b.prefix
}

func companyHost(subdomain string) string {
	if subdomain == "" {
		return trackdriveHost
	}
	return subdomain + "." + trackdriveHost
}
