package trackdrive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// Client talks to one TrackDrive company. It is safe for concurrent use, holds
// no global state, and reads no environment variable of its own (net/http
// heeds the proxy variables). Make one with [NewClient], and keep it: it holds
// the connections.
type Client struct {
	c *client // nothing of it is printed through a pointer
}

type client struct {
	settings
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
	set, err := settings{subdomain: subdomain}.with(opts)
	if err != nil {
		return nil, err
	}
	own := &lateBound{attempt.NewTransport(nil)}
	c := &client{settings: set, own: own, budget: new(attempt.Budget)}
	c.bind(set.httpClient, set.transport)
	if c.http == nil {
		c.setHTTP(&http.Client{Transport: own, CheckRedirect: noRedirect})
	}
	return &Client{c}, nil
}

// ForSubdomain returns a Client for another company that shares this one's
// settings and connections. Options replace what was inherited; observers are
// added. Credentials given by [WithAuth] stay bound to the subdomain they were
// given for, unless they are [PerSubdomain] or [AnySubdomain].
func (c *Client) ForSubdomain(subdomain string, opts ...Option) (*Client, error) {
	if c == nil || c.c == nil {
		return nil, invalid("client", "is not made by NewClient")
	}
	subdomain, err := checkSubdomain("subdomain", subdomain)
	if err != nil {
		return nil, err
	}
	set := c.c.settings
	set.subdomain, set.timeout = subdomain, 0
	if set, err = set.with(opts); err != nil {
		return nil, err
	}
	if set.timeout == 0 {
		set.timeout = c.c.timeout
	}
	child := &client{settings: set, own: c.c.own, budget: c.c.budget}
	child.bind(set.httpClient, set.transport)
	if child.http == nil {
		child.setHTTP(c.c.http)
	}
	return &Client{child}, nil
}

// bind uses the HTTP client or the transport that an option gave.
func (c *client) bind(hc *http.Client, rt http.RoundTripper) {
	switch {
	case hc != nil:
		c.setHTTP(hc)
	case rt != nil:
		c.setHTTP(&http.Client{Transport: rt, CheckRedirect: noRedirect})
	}
}

func (c *client) setHTTP(hc *http.Client) {
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
	if c == nil || c.c == nil {
		return ""
	}
	return c.c.subdomain
}

// HTTPClient returns the live *http.Client below the retries and the
// authentication: what a test hands to httpmock.ActivateNonDefault. Its
// Transport is looked up at every attempt. Requests that are sent with it
// directly carry no credentials.
func (c *Client) HTTPClient() *http.Client {
	if c == nil || c.c == nil {
		return nil
	}
	return c.c.http
}

// Request is a call to any path below /api/v1.
type Request struct {
	Method string     // GET, POST, PUT or DELETE
	Path   []string   // segments below /api/v1, each escaped: []string{"calls", id}
	Params Fields     // JSON body, or the query of a GET
	Repeat Repeatable // the zero value is the safest
}

// Do sends a request that the package has no method for, with the same
// authentication, retries, limits and errors, and decodes a JSON reply into
// out unless out is nil. Numbers in an interface become json.Number. Without
// out any 2xx reply will do, also an empty one; a refusal inside a 2xx reply is
// the caller's to find.
//
// Errors are *[Error]: [ErrInvalidArgument] for a wrong request, with nothing
// sent, else what TrackDrive or the network said. A request is repeated only as
// far as its Repeat allows.
func (c *Client) Do(ctx context.Context, r *Request, out any, opts ...CallOption) (*Meta, error) {
	op := operation{name: "do", need: bound}
	call, err := c.newCall(op, opts)
	if err != nil {
		return nil, err
	}
	if err := call.setRequest(r); err != nil {
		return nil, refused(op.name, err)
	}
	if out != nil {
		decode, err := decoderInto(out)
		if err != nil {
			return nil, refused(op.name, err)
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
func (c *call) setRequest(r *Request) error {
	if r == nil {
		return invalid("request", "is nil")
	}
	if _, err := r.Repeat.MarshalText(); err != nil {
		return err
	}
	path, rawPath, template, err := joinSegments(r.Path)
	if err != nil {
		return err
	}
	c.path, c.repeat = template, r.Repeat
	c.target = c.set.base.at(c.subdomain, apiPath+path, apiPath+rawPath)
	c.setParams(r)
	switch r.Method {
	case http.MethodGet:
		c.params.encoding = EncodeQuery
	case http.MethodPost, http.MethodPut, http.MethodDelete:
		if c.set.encoding == EncodeQuery {
			if c.set.callEncoded {
				return invalid("encoding", "query goes with GET only")
			}
			c.params.encoding = EncodeJSON
		}
		c.params.bodiless = r.Method == http.MethodDelete
	default:
		return invalid("method", "must be GET, POST, PUT or DELETE")
	}
	c.method = r.Method
	return nil
}

// joinSegments makes a path of segments: as it is, as it is sent, and as it may
// be shown.
func joinSegments(segments []string) (path, rawPath, template string, err error) {
	if len(segments) == 0 {
		return "", "", "", invalid("path", "is empty")
	}
	var plain, raw, shown strings.Builder
	for i, segment := range segments {
		if err := checkSegment(fmt.Sprintf("path[%d]", i), segment); err != nil {
			return "", "", "", err
		}
		plain.WriteString("/" + segment)
		raw.WriteString("/" + url.PathEscape(segment))
		if i == 0 && isVanityURI(segment) {
			shown.WriteString("/" + segment)
		} else {
			shown.WriteString("/{}")
		}
	}
	return plain.String(), raw.String(), shown.String(), nil
}

// checkSegment refuses what would leave its place in a path.
func checkSegment(field, segment string) error {
	switch {
	case segment == "":
		return invalid(field, "is empty")
	case segment == "." || segment == "..":
		return invalid(field, "must not be a dot segment")
	case !utf8.ValidString(segment):
		return invalid(field, "is not valid UTF-8")
	case strings.ContainsFunc(segment, unicode.IsControl):
		return invalid(field, "has control characters")
	case leftoverToken(segment):
		return leftover(field)
	}
	return nil
}

func (r *Request) parameters(list []param) []param { return list }
func (r *Request) fields() Fields                  { return r.Params }
func (r *Request) wire() any                       { return struct{ F formFields }{formFields(r.Params)} }

// decoderInto returns what decodes replies into out.
func decoderInto(out any) (func(status int, body []byte) error, error) {
	if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
		return nil, invalid("out", "must be a pointer that is not nil")
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
