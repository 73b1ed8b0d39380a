// What goes wrong: one error type for every call, its kinds, and whether the
// call may have been acted on.

package trackdrive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/advice"
	"github.com/trackdrive-go/trackdrive/internal/attempt"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// What went wrong, for [errors.Is]. The first three, and ErrLeftoverToken, are
// decided before anything is sent.
var (
	ErrInvalidArgument = errors.New("trackdrive: invalid argument")                // refused here; nothing was sent
	ErrNoCredentials   = errors.New("trackdrive: no credentials")                  // none for this subdomain; nothing was sent
	ErrExpired         = errors.New("trackdrive: ping id expired")                 // nothing was sent
	ErrUnauthorized    = errors.New("trackdrive: unauthorized")                    // 401
	ErrForbidden       = errors.New("trackdrive: forbidden")                       // 403: the credentials are fine, a team permission is missing
	ErrNotFound        = errors.New("trackdrive: not found")                       // 404: endpoint, call or subdomain
	ErrBadRequest      = errors.New("trackdrive: bad request")                     // 400, 422, other 4xx
	ErrRateLimited     = errors.New("trackdrive: rate limited")                    // 429
	ErrServer          = errors.New("trackdrive: server error")                    // 5xx
	ErrRejected        = errors.New("trackdrive: rejected")                        // a lead or an update refused in a readable reply
	ErrUnreadable      = errors.New("trackdrive: unreadable reply")                // HTML, truncated, too large, not JSON
	ErrAmbiguous       = narrowError(ErrUnreadable, "trackdrive: ambiguous reply") // a post's reply says both sold and rejected, or neither: it may be sold; also ErrUnreadable
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

// contradictoryReply is a reply that can be read and does not say whether the call
// was acted on.
type contradictoryReply struct {
	kind error // ErrAmbiguous or ErrRejected
	text string
}

func (e *contradictoryReply) Error() string { return e.kind.Error() + ": " + e.text }
func (e *contradictoryReply) Unwrap() error { return e.kind }

// Is tells the attempt loop never to send the call again.
func (e *contradictoryReply) Is(target error) bool { return target == attempt.ErrContradictory }

// Delivery tells whether TrackDrive may have acted on a call, all its attempts
// taken together. The zero value is the one to be careful with.
type Delivery int

// How far a call came.
const (
	DeliveryUnknown  Delivery = iota // some attempt was sent and got no readable answer: it may have been acted on
	DeliveryAnswered                 // TrackDrive answered, and every attempt before was refused or not sent
	DeliveryNotSent                  // provably never reached TrackDrive: safe to try again, or elsewhere
)

// DeliveryOf returns the delivery of a call by its error: Answered for nil,
// Unknown for an error that is not this package's. Where several calls' errors
// were joined, the most doubtful one counts.
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

// FieldError is one reason: what is wrong and, where it is known, with which
// field. In a reply the words are TrackDrive's own.
type FieldError struct {
	Field   string // the parameter's wire name, or a place such as "criteria[1].condition"; "" when the reason is about the whole
	Message string
}

// Error gives "caller_id: is invalid", or the message alone.
func (f FieldError) Error() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Field + ": " + f.Message
}

// ParseError lists every mistake in criteria, a template or a webhook
// configuration. It is [ErrInvalidArgument].
type ParseError struct {
	Mistakes []FieldError // Field is the place: "criteria[1].condition", "body 3:14"
}

// Error gives all mistakes in one line, each with its place.
func (e *ParseError) Error() string {
	return ErrInvalidArgument.Error() + ": " + joinReasons(e.Mistakes)
}

// Is reports that a ParseError is ErrInvalidArgument.
func (e *ParseError) Is(target error) bool { return target == ErrInvalidArgument }

// mistakeList are collected while a configuration is checked.
type mistakeList []FieldError

func (m *mistakeList) mistake(place, format string, args ...any) {
	*m = append(*m, FieldError{place, fmt.Sprintf(format, args...)})
}

// addInside adds what an error says of a key's value, with places below the
// key: "acceptance.criteria[1].condition".
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

// add adds what an error says, under a place.
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
	for _, m := range mistakes {
		isSame := func(other FieldError) bool {
			return other.Message == m.Message && strings.EqualFold(other.Field, m.Field)
		}
		if !slices.ContainsFunc(list, isSame) {
			list = append(list, m)
		}
	}
	return list
}

// maxErrorBody is how much of a reply an Error keeps, in bytes.
const maxErrorBody = 4 << 10

// Error is every error of a call. It never holds a credential, a query string
// or a request body. [errors.Is] looks at Err and StatusCode alone, so that one
// made by hand, in tests, works like a real one.
type Error struct {
	Operation  string        // which call it was: see Attempt
	Method     string        // the HTTP method
	URL        string        // scheme, host and the path's template, without the query
	StatusCode int           // 0 without an answer
	Status     string        // the reply's own status word
	Errors     []FieldError  // the reply's reasons
	Body       []byte        // the start of the reply, at most 4 KiB, credentials taken out
	Attempts   int           // how often the call was tried, also where nothing left
	Delivery   Delivery      // whether it may have been acted on
	RetryAfter time.Duration // what the server asked for; 0 when nothing
	Err        error         // the cause
}

// Error tells what failed, what the server said, and whether the call may have
// been acted on, in one line:
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

// inWords is a delivery for people.
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

// kindOfStatus returns the kind that an HTTP status alone decides; nil for
// none and for 2xx.
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

// shortReasons is what a message says of a reply's reasons.
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

func joinReasons(reasons []FieldError) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = r.Error()
	}
	return strings.Join(texts, "; ")
}

// invalidArgument is the error for a wrong argument: it names the parameter and never
// shows its value.
func invalidArgument(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrInvalidArgument, field, fmt.Sprintf(format, args...))
}

// String returns "unknown", "answered" or "not_sent".
func (d Delivery) String() string { return deliveryNames.name(d) }

// MarshalText writes the name that String returns.
func (d Delivery) MarshalText() ([]byte, error) { return deliveryNames.marshal(d) }

// UnmarshalText reads the name that MarshalText writes.
func (d *Delivery) UnmarshalText(text []byte) error { return deliveryNames.unmarshal(text, d) }

var deliveryNames = enumNames[Delivery]{"delivery", []string{"unknown", "answered", "not_sent"}}

// enumNames are the texts of a type's constants, which count from 0.
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
	return invalidArgument(n.what, "must be one of %s", strings.Join(n.list, ", "))
}

// adviceError is a cause with what to do about it.
type adviceError struct {
	cause error
	text  string
}

// Error gives the cause and the advice.
func (a *adviceError) Error() string { return a.cause.Error() + ": " + a.text }

// Unwrap returns the cause.
func (a *adviceError) Unwrap() error { return a.cause }

// updateCallName is the operation that updates a call.
const updateCallName = "update_call"

// advice is what came with the cause or, of an Error made by hand, what its
// fields tell.
func (e *Error) advice() string {
	var a *adviceError
	if errors.As(e.Err, &a) {
		return a.text
	}
	if e.Operation != updateCallName {
		return ""
	}
	refusal := advice.Refusal{Status: e.StatusCode, Body: e.Body, Company: companyOf(e.URL), Update: true}
	return refusal.Text()
}

// companyOf is the subdomain in a URL of TrackDrive's.
func companyOf(rawURL string) string {
	host, _ := urlpart.HostIn(rawURL)
	return urlpart.CompanyIn(host)
}

// withoutAdvice is the text of a cause alone.
func withoutAdvice(err error) string {
	var a *adviceError
	if errors.As(err, &a) {
		return strings.TrimSuffix(err.Error(), ": "+a.text)
	}
	return err.Error()
}

// leftoverError is the error for a value that some platform should have replaced.
// It names the parameter, and is ErrLeftoverToken and
// ErrInvalidArgument.
type leftoverError string

func (e leftoverError) Error() string { return ErrLeftoverToken.Error() + ": " + string(e) }

func (e leftoverError) Unwrap() []error { return []error{ErrLeftoverToken, ErrInvalidArgument} }
