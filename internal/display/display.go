// Package display makes text from outside fit to be shown to people: in one
// line, and short.
package display

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
)

// maxLine is how much of a text Line shows, in bytes.
const maxLine = 256

// Shorten cuts a text that is longer than limit, in bytes, and marks the cut
// with "…".
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// Line shortens a text, and escapes whatever does not print: the text may come
// from a reply, and go to a terminal.
func Line(text string) string {
	var b strings.Builder
	for _, r := range Shorten(text, maxLine) {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// JSON is [Line] of a JSON value without the white space between its tokens. A
// text that is not JSON keeps it.
func JSON(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return Line(text)
	}
	return Line(b.String())
}
