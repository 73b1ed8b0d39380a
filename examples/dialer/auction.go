// The auction: who may bid for a lead, and from which price on. Change this file first.

package main

import (
	"net/http"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// How long buyers have. Real ones need more: the defaults are 10 seconds.
const (
	pingTimeout = 500 * time.Millisecond
	postTimeout = 600 * time.Millisecond
)

// The names of the sources.
const (
	acmeSource      = "acme"      // a company of TrackDrive
	globexSource    = "globex"    // another one
	retreaverSource = "retreaver" // another platform
)

// newAuction returns an auction of three sources, and the Client of each company.
// All of them are at one address here. Without WithBaseURL, a Client talks to
// TrackDrive, and sells.
func newAuction(market string, workers int) (*trackdrive.Auction, func(subdomain string) *trackdrive.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 3 * workers
	clients := map[string]*trackdrive.Client{}
	for _, company := range []string{acmeSource, globexSource} {
		client, err := trackdrive.NewClient(company,
			trackdrive.WithBaseURL(market+"/"+company),
			trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")), // Settle reads calls with it
			trackdrive.WithTransport(transport))
		if err != nil {
			return nil, nil, err
		}
		clients[company] = client
	}
	platform, err := trackdrive.RetreaverBidder(clients[acmeSource], market+"/rtbs.json?key=made-up")
	if err != nil {
		return nil, nil, err
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Timeout: pingTimeout,
		Sources: []trackdrive.AuctionSource{
			{Name: acmeSource, Client: clients[acmeSource], Endpoint: "sell", MinPayout: trackdrive.MustAmount("15.00"), PostTimeout: postTimeout},
			{Name: globexSource, Client: clients[globexSource], Endpoint: "sell", MinPayout: trackdrive.MustAmount("15.00"), PostTimeout: postTimeout},
			{Name: retreaverSource, Bidder: platform, MinPayout: trackdrive.MustAmount("16.50"), Margin: trackdrive.MustAmount("1.50"), PostTimeout: postTimeout},
		},
	})
	return auction, func(subdomain string) *trackdrive.Client { return clients[subdomain] }, err
}
