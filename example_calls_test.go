package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func ExampleClient_UpdateCall() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up")))
	_, err := client.UpdateCall(context.Background(), "call-1", &trackdrive.UpdateCall{
		BuyerConverted: new(true),
		OfferConverted: new(true),
		Revenue:        trackdrive.MustAmount("25.50"),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(fake.Last().Body))
	// Output:
	// {"buyer_converted":"true","revenue":"25.50","offer_converted":"true","post_call_tokens":{}}
}

// A missing permission is not the same as wrong credentials.
func ExampleClient_UpdateCall_forbidden() {
	fake := market()
	defer fake.Close()
	fake.AddAccess(trackdrivetest.Access{AuthToken: "weak-made-up", Lacks: []trackdrivetest.Permission{trackdrivetest.PermitBuyerRevenue}})
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.AuthToken("weak-made-up")))
	_, err := client.UpdateCall(context.Background(), "call-1", &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	fmt.Println(errors.Is(err, trackdrive.ErrForbidden), errors.Is(err, trackdrive.ErrUnauthorized))
	// Output:
	// true false
}

func ExampleClient_UpdateCallAt() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{
		"acme": trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up"),
	})))
	update := &trackdrive.UpdateCall{BuyerConverted: new(true)}
	_, err := client.UpdateCallAt(context.Background(), trackdrive.CallRef{Subdomain: "acme", UUID: "call-1"}, update)
	fmt.Println(err)
	_, err = client.UpdateCallAt(context.Background(), trackdrive.CallRef{Subdomain: "evil", UUID: "call-1"}, update)
	fmt.Println(err)
	// Output:
	// <nil>
	// trackdrive: update_call: no credentials for evil; use PerSubdomain for several companies
}

func ExampleUpdateCallResponse_Field() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	reply, err := client.UpdateCall(context.Background(), "call-1", &trackdrive.UpdateCall{BuyerConverted: new(true)})
	if err != nil {
		panic(err)
	}
	fmt.Println(reply.Field("call.buyer_converted"))
	// Output:
	// Converted
}

func ExampleNewCallRef() {
	ref, err := trackdrive.NewCallRef("Acme", "7c9e6679-1111-4222-8333-444455556666")
	fmt.Println(ref.Subdomain, err)
	_, err = trackdrive.NewCallRef("evil.example/", "7c9e6679-1111-4222-8333-444455556666")
	fmt.Println(err)
	// Output:
	// acme <nil>
	// trackdrive: invalid argument: trackdrive_subdomain: "evil.example/" is another host; give the company's subdomain, such as "acme"; WithBaseURL takes other hosts
}

func ExampleParseCallRef() {
	r := httptest.NewRequest("POST", "/forward", strings.NewReader("trackdrive_subdomain=acme&trackdrive_call_uuid=call-1&zip=90210"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	ref, err := trackdrive.ParseCallRef(r)
	if err != nil {
		panic(err)
	}
	stored, err := json.Marshal(ref)
	fmt.Println(string(stored), err)
	// Output:
	// {"trackdrive_subdomain":"acme","trackdrive_call_uuid":"call-1"} <nil>
}

func ExampleClient_CaptureLead() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	lead, err := client.CaptureLead(context.Background(), &trackdrive.Lead{
		LeadToken:      "lead-token-made-up",
		CallerID:       "+15555550142",
		RingbaCallUUID: "RGB0001",
		Fields:         trackdrive.Fields{"first_name": "Pat"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(lead.LeadID)
	// Output:
	// 0f3b1c52-0000-4000-8000-000000000001
}

func ExampleClient_SubmitLead() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake)
	lead, err := client.SubmitLead(context.Background(), &trackdrive.Lead{
		LeadToken: "lead-token-made-up",
		CallerID:  "+15555550142",
		Data:      trackdrive.Fields{"zip": "90210"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(lead.Status)
	// Output:
	// scheduled
}

func ExampleLeadResponse_Field() {
	lead := &trackdrive.LeadResponse{Meta: trackdrive.Meta{Raw: []byte(`{"lead_id":"l-1","dedupe_action":"created"}`)}}
	fmt.Println(lead.Field("dedupe_action"))
	// Output:
	// created
}
