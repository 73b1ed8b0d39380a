package credentials

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/display"
)

// PlainText returns the text of an error in the words of the command: the library names
// its own options, and the address of each request. What Advice says is left out.
func PlainText(err error) string {
	text := strings.TrimPrefix(err.Error(), "trackdrive: ")
	var call *trackdrive.Error
	if errors.As(err, &call) {
		if call.StatusCode != 0 && call.Advice() != "" {
			return refusalText(call)
		}
		text = strings.Replace(text, " "+call.Method+" "+call.URL+": ", ": ", 1)
	}
	return optionNames.Replace(text)
}

// refusalText says what was answered: "update_call: 404 not found: Not found (1 attempt,
// answered)".
func refusalText(call *trackdrive.Error) string {
	text := call.Operation + ": " + strconv.Itoa(call.StatusCode) + " " + strings.ToLower(http.StatusText(call.StatusCode))
	if call.Status != "" {
		text += ": " + call.Status
	}
	for i, reason := range call.Errors {
		if i == mostReasons {
			text += "; ..."
			break
		}
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		text += separator + reason.Error()
	}
	attempts := "1 attempt"
	if call.Attempts != 1 {
		attempts = strconv.Itoa(call.Attempts) + " attempts"
	}
	delivery := call.Delivery.String()
	if call.Delivery == trackdrive.DeliveryUnknown {
		delivery = "outcome unknown"
	}
	return display.ReplaceNumbers(display.Shorten(text, longestText), display.LastDigits) + " (" + attempts + ", " + delivery + ")"
}

// mostReasons, and longestText in bytes, are how much is shown of what a server says.
const (
	mostReasons = 10
	longestText = 400
)

// Advice returns what to do about the error of a call, in the words of the command; ""
// if nobody knows.
func Advice(call *trackdrive.Error) string { return optionNames.Replace(call.Advice()) }

var optionNames = strings.NewReplacer(
	"with WithAuth", "with --credentials FILE, or in the environment",
	"; use PerSubdomain for several companies", "; add the company to the file of credentials",
	"WithBaseURL takes other hosts", "--base-url takes other hosts",
)

// plainError is an error with a text of its own.
type plainError struct {
	text  string
	cause error
}

// Error returns the text.
func (e *plainError) Error() string { return e.text }

// Unwrap returns the cause.
func (e *plainError) Unwrap() error { return e.cause }

// PlainError returns an error with a text in the words of the command.
func PlainError(text string, cause error) error { return &plainError{text, cause} }
