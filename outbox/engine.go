// Engines that push: what they need in addition to Worker.Deliver.

package outbox

import (
	"context"
	"time"
)

// probeWait is how long an engine waits while a probe tries the credentials.
const probeWait = 5 * time.Second

// Admit reports whether an item of a company may be sent now. It is for engines
// with a loop of their own; Run does this itself. If wait is 0, claim an item,
// Deliver it, and always call release. Otherwise the company is paused or rests,
// release is nil, and the engine must ask again after the wait. A company that is
// being probed gets one item at a time.
//
// Workers do not share what they know about companies.
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
	case gate.probing && gate.paused:
		return nil, probeWait
	case gate.probing: // after a long outage there is a long backlog
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
