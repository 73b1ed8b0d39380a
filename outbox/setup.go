// Set-up: tokens and webhooks that the program has, or has not, when an item is sent.

package outbox

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// setupError says that the program's set-up keeps an item from being delivered:
// neither the item nor the company is at fault.
type setupError struct {
	text    string
	cause   error // nil if there is none
	mayPass bool  // another try may succeed by itself
}

// Error says what is missing.
func (e *setupError) Error() string {
	if e.cause == nil {
		return "outbox: " + e.text
	}
	return "outbox: " + e.text + ": " + e.cause.Error()
}

// Unwrap returns the cause.
func (e *setupError) Unwrap() error { return e.cause }

// notSetUp returns the error of an item that was not sent because of the set-up.
func notSetUp(item *Item, e *setupError) error {
	return &trackdrive.Error{Operation: item.Operation, Delivery: trackdrive.DeliveryNotSent, Err: e}
}

// decideSetup parks an item until somebody has mended the set-up. If the fault may
// pass, the item waits first, for as long as for a call that is not known.
func (r Rules) decideSetup(d *Decision, item *Item, e *setupError, now time.Time) {
	d.State = Parked
	if !e.mayPass {
		return
	}
	if left := r.missingFor(d, item, now); left > 0 {
		d.State, d.Wait = Waiting, min(r.wait(item.Attempts), left)
	}
}

// tokenNeed is the token that a request needs. The zero value needs none.
type tokenNeed struct {
	parameter string // its wire name; "" if the request needs none
	name      string // what Config.Tokens knows it by
	isNamed   bool   // the item names it; otherwise the Client's Authenticator may have it
	isBound   bool   // the request is refused without it
}

// The names of the tokens' parameters. In a body, the name of a token stands under
// the parameter's name and nameSuffix.
const (
	leadToken  = "lead_token"
	offerToken = "offer_token"
	nameSuffix = "_name"
)

// newTokenNeed returns the need for a token of a company. If name is "", the item
// does not name one.
func newTokenNeed(subdomain, parameter, name string) tokenNeed {
	n := tokenNeed{parameter: parameter, name: name, isNamed: name != ""}
	if !n.isNamed {
		n.name = subdomain + "/" + parameter
	}
	return n
}

// tokenOf returns the value of a token; "" if the request goes out without one.
func (s *itemSender) tokenOf(item *Item, n tokenNeed) (string, error) {
	isNeeded := n.isNamed || n.isBound
	switch {
	case n.parameter == "":
		return "", nil
	case s.tokens == nil && isNeeded:
		return "", notSetUp(item, &setupError{text: "there is no Config.Tokens, which has to give the token \"" + n.name + "\""})
	case s.tokens == nil:
		return "", nil
	}
	value, err := s.askTokens(n.name)
	switch {
	case err != nil:
		return "", notSetUp(item, &setupError{text: "Config.Tokens failed for the token \"" + n.name + "\"", cause: err, mayPass: true})
	case value == "" && isNeeded:
		return "", notSetUp(item, &setupError{text: "Config.Tokens has no token \"" + n.name + "\""})
	case value != "" && (!utf8.ValidString(value) || trackdrive.LeftoverToken(value) || strings.TrimSpace(value) == ""):
		return "", notSetUp(item, &setupError{text: "Config.Tokens gave a malformed token for \"" + n.name + "\"", mayPass: true})
	}
	return value, nil
}

// askTokens asks the program for a token. Its error, which an item keeps, shows no
// token that came with it.
func (s *itemSender) askTokens(name string) (value string, err error) {
	err = catchPanic(func() (err error) {
		value, err = s.tokens(name)
		return err
	})
	if err == nil || isPanic(err) {
		return value, err
	}
	var secrets redact.Secrets
	secrets.Add(value)
	return "", secrets.Error(err)
}

// refusesToken reports whether a reply refuses the token of a request.
func refusesToken(err error, n tokenNeed) bool {
	var e *trackdrive.Error
	if n.parameter == "" || !errors.As(err, &e) || e.Delivery != trackdrive.DeliveryAnswered || !isRefusal(err) {
		return false
	}
	for _, reason := range e.Errors {
		if reason.Field == n.parameter {
			return true
		}
	}
	return false
}

func isRefusal(err error) bool {
	return errors.Is(err, trackdrive.ErrBadRequest) || errors.Is(err, trackdrive.ErrRejected)
}

func isInvalid(err error) bool { return errors.Is(err, trackdrive.ErrInvalidArgument) }

func isPanic(err error) bool {
	var p *panicError
	return errors.As(err, &p)
}

// maxTokenName is the maximum length of a token's name, in bytes.
const maxTokenName = 64

// checkTokenName refuses what may be the token itself: its name is stored. Names are
// made of words and short numbers, and tokens are not.
func checkTokenName(field, name string) error {
	switch {
	case name == "":
		return invalidArgument(field, "is empty; give the name by which Config.Tokens knows the token")
	case len(name) > maxTokenName || !isName(name):
		return invalidArgument(field, `is not made of words (a to z, in one case) and numbers of up to four digits, such as "solar-offer-2", and may be the token itself, which an item must not hold`)
	}
	return nil
}

// isName reports whether text is made of words, each with up to four digits behind
// it, and of numbers with up to four.
func isName(text string) bool {
	if strings.HasPrefix(text, "tdprv") || strings.HasPrefix(text, "tdpub") {
		return false
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" -_./:", r) })
	for _, word := range words {
		letters := strings.TrimRight(word, "0123456789")
		if len(word)-len(letters) > 4 || len(letters) > 24 || !isWord(letters) {
			return false
		}
	}
	return len(words) > 0
}

// isWord reports whether text has only letters of one case, but for the first.
func isWord(text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' }) {
		return false
	}
	return text == "" || text == strings.ToUpper(text) || text[1:] == strings.ToLower(text[1:])
}
