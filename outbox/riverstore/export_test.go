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
