package outbox_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestNewUpdateRefuses(t *testing.T) {
	t.Parallel()
	good := trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}
	for name, test := range map[string]struct {
		id     string
		call   trackdrive.CallRef
		update *trackdrive.UpdateCall
		names  string
	}{
		"no update":                 {"a", good, nil, "update"},
		"an empty update":           {"a", good, &trackdrive.UpdateCall{}, "update"},
		"a bad uuid":                {"a", trackdrive.CallRef{Subdomain: "acme", UUID: "u/1"}, revenue("1.00"), "uuid"},
		"a token as uuid":           {"a", trackdrive.CallRef{Subdomain: "acme", UUID: "[call_uuid]"}, revenue("1.00"), "uuid"},
		"a bad subdomain":           {"a", trackdrive.CallRef{Subdomain: "evil.example/", UUID: "u-1"}, revenue("1.00"), "subdomain"},
		"no subdomain":              {"a", trackdrive.CallRef{UUID: "u-1"}, revenue("1.00"), "subdomain"},
		"a long id":                 {string(make([]byte, 300)), good, revenue("1.00"), "id"},
		"an id with a line break":   {"a\nb", good, revenue("1.00"), "id"},
		"an id that is not UTF-8":   {"\xff", good, revenue("1.00"), "id"},
		"an id that means no value": {"Null", good, revenue("1.00"), "id"},
		"an id that is a token":     {"[sale_id]", good, revenue("1.00"), "id"},
		"a token in a field":        {"a", good, &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"first_name": "{{name}}"}}, "first_name"},
		"a name that is taken":      {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"revenue": "1"}}, "revenue"},
		"a value that is a func":    {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"x": func() {}}}, "x"},
		"an auth token":             {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"Auth_Token": "s3cret"}}, "Auth_Token"},
		"a lead token":              {"a", good, &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"lead_token": "s3cret"}}, "lead_token"},
		"nested credentials":        {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"x": []any{map[string]any{"auth_token": "s3cret"}}}}, "auth_token"},
		"credentials in brackets":   {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"x[auth_token]": "s3cret"}}, "auth_token"},
		"a private key as a value":  {"a", good, &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"note": "tdprv-s3cret"}}, "note"},
		"any name of a credential":  {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"X-Client-Secret": "s3cret"}}, "X-Client-Secret"},
		"credentials in a map":      {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"x": map[string]string{"offer_key": "s3cret"}}}, "x[offer_key]"},
		"credentials in lists":      {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"x": map[string][]string{"apiKey": {"s3cret"}}}}, "x[apiKey]"},
		"a private key in a list":   {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"x": []string{"tdprv-s3cret"}}}, "x[]"},
		"a private key as an id":    {"a", good, &trackdrive.UpdateCall{Fields: trackdrive.Fields{"x": trackdrive.ID("tdprv-s3cret")}}, "x"},
		"too long an update":        {"a", good, &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"note": string(make([]byte, 20<<10))}}, "update"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := outbox.NewUpdate(test.id, test.call, test.update)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, test.names)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestEnqueueRefusesItemsMadeByHand(t *testing.T) {
	t.Parallel()
	store := outboxtest.NewMemory()
	for name, change := range map[string]func(*outbox.Item){
		"operation":        func(i *outbox.Item) { i.Operation = "post" },
		"uuid":             func(i *outbox.Item) { i.CallUUID = "" },
		"body":             func(i *outbox.Item) { i.Body = json.RawMessage(`[]`) },
		"nothing set":      func(i *outbox.Item) { i.Body = json.RawMessage(`{"post_call_tokens":{}}`) },
		"revenue":          func(i *outbox.Item) { i.Body = json.RawMessage(`{"revenue":{"a":1}}`) },
		"buyer_converted":  func(i *outbox.Item) { i.Body = json.RawMessage(`{"buyer_converted":"perhaps"}`) },
		"post_call_tokens": func(i *outbox.Item) { i.Body = json.RawMessage(`{"post_call_tokens":"x"}`) },
		"not before":       func(i *outbox.Item) { i.NotBefore = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"auth_token":       func(i *outbox.Item) { i.Body = json.RawMessage(`{"auth_token":"s3cret"}`) },
	} {
		item := anItem(t, revenue("1.00"))
		change(&item)
		_, _, err := outbox.Enqueue(t.Context(), store, item)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "s3cret")
	}
	counts, err := store.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, outbox.Counts{}, counts)
}

func TestAnItemSendsWhatTheClientWouldSend(t *testing.T) {
	t.Parallel()
	for _, u := range []*trackdrive.UpdateCall{
		{BuyerConverted: new(true), OfferConverted: new(false), Revenue: trackdrive.MustAmount("25.50"), Payout: trackdrive.MustAmount("0")},
		{AddRevenue: trackdrive.MustAmount("-1.00"), AddPayout: trackdrive.MustAmount("007")},
		{PostCallTokens: trackdrive.Fields{"first_name": "Päť <&>", "age": 42, "id": trackdrive.ID("42"), "zip": "00501", "big": json.Number("12345678901234567890"), "none": nil}},
		{Fields: trackdrive.Fields{"x": 1.5, "y": []any{true, map[string]any{"z": trackdrive.MustAmount("1.10")}}, "list": []int{1, 2}}},
	} {
		fake := trackdrivetest.New()
		fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
		require.NoError(t, err)
		_, err = client.UpdateCall(t.Context(), "u-1", u)
		require.NoError(t, err)

		item := anItem(t, u)
		stored, err := json.Marshal(item)
		require.NoError(t, err)
		var read outbox.Item
		require.NoError(t, json.Unmarshal(stored, &read))
		require.NoError(t, outbox.Send(t.Context(), client, read))
		requests := fake.Requests()
		require.Len(t, requests, 2)
		require.Equal(t, string(requests[0].Body), string(requests[1].Body))
		require.Equal(t, string(requests[0].Body), string(item.Body))
	}
}

func TestWhatIsAdditive(t *testing.T) {
	t.Parallel()
	for want, updates := range map[bool][]*trackdrive.UpdateCall{
		false: {revenue("1"), {BuyerConverted: new(false)}, {PostCallTokens: trackdrive.Fields{"a": "b"}}},
		true:  {addRevenue("1"), {AddPayout: trackdrive.MustAmount("0")}, {Revenue: trackdrive.MustAmount("1"), Fields: trackdrive.Fields{"a": "b"}}},
	} {
		for _, u := range updates {
			require.Equal(t, want, anItem(t, u).Additive)
		}
	}
	lie := anItem(t, addRevenue("1"))
	lie.Additive, lie.State, lie.Attempts, lie.Key = false, outbox.Delivered, 7, "other"
	stored, _, err := outbox.Enqueue(t.Context(), outboxtest.NewMemory(), lie)
	require.NoError(t, err)
	require.True(t, stored.Additive)
	require.Equal(t, outbox.Waiting, stored.State)
	require.Zero(t, stored.Attempts)
	require.Equal(t, "acme/u-1", stored.Key)
}

func TestAnIDIsStoredOnce(t *testing.T) {
	t.Parallel()
	store := outboxtest.NewMemory()
	first, added, err := outbox.Enqueue(t.Context(), store, anItem(t, revenue("1.00")))
	require.NoError(t, err)
	require.True(t, added)
	again, added, err := outbox.Enqueue(t.Context(), store, anItem(t, revenue("1.00")))
	require.NoError(t, err)
	require.False(t, added)
	require.Equal(t, first, again)
	other, added, err := outbox.Enqueue(t.Context(), store, anItem(t, revenue("2.00")))
	require.ErrorIs(t, err, outbox.ErrConflict)
	require.False(t, added)
	require.Equal(t, first, other)
	require.False(t, errors.Is(err, trackdrive.ErrInvalidArgument))
}

func TestItemsWithoutAnIDAreStoredSeparately(t *testing.T) {
	t.Parallel()
	store := outboxtest.NewMemory()
	ids := map[string]bool{}
	for range 2 {
		item := anItem(t, addRevenue("5.00"))
		item.ID = ""
		stored, added, err := outbox.Enqueue(t.Context(), store, item)
		require.NoError(t, err)
		require.True(t, added)
		ids[stored.ID] = true
	}
	require.Len(t, ids, 2)
	require.NotContains(t, ids, "")
}

func TestStatesThatCanBeSettledByHand(t *testing.T) {
	t.Parallel()
	for state, test := range map[outbox.State]struct{ retry, settle bool }{
		outbox.Waiting:   {false, false},
		outbox.Sending:   {false, false},
		outbox.Delivered: {false, false},
		outbox.Parked:    {true, true},
		outbox.Dead:      {true, true},
		outbox.Aside:     {false, true},
	} {
		prepared := func() *outboxtest.Memory {
			store := outboxtest.NewMemory()
			_, _, err := outbox.Enqueue(t.Context(), store, anItem(t, addRevenue("1.00")))
			require.NoError(t, err)
			_, err = store.Update(t.Context(), "sale-1", func(i *outbox.Item) error {
				i.State, i.Attempts, i.SettledAt, i.LastError = state, 5, time.Now(), "why"
				return nil
			})
			require.NoError(t, err)
			return store
		}
		check := func(allowed bool, want outbox.State, item outbox.Item, err error) {
			t.Helper()
			if !allowed {
				require.ErrorIs(t, err, outbox.ErrWrongState, state)
				return
			}
			require.NoError(t, err, state)
			require.Equal(t, want, item.State)
			require.Equal(t, "why", item.LastError)
			require.Equal(t, want == outbox.Delivered, !item.SettledAt.IsZero())
		}
		item, err := outbox.Retry(t.Context(), prepared(), "sale-1")
		check(test.retry, outbox.Waiting, item, err)
		item, err = outbox.Settle(t.Context(), prepared(), "sale-1", true)
		check(test.settle, outbox.Delivered, item, err)
		item, err = outbox.Settle(t.Context(), prepared(), "sale-1", false)
		check(test.settle, outbox.Waiting, item, err)
	}
}

func TestItemsThatWouldWaitForeverCanBeDiscarded(t *testing.T) {
	t.Parallel()
	for state, allowed := range map[outbox.State]bool{
		outbox.Waiting: true, outbox.Parked: true, outbox.Aside: true, outbox.Sending: false, outbox.Delivered: false, outbox.Dead: false,
	} {
		store := outboxtest.NewMemory()
		for _, id := range []string{"sale-1", "sale-2"} {
			item := anItem(t, addRevenue("1.00"))
			item.ID = id
			_, _, err := outbox.Enqueue(t.Context(), store, item)
			require.NoError(t, err)
		}
		_, err := store.Update(t.Context(), "sale-1", func(i *outbox.Item) error { i.State = state; return nil })
		require.NoError(t, err)
		item, err := outbox.Discard(t.Context(), store, "sale-1", "the account is gone")
		if !allowed {
			require.ErrorIs(t, err, outbox.ErrWrongState, state)
			continue
		}
		require.NoError(t, err, state)
		require.Equal(t, outbox.Dead, item.State)
		require.Equal(t, "outbox: discarded: the account is gone", item.LastError)
		require.False(t, item.SettledAt.IsZero())
		next, _, err := store.Claim(t.Context(), outbox.Claim{Token: "t", Now: time.Now(), Lease: time.Minute, Limit: 10})
		require.NoError(t, err)
		require.Len(t, next, 1)
		require.Equal(t, "sale-2", next[0].ID, "the call's next item starts")

		_, err = outbox.Discard(t.Context(), store, "sale-2", "it is on its way")
		require.ErrorIs(t, err, outbox.ErrWrongState)
	}
}

func TestNewRefusesConfigs(t *testing.T) {
	t.Parallel()
	client, err := trackdrive.NewClient("acme")
	require.NoError(t, err)
	for name, change := range map[string]func(*outbox.Config){
		"store":         func(c *outbox.Config) { c.Store = nil },
		"client":        func(c *outbox.Config) { c.Client = nil },
		"concurrency":   func(c *outbox.Config) { c.Concurrency = -1 },
		"timeout":       func(c *outbox.Config) { c.Timeout = -1 },
		"poll":          func(c *outbox.Config) { c.Poll = -1 },
		"probe every":   func(c *outbox.Config) { c.ProbeEvery = -1 },
		"first wait":    func(c *outbox.Config) { c.Rules.FirstWait = -1 },
		"max wait":      func(c *outbox.Config) { c.Rules.MaxWait = -1 },
		"not found for": func(c *outbox.Config) { c.Rules.NotFoundFor = -1 },
	} {
		config := outbox.Config{Store: outboxtest.NewMemory(), Client: client}
		change(&config)
		_, err := outbox.New(config)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, name)
	}
}

func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"revenue":"25.50"}`, `{"revenue":25.5,"buyer_converted":true,"post_call_tokens":{"a":[1,{"b":null}]}}`, `{"add_payout":"1","x":{"y":"z"}}`,
		`{"revenue":null}`, `[]`, `null`, `{"a":"[b]"}`, `{"auth_token":"x"}`, `{"":1}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		item := outbox.Item{Operation: outbox.OpUpdateCall, Subdomain: "acme", CallUUID: "u-1", Body: body}
		first, _, err := outbox.Enqueue(t.Context(), outboxtest.NewMemory(), item)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			return
		}
		// A stored body reads back unchanged.
		second, _, err := outbox.Enqueue(t.Context(), outboxtest.NewMemory(), first)
		require.NoError(t, err)
		require.Equal(t, string(first.Body), string(second.Body))
		require.Equal(t, first.Additive, second.Additive)
	})
}
