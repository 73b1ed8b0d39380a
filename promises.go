// Promises: for whom a bid of another market holds, and until when. They are what a
// WebhookBidder must know between a ping and its post.

package trackdrive

import (
	"hash/maphash"
	"sync"
	"time"
)

// promiseMemory remembers promised bids, of all WebhookBidders of a Client. It keeps
// hashes alone: no id, and no phone number. If it is full, it forgets the oldest.
type promiseMemory struct {
	seed maphash.Seed // a secret, or a caller could be found by trying all numbers

	mu      sync.Mutex
	known   map[promiseKey]bidPromise
	callers map[uint64]int // how many callers a bid is known for
	oldest  []promiseKey   // of known, each once, in the order in which they came
}

// promiseKey is a bid and the caller it was made for.
type promiseKey struct{ bid, caller uint64 }

type bidPromise struct {
	expiresAt time.Time // zero if nobody said
	keepUntil time.Time
}

const (
	maxPromises = 1 << 16

	// A promise is kept for a while after it has expired, so that its post fails
	// because of that, and one without an expiry for as long as a bid might hold.
	keepExpired   = time.Minute
	keepUndefined = 15 * time.Minute
)

func newPromiseMemory() *promiseMemory { return &promiseMemory{seed: maphash.MakeSeed()} }

// key returns the key of a market's bid for a caller, who may be "".
func (m *promiseMemory) key(market string, id ID, caller string) promiseKey {
	var h maphash.Hash
	h.SetSeed(m.seed)
	_, _ = h.WriteString(market) // it never fails
	_ = h.WriteByte(0)
	_, _ = h.WriteString(string(id))
	bid := h.Sum64()
	if caller == "" {
		return promiseKey{bid: bid}
	}
	return promiseKey{bid, maphash.String(m.seed, caller)}
}

// note remembers a bid, and returns when it expires. A bid that was made before to
// the same caller, and that still holds, keeps its clock if that ends sooner.
func (m *promiseMemory) note(key promiseKey, expiresAt, now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, isKnown := m.known[key]
	if isKnown && before.holds(now) && isSooner(before.expiresAt, expiresAt) {
		expiresAt = before.expiresAt
	}
	promise := bidPromise{expiresAt, expiresAt.Add(keepExpired)}
	if expiresAt.IsZero() {
		promise.keepUntil = now.Add(keepUndefined)
	}
	if !isKnown {
		m.makeRoom(now)
		m.callers[key.bid]++
		m.oldest = append(m.oldest, key)
	}
	m.known[key] = promise
	return expiresAt
}

// makeRoom forgets what is over, as far as nothing older is still kept.
func (m *promiseMemory) makeRoom(now time.Time) {
	if m.known == nil {
		m.known, m.callers = make(map[promiseKey]bidPromise), make(map[uint64]int)
	}
	for len(m.oldest) > 0 {
		key := m.oldest[0]
		if len(m.oldest) < maxPromises && now.Before(m.known[key].keepUntil) {
			return
		}
		m.oldest = m.oldest[1:]
		delete(m.known, key)
		if m.callers[key.bid]--; m.callers[key.bid] == 0 {
			delete(m.callers, key.bid)
		}
	}
}

func (p bidPromise) holds(now time.Time) bool {
	return p.expiresAt.IsZero() || now.Before(p.expiresAt)
}

// isSooner reports whether a is a time, and b is none or later.
func isSooner(a, b time.Time) bool { return !a.IsZero() && (b.IsZero() || a.Before(b)) }

// clockOf returns when a bid expires for a caller; zero if that is not known. If the
// bid is known for other callers only, it is not theirs. A bid that was made without
// a caller is anybody's.
func (m *promiseMemory) clockOf(key promiseKey) (expiresAt time.Time, isTheirs bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	promise, isKnown := m.known[key]
	if !isKnown {
		promise, isKnown = m.known[promiseKey{bid: key.bid}]
	}
	return promise.expiresAt, isKnown || m.callers[key.bid] == 0
}
