// Package companyrest is how an engine of package outbox, in a module of its own,
// reads and changes what a Worker knows about companies that are sent nothing but
// probes, so that several processes can share it.
package companyrest

import "time"

// State is what is known of a company that is paused or rests.
type State struct {
	Failures     int       // outages in a row
	Paused       bool      // the credentials are at fault
	Until        time.Time // nothing is sent before this time, and then one item, the probe
	Doubts       int       // how many additive probes got no answer, one after the other
	AdditiveFrom time.Time // no additive item is the probe before this time
	BlindFrom    time.Time // an additive item is the probe from this time on, even if lookups and absolute items fail
	ProbedUntil  time.Time // another process probes the company, for no longer than this; zero if none does
}

// ProbeAttempts is how many attempts an absolute item may have had that is the probe
// before any additive one: after so many the item may be at fault, and not the company.
const ProbeAttempts = 5

// WantsAbsolute reports whether an absolute item that is due is the probe before any
// additive one, because it is not put aside if the company is still down.
func (s State) WantsAbsolute(now time.Time) bool { return s.Failures > 0 && now.Before(s.BlindFrom) }

// Package outbox sets these functions, which take an *outbox.Worker.
var (
	// Get returns the state of a company that is paused or rests.
	Get func(worker any, subdomain string) (state State, rests bool)
	// All returns all companies that are paused or rest.
	All func(worker any) map[string]State
	// Set changes the state of a company; nil means that it takes items again. While
	// Resumed has not reported that it was resumed, only nil changes anything: any other
	// state is older than that.
	Set func(worker any, subdomain string, state *State)
	// Share makes a Worker remember which companies are resumed.
	Share func(worker any)
	// Resumed reports the companies that were resumed since the last call, paused and
	// resting or not. One for which report returns an error is reported again.
	Resumed func(worker any, report func(subdomain string) error) error
)
