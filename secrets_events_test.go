package trackdrive_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	plants "github.com/trackdrive-go/trackdrive/internal/planted"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// TestEventsDoNotShowACredentialThatAReplyRepeats prints all events, and what a desk
// stores. The bids keep the ids, which posts send back.
func TestEventsDoNotShowACredentialThatAReplyRepeats(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	bids, losses, sold := 0, 0, 0
	err := plants.Sell(t.Context(), nil, func(_ context.Context, e trackdrive.AuctionEvent) {
		mu.Lock()
		defer mu.Unlock()
		require.False(t, plants.IsShown(e.String()), e.String())
		for _, b := range e.Bids {
			bids++
			if !b.ToAll {
				require.True(t, plants.IsShown(string(b.Buyer.PingID)), "the post needs it")
			}
		}
		if e.Loss != nil {
			losses++
		}
		if e.Kind == trackdrive.EventSale && e.Try.Outcome == trackdrive.TrySold {
			sold++
		}
	}, func(ctx context.Context, a *trackdrive.Auction, lead *trackdrive.PingRequest) error {
		result, err := a.Run(ctx, lead)
		if err != nil {
			return err
		}
		sale, err := result.Sell(ctx)
		require.False(t, plants.IsShown(sale.String()), sale)
		for _, b := range result.Bids {
			require.False(t, plants.IsShown(b.String()), b)
		}
		for _, l := range result.Losses {
			require.False(t, plants.IsShown(l.String()), l)
		}
		return err
	})
	require.NoError(t, err)
	require.Positive(t, bids)
	require.Positive(t, losses)
	require.Positive(t, sold)
}

func TestADeskKeepsNoCredentialThatAReplyRepeats(t *testing.T) {
	t.Parallel()
	sold := 0
	store := salestest.NewMemory()
	desk, err := sales.New(sales.Config{Store: store, OnEvent: func(e sales.Event) {
		require.False(t, plants.IsShown(fmt.Sprintf("%+v", e)), "%+v", e)
		if e.Kind == sales.EventSold {
			sold++
		}
	}})
	require.NoError(t, err)
	leads := 0
	err = plants.Sell(t.Context(), nil, nil, func(ctx context.Context, a *trackdrive.Auction, lead *trackdrive.PingRequest) error {
		leads++
		id := fmt.Sprint(leads)
		if _, err := desk.Auction(ctx, id, a, lead); err != nil {
			return err
		}
		r, err := store.Get(ctx, id)
		require.False(t, plants.IsShown(fmt.Sprintf("%+v", r)), "%+v", r)
		return err
	})
	require.NoError(t, err)
	require.Positive(t, sold)
}

// TestAReplyHidesTheCredentialsOfItsRequest: it knows them, but no verb of fmt finds them,
// and copies stay equal.
func TestAReplyHidesTheCredentialsOfItsRequest(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]trackdrive.Authenticator{
		"fixed": trackdrive.DeveloperToken(plants.MarketToken),
		"made for each request": trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("X-Api-Key", plants.MarketToken)
			return nil
		}),
	} {
		c := newClient(t, instant([]byte(`{"success":true,"status":"accepted","buyers":[{"id":7,"ping_id":"bp-1","name":"Buyer A"}]}`)), trackdrive.WithAuth(auth))
		ping, err := c.Ping(t.Context(), "sell", onePing)
		require.NoError(t, err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := fmt.Sprintf(verb+verb+verb, *ping, ping.Meta, &ping.Meta)
			require.False(t, plants.IsShown(text), "%s: %s: %s", name, verb, text)
			require.NotContains(t, text, fmt.Sprintf("%x", plants.MarketToken), name)
		}
		copied := *ping
		require.Equal(t, *ping, copied, name)
	}
}
