package echoes_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/echoes"
	"github.com/trackdrive-go/trackdrive/internal/planted"
)

func TestTextsWithoutWhatAReplyRepeats(t *testing.T) {
	t.Parallel()
	const fieldToken, rotated = "PLANTED-of-a-field", "PLANTED-of-today"
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(planted.Market{}), trackdrive.WithAuth(trackdrive.DeveloperToken(planted.MarketToken)))
	require.NoError(t, err)
	changing, err := trackdrive.NewClient("acme", trackdrive.WithTransport(planted.Market{}), trackdrive.WithAuth(trackdrive.AuthenticatorFunc(
		func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("Authorization", "Token "+rotated)
			return nil
		})))
	require.NoError(t, err)
	open, err := trackdrive.NewClient("acme", trackdrive.WithTransport(planted.Market{}))
	require.NoError(t, err)
	ping := func(c *trackdrive.Client, fields trackdrive.Fields) *trackdrive.PingResponse {
		reply, err := c.Ping(t.Context(), "names", &trackdrive.PingRequest{CallerID: "+15555550142", Fields: fields})
		require.NoError(t, err)
		return reply
	}
	post, err := client.Post(t.Context(), "names", &trackdrive.PostRequest{PingID: "p-1", Fields: trackdrive.Fields{"lead_token": fieldToken}})
	require.NoError(t, err)
	hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://rtb.example.com/ping/both?auth_token=" + fieldToken, Acceptance: trackdrive.All(trackdrive.Field("status").Equals("accepted")),
	})
	require.NoError(t, err)
	bidder, err := trackdrive.WebhookBidder{
		Client: open, PingWebhook: hook, NumberPath: "code", BidPath: "buyers.0.bid_price",
	}.Ping(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		reply  any
		hidden []string
		shown  []string
	}{
		"a ping":                       {ping(client, nil), []string{planted.MarketToken}, []string{rotated, fieldToken}},
		"a ping of changing tokens":    {ping(changing, nil), []string{rotated}, []string{planted.MarketToken, fieldToken}},
		"a ping with a token":          {ping(client, trackdrive.Fields{"lead_token": fieldToken}), []string{planted.MarketToken, fieldToken}, []string{rotated}},
		"a ping with a nested token":   {ping(client, trackdrive.Fields{"x": map[string]any{"token": fieldToken}}), []string{planted.MarketToken, fieldToken}, []string{rotated}},
		"a ping with a token, alone":   {ping(open, trackdrive.Fields{"lead_token": fieldToken}), []string{fieldToken}, []string{planted.MarketToken}},
		"a ping without credentials":   {ping(open, trackdrive.Fields{"zip": "12345"}), nil, []string{planted.MarketToken, "12345"}},
		"a bidder's webhook":           {bidder, []string{fieldToken}, []string{planted.MarketToken}},
		"a post":                       {post, []string{planted.MarketToken, fieldToken}, []string{rotated}},
		"a reply that is made by hand": {new(trackdrive.PingResponse), nil, []string{planted.MarketToken}},
		"no ping":                      {(*trackdrive.PingResponse)(nil), nil, []string{planted.MarketToken}},
		"no post":                      {(*trackdrive.PostResponse)(nil), nil, []string{planted.MarketToken}},
		"nothing":                      {nil, nil, []string{planted.MarketToken}},
		"something else":               {7, nil, []string{planted.MarketToken}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range tt.hidden {
				require.Equal(t, "Buyer [redacted] 7", echoes.Text("Buyer "+text+" 7", tt.reply))
				require.Equal(t, "[redacted]", echoes.Text(text, nil, tt.reply), "of one reply among others")
			}
			for _, text := range tt.shown {
				require.Equal(t, text, echoes.Text(text, tt.reply))
			}
		})
	}
}
