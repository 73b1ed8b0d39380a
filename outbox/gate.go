// Gates: companies that are sent nothing for a while, and how they are tried.

package outbox

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// gates know how it stands with the companies. A company without one is fine.
type gates struct {
	rules      Rules
	probeEvery time.Duration // how often a company with wrong credentials is tried

	mu   sync.Mutex
	list map[string]*gate // by subdomain
}

// gate is a company that failed.
type gate struct {
	failures int       // outages in a row
	paused   bool      // the credentials are at fault
	until    time.Time // nothing is sent before, and then one item
	probing  bool      // that one is on its way
	probes   int       // how many were admitted
}

// patience is how many outages in a row a company may have until it rests.
const patience = 3

func (g *gate) isShut() bool { return g.paused || g.failures >= patience }

// plan says how to claim.
type plan struct {
	shut   []string  // companies that only probes go to
	probes []string  // those that may be sent one now
	rested time.Time // when the next one of those that rest may be; zero for none
	mended time.Time // when the next one of those that are paused may be; zero for none
}

func (g *gates) plan(now time.Time) plan {
	g.mu.Lock()
	defer g.mu.Unlock()
	var p plan
	for subdomain, gate := range g.list {
		if !gate.isShut() {
			continue
		}
		p.shut = append(p.shut, subdomain)
		switch {
		case gate.probing:
		case !now.Before(gate.until):
			p.probes = append(p.probes, subdomain)
		case gate.paused:
			p.mended = earliest(p.mended, gate.until)
		default:
			p.rested = earliest(p.rested, gate.until)
		}
	}
	return p
}

// earliest of two times; a zero one does not count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// probe marks that the company's one item is on its way.
func (g *gates) probe(subdomain string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate := g.list[subdomain]; gate != nil {
		gate.probing = true
	}
}

// turn is what a delivery changed for its company.
type turn int

const (
	unchanged turn = iota
	shutNow        // it is paused from now on
	openNow        // it was paused, and is no longer
)

// tell the gate of a company what became of an item, and whether the company
// answered.
func (g *gates) tell(subdomain string, d *Decision, answered bool, now time.Time) turn {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.list[subdomain]
	failed := d.Credentials || d.Outage || d.State == Aside && !answered
	switch {
	case !failed && answered:
		delete(g.list, subdomain)
		if was != nil && was.paused {
			return openNow
		}
		return unchanged
	case !failed: // it was the item's own fault, and says nothing of the company
		return unchanged
	case was == nil:
		was = &gate{}
		g.list[subdomain] = was
	}
	leftover := was.isShut() && !was.probing
	was.probing = false
	if d.Credentials {
		return was.pause(now.Add(g.probeEvery))
	}
	if leftover { // it was sent before the company rested: the same outage
		was.until = later(was.until, now.Add(d.RetryAfter))
		return unchanged
	}
	was.failures++
	if d.RetryAfter > 0 {
		was.failures = max(was.failures, patience)
	}
	rest := g.rules.wait(max(0, was.failures-patience))
	if was.paused {
		rest = g.probeEvery
	}
	was.until = now.Add(max(rest, d.RetryAfter))
	return unchanged
}

func (g *gate) pause(until time.Time) turn {
	wasPaused := g.paused
	g.paused, g.until = true, until
	if wasPaused {
		return unchanged
	}
	return shutNow
}

// stopProbing is for a probe that was not sent.
func (g *gates) stopProbing(subdomain string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate := g.list[subdomain]; gate != nil {
		gate.probing = false
	}
}

// open forgets what was wrong with a company.
func (g *gates) open(subdomain string) (wasPaused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.list[strings.ToLower(subdomain)]
	delete(g.list, strings.ToLower(subdomain))
	return gate != nil && gate.paused
}

// paused lists the companies with wrong credentials.
func (g *gates) paused() (subdomains []string) {
	subdomains = []string{} // JSON shows a list
	g.mu.Lock()
	defer g.mu.Unlock()
	for subdomain, gate := range g.list {
		if gate.paused {
			subdomains = append(subdomains, subdomain)
		}
	}
	slices.Sort(subdomains)
	return subdomains
}
