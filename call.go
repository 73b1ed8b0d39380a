// apiCall: the state of one call, and what of it may be shown.

package trackdrive

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/callscope"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// apiOperation is a kind of call: what all calls of that kind have in common.
type apiOperation struct {
	name string // as Error.Operation and Attempt.Operation show it
	path string // the path's template, below apiPath
	need authNeed
}

// authNeed says what happens if a company's credentials are missing.
type authNeed int

const (
	authOptional authNeed = iota // send without: the market serves strangers
	authBound                    // send without if there are none at all, but not if there are another company's
	authNever                    // never send any: the host is not TrackDrive's
)

// apiCall is one call. It makes the request of each attempt for the attempt loop,
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
	accept    string      // the header Accept, if not for JSON
	repeat    Repeatable
	ownRepeat bool                   // the caller gave repeat with the request
	expiresAt time.Time              // nothing is sent from then on; zero: no limit
	secret    []string               // credentials outside the parameters
	masked    string                 // a webhook's URL, without its query and values; "" for other calls
	doubts    func(body []byte) bool // reports whether a refusal by status may have sold the lead all the same; nil: none may

	// read reads a 2xx reply, and reports whether it accepts. Nil: any reply does.
	read        func(status int, body []byte) (accepted bool, err error)
	contentType string // of the reply that read reads

	params callParams // the content, if it is parameters
	typed  [8]typedParam
	url    url.URL // target points to it

	ctx   context.Context // as observers see it
	scope callscope.Context
	who   Authenticator
	sent  []*authCredentials // of all attempts
	first [1]*authCredentials
	wire  wirePayload // of the last attempt

	delivery Delivery // of all attempts, once the call is over
	lastBody []byte   // the last reply's, if the call failed

	progress callProgress // for call observers
}

// newCall starts a call to the client's own company. If there is an error, the call
// can only be reported.
func (c *Client) newCall(op apiOperation, opts []CallOption) (*apiCall, error) {
	call := &apiCall{apiOperation: op, client: c.own()}
	if call.client == nil {
		return call, notSentError(op.name, invalidArgument("client", "was not made by NewClient"))
	}
	call.subdomain = call.client.subdomain
	if len(call.client.callObservers) > 0 {
		call.progress.startedAt = time.Now()
	}
	var err error
	if call.set, err = call.client.forCall(opts); err != nil {
		return call, notSentError(op.name, err)
	}
	return call, nil
}

// about notes what the call is about. The endpoint is what the caller gave, and may be
// anything.
func (c *apiCall) about(endpoint, source string) {
	c.progress.endpoint, c.progress.source = endpoint, source
}

// report tells the call observers about a finished call and its error. It is
// deferred, so that a call that panics is reported, too.
func (c *apiCall) report(ctx context.Context, err *error) {
	if c.client == nil || len(c.client.callObservers) == 0 {
		return
	}
	switch {
	case c.ctx != nil: // it has the scope that the observers of attempts have seen
		ctx = c.ctx
	case ctx == nil:
		ctx = context.Background()
	}
	if c.progress.source == "" && c.params.of != nil {
		c.progress.source = sourceIn(c.params.fields)
	}
	subdomain := c.subdomain
	if c.progress.isWebhook && (c.target == nil || c.need == authNever) {
		subdomain = ""
	}
	r := c.progress.report(c.name, subdomain, *err)
	for _, observe := range c.client.callObservers {
		observe(ctx, r)
	}
}

// sourceIn returns the traffic source among a request's fields.
func sourceIn(fields Fields) string {
	switch id := fields["traffic_source_id"].(type) {
	case string, ID, int, int64, json.Number:
		return fmt.Sprint(id)
	default:
		return ""
	}
}

// refuse reports a call that would have made others, and returns its error.
func (c *Client) refuse(ctx context.Context, operation string, cause error) error {
	err := notSentError(operation, cause)
	c.reportRefusal(ctx, operation, "", "", err)
	return err
}

// reportRefusal reports a call that is refused before its method is called.
func (c *Client) reportRefusal(ctx context.Context, operation, endpoint, source string, err error) {
	call, _ := c.newCall(apiOperation{name: operation}, nil)
	call.about(endpoint, source)
	call.report(ctx, &err)
}

// notSentError is the error of a call that was not sent.
func notSentError(operation string, err error) error {
	return &Error{Operation: operation, Err: err, Delivery: DeliveryNotSent}
}

// setParams makes the parameters of r the content of the call. The encoding
// decides the method.
func (c *apiCall) setParams(r paramRequest) {
	c.params = callParams{of: r, typed: r.parameters(c.typed[:0]), fields: r.fields(), encoding: c.set.encoding, literal: c.set.literal, names: c.client.names}
	c.content = &c.params
	c.method = http.MethodPost
	if c.set.encoding == EncodeQuery {
		c.method = http.MethodGet
	}
}

// setMethod fixes the method, and replaces an encoding that does not go with it.
func (c *apiCall) setMethod(method string) {
	c.method = method
	switch {
	case method == http.MethodGet:
		c.params.encoding = EncodeQuery
	case c.params.encoding == EncodeQuery:
		c.params.encoding = EncodeJSON
	}
}

// companyHost returns the host of the company that is called.
func (c *apiCall) companyHost() string {
	if c.subdomain == c.client.subdomain {
		return c.client.host
	}
	return c.set.base.companyHost(c.subdomain)
}

// setPath addresses a path below apiPath whose characters need no escaping.
func (c *apiCall) setPath(path, last string) {
	c.target = &c.url
	c.url = c.set.base.at(c.companyHost(), apiPath+path+last, "")
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
	c.url = c.set.base.at(c.companyHost(), apiPath+path+number, apiPath+path+urlpart.EscapeSegment(number))
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

// authenticatorFor returns the Authenticator of a call to subdomain, or nil if
// the call is sent without credentials. What WithAuth was given is used only for
// the company that it was given for.
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

// shownPath returns the path as it may be shown: without what the caller filled
// in.
func (c *apiCall) shownPath() string {
	if c.masked != "" {
		_, afterScheme, _ := strings.Cut(c.masked, "://")
		return afterScheme[min(len(afterScheme), max(0, strings.IndexByte(afterScheme+"/", '/'))):]
	}
	return c.set.base.prefix + apiPath + c.path
}

// shownURL returns the URL as it may be shown.
func (c *apiCall) shownURL() string {
	if c.masked != "" {
		return c.masked
	}
	return c.set.base.root(c.subdomain) + apiPath + c.path
}

// deliveryOf returns the delivery of one attempt. The attempt loop takes a 4xx for
// an answer, even if its body says that the lead is sold.
func (c *apiCall) deliveryOf(t *attempt.Try) Delivery {
	isRefusal := t.StatusCode < 200 || t.StatusCode > 299
	if t.Delivery == attempt.Answered && isRefusal && c.doubts != nil && c.doubts(t.Body) {
		return DeliveryUnknown
	}
	return Delivery(t.Delivery)
}

// secrets returns what the call must never show.
func (c *apiCall) secrets() redact.Secrets {
	s := c.client.secretsOf(c.sent)
	s.Add(c.secret...)
	s.Add(c.wire.secrets()...)
	return s
}

// secretsOf returns the secrets of all credentials that were sent.
func (c *clientCore) secretsOf(sent []*authCredentials) redact.Secrets {
	if len(sent) != 1 {
		var s redact.Secrets
		for _, auth := range sent {
			s.Add(auth.secrets()...)
		}
		return s
	}
	auth := sent[0]
	known := c.known.Load()
	if known == nil || !known.isOf(auth) {
		known = &knownSecrets{headers: slices.Clone(auth.headers), params: slices.Clone(auth.params)}
		known.secrets.Add(auth.secrets()...)
		c.known.Store(known)
	}
	return known.secrets.Clone()
}
