package trackdrive_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func ExampleClient_Ping() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)

	ping, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{
		CallerID: "+15555550142",
		Fields:   trackdrive.Fields{"zip": "90210", "first_name": "Pat"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(ping.Accepted, ping.Status)
	for _, b := range ping.Buyers {
		fmt.Println(b.Name, b.Payout, b.ConversionDuration)
	}
	// Output:
	// true accepted
	// Buyer A 25.50 1m30s
	// Buyer B 20.00 0s
}

func ExamplePingResponse_Best() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"buyers":[{"id":1,"bid":20.00},{"id":2,"bid":"25.50"},{"id":3}]}`))
	if err != nil {
		panic(err)
	}
	best, ok := ping.Best()
	fmt.Println(best.ID, best.Payout, ok)
	best, ok = ping.Best(func(b trackdrive.Buyer) bool { return b.ID != "2" })
	fmt.Println(best.ID, best.Payout, ok)
	// Output:
	// 2 25.50 true
	// 1 20.00 true
}

func ExamplePingResponse_PostTo() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"buyers":[{"id":7,"ping_id":"bp-1","bid":20.00}]}`))
	if err != nil {
		panic(err)
	}
	ping.Request = &trackdrive.PingRequest{CallerID: "+15555550142"} // a real reply has it
	best, _ := ping.Best()
	post := ping.PostTo(best)
	post.Fields["last_name"] = "Sample"
	fmt.Println(post.PingID, post.BuyerID, post.CallerID, post.Fields)
	// Output:
	// bp-1 7 +15555550142 map[last_name:Sample]
}

func ExamplePingResponse_PostToAll() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"try_all_buyers":{"ping_id":"ta-1"}}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(ping.PostToAll().PingID)
	// Output:
	// ta-1
}

func ExamplePingResponse_ExpiresAt() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"try_all_buyers_ping_id":"ta-1","ping_ids_expiry_in_seconds":120}`))
	if err != nil {
		panic(err)
	}
	_, known := ping.ExpiresAt() // it was received elsewhere, at an unknown time
	fmt.Println(ping.ExpiresIn, known)
	ping.ReceivedAt = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	fmt.Println(ping.ExpiresAt())
	// Output:
	// 2m0s false
	// 2026-01-15 12:02:00 +0000 UTC true
}

func ExamplePingResponse_Field() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"buyers":[{"id":1}],"timestamp":"2026-01-15T15:30:00Z"}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(ping.Field("timestamp"), ping.Field("buyers.#"), ping.Field("nothing").Exists())
	// Output:
	// 2026-01-15T15:30:00Z 1 false
}

func ExampleParsePingResponse() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"success":false,"status":"caller_number_suppressed","errors":["Caller number is suppressed"]}`))
	fmt.Println(ping.Accepted, ping.Status, ping.Errors, err)
	_, err = trackdrive.ParsePingResponse([]byte(`<html>`))
	fmt.Println(err)
	// Output:
	// false caller_number_suppressed [Caller number is suppressed] <nil>
	// trackdrive: unreadable reply: unexpected character, instead of a value at offset 0
}

func ExampleBuyer_Field() {
	ping, err := trackdrive.ParsePingResponse([]byte(`{"buyers":[{"id":1,"offer_conversion_duplicate_timeframe":"30 days"}]}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(ping.Buyers[0].Field("offer_conversion_duplicate_timeframe"))
	// Output:
	// 30 days
}

func ExampleClient_Post() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	ctx := context.Background()

	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	best, ok := ping.Best()
	if !ping.Accepted || !ok {
		return // nobody wants the call
	}
	post, err := client.Post(ctx, "sell", ping.PostTo(best))
	if err != nil {
		fmt.Println(trackdrive.DeliveryOf(err), err)
		return
	}
	fmt.Println(post.Accepted)
	fmt.Println(post.Number())
	// Output:
	// true
	// +15555550100 true
}

// If the answer to a post is lost, its outcome is unknown: the lead may be sold, and
// the post is not sent again.
func ExampleClient_Post_unknown() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.BadGateway()), 1)
	client := clientFor(fake)
	ctx := context.Background()
	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	_, err = client.Post(ctx, "sell", ping.PostToAll())
	fmt.Println(trackdrive.DeliveryOf(err), len(fake.Posts()), len(fake.Sales()))
	// Output:
	// unknown 1 1
}

// Without a ping, TrackDrive finds a buyer in one step.
func ExampleClient_Post_postOnly() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	post, err := client.Post(context.Background(), "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	fmt.Println(post.Accepted)
	// Output:
	// true
}

func ExampleClient_Full() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	post, err := client.Full(context.Background(), "sell", &trackdrive.PostRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	fmt.Println(post.Accepted)
	// Output:
	// true
}

func ExamplePostResponse_Number() {
	post := trackdrive.PostResponse{Accepted: true, ForwardingNumber: "+15555550120"}
	fmt.Println(post.Number())
	post.ForwardingNumberStatus = "rejected"
	fmt.Println(post.Number())
	// Output:
	// +15555550120 true
	//  false
}

func ExamplePostResponse_Field() {
	post, err := trackdrive.ParsePostResponse([]byte(`{"success":true,"forwarding_number":"+15555550120","campaign":"solar"}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(post.Field("campaign"))
	// Output:
	// solar
}

func ExampleParsePostResponse() {
	post, err := trackdrive.ParsePostResponse([]byte(`{"status":"success","trackdrive_number":"15555550120","buyer_name":"Buyer A"}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(post.Accepted, post.BuyerName)
	_, err = trackdrive.ParsePostResponse([]byte(`{"success":true,"errors":["a webhook failed"]}`))
	fmt.Println(err)
	// Output:
	// true Buyer A
	// trackdrive: ambiguous reply: yes in success, no in errors
}
