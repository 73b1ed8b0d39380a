// Engines that push: what they need in addition to Worker.Deliver.

package outbox

import (
	"context"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/companyrest"
)

// probeWait is how long an engine waits while a probe tries the credentials.
const probeWait = 5 * time.Second

// Admit reports whether an item of a company may be sent now. It is for engines
// with a loop of their own; Run does this itself. If wait is 0, claim an item,
// Deliver it, and always call release. Otherwise the company is paused or rests,
// release is nil, and the engine must ask again after the wait. A company that is
// being probed gets one item at a time.
//
// Workers do not share what they know about companies, unless their engine makes
// them: riverstore's does, for all processes on a database.
func (w *Worker) Admit(subdomain string) (release func(), wait time.Duration) {
	return w.gates.admit(subdomain, time.Now())
}

// Timeout returns the longest time that a delivery takes. A lease must be longer
// by the time that the store may need.
func (w *Worker) Timeout() time.Duration { return w.config.Timeout }

// Purge removes the items that were delivered longer than Config.Keep ago, and
// returns how many it removed. It is for engines with a loop of their own; Run
// purges every hour.
func (w *Worker) Purge(ctx context.Context) (int, error) {
	if w.config.Keep < 0 {
		return 0, nil
	}
	return w.config.Store.Purge(ctx, time.Now().Add(-w.config.Keep))
}

func (g *companyGates) admit(subdomain string, now time.Time) (release func(), wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.list[subdomain]
	switch {
	case gate == nil || !gate.isShut():
		return func() {}, 0
	case gate.isProbed(now) && gate.paused:
		return nil, probeWait
	case gate.isProbed(now): // after a long outage there is a long backlog
		return nil, time.Millisecond + g.rules.wait(max(0, gate.failures-maxOutages))
	case now.Before(gate.until):
		return nil, gate.until.Sub(now)
	}
	gate.probing = true
	gate.probes++
	number := gate.probes
	return func() { // if it took long, another probe may be in progress
		g.mu.Lock()
		defer g.mu.Unlock()
		if gate.probes == number {
			gate.probing = false
		}
	}, 0
}

// isProbed reports whether a probe is in progress, in this process or another one.
func (g *companyGate) isProbed(now time.Time) bool { return g.probing || now.Before(g.probedUntil) }

// An engine in a module of its own shares the states of the gates.
func init() {
	companyrest.Get = func(worker any, subdomain string) (companyrest.State, bool) {
		return worker.(*Worker).gates.resting(subdomain)
	}
	companyrest.All = func(worker any) map[string]companyrest.State { return worker.(*Worker).gates.allResting() }
	companyrest.Set = func(worker any, subdomain string, state *companyrest.State) {
		worker.(*Worker).gates.set(subdomain, state)
	}
	companyrest.Share = func(worker any) { worker.(*Worker).gates.share() }
	companyrest.Resumed = func(worker any, report func(subdomain string) error) error {
		return worker.(*Worker).gates.reportResumed(report)
	}
}

func (g *companyGate) state() companyrest.State {
	return companyrest.State{
		Failures: g.failures, Paused: g.paused, Until: g.until,
		Doubts: g.doubts, AdditiveFrom: g.additiveFrom, BlindFrom: g.blindFrom,
		ProbedUntil: g.probedUntil,
	}
}

func (g *companyGates) resting(subdomain string) (state companyrest.State, rests bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gate := g.list[subdomain]
	if gate == nil || !gate.isShut() {
		return state, false
	}
	return gate.state(), true
}

func (g *companyGates) allResting() map[string]companyrest.State {
	g.mu.Lock()
	defer g.mu.Unlock()
	states := map[string]companyrest.State{}
	for subdomain, gate := range g.list {
		if gate.isShut() {
			states[subdomain] = gate.state()
		}
	}
	return states
}

// set changes what is known of a company, except whether this process probes it.
func (g *companyGates) set(subdomain string, state *companyrest.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if state == nil {
		delete(g.list, subdomain)
		return
	}
	if g.resumed[subdomain] {
		return
	}
	gate := g.list[subdomain]
	if gate == nil {
		gate = &companyGate{}
		g.list[subdomain] = gate
	}
	gate.failures, gate.paused, gate.until = state.Failures, state.Paused, state.Until
	gate.doubts, gate.additiveFrom, gate.blindFrom = state.Doubts, state.AdditiveFrom, state.BlindFrom
	gate.probedUntil = state.ProbedUntil
}

// share makes the gates remember which companies are resumed.
func (g *companyGates) share() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.resumed == nil {
		g.resumed = map[string]bool{}
	}
}

func (g *companyGates) reportResumed(report func(subdomain string) error) error {
	for {
		subdomain, found := g.takeResumed()
		if !found {
			return nil
		}
		if err := report(subdomain); err != nil {
			g.mu.Lock()
			g.resumed[subdomain] = true
			g.mu.Unlock()
			return err
		}
	}
}

func (g *companyGates) takeResumed() (subdomain string, found bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for subdomain := range g.resumed {
		delete(g.resumed, subdomain)
		return subdomain, true
	}
	return "", false
}
