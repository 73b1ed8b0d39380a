// Package outbox keeps conversions until TrackDrive has them. A postback is
// money, and so are a lead and a partner's webhook: when TrackDrive is down for an
// hour, or the process is killed, they must still arrive.
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
// When Enqueue returns without an error, the item survives a crash. Until then
// nothing is promised: enqueue it again with the same id. An id is stored once.
//
// To stop, cancel ctx, wait for Run to return, and only then close the store:
// Run still records the outcomes of the deliveries in progress.
//
// # Guarantees
//
// An update with absolute values is delivered at least once: it is sent until
// TrackDrive answers, and may be sent once more after a crash.
//
// An additive update (AddRevenue, AddPayout, Fields) is delivered at most once.
// Before it is sent, the store durably records that it may be on its way. If it
// is not known whether it arrived, because no answer came or the process ended,
// it is put [Aside], and is not sent again automatically: look up the call, and
// call [Settle].
//
// So are leads ([NewCaptureLead], [NewSubmitLead]), updates by caller
// ([NewUpdateByCaller]), and webhooks ([NewWebhook]) unless their class is RepeatSafe.
// An opt-out ([NewOptOutCaller]) is delivered at least once.
//
// The items of a call are delivered in the order in which they were enqueued.
// An item starts when the previous one is settled: delivered or dead. An item
// that is parked or aside holds up the items after it. The same is true of the items
// that concern one caller of a company, and of those with one order key of a webhook.
//
// # Not guaranteed
//
// Calls are not ordered among each other. A dead item that is retried arrives
// after whatever was delivered in the meantime. Order, and the single delivery of
// an additive update, rely on leases: processes that share a store need clocks
// that agree to within a few seconds, and a network that does not deliver a
// request minutes after its sender gave up. An id is known until its item is
// purged: see Config.Keep. If a disk loses data that it reported as written, the
// items are lost.
//
// # Outcomes
//
//	success                            delivered
//	not sent, 408, 409, 423, 425, 429  waits, longer each time, at least Retry-After
//	sent but not answered, 5xx         waits likewise if absolute; if additive, put aside until it is settled
//	401, no credentials                waits; the company is paused, and probed from time to time
//	403                                parked until somebody grants the permission and retries
//	404                                waits for an hour, because the call may not exist yet; then dead
//	400, 422 and other 4xx, a refusal  dead, with the reasons
//
// Any other reply that leaves open whether an additive update was applied, such
// as a success that also lists errors, puts it aside as well. After a 501 or 505,
// which show that it was not applied, an additive update waits.
//
// A company that fails several times in a row rests, and is then sent one item at
// a time until it answers, so that the backlog does not make an outage worse. If
// possible that is an absolute item, and an additive update is preceded by a lookup of
// its call, so that items are not put aside one by one while the company is down. Leads,
// updates by caller and webhooks have no lookup: without an absolute item, one of them
// is put aside after 5, 10, 20 minutes and so on.
//
// # Secrets
//
// An item holds no credentials. The Client calls its Authenticator when it sends
// an item, so credentials may rotate while items wait. Of lead tokens and offer tokens
// an item holds the names: Config.Tokens gives the tokens. An item whose token or
// webhook is missing is parked.
//
// [Handler] is for a service's own admin, behind its authentication.
package outbox
