// Gates: companies that are sent nothing for a while, and how they are tried.

package outbox

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// companyGates know how it stands with the companies. A company without one is
// fine.
type companyGates struct {
	rules      Rules
	probeEvery time.Duration // how often a company with wrong credentials is tried

	mu   sync.Mutex
	list map[string]*companyGate // by subdomain
}

// companyGate is a company that failed.
type companyGate struct {
	failures int       // outages in a row
	paused   bool      // the credentials are at fault
	until    time.Time // nothing is sent before, and then one item
	probing  bool      // that one is on its way
	probes   int       // how many were admitted
}

// maxOutages is how many outages in a row a company may have until it rests.
const maxOutages = 3

func (g *companyGate) isShut() bool { return g.paused || g.failures >= maxOutages }

// claimPlan says how to claim.
type claimPlan struct {
	shut   []string  // companies that only probes go to
	probes []string  // those that may be sent one now
	rested time.Time // when the next one of those that rest may be; zero for none
	mended time.Time // when the next one of those that are paused may be; zero for none
}

func (g *companyGates) plan(now time.Time) claimPlan {
	g.mu.Lock()
	defer g.mu.Unlock()
	var p claimPlan
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
			p.mended = earlierTime(p.mended, gate.until)
		default:
			p.rested = earlierTime(p.rested, gate.until)
		}
	}
	return p
}

// earlierTime returns the earlier of two times; a zero one does not count.
func earlierTime(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func laterTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// probe marks that the company's one item is on its way.
func (g *companyGates) probe(subdomain string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate := g.list[subdomain]; gate != nil {
		gate.probing = true
	}
}

// gateChange is what a delivery changed for its company.
type gateChange int

const (
	gateUnchanged gateChange = iota
	gateShut                 // it is paused from now on
	gateOpened               // it was paused, and is no longer
)

// tell the gate of a company what became of an item, and whether the company
// answered.
func (g *companyGates) tell(subdomain string, d *Decision, answered bool, now time.Time) gateChange {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.list[subdomain]
	failed := d.Credentials || d.Outage || d.State == Aside && !answered
	switch {
	case !failed && answered:
		delete(g.list, subdomain)
		if was != nil && was.paused {
			return gateOpened
		}
		return gateUnchanged
	case !failed: // it was the item's own fault, and says nothing of the company
		return gateUnchanged
	case was == nil:
		was = &companyGate{}
		g.list[subdomain] = was
	}
	leftover := was.isShut() && !was.probing
	was.probing = false
	if d.Credentials {
		return was.pause(now.Add(g.probeEvery))
	}
	if leftover { // it was sent before the company rested: the same outage
		was.until = laterTime(was.until, now.Add(d.RetryAfter))
		return gateUnchanged
	}
	was.failures++
	if d.RetryAfter > 0 {
		was.failures = max(was.failures, maxOutages)
	}
	rest := g.rules.wait(max(0, was.failures-maxOutages))
	if was.paused {
		rest = g.probeEvery
	}
	was.until = now.Add(max(rest, d.RetryAfter))
	return gateUnchanged
}

func (g *companyGate) pause(until time.Time) gateChange {
	wasPaused := g.paused
	g.paused, g.until = true, until
	if wasPaused {
		return gateUnchanged
	}
	return gateShut
}

// stopProbing is for a probe that was not sent.
func (g *companyGates) stopProbing(subdomain string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate := g.list[subdomain]; gate != nil {
		gate.probing = false
	}
}

// open forgets what was wrong with a company.
func (g *companyGates) open(subdomain string) (wasPaused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.list[strings.ToLower(subdomain)]
	delete(g.list, strings.ToLower(subdomain))
	return gate != nil && gate.paused
}

// paused lists the companies with wrong credentials.
func (g *companyGates) paused() (subdomains []string) {
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
