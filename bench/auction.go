package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trackdrive-go/trackdrive"
)

// buyersEach is how many buyers each source of an auction answers with.
const buyersEach = 2

// auctions measures on a transport that answers at once, and on loopback.
func auctions(out *tabwriter.Writer, each time.Duration) {
	url, stop := startServer()
	defer stop()
	for _, network := range []struct {
		name, url string
		rt        http.RoundTripper
	}{
		{"instant", "", instant(pingReply(buyersEach))},
		{"loopback", fmt.Sprintf("%s/%d", url, buyersEach), trackdrive.NewTransport(nil)},
	} {
		client := newClient(network.url, network.rt)
		for _, sources := range []int{1, 8, 64} {
			c := contest{path: fmt.Sprintf("Auction of %d, %s", sources, network.name), list: []contestant{
				bidding("trackdrive", sources, auction(client, sources)),
				bidding("errgroup + Ping", sources, fanOut(client, sources)),
			}}
			report(out, c, compete(c, each))
			_ = out.Flush()
		}
	}
}

// bidding is a contestant that holds auctions, and must rank all bids.
func bidding(name string, sources int, hold func() (bids int)) contestant {
	return contestant{name, func(n int) {
		for range n {
			if hold() != sources*buyersEach {
				panic("bids")
			}
		}
	}}
}

func auction(client *trackdrive.Client, sources int) func() int {
	cfg := trackdrive.AuctionConfig{Timeout: timeout, PingsNeverSell: true}
	for i := range sources {
		cfg.Sources = append(cfg.Sources, trackdrive.AuctionSource{Name: fmt.Sprintf("source %d", i), Client: client, Endpoint: "sell"})
	}
	a, err := trackdrive.NewAuction(cfg)
	check(err)
	lead := request()
	return func() int {
		result, err := a.Run(context.Background(), lead)
		check(err)
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
	lead := request()
	return func() int {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
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
		check(group.Wait())
		slices.SortStableFunc(bids, func(a, b bid) int { return b.buyer.Payout.Cmp(a.buyer.Payout) })
		return len(bids)
	}
}
