package riverstore

import "context"

// CountOthers returns how many calls an engine finds that are due, while some
// companies have half of the places.
func CountOthers(ctx context.Context, e *Engine, served []string) (int, error) {
	p := e.places
	p.looking.Lock()
	defer p.looking.Unlock()
	for _, subdomain := range served {
		p.taken[subdomain] = p.shares[1]
		defer delete(p.taken, subdomain)
	}
	err := e.lookForOthers(ctx, served[0], len(p.shares))
	return len(p.others), err
}

// AbsoluteCall returns the key of the call that an engine probes a company with, in the
// turn of a job of another call.
func AbsoluteCall(ctx context.Context, e *Engine, subdomain string) (string, error) {
	call, err := (&deliverWorker{Engine: e}).probeCall(ctx, deliverArgs{Subdomain: subdomain})
	return call.Key, err
}
