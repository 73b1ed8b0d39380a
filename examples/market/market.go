// The market: a fake TrackDrive with two companies, and stand-ins for two other
// platforms.

package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// market returns the clients of the companies, by subdomain. The one without a
// subdomain sends the webhooks of other platforms.
func market() (clients func(subdomain string) *trackdrive.Client, err error) {
	fake := trackdrivetest.New(trackdrivetest.WithSubdomain("acme"))
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Expiry: time.Minute, Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "18.00"},
		{ID: "102", Name: "Buyer B", Bid: "9.50"},
	}})
	fake.AddCompany("globex").AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Expiry: time.Minute, Buyers: []trackdrivetest.Buyer{
		{ID: "201", Name: "Buyer C", Bid: "24.00"},
	}})
	hosts := platforms{
		"bids.example.com":         bidLikeRingba,
		"reservations.example.com": reserveLikeRetreaver,
	}
	// In memory. Clients without this option talk to TrackDrive, and sell.
	acme, err := trackdrive.NewClient("acme", trackdrive.WithTransport(transport{fake.Transport(), hosts}))
	if err != nil {
		return nil, err
	}
	globex, err := acme.ForSubdomain("globex")
	if err != nil {
		return nil, err
	}
	known := map[string]*trackdrive.Client{"": acme, "acme": acme, "globex": globex}
	return func(subdomain string) *trackdrive.Client { return known[subdomain] }, nil
}

// platforms are stand-ins by host.
type platforms map[string]func(r *http.Request, body string) (reply string)

// transport leads requests to the platforms, and all others to the fake.
type transport struct {
	fake      http.RoundTripper
	platforms platforms
}

// RoundTrip answers.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, isPlatform := t.platforms[r.URL.Host]
	if !isPlatform {
		return t.fake.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	reply := answer(r, string(body))
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(reply)), ContentLength: int64(len(reply)), Request: r,
	}, nil
}

// bidLikeRingba bids for callers of a known number.
func bidLikeRingba(_ *http.Request, body string) string {
	if !strings.Contains(body, `"CID": "+1555555`) {
		return `{"bidAmount":0,"rejectReason":"No eligible targets (Code: 1006)"}`
	}
	return `{"bidId":"RTB7A","bidAmount":27.5,"expireInSeconds":60,"phoneNumber":"+15555550127","sipAddress":"RTB7A@sip.example.com"}`
}

// reserveLikeRetreaver reserves a target that has no more room when the reservation
// is confirmed.
func reserveLikeRetreaver(r *http.Request, _ string) string {
	if r.Method == http.MethodPut {
		return `{"status":"no-target"}`
	}
	expires := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"uuid":"5f1c0d0e-0000-4000-8000-000000000031","status":"reserved","retreaver_payout":31.0,"retreaver_seconds":90,"inbound_number":"+15555550131","expires_at":%q}`, expires)
}
