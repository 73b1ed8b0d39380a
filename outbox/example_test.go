package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// fakeWorker returns a worker with a store in memory and a fake TrackDrive that
// has the call u-1.
func fakeWorker() (*outbox.Worker, *outboxtest.Memory, *trackdrivetest.Fake) {
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		log.Fatal(err)
	}
	store := outboxtest.NewMemory()
	worker, err := outbox.New(outbox.Config{Store: store, Client: client})
	if err != nil {
		log.Fatal(err)
	}
	return worker, store, fake
}

// sale returns an item of the call u-1.
func sale(id, revenue string) outbox.Item {
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{
		BuyerConverted: new(true),
		Revenue:        trackdrive.MustAmount(revenue),
	})
	if err != nil {
		log.Fatal(err)
	}
	return item
}

func Example() {
	ctx := context.Background()
	worker, _, fake := fakeWorker()
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), 1)
	if _, _, err := worker.Enqueue(ctx, sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err) // not stored: report it to the caller
	}
	if err := worker.Drain(ctx); err != nil {
		log.Fatal(err)
	}
	for _, u := range fake.Updates("u-1") {
		fmt.Println(u)
	}
	// Output: acme/u-1 update_call map[buyer_converted:true revenue:25.50]
}

func ExampleNewUpdate() {
	call := trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}
	item, err := outbox.NewUpdate("sale-4711", call, &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("5.00")})
	fmt.Println(item.Key, item.Additive, string(item.Body), err)

	_, err = outbox.NewUpdate("sale-4712", call, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"auth_token": "made-up"}})
	fmt.Println(err)
	// Output:
	// acme/u-1 true {"add_revenue":"5.00","post_call_tokens":{}} <nil>
	// trackdrive: invalid argument: "auth_token": is a credential; the Client's Authenticator adds those when the item is sent
}

func ExampleItem_Update() {
	item := sale("sale-4711", "25.50")
	call, update, err := item.Update()
	fmt.Println(call.UUID, update.Revenue, err)
	// Output: u-1 25.50 <nil>
}

func ExampleEnqueue() {
	ctx := context.Background()
	store := outboxtest.NewMemory()
	for _, revenue := range []string{"25.50", "25.50", "30.00"} {
		item, added, err := outbox.Enqueue(ctx, store, sale("sale-4711", revenue))
		fmt.Println(item.Seq, item.State, added, errors.Is(err, outbox.ErrConflict))
	}
	// Output:
	// 1 waiting true false
	// 1 waiting false false
	// 1 waiting false true
}

func ExampleRetry() {
	ctx := context.Background()
	worker, store, fake := fakeWorker()
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusForbidden, nil, `{"errors":["Not authorized"]}`), 1)
	if _, _, err := worker.Enqueue(ctx, sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	_ = worker.Drain(ctx)
	parked, _ := store.List(ctx, outbox.Query{State: outbox.Parked})
	for _, item := range parked {
		_, reason, _ := strings.Cut(item.LastError, "403 ")
		fmt.Println(reason)
	}

	// Somebody grants the permission, and then:
	item, err := outbox.Retry(ctx, store, "sale-4711")
	fmt.Println(item.State, err)
	_ = worker.Drain(ctx)
	fmt.Println(len(fake.Updates("u-1")))
	// Output:
	// forbidden: Not authorized: the credentials are right, but their team at acme lacks one of the permissions Enable Developer API Access, access type Calls, Buyer Converted, Buyer Revenue (1 attempt, answered)
	// waiting <nil>
	// 1
}

func ExampleSettle() {
	ctx := context.Background()
	worker, store, fake := fakeWorker()
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	item, err := outbox.NewUpdate("upsell-1", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"},
		&trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("5.00")})
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := worker.Enqueue(ctx, item); err != nil {
		log.Fatal(err)
	}
	_ = worker.Drain(ctx)
	item, _ = store.Get(ctx, "upsell-1")
	fmt.Println(item.State)

	// Somebody looks up the call.
	call, _ := fake.Call("u-1")
	item, err = outbox.Settle(ctx, store, "upsell-1", call.Revenue == "5.00")
	fmt.Println(item.State, err)
	// Output:
	// aside
	// delivered <nil>
}

func ExampleDiscard() {
	ctx := context.Background()
	worker, store, _ := fakeWorker()
	item, err := outbox.NewUpdate("sale-1", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("5.00")})
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := worker.Enqueue(ctx, item); err != nil {
		log.Fatal(err)
	}
	item, err = outbox.Discard(ctx, store, "sale-1", "the sale was cancelled")
	fmt.Println(item.State, item.LastError, err)
	// Output:
	// dead outbox: discarded: the sale was cancelled <nil>
}

func ExampleSend() {
	fake := trackdrivetest.New()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	if err != nil {
		log.Fatal(err)
	}
	// What the job of another engine does:
	item := sale("sale-4711", "25.50")
	err = outbox.Send(context.Background(), client, item)
	decision := outbox.Rules{}.Decide(item, err, time.Now())
	fmt.Println(errors.Is(err, trackdrive.ErrNotFound), decision.State)
	// Output: true waiting
}

func ExampleRules_Decide() {
	item := sale("sale-4711", "25.50")
	for _, err := range []error{
		nil,
		&trackdrive.Error{StatusCode: 401, Delivery: trackdrive.DeliveryAnswered},
		&trackdrive.Error{StatusCode: 403, Delivery: trackdrive.DeliveryAnswered},
		&trackdrive.Error{StatusCode: 422, Delivery: trackdrive.DeliveryAnswered},
		&trackdrive.Error{StatusCode: 502, Delivery: trackdrive.DeliveryUnknown},
	} {
		d := outbox.Rules{}.Decide(item, err, time.Now())
		fmt.Println(d.State, d.Credentials, d.Outage)
	}
	// Output:
	// delivered false false
	// waiting true false
	// parked false false
	// dead false false
	// waiting false true
}

func ExampleState_IsSettled() {
	fmt.Println(outbox.Delivered.IsSettled(), outbox.Dead.IsSettled(), outbox.Aside.IsSettled())
	// Output: true true false
}

func ExampleLease_IsLive() {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	lease := outbox.Lease{Token: "made-up", Until: noon}
	fmt.Println(lease.IsLive(noon.Add(-time.Second)), lease.IsLive(noon), outbox.Lease{}.IsLive(noon))
	// Output: true false false
}

func ExampleQuery_PageSize() {
	fmt.Println(outbox.Query{}.PageSize(), outbox.Query{Limit: 10}.PageSize())
	// Output: 100 10
}

func ExampleCounts_Add() {
	var counts outbox.Counts
	counts.Add(outbox.Waiting, 3)
	counts.Add(outbox.Waiting, -1)
	fmt.Println(counts.Waiting)
	// Output: 2
}

func ExampleCounts_Of() {
	counts := outbox.Counts{Waiting: 3, Dead: 1}
	for _, state := range []outbox.State{outbox.Waiting, outbox.Dead} {
		fmt.Printf("outbox_items{state=%q} %d\n", state, counts.Of(state))
	}
	// Output:
	// outbox_items{state="waiting"} 3
	// outbox_items{state="dead"} 1
}

func ExampleCounts_Backlog() {
	counts := outbox.Counts{Waiting: 3, Parked: 1, Dead: 1, Delivered: 100}
	fmt.Println(counts.Backlog())
	// Output: 4
}

func ExampleNew() {
	_, err := outbox.New(outbox.Config{Store: outboxtest.NewMemory()})
	fmt.Println(err)
	// Output: trackdrive: invalid argument: client: is nil
}

func ExampleWorker_Enqueue() {
	ctx := context.Background()
	worker, _, _ := fakeWorker()
	item, added, err := worker.Enqueue(ctx, sale("sale-4711", "25.50"))
	fmt.Println(item.State, added, err)
	// Output: waiting true <nil>
}

func ExampleWorker_Run() {
	worker, _, fake := fakeWorker()
	if _, _, err := worker.Enqueue(context.Background(), sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond) // until the service ends
	defer stop()
	err := worker.Run(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded), len(fake.Updates("u-1")))
	// Output: true 1
}

func ExampleWorker_Drain() {
	ctx := context.Background()
	worker, _, fake := fakeWorker()
	for _, id := range []string{"sale-1", "sale-2"} {
		if _, _, err := worker.Enqueue(ctx, sale(id, "25.50")); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(worker.Drain(ctx), len(fake.Updates("u-1")))
	// Output: <nil> 2
}

func ExampleWorker_Wake() {
	ctx := context.Background()
	worker, store, _ := fakeWorker()
	// Stored without the worker, which would find it only at its next poll:
	_, added, err := outbox.Enqueue(ctx, store, sale("sale-4711", "25.50"))
	worker.Wake()
	fmt.Println(added, err)
	// Output: true <nil>
}

func ExampleWorker_Counts() {
	ctx := context.Background()
	worker, _, _ := fakeWorker()
	if _, _, err := worker.Enqueue(ctx, sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	counts, err := worker.Counts(ctx)
	fmt.Println(counts.Waiting, counts.Delivered, err)
	// Output: 1 0 <nil>
}

func ExampleWorker_Resume() {
	ctx := context.Background()
	worker, _, fake := fakeWorker()
	fake.AddAccess(trackdrivetest.Access{DeveloperToken: "another"})
	if _, _, err := worker.Enqueue(ctx, sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	_ = worker.Drain(ctx)
	fmt.Println(worker.Paused())

	fake.AddAccess(trackdrivetest.Access{DeveloperToken: "made-up"}) // the key is known again
	worker.Resume("acme")
	_ = worker.Drain(ctx)
	fmt.Println(worker.Paused(), len(fake.Updates("u-1")))
	// Output:
	// [acme]
	// [] 1
}

func ExampleWorker_Paused() {
	worker, _, _ := fakeWorker()
	fmt.Println(len(worker.Paused()))
	// Output: 0
}

func ExampleWorker_Deliver() {
	ctx := context.Background()
	worker, store, fake := fakeWorker()
	if _, _, err := worker.Enqueue(ctx, sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	claim := outbox.Claim{Token: "job-1", Now: time.Now(), Lease: 2 * time.Minute, Limit: 1}
	items, _, err := store.Claim(ctx, claim)
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range items {
		item, err := worker.Deliver(ctx, item)
		fmt.Println(item.State, err, len(fake.Updates("u-1")))
	}
	// Output: delivered <nil> 1
}
