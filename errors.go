// Errors: one type for every call, its kinds, and whether the call may have been
// acted on.

package trackdrive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/advice"
	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// The kinds of errors, for [errors.Is]. The first three and ErrLeftoverToken are
// found before a request is sent. A retry can end with one of them: then the
// error's Delivery says what may have become of the attempts before.
var (
	ErrInvalidArgument = errors.New("trackdrive: invalid argument")                // refused by this package
	ErrNoCredentials   = errors.New("trackdrive: no credentials")                  // none for this subdomain
	ErrExpired         = errors.New("trackdrive: ping id expired")                 // PostRequest.ExpiresAt has passed
	ErrUnauthorized    = errors.New("trackdrive: unauthorized")                    // 401
	ErrForbidden       = errors.New("trackdrive: forbidden")                       // 403: the credentials are fine, but a team permission is missing
	ErrNotFound        = errors.New("trackdrive: not found")                       // 404: endpoint, call or subdomain
	ErrBadRequest      = errors.New("trackdrive: bad request")                     // 400, 422, other 4xx
	ErrRateLimited     = errors.New("trackdrive: rate limited")                    // 429
	ErrServer          = errors.New("trackdrive: server error")                    // 5xx
	ErrRejected        = errors.New("trackdrive: rejected")                        // a readable reply refuses a lead or an update
	ErrUnreadable      = errors.New("trackdrive: unreadable reply")                // HTML, truncated, too large, not JSON
	ErrAmbiguous       = narrowError(ErrUnreadable, "trackdrive: ambiguous reply") // the reply to a post says both sold and rejected, or neither: the lead may be sold; also ErrUnreadable
	ErrRedirect        = errors.New("trackdrive: unexpected redirect")             // redirects are never followed
	ErrNetwork         = errors.New("trackdrive: network error")                   // no answer
	ErrTimeout         = errors.New("trackdrive: timeout")                         // no answer in time; also matches context.DeadlineExceeded
	ErrLeftoverToken   = errors.New("trackdrive: unreplaced template token")       // a value still looks like [token] or {{token}}; also ErrInvalidArgument
)

// narrowError makes a kind of error that is also a wider one.
func narrowError(wider error, text string) error { return &narrowKind{wider, text} }

type narrowKind struct {
	wider error
	text  string
}

func (k *narrowKind) Error() string { return k.text }
func (k *narrowKind) Unwrap() error { return k.wider }

// contradictoryReply is the error for a readable reply that does not say whether
// the call was acted on.
type contradictoryReply struct {
	kind error // ErrAmbiguous or ErrRejected
	text string
}

func (e *contradictoryReply) Error() string { return e.kind.Error() + ": " + e.text }
func (e *contradictoryReply) Unwrap() error { return e.kind }

// Is makes the attempt loop never send the call again.
func (e *contradictoryReply) Is(target error) bool { return target == attempt.ErrContradictory }

// Delivery says whether TrackDrive may have acted on a call, all its attempts
// taken together. The zero value is the most doubtful one.
type Delivery int

// The deliveries.
const (
	DeliveryUnknown  Delivery = iota // an attempt was sent and got no readable answer: TrackDrive may have acted on it
	DeliveryAnswered                 // TrackDrive answered, and every earlier attempt was refused or not sent
	DeliveryNotSent                  // the call provably never reached TrackDrive: it is safe to try again, here or elsewhere
)

// DeliveryOf returns the delivery of a call from its error: DeliveryAnswered for
// nil, DeliveryUnknown for an error that is not this package's. If the errors of
// several calls are joined, the most doubtful delivery counts.
func DeliveryOf(err error) Delivery {
	if err == nil {
		return DeliveryAnswered
	}
	d, ours := deliveryIn(err)
	if !ours {
		return DeliveryUnknown
	}
	return d
}

// deliveryIn looks for this package's errors in the tree of err.
func deliveryIn(err error) (d Delivery, ours bool) {
	switch e := err.(type) {
	case nil:
		return DeliveryUnknown, false
	case *Error:
		if e == nil {
			return DeliveryUnknown, false
		}
		return e.Delivery, true
	case *ParseError:
		return DeliveryNotSent, true
	}
	switch err {
	case ErrInvalidArgument, ErrNoCredentials, ErrExpired, ErrLeftoverToken:
		return DeliveryNotSent, true
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return deliveryIn(e.Unwrap())
	case interface{ Unwrap() []error }:
		d = DeliveryNotSent
		for _, inner := range e.Unwrap() {
			if found, is := deliveryIn(inner); is {
				d, ours = min(d, found), true
			}
		}
		return d, ours
	}
	return DeliveryUnknown, false
}

// FieldError is one reason: what is wrong and, if known, with which field. The
// reasons of a reply are in TrackDrive's own words.
type FieldError struct {
	Field   string // the parameter's wire name, or a place such as "criteria[1].condition"; "" if the reason is about the whole
	Message string // what is wrong: "is invalid"
}

// Error returns "caller_id: is invalid", or the message alone if there is no
// field.
func (f FieldError) Error() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Field + ": " + f.Message
}

// ParseError lists every mistake in criteria, a template, or the configuration of
// a webhook or an auction. It is [ErrInvalidArgument].
type ParseError struct {
	Mistakes []FieldError // Field is the place: "criteria[1].condition", "body 3:14"

	positions []documentPosition // of each mistake; nil without a document
}

// Position returns the line and the column, in characters and both from 1, at
// which mistake i is in the JSON document that [ParseWebhook] read: of a mistake
// in a template, where its character is in the JSON text; of something missing,
// where the object begins that lacks it. It returns 0, 0 if there is no document,
// or no mistake i.
func (e *ParseError) Position(i int) (line, column int) {
	if i < 0 || i >= min(len(e.positions), len(e.Mistakes)) {
		return 0, 0
	}
	return e.positions[i].line, e.positions[i].column
}

// Error returns all mistakes in one line, each with its place and, if it is known,
// with its position in the document: "3:14: timeout: must not be negative".
func (e *ParseError) Error() string {
	return ErrInvalidArgument.Error() + ": " + e.reasons()
}

// reasons returns what Error says after what kind of error it is.
func (e *ParseError) reasons() string {
	texts := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		texts[i] = m.Error()
		line, column := e.Position(i)
		if at := (documentPosition{line, column}); line > 0 && m.Field != at.String() {
			texts[i] = at.String() + ": " + texts[i]
		}
	}
	return strings.Join(texts, "; ")
}

// documentPosition is a line and a column in a document, both from 1. The zero
// position is unknown.
type documentPosition struct{ line, column int }

// String returns "3:14", as in the places of mistakes.
func (p documentPosition) String() string { return strconv.Itoa(p.line) + ":" + strconv.Itoa(p.column) }

// Is reports that a ParseError is ErrInvalidArgument.
func (e *ParseError) Is(target error) bool { return target == ErrInvalidArgument }

// mistakeList collects mistakes while a configuration is checked.
type mistakeList []FieldError

func (m *mistakeList) mistake(place, format string, args ...any) {
	*m = append(*m, FieldError{place, fmt.Sprintf(format, args...)})
}

// addInside adds the mistakes in a key's value, with places below the key:
// "acceptance.criteria[1].condition".
func (m *mistakeList) addInside(key string, err error) {
	var parse *ParseError
	if !errors.As(err, &parse) {
		m.add(key, err)
		return
	}
	for _, inner := range parse.Mistakes {
		*m = append(*m, FieldError{jsondoc.JoinPlace(key, inner.Field), inner.Message})
	}
}

// add adds the mistakes that an error reports, under a place.
func (m *mistakeList) add(place string, err error) {
	if err == nil {
		return
	}
	var parse *ParseError
	if !errors.As(err, &parse) {
		text := strings.TrimPrefix(err.Error(), ErrInvalidArgument.Error()+": ")
		m.mistake(place, "%s", strings.TrimPrefix(text, place[strings.LastIndexByte(place, '.')+1:]+": "))
		return
	}
	for _, inner := range parse.Mistakes {
		*m = append(*m, FieldError{strings.TrimSpace(place + " " + inner.Field), inner.Message})
	}
}

// distinctMistakes drops repetitions: of one field, whatever its case, each message
// counts once.
func distinctMistakes(mistakes []FieldError) []FieldError {
	var list []FieldError
	for _, i := range distinctIndexes(mistakes) {
		list = append(list, mistakes[i])
	}
	return list
}

// distinctIndexes returns the indexes of the mistakes that distinctMistakes keeps.
func distinctIndexes(mistakes []FieldError) []int {
	var list []int
	seen := make(map[FieldError]bool, len(mistakes))
	for i, m := range mistakes {
		m.Field = strings.ToLower(m.Field)
		if !seen[m] {
			seen[m] = true
			list = append(list, i)
		}
	}
	return list
}

// maxErrorBody is how much of a reply an Error keeps, in bytes.
const maxErrorBody = 4 << 10

// Error is the error of a call. It never holds a credential, a query string or a
// request body. [errors.Is] looks only at Err and StatusCode, so that an Error
// made by hand, in tests, works like a real one.
type Error struct {
	Operation  string        // which call it was: see Attempt
	Method     string        // the HTTP method
	URL        string        // scheme, host and the path's template, without the query
	StatusCode int           // the HTTP status; 0 without an answer
	Status     string        // the reply's own status word
	Errors     []FieldError  // the reply's reasons
	Body       []byte        // the start of the reply, at most 4 KiB, without credentials
	Attempts   int           // how many times the call was tried, even if nothing was sent
	Delivery   Delivery      // whether TrackDrive may have acted on the call
	RetryAfter time.Duration // the wait that the server asked for; 0 if none
	Err        error         // the cause
}

// Error says in one line what failed, what the server reported, and whether the
// call may have been acted on:
//
//	trackdrive: post POST https://acme.trackdrive.com/api/v1/inbound_webhooks/post/{vanity_uri}: 422 bad request: caller_id: is invalid (1 attempt, answered)
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("trackdrive:")
	for _, part := range []string{e.Operation, e.Method, e.URL} {
		if part != "" {
			b.WriteByte(' ')
			b.WriteString(part)
		}
	}
	if b.Len() > len("trackdrive:") {
		b.WriteByte(':')
	}
	if e.StatusCode != 0 {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(e.StatusCode))
	}
	b.WriteByte(' ')
	b.WriteString(e.reason())
	if e.Attempts > 0 {
		plural := "s"
		if e.Attempts == 1 {
			plural = ""
		}
		fmt.Fprintf(&b, " (%d attempt%s, %s)", e.Attempts, plural, inWords(e.Delivery))
	}
	return b.String()
}

// inWords returns a delivery in words, for people.
func inWords(d Delivery) string {
	switch d {
	case DeliveryUnknown:
		return "outcome unknown"
	case DeliveryNotSent:
		return "not sent"
	default:
		return d.String()
	}
}

func (e *Error) reason() string {
	var parts []string
	kind := kindOfStatus(e.StatusCode)
	if kind != nil && !errors.Is(e.Err, kind) {
		parts = append(parts, withoutPrefix(kind.Error()))
	}
	if e.Err != nil {
		parts = append(parts, oneLine(withoutPrefix(withoutAdvice(e.Err))))
	}
	if len(e.Errors) > 0 {
		parts = append(parts, shortReasons(e.Errors))
	} else if e.Status != "" {
		parts = append(parts, "status "+strconv.Quote(oneLine(e.Status)))
	}
	if advice := e.advice(); advice != "" {
		parts = append(parts, advice)
	}
	if len(parts) == 0 {
		return "failed"
	}
	return strings.Join(parts, ": ")
}

// Is matches the kinds of StatusCode, and ErrTimeout with
// [context.DeadlineExceeded].
func (e *Error) Is(target error) bool {
	switch target {
	case nil:
		return false
	case context.DeadlineExceeded:
		return errors.Is(e.Err, ErrTimeout)
	case ErrTimeout:
		return errors.Is(e.Err, context.DeadlineExceeded)
	}
	return target == kindOfStatus(e.StatusCode)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// kindOfStatus returns the kind that an HTTP status alone decides; nil for 0 and
// for 2xx.
func kindOfStatus(status int) error {
	switch {
	case status == 0, 200 <= status && status <= 299:
		return nil
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case 300 <= status && status <= 399:
		return ErrRedirect
	case 400 <= status && status <= 499:
		return ErrBadRequest
	case 500 <= status && status <= 599:
		return ErrServer
	default: // 101, 999
		return ErrUnreadable
	}
}

// shortReasons returns a reply's reasons as a message shows them: the first few,
// each in one line.
func shortReasons(reasons []FieldError) string {
	shown := reasons[:min(len(reasons), maxReasons)]
	texts := make([]string, len(shown))
	for i, r := range shown {
		texts[i] = oneLine(r.Error())
	}
	text := strings.Join(texts, "; ")
	if more := len(reasons) - len(shown); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// invalidArgument returns the error for a wrong argument. It names the parameter;
// a value in the message must not be a secret.
func invalidArgument(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrInvalidArgument, field, fmt.Sprintf(format, args...))
}

// withoutField returns the message of an error that invalidArgument made, where
// the reader knows the field.
func withoutField(err error) string {
	text := strings.TrimPrefix(err.Error(), ErrInvalidArgument.Error()+": ")
	if _, message, hasField := strings.Cut(text, ": "); hasField {
		return message
	}
	return text
}

// String returns "unknown", "answered" or "not_sent".
func (d Delivery) String() string { return deliveryNames.name(d) }

// MarshalText writes the name that String returns.
func (d Delivery) MarshalText() ([]byte, error) { return deliveryNames.marshal(d) }

// UnmarshalText reads the name that MarshalText writes.
func (d *Delivery) UnmarshalText(text []byte) error { return deliveryNames.unmarshal(text, d) }

var deliveryNames = enumNames[Delivery]{"delivery", []string{"unknown", "answered", "not_sent"}}

// enumNames holds the names of a type's constants, which count from 0.
type enumNames[T ~int] struct {
	what string
	list []string
}

func (n enumNames[T]) name(v T) string {
	if v < 0 || int(v) >= len(n.list) {
		return n.what + "(" + strconv.Itoa(int(v)) + ")"
	}
	return n.list[v]
}

func (n enumNames[T]) marshal(v T) ([]byte, error) {
	if v < 0 || int(v) >= len(n.list) {
		return nil, invalidArgument(n.what, "%d is not one of %s", int(v), strings.Join(n.list, ", "))
	}
	return []byte(n.list[v]), nil
}

func (n enumNames[T]) unmarshal(text []byte, v *T) error {
	for i, name := range n.list {
		if strings.EqualFold(name, string(text)) {
			*v = T(i)
			return nil
		}
	}
	return invalidArgument(n.what, "%s", mustBeOneOf(string(text), n.list))
}

// mustBeOneOf is the mistake for a text that is not one of a few names.
func mustBeOneOf(text string, names []string) string {
	message := "must be one of " + strings.Join(names, ", ")
	if nearest := suggest.Nearest(text, names); nearest != "" {
		message += "; did you mean " + strconv.Quote(nearest) + "?"
	}
	return message
}

// adviceError is a cause with advice on what to do about it.
type adviceError struct {
	cause error
	text  string // in a few words; "" if there is only full
	full  string // in sentences
}

// Error returns the cause and the advice.
func (a *adviceError) Error() string {
	if a.text == "" {
		return a.cause.Error()
	}
	return a.cause.Error() + ": " + a.text
}

// Unwrap returns the cause.
func (a *adviceError) Unwrap() error { return a.cause }

// updateCallName is the operation that updates a call.
const updateCallName = "update_call"

// advice returns the advice that came with the cause or, for an Error made by
// hand, the advice that its fields lead to.
func (e *Error) advice() string {
	var a *adviceError
	if errors.As(e.Err, &a) {
		return a.text
	}
	refusal := advice.Refusal{Status: e.StatusCode, Body: e.Body, Company: companyOf(e.URL), Update: e.Operation == updateCallName, Lookup: isLookup(e.Operation)}
	if !refusal.Update && !refusal.Lookup {
		return ""
	}
	return refusal.Text()
}

// isLookup reports whether an operation reads calls.
func isLookup(operation string) bool { return operation == "call" || operation == "calls" }

// companyOf returns the subdomain in one of TrackDrive's URLs.
func companyOf(rawURL string) string {
	host, _ := urlpart.HostIn(rawURL)
	return urlpart.CompanyIn(host)
}

// withoutAdvice returns the text of a cause without its advice.
func withoutAdvice(err error) string {
	var a *adviceError
	if errors.As(err, &a) {
		return strings.TrimSuffix(err.Error(), ": "+a.text)
	}
	return err.Error()
}

// leftoverError is the error for a token that a platform should have replaced. It
// names the parameter, and is ErrLeftoverToken and ErrInvalidArgument.
type leftoverError string

func (e leftoverError) Error() string { return ErrLeftoverToken.Error() + ": " + string(e) }

func (e leftoverError) Unwrap() []error { return []error{ErrLeftoverToken, ErrInvalidArgument} }
