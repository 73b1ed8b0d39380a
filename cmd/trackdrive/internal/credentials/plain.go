package credentials

import (
	"errors"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// PlainText returns the text of an error in the words of the command: the library names
// its own options, and the address of each request.
func PlainText(err error) string {
	text := strings.TrimPrefix(err.Error(), "trackdrive: ")
	var call *trackdrive.Error
	if errors.As(err, &call) && call.URL != "" {
		text = strings.Replace(text, call.Method+" "+call.URL+": ", "", 1)
	}
	return optionNames.Replace(text)
}

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
