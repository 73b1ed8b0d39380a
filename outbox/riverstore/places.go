// Places: how many deliveries of this process a company may have.

package riverstore

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trackdrive-go/trackdrive/internal/companyrest"
)

// sharedPlaces are the deliveries that a process can have at once. River gives them
// to jobs in the order in which they are due, so a slow company, or one with a long
// backlog, would get them all. A job of a company that has its share lends its place
// to the calls of other companies that are due. It uses the place itself only if
// there are none.
type sharedPlaces struct {
	share int // of a company, while others want the places

	mu    sync.Mutex
	taken map[string]int // by company

	looking   sync.Mutex    // guards the fields below
	others    []deliverArgs // calls of other companies that were due
	lookAt    time.Time     // not before
	noneSince time.Time     // looks have found none since then; zero if the last one did
}

const (
	leastLook = 100 * time.Millisecond // how soon to look again for other companies, if there were none
	lookCost  = 10                     // a look takes at most one of so many parts of the time

	// How long others must have had nothing due before a company gets more than its
	// share: a call that somebody is just claiming or changing is not seen.
	unwantedFor = 2 * leastLook
)

// newSharedPlaces gives a company a third of the places: with two thirds, the others
// take at most 1.5 times as long as without it.
func newSharedPlaces(concurrency int) *sharedPlaces {
	return &sharedPlaces{share: max(1, concurrency/3), taken: map[string]int{}}
}

// take takes a place, unless the company has its share.
func (p *sharedPlaces) take(subdomain string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[subdomain] >= p.share {
		return false
	}
	p.taken[subdomain]++
	return true
}

// takeMore takes a place that no other company wants.
func (p *sharedPlaces) takeMore(subdomain string) bool {
	p.looking.Lock()
	isUnwanted := !p.noneSince.IsZero() && time.Since(p.noneSince) >= unwantedFor
	p.looking.Unlock()
	if !isUnwanted {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
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

// served returns the companies that have their share.
func (p *sharedPlaces) served() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	subdomains := []string{}
	for subdomain, n := range p.taken {
		if n >= p.share {
			subdomains = append(subdomains, subdomain)
		}
	}
	return subdomains
}

// lendPlace delivers an item of another company in place of one of a company that
// has its share, and reports false if none is due.
func (e *Engine) lendPlace(ctx context.Context) (isLent bool, err error) {
	for {
		call, found, err := e.nextOther(ctx)
		if err != nil || !found {
			return false, err
		}
		if _, rests := companyrest.Get(e.config.Worker, call.Subdomain); rests || !e.places.take(call.Subdomain) {
			continue
		}
		held, _, err := e.deliverHead(ctx, call)
		e.places.leave(call.Subdomain)
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

// nextOther returns a call that is due, of a company that has not its share.
func (e *Engine) nextOther(ctx context.Context) (call deliverArgs, found bool, err error) {
	p := e.places
	p.looking.Lock()
	defer p.looking.Unlock()
	if len(p.others) == 0 && !time.Now().Before(p.lookAt) {
		if p.others, err = e.lookForOthers(ctx); err != nil {
			return call, false, err
		}
	}
	if len(p.others) == 0 {
		return call, false, nil
	}
	call, p.others = p.others[0], p.others[1:]
	return call, true, nil
}

// lookForOthers reads calls of other companies that are due. If it finds fewer than
// there are places, it says when to look again.
func (e *Engine) lookForOthers(ctx context.Context) (calls []deliverArgs, err error) {
	except := e.places.served()
	for subdomain := range companyrest.All(e.config.Worker) {
		except = append(except, subdomain)
	}
	p, began := e.places, time.Now()
	if began.Sub(p.lookAt) > unwantedFor { // what the last look found is old
		p.noneSince = time.Time{}
	}
	err = e.config.Store.query(ctx, func(rows pgx.Rows) error {
		calls, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (call deliverArgs, err error) {
			err = row.Scan(&call.Key, &call.Subdomain)
			return call, err
		})
		return err
	}, e.config.Store.sql.others, except, e.config.Concurrency)
	if err != nil {
		return nil, wrapError(err)
	}
	now := time.Now()
	if len(calls) < e.config.Concurrency {
		p.lookAt = now.Add(max(leastLook, lookCost*now.Sub(began)))
	}
	if len(calls) > 0 {
		p.noneSince = time.Time{}
	} else if p.noneSince.IsZero() {
		p.noneSince = now
	}
	return calls, nil
}
