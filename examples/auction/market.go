// The market: a fake TrackDrive with two companies, whose endpoints have their
// own speeds and troubles.

package main

import (
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// market returns clients of the two companies.
func market() (acme, globex *trackdrive.Client, err error) {
	fake := trackdrivetest.New(trackdrivetest.WithSubdomain("acme"))
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "fast", Expiry: time.Minute, Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "18.00"},
		{ID: "102", Name: "Buyer B", Bid: "9.50"},
	}})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "broken"})
	second := fake.AddCompany("globex")
	second.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "slow", Expiry: time.Minute, Buyers: []trackdrivetest.Buyer{
		{ID: "201", Name: "Buyer C", Bid: "42.00", Declines: true},
		{ID: "202", Name: "Buyer D", Bid: "31.25"},
	}})
	second.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "picky"}) // nobody bids
	second.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "asleep"})

	const ping, post = trackdrivetest.OpPing, trackdrivetest.OpPost
	fake.Fail(at(ping, "broken"), trackdrivetest.BadGateway(), trackdrivetest.Always)
	fake.Fail(at(post, "slow"), trackdrivetest.Slow(300*time.Millisecond), trackdrivetest.Always)
	for endpoint, delay := range map[string]time.Duration{
		"fast":   150 * time.Millisecond,
		"picky":  400 * time.Millisecond,
		"slow":   800 * time.Millisecond,
		"asleep": time.Hour,
	} {
		fake.Fail(at(ping, endpoint), trackdrivetest.Slow(delay), trackdrivetest.Always)
	}

	// In memory. With a client that is made without this option the same program
	// talks to TrackDrive, and sells.
	acme, err = trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	if err != nil {
		return nil, nil, err
	}
	globex, err = acme.ForSubdomain("globex")
	return acme, globex, err
}

// at picks the requests of a kind to one endpoint.
func at(op trackdrivetest.Operation, endpoint string) trackdrivetest.Where {
	return func(r trackdrivetest.Request) bool { return r.Operation == op && r.Target == endpoint }
}
