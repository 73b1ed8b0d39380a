package prom_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/planted"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// TestACredentialThatAReplyRepeatsIsNotScraped sells at a market whose buyers are called
// like the Client's own credential, which looks like a word.
func TestACredentialThatAReplyRepeatsIsNotScraped(t *testing.T) {
	t.Parallel()
	for name, isAtDesk := range map[string]bool{"alone": false, "at a desk": true} {
		m, leads := prom.New(), 0
		desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: m.ObserveDesk})
		require.NoError(t, err)
		sell := planted.RunAndSell
		if isAtDesk {
			sell = func(ctx context.Context, a *trackdrive.Auction, lead *trackdrive.PingRequest) error {
				leads++
				_, err := desk.Auction(ctx, fmt.Sprint(leads), a, lead)
				return err
			}
		}
		require.NoError(t, planted.Sell(t.Context(), []trackdrive.Option{trackdrive.WithCallObserver(m.ObserveCall)}, m.ObserveAuction, sell), name)
		s := scrape(t, m)
		require.False(t, planted.IsShown(s.text), "%s: %s", name, s.text)
		require.Positive(t, s.sum("sold_total", "source=both", "buyer=other"), name)
		require.Positive(t, s.sum("sold_total", "source=ids", "buyer=other"), name)
	}
}
