package trackdrive_test

import (
	"context"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// converted posts a conversion back with the given credentials, and prints how
// they were sent.
func converted(auth trackdrive.Authenticator) {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(auth))
	if _, err := client.UpdateCall(context.Background(), "call-1", &trackdrive.UpdateCall{BuyerConverted: new(true)}); err != nil {
		panic(err)
	}
	r := fake.Last()
	fmt.Printf("Authorization: %q\n%s\n", r.Header.Get("Authorization"), r.Body)
}

func ExampleWithAuth() {
	converted(trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up"))
	// Output:
	// Authorization: "Basic dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw"
	// {"buyer_converted":"true","post_call_tokens":{}}
}

func ExampleBasicAuth() {
	converted(trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up"))
	// Output:
	// Authorization: "Basic dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw"
	// {"buyer_converted":"true","post_call_tokens":{}}
}

func ExampleBasicToken() {
	// As the dashboard shows it.
	converted(trackdrive.BasicToken("Basic dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw"))
	// Output:
	// Authorization: "Basic dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw"
	// {"buyer_converted":"true","post_call_tokens":{}}
}

// The text comes from a configuration or an environment variable.
func ExampleParseCredentials() {
	for _, text := range []string{"Basic dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw", "Token dev-made-up", "tdpub-made-up:tdprv-made-up"} {
		auth, err := trackdrive.ParseCredentials(text)
		if err != nil {
			panic(err)
		}
		converted(auth)
	}
	_, err := trackdrive.ParseCredentials("dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw")
	fmt.Println(err)
	// Output:
	// Authorization: "Basic dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw"
	// {"buyer_converted":"true","post_call_tokens":{}}
	// Authorization: "Token dev-made-up"
	// {"buyer_converted":"true","post_call_tokens":{}}
	// Authorization: "Basic dGRwdWItbWFkZS11cDp0ZHBydi1tYWRlLXVw"
	// {"buyer_converted":"true","post_call_tokens":{}}
	// trackdrive: invalid argument: credentials: are a ready-made token without a scheme; give "Basic " before it
}

func ExampleDeveloperToken() {
	converted(trackdrive.DeveloperToken("dev-made-up"))
	// Output:
	// Authorization: "Token dev-made-up"
	// {"buyer_converted":"true","post_call_tokens":{}}
}

func ExampleAuthToken() {
	converted(trackdrive.AuthToken("legacy-made-up"))
	// Output:
	// Authorization: ""
	// {"buyer_converted":"true","post_call_tokens":{},"auth_token":"legacy-made-up"}
}

func ExampleAnySubdomain() {
	fake := market()
	defer fake.Close()
	other := fake.AddCompany("other")
	other.AddAccess(trackdrivetest.Access{DeveloperToken: "dev-made-up"})
	other.AddCall(trackdrivetest.Call{UUID: "call-2"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()),
		trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.DeveloperToken("dev-made-up"))))
	if err != nil {
		panic(err)
	}
	_, err = client.UpdateCallAt(context.Background(), trackdrive.CallRef{Subdomain: "other", UUID: "call-2"}, &trackdrive.UpdateCall{BuyerConverted: new(true)})
	fmt.Println(err, len(other.Updates("call-2")))
	// Output:
	// <nil> 1
}

func ExamplePerSubdomain() {
	auth := trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{
		"acme":  trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up"),
		"other": trackdrive.DeveloperToken("dev-made-up"),
	})
	client, err := trackdrive.NewClient("third", trackdrive.WithAuth(auth))
	if err != nil {
		panic(err)
	}
	_, err = client.UpdateCall(context.Background(), "call-1", &trackdrive.UpdateCall{BuyerConverted: new(true)})
	fmt.Println(err)
	// Output:
	// trackdrive: update_call: no credentials for third; use PerSubdomain for several companies
}

// Secrets that rotate are looked up before every attempt.
func ExampleAuthenticatorFunc_Authenticate() {
	current := func(context.Context) string { return "legacy-made-up" } // from a vault, say
	converted(trackdrive.AuthenticatorFunc(func(ctx context.Context, r *trackdrive.AuthRequest) error {
		r.SetParam("auth_token", current(ctx))
		return nil
	}))
	// Output:
	// Authorization: ""
	// {"buyer_converted":"true","post_call_tokens":{},"auth_token":"legacy-made-up"}
}

func ExampleAuthRequest_SetHeader() {
	converted(trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
		r.SetHeader("Authorization", "Token dev-made-up")
		return nil
	}))
	// Output:
	// Authorization: "Token dev-made-up"
	// {"buyer_converted":"true","post_call_tokens":{}}
}

func ExampleAuthRequest_SetParam() {
	converted(trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
		r.SetParam("auth_token", "legacy-made-up")
		return nil
	}))
	// Output:
	// Authorization: ""
	// {"buyer_converted":"true","post_call_tokens":{},"auth_token":"legacy-made-up"}
}
