package trackdrive_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// TestAPingThatTheResultCallsUnsentIsNeverBegun ends auctions while their other pings
// are about to begin: what the client was asked to do is what the auction reports.
func TestAPingThatTheResultCallsUnsentIsNeverBegun(t *testing.T) {
	t.Parallel()
	const auctions, others = 500, 7
	fake := trackdrivetest.New()
	var mu sync.Mutex
	begun, reported, unsent := map[string]int{}, map[string]int{}, 0
	observe := trackdrive.WithCallObserver(func(_ context.Context, r trackdrive.CallReport) {
		mu.Lock()
		defer mu.Unlock()
		begun[r.Endpoint]++
	})
	var sources []trackdrive.AuctionSource
	for i := range 1 + others {
		name := fmt.Sprintf("sell%d", i)
		fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: name, Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}}})
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), observe)
		require.NoError(t, err)
		sources = append(sources, trackdrive.AuctionSource{Name: name, Client: client, Endpoint: name})
	}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: sources,
		Enough:  1, // the first answer ends it
		Observe: func(_ context.Context, e trackdrive.AuctionEvent) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case e.Kind == trackdrive.EventPing:
				reported[e.Source]++
			case e.Kind == trackdrive.EventLoss && trackdrive.DeliveryOf(e.Loss.Err) == trackdrive.DeliveryNotSent:
				unsent++
			}
		},
	})
	require.NoError(t, err)
	for range auctions {
		synctest.Test(t, func(t *testing.T) { // until the last ping is over
			_, err := auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
			require.NoError(t, err)
		})
	}
	require.Equal(t, reported, begun)
	require.NotZero(t, unsent)
}
