package trackdrive_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func ExampleWithCallObserver() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)
	client := clientFor(fake, trackdrive.WithCallObserver(func(_ context.Context, r trackdrive.CallReport) {
		fmt.Printf("%s %s/%s: %s, source %q, %d attempts, payout %q, reason %q\n",
			r.Operation, r.Subdomain, r.Endpoint, r.Outcome, r.TrafficSourceID, r.Attempts, r.Payout, r.Reason)
	}))
	ctx := context.Background()
	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142", TrafficSourceID: "1017"})
	if err != nil {
		panic(err)
	}
	best, _ := ping.Best()
	if _, err := client.Post(ctx, "sell", ping.PostTo(best)); err != nil {
		panic(err)
	}
	if _, err := client.Post(ctx, "sell", &trackdrive.PostRequest{}); err == nil {
		panic("a post without a ping id was sent")
	}
	// Output:
	// ping acme/sell: accepted, source "1017", 2 attempts, payout "25.50", reason ""
	// post acme/sell: accepted, source "1017", 1 attempts, payout "", reason ""
	// post acme/sell: not_sent, source "", 0 attempts, payout "", reason "invalid"
}

func ExampleCallReport_String() {
	r := trackdrive.CallReport{
		Operation: "ping", Subdomain: "acme", Endpoint: "check_for_available_buyers", Attempts: 1, Duration: 84 * time.Millisecond,
		Outcome: trackdrive.OutcomeNoBuyer, Reason: trackdrive.ReasonCapped,
	}
	fmt.Println(r)
	// Output:
	// ping acme/check_for_available_buyers: no_buyer (capped) after 1 attempt, 84ms
}

func ExamplePingResponse_Reason() {
	for _, body := range []string{
		`{"success":false,"status":"no_matching_buyer"}`,
		`{"success":false,"status":"rejected","errors":["Daily cap reached"]}`,
		`{"success":true,"buyers":[]}`,
		`{"success":false,"errors":["Try the other line"]}`,
	} {
		ping, err := trackdrive.ParsePingResponse([]byte(body))
		if err != nil {
			panic(err)
		}
		fmt.Println(ping.Accepted, ping.Reason())
	}
	// Output:
	// false no_buyer
	// false capped
	// false no_buyer
	// false other
}

func ExamplePostResponse_Reason() {
	post, err := trackdrive.ParsePostResponse([]byte(`{"success":false,"status":"rejected","errors":["Duplicate lead"]}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(post.Accepted, post.Reason())
	// Output:
	// false duplicate
}

func ExampleError_Reason() {
	for _, err := range []*trackdrive.Error{
		{StatusCode: 429},
		{StatusCode: 422, Errors: []trackdrive.FieldError{{Field: "zip", Message: "is invalid"}}},
		{StatusCode: 403},
		{Err: trackdrive.ErrExpired},
	} {
		fmt.Println(err.Reason())
	}
	// Output:
	// rate_limited
	// invalid
	// unauthorized
	// expired
}

func ExampleError_Advice() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	ctx := context.Background()
	for _, endpoint := range []string{"no_such_endpoint", "https://acme.trackdrive.com/posting_instructions/7", "[endpoint]"} {
		_, err := client.Ping(ctx, endpoint, &trackdrive.PingRequest{CallerID: "+15555550142"})
		var e *trackdrive.Error
		if errors.As(err, &e) {
			fmt.Println(e.Advice())
		}
	}
	byHand := &trackdrive.Error{Operation: "update_call", URL: "https://acme.trackdrive.com/api/v1/calls/update_call/{uuid}", StatusCode: 401}
	fmt.Println(byHand.Advice())
	// Output:
	// There is no such endpoint at acme: check the vanity URI and the subdomain.
	// This is the address of the page with the posting instructions, not of an endpoint. Give the vanity URI, which that page shows after /inbound_webhooks/ping/.
	// The parameter endpoint still holds a token that a platform should have replaced. Check how the platform spells the token's name.
	// The credentials are not known at acme: send a company token as Basic, a developer token as Token.
}
