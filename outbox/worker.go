// The Worker: claims what is due, delivers it, and records what came of it.

package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// Config is what a [Worker] needs.
type Config struct {
	Store  Store              // where the items are
	Client *trackdrive.Client // sends them; its Authenticator knows every company: see trackdrive.PerSubdomain

	Concurrency int           // how many items are on their way at once. Default 8
	Timeout     time.Duration // for one delivery; the Client's own counts, too. Default 15 s
	Poll        time.Duration // how long the store is left alone when nobody wakes the Worker. Default 15 s
	ProbeEvery  time.Duration // how often a company with wrong credentials is tried. Default 5 min
	Keep        time.Duration // how long delivered items, and their ids, are known. Default 7 days; negative: for ever
	Rules       Rules         // how long items wait

	// OnEvent is called with what happens. It is called from several goroutines, and
	// keeps the next item of the call waiting: it should be quick, and must not
	// call Run or Drain. If it panics, it gets that reported once, by EventPanic.
	OnEvent func(Event)
}

// Event is something that happened to an item, or to a company.
type Event struct {
	Kind      EventKind // what happened
	Subdomain string    // the company; "" for what concerns the store
	Item      Item      // as it is stored now; the zero Item where none is concerned
	Err       error     // what went wrong; nil if there is none. An *trackdrive.Error has no credentials in it
}

// EventKind says what happened.
type EventKind string

// What happens.
const (
	EventDelivered EventKind = "delivered"  // TrackDrive has it
	EventWaiting   EventKind = "waiting"    // it failed, and will be tried again
	EventParked    EventKind = "parked"     // a permission is missing: alert somebody
	EventAside     EventKind = "aside"      // nobody knows whether it arrived: alert somebody
	EventDead      EventKind = "dead"       // TrackDrive refused it for good: alert somebody
	EventPaused    EventKind = "paused"     // the company refuses the credentials, or there are none: once for each pause
	EventResumed   EventKind = "resumed"    // the company took an item again, or Resume was called
	EventLeaseLost EventKind = "lease_lost" // another worker has the item; what this one did is not recorded
	EventStore     EventKind = "store"      // the store failed; it is tried again
	EventPanic     EventKind = "panic"      // code of the program's own panicked, such as an Authenticator, an observer or OnEvent: alert somebody
)

// Worker delivers the items of a store. Several may work on one store, in one
// process or in many, where the store allows it. It is safe for concurrent use.
type Worker struct {
	config  Config
	gates   *companyGates
	wake    chan struct{}
	running atomic.Bool
}

// The limits of what is not in a Config.
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
		gates:  &companyGates{rules: config.Rules, probeEvery: config.ProbeEvery, list: map[string]*companyGate{}},
		wake:   make(chan struct{}, 1),
	}, nil
}

// lease is how long a claimed item is this Worker's: for a delivery, and for
// recording what came of it on a slow store.
func (w *Worker) lease() time.Duration { return 2*w.config.Timeout + time.Minute }

// Enqueue is the package's [Enqueue] on the Worker's store, and wakes the
// Worker.
func (w *Worker) Enqueue(ctx context.Context, item Item) (stored Item, added bool, err error) {
	stored, added, err = Enqueue(ctx, w.config.Store, item)
	if added {
		w.Wake()
	}
	return stored, added, err
}

// Wake lets the Worker look into the store now, instead of at its next poll:
// after items were enqueued, retried or settled without it.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Resume lets a company be sent items again at once: after its credentials were
// mended.
func (w *Worker) Resume(subdomain string) {
	if w.gates.open(subdomain) {
		w.tell(Event{Kind: EventResumed, Subdomain: subdomain})
	}
	w.Wake()
}

// Paused lists the companies that refuse the credentials, or have none.
func (w *Worker) Paused() []string { return w.gates.paused() }

// Counts tells how many items of the store are in each state.
func (w *Worker) Counts(ctx context.Context) (Counts, error) { return w.config.Store.Counts(ctx) }

// Run delivers until ctx ends, and then waits for what is on its way: no longer
// than Config.Timeout, and a little for the store. It returns ctx's error. A
// store that fails is reported to OnEvent, and tried again. A second Run or Drain at
// the same time is [trackdrive.ErrInvalidArgument].
func (w *Worker) Run(ctx context.Context) error {
	return w.work(ctx, runForever)
}

// Drain delivers until nothing is left that can be delivered now or soon, which
// is within Rules.MaxWait: what is left then is parked, aside or dead, waits for
// one of those, for a paused company, or for a time that is further away. It
// returns nil then, else the error of ctx or of the store.
func (w *Worker) Drain(ctx context.Context) error {
	return w.work(ctx, untilDrained)
}

// workMode is how long a Worker works.
type workMode int

const (
	runForever workMode = iota
	untilDrained
)

func (w *Worker) work(ctx context.Context, mode workMode) error {
	if !w.running.CompareAndSwap(false, true) {
		return invalidArgument("worker", "is running already")
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
			w.tell(Event{Kind: EventStore, Err: err})
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
	flying    int          // deliveries on their way
	probing   atomic.Int32 // of those, how many are probes
	done      chan deliveryEnd
	begun     map[uint64]time.Time // when each of them began, by Seq
	companies map[string]int       // how many of them each has
	failed    error                // what the store said to a delivery
	resting   time.Time            // until when the store is left alone, because it failed
	purgedAt  time.Time
}

// leaveStore leaves the store alone for a while.
func (r *workRun) leaveStore() time.Duration {
	r.resting = time.Now().Add(storeWait)
	return storeWait
}

// start starts as many deliveries as there may be, and says how long there is
// nothing to do then but to wait for them: negative for never again.
func (r *workRun) start(ctx context.Context) (rest time.Duration, err error) {
	now := time.Now()
	switch {
	case r.failed != nil && r.mode == untilDrained:
		return 0, r.failed
	case now.Before(r.resting):
		return r.resting.Sub(now), nil
	}
	plan := r.gates.plan(now)
	// What is claimed is delivered, also when ctx ends meanwhile.
	delivering := context.WithoutCancel(ctx)
	next, err := r.startProbes(ctx, plan, now)
	if err != nil {
		return 0, err
	}
	// A slow company gets more than half of the places only where no other wants
	// them.
	excepts := [][]string{plan.shut}
	if busy := r.busy(); len(busy) > 0 {
		excepts = [][]string{append(busy, plan.shut...), plan.shut}
	}
	for _, except := range excepts {
		free := r.config.Concurrency - r.flying
		if free == 0 {
			break
		}
		items, due, err := r.claim(ctx, Claim{Now: now, Limit: free, Except: except})
		if err != nil {
			return 0, err
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
		if len(items) < free {
			next = earlierTime(next, due)
		}
	}
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

// untilDrained says how long to wait when the next item can be claimed then.
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

// startProbes sends one item to each company that may be tried again. They have
// half of what may be on its way, so that many that hang keep no other waiting.
func (r *workRun) startProbes(ctx context.Context, plan claimPlan, now time.Time) (next time.Time, err error) {
	for _, subdomain := range plan.probes {
		if r.flying >= r.config.Concurrency || r.probing.Load() >= int32(r.config.Concurrency+1)/2 {
			return time.Time{}, nil
		}
		items, due, err := r.claim(ctx, Claim{Now: now, Limit: 1, Only: subdomain})
		if err != nil {
			return time.Time{}, err
		}
		if len(items) == 0 || r.isStuck(items[0]) { // its gate waits for the next one
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

func (r *workRun) claim(ctx context.Context, c Claim) (items []Item, next time.Time, err error) {
	c.Token, c.Lease = rand.Text(), r.lease()
	err = catchPanic(func() (err error) {
		items, next, err = r.config.Store.Claim(ctx, c)
		return err
	})
	return items, next, err
}

// deliveryEnd is the end of a delivery.
type deliveryEnd struct {
	item Item
	err  error
}

// isStuck reports whether a delivery of the item has outlived its lease: another
// one beside it would be stuck, too.
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
		defer func() { r.done <- end }() // also when OnEvent ends the goroutine
		end.err = deliver()              // reported to OnEvent
	}()
}

// busy are the companies that have half of the places, or more.
func (r *workRun) busy() (subdomains []string) {
	for subdomain, n := range r.companies {
		if 2*n >= r.config.Concurrency {
			subdomains = append(subdomains, subdomain)
		}
	}
	return subdomains
}

// endDelivery forgets a delivery that is over. A store that cannot record is
// left alone: each item that is claimed meanwhile would be sent, or leased, in
// vain.
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

// wait waits until a delivery is over, there is something new, the time is up,
// or ctx ends.
func (r *workRun) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var clock <-chan time.Time
	if r.flying < r.config.Concurrency { // else there is nothing to look for
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

// purge forgets what was delivered long ago. It may wait for the next time.
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
		r.tell(Event{Kind: EventStore, Err: err})
	}
}

// Deliver delivers one item that was claimed from the Worker's store, and
// records what came of it: what Run does with each. It is for engines that bring
// their own loop, and claim for longer than Config.Timeout. It does not end with
// ctx once the item may have been sent, but after Config.Timeout. It returns the
// item as it is stored, and an error only where the store failed or the lease
// was lost; then an additive item that may have been sent is put aside by who
// claims it next.
func (w *Worker) Deliver(ctx context.Context, item Item) (Item, error) {
	// A copy of an item that is done would come after those that came after it.
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

// deliver is Deliver for an item that was claimed just now.
func (w *Worker) deliver(ctx context.Context, item Item) (Item, error) {
	if item.State == Sending {
		return w.record(ctx, item, interruptedDecision(), nil)
	}
	if err := w.begin(ctx, &item); err != nil {
		return item, w.fail(item, err)
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.config.Timeout)
	err := w.sendGuarded(func() error { return Send(sending, w.config.Client, item) }, &item)
	cancel()
	now := time.Now()
	decision := w.config.Rules.Decide(item, err, now)
	answered := trackdrive.DeliveryOf(err) == trackdrive.DeliveryAnswered || errors.Is(err, trackdrive.ErrRejected)
	turned := w.gates.tell(item.Subdomain, &decision, answered, now)
	item, stored := w.record(ctx, item, decision, err)
	switch turned {
	case gateShut:
		w.tell(Event{Kind: EventPaused, Subdomain: item.Subdomain, Item: item, Err: err})
	case gateOpened:
		w.tell(Event{Kind: EventResumed, Subdomain: item.Subdomain})
	}
	return item, stored
}

// begin makes sure that the item may be sent: it is still this Worker's, for
// long enough, and of an additive one it is on record that it may have been.
func (w *Worker) begin(ctx context.Context, item *Item) error {
	if err := w.hasTime(item); err != nil || !item.Additive {
		return err
	}
	left := time.Until(item.Lease.Until)
	marked, err := w.update(ctx, item.ID, func(i *Item) error {
		if err := i.isHeldBy(item.Lease.Token); err != nil {
			return err
		}
		if i.State != Waiting || i.Lease.isBroken() { // another one marked it, or may claim it
			return fmt.Errorf("%w: %s", ErrLeaseLost, i.ID)
		}
		i.State = Sending
		i.Lease.Until = laterTime(i.Lease.Until, time.Now().Add(left)) // the store may have taken its time
		return nil
	})
	if err != nil {
		return err
	}
	*item = marked
	return w.hasTime(item)
}

// hasTime refuses an item whose lease may end before its delivery does.
func (w *Worker) hasTime(item *Item) error {
	if time.Until(item.Lease.Until) < w.config.Timeout {
		return fmt.Errorf("%w: %s, before it was sent", ErrLeaseLost, item.ID)
	}
	return nil
}

// isHeldBy refuses a worker that no longer has the item.
func (i *Item) isHeldBy(token string) error {
	if token == "" || i.Lease.Token != token || i.State != Waiting && i.State != Sending {
		return fmt.Errorf("%w: %s", ErrLeaseLost, i.ID)
	}
	return nil
}

// takesOutcomeOf refuses the outcome of a worker whose item has got another one
// meanwhile. A lease that was broken while the item was sent did not give it one.
func (i *Item) takesOutcomeOf(token string) error {
	if i.State == Aside && i.Lease.isBroken() && i.Lease.Token == token {
		return nil
	}
	return i.isHeldBy(token)
}

// record stores what was decided, and tells of it. A store that fails is asked
// again for a while: what is not recorded is sent again, or put aside.
func (w *Worker) record(ctx context.Context, item Item, d Decision, cause error) (Item, error) {
	ctx = context.WithoutCancel(ctx)
	now := time.Now()
	change := func(i *Item) error {
		if err := i.takesOutcomeOf(item.Lease.Token); err != nil {
			return fmt.Errorf("%w, and its outcome is not recorded: %s", err, d.State)
		}
		d.apply(i, now)
		return nil
	}
	for try := range recordTries {
		stored, err := w.update(ctx, item.ID, change)
		switch {
		case err == nil:
			w.tell(Event{Kind: EventKind(stored.State), Subdomain: stored.Subdomain, Item: stored, Err: cause})
			return stored, nil
		case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrUnknownItem), try == recordTries-1:
			return item, w.fail(item, err)
		}
		sleepFor(recordWait << try)
	}
	return item, nil
}

// How often, and how soon, the store is asked to record an outcome: for some 6 s.
const (
	recordTries = 7
	recordWait  = 100 * time.Millisecond
)

func sleepFor(d time.Duration) { <-time.After(d) }

// fail tells that the store did not do what it was asked for.
func (w *Worker) fail(item Item, err error) error {
	kind := EventStore
	if errors.Is(err, ErrLeaseLost) {
		kind = EventLeaseLost
	}
	w.tell(Event{Kind: kind, Subdomain: item.Subdomain, Item: item, Err: err})
	return err
}

// tell tells OnEvent. If it panics, it gets that reported once.
func (w *Worker) tell(e Event) {
	if w.config.OnEvent == nil {
		return
	}
	onEvent := func(e Event) error {
		return catchPanic(func() error { w.config.OnEvent(e); return nil })
	}
	if err := onEvent(e); err != nil && e.Kind != EventPanic {
		_ = onEvent(Event{Kind: EventPanic, Subdomain: e.Subdomain, Item: e.Item, Err: err}) // there is nobody else to tell
	}
}

// update is the store's Update. A store that panics has failed.
func (w *Worker) update(ctx context.Context, id string, change func(*Item) error) (item Item, err error) {
	err = catchPanic(func() (err error) {
		item, err = w.config.Store.Update(ctx, id, change)
		return err
	})
	return item, err
}
