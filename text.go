// Texts in messages: names, values and a server's words, each in one short line.

package trackdrive

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// quoteName returns a name for a message, quoted unless it is plain: the caller
// may have it from outside.
func quoteName(name string) string {
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' || name[i] == '"' {
			return strconv.Quote(name)
		}
	}
	return name
}

// shownText returns a value for a message: quoted, and short.
func shownText(text string) string {
	return strconv.Quote(display.Shorten(text, maxShown))
}

// maxShown is how much of a wrong value a message shows, in bytes.
const maxShown = 64

// maxReasons and maxMessage, in bytes, bound the message of an Error: the server
// may say more than a log line should hold.
const (
	maxReasons = 10
	maxMessage = 300
)

// oneLine returns a server's text in one line, cut to maxMessage.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	return display.Shorten(text, maxMessage)
}

// withoutNumbers returns a server's text in one line, its phone numbers cut to
// their last two digits.
func withoutNumbers(text string) string { return display.ReplaceNumbers(oneLine(text), lastDigits) }

// lastDigits returns the last two digits of a phone number: "…10"; "" if there is
// no number.
func lastDigits(number string) string { return display.LastDigits(number) }

// countOf returns a number of things: "1 attempt", "2 attempts".
func countOf(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// withoutPrefix drops the package's prefix from a text inside a message that
// already has it.
func withoutPrefix(text string) string { return strings.TrimPrefix(text, "trackdrive: ") }

// isBlank reports whether text is empty, or only white space.
func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// sortedNames returns the keys of a map, in order.
func sortedNames[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

var byteOrderMark = []byte("\ufeff")
