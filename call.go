// apiCall: one call on its way, from its operation to what it may show.

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

// apiOperation is a kind of call: the part that is the same for each call of it.
type apiOperation struct {
	name string // as Error.Operation and Attempt.Operation show it
	path string // its template, below apiPath
	need authNeed
}

// authNeed says what happens where a company's credentials are missing.
type authNeed int

const (
	authOptional authNeed = iota // the market serves strangers: go without
	authBound                    // go without where there are none at all, but not where they are another company's
	authNever                    // another host: never any
)

// apiCall is one call on its way. It gives the attempt loop each try's request,
// and judges the replies.
type apiCall struct {
	apiOperation
	client    *clientCore
	set       *clientSettings
	subdomain string // the company that is called
	method    string
	target    *url.URL
	content   callContent
	headers   []namedText // beside the package's own
	repeat    Repeatable
	ownRepeat bool                                // repeat is what the caller said with the request
	expiresAt time.Time                           // nothing is sent from then on; zero for never
	secret    []string                            // credentials outside the parameters
	masked    string                              // of a webhook: its URL without query and values
	read      func(status int, body []byte) error // takes a 2xx reply
	doubts    func(body []byte) bool              // whether a refusal by status may have sold the lead all the same; nil: never
	refuses   func() bool                         // whether the reply that read took refuses; nil where none does

	params callParams // where content is parameters
	typed  [8]typedParam
	url    url.URL // where target points

	ctx   context.Context
	who   Authenticator
	sent  []*authCredentials // all that were on the way
	first [1]*authCredentials
	wire  wirePayload // of the last attempt

	delivery Delivery // of all attempts, when the call is over
	lastBody []byte   // of the last reply, where the call failed
}

// newCall starts a call of the client's own company.
func (c *Client) newCall(op apiOperation, opts []CallOption) (*apiCall, error) {
	own := c.own()
	if own == nil {
		return nil, notSentError(op.name, invalidArgument("client", "is not made by NewClient"))
	}
	set, err := own.forCall(opts)
	if err != nil {
		return nil, notSentError(op.name, err)
	}
	return &apiCall{apiOperation: op, client: own, set: set, subdomain: own.subdomain}, nil
}

// notSentError is the error of a call that was not sent.
func notSentError(operation string, err error) error {
	return &Error{Operation: operation, Err: err, Delivery: DeliveryNotSent}
}

// setParams makes the parameters of r the content of the call, and decides the
// method by the encoding.
func (c *apiCall) setParams(r paramRequest) {
	c.params = callParams{of: r, typed: r.parameters(c.typed[:0]), fields: r.fields(), encoding: c.set.encoding, literal: c.set.literal}
	c.content = &c.params
	c.method = http.MethodPost
	if c.set.encoding == EncodeQuery {
		c.method = http.MethodGet
	}
}

// setMethod fixes the method. A default encoding that does not go with it gives
// way.
func (c *apiCall) setMethod(method string) {
	c.method = method
	switch {
	case method == http.MethodGet:
		c.params.encoding = EncodeQuery
	case c.params.encoding == EncodeQuery:
		c.params.encoding = EncodeJSON
	}
}

// setPath addresses a path below apiPath, of characters that need no escape.
func (c *apiCall) setPath(path, last string) {
	c.target = &c.url
	c.url = c.set.base.at(c.subdomain, apiPath+path+last, "")
}

// setNumberPath addresses a path that ends in a phone number.
func (c *apiCall) setNumberPath(path, number string) error {
	if err := checkSegment("caller_id", number); err != nil {
		return err
	}
	if strings.Trim(number, "+0123456789-() .") != "" || !strings.ContainsAny(number, "0123456789") {
		return invalidArgument("caller_id", "must be a phone number")
	}
	c.target = &c.url
	c.url = c.set.base.at(c.subdomain, apiPath+path+number, apiPath+path+urlpart.EscapeSegment(number))
	return nil
}

// setEndpoint addresses an inbound webhook.
func (c *apiCall) setEndpoint(vanityURI string) error {
	if err := checkEndpoint(vanityURI); err != nil {
		return notSentError(c.name, err)
	}
	c.setPath(strings.TrimSuffix(c.path, "{vanity_uri}"), vanityURI)
	return nil
}

// authenticatorFor returns who authenticates a call to subdomain; nil for
// nobody. What WithAuth was given stays with the company that it was given for.
func (s *clientSettings) authenticatorFor(subdomain, home string, n authNeed) (Authenticator, error) {
	if n == authNever {
		return nil, nil
	}
	switch a := s.auth.(type) {
	case nil:
		if n == authBound && subdomain != home {
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
	case n == authBound:
		return nil, noCredentials(subdomain)
	default:
		return nil, nil
	}
}

// shownPath is the path as it may be shown: without what the caller filled in.
func (c *apiCall) shownPath() string {
	if c.masked != "" {
		_, behindScheme, _ := strings.Cut(c.masked, "://")
		return behindScheme[min(len(behindScheme), max(0, strings.IndexByte(behindScheme+"/", '/'))):]
	}
	return c.set.base.prefix + apiPath + c.path
}

// shownURL is the URL as it may be shown.
func (c *apiCall) shownURL() string {
	if c.masked != "" {
		return c.masked
	}
	return c.set.base.root(c.subdomain) + apiPath + c.path
}

// deliveryOf is the delivery of one try. The loop takes a 4xx for an answer, also
// where its body says that the lead is sold.
func (c *apiCall) deliveryOf(t *attempt.Try) Delivery {
	isRefusal := t.StatusCode < 200 || t.StatusCode > 299
	if t.Delivery == attempt.Answered && isRefusal && c.doubts != nil && c.doubts(t.Body) {
		return DeliveryUnknown
	}
	return Delivery(t.Delivery)
}

// secrets are what must not come out of the call.
func (c *apiCall) secrets() redact.Secrets {
	var s redact.Secrets
	s.Add(c.secret...)
	s.Add(c.wire.secrets()...)
	for _, auth := range c.sent {
		s.Add(auth.secrets()...)
	}
	return s
}
