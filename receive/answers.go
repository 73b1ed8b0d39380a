// Answers that were given, for requests that are repeated.

package receive

import (
	"context"
	"sync"
	"time"
)

// answerKey is what a request and its repetition have in common.
type answerKey struct {
	kind keyKind
	text string
}

// keyKind says how long an answer is known.
type keyKind int

const (
	withoutKey keyKind = iota // it is not known at all
	byCall                    // for callMemory
	byPost                    // for callMemory: the ping id of a post
	byPing                    // while the answer holds
	byCaller                  // while the answer holds
)

// maxAnswers is how many answers are known at most: of more, the first are forgotten.
const maxAnswers = 1 << 16

// heldAnswer is an answer, or a place for one that is being found.
type heldAnswer struct {
	done chan struct{} // closed once there is an answer

	// All below is set before done is closed, and not changed after.
	answer Answer
	failed bool
	at     time.Time // when it was given
	until  time.Time // when it is forgotten
}

// answerMemory knows answers by their keys. The zero one is empty.
type answerMemory struct {
	mu    sync.Mutex
	known map[answerKey]*heldAnswer
	order []keptAnswer // those in known that have an answer, the oldest first
}

type keptAnswer struct {
	key  answerKey
	held *heldAnswer
}

// ask returns the answer to a request, which is another's if that has the same key.
// Otherwise find finds it. Once ctx ends, the answer is no buyer.
func (m *answerMemory) ask(ctx context.Context, key answerKey, find func() (Answer, error)) *heldAnswer {
	if ctx.Err() != nil {
		return new(heldAnswer) // it is too late to ask
	}
	held, isNew := m.hold(key)
	if isNew {
		go func() {
			outcome := heldAnswer{failed: true} // what the end of the goroutine leaves
			defer func() { m.settle(key, held, outcome) }()
			answer, err := find()
			switch {
			case err == nil:
				outcome = heldAnswer{answer: answer}
			case ctx.Err() != nil: // it gave up because of the deadline
				outcome = heldAnswer{}
			}
		}()
	}
	select {
	case <-held.done:
	case <-ctx.Done():
		m.settle(key, held, heldAnswer{})
	}
	return held
}

// hold returns the answer with this key, or a place for it.
func (m *answerMemory) hold(key answerKey) (held *heldAnswer, isNew bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if held = m.known[key]; held != nil && !held.isOver(time.Now()) {
		return held, false
	}
	held = &heldAnswer{done: make(chan struct{})}
	if key.kind != withoutKey {
		if m.known == nil {
			m.known = make(map[answerKey]*heldAnswer)
		}
		m.known[key] = held
	}
	return held, true
}

// isOver reports whether the answer is no longer known. One that is not there yet is.
func (h *heldAnswer) isOver(now time.Time) bool {
	return !h.at.IsZero() && !now.Before(h.until)
}

// settle notes the outcome, unless there is one. The first counts: it may have been
// sent.
func (m *answerMemory) settle(key answerKey, held *heldAnswer, outcome heldAnswer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !held.at.IsZero() {
		return
	}
	held.answer, held.failed, held.at = outcome.answer, outcome.failed, time.Now()
	held.until = held.at.Add(key.memory(outcome))
	close(held.done)
	if held.isOver(held.at) {
		if m.known[key] == held {
			delete(m.known, key)
		}
		return
	}
	m.keep(key, held)
	m.keepByPing(held)
}

// keepByPing makes an answer known under the ping id that it gives, too.
func (m *answerMemory) keepByPing(held *heldAnswer) {
	key := answerKey{byPing, string(held.answer.PingID)}
	if key.text == "" || held.answer.ExpiresIn == 0 || m.known[key] != nil {
		return
	}
	same := *held
	same.until = held.at.Add(held.answer.ExpiresIn)
	m.known[key] = &same
	m.keep(key, &same)
}

// memory is how long an outcome is known.
func (k answerKey) memory(outcome heldAnswer) time.Duration {
	switch {
	case outcome.failed || k.kind == withoutKey:
		return 0
	case k.kind == byCall || k.kind == byPost:
		return callMemory
	default:
		return outcome.answer.ExpiresIn
	}
}

// keep adds an answer to the known ones, and forgets what is over or too much.
func (m *answerMemory) keep(key answerKey, held *heldAnswer) {
	m.order = append(m.order, keptAnswer{key, held})
	for len(m.order) > maxAnswers || m.order[0].held.isOver(held.at) {
		oldest := m.order[0]
		m.order[0] = keptAnswer{}
		m.order = m.order[1:]
		if m.known[oldest.key] == oldest.held {
			delete(m.known, oldest.key)
		}
	}
}
