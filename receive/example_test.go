package receive_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/receive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// database stands for yours.
type database struct {
	mu    sync.Mutex
	calls map[trackdrive.CallRef]trackdrive.Fields
	isOut bool
}

var errOutage = errors.New("the database is down")

// insert stores a call unless it is stored.
func (d *database) insert(_ context.Context, call trackdrive.CallRef, fields trackdrive.Fields) (isNew bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isOut {
		return false, errOutage
	}
	if _, known := d.calls[call]; known {
		return false, nil
	}
	d.calls[call] = fields
	return true, nil
}

// service is a buyer's.
type service struct{ db *database }

func newService() *service {
	return &service{&database{calls: map[trackdrive.CallRef]trackdrive.Fields{}}}
}

func (s *service) keep(ctx context.Context, f receive.Forwarded) error {
	isNew, err := s.db.insert(ctx, f.Call, f.Fields) // one statement: the call's company and uuid are its key
	if err != nil {
		return err // 500: the sender sends again
	}
	if isNew {
		fmt.Println("kept", f.Call.UUID, "of", f.Call.Subdomain)
	}
	return nil // 204, also for a call that was kept before
}

func (s *service) handle(_ context.Context, e receive.Event) error {
	if e.Call == nil {
		return nil // not about a call, or in a form that nobody knows: e.Raw has it
	}
	fmt.Println(e.Kind, e.Call.UUID, e.Call.Status)
	return nil
}

func (s *service) decide(_ context.Context, r *trackdrive.PingRequest) (receive.Answer, error) {
	if r.Fields["zip"] != "90210" {
		return receive.Answer{Reason: "outside our area"}, nil
	}
	return receive.Answer{
		Accepted:   true,
		Revenue:    trackdrive.MustAmount("21.00"),
		Number:     "+13035550148",
		Duration:   90 * time.Second, // shorter calls are not paid
		ExternalID: "bid-77",
		ExpiresIn:  30 * time.Second,
	}, nil
}

func (s *service) knowsCompany(subdomain string) bool { return subdomain == "acme" }

// mount returns the service's handlers.
func (s *service) mount(secret string) http.Handler {
	ours := []receive.Option{receive.Secret(secret), receive.Companies(s.knowsCompany)}
	mux := http.NewServeMux()
	mux.Handle("/forward/", receive.Forward(s.keep, ours...))
	mux.Handle("/bids/", receive.Bids(s.decide, nil, ours...))
	mux.Handle("/events/call_ended/", receive.Events("call_ended", s.handle, ours...))
	return mux
}

// answer shows what a handler answers.
func answer(h http.Handler, method, target, body string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body)))
}

// A buyer's three handlers, on the fake TrackDrive.
func Example() {
	handlers := newService().mount("made-up")
	fake := trackdrivetest.New()
	fake.ForwardTo(trackdrivetest.Hook{Handler: handlers, URL: "/forward/made-up"})
	fake.Subscribe("call_ended", trackdrivetest.Hook{Handler: handlers, URL: "/events/call_ended/made-up?trackdrive_subdomain=acme"})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "21.00"}}})
	ctx := context.Background()

	bid, err := fake.PingBuyer(ctx, trackdrivetest.Hook{Handler: handlers, URL: "/bids/made-up"}, "", map[string]string{"caller_id": "+15555550142", "zip": "90210"})
	if err != nil {
		panic(err)
	}
	fmt.Println("the buyer bids", bid.Revenue)
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	if _, err := client.Post(ctx, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	fake.FailSending(trackdrivetest.SendReplyLost, 1) // so the forward post is sent again
	if err := fake.Deliver(ctx); err != nil {
		panic(err)
	}
	// Output:
	// the buyer bids 21.00
	// kept 7c9e6679-0000-4000-8000-000000000001 of acme
	// call_ended 7c9e6679-0000-4000-8000-000000000001 finished
}

func ExampleForward() {
	s := newService()
	h := receive.Forward(s.keep)
	answer(h, "GET", "/?trackdrive_call_uuid=u-1&trackdrive_subdomain=acme&zip=90210", "")
	answer(h, "POST", "/", `{"trackdrive_call_uuid": "u-1", "trackdrive_subdomain": "acme"}`) // again
	answer(h, "GET", "/?trackdrive_call_uuid=[trackdrive_call_uuid]&trackdrive_subdomain=acme", "")
	s.db.isOut = true
	answer(h, "GET", "/?trackdrive_call_uuid=u-2&trackdrive_subdomain=acme", "")
	// Output:
	// kept u-1 of acme
	// 204
	// 204
	// 400 trackdrive_call_uuid: is a token that was not replaced; fill it in, or leave it out
	// 500 it was not kept; send it again
}

// A seller that has no fields of their own for the two values uses others.
func ExampleFieldNames() {
	names := receive.FieldNames{CallUUID: "subid2", Subdomain: "subid3"}
	answer(receive.Forward(newService().keep, names), "GET", "/?subid2=u-1&subid3=acme", "")
	// Output:
	// kept u-1 of acme
	// 204
}

func ExampleEvents() {
	h := receive.Events("call_ended", newService().handle)
	answer(h, "POST", "/events/call_ended?trackdrive_subdomain=acme", `{"call": {"uuid": "u-1", "status": "finished"}}`)
	// Output:
	// call_ended u-1 finished
	// 204
}

func ExampleBids() {
	h := receive.Bids(newService().decide, nil)
	answer(h, "POST", "/bids", `{"trackdrive_call_uuid": "u-1", "trackdrive_subdomain": "acme", "zip": "90210"}`)
	answer(h, "POST", "/bids", `{"trackdrive_call_uuid": "u-2", "trackdrive_subdomain": "acme", "zip": "10001"}`)
	// Output:
	// 200 {"accepted":true,"revenue":"21.00","number":"+13035550148","duration":90,"bid_id":"bid-77","expires_in":30,"success":true,"status":"accepted"}
	// 200 {"accepted":false,"reason":"outside our area","success":false,"status":"no_matching_buyer","errors":["outside our area"]}
}

func ExampleSecret() {
	h := receive.Forward(newService().keep, receive.Secret("the-new-one"), receive.Secret("the-old-one"))
	const call = "?trackdrive_call_uuid=u-1&trackdrive_subdomain=acme"
	answer(h, "GET", "/forward/the-old-one"+call, "")
	answer(h, "GET", "/forward/a-guess"+call, "")
	// Output:
	// kept u-1 of acme
	// 204
	// 401 the secret is missing or wrong; it belongs in the path or in Basic credentials
}

func ExampleCompanies() {
	h := receive.Forward(newService().keep, receive.Companies(func(subdomain string) bool { return subdomain == "acme" }))
	answer(h, "GET", "/?trackdrive_call_uuid=u-1&trackdrive_subdomain=globex", "")
	// Output:
	// 403 trackdrive_subdomain: the company is unknown here
}

func ExampleInstructions() {
	for line := range strings.Lines(receive.Instructions()) {
		if strings.Contains(line, "_path") {
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
	// Output:
	// webhook_body_success_path accepted
	// webhook_path_revenue revenue
	// webhook_path_number number
	// webhook_path_duration duration
	// webhook_path_name name
	// webhook_path_external_id bid_id
}
