package bidlog_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/internal/planted"
)

// TestACredentialThatAReplyRepeatsIsNotLogged sells at a market whose buyers have the
// Client's own credential as names, ids and statuses, with a Config that does not have
// it.
func TestACredentialThatAReplyRepeatsIsNotLogged(t *testing.T) {
	t.Parallel()
	cfg := bidlog.Config{Keep: []string{"name", "buyer_name"}}
	log := logOf(t, cfg, func(log *bidlog.Log) {
		require.NoError(t, planted.Sell(t.Context(), []trackdrive.Option{trackdrive.WithCallObserver(log.ObserveCall)}, log.ObserveAuction, planted.RunAndSell))
	})
	require.False(t, planted.IsShown(log), log)
	require.Contains(t, log, `"code":"[redacted]"`)
	require.Contains(t, log, `"request_id":"[redacted]"`)
	require.Contains(t, log, `"[redacted]":"[redacted]"`)
	require.Contains(t, log, `"kind":"sale"`)

	log = logOf(t, cfg, func(log *bidlog.Log) {
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(planted.Market{}), trackdrive.WithAuth(trackdrive.AuthenticatorFunc(
			func(_ context.Context, r *trackdrive.AuthRequest) error {
				r.SetHeader("Authorization", "Token "+planted.MarketToken)
				return nil
			})))
		require.NoError(t, err)
		for _, endpoint := range planted.MarketEndpoints {
			reply, err := client.Ping(t.Context(), endpoint, &trackdrive.PingRequest{CallerID: "+15555550142"})
			require.NoError(t, err)
			log.Ping(endpoint, reply, trackdrive.VerdictAccepted)
		}
	})
	require.False(t, planted.IsShown(log), log)
	require.Equal(t, len(planted.MarketEndpoints), strings.Count(log, "\n"))
}
