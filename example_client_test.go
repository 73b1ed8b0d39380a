package trackdrive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// market starts a fake TrackDrive with the endpoint "sell", for the examples.
func market() *trackdrivetest.Server {
	fake, err := trackdrivetest.Start()
	if err != nil {
		panic(err)
	}
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Shape: trackdrivetest.ShapeNested, Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "25.50", MinCall: 90 * time.Second}, {ID: "102", Name: "Buyer B", Bid: "20.00"},
	}})
	fake.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-made-up", PrivateKey: "tdprv-made-up", DeveloperToken: "dev-made-up", AuthToken: "legacy-made-up"})
	fake.AddCall(trackdrivetest.Call{UUID: "call-1", CallerNumber: "+15555550142"})
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "lead-token-made-up"})
	return fake
}

// clientFor returns a client whose calls go to the fake.
func clientFor(fake *trackdrivetest.Server, opts ...trackdrive.Option) *trackdrive.Client {
	client, err := trackdrive.NewClient("acme", append([]trackdrive.Option{trackdrive.WithBaseURL(fake.URL)}, opts...)...)
	if err != nil {
		panic(err)
	}
	return client
}

func ExampleNewClient() {
	client, err := trackdrive.NewClient("acme", trackdrive.WithTimeout(8*time.Second))
	fmt.Println(client.Subdomain(), err)
	_, err = trackdrive.NewClient("acme.trackdrive.com")
	fmt.Println(err)
	// Output:
	// acme <nil>
	// trackdrive: invalid argument: subdomain: "acme.trackdrive.com" is a host; give "acme"
}

func ExampleClient_Subdomain() {
	client, err := trackdrive.NewClient("ACME")
	fmt.Println(client.Subdomain(), err)
	// Output:
	// acme <nil>
}

func ExampleClient_ForSubdomain() {
	client, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up")))
	if err != nil {
		panic(err)
	}
	other, err := client.ForSubdomain("other")
	fmt.Println(other.Subdomain(), err)
	_, err = other.UpdateCall(context.Background(), "call-1", &trackdrive.UpdateCall{BuyerConverted: new(true)})
	fmt.Println(err) // the credentials are acme's
	// Output:
	// other <nil>
	// trackdrive: update_call: no credentials for other; use PerSubdomain for several companies
}

func ExampleClient_HTTPClient() {
	client, err := trackdrive.NewClient("acme")
	if err != nil {
		panic(err)
	}
	httpmock.ActivateNonDefault(client.HTTPClient())
	defer httpmock.DeactivateAndReset()
	httpmock.RegisterResponder("POST", "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell",
		httpmock.NewStringResponder(200, trackdrivetest.Ping(trackdrivetest.ShapeCurrent, trackdrivetest.Buyer{ID: "7", Name: "Buyer A", Bid: "25.50"})))

	ping, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	fmt.Println(ping.Accepted, ping.Buyers[0].Name, ping.Buyers[0].Payout)
	// Output:
	// true Buyer A 25.50
}

func ExampleClient_Do() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))

	var out struct {
		Call struct {
			UUID         string `json:"uuid"`
			CallerNumber string `json:"caller_number"`
		} `json:"call"`
	}
	meta, err := client.Do(context.Background(), &trackdrive.Request{
		Method: http.MethodGet, Path: []string{"calls", "call-1"}, Repeat: trackdrive.RepeatSafe,
	}, &out)
	if err != nil {
		panic(err)
	}
	fmt.Println(meta.StatusCode, out.Call.UUID, out.Call.CallerNumber)
	// Output:
	// 200 call-1 +15555550142
}

func ExampleMeta_Field() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	meta, err := client.Do(context.Background(), &trackdrive.Request{Method: http.MethodGet, Path: []string{"calls", "call-1"}}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(meta.Field("call.status"))
	// Output:
	// finished
}

func ExampleWithTimeout() {
	client, err := trackdrive.NewClient("acme", trackdrive.WithTimeout(8*time.Second))
	if err != nil {
		panic(err)
	}
	_, err = client.Ping(context.Background(), "sell", &trackdrive.PingRequest{}, trackdrive.WithTimeout(0))
	fmt.Println(err)
	// Output:
	// trackdrive: ping: invalid argument: timeout: is 0s; it must be more than 0
}

func ExampleWithMaxAttempts() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), trackdrivetest.Always)
	client := clientFor(fake, trackdrive.WithAuth(trackdrive.AuthToken("legacy-made-up")))
	_, err := client.UpdateCall(context.Background(), "call-1", &trackdrive.UpdateCall{BuyerConverted: new(true)}, trackdrive.WithMaxAttempts(1))
	var e *trackdrive.Error
	fmt.Println(errors.As(err, &e), e.StatusCode, e.Attempts, e.Delivery)
	// Output:
	// true 502 1 unknown
}

func ExampleWithRepeat() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), trackdrivetest.Always)
	client := clientFor(fake, trackdrive.WithRepeat(trackdrive.RepeatNever)) // the default of every call
	_, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	var e *trackdrive.Error
	fmt.Println(errors.As(err, &e), e.StatusCode, e.Attempts)
	// Output:
	// true 429 1
}

func ExampleWithEncoding() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithEncoding(trackdrive.EncodeForm))
	request := &trackdrive.PingRequest{CallerID: "+15555550142", Fields: trackdrive.Fields{"zip": "90210"}}
	if _, err := client.Ping(context.Background(), "sell", request); err != nil {
		panic(err)
	}
	if _, err := client.Ping(context.Background(), "sell", request, trackdrive.WithEncoding(trackdrive.EncodeQuery)); err != nil {
		panic(err)
	}
	for _, r := range fake.Pings() {
		fmt.Println(r.Method, string(r.Body), r.Query)
	}
	// Output:
	// POST caller_id=%2B15555550142&zip=90210 map[]
	// GET  map[caller_id:[+15555550142] zip:[90210]]
}

func ExampleWithTracking() {
	client, err := trackdrive.NewClient("acme", trackdrive.WithTracking(trackdrive.TrackingStatic))
	if err != nil {
		panic(err)
	}
	_, err = client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	fmt.Println(err)
	// Output:
	// trackdrive: ping: invalid argument: trackdrive_number: is empty, but static tracking needs it on a ping
}

func ExampleWithBaseURL() {
	_, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL("https://calls.example.com"))
	fmt.Println(err)
	_, err = trackdrive.NewClient("acme", trackdrive.WithBaseURL("http://calls.example.com"))
	fmt.Println(err)
	// Output:
	// <nil>
	// trackdrive: invalid argument: base URL: must begin with https://; plain http is for loopback addresses
}

func ExampleWithHTTPClient() {
	own := &http.Client{Timeout: 5 * time.Second}
	client, err := trackdrive.NewClient("acme", trackdrive.WithHTTPClient(own))
	fmt.Println(client.HTTPClient() == own, err)
	// Output:
	// true <nil>
}

func ExampleWithTransport() {
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder("POST", "https://acme.trackdrive.com/api/v1/inbound_webhooks/post/sell",
		httpmock.NewStringResponder(200, `{"success":true,"forwarding_number":"+15555550120"}`))
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(mock)) // safe in parallel tests
	if err != nil {
		panic(err)
	}
	post, err := client.Post(context.Background(), "sell", &trackdrive.PostRequest{PingID: "bp-1", CallerID: "+15555550142"})
	if err != nil {
		panic(err)
	}
	fmt.Println(post.Number())
	// Output:
	// +15555550120 true
}

func ExampleNewTransport() {
	// Wrap the package's own transport, as otelhttp.NewTransport does.
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(printing{trackdrive.NewTransport(nil)}))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	fmt.Println(err)
	// Output:
	// trackdrive: ping POST https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/{vanity_uri}: context canceled
}

type printing struct{ next http.RoundTripper }

func (p printing) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Println(r.Method, r.URL.Host)
	return p.next.RoundTrip(r)
}

func ExampleWithLogger() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case "time", "host", "duration", "retry_in":
			return slog.Attr{}
		}
		return a
	}}))
	client := clientFor(fake, trackdrive.WithLogger(logger))
	if _, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	fmt.Print(log.String())
	// Output:
	// level=WARN msg="trackdrive retry" operation=ping attempt=1 method=POST path=/api/v1/inbound_webhooks/ping/{vanity_uri} status=429 delivery=answered kind="rate limited"
}

func ExampleWithObserver() {
	fake := market()
	defer fake.Close()
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)
	client := clientFor(fake, trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
		fmt.Println(a.Operation, a.Number, a.Path, a.StatusCode, a.Delivery, a.Err)
	}))
	if _, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
		panic(err)
	}
	// Output:
	// ping 1 /api/v1/inbound_webhooks/ping/{vanity_uri} 429 answered trackdrive: rate limited
	// ping 2 /api/v1/inbound_webhooks/ping/{vanity_uri} 200 answered <nil>
}

func ExampleWithUserAgent() {
	fake := market()
	defer fake.Close()
	client := clientFor(fake, trackdrive.WithUserAgent("dialer/1.4"))
	if _, err := client.Ping(context.Background(), "sell", &trackdrive.PingRequest{}); err != nil {
		panic(err)
	}
	fmt.Println(strings.HasPrefix(fake.Last().Header.Get("User-Agent"), "dialer/1.4 trackdrive-go/"))
	// Output:
	// true
}

func ExampleWithBaseDomain() {
	fake := market()
	defer fake.Close()
	printHost := func(_ context.Context, a trackdrive.Attempt) { fmt.Println(a.Host) }
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseDomain("example.net"), trackdrive.WithTransport(fake.Transport()), trackdrive.WithObserver(printHost))
	if err != nil {
		panic(err)
	}
	_, _ = client.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	// Output: acme.example.net
}
