// call: one call on its way, from its operation to what it may show.

package trackdrive

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// operation is a kind of call: the part that is the same for each call of it.
type operation struct {
	name string // as Error.Operation and Attempt.Operation show it
	path string // its template, below apiPath
	need need
}

// need says what happens where a company's credentials are missing.
type need int

const (
	optional need = iota // the market serves strangers: go without
	bound                // go without where there are none at all, but not where they are another company's
	nobody               // another host: never any
)

// call is one call on its way. It gives the attempt loop each try's request,
// and judges the replies.
type call struct {
	operation
	client    *client
	set       *settings
	subdomain string // the company that is called
	method    string
	target    *url.URL
	content   content
	headers   []namedText // beside the package's own
	repeat    Repeatable
	ownRepeat bool                                // repeat is what the caller said with the request
	expiresAt time.Time                           // nothing is sent from then on; zero for never
	secret    []string                            // credentials outside the parameters
	masked    string                              // of a webhook: its URL without query and values
	read      func(status int, body []byte) error // takes a 2xx reply
	doubts    func(body []byte) bool              // whether a refusal by status may have sold the lead all the same; nil: never
	refuses   func() bool                         // whether the reply that read took refuses; nil where none does

	params params // where content is parameters
	typed  [8]param
	url    url.URL // where target points

	ctx   context.Context
	who   Authenticator
	sent  []*credentials // all that were on the way
	first [1]*credentials
	wire  payload // of the last attempt

	delivery Delivery // of all attempts, when the call is over
	lastBody []byte   // of the last reply, where the call failed
}

// newCall starts a call of the client's own company.
func (c *Client) newCall(op operation, opts []CallOption) (*call, error) {
	own := c.own()
	if own == nil {
		return nil, refused(op.name, invalid("client", "is not made by NewClient"))
	}
	set, err := own.forCall(opts)
	if err != nil {
		return nil, refused(op.name, err)
	}
	return &call{operation: op, client: own, set: set, subdomain: own.subdomain}, nil
}

// refused is the error of a call that was not sent.
func refused(operation string, err error) error {
	return &Error{Operation: operation, Err: err, Delivery: DeliveryNotSent}
}

// setParams makes the parameters of r the content of the call, and decides the
// method by the encoding.
func (c *call) setParams(r parameterized) {
	c.params = params{of: r, typed: r.parameters(c.typed[:0]), fields: r.fields(), encoding: c.set.encoding, literal: c.set.literal}
	c.content = &c.params
	c.method = http.MethodPost
	if c.set.encoding == EncodeQuery {
		c.method = http.MethodGet
	}
}

// setMethod fixes the method. A default encoding that does not go with it gives
// way.
func (c *call) setMethod(method string) {
	c.method = method
	switch {
	case method == http.MethodGet:
		c.params.encoding = EncodeQuery
	case c.params.encoding == EncodeQuery:
		c.params.encoding = EncodeJSON
	}
}

// setPath addresses a path below apiPath, of characters that need no escape.
func (c *call) setPath(path, last string) {
	c.target = &c.url
	c.url = c.set.base.at(c.subdomain, apiPath+path+last, "")
}

// setNumberPath addresses a path that ends in a phone number.
func (c *call) setNumberPath(path, number string) error {
	if err := checkSegment("caller_id", number); err != nil {
		return err
	}
	if strings.Trim(number, "+0123456789-() .") != "" || !strings.ContainsAny(number, "0123456789") {
		return invalid("caller_id", "must be a phone number")
	}
	c.target = &c.url
	c.url = c.set.base.at(c.subdomain, apiPath+path+number, apiPath+path+urlpart.EscapeSegment(number))
	return nil
}

// setEndpoint addresses an inbound webhook.
func (c *call) setEndpoint(vanityURI string) error {
	if err := checkEndpoint(vanityURI); err != nil {
		return refused(c.name, err)
	}
	c.setPath(strings.TrimSuffix(c.path, "{vanity_uri}"), vanityURI)
	return nil
}

// authenticatorFor returns who authenticates a call to subdomain; nil for
// nobody. What WithAuth was given stays with the company that it was given for.
func (s *settings) authenticatorFor(subdomain, home string, n need) (Authenticator, error) {
	if n == nobody {
		return nil, nil
	}
	switch a := s.auth.(type) {
	case nil:
		if n == bound && subdomain != home {
			return nil, noCredentials(subdomain)
		}
		return nil, nil
	case *perSubdomain:
		return a.pick(subdomain)
	case *anySubdomain:
		return a.inner(), nil
	}
	switch {
	case subdomain == s.authFor:
		return s.auth, nil
	case n == bound:
		return nil, noCredentials(subdomain)
	default:
		return nil, nil
	}
}

// shownPath is the path as it may be shown: without what the caller filled in.
func (c *call) shownPath() string {
	if c.masked != "" {
		_, behindScheme, _ := strings.Cut(c.masked, "://")
		return behindScheme[min(len(behindScheme), max(0, strings.IndexByte(behindScheme+"/", '/'))):]
	}
	return c.set.base.prefix + apiPath + c.path
}

// shownURL is the URL as it may be shown.
func (c *call) shownURL() string {
	if c.masked != "" {
		return c.masked
	}
	return c.set.base.root(c.subdomain) + apiPath + c.path
}

// deliveryOf is the delivery of one try. The loop takes a 4xx for an answer, also
// where its body says that the lead is sold.
func (c *call) deliveryOf(t *attempt.Try) Delivery {
	isRefusal := t.StatusCode < 200 || t.StatusCode > 299
	if t.Delivery == attempt.Answered && isRefusal && c.doubts != nil && c.doubts(t.Body) {
		return DeliveryUnknown
	}
	return Delivery(t.Delivery)
}

// secrets are what must not come out of the call.
func (c *call) secrets() redact.Secrets {
	var s redact.Secrets
	s.Add(c.secret...)
	s.Add(c.wire.secrets()...)
	for _, auth := range c.sent {
		s.Add(auth.secrets()...)
	}
	return s
}
