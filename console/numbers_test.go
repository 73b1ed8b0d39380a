package console_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/insight"
)

func TestNumbersOverTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		numbers := insight.New()
		fake := newMarket()
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithCallObserver(numbers.ObserveCall))
		require.NoError(t, err)
		auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Observe: numbers.ObserveAuction, Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}}})
		require.NoError(t, err)
		page := newPage(t, console.Config{Insight: numbers})
		_, text := answer(page, local(http.MethodGet, "/numbers", nil))
		require.Contains(t, words(text), "No auction has run yet.")

		for range 3 {
			result, err := auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
			require.NoError(t, err)
			_, err = result.Sell(t.Context())
			require.NoError(t, err)
			<-time.After(20 * time.Minute)
		}
		_, text = answer(page, local(http.MethodGet, "/numbers", nil))
		require.Contains(t, words(text), "Sold 3 of 3 posts")
		require.Contains(t, words(text), "Revenue 76.50 of all sales")
		require.Contains(t, words(text), "acme 3 3 3 3 3 0 76.50")
		require.Contains(t, words(text), "acme, Buyer A 3 3 3 0 76.50")
		require.Equal(t, 4*2, strings.Count(text, "<rect x="), "the first is an hour ago")
		_, text = answer(page, local(http.MethodGet, "/numbers?span=day", nil))
		require.Equal(t, 4, strings.Count(text, "<rect x="), "an hour is one column")
		require.NotContains(t, text, "0142")
	})
}
