// Failures: an attempt, or a reply that refuses, becomes an Error.

package trackdrive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/advice"
	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// failure returns the error of a call, made from its last attempt.
func (c *apiCall) failure(r *attempt.Result) *Error {
	c.lastBody = r.Body
	e := c.newError(r.StatusCode, r.Body)
	e.Attempts = r.Attempts
	e.Delivery = min(Delivery(r.Delivery), c.deliveryOf(&r.Try))
	e.RetryAfter = r.RetryAfter
	e.Err = c.advise(c.cause(&r.Try), e, r.Body)
	return e
}

// rejected returns the error for a readable reply that refuses.
func (c *apiCall) rejected(meta *Meta) *Error {
	e := c.newError(meta.StatusCode, meta.Raw)
	e.Attempts = meta.Attempts
	e.Delivery = c.delivery
	e.Err = ErrRejected
	return e
}

// unsettled returns the error for a readable refusal if another copy of the
// request may have been accepted; nil if there is no other copy.
func (c *apiCall) unsettled(meta *Meta) error {
	if c.delivery != DeliveryUnknown {
		return nil
	}
	e := c.rejected(meta)
	e.Err = fmt.Errorf("%w: %w", ErrNetwork, errOtherCopy)
	return e
}

var errOtherCopy = errors.New("this copy was refused, but the outcome of another copy is unknown")

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

// cause returns what went wrong with an attempt, without secrets; nil if nothing
// did.
func (c *apiCall) cause(t *attempt.Try) error {
	switch t.Fault {
	case attempt.None:
		if t.StatusCode == 0 {
			return unreadableReply(errNoStatus) // only another transport than the package's can do that
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

// notBuilt returns the cause of a request that could not be made. The authenticator
// may have taken too long.
func (c *apiCall) notBuilt(err error) error {
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: %w", ErrTimeout, c.clean(err))
	}
	return c.clean(err)
}

// clean removes credentials, and whatever else the URL holds, from an error.
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

// scrub removes credentials from what a refusal says, and bounds it, because
// programs print it.
func (c *apiCall) scrub(status *string, reasons []FieldError) {
	secrets := c.secrets()
	*status = boundedText(&secrets, *status)
	scrubReasons(&secrets, reasons)
}

// scrubChecks removes credentials from what criteria quote from a reply.
func (c *apiCall) scrubChecks(checks []Check) {
	secrets := c.secrets()
	for i := range checks {
		checks[i].Got = secrets.Text(checks[i].Got)
	}
}

// scrubReasons scrubs reasons in place. The reasons of one field follow one another.
func scrubReasons(secrets *redact.Secrets, reasons []FieldError) {
	var field, shown string
	for i, r := range reasons {
		if r.Field != field {
			field, shown = r.Field, boundedText(secrets, r.Field)
		}
		reasons[i] = FieldError{shown, boundedText(secrets, r.Message)}
	}
}

// boundedText returns the start of text, without secrets.
func boundedText(secrets *redact.Secrets, text string) string {
	if len(text) > maxErrorText {
		return secrets.StartText(text, maxErrorText)
	}
	return secrets.Text(text)
}

// advise adds advice to the cause of an error whose reply has this body.
func (c *apiCall) advise(cause error, e *Error, body []byte) error {
	if cause == nil || c.need == authNever { // nothing is known about other hosts
		return cause
	}
	refusal := advice.Refusal{
		Status: e.StatusCode, Body: body, Company: c.subdomain, Anonymous: !c.hasCredentials(), Legacy: c.hasLegacyToken(), Update: c.isUpdate(), Lookup: isLookup(c.name),
	}
	if refusal.Update {
		refusal.Sent = c.sentNames()
	}
	if c.subdomain != c.client.subdomain {
		refusal.Option = "PerSubdomain"
	}
	e.describe(&refusal)
	text, full := refusal.Text(), refusal.Sentences()
	if text == "" && (full == "" || companyOf(e.URL) == c.subdomain) { // what is left, the error's fields say
		return cause
	}
	return &adviceError{cause, text, full}
}

// hasLegacyToken reports whether the last attempt carried an auth_token.
func (c *apiCall) hasLegacyToken() bool {
	const name = "auth_token"
	n := len(c.sent)
	return n > 0 && hasName(c.sent[n-1].params, name) || slices.Contains(c.sentNames(), name)
}

// isUpdate reports whether the call updates a call, by Do or a webhook included.
func (c *apiCall) isUpdate() bool { return strings.Contains(c.target.Path, apiPath+updatePath) }

// hasCredentials reports whether the last attempt carried credentials, the
// request's own included.
func (c *apiCall) hasCredentials() bool {
	if n := len(c.sent); n > 0 && len(c.sent[n-1].headers)+len(c.sent[n-1].params) > 0 {
		return true
	}
	hasSecretPath := c.masked == "" && slices.ContainsFunc(c.secret, func(text string) bool { return text != "" })
	return hasSecretPath || hasName(c.headers, "Authorization") || slices.ContainsFunc(c.sentNames(), redact.IsCredentialName)
}

// sentNames returns the names of the parameters that are not empty.
func (c *apiCall) sentNames() []string {
	names := append([]string{}, c.content.sentNames()...)
	if c.masked != "" { // a webhook also has parameters in its URL
		names = append(names, formNames(c.target.Query())...)
	}
	return names
}
