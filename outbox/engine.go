// Engines that push: what they need besides a Worker's Deliver.

package outbox

import (
	"context"
	"time"
)

// probeWait is how soon an engine asks again while credentials are being tried.
const probeWait = 5 * time.Second

// Admit asks whether an item of a company may be sent now. It is for engines
// that bring their own loop: Run asks by itself. With a wait of 0 it may: claim
// one, Deliver it, and call release in any case. Else the company is paused or
// rests, release is nil, and the engine asks again after the wait. A company
// that is tried again gets one item at a time.
//
// What is known of companies is each Worker's own.
func (w *Worker) Admit(subdomain string) (release func(), wait time.Duration) {
	return w.gates.admit(subdomain, time.Now())
}

// Timeout is the longest that a delivery takes: a lease must be longer, by the
// time that the store may need.
func (w *Worker) Timeout() time.Duration { return w.config.Timeout }

// Purge forgets what was delivered longer than Config.Keep ago, and returns how
// many items that were. It is for engines that bring their own loop: Run does so
// every hour.
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
	return func() { // another one may be on its way, if it took its time
		g.mu.Lock()
		defer g.mu.Unlock()
		if gate.probes == number {
			gate.probing = false
		}
	}, 0
}
