// Package suggest finds the known name that a person may have meant.
package suggest

import (
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// maxCompared is how long a text may be, in bytes, to be compared letter by letter.
const maxCompared = 32

// Nearest returns the known name that text may mean; "" if none is near. Case,
// and whether words are joined by a blank, a hyphen or "_", do not count. Of names
// that are equally near, the first is returned.
func Nearest(text string, known []string) string {
	words := plainWords(text)
	if len(words) > maxCompared {
		return ""
	}
	best, fewest := "", 1+len(words)/4
	for _, name := range known {
		plain := plainWords(name)
		if len(plain) > maxCompared {
			continue
		}
		if n := editDistance(words, plain); n <= fewest && (best == "" || n < fewest) {
			best, fewest = name, n
		}
	}
	return best
}

// plainWords returns text in lower case, with blanks between its words.
func plainWords(text string) string {
	return strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(strings.TrimSpace(text)))
}

// DidYouMean is the mistake for a name that is unknown, where the message already
// has the name: `is unknown; did you mean "body"?`. It is "" without a suggestion.
func DidYouMean(suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return didYouMean + strconv.Quote(suggestion) + "?"
}

const didYouMean = "is unknown; did you mean "

// IsForName reports whether a message is one of [DidYouMean].
func IsForName(message string) bool { return strings.HasPrefix(message, didYouMean) }

// maxShown is how much of an unknown text is shown, in bytes.
const maxShown = 64

// ForValue is [DidYouMean] for a value, which it shows: `"Greter Than": is unknown;
// did you mean "Greater Than"?`.
func ForValue(text, suggestion string) string {
	if suggestion == "" {
		return ""
	}
	return strconv.Quote(display.Shorten(text, maxShown)) + ": " + DidYouMean(suggestion)
}

// editDistance counts the bytes to insert, delete or replace that make b of a,
// which are no longer than maxCompared.
func editDistance(a, b string) int {
	var row [maxCompared + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
