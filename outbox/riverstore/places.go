// Places: how many deliveries of this process a company may have.

package riverstore

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trackdrive-go/trackdrive/internal/companyrest"
)

// sharedPlaces are the deliveries that a process can have at once. River gives them
// to jobs in the order in which they are due, so a slow company, or one with a long
// backlog, would get them all. A job of a company that has a share of them lends its
// place to the calls of companies below that share that are due. Only if there are
// none, it uses the place itself, up to the next share.
type sharedPlaces struct {
	shares [2]int // a quarter, and half of the places; beyond half, a company may have all

	mu    sync.Mutex
	taken map[string]int // by company

	idle   atomic.Int32 // jobs that wait in places that nobody may use yet
	isUsed atomic.Bool  // a call that the last look found was delivered

	looking sync.Mutex    // guards the fields below
	others  []deliverArgs // calls that were due, of companies below half
	lookAt  time.Time     // not before
	hasMore bool          // there may be more calls than the last look read

	// For each share, when a job last asked for a call of a company below it, and
	// since when there has been none; zero if there was one.
	askedAt, noneSince [2]time.Time
}

const (
	leastLook = 100 * time.Millisecond // how soon to look again for other companies
	lookCost  = 10                     // a look takes at most one of so many parts of the time

	// How long others must have had nothing due before a company gets more than a
	// share: a call that somebody is just claiming or changing is not seen.
	unwantedFor = 2 * leastLook
)

// newSharedPlaces gives a slow company a quarter of the places: with three quarters,
// the others take at most 4/3 times as long as without it, which leaves room for what
// it costs to look for them.
func newSharedPlaces(concurrency int) *sharedPlaces {
	return &sharedPlaces{shares: [2]int{max(1, concurrency/4), max(1, concurrency/2)}, taken: map[string]int{}}
}

// take takes a place, unless the company has its first share.
func (p *sharedPlaces) take(subdomain string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[subdomain] >= p.shares[0] {
		return false
	}
	p.taken[subdomain]++
	return true
}

// takeMore takes a place that no company below the company's share wants.
func (p *sharedPlaces) takeMore(subdomain string) bool {
	p.looking.Lock()
	defer p.looking.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.sharesIn(p.taken[subdomain]); n > 0 {
		if since := p.noneSince[n-1]; since.IsZero() || time.Since(since) < unwantedFor {
			return false
		}
	}
	p.taken[subdomain]++
	return true
}

func (p *sharedPlaces) leave(subdomain string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[subdomain]--; p.taken[subdomain] == 0 {
		delete(p.taken, subdomain)
	}
}

// sharesIn returns how many of the shares a company with so many places has.
func (p *sharedPlaces) sharesIn(places int) (n int) {
	for n < len(p.shares) && places >= p.shares[n] {
		n++
	}
	return n
}

// sharesOf returns how many of the shares a company has.
func (p *sharedPlaces) sharesOf(subdomain string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sharesIn(p.taken[subdomain])
}

// served returns the companies that have half of the places.
func (p *sharedPlaces) served() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	subdomains := []string{}
	for subdomain, n := range p.taken {
		if n >= p.shares[1] {
			subdomains = append(subdomains, subdomain)
		}
	}
	return subdomains
}

// below returns how many of the calls are of companies below a share.
func (p *sharedPlaces) below(share int, calls []deliverArgs) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, call := range calls {
		if p.taken[call.Subdomain] < share {
			n++
		}
	}
	return n
}

// lend takes a place for a call of a company that is below one of the shares, if
// possible below the first. The caller holds looking.
func (p *sharedPlaces) lend(shares []int) (call deliverArgs, share int, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for share, places := range shares {
		i := slices.IndexFunc(p.others, func(call deliverArgs) bool { return p.taken[call.Subdomain] < places })
		if i >= 0 {
			call = p.others[i]
			p.others = slices.Delete(p.others, i, i+1)
			p.taken[call.Subdomain]++
			return call, share, true
		}
	}
	return call, 0, false
}

// note notes that a job asked for a call of a company below one of the first shares,
// and the share below which the company was that it got, if any. The caller holds
// looking.
func (p *sharedPlaces) note(shares, share int, found bool) {
	now := time.Now()
	for n := range shares {
		if now.Sub(p.askedAt[n]) > unwantedFor+leastLook { // nobody knows what was due since
			p.noneSince[n] = time.Time{}
		}
		p.askedAt[n] = now
		switch {
		case !found && p.noneSince[n].IsZero():
			p.noneSince[n] = now
		case !found, share > n:
		case n == 0 && p.idle.Load() > 0: // it has its place, and the idle ones are left over
		default:
			p.noneSince[n] = time.Time{}
		}
	}
}

// waitIdle waits in a place that nobody may use yet.
func (p *sharedPlaces) waitIdle(ctx context.Context) {
	p.idle.Add(1)
	defer p.idle.Add(-1)
	select {
	case <-ctx.Done():
	case <-time.After(leastLook):
	}
}

// lendPlace delivers an item of another company in place of one of a company that
// has a share, and reports false if none is due.
func (e *Engine) lendPlace(ctx context.Context, subdomain string) (isLent bool, err error) {
	for {
		call, found, err := e.nextOther(ctx, subdomain)
		if err != nil || !found {
			return false, err
		}
		if _, rests := companyrest.Get(e.config.Worker, call.Subdomain); rests {
			e.places.leave(call.Subdomain)
			continue
		}
		held, _, err := e.deliverHead(ctx, call)
		e.places.leave(call.Subdomain)
		if held != nil {
			e.places.isUsed.Store(true)
		}
		if err != nil || held != nil {
			return true, err
		}
	}
}

// deliverHead delivers the head of a call. It returns nil and how long to wait if
// there is none to deliver now.
func (e *Engine) deliverHead(ctx context.Context, call deliverArgs) (held *heldItem, wait time.Duration, err error) {
	held, wait, err = e.config.Store.claimCall(ctx, call.Key, rand.Text(), e.config.Lease)
	if err != nil || held == nil {
		return nil, wait, err
	}
	_, err = e.config.Worker.Deliver(held.in(ctx), held.item)
	e.resting.note(ctx, call.Subdomain, false)
	return held, 0, err
}

// nextOther returns a call that is due, of a company below a share that this company
// has, and has taken a place for it.
func (e *Engine) nextOther(ctx context.Context, subdomain string) (call deliverArgs, found bool, err error) {
	p := e.places
	p.looking.Lock()
	defer p.looking.Unlock()
	n := p.sharesOf(subdomain)
	if n == 0 { // one of its deliveries ended just now
		return call, false, nil
	}
	if !time.Now().Before(p.lookAt) {
		if err := e.lookForOthers(ctx, subdomain, n); err != nil {
			return call, false, err
		}
	}
	call, share, found := p.lend(p.shares[:n])
	if !found && p.hasMore && p.isUsed.Load() {
		if err := e.lookForOthers(ctx, subdomain, n); err != nil {
			return call, false, err
		}
		call, share, found = p.lend(p.shares[:n])
	}
	p.note(n, share, found)
	return call, found, nil
}

// lookForOthers reads calls that are due, of companies below half of the places, for
// a company that has the first shares, and says when to look again. The caller holds
// looking.
func (e *Engine) lookForOthers(ctx context.Context, subdomain string, shares int) (err error) {
	p, began := e.places, time.Now()
	except := p.served()
	if shares == len(p.shares) { // even if one of its deliveries ended just now
		except = append(except, subdomain)
	}
	for subdomain := range companyrest.All(e.config.Worker) {
		except = append(except, subdomain)
	}
	err = e.config.Store.query(ctx, func(rows pgx.Rows) error {
		p.others, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (call deliverArgs, err error) {
			err = row.Scan(&call.Key, &call.Subdomain)
			return call, err
		})
		return err
	}, e.config.Store.sql.others, except, e.config.Concurrency)
	if err != nil {
		return wrapError(err)
	}
	now := time.Now()
	p.lookAt = now.Add(max(leastLook, lookCost*now.Sub(began)))
	p.hasMore = p.below(p.shares[shares-1], p.others) >= e.config.Concurrency
	p.isUsed.Store(false)
	return nil
}
