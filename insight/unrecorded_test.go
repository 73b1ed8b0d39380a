package insight_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

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
		declines bool
		err      error
		settled  sales.State
		want     func(*insight.SaleCounts)
	}{
		"sold":     {false, sales.ErrNotRecorded, sales.Sold, func(s *insight.SaleCounts) { s.Sold, s.Revenue = 1, amountOf("25.50") }},
		"rejected": {true, sales.ErrUnknown, sales.Unsold, func(s *insight.SaleCounts) { s.Rejected = 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				numbers, store := insight.New(), &fullStore{Store: salestest.NewMemory()}
				fake := trackdrivetest.New()
				fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50", Declines: tt.declines}}})
				fake.Fail(trackdrivetest.Where(func(r trackdrivetest.Request) bool {
					if r.Operation == trackdrivetest.OpPost {
						store.isFull.Store(true)
					}
					return false
				}), trackdrivetest.Drop(), trackdrivetest.Always)
				client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
				require.NoError(t, err)
				auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
					Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}}, Observe: numbers.ObserveAuction,
				})
				require.NoError(t, err)
				desk, err := sales.New(sales.Config{Store: store, OnEvent: numbers.ObserveSale})
				require.NoError(t, err)

				_, err = desk.Auction(t.Context(), "lead", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
				require.ErrorIs(t, err, tt.err)
				want := uncounted(tt.want)
				want.Bids, want.Posts = 1, 1
				require.Equal(t, want, numbers.Report().Sources[0].SaleCounts)

				store.isFull.Store(false)
				<-time.After(time.Hour) // the lease ends
				_, err = desk.Resolve(t.Context(), "lead", tt.settled, "somebody looked")
				require.NoError(t, err)
				require.Equal(t, want, numbers.Report().Sources[0].SaleCounts, "once")
				require.Equal(t, int64(1), numbers.Report().Leads[sales.EventSettled])
			})
		})
	}
}
