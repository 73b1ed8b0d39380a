package insight_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/insight"
	"github.com/trackdrive-go/trackdrive/internal/planted"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// TestACredentialThatAReplyRepeatsIsNotCounted sells at a market whose buyers are called
// like the Client's own credential.
func TestACredentialThatAReplyRepeatsIsNotCounted(t *testing.T) {
	t.Parallel()
	leads := 0
	for name, sell := range map[string]func(*sales.Desk) func(context.Context, *trackdrive.Auction, *trackdrive.PingRequest) error{
		"alone": func(*sales.Desk) func(context.Context, *trackdrive.Auction, *trackdrive.PingRequest) error {
			return planted.RunAndSell
		},
		"at a desk": func(desk *sales.Desk) func(context.Context, *trackdrive.Auction, *trackdrive.PingRequest) error {
			return func(ctx context.Context, a *trackdrive.Auction, lead *trackdrive.PingRequest) error {
				leads++
				_, err := desk.Auction(ctx, fmt.Sprint(leads), a, lead)
				return err
			}
		},
	} {
		numbers := insight.New()
		desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: numbers.ObserveSale})
		require.NoError(t, err)
		require.NoError(t, planted.Sell(t.Context(), []trackdrive.Option{trackdrive.WithCallObserver(numbers.ObserveCall)}, numbers.ObserveAuction, sell(desk)), name)
		r := numbers.Report()
		shown, err := json.Marshal([]any{r, numbers.Minutes(), numbers.Hours()})
		require.NoError(t, err)
		require.False(t, planted.IsShown(string(shown)), "%s: %s", name, shown)
		require.False(t, planted.IsShown(r.String()), "%s: %s", name, r)
		require.Positive(t, r.Auctions.Sold, name)
		require.Positive(t, r.Auctions.Rejected+r.Sources[0].Losses[trackdrive.LossBelowMinimum], name)
		require.Contains(t, r.String(), "[redacted]", name)
	}
}
