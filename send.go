// One call, from its parameters to a typed reply or an Error: what all methods
// of the Client share.

package trackdrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// sdkVersion is the package's own, as its User-Agent tells it.
const sdkVersion = "0.1.0"

const userAgent = "trackdrive-go/" + sdkVersion

// apiPath is where all calls live.
const apiPath = "/api/v1"

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
	Delivery   Delivery      // this attempt's
	Duration   time.Duration // until the reply was read
	RetryIn    time.Duration // wait before the next attempt; negative when this was the last
	Err        error         // nil for a readable reply with a 2xx status
}

// Meta describes the HTTP exchange behind a response. Responses made by hand,
// in tests, work like received ones: lookups read Raw.
type Meta struct {
	StatusCode int             // 2xx
	Header     http.Header     // the reply's
	Raw        json.RawMessage // the reply's body, as received; nil when it was empty
	Attempts   int             // how often the call was tried
	Elapsed    time.Duration   // of the whole call, waits included
}

// Field looks up any field of the reply by path.
func (m *Meta) Field(path string) Value { return lookupValue(m.Raw, path) }

// apiOperation is a kind of call: the part that is the same for each call of it.
type apiOperation struct {
	name string // as Error.Operation and Attempt.Operation show it
	path string // its template, below apiPath
	need authNeed
}

// callContent is what a call sends.
type callContent interface {
	// encode makes a request of it, with the authenticator's parameters among
	// its own. Target is not changed.
	encode(target *url.URL, auth []namedText) (wirePayload, error)
}

// wirePayload is encoded content.
type wirePayload struct {
	url         *url.URL
	contentType string // "" without a body
	body        []byte
}

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

// setPath addresses a path below apiPath, of characters that need no escape.
func (c *apiCall) setPath(path, last string) {
	c.target = &c.url
	c.url = c.set.base.at(c.subdomain, apiPath+path+last, "")
}

// send sends the call. Its read has taken the reply when there is no error.
func (c *apiCall) send(ctx context.Context) (Meta, error) {
	if ctx == nil {
		return Meta{}, notSentError(c.name, invalidArgument("context", "is nil"))
	}
	if c.params.of != nil {
		if err := c.params.check(); err != nil {
			return Meta{}, notSentError(c.name, err)
		}
	}
	who, err := c.set.authenticatorFor(c.subdomain, c.client.subdomain, c.need)
	if err != nil {
		return Meta{}, notSentError(c.name, err)
	}
	c.repeat = c.set.repeatOf(c.repeat, c.ownRepeat)
	c.ctx, c.who, c.sent = ctx, who, c.first[:0]

	start := time.Now()
	limit := c.set.limit()
	if t := c.client.http.Timeout; t > 0 {
		limit = min(limit, t)
	}
	loop := attempt.Call{
		Caller:      c,
		Class:       attempt.Class(c.repeat),
		MaxAttempts: c.set.attempts(),
		Deadline:    start.Add(limit),
		Transport:   c.client.transport,
		Budget:      c.client.budget,
	}
	result := loop.Do(ctx)
	c.delivery = Delivery(result.Delivery)
	if result.Fault != attempt.None || result.StatusCode < 200 || result.StatusCode > 299 {
		return Meta{}, c.failure(&result)
	}
	meta := Meta{
		StatusCode: result.StatusCode,
		Header:     result.Header,
		Attempts:   result.Attempts,
		Elapsed:    time.Since(start),
	}
	if len(result.Body) > 0 {
		meta.Raw = result.Body
	}
	return meta, nil
}

// Build makes the request of the next attempt.
func (c *apiCall) Build(ctx context.Context) (attempt.Request, error) {
	if !c.expiresAt.IsZero() && !time.Now().Before(c.expiresAt) {
		return attempt.Request{}, ErrExpired
	}
	auth, err := c.authenticate(ctx)
	if err != nil {
		return attempt.Request{}, err
	}
	out, err := c.content.encode(c.target, auth.params)
	if err != nil {
		return attempt.Request{}, err
	}
	c.wire = out
	return attempt.Request{
		Method: c.method,
		URL:    out.url,
		Header: c.header(out.contentType, auth.headers),
		Body:   out.body,
	}, nil
}

var noCredentialsSent = new(authCredentials)

// authenticate asks for the credentials of one attempt.
func (c *apiCall) authenticate(ctx context.Context) (*authCredentials, error) {
	if c.who == nil {
		return noCredentialsSent, nil
	}
	r := AuthRequest{Operation: c.name, Subdomain: c.subdomain, Host: c.target.Host}
	auth := r.credentials()
	c.sent = append(c.sent, auth) // before it is asked: its error may quote what it set
	if err := c.who.Authenticate(ctx, &r); err != nil {
		return nil, c.authFailure(ctx, err)
	}
	if auth.err != nil {
		return nil, auth.err
	}
	for _, own := range c.headers {
		if hasName(auth.headers, own.name) {
			return nil, invalidArgument("header "+own.name, "is set by the authenticator, too")
		}
	}
	if len(auth.params) > 0 {
		return auth, c.params.checkAuth(auth.params)
	}
	return auth, nil
}

func hasName(list []namedText, name string) bool {
	return slices.ContainsFunc(list, func(t namedText) bool { return t.name == name })
}

// authFailure is what an authenticator's error means for the call.
func (c *apiCall) authFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrInvalidArgument) || errors.Is(err, ErrNoCredentials) {
		return err
	}
	return fmt.Errorf("%w: the authenticator failed: %w", ErrNoCredentials, err)
}

// header makes a header of one array of values.
func (c *apiCall) header(contentType string, auth []namedText) http.Header {
	list := make([]string, 0, 3+len(auth)+len(c.headers))
	h := make(http.Header, cap(list))
	set := func(name, value string) {
		list = append(list, value)
		h[name] = list[len(list)-1 : len(list) : len(list)]
	}
	set("Accept", "application/json")
	if contentType != "" {
		set("Content-Type", contentType)
	}
	agent := userAgent
	if c.set.userAgent != "" {
		agent = c.set.userAgent
	}
	set("User-Agent", agent)
	for _, own := range c.headers {
		set(own.name, own.text)
	}
	for _, a := range auth {
		set(a.name, a.text)
	}
	return h
}

// Check takes a reply with a 2xx status.
func (c *apiCall) Check(status int, body []byte) (accepted bool, err error) {
	if c.read == nil {
		return true, nil
	}
	if err := c.read(status, body); err != nil {
		return false, err
	}
	return c.refuses == nil || !c.refuses(), nil
}

// Tried tells observers and the log of an attempt.
func (c *apiCall) Tried(t *attempt.Try) {
	if len(c.set.observers) == 0 && c.set.logger == nil {
		return
	}
	a := Attempt{
		Operation:  c.name,
		Number:     t.Number,
		Method:     t.Method,
		Host:       c.target.Host,
		Path:       c.shownPath(),
		StatusCode: t.StatusCode,
		Delivery:   c.deliveryOf(t),
		Duration:   t.Duration,
		RetryIn:    t.RetryIn,
		Err:        c.cause(t),
	}
	for _, observe := range c.set.observers {
		observe(c.ctx, a)
	}
	if c.set.logger != nil {
		c.log(a, t.Copies)
	}
}

// log tells of an attempt without the server's words, which may be anything.
func (c *apiCall) log(a Attempt, copies int) {
	attrs := []slog.Attr{
		slog.String("operation", a.Operation),
		slog.Int("attempt", a.Number),
		slog.String("method", a.Method),
		slog.String("host", a.Host),
		slog.String("path", a.Path),
		slog.Int("status", a.StatusCode),
		slog.String("delivery", a.Delivery.String()),
		slog.Duration("duration", a.Duration),
	}
	if a.Err != nil {
		attrs = append(attrs, slog.String("kind", kindName(a.Err)))
	}
	level, message := slog.LevelDebug, "trackdrive attempt"
	if a.RetryIn >= 0 {
		level, message = slog.LevelWarn, "trackdrive sends again"
		attrs = append(attrs, slog.Duration("retry_in", a.RetryIn))
	}
	c.set.logger.LogAttrs(c.ctx, level, message, attrs...)
	if copies > 0 {
		c.set.logger.LogAttrs(c.ctx, slog.LevelWarn, "transport sent copies of its own accord",
			append(attrs[:4:4], slog.Int("copies", copies))...)
	}
}

// logKinds are what a log line calls an error.
var logKinds = []error{
	ErrLeftoverToken, ErrInvalidArgument, ErrNoCredentials, ErrExpired, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrBadRequest,
	ErrRateLimited, ErrServer, ErrRejected, ErrAmbiguous, ErrUnreadable, ErrRedirect, ErrTimeout, ErrNetwork, context.Canceled,
}

func kindName(err error) string {
	for _, kind := range logKinds {
		if errors.Is(err, kind) {
			return withoutPrefix(kind.Error())
		}
	}
	return "other"
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

// failure makes the error of a call of its last attempt.
func (c *apiCall) failure(r *attempt.Result) *Error {
	c.lastBody = r.Body
	e := c.newError(r.StatusCode, r.Body)
	e.Attempts = r.Attempts
	e.Delivery = min(Delivery(r.Delivery), c.deliveryOf(&r.Try))
	e.RetryAfter = r.RetryAfter
	e.Err = c.advise(c.cause(&r.Try), r.StatusCode, r.Body)
	return e
}

// rejected is the error for a readable reply that refuses.
func (c *apiCall) rejected(meta *Meta) *Error {
	e := c.newError(meta.StatusCode, meta.Raw)
	e.Attempts = meta.Attempts
	e.Delivery = c.delivery
	e.Err = ErrRejected
	return e
}

// unsettled is the error for a readable reply that refuses, where another copy of
// the request may have been accepted; nil where the refusal is all that there is.
func (c *apiCall) unsettled(meta *Meta) error {
	if c.delivery != DeliveryUnknown {
		return nil
	}
	e := c.rejected(meta)
	e.Err = fmt.Errorf("%w: %w", ErrNetwork, errOtherCopy)
	return e
}

var errOtherCopy = errors.New("this copy was refused, and what became of another one is not known")

func (c *apiCall) newError(status int, body []byte) *Error {
	e := &Error{
		Operation:  c.name,
		Method:     c.method,
		URL:        c.shownURL(),
		StatusCode: status,
	}
	if len(body) == 0 {
		return e
	}
	secrets := c.secrets()
	e.Body = secrets.Start(body, maxErrorBody)
	word, reasons := refusalOf(body)
	e.Status = boundedText(&secrets, word)
	e.Errors = reasons
	scrubReasons(&secrets, e.Errors)
	return e
}

// scrub takes credentials out of what a refusal says, and bounds it: programs
// print it.
func (c *apiCall) scrub(status *string, reasons []FieldError) {
	secrets := c.secrets()
	*status = boundedText(&secrets, *status)
	scrubReasons(&secrets, reasons)
}

// scrubChecks takes credentials out of what a judgement quotes of a reply.
func (c *apiCall) scrubChecks(checks []Check) {
	secrets := c.secrets()
	for i := range checks {
		checks[i].Got = secrets.Text(checks[i].Got)
	}
}

// scrubReasons scrubs reasons in place. Those of one field follow each other.
func scrubReasons(secrets *redact.Secrets, reasons []FieldError) {
	var field, shown string
	for i, r := range reasons {
		if r.Field != field {
			field, shown = r.Field, boundedText(secrets, r.Field)
		}
		reasons[i] = FieldError{shown, boundedText(secrets, r.Message)}
	}
}

// maxErrors and maxErrorText bound what is kept of a reply's reasons: how many,
// and how long each is, in bytes.
const (
	maxErrors    = 100
	maxErrorText = 1 << 10
)

// boundedText is the start of text, without secrets.
func boundedText(secrets *redact.Secrets, text string) string {
	if len(text) > maxErrorText {
		return secrets.StartText(text, maxErrorText)
	}
	return secrets.Text(text)
}

// cause says what went wrong with an attempt, without secrets; nil for nothing.
func (c *apiCall) cause(t *attempt.Try) error {
	switch t.Fault {
	case attempt.None:
		if t.StatusCode == 0 {
			return unreadableReply(errNoStatus) // only a transport of somebody else's can do that
		}
		if kind := kindOfStatus(t.StatusCode); kind != ErrRedirect || !urlpart.IsHost(t.Redirect) {
			return kind
		}
		secrets := c.secrets()
		return fmt.Errorf("%w to the host %s", ErrRedirect, secrets.Text(t.Redirect))
	case attempt.Network:
		return fmt.Errorf("%w: %w", ErrNetwork, c.clean(t.Err))
	case attempt.Timeout:
		return fmt.Errorf("%w: %w", ErrTimeout, c.clean(t.Err))
	case attempt.Unreadable:
		return fmt.Errorf("%w: %w", ErrUnreadable, c.clean(t.Err))
	case attempt.Contradictory:
		return c.clean(t.Err)
	case attempt.Canceled:
		if errors.Is(t.Err, context.Canceled) {
			return c.clean(t.Err)
		}
		return fmt.Errorf("%w: %w", context.Canceled, c.clean(t.Err))
	default: // NotBuilt
		return c.notBuilt(t.Err)
	}
}

var errNoStatus = errors.New("the reply has no status")

// notBuilt is the cause of a call that could not be made, which may be that
// the authenticator took too long.
func (c *apiCall) notBuilt(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: %w", ErrTimeout, c.clean(err))
	}
	return c.clean(err)
}

// clean takes credentials, and what else stood in the URL, out of an error.
func (c *apiCall) clean(err error) error {
	if err == nil {
		return nil
	}
	secrets := c.secrets()
	if c.wire.url != nil {
		secrets.Add(c.wire.url.RawQuery)
	}
	if path := c.target.EscapedPath(); path != c.shownPath() {
		secrets.Add(path)
	}
	return secrets.Error(err)
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
