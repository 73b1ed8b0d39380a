package prom_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var errNoSpace = errors.New("no space left on the device")

// fullStore is a store that can run out of space.
type fullStore struct {
	sales.Store
	isFull atomic.Bool
}

func (s *fullStore) Note(ctx context.Context, n sales.Note) error {
	if s.isFull.Load() {
		return errNoSpace
	}
	return s.Store.Note(ctx, n)
}

func (s *fullStore) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	if s.isFull.Load() {
		return sales.Record{}, errNoSpace
	}
	return s.Store.Change(ctx, c)
}

// TestAPostThatTheStoreDidNotRecordIsCountedOnce lets a desk's store fail between a post
// and its outcome, and settles the lead later.
func TestAPostThatTheStoreDidNotRecordIsCountedOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		isAuction, declines bool
		err                 error
		settled             sales.State
		sold, revenue       float64
	}{
		"an auction's sale":           {true, false, sales.ErrNotRecorded, sales.Sold, 1, 25.5},
		"an auction's refusal":        {true, true, sales.ErrUnknown, sales.Unsold, 0, 0},
		"the sale of a post alone":    {false, false, sales.ErrNotRecorded, sales.Sold, 1, 0}, // its payout is not known
		"the refusal of a post alone": {false, true, sales.ErrUnknown, sales.Unsold, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := prom.New()
			synctest.Test(t, func(t *testing.T) {
				store, fake := &fullStore{Store: salestest.NewMemory()}, trackdrivetest.New()
				fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50", Declines: tt.declines}}})
				fake.Fail(trackdrivetest.Where(func(r trackdrivetest.Request) bool {
					if r.Operation == trackdrivetest.OpPost {
						store.isFull.Store(true)
					}
					return false
				}), trackdrivetest.Drop(), trackdrivetest.Always)
				client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
				require.NoError(t, err)
				desk, err := sales.New(sales.Config{Store: store, OnEvent: m.ObserveDesk})
				require.NoError(t, err)
				if tt.isAuction {
					auction, auctionErr := trackdrive.NewAuction(trackdrive.AuctionConfig{
						Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}}, Observe: m.ObserveAuction,
					})
					require.NoError(t, auctionErr)
					_, err = desk.Auction(t.Context(), "lead", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
				} else {
					_, err = desk.Post(t.Context(), "lead", client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550142"})
				}
				require.ErrorIs(t, err, tt.err)

				store.isFull.Store(false)
				<-time.After(time.Hour) // the lease ends
				_, err = desk.Resolve(t.Context(), "lead", tt.settled, "somebody looked")
				require.NoError(t, err)
			})
			s := scrape(t, m)
			require.Equal(t, tt.sold, s.sum("sold_total"))
			require.Equal(t, tt.revenue, s.sum("revenue_total"))
			require.Zero(t, s.sum("revenue_corrections_total"), "the sale was counted before")
			require.Zero(t, s.sum("settled_total"), "it was never in unknown_total")
			require.Zero(t, s.sum("unknown_total"))
			require.Equal(t, 1.0, s.sum("desk_events_total", "event=settled"))
		})
	}
}
