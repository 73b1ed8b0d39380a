package trackdrive_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/auctionmark"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestTheEventsOfARunHaveItsMark(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "calls", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	require.NoError(t, err)
	var mu sync.Mutex
	kinds := map[auctionmark.Mark][]trackdrive.AuctionEventKind{}
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "calls"}},
		Observe: func(ctx context.Context, e trackdrive.AuctionEvent) {
			mu.Lock()
			defer mu.Unlock()
			kinds[auctionmark.In(ctx)] = append(kinds[auctionmark.In(ctx)], e.Kind)
		},
	})
	require.NoError(t, err)
	var results []*trackdrive.AuctionResult
	for range 2 {
		result, err := auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
		require.NoError(t, err)
		results = append(results, result)
	}
	for _, result := range results {
		_, err := result.Sell(t.Context())
		require.NoError(t, err)
	}
	require.Len(t, kinds, 2)
	require.NotContains(t, kinds, auctionmark.Mark(0))
	for _, list := range kinds {
		require.Equal(t, []trackdrive.AuctionEventKind{trackdrive.EventPing, trackdrive.EventBids, trackdrive.EventEnd, trackdrive.EventPost, trackdrive.EventSale}, list)
	}
}
