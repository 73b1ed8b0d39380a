package insight

import (
	"cmp"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/labels"
)

// Numbers adds up what it observes. It is safe for concurrent use. [New] makes one.
type Numbers struct {
	startedAt time.Time
	calls     callBook
	market    marketBook
	items     itemBook
}

// Option configures [New].
type Option func(*Limits)

// Limits says how many rows there may be. 0 or less is the default.
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

// WithLimits sets how many rows there may be.
func WithLimits(l Limits) Option { return func(set *Limits) { *set = l } }

// New returns Numbers that have observed nothing.
func New(opts ...Option) *Numbers {
	var l Limits
	for _, set := range opts {
		set(&l)
	}
	for limit, usual := range map[*int]int{&l.Sources: defaultSources, &l.Buyers: defaultRows, &l.TrafficSources: defaultRows, &l.Endpoints: defaultRows} {
		*limit = cmp.Or(max(*limit, 0), usual)
	}
	return &Numbers{startedAt: time.Now(), calls: newCallBook(l), market: newMarketBook(l), items: newItemBook(l)}
}

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
