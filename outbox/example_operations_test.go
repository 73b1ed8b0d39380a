package outbox_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// leadWorker returns a worker with a fake TrackDrive that has an offer and a call,
// and with a partner that accepts everything.
func leadWorker(webhooks map[string]*trackdrive.Webhook) (*outbox.Worker, *trackdrivetest.Fake) {
	fake := trackdrivetest.New()
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "made-up-lead", OfferToken: "made-up-offer"})
	fake.AddCall(trackdrivetest.Call{UUID: "u-1", CallerNumber: "+15555550142"})
	both := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "partner.example" {
			return fake.Transport().RoundTrip(r)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		fmt.Printf("%s %s\n", r.URL, body)
		reply := httptest.NewRecorder()
		_, err = io.WriteString(reply, `{"status":"ok"}`)
		return reply.Result(), err
	})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(both))
	if err != nil {
		log.Fatal(err)
	}
	secrets := map[string]string{"solar": "made-up-lead", "solar-offer": "made-up-offer"}
	worker, err := outbox.New(outbox.Config{
		Store: outboxtest.NewMemory(), Client: client, Webhooks: webhooks,
		Tokens: func(name string) (string, error) { return secrets[name], nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	return worker, fake
}

func deliver(worker *outbox.Worker, items ...outbox.Item) {
	ctx := context.Background()
	for _, item := range items {
		if _, _, err := worker.Enqueue(ctx, item); err != nil {
			log.Fatal(err)
		}
	}
	if err := worker.Drain(ctx); err != nil {
		log.Fatal(err)
	}
}

func ExampleNewCaptureLead() {
	worker, fake := leadWorker(nil)
	item, err := outbox.NewCaptureLead("lead-1", "acme", &trackdrive.Lead{
		CallerID: "+15555550142",
		Fields: trackdrive.Fields{
			"lead_token_name": "solar", // Config.Tokens gives the token
			"first_name":      "Ann",
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	deliver(worker, item)
	fmt.Println(item.Additive, fake.Leads()[0].Fields)

	_, err = outbox.NewCaptureLead("lead-2", "acme", &trackdrive.Lead{LeadToken: "made-up-lead", CallerID: "+15555550142"})
	fmt.Println(err)
	// Output:
	// true map[first_name:Ann]
	// trackdrive: invalid argument: lead_token: is a credential, which an item must not hold; Config.Tokens gives it when the item is sent
}

func ExampleNewSubmitLead() {
	worker, fake := leadWorker(nil)
	item, err := outbox.NewSubmitLead("lead-1", "acme", &trackdrive.Lead{
		CallerID: "+15555550142",
		Fields:   trackdrive.Fields{"lead_token_name": "solar"},
		Data:     trackdrive.Fields{"zip": "00501"},
	})
	if err != nil {
		log.Fatal(err)
	}
	deliver(worker, item)
	fmt.Println(fake.Leads()[0].Fields)
	// Output: map[data[zip]:00501]
}

func ExampleNewUpdateByCaller() {
	worker, fake := leadWorker(nil)
	item, err := outbox.NewUpdateByCaller("sale-1", "acme", "+15555550142", &trackdrive.CallerUpdate{
		OfferToken:     "solar-offer", // the name of the token
		BuyerConverted: new(true),
		Revenue:        trackdrive.MustAmount("25.50"),
	})
	if err != nil {
		log.Fatal(err)
	}
	deliver(worker, item)
	fmt.Println(item.Additive, fake.Updates("u-1"))
	// Output: true [acme/u-1 update_call_by_caller_id map[buyer_converted:true revenue:25.50]]
}

func ExampleNewOptOutCaller() {
	worker, fake := leadWorker(nil)
	lead, err := outbox.NewCaptureLead("lead-1", "acme", &trackdrive.Lead{CallerID: "+15555550142", Fields: trackdrive.Fields{"lead_token_name": "solar"}})
	if err != nil {
		log.Fatal(err)
	}
	item, err := outbox.NewOptOutCaller("stop-1", "acme", "solar", "(555) 555-0142")
	if err != nil {
		log.Fatal(err)
	}
	deliver(worker, lead, item) // in this order: it is the same caller
	fmt.Println(item.Additive, fake.Leads()[0].OptedOut)

	_, err = outbox.NewOptOutCaller("stop-2", "acme", "7f3d9ac2e18b4f05", "(555) 555-0142")
	fmt.Println(strings.Contains(err.Error(), "may be the token itself"))
	// Output:
	// false true
	// true
}

func ExampleNewWebhook() {
	converted, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:        "https://partner.example/converted",
		Body:       `{"key":"[api_key]","call":"[call]","revenue":"[revenue]"}`,
		Values:     trackdrive.Values{"api_key": "made-up-key"}, // credentials stand here, and in no item
		Acceptance: trackdrive.All(trackdrive.Field("status").Equals("ok")),
		Repeat:     trackdrive.RepeatSafe, // the partner keeps one conversion for each call
	})
	if err != nil {
		log.Fatal(err)
	}
	worker, _ := leadWorker(map[string]*trackdrive.Webhook{"partner": converted})
	item, err := outbox.NewWebhook("sale-1", "partner", "RGB-1", trackdrive.Values{"call": "RGB-1", "revenue": "25.50"})
	if err != nil {
		log.Fatal(err)
	}
	deliver(worker, item)
	fmt.Println(item.Key)
	// Output:
	// https://partner.example/converted {"key":"made-up-key","call":"RGB-1","revenue":"25.50"}
	// webhook:partner/key/RGB-1
}

// moveWaiting moves the items that wait from an old store to a new one, with the new
// store's worker, which must not run yet.
func moveWaiting(ctx context.Context, from, to outbox.Store, worker *outbox.Worker) error {
	for after := uint64(0); ; {
		items, err := from.List(ctx, outbox.Query{State: outbox.Waiting, After: after})
		if err != nil || len(items) == 0 {
			return err
		}
		for _, item := range items {
			after = item.Seq
			moved, _, err := worker.Enqueue(ctx, item)
			if err != nil {
				return err
			}
			if moved.Additive && !item.Additive && item.Attempts > 0 { // its webhook is stricter now, and it may have arrived
				_, err = to.Update(ctx, item.ID, func(i *outbox.Item) error { i.State = outbox.Aside; return nil })
			}
			if err != nil {
				return err
			}
		}
	}
}

// hooksWorker returns a worker with two webhooks, of which the second has a class of
// its own.
func hooksWorker(store outbox.Store, second trackdrive.Repeatable) *outbox.Worker {
	webhooks := map[string]*trackdrive.Webhook{}
	for name, repeat := range map[string]trackdrive.Repeatable{"first": trackdrive.RepeatSafe, "second": second} {
		webhook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://partner.example/" + name, Repeat: repeat})
		if err != nil {
			log.Fatal(err)
		}
		webhooks[name] = webhook
	}
	client, err := trackdrive.NewClient("acme")
	if err != nil {
		log.Fatal(err)
	}
	worker, err := outbox.New(outbox.Config{Store: store, Client: client, Webhooks: webhooks})
	if err != nil {
		log.Fatal(err)
	}
	return worker
}

func ExampleWorker_Enqueue_move() {
	ctx := context.Background()
	from, to := outboxtest.NewMemory(), outboxtest.NewMemory()
	old := hooksWorker(from, trackdrive.RepeatSafe)
	for _, name := range []string{"first", "second"} {
		item, err := outbox.NewWebhook(name+"-1", name, "", nil)
		if err != nil {
			log.Fatal(err)
		}
		if _, _, err := old.Enqueue(ctx, item); err != nil {
			log.Fatal(err)
		}
		if _, err := from.Update(ctx, item.ID, func(i *outbox.Item) error { i.Attempts = 4; return nil }); err != nil { // answered with 503
			log.Fatal(err)
		}
	}
	worker := hooksWorker(to, trackdrive.RepeatNever)
	if err := moveWaiting(ctx, from, to, worker); err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"first-1", "second-1"} {
		item, err := to.Get(ctx, id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.ID, item.State, item.Additive)
	}
	// Output:
	// first-1 waiting false
	// second-1 aside true
}

func ExampleHandler() {
	worker, _, _ := fakeWorker()
	if _, _, err := worker.Enqueue(context.Background(), sale("sale-4711", "25.50")); err != nil {
		log.Fatal(err)
	}
	requireAdmin := func(next http.Handler) http.Handler { return next } // the service's own
	admin := http.NewServeMux()
	admin.Handle("/outbox/", http.StripPrefix("/outbox", requireAdmin(outbox.Handler(worker))))

	for _, request := range []*http.Request{
		httptest.NewRequest(http.MethodPost, "/outbox/discard", strings.NewReader(`{"id":"sale-4711","reason":"a test"}`)),
		httptest.NewRequest(http.MethodPost, "/outbox/settle", strings.NewReader(`{"id":"sale-4711"}`)),
	} {
		request.Header.Set("Content-Type", "application/json")
		reply := httptest.NewRecorder()
		admin.ServeHTTP(reply, request)
		fmt.Println(reply.Code, strings.Contains(reply.Body.String(), `"state":"dead"`))
	}
	// Output:
	// 200 true
	// 400 false
}
