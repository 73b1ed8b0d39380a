// Advice: sentences that say what to do about an error.

package trackdrive

import (
	"errors"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/advice"
	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Advice says what to do about the error, in one or two sentences for people, such as on
// an operator's page or in a command's output. It names the company that was called, and
// never contains a credential:
//
//	The credentials are not known at acme: send a company token as Basic, a developer token as Token.
//
// There is advice on the statuses 400, 401, 403, 404, 422 and 429 of TrackDrive's own
// endpoints and of webhooks to TrackDrive; on 429 of any host; on a value that still
// holds a token; and on an address that is not an endpoint, such as that of the page with
// the posting instructions. The permissions that an update needs are named only if the
// answer comes from TrackDrive and not from a proxy. Advice returns "" if it has nothing
// to add to [Error.Error].
func (e *Error) Advice() string {
	if e == nil {
		return ""
	}
	var mistake *endpointMistake
	var attached *adviceError
	switch {
	case errors.As(e.Err, &mistake):
		return mistake.advice
	case errors.Is(e, ErrLeftoverToken):
		return adviceOnLeftover(e.Err)
	case e.StatusCode != 0 && companyOf(e.URL) != "" && isInstructionsPage(e.URL):
		return instructionsAdvice
	case errors.As(e.Err, &attached):
		return attached.full
	}
	refusal := e.refusal()
	return refusal.Sentences()
}

// refusal returns what the fields say about a refusal.
func (e *Error) refusal() advice.Refusal {
	r := advice.Refusal{Status: e.StatusCode, Body: e.Body, Company: companyOf(e.URL)}
	if r.Status == 0 {
		r.Status = e.statusOfKind()
	}
	r.Elsewhere = r.Company == "" && (e.Operation == "" || e.Operation == "webhook")
	r.Update = e.Operation == updateCallName || strings.Contains(e.URL, apiPath+updatePath)
	r.Lookup = isLookup(e.Operation)
	e.describe(&r)
	return r
}

// describe adds what a refusal was about, and what the reply says.
func (e *Error) describe(r *advice.Refusal) {
	r.Wait = e.RetryAfter
	switch subject := adviceSubjects[e.Operation]; {
	case subject.noun != "":
		r.Subject, r.Check = subject.noun, subject.check
	case strings.Contains(e.URL, "/inbound_webhooks/"):
		r.Subject, r.Check = "endpoint", "the vanity URI"
	}
	for _, reason := range e.Errors {
		name := display.Shorten(display.Line(display.HideNumbers(reason.Field)), maxAdviceField)
		if name != "" && !slices.Contains(r.Fields, name) {
			r.Fields = append(r.Fields, name)
		}
	}
}

// maxAdviceField is how much of a field's name is shown, in bytes.
const maxAdviceField = 64

// adviceSubjects are what calls are about, by operation, and what names that in the
// request.
var adviceSubjects = map[string]struct{ noun, check string }{
	"ping": {"endpoint", "the vanity URI"}, "post": {"endpoint", "the vanity URI"}, "full": {"endpoint", "the vanity URI"},
	"call": {"call", "the call's id"}, "send_key_press": {"call", "the call's id"}, "update_call_by_caller_id": {"call", "the caller's number, the offer"},
	"update_lead": {"lead", "the lead"}, "opt_out": {"lead", "the lead"},
}

// statusOfKind returns the status that the error's kind stands for, or 0.
func (e *Error) statusOfKind() int {
	for _, status := range []int{401, 403, 404, 422, 429} {
		if errors.Is(e.Err, kindOfStatus(status)) {
			return status
		}
	}
	return 0
}

// adviceOnLeftover says what to do about a token that nobody replaced.
func adviceOnLeftover(err error) string {
	who := "A value"
	var name leftoverError
	if errors.As(err, &name) {
		who = "The parameter " + string(name)
	}
	return who + " still holds a token that a platform should have replaced. Check how the platform spells the token's name."
}

// endpointMistake is the cause of an endpoint that is an address, with advice on what
// to give instead.
type endpointMistake struct {
	error
	advice string
}

// Unwrap returns the cause.
func (m *endpointMistake) Unwrap() error { return m.error }

// adviseOnEndpoint adds advice to what is wrong with an endpoint.
func adviseOnEndpoint(endpoint string, cause error) error {
	switch {
	case isInstructionsPage(endpoint):
		return &endpointMistake{cause, instructionsAdvice}
	case strings.Contains(ascii.Lower(endpoint), "/inbound_webhooks/"):
		return &endpointMistake{cause, "Give only the vanity URI: the part of the URL after /inbound_webhooks/ping/, post/ or full/."}
	default:
		return cause
	}
}

// isInstructionsPage reports whether an address is that of the page that tells
// publishers how to post.
func isInstructionsPage(address string) bool {
	return strings.Contains(ascii.Lower(address), "/posting_instructions/")
}

const instructionsAdvice = "This is the address of the page with the posting instructions, not of an endpoint. " +
	"Give the vanity URI, which that page shows after /inbound_webhooks/ping/."
