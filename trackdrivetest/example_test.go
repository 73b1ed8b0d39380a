package trackdrivetest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// In a test, NewServer(t) is shorter: it closes the server, and a wrong set-up
// fails the test.
func Example() {
	srv, err := trackdrivetest.Start()
	if err != nil {
		panic(err)
	}
	defer srv.Close()
	srv.AddEndpoint(trackdrivetest.Endpoint{
		VanityURI: "my_endpoint",
		Buyers: []trackdrivetest.Buyer{
			{ID: "101", Name: "Buyer A", Bid: "25.00"},
			{ID: "102", Name: "Buyer B", Bid: "31.50"},
		},
	})

	fmt.Println(call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{"caller_id":"+15555550100"}`))
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"+15555550100","ping_id":"bp-1-102"}`))
	for _, sale := range srv.Sales() {
		fmt.Println("sold to", sale.BuyerName, "for", sale.Payout)
	}
	// Output:
	// 200 {"success":true,"status":"accepted","try_all_buyers_ping_id":"ta-1","buyers":[{"ping_id":"bp-1-101","id":101,"name":"Buyer A","bid_price":25.00},{"ping_id":"bp-1-102","id":102,"name":"Buyer B","bid_price":31.50}]}
	// 200 {"success":true,"status":"accepted","forwarding_number":"+15555550100","forwarding_number_status":"accepted"}
	// sold to Buyer B for 31.50
}

func ExampleNewServer() {
	var t reporter // in a test: *testing.T
	srv := trackdrivetest.NewServer(t)
	defer srv.Close() // a test needs no Close: t's cleanup closes the server
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "my_endpoint"})
	fmt.Println(call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{}`))
	// Output:
	// 200 {"success":false,"status":"rejected","errors":["No buyers are available"],"buyers":[]}
}

func ExampleStart() {
	srv, err := trackdrivetest.Start(trackdrivetest.WithSubdomain("beta"))
	if err != nil {
		panic(err)
	}
	defer srv.Close()
	fmt.Println(srv.Subdomain(), strings.HasPrefix(srv.URL, "http://127.0.0.1:"))
	// Output:
	// beta true
}

func ExampleNew() {
	fake := trackdrivetest.New()
	client := &http.Client{Transport: fake.Transport()}
	resp, err := client.Get("https://acme.trackdrive.com/api/v1/calls")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode, fake.Last().Operation)
	// Output:
	// 401 calls
}

func ExampleServer_Transport() {
	srv := start()
	defer srv.Close()
	client := &http.Client{Transport: srv.Transport()}
	for _, host := range []string{"acme.trackdrive.com", "example.com"} {
		resp, err := client.Get("https://" + host + "/api/v1/inbound_webhooks/ping/my_endpoint")
		if err != nil {
			fmt.Println("refused")
			continue
		}
		fmt.Println(resp.StatusCode)
		_ = resp.Body.Close()
	}
	// Output:
	// 200
	// refused
}

func ExampleServer_URLOf() {
	srv := start()
	defer srv.Close()
	beta := srv.AddCompany("beta")
	beta.AddCall(trackdrivetest.Call{UUID: "call-1"})
	update := `{"auth_token":"made-up","buyer_converted":"true"}`
	fmt.Println(call(srv.URL, "calls/update_call/call-1", update))
	call(srv.URLOf(beta), "calls/update_call/call-1", update)
	fmt.Println(len(beta.Updates("call-1")))
	// Output:
	// 404 {"status":404,"errors":{"base":["Not found"]}}
	// 1
}

func ExampleFake_Register() {
	mock := httpmock.NewMockTransport()
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "my_endpoint", Buyers: []trackdrivetest.Buyer{{Bid: "25.00"}}})
	fake.Register(mock)

	client := &http.Client{Transport: mock}
	resp, err := client.Post("https://acme.trackdrive.com/api/v1/inbound_webhooks/post/my_endpoint", "application/json", strings.NewReader(`{"caller_id":"5555550100"}`))
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode, len(fake.Sales()), mock.GetTotalCallCount())
	// Output:
	// 200 1 1
}

// The call is sold, and the answer lost: a client must not repeat the post.
func ExampleFake_Fail() {
	srv := start()
	defer srv.Close()
	srv.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"5555550100"}`))
	fmt.Println(len(srv.Sales()), "sold")
	// Output:
	// no answer
	// 1 sold
}

func ExampleWhere() {
	srv := start()
	defer srv.Close()
	pat := trackdrivetest.Where(func(r trackdrivetest.Request) bool { return r.Params.Text("first_name") == "Pat" })
	srv.Fail(pat, trackdrivetest.Refusal("rejected", "Not Pat again"), trackdrivetest.Always)
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"5555550100","first_name":"Pat"}`))
	srv.Heal()
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"5555550100","first_name":"Pat"}`))
	// Output:
	// 200 {"success":false,"status":"rejected","errors":["Not Pat again"]}
	// 200 {"success":true,"status":"accepted","forwarding_number":"+15555550100","forwarding_number_status":"accepted"}
}

func ExampleTooManyRequests() {
	srv := start()
	defer srv.Close()
	srv.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(30*time.Second), 1)
	fmt.Println(call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{}`))
	// Output:
	// 429 {"success":false,"status":"rate_limited","errors":["Rate limit exceeded"]}
}

func ExampleStatus() {
	srv := start()
	defer srv.Close()
	srv.Fail(trackdrivetest.Any, trackdrivetest.Status(503, http.Header{"Retry-After": {"-5"}}, "busy"), 1)
	fmt.Println(call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{}`))
	// Output:
	// 503 busy
}

func ExampleTruncated() {
	srv := start()
	defer srv.Close()
	srv.Fail(trackdrivetest.OpPost, trackdrivetest.Truncated(), 1)
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"5555550100"}`))
	fmt.Println(len(srv.Sales()), "sold")
	// Output:
	// 200 {"success":true,"status":"accepted","forwarding_number
	// 1 sold
}

// A list of faults, to run a test with each.
func ExampleFault() {
	for _, fault := range []trackdrivetest.Fault{
		trackdrivetest.Slow(30 * time.Second),
		trackdrivetest.Drop(),
		trackdrivetest.AfterActing(trackdrivetest.BadGateway()),
		trackdrivetest.CutOff(),
		trackdrivetest.HTML200(),
		trackdrivetest.Empty(),
	} {
		fmt.Println(fault)
	}
	// Output:
	// slow
	// drop
	// bad gateway after acting
	// cut off
	// html
	// empty
}

func ExampleFake_Advance() {
	srv, err := trackdrivetest.Start()
	if err != nil {
		panic(err)
	}
	defer srv.Close()
	srv.AddEndpoint(trackdrivetest.Endpoint{
		VanityURI: "my_endpoint",
		Expiry:    2 * time.Minute,
		Buyers:    []trackdrivetest.Buyer{{Bid: "25.00"}},
	})
	call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{}`)
	srv.Advance(2 * time.Minute)
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"5555550100","ping_id":"ta-1"}`))
	// Output:
	// 200 {"success":false,"status":"rejected","errors":["Ping ID has expired"]}
}

func ExampleWithClock() {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	fake := trackdrivetest.New(trackdrivetest.WithClock(func() time.Time { return noon }))
	fmt.Println(fake.AddCall(trackdrivetest.Call{UUID: "call-1"}).CreatedAt)
	// Output:
	// 2026-01-15 12:00:00 +0000 UTC
}

func ExampleCompany_ChangeEndpoint() {
	srv := start()
	defer srv.Close()
	call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{}`)
	srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.Buyers[0].Unavailable = true })
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"5555550100","ping_id":"bp-1-101"}`))
	// Output:
	// 200 {"success":false,"status":"rejected","errors":["Buyer is no longer available"]}
}

// A post must name the caller, unless its endpoint does not require it.
func ExampleEndpoint_callerIDOptional() {
	srv := start()
	defer srv.Close()
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{}`))
	srv.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.CallerIDOptional = true })
	fmt.Println(call(srv.URL, "inbound_webhooks/post/my_endpoint", `{}`))
	// Output:
	// 422 {"status":422,"errors":{"caller_id":["can't be blank"]}}
	// 200 {"success":true,"status":"accepted","forwarding_number":"+15555550100","forwarding_number_status":"accepted"}
}

func ExampleCompany_Suppress() {
	srv := start()
	defer srv.Close()
	srv.Suppress("+15555550100")
	fmt.Println(call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{"caller_id":"555-555-0100"}`))
	// Output:
	// 200 {"success":false,"status":"caller_number_suppressed","errors":["Caller number is suppressed"]}
}

func ExampleCompany_AddAccess() {
	srv := start()
	defer srv.Close()
	srv.AddCall(trackdrivetest.Call{UUID: "call-1"})
	srv.AddAccess(trackdrivetest.Access{AuthToken: "made-up", Lacks: []trackdrivetest.Permission{trackdrivetest.PermitBuyerRevenue}})
	fmt.Println(call(srv.URL, "calls/update_call/call-1", `{"auth_token":"made-up","revenue":"25.50"}`))
	// Output:
	// 403 {"status":403,"errors":{"base":["You are not authorized to access this page."]}}
}

func ExampleCompany_AssertUpdated() {
	var t reporter // in a test: *testing.T
	srv := start()
	defer srv.Close()
	srv.AddCall(trackdrivetest.Call{UUID: "call-1"})
	for range 2 {
		call(srv.URL, "calls/update_call/call-1", `{"auth_token":"made-up","add_revenue":"0.10"}`)
	}
	srv.AssertUpdated(t, "call-1", map[string]string{"add_revenue": "0.10"})
	updated, _ := srv.Call("call-1")
	fmt.Println(updated.Revenue)
	// Output:
	// trackdrivetest: call call-1 was updated 2 times, want once
	// 	acme/call-1 update_call map[add_revenue:0.10]
	// 	acme/call-1 update_call map[add_revenue:0.10]
	// 0.20
}

func ExampleCompany_AddOffer() {
	srv := start()
	defer srv.Close()
	srv.AddOffer(trackdrivetest.Offer{LeadToken: "made-up", Duplicates: trackdrivetest.DuplicatesRejected})
	for range 2 {
		fmt.Println(call(srv.URL, "leads/capture", `{"lead_token":"made-up","caller_id":"+15555550100","first_name":"Pat"}`))
	}
	fmt.Println(srv.Leads()[0].Fields)
	// Output:
	// 200 {"success":true,"status":"success","lead_id":"0f3b1c52-0000-4000-8000-000000000001","schedule_id":31,"dedupe_action":"created"}
	// 200 {"success":false,"status":"failure","errors":["Duplicate lead"]}
	// map[first_name:Pat]
}

func ExampleFake_AssertPosts() {
	var t reporter // in a test: *testing.T
	srv := start()
	defer srv.Close()
	call(srv.URL, "inbound_webhooks/post/my_endpoint", `{"caller_id":"+15555550100"}`)
	srv.AssertPosts(t, 1)
	srv.AssertPings(t, 1)
	srv.AssertSales(t, 0)
	// Output:
	// trackdrivetest: got 0 requests of [ping], want 1
	// trackdrivetest: 1 calls were sold, want 0
	// 	acme/my_endpoint to buyer 101 for 25.00, caller +15555550100, ping id ""
}

func ExampleFake_Last() {
	srv := start()
	defer srv.Close()
	call(srv.URL, "inbound_webhooks/ping/my_endpoint", `{"zip":"90210","tcpa_opt_in":true}`)
	last := srv.Last(trackdrivetest.OpPing)
	fmt.Println(last.Method, last.Target, last.Params.Text("zip"), last.Params.Text("tcpa_opt_in"))
	fmt.Println(last)
	// Output:
	// POST my_endpoint 90210 true
	// ping POST /api/v1/inbound_webhooks/ping/my_endpoint {"zip":"90210","tcpa_opt_in":true}
}

func ExampleParams() {
	params := trackdrivetest.Params{"revenue": "25.50", "post_call_tokens": map[string]any{"zip": "90210"}}
	fmt.Println(params.Text("post_call_tokens[zip]"), params.Has("payout"))
	fmt.Println(params.Flat())
	// Output:
	// 90210 false
	// map[post_call_tokens[zip]:90210 revenue:25.50]
}

func ExamplePing() {
	for _, shape := range []trackdrivetest.Shape{trackdrivetest.ShapeGuide, trackdrivetest.ShapeNested} {
		fmt.Println(trackdrivetest.Ping(shape, trackdrivetest.Buyer{Name: "Buyer A", Bid: "25.00"}))
	}
	// Output:
	// {"status":"success","try_all_buyers_ping_id":"ta-1","buyers":[{"buyer_id":101,"name":"Buyer A","bid":25.00,"ping_id":"bp-1-101"}]}
	// {"success":true,"status":"accepted","try_all_buyers":{"ping_id":"ta-1"},"buyers":[{"ping_id":"bp-1-101","id":101,"name":"Buyer A","offer_conversion_payout":25.00}]}
}

func ExamplePost() {
	fmt.Println(trackdrivetest.Post(trackdrivetest.ShapeGuide, "+15555550120", trackdrivetest.Buyer{Name: "Buyer A"}))
	fmt.Println(trackdrivetest.Post(trackdrivetest.ShapeCurrent, "+15555550120", trackdrivetest.Buyer{}))
	// Output:
	// {"status":"success","trackdrive_number":"15555550120","buyer_name":"Buyer A"}
	// {"success":true,"status":"accepted","forwarding_number":"+15555550120","forwarding_number_status":"accepted"}
}

func ExampleRejected() {
	fmt.Println(trackdrivetest.Rejected("rejected", "Buyer is no longer available"))
	// Output:
	// {"success":false,"status":"rejected","errors":["Buyer is no longer available"]}
}

func ExampleInvalid() {
	reasons := []trackdrive.FieldError{{Field: "zip", Message: "is invalid"}, {Message: "too late"}}
	fmt.Println(trackdrivetest.Invalid(trackdrivetest.ErrorsByField, reasons...))
	fmt.Println(trackdrivetest.Invalid(trackdrivetest.ErrorsMixed, reasons...))
	// Output:
	// {"status":422,"errors":{"zip":["is invalid"],"base":["too late"]}}
	// {"success":false,"status":"rejected","errors":[{"zip":"is invalid"},"too late"]}
}

func ExampleLeadCaptured() {
	fmt.Println(trackdrivetest.LeadCaptured(trackdrivetest.Lead{ID: "lead-1", ScheduleID: "31"}))
	// Output:
	// {"success":true,"status":"success","lead_id":"lead-1","schedule_id":31,"dedupe_action":"created"}
}

func ExampleShapes() {
	fmt.Println(trackdrivetest.Shapes())
	// Output:
	// [current guide nested production callgrid in_try_all]
}

// start returns a server with an endpoint that has one buyer.
func start() *trackdrivetest.Server {
	srv, err := trackdrivetest.Start()
	if err != nil {
		panic(err)
	}
	srv.AddEndpoint(trackdrivetest.Endpoint{
		VanityURI: "my_endpoint",
		Buyers:    []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}},
	})
	return srv
}

// call sends JSON, as a client of TrackDrive does, and returns the answer.
func call(baseURL, path, body string) string {
	resp, err := http.Post(baseURL+"/api/v1/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		return "no answer"
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "half an answer"
	}
	return fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(text)))
}

// reporter prints what a failing test would print.
type reporter struct{}

func (reporter) Helper()                           {}
func (reporter) Cleanup(func())                    {}
func (reporter) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (reporter) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// hookPrinter prints what it receives.
type hookPrinter struct{ status int }

func (h hookPrinter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Println(r.Method, r.URL.Path, string(body))
	w.WriteHeader(h.status)
	_, _ = io.WriteString(w, `{"accepted": true, "revenue": "21.00"}`)
}

func ExampleCompany_ForwardTo() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "21.00"}}})
	fake.ForwardTo(trackdrivetest.Hook{Handler: hookPrinter{http.StatusOK}, URL: "/forward", Form: true})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	if _, err := client.Post(context.Background(), "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "5555550142"}); err != nil {
		panic(err)
	}
	if err := fake.Deliver(context.Background()); err != nil {
		panic(err)
	}
	// Output: POST /forward caller_id=5555550142&trackdrive_call_uuid=7c9e6679-0000-4000-8000-000000000001&trackdrive_subdomain=acme
}

func ExampleCompany_Subscribe() {
	fake := trackdrivetest.New()
	fake.Subscribe("call_ended", trackdrivetest.Hook{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		call, err := trackdrive.ParseCall(body)
		fmt.Println(r.URL.Path, call.UUID, call.Status, err)
	}), URL: "/events/call_ended"})
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	if err := fake.Deliver(context.Background()); err != nil {
		panic(err)
	}
	// Output: /events/call_ended u-1 finished <nil>
}

func ExampleCompany_PingBuyer() {
	fake := trackdrivetest.New()
	hook := trackdrivetest.Hook{Handler: hookPrinter{http.StatusOK}, URL: "/bids"}
	bid, err := fake.PingBuyer(context.Background(), hook, "u-1", map[string]string{"zip": "90210"})
	fmt.Println(bid.Accepted, bid.Revenue, err)
	// Output:
	// POST /bids {"trackdrive_call_uuid":"u-1","trackdrive_subdomain":"acme","zip":"90210"}
	// true 21.00 <nil>
}

// refusingHook subscribes a handler to the end of one call.
func refusingHook(status int) *trackdrivetest.Fake {
	fake := trackdrivetest.New()
	fake.Subscribe("call_ended", trackdrivetest.Hook{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not kept", status)
	})})
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	return fake
}

func ExampleFake_Deliver() {
	fmt.Println(refusingHook(http.StatusInternalServerError).Deliver(context.Background()))
	// Output: trackdrivetest: not delivered: call_ended acme/u-1, attempt 5: 500: not kept
}

func ExampleFake_FailSending() {
	fake := refusingHook(http.StatusAccepted)
	fake.FailSending(trackdrivetest.SendReplyLost, 1)
	fmt.Println(fake.Deliver(context.Background()), len(fake.Sent()))
	// Output: <nil> 2
}

func ExampleFake_Sent() {
	fake := refusingHook(http.StatusAccepted)
	fake.FailSending(trackdrivetest.SendLost, 1)
	_ = fake.Deliver(context.Background())
	for _, sent := range fake.Sent() {
		fmt.Println(sent)
	}
	// Output:
	// call_ended acme/u-1, attempt 1: 0 (lost)
	// call_ended acme/u-1, attempt 2: 202
}

func ExampleSent_String() {
	fmt.Println(trackdrivetest.Sent{Kind: "forward", Company: "acme", CallUUID: "u-1", Attempt: 2, Status: http.StatusNoContent})
	// Output: forward acme/u-1, attempt 2: 204
}
