package attempt

import "sync"

// In tenths of a token, so that ten successes pay for exactly one retry.
const (
	budgetTokens  = 100 // what a host has when nothing is wrong
	budgetRetry   = 10  // what a retry costs
	budgetSuccess = 1   // what a success gives back
	budgetFloor   = budgetTokens / 2
)

// Budget keeps retries from multiplying the load in an outage. It limits the
// retries to each host, over all calls that share it. The zero Budget is full.
type Budget struct {
	mu    sync.Mutex
	hosts map[string]int // tenths of tokens; a host that is not in it has budgetTokens
}

// maxHosts limits the memory of a Budget whose hosts come from outside.
const maxHosts = 4096

// take takes the price of a retry. It returns false if the host has reached the
// floor.
func (b *Budget) take(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	tokens, known := b.hosts[host]
	if !known {
		tokens = budgetTokens
	}
	if tokens < budgetFloor || !known && len(b.hosts) >= maxHosts {
		return false
	}
	if b.hosts == nil {
		b.hosts = make(map[string]int)
	}
	b.hosts[host] = tokens - budgetRetry
	return true
}

// succeed gives back what a success earns.
func (b *Budget) succeed(host string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tokens, known := b.hosts[host]
	if !known {
		return
	}
	if tokens += budgetSuccess; tokens >= budgetTokens {
		delete(b.hosts, host)
		return
	}
	b.hosts[host] = tokens
}
