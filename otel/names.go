// The names of attributes, and the few values of those that say what went wrong.

package tdotel

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"

	"github.com/trackdrive-go/trackdrive"
)

// The attributes beside those of OpenTelemetry's conventions for HTTP.
const (
	keyOperation     = attribute.Key("trackdrive.operation")
	keySubdomain     = attribute.Key("trackdrive.subdomain")
	keyEndpoint      = attribute.Key("trackdrive.endpoint")
	keyTrafficSource = attribute.Key("trackdrive.traffic_source")
	keyOutcome       = attribute.Key("trackdrive.outcome")
	keyReason        = attribute.Key("trackdrive.reason")
	keyAttempts      = attribute.Key("trackdrive.attempts")
	keyDelivery      = attribute.Key("trackdrive.delivery")
	keyPayout        = attribute.Key("trackdrive.payout")
	keySource        = attribute.Key("trackdrive.source")
	keyBuyer         = attribute.Key("trackdrive.buyer")
	keyKind          = attribute.Key("trackdrive.kind")
	keyEnd           = attribute.Key("trackdrive.end")
	keyBids          = attribute.Key("trackdrive.bids")
)

// otherValue is what the conventions call a value that is not one of the known ones.
const otherValue = "_OTHER"

// errorKinds are the words for errors, the narrower kinds first.
var errorKinds = []struct {
	kind error
	word string
}{
	{trackdrive.ErrLeftoverToken, "leftover_token"},
	{trackdrive.ErrInvalidArgument, "invalid_argument"},
	{trackdrive.ErrNoCredentials, "no_credentials"},
	{trackdrive.ErrExpired, "expired"},
	{trackdrive.ErrUnauthorized, "unauthorized"},
	{trackdrive.ErrForbidden, "forbidden"},
	{trackdrive.ErrNotFound, "not_found"},
	{trackdrive.ErrBadRequest, "bad_request"},
	{trackdrive.ErrRateLimited, "rate_limited"},
	{trackdrive.ErrServer, "server"},
	{trackdrive.ErrRejected, "rejected"},
	{trackdrive.ErrAmbiguous, "ambiguous"},
	{trackdrive.ErrUnreadable, "unreadable"},
	{trackdrive.ErrRedirect, "redirect"},
	{trackdrive.ErrTimeout, "timeout"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
	{trackdrive.ErrNetwork, "network"},
}

// errorWord returns the kind of an error in one word, for error.type; "" without an
// error. The text of an error is never shown: it may quote a reply.
func errorWord(err error) string {
	if err == nil {
		return ""
	}
	for _, e := range errorKinds {
		if errors.Is(err, e.kind) {
			return e.word
		}
	}
	return otherValue
}

// attemptErrorWord returns error.type of an attempt. The conventions want the status, if
// that is what is wrong.
func attemptErrorWord(a *trackdrive.Attempt) string {
	switch {
	case 400 <= a.StatusCode && a.StatusCode <= 999:
		return strconv.Itoa(a.StatusCode)
	default:
		return errorWord(a.Err)
	}
}

// methodWord returns http.request.method, which must be one of a few.
func methodWord(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return method
	default:
		return otherValue
	}
}
