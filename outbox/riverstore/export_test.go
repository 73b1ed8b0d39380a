package riverstore

import "context"

// CountOthers returns how many calls an engine finds that are due, while some
// companies have their share of the places.
func CountOthers(ctx context.Context, e *Engine, served []string) (int, error) {
	for _, subdomain := range served {
		for e.places.take(subdomain) {
			defer e.places.leave(subdomain)
		}
	}
	calls, err := e.lookForOthers(ctx)
	return len(calls), err
}
