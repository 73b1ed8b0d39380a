// Gates: which companies are sent nothing for a while, and how they are probed.

package outbox

import (
	"slices"
	"sync"
	"time"
)

// companyGates holds a gate for each company that failed. A company without a
// gate is fine.
type companyGates struct {
	rules      Rules
	probeEvery time.Duration // how often a company with wrong credentials is probed

	mu   sync.Mutex
	list map[string]*companyGate // by subdomain

	// The companies that were resumed, for an engine that has to tell other processes;
	// nil without one.
	resumed map[string]bool
}

// companyGate is a company that failed.
type companyGate struct {
	failures int       // outages in a row
	paused   bool      // the credentials are at fault
	until    time.Time // nothing is sent before this time, and then one item, the probe
	probing  bool      // a probe is in progress
	probes   int       // number of probes admitted

	doubts       int       // how many additive probes got no answer, one after the other
	additiveFrom time.Time // no additive item is the probe before this time
	blindFrom    time.Time // an additive item is the probe from this time on, even if lookups and absolute items fail
	probedUntil  time.Time // another process probes it, for no longer than this
	nextLook     time.Time // when Run looks for an absolute item again, after it found an additive one
}

// maxOutages is the number of outages in a row after which a company rests.
const maxOutages = 3

func (g *companyGate) isShut() bool { return g.paused || g.failures >= maxOutages }

// lookupTrust is how long failing lookups and absolute items keep additive items from
// being the probe, and the longest wait between two such probes that lookups let pass.
const lookupTrust = 4 * time.Hour

// claimPlan says which companies to claim for.
type claimPlan struct {
	shut   []string  // companies that may only be probed
	probes []string  // of these, the ones that may be probed now
	rested time.Time // when the next resting company may be probed; zero if there is none
	mended time.Time // when the next paused company may be probed; zero if there is none
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
		from := laterTime(gate.until, gate.nextLook)
		switch {
		case gate.probing:
		case !now.Before(from):
			p.probes = append(p.probes, subdomain)
		case gate.paused:
			p.mended = earlierTime(p.mended, from)
		default:
			p.rested = earlierTime(p.rested, from)
		}
	}
	return p
}

// earlierTime returns the earlier of two times, ignoring zero times.
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

// probe marks that the company's probe is in progress.
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
	gateShut                 // the company is now paused
	gateOpened               // the company is no longer paused
)

// update records in a company's gate the outcome of a delivery, and whether the
// company answered.
func (g *companyGates) update(subdomain string, d *Decision, answered bool, now time.Time) gateChange {
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
	case !failed: // the item is at fault, not the company
		return gateUnchanged
	case was == nil:
		was = &companyGate{}
		g.list[subdomain] = was
	}
	wasShut := was.isShut()
	leftover := wasShut && !was.probing
	was.probing = false
	if d.Credentials {
		return was.pause(now.Add(g.probeEvery))
	}
	if leftover { // sent before the company rested: part of the same outage
		was.until = laterTime(was.until, now.Add(d.RetryAfter))
		return gateUnchanged
	}
	was.failures++
	if d.RetryAfter > 0 {
		was.failures = max(was.failures, maxOutages)
	}
	g.doubtAdditive(was, wasShut && d.State == Aside, now)
	rest := g.rules.wait(max(0, was.failures-maxOutages))
	if was.paused {
		rest = g.probeEvery
	}
	was.until = now.Add(max(rest, d.RetryAfter))
	return gateUnchanged
}

// doubtAdditive decides when an additive item may be the probe. One that was put
// aside as the probe shows that lookups prove little, or that there are none.
func (g *companyGates) doubtAdditive(gate *companyGate, isAside bool, now time.Time) {
	if isAside {
		gate.additiveFrom = now.Add(doubledWait(g.rules.MaxWait, gate.doubts, lookupTrust))
		gate.doubts++
	}
	if isAside || gate.isShut() && gate.blindFrom.IsZero() {
		gate.blindFrom = now.Add(lookupTrust)
	}
}

// additiveStep is what comes before an additive item is sent.
type additiveStep int

const (
	sendAdditive additiveStep = iota // nothing
	lookUpFirst                      // a lookup, which must be answered
	holdBack                         // a wait: it is not sent now
)

// additiveStep returns what comes before an additive item of a company is sent, and
// for how long it is held back.
func (g *companyGates) additiveStep(subdomain string, now time.Time) (step additiveStep, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.list[subdomain]
	switch {
	case gate == nil, !gate.isShut(), gate.failures == 0: // wrong credentials put nothing aside
		return sendAdditive, 0
	case !gate.probing && now.Before(gate.until): // it was claimed before the company rested
		return holdBack, gate.until.Sub(now)
	case now.Before(gate.additiveFrom): // meanwhile an absolute item may be the probe
		gate.nextLook = now.Add(5 * g.rules.FirstWait)
		return holdBack, g.rules.wait(maxDoublings)
	case !now.Before(gate.blindFrom):
		return sendAdditive, 0
	}
	return lookUpFirst, 0
}

func (g *companyGate) pause(until time.Time) gateChange {
	wasPaused := g.paused
	g.paused, g.until = true, until
	if wasPaused {
		return gateUnchanged
	}
	return gateShut
}

// stopProbing ends a probe, for the case that nothing was sent.
func (g *companyGates) stopProbing(subdomain string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gate := g.list[subdomain]; gate != nil {
		gate.probing = false
	}
}

// open removes the gates that somebody names, and returns those that were paused, and
// whether there was one that was shut.
func (g *companyGates) open(name string) (paused []string, wasShut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, subdomain := range gatesNamed(name) {
		if gate := g.list[subdomain]; gate != nil {
			wasShut = wasShut || gate.isShut()
			if gate.paused {
				paused = append(paused, subdomain)
			}
		}
		delete(g.list, subdomain)
		if g.resumed != nil {
			g.resumed[subdomain] = true
		}
	}
	return paused, wasShut
}

// paused lists the companies whose credentials are missing or refused.
func (g *companyGates) paused() (subdomains []string) {
	subdomains = []string{} // so that JSON shows a list, not null
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
