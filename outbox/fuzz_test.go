package outbox_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

// FuzzItemBody reads bodies, as stores have them. Whatever they hold, nothing panics,
// and what is stored is an item that its operation makes, and stays so.
func FuzzItemBody(f *testing.F) {
	for operation := range operations {
		item := newItem(f, operation, "seed")
		f.Add(operation, item.Subdomain, string(item.Body))
	}
	f.Add(outbox.OpUpdateByCaller, "acme", `{"caller_id":"5555550142","call_timeframe":153722867280912930,"revenue":1e400}`)
	f.Add(outbox.OpCaptureLead, "acme", `{"lead_token_name":"a","data":{"auth_token":"s3cret"},"caller_id":null}`)
	f.Add(outbox.OpWebhook, "webhook:a", `{"webhook":"a","values":{"A":"1","a":"2"},"order_key":"\u0000"}`)
	f.Fuzz(func(t *testing.T, operation, subdomain, body string) {
		item := outbox.Item{ID: "id-1", Operation: operation, Subdomain: subdomain, Body: json.RawMessage(body)}
		if operation == outbox.OpUpdateCall {
			item.CallUUID = "u-1"
		}
		store := outboxtest.NewMemory()
		stored, added, err := outbox.Enqueue(t.Context(), store, item)
		showAll(t, store)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.False(t, added)
			return
		}
		require.NoError(t, outbox.CheckNew(stored))
		require.NotContains(t, stored.Key, "\x00")
		var members map[string]any
		require.NoError(t, json.Unmarshal(stored.Body, &members))
		for name := range members {
			require.False(t, slices.Contains([]string{"lead_token", "offer_token", "auth_token"}, strings.ToLower(name)), name)
		}
		again, added, err := outbox.Enqueue(t.Context(), store, stored)
		require.NoError(t, err)
		require.False(t, added)
		require.Equal(t, stored.Key, again.Key)
		moved, _, err := outbox.Enqueue(t.Context(), outboxtest.NewMemory(), stored)
		require.NoError(t, err)
		require.Equal(t, string(stored.Body), string(moved.Body), "it is written as it was read")
		require.Equal(t, stored.Key, moved.Key)
		d := outbox.Rules{}.Decide(stored, outbox.Send(t.Context(), lonelyClient(t), stored), time.Now())
		require.NotEqual(t, outbox.Dead, d.State, d.LastError)
	})
}

// lonelyClient returns a Client whose requests reach nobody.
func lonelyClient(t *testing.T) *trackdrive.Client {
	t.Helper()
	client, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))), trackdrive.WithMaxAttempts(1),
		trackdrive.WithTransport(roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("nobody is there") })))
	require.NoError(t, err)
	return client
}

// showAll shows the items to an admin.
func showAll(t *testing.T, store outbox.Store) {
	t.Helper()
	worker, err := outbox.New(outbox.Config{Store: store, Client: lonelyClient(t)})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, ask(outbox.Handler(worker), http.MethodGet, "/items?state=waiting", "", nil).Code)
}
