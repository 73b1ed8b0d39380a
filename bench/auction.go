package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/trackdrive-go/trackdrive"
)

// buyersEach is how many buyers each source of an auction answers with.
const buyersEach = 2

// compareAuctions measures on a transport that answers at once, and on loopback.
func compareAuctions(b *benchRun) {
	for _, network := range []struct {
		name   string
		target pingTarget
	}{
		{"instant", instantReply(pingReply(buyersEach))},
		{"loopback", pingTarget{url: b.server(buyersEach), transport: trackdrive.NewTransport(nil)}},
	} {
		client := libraryClient(network.target)
		for _, sources := range []int{1, 8, 64} {
			b.contest(fmt.Sprintf("Auction of %d, %s", sources, network.name), []contestEntry{
				auctionEntry("trackdrive", sources, runAuctions(client, sources)),
				auctionEntry(peerErrgroup, sources, fanOut(client, sources)),
			})
		}
	}
}

// auctionEntry holds auctions, and must rank all bids.
func auctionEntry(name string, sources int, hold func() (bids int)) contestEntry {
	return contestEntry{name, func(times int) {
		for range times {
			if hold() != sources*buyersEach {
				panic("bids")
			}
		}
	}}
}

func runAuctions(client *trackdrive.Client, sources int) func() int {
	cfg := trackdrive.AuctionConfig{Timeout: pingTimeout, PingsNeverSell: true}
	for i := range sources {
		cfg.Sources = append(cfg.Sources, trackdrive.AuctionSource{Name: fmt.Sprintf("source %d", i), Client: client, Endpoint: "sell"})
	}
	a, err := trackdrive.NewAuction(cfg)
	must(err)
	lead := sampleLead()
	return func() int {
		result, err := a.Run(context.Background(), lead)
		must(err)
		return len(result.Bids)
	}
}

// fanOut is what a program writes by hand on the same client: a goroutine for
// each source, one deadline, the bids under a mutex, and then sorted. It keeps
// no losses, ends no sooner than the last answer, and cannot sell yet.
func fanOut(client *trackdrive.Client, sources int) func() int {
	type bid struct {
		source int
		buyer  trackdrive.Buyer
		ping   *trackdrive.PingResponse
	}
	lead := sampleLead()
	return func() int {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		var group errgroup.Group
		var mu sync.Mutex
		var bids []bid
		for i := range sources {
			group.Go(func() error {
				ping, err := client.Ping(ctx, "sell", lead)
				if err != nil || !ping.Accepted {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				for _, b := range ping.Buyers {
					bids = append(bids, bid{i, b, ping})
				}
				return nil
			})
		}
		must(group.Wait())
		slices.SortStableFunc(bids, func(a, b bid) int { return b.buyer.Payout.Cmp(a.buyer.Payout) })
		return len(bids)
	}
}
