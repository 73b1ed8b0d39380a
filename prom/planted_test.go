package prom_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/planted"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/prom"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// What is planted.
const (
	plantedToken  = "PLANTED-auth/0123+45=6"
	plantedNumber = "+15555550142"
)

// requireNothingPrivate wants no planted credential, and no number, in any form.
func requireNothingPrivate(t *testing.T, text string) {
	t.Helper()
	var secrets redact.Secrets
	secrets.Add(plantedToken)
	require.False(t, secrets.Found(text), "a credential")
	require.Empty(t, planted.Find([]byte(text)))
	require.NotRegexp(t, `555[-. )]{0,2}555|5555550`, text)
}

// repeater answers pings and posts with what it was sent, in every text, in several
// forms.
type repeater struct{ forms []func(string) string }

func (r *repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var buyers []map[string]any
	for _, form := range r.forms {
		for _, text := range []string{req.Header.Get("Authorization"), req.Header.Get("X-Api-Key"), plantedNumber, string(body)} {
			buyers = append(buyers, map[string]any{"ping_id": form(text), "id": form(text), "name": form(text), "bid_price": 25.5, "number": form(text)})
		}
	}
	status := http.StatusOK
	reply := map[string]any{"success": true, "status": "accepted", "try_all_buyers_ping_id": plantedNumber, "buyers": buyers, "buyer_name": plantedToken, "forwarding_number": plantedNumber}
	if strings.Contains(req.URL.Path, "refuse") {
		reply = map[string]any{"success": false, "status": plantedToken, "errors": []string{plantedToken, plantedNumber}}
	}
	data, err := json.Marshal(reply)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(string(data))), ContentLength: int64(len(data))}, nil
}

func TestNothingPlantedIsScraped(t *testing.T) {
	t.Parallel()
	m := prom.New()
	market := &repeater{forms: []func(string) string{
		func(s string) string { return s },
		func(s string) string { return "Buyer " + s },
		url.QueryEscape,
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		func(s string) string { return hex.EncodeToString([]byte(s)) },
		strings.ToLower,
	}}
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(market), trackdrive.WithCallObserver(m.ObserveCall),
		trackdrive.WithAuth(trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("X-Api-Key", plantedToken)
			return nil
		})))
	require.NoError(t, err)
	desk, err := sales.New(sales.Config{Store: salestest.NewMemory(), OnEvent: m.ObserveDesk})
	require.NoError(t, err)
	for _, endpoint := range []string{"sell", "refuse"} {
		for _, toAll := range []bool{false, true} {
			auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
				Sources: []trackdrive.AuctionSource{{Name: endpoint, Client: client, Endpoint: endpoint, ToAll: toAll}}, Observe: m.ObserveAuction,
			})
			require.NoError(t, err)
			lead := &trackdrive.PingRequest{CallerID: plantedNumber, TrafficSourceID: plantedNumber, Fields: trackdrive.Fields{"lead_token": plantedToken, "phone": plantedNumber}}
			_, err = desk.Auction(t.Context(), endpoint+plantedNumber+strings.Repeat("x", map[bool]int{true: 1}[toAll]), auction, lead)
			require.NoError(t, err)
		}
	}
	_, err = client.Ping(t.Context(), plantedNumber[1:], &trackdrive.PingRequest{CallerID: plantedNumber})
	require.NoError(t, err)
	m.AddSale(plantedNumber, trackdrive.Buyer{Name: plantedToken, ID: plantedToken}, amount("1"))

	store := outboxtest.NewMemory()
	events, err := planted.Deliver(t.Context(), store, func(ctx context.Context, w *outbox.Worker) error {
		return planted.Until(ctx, store, w.Drain)
	})
	require.NoError(t, err)
	for _, e := range events {
		m.ObserveOutbox(e)
	}
	s := scrape(t, m)
	requireNothingPrivate(t, s.text)
	require.Positive(t, s.sum("sold_total"))
	require.Positive(t, s.sum("auction_bids_total", "source=sell"))
	require.Positive(t, s.sum("outbox_events_total"))
	require.Equal(t, 3.0, s.sum("desk_events_total", "event=sold")+s.sum("desk_events_total", "event=unsold")-1)
}
