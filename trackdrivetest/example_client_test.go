package trackdrivetest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// market starts a fake with the endpoint "sell", and a client for it.
func market() (*trackdrivetest.Server, *trackdrive.Client) {
	srv, err := trackdrivetest.Start()
	if err != nil {
		panic(err)
	}
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}}})
	srv.AddAccess(trackdrivetest.Access{AuthToken: "made-up"})
	srv.AddCall(trackdrivetest.Call{UUID: "call-1"})
	srv.AddOffer(trackdrivetest.Offer{LeadToken: "lead-token"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL), trackdrive.WithAuth(trackdrive.AuthToken("made-up")),
		trackdrive.WithMaxAttempts(1), trackdrive.WithTimeout(5*time.Second))
	if err != nil {
		panic(err)
	}
	return srv, client
}

// sell pings and posts, and returns the reply to the post.
func sell(client *trackdrive.Client) (*trackdrive.PostResponse, error) {
	ping, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		return nil, err
	}
	return client.Post(context.Background(), "sell", ping.PostToAll())
}

func update(client *trackdrive.Client, uuid string) error {
	_, err := client.UpdateCall(context.Background(), uuid, &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")})
	return err
}

func capture(client *trackdrive.Client) error {
	_, err := client.CaptureLead(context.Background(), &trackdrive.Lead{LeadToken: "lead-token", CallerID: "+15555550142", Fields: trackdrive.Fields{"zip": "90210"}})
	return err
}

// failing sells into a fault of the post, and prints what the client learns and
// the fake knows.
func failing(fault trackdrivetest.Fault) {
	srv, client := market()
	defer srv.Close()
	srv.Fail(trackdrivetest.OpPost, fault, trackdrivetest.Always)
	post, err := sell(client)
	if err == nil {
		fmt.Println("accepted:", post.Accepted, post.Errors)
	} else {
		fmt.Println(trackdrive.DeliveryOf(err))
	}
	fmt.Println(len(srv.Posts()), "post,", len(srv.Sales()), "sales")
}

func ExampleCallUpdated() {
	fmt.Println(strings.HasPrefix(trackdrivetest.CallUpdated(trackdrivetest.Call{UUID: "call-1"}), `{"status":200,"errors":{},"call":{`))
	// Output:
	// true
}

func ExampleLeadSubmitted() {
	fmt.Println(strings.HasPrefix(trackdrivetest.LeadSubmitted(trackdrivetest.Lead{ID: "l-1"}), `{"status":200,"errors":{},"lead":{"id":"l-1"`))
	// Output:
	// true
}

func ExampleCompany_AddCall() {
	srv, client := market()
	defer srv.Close()
	call := srv.AddCall(trackdrivetest.Call{CallerNumber: "+15555550142"})
	fmt.Println(update(client, call.UUID))
	// Output:
	// <nil>
}

func ExampleCompany_AddEndpoint() {
	srv, client := market()
	defer srv.Close()
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "strict", RequiredOnPing: []string{"zip"}})
	_, err := client.Ping(context.Background(), "strict", &trackdrive.PingRequest{CallerID: "+15555550142"})
	fmt.Println(strings.Contains(err.Error(), "422 bad request: zip: "))
	// Output:
	// true
}

func ExampleCompany_AssertLeads() {
	var t reporter // in a test: *testing.T
	srv, client := market()
	defer srv.Close()
	fmt.Println(capture(client))
	srv.AssertLeads(t, 1)
	// Output:
	// <nil>
}

func ExampleCompany_AssertNotUpdated() {
	var t reporter // in a test: *testing.T
	srv, client := market()
	defer srv.Close()
	srv.AssertNotUpdated(t, "call-1")
	fmt.Println(update(client, "call-1"))
	// Output:
	// <nil>
}

func ExampleCompany_Call() {
	srv, client := market()
	defer srv.Close()
	if err := update(client, "call-1"); err != nil {
		panic(err)
	}
	call, known := srv.Call("call-1")
	fmt.Println(call.BuyerConverted, call.Revenue, known)
	// Output:
	// true 25.50 true
}

func ExampleCompany_Leads() {
	srv, client := market()
	defer srv.Close()
	if err := capture(client); err != nil {
		panic(err)
	}
	for _, lead := range srv.Leads() {
		fmt.Println(lead.CallerID, lead.Fields)
	}
	// Output:
	// +15555550142 map[zip:90210]
}

func ExampleCompany_Updates() {
	srv, client := market()
	defer srv.Close()
	if err := update(client, "call-1"); err != nil {
		panic(err)
	}
	for _, u := range srv.Updates("call-1") {
		fmt.Println(u.Values)
	}
	// Output:
	// map[buyer_converted:true revenue:25.50]
}

func ExampleCompany_Subdomain() {
	srv, _ := market()
	defer srv.Close()
	fmt.Println(srv.Subdomain(), srv.AddCompany("beta").Subdomain())
	// Output:
	// acme beta
}

func ExampleCompany_ServeHTTP() {
	fake := trackdrivetest.New()
	beta := fake.AddCompany("beta")
	beta.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell"})
	w := httptest.NewRecorder()
	beta.ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/inbound_webhooks/ping/sell", strings.NewReader(`{}`)))
	fmt.Println(w.Code)
	// Output:
	// 200
}

func ExampleErrorForm_String() {
	fmt.Println(trackdrivetest.ErrorsByField)
	// Output:
	// by_field
}

func ExampleFake_AddCompany() {
	srv, _ := market()
	defer srv.Close()
	beta := srv.AddCompany("beta")
	beta.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Bid: "5"}}})
	client, err := trackdrive.NewClient("beta", trackdrive.WithTransport(srv.Transport()))
	if err != nil {
		panic(err)
	}
	post, err := sell(client)
	fmt.Println(post.Accepted, err)
	// Output:
	// true <nil>
}

func ExampleFake_AssertPings() {
	var t reporter // in a test: *testing.T
	srv, client := market()
	defer srv.Close()
	_, err := sell(client)
	srv.AssertPings(t, 1)
	srv.AssertPings(t, 2)
	fmt.Println(err)
	// Output:
	// trackdrivetest: got 1 requests of [ping], want 2
	// 	ping POST /api/v1/inbound_webhooks/ping/sell {"caller_id":"+15555550142","auth_token":"made-up"}
	// <nil>
}

func ExampleFake_AssertRequests() {
	var t reporter // in a test: *testing.T
	srv, client := market()
	defer srv.Close()
	_, err := sell(client)
	srv.AssertRequests(t, 2)
	srv.AssertRequests(t, 1, trackdrivetest.OpPost)
	fmt.Println(err)
	// Output:
	// <nil>
}

func ExampleFake_AssertSales() {
	var t reporter // in a test: *testing.T
	srv, client := market()
	defer srv.Close()
	_, err := sell(client)
	srv.AssertSales(t, 1)
	fmt.Println(err)
	// Output:
	// <nil>
}

func ExampleFake_Heal() {
	srv, client := market()
	defer srv.Close()
	srv.Fail(trackdrivetest.Any, trackdrivetest.BadGateway(), trackdrivetest.Always)
	_, err := sell(client)
	fmt.Println(err != nil)
	srv.Heal()
	_, err = sell(client)
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleFake_Pings() {
	srv, client := market()
	defer srv.Close()
	if _, err := sell(client); err != nil {
		panic(err)
	}
	fmt.Println(srv.Pings()[0].Params.Text("caller_id"))
	// Output:
	// +15555550142
}

func ExampleFake_Posts() {
	srv, client := market()
	defer srv.Close()
	if _, err := sell(client); err != nil {
		panic(err)
	}
	fmt.Println(srv.Posts()[0].Params.Text("ping_id"))
	// Output:
	// ta-1
}

func ExampleFake_Requests() {
	srv, client := market()
	defer srv.Close()
	if _, err := sell(client); err != nil {
		panic(err)
	}
	for _, r := range srv.Requests() {
		fmt.Println(r.Operation)
	}
	// Output:
	// ping
	// post
}

func ExampleFake_Sales() {
	srv, client := market()
	defer srv.Close()
	if _, err := sell(client); err != nil {
		panic(err)
	}
	for _, sale := range srv.Sales() {
		fmt.Println(sale.PingID, sale.BuyerName, sale.Payout)
	}
	// Output:
	// ta-1 Buyer A 25.50
}

func ExampleFake_ServeHTTP() {
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell"})
	w := httptest.NewRecorder()
	fake.ServeHTTP(w, httptest.NewRequest("GET", "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell", nil))
	fmt.Println(w.Code)
	// Output:
	// 200
}

func ExampleFake_Transport() {
	fake := trackdrivetest.New() // no server: requests end in the process
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Bid: "5"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		panic(err)
	}
	post, err := sell(client)
	fmt.Println(post.Accepted, err)
	// Output:
	// true <nil>
}

func ExampleAfterActing() {
	failing(trackdrivetest.AfterActing(trackdrivetest.Drop()))
	// Output:
	// unknown
	// 1 post, 1 sales
}

func ExampleBadGateway() {
	failing(trackdrivetest.BadGateway())
	// Output:
	// unknown
	// 1 post, 0 sales
}

func ExampleCutOff() {
	failing(trackdrivetest.CutOff())
	// Output:
	// unknown
	// 1 post, 1 sales
}

func ExampleDrop() {
	failing(trackdrivetest.Drop())
	// Output:
	// unknown
	// 1 post, 0 sales
}

func ExampleEmpty() {
	failing(trackdrivetest.Empty())
	// Output:
	// unknown
	// 1 post, 0 sales
}

func ExampleHTML200() {
	failing(trackdrivetest.HTML200())
	// Output:
	// unknown
	// 1 post, 0 sales
}

func ExampleRefusal() {
	failing(trackdrivetest.Refusal("rejected", "Buyer is no longer available"))
	// Output:
	// accepted: false [Buyer is no longer available]
	// 1 post, 0 sales
}

func ExampleSlow() {
	failing(trackdrivetest.Slow(time.Millisecond))
	// Output:
	// accepted: true []
	// 1 post, 1 sales
}

func ExampleFault_String() {
	fmt.Println(trackdrivetest.Drop())
	// Output:
	// drop
}

func ExampleLead_String() {
	srv, client := market()
	defer srv.Close()
	if err := capture(client); err != nil {
		panic(err)
	}
	fmt.Println(srv.Leads()[0])
	// Output:
	// 0f3b1c52-0000-4000-8000-000000000001 capture_lead caller +15555550142 map[zip:90210]
}

func ExampleWithSubdomain() {
	fake := trackdrivetest.New(trackdrivetest.WithSubdomain("beta"))
	fmt.Println(fake.Subdomain())
	// Output:
	// beta
}

func ExampleParams_Flat() {
	srv, client := market()
	defer srv.Close()
	if err := update(client, "call-1"); err != nil {
		panic(err)
	}
	fmt.Println(srv.Last().Params.Flat())
	// Output:
	// map[auth_token:made-up buyer_converted:true revenue:25.50]
}

func ExampleParams_Has() {
	srv, client := market()
	defer srv.Close()
	if err := capture(client); err != nil {
		panic(err)
	}
	fmt.Println(srv.Last().Params.Has("zip"), srv.Last().Params.Has("email"))
	// Output:
	// true false
}

func ExampleParams_Text() {
	srv, client := market()
	defer srv.Close()
	if err := capture(client); err != nil {
		panic(err)
	}
	fmt.Println(srv.Last().Params.Text("zip"))
	// Output:
	// 90210
}

func ExampleRequest_String() {
	srv, client := market()
	defer srv.Close()
	if err := update(client, "call-1"); err != nil {
		panic(err)
	}
	fmt.Println(srv.Last())
	// Output:
	// update_call POST /api/v1/calls/update_call/call-1 {"buyer_converted":"true","revenue":"25.50","post_call_tokens":{},"auth_token":"made-up"}
}

func ExampleSale_String() {
	srv, client := market()
	defer srv.Close()
	if _, err := sell(client); err != nil {
		panic(err)
	}
	fmt.Println(srv.Sales()[0])
	// Output:
	// acme/sell to buyer 101 for 25.50, caller +15555550142, ping id "ta-1"
}

func ExampleUpdate_String() {
	srv, client := market()
	defer srv.Close()
	if err := update(client, "call-1"); err != nil {
		panic(err)
	}
	fmt.Println(srv.Updates("call-1")[0])
	// Output:
	// acme/call-1 update_call map[buyer_converted:true revenue:25.50]
}

func ExampleServer_Close() {
	srv, client := market()
	srv.Close()
	_, err := sell(client)
	fmt.Println(trackdrive.DeliveryOf(err))
	// Output:
	// not_sent
}

func ExampleShape_String() {
	for _, shape := range trackdrivetest.Shapes() {
		fmt.Println(shape)
	}
	// Output:
	// current
	// guide
	// nested
	// production
	// callgrid
	// in_try_all
}
