// What the fake remembers of the past: limits for it, and totals that stay exact.

package trackdrivetest

import (
	"maps"
	"net/url"
	"slices"
)

// Limits bound what a fake remembers, so that its memory does not grow however long it
// runs: see [WithLimits]. The oldest entries are dropped, and [Totals] still counts them.
// 0 means no limit.
type Limits struct {
	Requests     int // requests in the record
	RequestBytes int // paths, queries, headers and bodies of these requests together
	Sales        int // sales in the ledger
	Entries      int // of each other kind: calls, leads and updates of a company, pings whose ids are valid, what was sent, what waits to be sent
}

// WithLimits bounds what the fake remembers. Without it, a fake remembers everything.
// A dropped ping id is invalid and sells nothing, a dropped call or lead is not found, and
// a dropped forward post or event is never sent.
func WithLimits(l Limits) Option {
	return func(s *settings) { s.limits = l }
}

// Totals count what happened on a fake, including what it no longer remembers.
type Totals struct {
	Requests  int    // requests received
	Sales     int    // calls sold
	Revenue   string // the sum of their payouts, an exact decimal
	Calls     int    // calls of all companies, including those of sales
	Leads     int    // leads stored
	Updates   int    // changes made to calls
	Sent      int    // requests that the fake sent
	Waiting   int    // forward posts and events that wait to be sent
	Discarded int    // forward posts and events that were dropped before they were sent
}

// Totals returns the current totals of all companies.
func (f *Fake) Totals() Totals {
	f.mu.Lock()
	defer f.mu.Unlock()
	totals := f.totals
	totals.Waiting = len(f.deliveries)
	if totals.Revenue == "" {
		totals.Revenue = "0"
	}
	return totals
}

// SalesAfter returns the sales after the first seen sales, in order, and the number of
// all sales so far. A reader that passes that number to the next call misses no sale:
//
//	sales, seen = fake.SalesAfter(seen)
//
// With [Limits], the oldest sales may have been dropped, and are missing from the result.
func (f *Fake) SalesAfter(seen int) (sales []Sale, total int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(elementsAfter(f.sales, f.totals.Sales, seen)), f.totals.Sales
}

// RequestsAfter returns the requests after the first seen requests, as [Fake.SalesAfter]
// does for sales.
func (f *Fake) RequestsAfter(seen int) (requests []Request, total int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range elementsAfter(f.requests, f.totals.Requests, seen) {
		requests = append(requests, r.copy())
	}
	return requests, f.totals.Requests
}

// Calls returns the current state of the company's calls, in the order in which they were
// added.
func (c *Company) Calls() []Call {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	calls := make([]Call, len(c.calls))
	for i, call := range c.calls {
		calls[i] = call.copy()
	}
	return calls
}

// elementsAfter returns the elements of a list that follow the first seen ones of total, of
// which the list has the last.
func elementsAfter[T any](list []T, total, seen int) []T {
	dropped := total - len(list)
	return list[min(max(seen-dropped, 0), len(list)):]
}

// appendWithin appends v to a list, and drops the oldest elements beyond the limit.
func appendWithin[T any](list []T, v T, limit int) []T {
	list = append(list, v)
	for limit > 0 && len(list) > limit {
		list = dropOldest(list)
	}
	return list
}

// dropOldest drops the first element, and what it points to.
func dropOldest[T any](list []T) []T {
	clear(list[:1])
	return list[1:]
}

// record keeps a request. The caller holds the lock.
func (f *Fake) record(r Request) {
	limits := f.set.limits
	f.totals.Requests++
	f.requests = append(f.requests, r)
	f.requestBytes += r.size()
	for len(f.requests) > 0 &&
		(limits.Requests > 0 && len(f.requests) > limits.Requests || limits.RequestBytes > 0 && f.requestBytes > limits.RequestBytes) {
		f.requestBytes -= f.requests[0].size()
		f.requests = dropOldest(f.requests)
	}
}

// size is about what a request needs in memory, in bytes. Its parameters are those of
// its query and its body once more.
func (r Request) size() int {
	n := len(r.Host) + len(r.Path) + len(r.Target) + 2*(valuesSize(r.Query)+len(r.Body))
	return n + valuesSize(url.Values(r.Header))
}

func valuesSize(values url.Values) int {
	n := 0
	for name, texts := range values {
		n += len(name)
		for _, text := range texts {
			n += len(text)
		}
	}
	return n
}

// enter enters a sale in the ledger. The caller holds the lock.
func (f *Fake) enter(s Sale) {
	f.totals.Sales++
	if s.Payout.IsSet() {
		f.totals.Revenue = sumDecimals(orZero(f.totals.Revenue), s.Payout.String())
	}
	f.sales = appendWithin(f.sales, s, f.set.limits.Sales)
}

func orZero(decimal string) string {
	if decimal == "" {
		return "0"
	}
	return decimal
}

// queue lets a delivery wait. The caller holds the lock.
func (f *Fake) queue(d queuedDelivery) {
	before := len(f.deliveries)
	f.deliveries = appendWithin(f.deliveries, d, f.set.limits.Entries)
	f.totals.Discarded += before + 1 - len(f.deliveries)
}

// offeredPing is a ping whose ids are valid.
type offeredPing struct {
	endpoint *liveEndpoint
	ids      []string
}

// rememberPing forgets the ids of the oldest ping if there are too many. The caller
// holds the lock.
func (f *Fake) rememberPing(p offeredPing) {
	f.offered = append(f.offered, p)
	for limit := f.set.limits.Entries; limit > 0 && len(f.offered) > limit; {
		for _, id := range f.offered[0].ids {
			delete(f.offered[0].endpoint.ids, id)
		}
		f.offered = dropOldest(f.offered)
	}
}

// rememberCall forgets the oldest call of the company if there are too many. The
// caller holds the lock.
func (c *Company) rememberCall(call *Call) {
	c.fake.totals.Calls++
	c.calls = append(c.calls, call)
	c.byID[call.UUID], c.byID[string(call.ID)] = call, call
	for limit := c.fake.set.limits.Entries; limit > 0 && len(c.calls) > limit; {
		delete(c.byID, c.calls[0].UUID)
		delete(c.byID, string(c.calls[0].ID))
		c.calls = dropOldest(c.calls)
	}
}

func (u Update) copy() Update {
	u.Values = maps.Clone(u.Values)
	return u
}
