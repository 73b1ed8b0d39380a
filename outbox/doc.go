// Package outbox keeps conversions until TrackDrive has them. A postback is
// money: when TrackDrive is down for an hour, or the process is killed, it must
// still arrive.
//
// A program stores its updates, and a [Worker] delivers them:
//
//	store, err := boltstore.Open("conversions.db", nil) // or another Store
//	...
//	worker, err := outbox.New(outbox.Config{Store: store, Client: client})
//	...
//	ran := make(chan error, 1)
//	go func() { ran <- worker.Run(ctx) }()
//
//	item, err := outbox.NewUpdate("sale-4711", call, &trackdrive.UpdateCall{
//		BuyerConverted: new(true),
//		Revenue:        trackdrive.MustAmount("25.50"),
//	})
//	...
//	_, added, err := worker.Enqueue(ctx, item)
//
// When Enqueue returns without an error, the item survives a crash. Before that
// nothing is promised: enqueue it again with the same id, which is stored once.
//
// To stop, end ctx, wait for Run to return, and only then close the store: the
// outcomes of deliveries on their way are still recorded.
//
// # Guarantees
//
// An update with absolute values is delivered at least once: it is sent until
// TrackDrive answers, and after a crash perhaps once more.
//
// An additive update (AddRevenue, AddPayout, Fields) is delivered at most once.
// Before it may be sent, the store durably records that it may be on its way. If
// nobody knows whether it arrived, because there was no answer or the process
// ended meanwhile, it is put [Aside], and is never sent again by itself: look the
// call up, and call [Settle].
//
// The items of a call are delivered in the order in which they were enqueued.
// The next one starts when the one before is settled: delivered or dead. An item
// that is parked or aside keeps those after it waiting.
//
// # Not guaranteed
//
// There is no order among calls. A dead item that is retried comes after what was
// delivered meanwhile. Order, and the single delivery of an additive update, rely
// on leases: a store that several processes share needs clocks that agree to
// within some seconds, and a network that does not deliver a request minutes
// after its sender gave up. An id is known until its item is purged: see
// Config.Keep. If a disk loses what it reported as written, the items are lost.
//
// # What becomes of an item
//
//	success                                  delivered
//	408, 409, 423, 425, 429                  waits, longer each time, at least Retry-After
//	no answer, 5xx                           the same, if its values are absolute; see the last row
//	401, no credentials                      waits; the company is paused, and probed now and then
//	403                                      parked, until somebody grants the permission and retries
//	404                                      waits for an hour, because the call may not exist yet; then dead
//	400, 422 and other 4xx, a refusal        dead, with the reasons
//	additive, and nobody knows               aside, until it is settled
//
// A company that fails several times in a row rests, and is then sent one item at
// a time until it answers: the backlog does not multiply an outage.
//
// # Secrets
//
// An item holds no credentials. The Client's Authenticator is called when an item
// is sent, so credentials may rotate while items wait.
package outbox
