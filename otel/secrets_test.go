package tdotel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
)

const (
	planted = "PLANTED-0123456789"
	caller  = "+15555550142"
)

// callsWithSecrets put a credential, or a caller's number, where it may show.
func callsWithSecrets(base string) map[string]func(context.Context, *trackdrive.Client) error {
	inQuery := trackdrive.WithEncoding(trackdrive.EncodeQuery)
	hook := func(cfg trackdrive.WebhookConfig) func(context.Context, *trackdrive.Client) error {
		return func(ctx context.Context, c *trackdrive.Client) error {
			w, err := trackdrive.NewWebhook(cfg)
			if err != nil {
				return err
			}
			_, err = c.RunWebhook(ctx, w, trackdrive.Values{"hook_token": planted, "caller_number": caller})
			return err
		}
	}
	return map[string]func(context.Context, *trackdrive.Client) error{
		"Call": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Call(ctx, "u-1")
			return err
		},
		"Calls": func(ctx context.Context, c *trackdrive.Client) error {
			for _, err := range c.Calls(ctx, nil) {
				return err
			}
			return nil
		},
		"a ping in the query": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: caller}, inQuery)
			return err
		},
		"a number as the name of a parameter": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: caller, Fields: trackdrive.Fields{"15555550142": "1"}}, inQuery)
			return err
		},
		"a number as the traffic source": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: caller, TrafficSourceID: "15555550142"})
			return err
		},
		"a number as the endpoint": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, "15555550142", &trackdrive.PingRequest{CallerID: caller})
			return err
		},
		"a lead in the query": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.CaptureLead(ctx, &trackdrive.Lead{LeadToken: planted, CallerID: caller}, inQuery)
			return err
		},
		"an opt-out": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.OptOutCaller(ctx, planted, caller)
			return err
		},
		"the path of Do": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: http.MethodGet, Path: []string{"secure", planted, "calls", "1"}}, nil)
			return err
		},
		"the path of Do, unknown": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Do(ctx, &trackdrive.Request{Method: http.MethodGet, Path: []string{"15555550142", planted}}, nil)
			return err
		},
		"the path of a webhook":  hook(trackdrive.WebhookConfig{Method: http.MethodGet, URL: base + "/hook/[hook_token]"}),
		"the query of a webhook": hook(trackdrive.WebhookConfig{Method: http.MethodGet, URL: base + "/hook?key=[hook_token]&to=[caller_number]"}),
		"a literal of a webhook": hook(trackdrive.WebhookConfig{Method: http.MethodGet, URL: base + "/hook/" + planted + "/15555550142"}),
		"a webhook's name":       hook(trackdrive.WebhookConfig{Name: "for " + caller, Method: http.MethodGet, URL: base + "/hook"}),
		"a call that is refused": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.Ping(ctx, caller+"/"+planted, &trackdrive.PingRequest{CallerID: caller})
			return err
		},
	}
}

// TestNothingShowsACredentialOrANumber: the server repeats both in its replies.
func TestNothingShowsACredentialOrANumber(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 302, 401, 422, 500} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://15555550142.example.com/"+planted)
			w.WriteHeader(status)
			echo, _ := json.Marshal(r.URL.String() + " " + r.Header.Get("Authorization") + " " + caller)
			fmt.Fprintf(w, `{"success":false,"calls":[],"status":%[1]s,"errors":[%[1]s],"buyers":[]}`, echo)
		}))
		t.Cleanup(srv.Close)
		for name, call := range callsWithSecrets(srv.URL) {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				t.Parallel()
				b := newBackend(t)
				client := b.client(t, trackdrive.WithBaseURL(srv.URL), trackdrive.WithMaxAttempts(1), trackdrive.WithAuth(trackdrive.AuthToken(planted)))
				err := call(t.Context(), client)
				sent := 1
				if trackdrive.DeliveryOf(err) == trackdrive.DeliveryNotSent {
					sent = 0
				}
				spans := b.spans.GetSpans()
				require.Len(t, spans, 1+sent, "%v", err)
				for _, s := range spans {
					requireNothingPlanted(t, fmt.Sprint(s.Name, s.Attributes, s.Events, s.Status, s.Links))
					require.Empty(t, s.Status.Description)
					require.Empty(t, s.Events)
				}
				if sent > 0 {
					full, _ := valuesOf(spans[0].Attributes)["url.full"].(string)
					require.Contains(t, full, srv.URL+"/")
					require.Equal(t, trace.SpanKindClient, spans[0].SpanKind)
				}
				for name := range b.metrics(t) {
					requireNothingPlanted(t, fmt.Sprint(name, b.points(t, name)))
				}
			})
		}
	}
}

func requireNothingPlanted(t *testing.T, shown string) {
	t.Helper()
	require.NotContains(t, shown, planted)
	require.NotContains(t, shown, strings.TrimPrefix(caller, "+1"))
	require.NotContains(t, shown, "0123456789")
}

// answers answers every request.
type answers string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteString(string(a))
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// TestAWebhookAtAnotherHost calls no company.
func TestAWebhookAtAnotherHost(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	client := b.client(t, trackdrive.WithTransport(answers(`{"ok":true}`)), trackdrive.WithAuth(trackdrive.AuthToken(planted)))
	w, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{Name: "crm", URL: "https://crm.example.com:8443/hooks/[id]?key=[key]", Body: `{"a":1}`})
	require.NoError(t, err)
	_, err = client.RunWebhook(t.Context(), w, trackdrive.Values{"id": "7", "key": planted})
	require.NoError(t, err)

	require.Equal(t, strings.TrimLeft(`
trackdrive webhook trackdrive.endpoint=crm trackdrive.outcome=accepted
  POST /{}/{} (client) server.address=crm.example.com server.port=8443 url.full=https://crm.example.com:8443/{}/{}?key=REDACTED
`, "\n"), tree(b.spans.GetSpans(), "trackdrive.subdomain", "trackdrive.endpoint", "trackdrive.outcome", "server.address", "server.port", "url.full"))
	require.Equal(t, 1, b.count(t, "http.client.request.duration", map[string]any{
		"server.address": "crm.example.com", "server.port": int64(8443), "trackdrive.operation": "webhook",
	}))
	require.Equal(t, 1.0, b.sum(t, "trackdrive.calls", map[string]any{"trackdrive.operation": "webhook", "trackdrive.endpoint": "crm"}))
}

// TestEventsOfAnAuctionShowNoNumber: names may be anything.
func TestEventsOfAnAuctionShowNoNumber(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	bid := trackdrive.Bid{Source: "for " + caller, Buyer: trackdrive.Buyer{Name: "call (555) 555-0142"}, Payout: trackdrive.MustAmount("25.50")}
	loss := &trackdrive.Loss{Source: bid.Source, Reason: trackdrive.LossError, Err: fmt.Errorf("%s %s", caller, planted)}
	for _, e := range []trackdrive.AuctionEvent{
		{Kind: trackdrive.EventBids, Source: bid.Source, Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventLoss, Source: bid.Source, Loss: loss},
		{Kind: trackdrive.EventEnd, End: trackdrive.EndAllAnswered, Bids: []trackdrive.Bid{bid}},
		{Kind: trackdrive.EventSale, Source: bid.Source, Try: &trackdrive.SaleTry{Bid: bid, Outcome: trackdrive.TryUnknown, Err: loss.Err}},
	} {
		b.ObserveAuction(t.Context(), e)
	}
	for name := range b.metrics(t) {
		requireNoNumber(t, fmt.Sprint(name, b.points(t, name)))
	}
	spans := b.spans.GetSpans()
	require.Len(t, spans, 1)
	requireNoNumber(t, fmt.Sprint(spans[0].Name, spans[0].Attributes, spans[0].Status))
}

func requireNoNumber(t *testing.T, shown string) {
	t.Helper()
	requireNothingPlanted(t, shown)
	require.NotContains(t, shown, "555-0142")
}
