// Bounds: how many values a label has, and what it never shows.

package prom

import (
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/echoes"
	"github.com/trackdrive-go/trackdrive/internal/labels"
)

// restLabel is the label of values beyond a limit.
const restLabel = labels.Rest

// boundedPairs bounds two labels and the number of their combinations. Otherwise there
// could be as many series as the product of the two limits.
type boundedPairs struct {
	first, second *labels.Set
	limit         int

	mu    sync.Mutex
	known map[[2]string]bool
}

// newBoundedPairs returns a set with limits for the first labels and for the pairs.
func newBoundedPairs(firsts, pairs int) *boundedPairs {
	return &boundedPairs{first: labels.NewSet(firsts), second: labels.NewSet(pairs), limit: pairs, known: make(map[[2]string]bool)}
}

// labels returns the labels of two texts.
func (p *boundedPairs) labels(first, second string) (string, string) {
	first, second = p.first.Label(first), p.second.Label(second)
	if second == "" || second == restLabel {
		return first, second
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pair := [2]string{first, second}
	switch {
	case p.known[pair]:
	case len(p.known) < p.limit:
		p.known[pair] = true
	default:
		return first, restLabel
	}
	return first, second
}

// anyBuyer is the label of a bid for all buyers if the reply does not say which of them
// took the lead.
const anyBuyer = "any"

// buyerText returns what a buyer of the replies is called in a label: its name or, if the
// name is empty, repeats a credential of the request or looks like one, its id.
// The second rule is for names whose replies are not known, such as those of AddSale.
func buyerText(b *trackdrive.Buyer, replies []any) string {
	mayBeShown := func(text string) bool {
		return text != "" && !mayBeSecret(text) && echoes.Text(text, replies...) == text
	}
	switch {
	case mayBeShown(b.Name):
		return b.Name
	case mayBeShown(string(b.ID)):
		return "buyer " + string(b.ID)
	case b.Name == "" && b.ID == "":
		return anyBuyer
	default:
		return restLabel
	}
}

// mayBeSecret reports whether a text has a word that is long, or that is rather long
// and has a digit: names are made of words, and credentials are not.
func mayBeSecret(text string) bool {
	const longWord, longWithDigit = 32, 16
	for word := range strings.FieldsSeq(text) {
		hasDigit := strings.ContainsAny(word, "0123456789")
		if len(word) > longWord || hasDigit && len(word) >= longWithDigit {
			return true
		}
	}
	return false
}
