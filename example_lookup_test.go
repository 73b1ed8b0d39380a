package trackdrive_test

import (
	"context"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func ExampleClient_Call() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	call, err := client.Call(context.Background(), "call-1")
	if err != nil {
		panic(err)
	}
	fmt.Println(call.UUID, call.CallerNumber, call.BuyerConverted)
	// Output:
	// call-1 +15555550142 false
}

// If the answer to an update was lost, look the call up.
func ExampleClient_Call_settle() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	ctx := context.Background()

	_, err := client.UpdateCall(ctx, "call-1", &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("25.50")})
	if trackdrive.DeliveryOf(err) == trackdrive.DeliveryUnknown {
		call, err := client.Call(ctx, "call-1")
		if err != nil {
			panic(err)
		}
		fmt.Println("it arrived:", call.Revenue.Equal(trackdrive.MustAmount("25.50")))
	}
	// Output:
	// it arrived: true
}

// An event of a subscription has the call in one form or another.
func ExampleParseCall() {
	call, err := trackdrive.ParseCall([]byte(`{"call": {
		"uuid": "7c9e6679-0000-4000-8000-000000000001", "revenue": "25.50", "created_at": "2024-06-19 13:00:00 UTC"
	}}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(call.UUID, call.Revenue, call.CreatedAt.Format(time.RFC3339))
	// Output:
	// 7c9e6679-0000-4000-8000-000000000001 25.50 2024-06-19T13:00:00Z
}

func ExampleCall_Field() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	call, err := client.Call(context.Background(), "call-1")
	if err != nil {
		panic(err)
	}
	fmt.Println(call.Field("status"))
	// Output:
	// finished
}

func ExampleClient_Calls() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	for call, err := range client.Calls(context.Background(), &trackdrive.CallQuery{CallerNumber: "+15555550142"}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(call.UUID)
	}
	// Output:
	// call-1
}

func ExampleClient_UpdateCallByCallerID() {
	fake := market()
	defer fake.Close()
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "another", OfferToken: "offer-token-made-up"})
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	_, err := client.UpdateCallByCallerID(context.Background(), "+15555550142", &trackdrive.CallerUpdate{
		OfferToken: "offer-token-made-up", CallTimeframe: time.Hour, BuyerConverted: new(true),
	})
	fmt.Println(err, len(fake.Updates("call-1")))
	// Output:
	// <nil> 1
}

func ExampleClient_SendKeyPress() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	_, err := client.SendKeyPress(context.Background(), &trackdrive.KeyPress{CallID: "call-1", Digits: "1"})
	fmt.Println(err)
	// Output:
	// <nil>
}

func ExampleClient_UpdateLead() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	ctx := context.Background()
	lead, err := client.CaptureLead(ctx, &trackdrive.Lead{LeadToken: "lead-token-made-up", CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	_, err = client.UpdateLead(ctx, lead.LeadID, &trackdrive.Lead{LeadToken: "lead-token-made-up", Fields: trackdrive.Fields{"zip": "90210"}})
	fmt.Println(err, fake.Leads()[0].Fields["zip"])
	// Output:
	// <nil> 90210
}

func ExampleClient_OptOutLead() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	ctx := context.Background()
	lead, err := client.CaptureLead(ctx, &trackdrive.Lead{LeadToken: "lead-token-made-up", CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	_, err = client.OptOutLead(ctx, "lead-token-made-up", lead.LeadID)
	fmt.Println(err, fake.Leads()[0].OptedOut)
	// Output:
	// <nil> true
}

func ExampleClient_OptOutCaller() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	ctx := context.Background()
	if _, err := client.CaptureLead(ctx, &trackdrive.Lead{LeadToken: "lead-token-made-up", CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	_, err := client.OptOutCaller(ctx, "lead-token-made-up", "+15555550142")
	fmt.Println(err, fake.Leads()[0].OptedOut)
	// Output:
	// <nil> true
}
