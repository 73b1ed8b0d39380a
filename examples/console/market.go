package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// newFake returns a fake TrackDrive with endpoints that bid different amounts
// at different speeds.
func newFake() *trackdrivetest.Fake {
	fake := trackdrivetest.New()
	for n, bid := range []string{"25.50", "18.00", "", "31.25", "", "22.00", "9.50", "27.75"} {
		endpoint := trackdrivetest.Endpoint{VanityURI: endpointName(n)}
		if bid != "" {
			endpoint.Buyers = []trackdrivetest.Buyer{{ID: trackdrive.ID(fmt.Sprint(101 + n)), Name: "Buyer " + string(rune('A'+n)), Bid: bid}}
		}
		fake.AddEndpoint(endpoint)
		isThis := trackdrivetest.Where(func(r trackdrivetest.Request) bool { return strings.HasSuffix(r.Path, "/ping/"+endpoint.VanityURI) })
		fake.Fail(isThis, trackdrivetest.Slow(time.Duration(30+40*n)*time.Millisecond), 3)
	}
	for n := range 4 {
		fake.AddCall(trackdrivetest.Call{UUID: fmt.Sprint("call-", n+1), CallerNumber: "+15555550142"})
	}
	return fake
}

func endpointName(n int) string {
	return []string{"health", "auto", "legal", "solar", "debt", "home", "travel", "medicare"}[n]
}

// runAuctions runs three auctions: one that sells, one whose post loses its answer, and
// one without a bid.
func runAuctions(ctx context.Context, fake *trackdrivetest.Fake, client *trackdrive.Client, numbers *insight.Numbers) (*console.AuctionLog, error) {
	log := console.NewAuctionLog(100)
	for n, name := range []string{"lead-1001", "lead-1002", "lead-1003"} {
		cfg := trackdrive.AuctionConfig{Grace: 220 * time.Millisecond, Observe: func(ctx context.Context, e trackdrive.AuctionEvent) {
			log.Observe(ctx, e)
			numbers.ObserveAuction(ctx, e)
		}}
		for i := range 8 {
			source := trackdrive.AuctionSource{Name: endpointName(i), Client: client, Endpoint: endpointName(i), MinPayout: trackdrive.MustAmount("15.00")}
			if n == 2 {
				source.MinPayout = trackdrive.MustAmount("99.00")
			}
			cfg.Sources = append(cfg.Sources, source)
		}
		auction, err := trackdrive.NewAuction(cfg)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
		}
		watched := log.Watch(ctx, name)
		result, err := auction.Run(watched, &trackdrive.PingRequest{CallerID: "+15555550142"})
		if err != nil {
			return nil, err
		}
		_, err = result.Sell(watched)
		if err != nil && trackdrive.DeliveryOf(err) != trackdrive.DeliveryUnknown {
			return nil, err
		}
	}
	return log, nil
}

// fillOutbox leaves one conversion delivered, one put aside and one parked, and one for a
// company that is paused, because the client has no credentials for it.
func fillOutbox(ctx context.Context, fake *trackdrivetest.Fake, client *trackdrive.Client) (*outbox.Worker, error) {
	worker, err := outbox.New(outbox.Config{Store: outboxtest.NewMemory(), Client: client})
	if err != nil {
		return nil, err
	}
	for n, fault := range []trackdrivetest.Fault{
		{}, trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrivetest.Status(http.StatusForbidden, nil, `{"status":403,"errors":{"base":["You are not authorized to access this page."]}}`),
	} {
		if n > 0 {
			fake.Fail(trackdrivetest.OpUpdateCall, fault, 1)
		}
		item, err := outbox.NewUpdate(fmt.Sprint("sale-", 4711+n), trackdrive.CallRef{Subdomain: "acme", UUID: fmt.Sprint("call-", n+1)},
			&trackdrive.UpdateCall{BuyerConverted: new(true), AddRevenue: trackdrive.MustAmount("25.50")})
		if err != nil {
			return nil, err
		}
		if _, _, err := worker.Enqueue(ctx, item); err != nil {
			return nil, err
		}
		if err := worker.Drain(ctx); err != nil {
			return nil, err
		}
	}
	item, err := outbox.NewUpdate("sale-4721", trackdrive.CallRef{Subdomain: "globex", UUID: "call-9"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("30.00")})
	if err != nil {
		return nil, err
	}
	if _, _, err := worker.Enqueue(ctx, item); err != nil {
		return nil, err
	}
	return worker, worker.Drain(ctx)
}

// sellLeads sells one lead, and loses the answer to the post of another.
func sellLeads(ctx context.Context, fake *trackdrivetest.Fake, client *trackdrive.Client) (*sales.Desk, error) {
	desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), Clients: func(string) *trackdrive.Client { return client }})
	if err != nil {
		return nil, err
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "solar", Client: client, Endpoint: "solar"}}})
	if err != nil {
		return nil, err
	}
	for _, lead := range []struct{ id, caller string }{{"lead-2001", "+15555550143"}, {"lead-2002", "+15555550144"}} {
		if lead.id == "lead-2002" {
			fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
		}
		if _, err := desk.Auction(ctx, lead.id, auction, &trackdrive.PingRequest{CallerID: lead.caller}); err != nil && !errors.Is(err, sales.ErrUnknown) {
			return nil, err
		}
	}
	return desk, nil
}

// storedWebhooks are the configurations of a platform's customers.
func storedWebhooks(context.Context) ([]console.StoredWebhook, error) {
	return []console.StoredWebhook{
		{Name: "Bids for health", JSON: []byte(`{
  "name": "Bids for health",
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health",
  "header": {"X-Api-Key": "made-up-key-of-acme"},
  "body": "{\"caller_id\": \"[[tag:CallerId]]\", \"zip\": \"[zip]{90210}\"}",
  "timeout": "4s",
  "tokens": {
    "tag:CallerId": {"required": true, "as": "phone_e164"}
  },
  "acceptance": {
    "match": "all",
    "criteria": [
      {"field": "success", "condition": "Is True"},
      {"match": "any", "criteria": [
        {"field": "buyers.0.bid_price", "condition": "Greater Than", "value": "20.00"},
        {"field": "buyers.0.offer_conversion_payout", "condition": "Greater Than", "value": "20.00"}
      ]}
    ]
  }
}
`)},
		{Name: "Conversions", JSON: []byte(`{
  "name": "Conversions",
  "url": "https://acme.trackdrive.com/api/v1/calls/update_call/[call_uuid]",
  "body": "{\"buyer_converted\": true, \"revenue\": \"[payout]\"}",
  "repeat": "safe",
  "accept_empty": true,
  "tokens": {
    "call_uuid": {"required": true},
    "payout": {"required": true, "as": "amount"}
  }
}
`)},
		{Name: "Broken", JSON: []byte(`{
  "name": "Broken",
  "url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health",
  "metod": "POST",
  "body": "{\"caller_id\": \"[caller_id]\"}",
  "timeout": "4 seconds",
  "repeat": "safe",
  "acceptance": {
    "match": "all",
    "criteria": [
      {"field": "buyers.0.bid_price", "condition": "Greater Then", "value": "20.00"}
    ]
  }
}
`)},
	}, nil
}
