// Package inbound reads what platforms send: it tells a form from JSON, and reads what
// it can from a broken form.
package inbound

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Kind says how a body is to be read.
type Kind int

// The kinds of bodies.
const (
	Empty     Kind = iota // an empty body
	JSON                  // one JSON value
	Form                  // names and values, as in a query
	Multipart             // not to be read
)

var byteOrderMark = []byte("\ufeff")

// Trim returns a body without blanks at its ends, and without a byte order mark.
func Trim(body []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(body, byteOrderMark)) }

// KindOf returns the kind of a trimmed body. The content type tells JSON from a form
// or, if it does not, the first character. The error says why the body may hold more
// than can be read; it is an [UnsupportedError].
func KindOf(h http.Header, body []byte) (Kind, error) {
	if len(body) == 0 {
		return Empty, nil
	}
	kind, mistake := kindByType(h.Get("Content-Type"), body)
	if encoding := h.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return kind, UnsupportedError("it is compressed")
	}
	return kind, mistake
}

func kindByType(contentType string, body []byte) (Kind, error) {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	switch {
	case mediaType == "application/json" || strings.HasSuffix(mediaType, "+json") || body[0] == '{':
		return JSON, nil
	case mediaType == "multipart/form-data":
		return Multipart, UnsupportedError("it is multipart; send a form or JSON")
	case mediaType == "" || mediaType == "text/plain" || mediaType == "application/x-www-form-urlencoded":
		return Form, nil
	default:
		return Form, UnsupportedError(fmt.Sprintf("it is %s; send a form or JSON", mediaType))
	}
}

// UnsupportedError says that a body has a type or an encoding that is not read.
type UnsupportedError string

// Error returns what the body is.
func (e UnsupportedError) Error() string { return string(e) }

// ParseForm reads a query or a form. It reads what it can from a broken one; the error
// says what is wrong, without the values.
func ParseForm(text string) (url.Values, error) {
	values, err := url.ParseQuery(text)
	var escape url.EscapeError
	switch {
	case err == nil:
		return values, nil
	case errors.As(err, &escape):
		return values, errors.New("it has a percent sign that does not begin an escape")
	case strings.Contains(text, ";"):
		return values, errors.New("it has a semicolon between parameters")
	default:
		return values, errors.New("it has too many parameters")
	}
}
