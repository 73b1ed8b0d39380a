// Package labels bounds the number of labels of metrics, and hides phone numbers in
// them. Texts from replies and from callers may be anything.
package labels

import (
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/echoes"
)

// Rest is the label of every text beyond a set's limit.
const Rest = "other"

// maxLabel is how much of a text a label has, in bytes.
const maxLabel = 64

// Set is a set of labels: those of the first texts that it was given. It is safe for
// concurrent use.
type Set struct {
	limit int
	mu    sync.RWMutex
	known map[string]string // a label by its text; only the first limit labels are there
	used  map[string]bool
}

// NewSet returns a set of at most limit labels, not counting "" and Rest.
func NewSet(limit int) *Set {
	return &Set{limit: limit, known: make(map[string]string), used: make(map[string]bool)}
}

// Label returns the label of a text: the text in one line, short and without phone
// numbers, or Rest if the set is full. If the text comes from replies, it is also without
// what they repeat of their requests' credentials: see [echoes.Text].
func (s *Set) Label(text string, replies ...any) string {
	if text == "" {
		return ""
	}
	s.mu.RLock()
	label, isKnown := s.known[text]
	full := len(s.used) >= s.limit
	s.mu.RUnlock()
	if isKnown {
		return label
	}
	label = labelOf(text)
	if full && !s.has(label) {
		return Rest
	}
	if shown := echoes.Text(text, replies...); shown != text {
		label = labelOf(shown)
	}
	return s.add(text, label)
}

func labelOf(text string) string {
	return display.Shorten(display.Line(display.HideAnyNumbers(text)), maxLabel)
}

func (s *Set) has(label string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.used[label]
}

// add returns the label, or Rest if others were faster and the set is full. It
// remembers few texts, because many may have one label.
func (s *Set) add(text, label string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.used[label] && len(s.used) >= s.limit {
		return Rest
	}
	s.used[label] = true
	if len(s.known) < 2*s.limit && len(text) <= maxLabel {
		s.known[text] = label
	}
	return label
}
