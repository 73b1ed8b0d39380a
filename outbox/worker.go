// The Worker: claims the items that are due, delivers them, and records the outcomes.

package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/companyrest"
)

// Config is what a [Worker] needs.
type Config struct {
	Store  Store              // where the items are stored
	Client *trackdrive.Client // sends the items; its Authenticator must know every company: see trackdrive.PerSubdomain

	// Tokens gives the lead tokens and offer tokens that items name, each time that
	// one is sent: items hold the names alone. A name is made of words (a to z, in one
	// case) and numbers of up to four digits, such as "solar-offer-2"; any other is
	// refused when the item is made, because it may be the token itself. If Tokens
	// returns "", there is no such token, and the item is parked. An error may pass: the
	// item is tried again, and parked after Rules.NotFoundFor. An item that names none
	// asks for "acme/lead_token" or "acme/offer_token", with its company; for a lead, ""
	// means that the Client's Authenticator has the credentials. Tokens is called from
	// several goroutines, before anything is sent. Nil: it has no token.
	Tokens func(name string) (string, error)

	// Webhooks are the webhooks that items name. An item whose webhook is missing is
	// parked: see NewWebhook. The map must not be changed while the Worker is in use.
	Webhooks map[string]*trackdrive.Webhook

	Concurrency int           // the maximum number of deliveries at once. Default 8
	Timeout     time.Duration // the limit for one delivery; the Client's own timeout applies, too. Default 15 s
	Poll        time.Duration // how often to look into the store, unless something wakes the Worker. Default 15 s
	ProbeEvery  time.Duration // how often to probe a company with wrong credentials. Default 5 min
	Keep        time.Duration // how long to keep delivered items and their ids. Default 7 days; negative: forever
	Rules       Rules         // how long items wait

	// OnEvent is called for every event, from several goroutines. It delays the next
	// item of the call, so it should be quick, and it must not call Run or Drain. If
	// it panics, it is called once more, with an EventPanic.
	OnEvent func(Event)
}

// Event is something that happened to an item, or to a company.
type Event struct {
	Kind      EventKind // what happened
	Subdomain string    // the company, or "webhook:NAME"; "" if the event concerns the store
	Item      Item      // as it is stored now; the zero Item if the event concerns none
	Err       error     // what went wrong; nil if nothing did. An *trackdrive.Error never shows credentials
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventDelivered EventKind = "delivered"  // TrackDrive has the item
	EventWaiting   EventKind = "waiting"    // the delivery failed, and will be tried again
	EventParked    EventKind = "parked"     // a permission, a token or a webhook is missing: alert somebody
	EventAside     EventKind = "aside"      // it is not known whether the item arrived: alert somebody
	EventDead      EventKind = "dead"       // TrackDrive refused the item for good: alert somebody
	EventPaused    EventKind = "paused"     // the company refuses the credentials, or there are none; once for each pause
	EventResumed   EventKind = "resumed"    // the company took an item again, or Resume was called
	EventLeaseLost EventKind = "lease_lost" // another worker may have the item; this worker's outcome is not recorded
	EventStore     EventKind = "store"      // the store failed, and will be tried again
	EventPanic     EventKind = "panic"      // the program's own code panicked, such as an Authenticator, an observer or OnEvent: alert somebody
)

// Worker delivers the items of a store. Several Workers may share a store, in one
// process or in many, if the store allows it. A Worker is safe for concurrent use.
type Worker struct {
	config  Config
	sender  itemSender
	gates   *companyGates
	wake    chan struct{}
	running atomic.Bool
}

// The defaults of a Config, and fixed limits.
const (
	defaultConcurrency = 8
	defaultTimeout     = 15 * time.Second
	defaultPoll        = 15 * time.Second
	defaultProbe       = 5 * time.Minute
	defaultKeep        = 7 * 24 * time.Hour

	purgeEvery = time.Hour
	storeWait  = time.Second // after the store failed
)

// New makes a Worker. It starts nothing: see [Worker.Run]. Errors are of kind
// [trackdrive.ErrInvalidArgument] and name the field.
func New(config Config) (*Worker, error) {
	switch {
	case config.Store == nil:
		return nil, invalidArgument("store", "is nil")
	case config.Client == nil:
		return nil, invalidArgument("client", "is nil")
	case config.Concurrency < 0:
		return nil, invalidArgument("concurrency", "is negative")
	case config.Timeout < 0:
		return nil, invalidArgument("timeout", "is negative")
	case config.Poll < 0:
		return nil, invalidArgument("poll", "is negative")
	case config.ProbeEvery < 0:
		return nil, invalidArgument("probe every", "is negative")
	}
	if err := config.Rules.check(); err != nil {
		return nil, err
	}
	if config.Concurrency == 0 {
		config.Concurrency = defaultConcurrency
	}
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
	config.Poll = cmp.Or(config.Poll, defaultPoll)
	config.ProbeEvery = cmp.Or(config.ProbeEvery, defaultProbe)
	config.Keep = cmp.Or(config.Keep, defaultKeep)
	config.Rules = config.Rules.withDefaults()
	return &Worker{
		config: config,
		sender: itemSender{config.Client, config.Tokens, config.Webhooks},
		gates:  &companyGates{rules: config.Rules, probeEvery: config.ProbeEvery, list: map[string]*companyGate{}},
		wake:   make(chan struct{}, 1),
	}, nil
}

// lease returns how long this Worker holds an item that it claimed: for a
// delivery, and for recording the outcome in a slow store.
func (w *Worker) lease() time.Duration { return 2*w.config.Timeout + time.Minute }

// Enqueue calls [Enqueue] with the Worker's store, and wakes the Worker if the
// item was added. A webhook is additive unless Config.Webhooks has it and its
// filled-in request is of class [trackdrive.RepeatSafe].
func (w *Worker) Enqueue(ctx context.Context, item Item) (stored Item, added bool, err error) {
	stored, added, err = enqueueFixed(ctx, w.config.Store, item, w.sender.fixAdditive)
	if added {
		w.Wake()
	}
	return stored, added, err
}

// Wake lets the Worker look into the store now instead of at its next poll. Call
// it after items were enqueued, retried or settled without the Worker.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Resume lets items be sent to a company, or to a webhook ("webhook:NAME"), again at
// once. Call it after the company's credentials were fixed. The name of a webhook is
// that of Config.Webhooks, or as Paused returns it; case does not matter.
func (w *Worker) Resume(subdomain string) { w.resume(subdomain) }

// resume is Resume, and reports whether the company was paused or rested.
func (w *Worker) resume(subdomain string) (wasShut bool) {
	paused, wasShut := w.gates.open(subdomain)
	for _, subdomain := range paused {
		w.report(Event{Kind: EventResumed, Subdomain: subdomain})
	}
	w.Wake()
	return wasShut
}

// Paused returns the companies, and the webhooks, that refuse the credentials, or have
// none. A webhook is "webhook:NAME", with the name in lower case and escaped as in a
// URL: "webhook:partner%20a".
func (w *Worker) Paused() []string { return w.gates.paused() }

// Counts returns how many items of the store are in each state.
func (w *Worker) Counts(ctx context.Context) (Counts, error) { return w.config.Store.Counts(ctx) }

// Run delivers items until ctx ends. Then it waits for the deliveries in progress,
// for at most Config.Timeout and a little more for the store, and returns the
// error of ctx. A failure of the store is reported to OnEvent, and the store is
// tried again. If Run or Drain is already running, the error is
// [trackdrive.ErrInvalidArgument].
func (w *Worker) Run(ctx context.Context) error {
	return w.work(ctx, runForever)
}

// Drain delivers items until none is left that can be delivered now or within
// Rules.MaxWait, and returns nil. The items that are left are parked, aside or
// dead, or wait for such an item, for a paused company, or for a later time. If
// ctx ends or the store fails, Drain returns that error. If Run or Drain is
// already running, the error is [trackdrive.ErrInvalidArgument].
func (w *Worker) Drain(ctx context.Context) error {
	return w.work(ctx, untilDrained)
}

// workMode says when a Worker stops.
type workMode int

const (
	runForever workMode = iota
	untilDrained
)

func (w *Worker) work(ctx context.Context, mode workMode) error {
	if !w.running.CompareAndSwap(false, true) {
		return invalidArgument("worker", "is already running; wait for its Run or Drain to return")
	}
	defer w.running.Store(false)
	r := &workRun{Worker: w, mode: mode, done: make(chan deliveryEnd, w.config.Concurrency), begun: map[uint64]time.Time{}, companies: map[string]int{}}
	defer r.waitForAll()
	for ctx.Err() == nil {
		r.purge(ctx)
		rest, err := r.start(ctx)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			if mode == untilDrained {
				return err
			}
			w.report(Event{Kind: EventStore, Err: err})
			rest = r.leaveStore()
		}
		if rest < 0 {
			return nil
		}
		r.wait(ctx, rest)
	}
	return ctx.Err()
}

// workRun is one Run or Drain.
type workRun struct {
	*Worker
	mode      workMode
	flying    int          // deliveries in progress
	probing   atomic.Int32 // how many of them are probes
	done      chan deliveryEnd
	begun     map[uint64]time.Time // when each delivery began, by Seq
	companies map[string]int       // the number of deliveries of each company
	failed    error                // the store's error in a delivery
	resting   time.Time            // the store failed, and is left alone until then
	purgedAt  time.Time
}

// leaveStore leaves the store alone for a while.
func (r *workRun) leaveStore() time.Duration {
	r.resting = time.Now().Add(storeWait)
	return storeWait
}

// start starts as many deliveries as allowed, and returns how long to wait before
// the next look into the store; negative if a Drain is done.
func (r *workRun) start(ctx context.Context) (rest time.Duration, err error) {
	now := time.Now()
	switch {
	case r.failed != nil && r.mode == untilDrained:
		return 0, r.failed
	case now.Before(r.resting):
		return r.resting.Sub(now), nil
	}
	plan := r.gates.plan(now)
	// What is claimed is delivered, even if ctx ends in the meantime.
	delivering := context.WithoutCancel(ctx)
	next, err := r.startProbes(ctx, plan, now)
	if err != nil {
		return 0, err
	}
	due, err := r.startShared(ctx, delivering, plan.shut, now)
	if err != nil {
		return 0, err
	}
	next = earlierTime(next, due)
	next = earlierTime(next, plan.rested)
	if r.mode == untilDrained {
		return r.untilDrained(next, now), nil
	}
	next = earlierTime(next, plan.mended)
	if next.IsZero() {
		return r.config.Poll, nil
	}
	return min(r.config.Poll, max(0, next.Sub(now))), nil
}

// startShared starts deliveries in the free places, and returns when there may be
// more. A company goes beyond a share only if no company below it has anything due.
func (r *workRun) startShared(ctx, delivering context.Context, shut []string, now time.Time) (next time.Time, err error) {
	passed := -1 // the number of companies that were left out when there was nothing more to claim
	for _, share := range sharesOf(r.config.Concurrency) {
		for r.flying < r.config.Concurrency {
			served, room := r.served(share)
			if len(served) == passed { // the same ones: nobody else has anything due
				break
			}
			limit := min(room, r.config.Concurrency-r.flying)
			items, due, err := r.claim(ctx, Claim{Now: now, Limit: limit, Except: slices.Concat(served, shut)})
			if err != nil {
				return next, err
			}
			for _, item := range items {
				if r.isStuck(item) {
					continue
				}
				r.fly(item, func() error {
					_, err := r.deliver(delivering, item)
					return err
				})
			}
			if len(items) < limit {
				next, passed = earlierTime(next, due), len(served)
				break
			}
		}
	}
	return next, nil
}

// served returns the companies that have a share of the places, and how many
// places can be given away before another company has it.
func (r *workRun) served(share int) (subdomains []string, room int) {
	room = share
	for subdomain, n := range r.companies {
		if n >= share {
			subdomains = append(subdomains, subdomain)
		} else {
			room = min(room, share-n)
		}
	}
	return subdomains, room
}

// sharesOf returns the shares of the places that a company gets, one after the
// other. With three quarters of the places, the others take at most 4/3 times as long
// as without a slow company, which leaves room for what a store costs.
func sharesOf(concurrency int) []int {
	return []int{max(1, concurrency/4), max(1, concurrency/2), concurrency}
}

// untilDrained returns how long a Drain waits, given when the next item can be claimed.
func (r *workRun) untilDrained(next, now time.Time) time.Duration {
	soon := !next.IsZero() && !next.After(now.Add(r.config.Rules.MaxWait))
	switch {
	case soon:
		return min(r.config.Poll, max(0, next.Sub(now)))
	case r.flying > 0:
		return r.config.Poll
	}
	return -1
}

// startProbes sends one item to each company that may be probed. Probes take at
// most half of the places, so that many hanging companies do not hold up others.
func (r *workRun) startProbes(ctx context.Context, plan claimPlan, now time.Time) (next time.Time, err error) {
	for _, subdomain := range plan.probes {
		if r.flying >= r.config.Concurrency || r.probing.Load() >= int32(r.config.Concurrency+1)/2 {
			return time.Time{}, nil
		}
		items, due, err := r.claimProbe(ctx, subdomain, now)
		if err != nil {
			return time.Time{}, err
		}
		if len(items) == 0 || r.isStuck(items[0]) { // its gate waits for the next item
			next = earlierTime(next, due)
			continue
		}
		r.gates.probe(subdomain)
		r.probing.Add(1)
		r.fly(items[0], func() error {
			defer r.probing.Add(-1)
			defer r.gates.stopProbing(subdomain)
			_, err := r.deliver(context.WithoutCancel(ctx), items[0])
			return err
		})
	}
	return next, nil
}

// claimProbe claims the item that finds out whether a company is back: if possible one
// that is not put aside if it is not.
func (r *workRun) claimProbe(ctx context.Context, subdomain string, now time.Time) (items []Item, next time.Time, err error) {
	if state, _ := r.gates.resting(subdomain); state.WantsAbsolute(now) {
		items, next, err = r.claim(ctx, Claim{Now: now, Limit: 1, Only: subdomain, AbsoluteBelow: companyrest.ProbeAttempts})
	}
	if err == nil && len(items) == 0 {
		items, next, err = r.claim(ctx, Claim{Now: now, Limit: 1, Only: subdomain})
	}
	return items, next, err
}

func (r *workRun) claim(ctx context.Context, c Claim) (items []Item, next time.Time, err error) {
	c.Token, c.Lease = rand.Text(), r.lease()
	err = catchPanic(func() (err error) {
		items, next, err = r.config.Store.Claim(ctx, c)
		return err
	})
	return items, next, err
}

// deliveryEnd reports that a delivery is over.
type deliveryEnd struct {
	item Item
	err  error
}

// isStuck reports whether a delivery of the item has outlived its lease: a second
// delivery would get stuck, too.
func (r *workRun) isStuck(item Item) bool {
	begun, found := r.begun[item.Seq]
	return found && time.Since(begun) >= r.lease()
}

// fly starts a delivery.
func (r *workRun) fly(item Item, deliver func() error) {
	r.begun[item.Seq] = time.Now()
	r.companies[item.Subdomain]++
	r.flying++
	go func() {
		end := deliveryEnd{item: item}
		defer func() { r.done <- end }() // even if OnEvent ends the goroutine
		end.err = deliver()              // reported to OnEvent
	}()
}

// endDelivery removes a delivery that is over. If the store could not record it,
// the store is left alone for a while: sending or leasing further items would be
// pointless.
func (r *workRun) endDelivery(end deliveryEnd) {
	r.flying--
	delete(r.begun, end.item.Seq)
	if r.companies[end.item.Subdomain]--; r.companies[end.item.Subdomain] == 0 {
		delete(r.companies, end.item.Subdomain)
	}
	err := end.err
	if err != nil && !errors.Is(err, ErrLeaseLost) && !errors.Is(err, ErrUnknownItem) {
		r.failed = err
		r.leaveStore()
	}
}

// wait waits until a delivery is over, the Worker is woken, the time is up, or
// ctx ends.
func (r *workRun) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var clock <-chan time.Time
	if r.flying < r.config.Concurrency { // otherwise nothing more can start
		clock = timer.C
	}
	select {
	case end := <-r.done:
		r.endDelivery(end)
	case <-r.wake:
	case <-clock:
	case <-ctx.Done():
	}
}

func (r *workRun) waitForAll() {
	for r.flying > 0 {
		r.endDelivery(<-r.done)
	}
}

// purge removes the items that were delivered long ago. A failure is only reported.
func (r *workRun) purge(ctx context.Context) {
	now := time.Now()
	if r.config.Keep < 0 || now.Sub(r.purgedAt) < purgeEvery {
		return
	}
	r.purgedAt = now
	err := catchPanic(func() error {
		_, err := r.config.Store.Purge(ctx, now.Add(-r.config.Keep))
		return err
	})
	if err != nil && ctx.Err() == nil {
		r.report(Event{Kind: EventStore, Err: err})
	}
}

// Deliver delivers one item that was claimed from the Worker's store, and records
// the outcome, as Run does with each item. It is for engines with a loop of their
// own, which must claim for longer than Config.Timeout. Once the item may have
// been sent, Deliver no longer ends with ctx, but after Config.Timeout. It returns
// the item as it is stored. It returns an error only if the store failed or the
// lease was lost; then the next worker to claim an additive item that may have
// been sent puts it aside.
func (w *Worker) Deliver(ctx context.Context, item Item) (Item, error) {
	// A second copy of an item that is done would overwrite later items of its call.
	err := catchPanic(func() error {
		stored, err := w.config.Store.Get(ctx, item.ID)
		if err != nil {
			return err
		}
		return stored.isHeldBy(item.Lease.Token)
	})
	if err != nil {
		return item, w.fail(item, err)
	}
	return w.deliver(ctx, item)
}

// deliver is Deliver for an item that was just claimed.
func (w *Worker) deliver(ctx context.Context, item Item) (Item, error) {
	if item.State == Sending {
		return w.record(ctx, item, interruptedDecision(), nil)
	}
	send, err := w.sender.prepare(&item)
	if isPanic(err) {
		w.report(Event{Kind: EventPanic, Subdomain: item.Subdomain, Item: item, Err: err})
	}
	if err == nil { // otherwise nothing will be sent
		limit := w.config.Timeout
		if item.Additive {
			began := time.Now()
			if held := w.holdsBack(ctx, &item); held != nil {
				return w.putBack(ctx, item, held)
			}
			limit -= time.Since(began)
		}
		if err := w.begin(ctx, &item); err != nil {
			return item, w.fail(item, err)
		}
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		err = w.sendGuarded(func() error { return send(sending) }, &item)
		cancel()
	}
	now := time.Now()
	decision := w.config.Rules.Decide(item, err, now)
	answered := trackdrive.DeliveryOf(err) == trackdrive.DeliveryAnswered || errors.Is(err, trackdrive.ErrRejected)
	turned := w.gates.update(item.Subdomain, &decision, answered, now)
	item, stored := w.record(ctx, item, decision, err)
	switch turned {
	case gateShut:
		w.report(Event{Kind: EventPaused, Subdomain: item.Subdomain, Item: item, Err: err})
	case gateOpened:
		w.report(Event{Kind: EventResumed, Subdomain: item.Subdomain})
	}
	return item, stored
}

// begin makes sure that the item may be sent: this Worker still holds it for long
// enough, and the store records of an additive item that it may have been sent.
func (w *Worker) begin(ctx context.Context, item *Item) error {
	if err := w.hasTime(item); err != nil || !item.Additive {
		return err
	}
	left := time.Until(item.Lease.Until)
	marked, err := w.update(ctx, item.ID, func(i *Item) error {
		if err := i.isHeldBy(item.Lease.Token); err != nil {
			return err
		}
		if i.State != Waiting || i.Lease.isBroken() { // another worker marked it, or may claim it
			return fmt.Errorf("%w: %s", ErrLeaseLost, i.ID)
		}
		i.State = Sending
		i.Lease.Until = laterTime(i.Lease.Until, time.Now().Add(left)) // the store may have been slow
		return nil
	})
	if err != nil {
		return err
	}
	*item = marked
	return w.hasTime(item)
}

// hasTime returns an error if the lease may end before the delivery does.
func (w *Worker) hasTime(item *Item) error {
	if time.Until(item.Lease.Until) < w.config.Timeout {
		return fmt.Errorf("%w: %s: too little time is left to send it", ErrLeaseLost, item.ID)
	}
	return nil
}

// isHeldBy returns an error if the holder of the token no longer holds the item.
func (i *Item) isHeldBy(token string) error {
	if token == "" || i.Lease.Token != token || i.State != Waiting && i.State != Sending {
		return fmt.Errorf("%w: %s", ErrLeaseLost, i.ID)
	}
	return nil
}

// takesOutcomeOf returns an error if the outcome of the token's holder must not be
// recorded, because the item has another outcome. Breaking the lease while the
// item is being sent does not give it one.
func (i *Item) takesOutcomeOf(token string) error {
	if i.State == Aside && i.Lease.isBroken() && i.Lease.Token == token {
		return nil
	}
	return i.isHeldBy(token)
}

// record stores the decision, and reports it to OnEvent. If the store fails, it
// tries again for a while: an item without a recorded outcome is sent again, or
// put aside.
func (w *Worker) record(ctx context.Context, item Item, d Decision, cause error) (Item, error) {
	now := time.Now()
	return w.recordChange(ctx, item, cause, func(i *Item) error {
		if err := i.takesOutcomeOf(item.Lease.Token); err != nil {
			return fmt.Errorf("%w, and its outcome is not recorded: %s", err, d.State)
		}
		d.apply(i, now)
		return nil
	})
}

func (w *Worker) recordChange(ctx context.Context, item Item, cause error, change func(*Item) error) (Item, error) {
	ctx = context.WithoutCancel(ctx)
	for try := range recordTries {
		stored, err := w.update(ctx, item.ID, change)
		switch {
		case err == nil:
			w.report(Event{Kind: EventKind(stored.State), Subdomain: stored.Subdomain, Item: stored, Err: cause})
			return stored, nil
		case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrUnknownItem), try == recordTries-1:
			return item, w.fail(item, err)
		}
		sleepFor(recordWait << try)
	}
	return item, nil
}

// How often and how soon record tries: for about 6 s in all.
const (
	recordTries = 7
	recordWait  = 100 * time.Millisecond
)

func sleepFor(d time.Duration) { <-time.After(d) }

// fail reports an error of the store to OnEvent, and returns it.
func (w *Worker) fail(item Item, err error) error {
	kind := EventStore
	if errors.Is(err, ErrLeaseLost) {
		kind = EventLeaseLost
	}
	w.report(Event{Kind: kind, Subdomain: item.Subdomain, Item: item, Err: err})
	return err
}

// report calls OnEvent. A panic in it is reported to it once.
func (w *Worker) report(e Event) {
	if w.config.OnEvent == nil {
		return
	}
	onEvent := func(e Event) error {
		return catchPanic(func() error { w.config.OnEvent(e); return nil })
	}
	if err := onEvent(e); err != nil && e.Kind != EventPanic {
		_ = onEvent(Event{Kind: EventPanic, Subdomain: e.Subdomain, Item: e.Item, Err: err}) // there is no one else to report to
	}
}

// update calls the store's Update. A panic counts as a failure of the store.
func (w *Worker) update(ctx context.Context, id string, change func(*Item) error) (item Item, err error) {
	err = catchPanic(func() (err error) {
		item, err = w.config.Store.Update(ctx, id, change)
		return err
	})
	return item, err
}
