// Limits: how many rows and words there may be.

package insight

import (
	"iter"
	"maps"
	"slices"

	"github.com/trackdrive-go/trackdrive/internal/labels"
)

// Option configures [New].
type Option func(*Limits)

// Limits bounds the number of rows. 0 or less means the default.
type Limits struct {
	Sources        int // sources of auctions; default 100
	Buyers         int // buyers, each of one source; default 500. Beyond, each source has a row "other"
	TrafficSources int // traffic source ids; default 500
	Endpoints      int // rows of calls and of items: each an operation, a company and an endpoint; default 500. Beyond, each operation has a row "other"
}

// The default limits.
const (
	defaultSources = 100
	defaultRows    = 500
)

// WithLimits bounds the number of rows.
func WithLimits(l Limits) Option { return func(set *Limits) { *set = l } }

// wordLimit is how many words of a kind there may be: operations, reasons, kinds of
// events. There are fewer, but a value made by hand may have any.
const wordLimit = 40

func newWords() *labels.Set { return labels.NewSet(wordLimit) }

// limitedRows has at most limit rows, and those of what is beyond.
type limitedRows[K comparable, R any] struct {
	limit int
	rows  map[K]*R
}

func newRows[K comparable, R any](limit int) limitedRows[K, R] {
	return limitedRows[K, R]{limit: limit, rows: make(map[K]*R)}
}

// row returns the row of key and its key or, if there is no more room for it, those of
// beyond.
func (l *limitedRows[K, R]) row(key, beyond K) (K, *R) {
	if r, isKnown := l.rows[key]; isKnown {
		return key, r
	}
	if len(l.rows) >= l.limit {
		key = beyond
	}
	r, isKnown := l.rows[key]
	if !isKnown {
		r = new(R)
		l.rows[key] = r
	}
	return key, r
}

// sortedRows yields rows in the order of their keys.
func sortedRows[K comparable, R any](rows map[K]*R, compare func(a, b K) int) iter.Seq2[K, *R] {
	return func(yield func(K, *R) bool) {
		for _, key := range slices.SortedFunc(maps.Keys(rows), compare) {
			if !yield(key, rows[key]) {
				return
			}
		}
	}
}

func countWord(words *map[string]int64, word string) {
	if *words == nil {
		*words = make(map[string]int64)
	}
	(*words)[word]++
}

// wordCounts returns a copy with words of a type; nil if there are none.
func wordCounts[W ~string](counts map[string]int64) map[W]int64 {
	if len(counts) == 0 {
		return nil
	}
	words := make(map[W]int64, len(counts))
	for word, n := range counts {
		words[W(word)] = n
	}
	return words
}
