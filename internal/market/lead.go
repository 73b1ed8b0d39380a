package market

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Lead is a caller whose call is for sale, and how the market treats it.
type Lead struct {
	Caller  string // unlike every other lead's
	Seed    uint64 // decides what is sold, and what is answered
	Trouble Trouble
	Sources []Source
}

// Source is an endpoint.
type Source struct {
	Name        string // the vanity URI
	Static      bool   // its pings may count as posts
	SellsCopies bool   // sells a lead again that it has sold before; others refuse the duplicate
}

// leadBook is what the market knows of a lead.
type leadBook struct {
	Lead
	sources map[string]*sourceBook

	mu    sync.Mutex // guards the sources' books, too
	story []string
}

// sourceBook is what a source knows of a lead. Its random numbers are its own,
// so that they do not depend on when the others are asked.
type sourceBook struct {
	Source
	rng     *rand.Rand
	pings   int
	pingIDs map[string]bool
	isSold  bool
	byPing  bool // sold by a ping, which no post has confirmed yet
}

func newLeadBook(l Lead) *leadBook {
	book := &leadBook{Lead: l, sources: map[string]*sourceBook{}}
	for i, src := range l.Sources {
		book.sources[src.Name] = &sourceBook{Source: src, rng: rand.New(rand.NewPCG(l.Seed, uint64(i))), pingIDs: map[string]bool{}}
	}
	return book
}

// arrive draws what will go wrong with a request, and how long it takes until
// it is decided, and then until it is answered.
func (l *leadBook) arrive(req marketRequest) (t Trouble, before, after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	src := l.sources[req.source]
	t = l.Trouble.strikes(src.rng, req.operation == "post" || src.Static)
	before, after = randomPause(src.rng, usualPause), randomPause(src.rng, usualPause)
	switch {
	case !t.slow:
	case inPercent(src.rng, 50):
		before = randomPause(src.rng, slowPause)
	default:
		after = randomPause(src.rng, slowPause)
	}
	return t, before, after
}

// saleDecision is what a request leads to.
type saleDecision int

const (
	doesNotSell  saleDecision = iota
	sellsLead                 // for the ledger
	confirmsPing              // whose sale is in the ledger
	refusesCopy               // of what is in the ledger
)

func (d saleDecision) String() string {
	return [...]string{"does not sell", "SELLS", "confirms the ping's sale", "refuses a copy"}[d]
}

// takePing decides on a ping.
func (b *sourceBook) takePing() saleDecision {
	switch {
	case !b.Static:
		return doesNotSell
	case b.isSold:
		return b.takeCopy()
	case inPercent(b.rng, 30):
		b.isSold, b.byPing = true, true
		return sellsLead
	default:
		return doesNotSell
	}
}

// takePost decides on a post. The first one after a ping that sold names the
// buyer of the same call; what comes after that is a copy.
func (b *sourceBook) takePost() saleDecision {
	switch {
	case b.byPing && (b.SellsCopies || inPercent(b.rng, 50)):
		b.byPing = false
		return confirmsPing
	case b.isSold:
		return b.takeCopy()
	case inPercent(b.rng, 60):
		b.isSold = true
		return sellsLead
	default:
		return doesNotSell
	}
}

// takeCopy decides on a lead that the source has sold before.
func (b *sourceBook) takeCopy() saleDecision {
	if b.SellsCopies {
		return sellsLead
	}
	return refusesCopy
}

// nextBids begins the reply to the next ping.
func (b *sourceBook) nextBids() *bidWriter {
	b.pings++
	return &bidWriter{prefix: fmt.Sprintf("%s-%d", b.Name, b.pings)}
}

// remember keeps the ping ids of a reply.
func (b *sourceBook) remember(pingIDs []string) {
	for _, id := range pingIDs {
		b.pingIDs[id] = true
	}
}
