// Sending one call: the path that all methods of the Client share, from parameters
// to a typed reply or an Error.

package trackdrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/attempt"
)

// send sends the call. If there is no error, c.read has read the reply.
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
	c.ctx, c.who, c.sent = c.observed(ctx), who, c.first[:0]

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
	c.progress.attempts = result.Attempts
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
	c.progress.isAnswered = true
	return meta, nil
}

// observed returns the context that the observers of the call see, which has a scope of
// its own for each call.
func (c *apiCall) observed(ctx context.Context) context.Context {
	if len(c.set.observers)+len(c.set.callObservers) == 0 {
		return ctx
	}
	c.scope.Context = ctx
	return &c.scope
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

// authenticate returns the credentials of one attempt.
func (c *apiCall) authenticate(ctx context.Context) (*authCredentials, error) {
	if c.who == nil {
		return noCredentialsSent, nil
	}
	auth, err := c.askAuthenticator(ctx)
	if err != nil {
		return nil, c.authFailure(ctx, err)
	}
	if auth.err != nil {
		return nil, auth.err
	}
	for _, own := range c.headers {
		if hasName(auth.headers, own.name) {
			return nil, invalidArgument("header "+own.name, "is set by the authenticator and by the request; set it in one of them")
		}
	}
	if len(auth.params) > 0 {
		return auth, c.params.checkAuth(auth.params)
	}
	return auth, nil
}

// askAuthenticator returns what the authenticator puts on a request. Credentials
// that never change are not put together again.
func (c *apiCall) askAuthenticator(ctx context.Context) (*authCredentials, error) {
	if fixed, ok := c.who.(*fixedAuth); ok {
		auth := fixed.made()
		c.sent = append(c.sent, auth)
		return auth, fixed.check()
	}
	r := AuthRequest{Operation: c.name, Subdomain: c.subdomain, Host: c.target.Host}
	auth := r.credentials()
	c.sent = append(c.sent, auth) // before the call: its error may quote what it set
	return auth, c.who.Authenticate(ctx, &r)
}

// authFailure returns the call's error for an authenticator's error.
func (c *apiCall) authFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrInvalidArgument) || errors.Is(err, ErrNoCredentials) {
		return err
	}
	return fmt.Errorf("%w: the authenticator failed: %w", ErrNoCredentials, err)
}

// header returns the request's header. All values share one array.
func (c *apiCall) header(contentType string, auth []namedText) http.Header {
	list := make([]string, 0, 3+len(auth)+len(c.headers))
	h := make(http.Header, cap(list))
	set := func(name, value string) {
		list = append(list, value)
		h[name] = list[len(list)-1 : len(list) : len(list)]
	}
	set("Accept", cmp.Or(c.accept, "application/json"))
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

// Check reads a reply with a 2xx status, and reports whether it accepts.
func (c *apiCall) Check(status int, header http.Header, body []byte) (accepted bool, err error) {
	if c.read == nil {
		return true, nil
	}
	c.contentType = header.Get("Content-Type")
	return c.read(status, body)
}

// Tried reports an attempt to the observers and the log.
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
	c.scope.URL = c.wire.url
	for _, observe := range c.set.observers {
		observe(c.ctx, a)
	}
	if c.set.logger != nil {
		c.log(a, t.Copies)
	}
}

// log logs an attempt, without the server's words, which may be anything.
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
		level, message = slog.LevelWarn, "trackdrive retry"
		attrs = append(attrs, slog.Duration("retry_in", a.RetryIn))
	}
	c.set.logger.LogAttrs(c.ctx, level, message, attrs...)
	if copies > 0 {
		c.set.logger.LogAttrs(c.ctx, slog.LevelWarn, "the transport sent copies of a request by itself",
			append(attrs[:4:4], slog.Int("copies", copies))...)
	}
}

// logKinds are the kinds that a log line names, the narrower ones first.
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
