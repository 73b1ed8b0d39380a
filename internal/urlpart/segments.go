package urlpart

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
)

// MaxSegment is how long a call uuid or a vanity URI may be, in bytes.
const MaxSegment = 128

// IsVanityURI reports whether text is one segment of a path that needs no
// escape.
func IsVanityURI(text string) bool {
	for i := range len(text) {
		if c := text[i]; !ascii.IsWord(c) && c != '-' && c != '.' {
			return false
		}
	}
	return text != "" && len(text) <= MaxSegment && text != "." && text != ".."
}

// SegmentMistake says why text would leave its place in a path; "" if it would
// not.
func SegmentMistake(text string) string {
	switch {
	case text == "":
		return "is empty"
	case text == "." || text == "..":
		return "must not be a dot segment"
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "has control characters"
	}
	return ""
}

// EscapeSegment escapes text so that it stays one segment.
func EscapeSegment(text string) string { return url.PathEscape(text) }

// UnescapeSegment is the opposite of EscapeSegment. It returns what is not
// escaped well as it is.
func UnescapeSegment(segment string) string {
	text, err := url.PathUnescape(segment)
	if err != nil {
		return segment
	}
	return text
}

// IndexAny returns where the first of chars is in text, or where text ends: the
// end of the part that text begins with.
func IndexAny(text, chars string) int {
	if at := strings.IndexAny(text, chars); at >= 0 {
		return at
	}
	return len(text)
}
