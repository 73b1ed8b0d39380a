package outbox_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

const caller = "+1 (555) 555-0142"

func aLead() *trackdrive.Lead {
	return &trackdrive.Lead{CallerID: caller, RingbaCallUUID: "RGB-1", Fields: trackdrive.Fields{"first_name": "Ann & Bob", "age": 42}}
}

func aCallerUpdate() *trackdrive.CallerUpdate {
	return &trackdrive.CallerUpdate{OfferToken: "solar", CallTimeframe: time.Hour, BuyerConverted: new(true), AddRevenue: trackdrive.MustAmount("5.00"), Fields: trackdrive.Fields{"agent": "7"}}
}

// operations make an item of each operation.
var operations = map[string]func(id string) (outbox.Item, error){
	outbox.OpUpdateCall: func(id string) (outbox.Item, error) {
		return outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, addRevenue("5.00"))
	},
	outbox.OpUpdateByCaller: func(id string) (outbox.Item, error) {
		return outbox.NewUpdateByCaller(id, "acme", caller, aCallerUpdate())
	},
	outbox.OpCaptureLead: func(id string) (outbox.Item, error) { return outbox.NewCaptureLead(id, "acme", aLead()) },
	outbox.OpSubmitLead: func(id string) (outbox.Item, error) {
		lead := aLead()
		lead.Data = trackdrive.Fields{"zip": "00501"}
		return outbox.NewSubmitLead(id, "acme", lead)
	},
	outbox.OpOptOutCaller: func(id string) (outbox.Item, error) {
		return outbox.NewOptOutCaller(id, "acme", "solar", caller)
	},
	outbox.OpWebhook: func(id string) (outbox.Item, error) {
		return outbox.NewWebhook(id, "Ringba", "call-1", trackdrive.Values{"revenue": "25.50", "call": "c-1"})
	},
}

func newItem(t testing.TB, operation, id string) outbox.Item {
	t.Helper()
	item, err := operations[operation](id)
	require.NoError(t, err)
	return item
}

func TestWhatAnItemHolds(t *testing.T) {
	t.Parallel()
	const ofCaller = "acme/caller/"
	for operation, want := range map[string]struct {
		gate, key, body string
		additive        bool
	}{
		outbox.OpUpdateCall:     {"acme", "acme/u-1", `{"add_revenue":"5.00","post_call_tokens":{}}`, true},
		outbox.OpUpdateByCaller: {"acme", ofCaller, `{"add_revenue":"5.00","agent":"7","buyer_converted":"true","call_timeframe":60,"caller_id":"+1 (555) 555-0142","offer_token_name":"solar"}`, true},
		outbox.OpCaptureLead:    {"acme", ofCaller, `{"caller_id":"+1 (555) 555-0142","ringba_call_uuid":"RGB-1","age":42,"first_name":"Ann & Bob"}`, true},
		outbox.OpSubmitLead:     {"acme", ofCaller, `{"caller_id":"+1 (555) 555-0142","ringba_call_uuid":"RGB-1","data":{"zip":"00501"},"age":42,"first_name":"Ann & Bob"}`, true},
		outbox.OpOptOutCaller:   {"acme", ofCaller, `{"caller_id":"+1 (555) 555-0142","lead_token_name":"solar"}`, false},
		outbox.OpWebhook:        {"webhook:ringba", "webhook:ringba/key/call-1", `{"webhook":"Ringba","order_key":"call-1","values":{"call":"c-1","revenue":"25.50"}}`, true},
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			item := newItem(t, operation, "id-1")
			require.Equal(t, "id-1", item.ID)
			require.Equal(t, operation, item.Operation)
			require.Equal(t, want.gate, item.Subdomain)
			require.Equal(t, want.additive, item.Additive)
			require.Equal(t, want.body, string(item.Body))
			require.True(t, strings.HasPrefix(item.Key, want.key), item.Key)
			require.NotContains(t, item.Key, "555")

			store := outboxtest.NewMemory()
			stored, added, err := outbox.Enqueue(t.Context(), store, item)
			require.NoError(t, err)
			require.True(t, added)
			require.NoError(t, outbox.CheckNew(stored))
			again := newItem(t, operation, "id-1")
			_, added, err = outbox.Enqueue(t.Context(), store, again)
			require.NoError(t, err)
			require.False(t, added)

			// A store keeps items as JSON, whatever the order of its members.
			var plain any
			require.NoError(t, json.Unmarshal(item.Body, &plain))
			item.Body, err = json.Marshal(plain)
			require.NoError(t, err)
			_, added, err = outbox.Enqueue(t.Context(), store, item)
			require.NoError(t, err)
			require.False(t, added)
		})
	}
}

// Whatever concerns one caller of a company is in one order, however the number is
// written. Everything else is not.
func TestTheOrderOfCallers(t *testing.T) {
	t.Parallel()
	keyOf := func(subdomain, number string) string {
		item, err := outbox.NewCaptureLead("a", subdomain, &trackdrive.Lead{CallerID: number})
		require.NoError(t, err)
		return item.Key
	}
	same := keyOf("acme", "+15555550142")
	for _, number := range []string{"15555550142", "(555) 555-0142", "555.555.0142", " 5555550142 "} {
		require.Equal(t, same, keyOf("acme", number), number)
	}
	for _, other := range []string{keyOf("acme", "5555550143"), keyOf("globex", "5555550142"), keyOf("acme", "+445555550142"), keyOf("acme", "anonymous")} {
		require.NotEqual(t, same, other)
	}
	require.Equal(t, same, keyOf("ACME", "5555550142"))
	optOut, err := outbox.NewOptOutCaller("b", "acme", "solar", "555-555-0142")
	require.NoError(t, err)
	require.Equal(t, same, optOut.Key)
	update, err := outbox.NewUpdateByCaller("c", "acme", "555-555-0142", aCallerUpdate())
	require.NoError(t, err)
	require.Equal(t, same, update.Key)

	nobody := &trackdrive.Lead{Fields: trackdrive.Fields{"email": "ann@example.com"}}
	store := outboxtest.NewMemory()
	keys := map[string]bool{}
	for _, id := range []string{"a", "b", "", ""} {
		item, err := outbox.NewCaptureLead(id, "acme", nobody)
		require.NoError(t, err)
		stored, _, err := outbox.Enqueue(t.Context(), store, item)
		require.NoError(t, err)
		keys[stored.Key] = true
	}
	require.Len(t, keys, 4, "a lead without a caller is on its own")
}

func TestTheOrderOfWebhooks(t *testing.T) {
	t.Parallel()
	store := outboxtest.NewMemory()
	keys := map[string]string{}
	for id, test := range map[string][2]string{
		"a": {"ringba", ""}, "b": {"ringba", ""}, "c": {"ringba", "a"}, "d": {"ringba", "a"}, "e": {"globex", "a"}, "f": {"ringba/key", "a"}, "g": {"ringba", "key/a"},
	} {
		item, err := outbox.NewWebhook(id, test[0], test[1], nil)
		require.NoError(t, err)
		stored, _, err := outbox.Enqueue(t.Context(), store, item)
		require.NoError(t, err)
		keys[id] = stored.Key
	}
	distinct := map[string]bool{}
	for _, key := range keys {
		distinct[key] = true
	}
	require.Len(t, distinct, 6, keys)
	require.Equal(t, keys["c"], keys["d"])
}

func TestNewItemsRefuse(t *testing.T) {
	t.Parallel()
	lead := func(id, subdomain string, l *trackdrive.Lead) error {
		_, err := outbox.NewCaptureLead(id, subdomain, l)
		_, other := outbox.NewSubmitLead(id, subdomain, l)
		require.Equal(t, err == nil, other == nil)
		return err
	}
	fields := func(name string, value any) *trackdrive.Lead {
		return &trackdrive.Lead{CallerID: caller, Fields: trackdrive.Fields{name: value}}
	}
	byCaller := func(subdomain, callerID string, u *trackdrive.CallerUpdate) error {
		_, err := outbox.NewUpdateByCaller("a", subdomain, callerID, u)
		return err
	}
	changed := func(change func(*trackdrive.CallerUpdate)) *trackdrive.CallerUpdate {
		u := aCallerUpdate()
		change(u)
		return u
	}
	optOut := func(subdomain, name, callerID string) error {
		_, err := outbox.NewOptOutCaller("a", subdomain, name, callerID)
		return err
	}
	hook := func(id, name, key string, values trackdrive.Values) error {
		_, err := outbox.NewWebhook(id, name, key, values)
		return err
	}
	for name, test := range map[string]struct {
		err   error
		names string
	}{
		"no lead":                       {lead("a", "acme", nil), "lead"},
		"an empty lead":                 {lead("a", "acme", &trackdrive.Lead{}), "lead"},
		"a lead with a token":           {lead("a", "acme", &trackdrive.Lead{LeadToken: "s3cret", CallerID: caller}), "lead_token"},
		"a lead with a token of fields": {lead("a", "acme", fields("offer_lead_token", "s3cret")), "offer_lead_token"},
		"a lead with nested secrets":    {lead("a", "acme", fields("x", map[string]any{"apiKey": "s3cret"})), "x[apiKey]"},
		"a lead with a private key":     {lead("a", "acme", &trackdrive.Lead{CallerID: "tdprv-s3cret"}), "caller_id"},
		"a lead of no company":          {lead("a", "", aLead()), "subdomain"},
		"a lead of a host":              {lead("a", "evil.example/", aLead()), "subdomain"},
		"a lead with a left-over token": {lead("a", "acme", &trackdrive.Lead{CallerID: "[caller_id]"}), "caller_id"},
		"a lead with an odd id":         {lead("null", "acme", aLead()), "id"},
		"a lead that is too long":       {lead("a", "acme", fields("x", strings.Repeat("a", 70<<10))), "lead"},
		"a token's name that is a map":  {lead("a", "acme", fields("lead_token_name", 7)), "lead_token_name"},
		"a token as a token's name":     {lead("a", "acme", fields("lead_token_name", "a1b2s3cret0c4d5")), "lead_token_name"},
		"data for capture_lead": {func() error {
			_, err := outbox.NewCaptureLead("a", "acme", &trackdrive.Lead{CallerID: caller, Data: trackdrive.Fields{"zip": "1"}})
			return err
		}(), "data"},
		"no caller's update":             {byCaller("acme", caller, nil), "update"},
		"an empty caller's update":       {byCaller("acme", caller, &trackdrive.CallerUpdate{OfferToken: "solar"}), "update"},
		"an update without a caller":     {byCaller("acme", "", aCallerUpdate()), "caller_id"},
		"an update of a path":            {byCaller("acme", "../1", aCallerUpdate()), "caller_id"},
		"an update of no company":        {byCaller("", caller, aCallerUpdate()), "subdomain"},
		"an update with the token":       {byCaller("acme", caller, changed(func(u *trackdrive.CallerUpdate) { u.OfferToken = "9f8e7ds3cret2b1a" })), "offer_token"},
		"an update with half a minute":   {byCaller("acme", caller, changed(func(u *trackdrive.CallerUpdate) { u.CallTimeframe = time.Second })), "call_timeframe"},
		"an update with two callers":     {byCaller("acme", caller, changed(func(u *trackdrive.CallerUpdate) { u.Fields = trackdrive.Fields{"caller_id": "1"} })), "caller_id"},
		"an update with a secret":        {byCaller("acme", caller, changed(func(u *trackdrive.CallerUpdate) { u.Fields = trackdrive.Fields{"auth_token": "s3cret"} })), "auth_token"},
		"an opt-out without a token":     {optOut("acme", "", caller), "lead_token_name"},
		"an opt-out with the token":      {optOut("acme", "4f5e6ds3cret7c8b9a", caller), "lead_token_name"},
		"an opt-out with a uuid":         {optOut("acme", "0f8fad5b-d9cb-469f-a165-70867728950e", caller), "lead_token_name"},
		"an opt-out with random letters": {optOut("acme", "qWeRtYs3cret", caller), "lead_token_name"},
		"an opt-out with a private key":  {optOut("acme", "tdprv-secret", caller), "lead_token_name"},
		"an opt-out with a template":     {optOut("acme", "[lead_token]", caller), "lead_token_name"},
		"an opt-out of nobody":           {optOut("acme", "solar", ""), "caller_id"},
		"an opt-out of a name":           {optOut("acme", "solar", "anonymous"), "caller_id"},
		"an opt-out of no company":       {optOut("", "solar", caller), "subdomain"},
		"a webhook without a name":       {hook("a", "", "", nil), "webhook"},
		"a webhook named null":           {hook("a", "null", "", nil), "webhook"},
		"a webhook named by a token":     {hook("a", "[hook]", "", nil), "webhook"},
		"a webhook with a zero byte":     {hook("a", "a\x00b", "", nil), "webhook"},
		"an order key with a zero byte":  {hook("a", "ringba", "a\x00b", nil), "order key"},
		"an order key that many share":   {hook("a", "ringba", "undefined", nil), "order key"},
		"a long order key":               {hook("a", "ringba", strings.Repeat("a", 201), nil), "order key"},
		"a webhook with an odd id":       {hook("a\nb", "ringba", "", nil), "id"},
		"a webhook with a token":         {hook("a", "ringba", "", trackdrive.Values{"ringba_webhook_token": "s3cret"}), "ringba_webhook_token"},
		"a webhook with a password":      {hook("a", "ringba", "", trackdrive.Values{"tag:User:password": "s3cret"}), "tag:User:password"},
		"a webhook with a private key":   {hook("a", "ringba", "", trackdrive.Values{"note": "tdprv-s3cret"}), "note"},
		"a webhook with a template":      {hook("a", "ringba", "", trackdrive.Values{"call": "{{call_id}}"}), "call"},
		"a webhook with a broken value":  {hook("a", "ringba", "", trackdrive.Values{"call": "\xff"}), "call"},
		"a webhook with a broken name":   {hook("a", "ringba", "", trackdrive.Values{"\xff": "1"}), "values"},
		"a webhook with a nameless one":  {hook("a", "ringba", "", trackdrive.Values{"": "1"}), "values"},
		"a webhook with a value twice":   {hook("a", "ringba", "", trackdrive.Values{"Call": "1", "call": "2"}), "call"},
		"a webhook that is too long":     {hook("a", "ringba", "", trackdrive.Values{"call": strings.Repeat("a", 70<<10)}), "values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, test.err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, test.err, test.names)
			require.NotContains(t, test.err.Error(), "s3cret")
		})
	}
	for _, name := range []string{"solar", "acme/lead_token", "SOLAR_LEAD_TOKEN", "Solar 2", "solar-2026.v2", "offer21", "lead token"} {
		require.NoError(t, optOut("acme", name, caller), name)
	}
	require.ErrorIs(t, hook("a", "ringba", "", trackdrive.Values{"call": "[call_id]"}), trackdrive.ErrLeftoverToken)
}

func TestNoStoreTakesAnItemThatItsOperationDoesNotMake(t *testing.T) {
	t.Parallel()
	for operation := range operations {
		for name, corrupt := range map[string]func(*outbox.Item){
			"another company's": func(i *outbox.Item) { i.Subdomain = "globex" },
			"another order's":   func(i *outbox.Item) { i.Key += "x" },
			"no body":           func(i *outbox.Item) { i.Body = nil },
			"a list":            func(i *outbox.Item) { i.Body = json.RawMessage(`[]`) },
			"null":              func(i *outbox.Item) { i.Body = json.RawMessage(`null`) },
			"an empty object":   func(i *outbox.Item) { i.Body = json.RawMessage(`{}`) },
			"a lead token": func(i *outbox.Item) {
				i.Body = json.RawMessage(strings.Replace(string(i.Body), "{", `{"lead_token":"s3cret",`, 1))
			},
			"an offer token": func(i *outbox.Item) {
				i.Body = json.RawMessage(strings.Replace(string(i.Body), "{", `{"offer_token":"s3cret",`, 1))
			},
			"another operation": func(i *outbox.Item) { i.Operation = "post" },
			"a call":            func(i *outbox.Item) { i.CallUUID = "u-2" },
			"broken numbers":    func(i *outbox.Item) { i.Body = json.RawMessage(`{"caller_id":7,"webhook":7,"revenue":[]}`) },
		} {
			item := newItem(t, operation, "id-1")
			item.State, item.EnqueuedAt, item.Due = outbox.Waiting, time.Now(), time.Now()
			require.NoError(t, outbox.CheckNew(item))
			corrupt(&item)
			err := outbox.CheckNew(item)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, "%s: %s", operation, name)
			require.NotContains(t, err.Error(), "s3cret")
		}
	}
}

func TestABodyStaysThatOfItsItem(t *testing.T) {
	t.Parallel()
	for operation, body := range map[string]string{
		outbox.OpUpdateByCaller: `{"caller_id":"5555550143","revenue":"1"}`,
		outbox.OpCaptureLead:    `{"caller_id":"5555550143"}`,
		outbox.OpSubmitLead:     `{"caller_id":"5555550143"}`,
		outbox.OpOptOutCaller:   `{"caller_id":"5555550143","lead_token_name":"solar"}`,
		outbox.OpWebhook:        `{"webhook":"globex","order_key":"call-1"}`,
	} {
		before := newItem(t, operation, "id-1")
		before.State = outbox.Waiting
		after := before
		after.Body = json.RawMessage(body)
		require.ErrorContains(t, outbox.CheckChange(before, after), "body", operation)
		after.Body = json.RawMessage(string(before.Body) + " ")
		require.NoError(t, outbox.CheckChange(before, after), operation)
	}
}

func TestConflictsOfOperations(t *testing.T) {
	t.Parallel()
	type made func() (outbox.Item, error)
	lead := func(l trackdrive.Lead) made {
		return func() (outbox.Item, error) { return outbox.NewSubmitLead("a", "acme", &l) }
	}
	hook := func(name, key string, values trackdrive.Values) made {
		return func() (outbox.Item, error) { return outbox.NewWebhook("a", name, key, values) }
	}
	optOut := func(name, number string) made {
		return func() (outbox.Item, error) { return outbox.NewOptOutCaller("a", "acme", name, number) }
	}
	byCaller := func(revenue string) made {
		return func() (outbox.Item, error) {
			return outbox.NewUpdateByCaller("a", "acme", caller, &trackdrive.CallerUpdate{Revenue: trackdrive.MustAmount(revenue)})
		}
	}
	for name, test := range map[string]struct {
		first, second made
		names         []string // nil: no conflict
	}{
		"a lead":             {lead(trackdrive.Lead{CallerID: "5555550142"}), lead(trackdrive.Lead{CallerID: "5555550142"}), nil},
		"a lead's price":     {lead(trackdrive.Lead{CallerID: "1", Fields: trackdrive.Fields{"price": "2.50"}}), lead(trackdrive.Lead{CallerID: "1", Fields: trackdrive.Fields{"price": 2.5}}), nil},
		"a lead's caller":    {lead(trackdrive.Lead{CallerID: "5555550142"}), lead(trackdrive.Lead{CallerID: "5555550143"}), []string{"caller_id"}},
		"a lead's data":      {lead(trackdrive.Lead{CallerID: "1", Data: trackdrive.Fields{"zip": "1", "age": "2"}}), lead(trackdrive.Lead{CallerID: "1", Data: trackdrive.Fields{"zip": "3", "age": "2"}}), []string{`data[zip]`}},
		"a lead's token":     {lead(trackdrive.Lead{CallerID: "1"}), lead(trackdrive.Lead{CallerID: "1", Fields: trackdrive.Fields{"lead_token_name": "solar"}}), []string{"lead_token_name"}},
		"an amount":          {byCaller("2.5"), byCaller("2.50"), nil},
		"another amount":     {byCaller("2.5"), byCaller("2.51"), []string{"revenue"}},
		"an opt-out's token": {optOut("solar", "5555550142"), optOut("roofing", "5555550142"), []string{"lead_token_name"}},
		"an operation":       {optOut("solar", "5555550142"), lead(trackdrive.Lead{CallerID: "5555550142"}), []string{"operation", "body"}},
		"a webhook":          {hook("ringba", "", trackdrive.Values{"payout": "2.5"}), hook("ringba", "", trackdrive.Values{"payout": "2.50"}), nil},
		"a webhook's name":   {hook("ringba", "", nil), hook("globex", "", nil), []string{"webhook"}},
		"a webhook's order":  {hook("ringba", "a", nil), hook("ringba", "b", nil), []string{"order_key"}},
		"a webhook's value":  {hook("ringba", "", trackdrive.Values{"call": "1", "x": "5555550142"}), hook("ringba", "", trackdrive.Values{"call": "1", "x": "5555550143"}), []string{`values[x]`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := outboxtest.NewMemory()
			first, err := test.first()
			require.NoError(t, err)
			_, _, err = outbox.Enqueue(t.Context(), store, first)
			require.NoError(t, err)
			second, err := test.second()
			require.NoError(t, err)
			_, added, err := outbox.Enqueue(t.Context(), store, second)
			require.False(t, added)
			if test.names == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, outbox.ErrConflict)
			for _, field := range test.names {
				require.ErrorContains(t, err, field)
			}
			require.NotContains(t, err.Error(), "555")
		})
	}
}

// tokenVault is a Config.Tokens that knows some names.
type tokenVault struct {
	mu     sync.Mutex
	values map[string]string
	errs   map[string]error
	asked  []string
}

func (k *tokenVault) of(name string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, name)
	return k.values[name], k.errs[name]
}

func (k *tokenVault) set(name, value string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.errs == nil {
		k.values, k.errs = map[string]string{}, map[string]error{}
	}
	k.values[name], k.errs[name] = value, err
}

const leadSecret, offerSecret = "PLANTED-lead-0123", "PLANTED-offer-4567"

// operationFixture is a fixture with tokens, a call of the caller and offers.
func operationFixture(t *testing.T, change func(*outbox.Config)) (*fixture, *tokenVault) {
	t.Helper()
	known := new(tokenVault)
	for _, name := range []string{"solar", "acme/lead_token"} {
		known.set(name, leadSecret, nil)
	}
	known.set("acme/offer_token", offerSecret, nil)
	s := newFixture(t, func(c *outbox.Config) {
		c.Tokens = known.of
		if change != nil {
			change(c)
		}
	})
	s.fake.AddOffer(trackdrivetest.Offer{LeadToken: leadSecret, OfferToken: offerSecret})
	s.fake.AddCall(trackdrivetest.Call{UUID: "of-caller", CallerNumber: "+15555550142"})
	return s, known
}

func (s *fixture) add(t *testing.T, item outbox.Item, err error) {
	t.Helper()
	require.NoError(t, err)
	_, added, err := s.Enqueue(t.Context(), item)
	require.NoError(t, err)
	require.True(t, added)
}

func TestEachOperationIsDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, known := operationFixture(t, nil)
		known.set("offer", offerSecret, nil)
		s.add(t, newItem(t, outbox.OpCaptureLead, "capture"), nil)
		s.add(t, newItem(t, outbox.OpSubmitLead, "submit"), nil)
		named := aLead()
		named.Fields = trackdrive.Fields{"lead_token_name": "solar", "zip": "00501"}
		item, err := outbox.NewCaptureLead("named", "acme", named)
		s.add(t, item, err)
		u := aCallerUpdate()
		u.OfferToken = "offer"
		item, err = outbox.NewUpdateByCaller("by-caller", "acme", caller, u)
		s.add(t, item, err)
		u.OfferToken = ""
		item, err = outbox.NewUpdateByCaller("by-default", "acme", caller, u)
		s.add(t, item, err)
		s.add(t, newItem(t, outbox.OpOptOutCaller, "opt-out"), nil)
		require.NoError(t, s.Drain(t.Context()))

		for _, id := range []string{"capture", "submit", "named", "by-caller", "by-default", "opt-out"} {
			require.Equal(t, outbox.Delivered, s.item(t, id).State, s.item(t, id).LastError)
		}
		leads := s.fake.Leads()
		require.Len(t, leads, 3)
		require.Equal(t, map[string]string{"first_name": "Ann & Bob", "age": "42"}, leads[0].Fields)
		require.Equal(t, map[string]string{"first_name": "Ann & Bob", "age": "42", "data[zip]": "00501"}, leads[1].Fields)
		require.Equal(t, map[string]string{"zip": "00501"}, leads[2].Fields, "the name of the token is not sent")
		for _, lead := range leads {
			require.True(t, lead.OptedOut)
			require.Equal(t, leadSecret, lead.LeadToken)
		}
		require.Len(t, s.fake.Updates("of-caller"), 2)
		require.Equal(t, map[string]string{"add_revenue": "5.00", "agent": "7", "buyer_converted": "true", "call_timeframe": "60"}, s.fake.Updates("of-caller")[0].Values)
		require.Equal(t, []string{"acme/lead_token", "acme/lead_token", "solar", "offer", "acme/offer_token", "solar"}, known.asked)
	})
}

// Leads of another company go to that company, with that company's token.
func TestALeadGoesToItsCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, known := operationFixture(t, nil)
		globex := s.fake.AddCompany("globex")
		globex.AddOffer(trackdrivetest.Offer{LeadToken: "PLANTED-globex"})
		globex.AddAccess(trackdrivetest.Access{AuthToken: "made-up"})
		known.set("globex/lead_token", "PLANTED-globex", nil)
		item, err := outbox.NewCaptureLead("a", "Globex", aLead())
		s.add(t, item, err)
		require.NoError(t, s.Drain(t.Context()))
		globex.AssertLeads(t, 1)
		s.fake.AssertLeads(t, 0)
	})
}

// additiveOps are sent at most once; an opt-out is sent until it is answered.
func TestOnceOrAgain(t *testing.T) {
	t.Parallel()
	for operation, match := range map[string]trackdrivetest.Operation{
		outbox.OpCaptureLead: trackdrivetest.OpCaptureLead, outbox.OpSubmitLead: trackdrivetest.OpSubmitLead,
		outbox.OpUpdateByCaller: trackdrivetest.OpUpdateByCaller, outbox.OpOptOutCaller: trackdrivetest.OpOptOut,
	} {
		for name, fault := range map[string]trackdrivetest.Fault{
			"no answer":  trackdrivetest.AfterActing(trackdrivetest.Drop()),
			"503":        trackdrivetest.AfterActing(trackdrivetest.Status(503, nil, "")),
			"502":        trackdrivetest.AfterActing(trackdrivetest.BadGateway()),
			"half of it": trackdrivetest.Truncated(),
			"a page":     trackdrivetest.AfterActing(trackdrivetest.HTML200()),
		} {
			t.Run(operation+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, known := operationFixture(t, nil)
					known.set("solar", leadSecret, nil)
					if operation == outbox.OpUpdateByCaller {
						known.set("solar", offerSecret, nil)
					}
					if operation == outbox.OpOptOutCaller {
						s.add(t, newItem(t, outbox.OpCaptureLead, "lead"), nil)
						require.NoError(t, s.Drain(t.Context()))
					}
					s.fake.Fail(match, fault, 1)
					s.add(t, newItem(t, operation, "id-1"), nil)
					require.NoError(t, s.Drain(t.Context()))
					want, copies := outbox.Aside, 1
					if operation == outbox.OpOptOutCaller {
						want, copies = outbox.Delivered, 2
					}
					require.Equal(t, want, s.item(t, "id-1").State)
					sent := 0
					for _, r := range s.fake.Requests() {
						if r.Operation == match {
							sent++
						}
					}
					require.Equal(t, copies, sent)
				})
			})
		}
	}
}

func TestWhatATokenThatIsMissingDoes(t *testing.T) {
	t.Parallel()
	broken := errors.New("the vault\nis sealed")
	for name, test := range map[string]struct {
		operation string
		name      string // of the token
		nothing   bool   // Config.Tokens is nil
		value     string
		err       error
		first     outbox.State // at once
		last      outbox.State // after more than an hour
		says      string
		sent      bool
	}{
		"an opt-out, no Tokens":       {outbox.OpOptOutCaller, "solar", true, "", nil, outbox.Parked, outbox.Parked, `Config.Tokens, which has to give the token "solar"`, false},
		"an update, no Tokens":        {outbox.OpUpdateByCaller, "solar", true, "", nil, outbox.Parked, outbox.Parked, `"solar"`, false},
		"an opt-out, unknown":         {outbox.OpOptOutCaller, "solar", false, "", nil, outbox.Parked, outbox.Parked, `has no token "solar"`, false},
		"an update, unknown":          {outbox.OpUpdateByCaller, "solar", false, "", nil, outbox.Parked, outbox.Parked, `has no token "solar"`, false},
		"an opt-out, an error":        {outbox.OpOptOutCaller, "solar", false, "", broken, outbox.Waiting, outbox.Parked, "the vault is sealed", false},
		"an update, an error":         {outbox.OpUpdateByCaller, "solar", false, "", broken, outbox.Waiting, outbox.Parked, "the vault is sealed", false},
		"a lead, an error":            {outbox.OpCaptureLead, "acme/lead_token", false, "", broken, outbox.Waiting, outbox.Parked, "the vault is sealed", false},
		"a lead, a value in an error": {outbox.OpCaptureLead, "acme/lead_token", false, "PLANTED-half", errors.New("PLANTED-half is old"), outbox.Waiting, outbox.Parked, "is old", false},
		"a lead, a template":          {outbox.OpSubmitLead, "acme/lead_token", false, "[lead_token]", nil, outbox.Waiting, outbox.Parked, "malformed", false},
		"a lead, not UTF-8":           {outbox.OpSubmitLead, "acme/lead_token", false, "\xff\xff\xff", nil, outbox.Waiting, outbox.Parked, "malformed", false},
		"a lead, a blank":             {outbox.OpSubmitLead, "acme/lead_token", false, "  ", nil, outbox.Waiting, outbox.Parked, "malformed", false},
		"a lead, a wrong token":       {outbox.OpCaptureLead, "acme/lead_token", false, "PLANTED-wrong", nil, outbox.Waiting, outbox.Parked, "token is at fault", true},
		"an update, a wrong token":    {outbox.OpUpdateByCaller, "solar", false, "PLANTED-wrong", nil, outbox.Waiting, outbox.Parked, "token is at fault", true},
		"a lead, none, no Tokens":     {outbox.OpCaptureLead, "acme/lead_token", true, "", nil, outbox.Waiting, outbox.Parked, "token is at fault", true},
		"a lead, none":                {outbox.OpCaptureLead, "acme/lead_token", false, "", nil, outbox.Waiting, outbox.Parked, "token is at fault", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, known := operationFixture(t, func(c *outbox.Config) {
					if test.nothing {
						c.Tokens = nil
					}
				})
				known.set(test.name, test.value, test.err)
				s.add(t, newItem(t, test.operation, "id-1"), nil)
				s.enqueue(t, "sale-1", "u-1", revenue("1.00"))
				stop := s.start(t)
				defer stop()
				pass(time.Second)
				item := s.item(t, "id-1")
				require.Equal(t, test.first, item.State, item.LastError)
				require.Contains(t, item.LastError, test.says)
				require.NotContains(t, item.LastError, "PLANTED")
				require.Equal(t, outbox.Delivered, s.item(t, "sale-1").State, "the company is not paused")
				require.Empty(t, s.Paused())
				pass(2 * time.Hour)
				item = s.item(t, "id-1")
				require.Equal(t, test.last, item.State, item.LastError)
				require.Equal(t, 1, s.countEvents(outbox.EventParked))
				sent := 0
				for _, r := range s.fake.Requests() {
					if r.Operation != trackdrivetest.OpUpdateCall {
						sent++
					}
				}
				require.Equal(t, test.sent, sent > 0)
			})
		})
	}
}

// A token that fails for a while delays items, and nothing else.
func TestATokenThatComesBackIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, known := operationFixture(t, nil)
		known.set("acme/lead_token", "", errors.New("sealed"))
		s.add(t, newItem(t, outbox.OpCaptureLead, "id-1"), nil)
		stop := s.start(t)
		defer stop()
		pass(30 * time.Minute)
		require.Equal(t, outbox.Waiting, s.item(t, "id-1").State)
		known.set("acme/lead_token", leadSecret, nil)
		pass(10 * time.Minute)
		require.Equal(t, outbox.Delivered, s.item(t, "id-1").State)
		require.Zero(t, s.item(t, "id-1").NotFoundSince)
		s.fake.AssertLeads(t, 1)
	})
}

func TestATokenIsAskedForBeforeTheItemIsMarked(t *testing.T) {
	t.Parallel()
	for name, tokens := range map[string]func(string) (string, error){
		"a panic":          func(string) (string, error) { panic("PLANTED-panic") },
		"a slow one":       func(string) (string, error) { <-time.After(time.Hour); return leadSecret, nil },
		"an error":         func(string) (string, error) { return "", errors.New("sealed") },
		"an ended process": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := operationFixture(t, func(c *outbox.Config) {
					c.Tokens = func(n string) (string, error) {
						if tokens == nil {
							item, err := c.Store.Get(t.Context(), "id-1")
							require.NoError(t, err)
							require.Equal(t, outbox.Waiting, item.State, "nothing was sent yet")
							return leadSecret, nil
						}
						return tokens(n)
					}
				})
				s.add(t, newItem(t, outbox.OpCaptureLead, "id-1"), nil)
				stop := s.start(t)
				pass(10 * time.Minute)
				item := s.item(t, "id-1")
				switch name {
				case "an ended process":
					require.Equal(t, outbox.Delivered, item.State)
				default:
					require.Equal(t, outbox.Waiting, item.State, item.LastError)
					s.fake.AssertLeads(t, 0)
				}
				require.NotContains(t, item.LastError, "PLANTED")
				require.Equal(t, name == "a panic", s.countEvents(outbox.EventPanic) > 0)
				pass(2 * time.Hour)
				stop()
				if name == "a slow one" { // the lease had ended by then
					s.fake.AssertLeads(t, 0)
				}
			})
		})
	}
}

// What a team must be granted is known of updates of calls alone.
func TestA403OfALeadNamesNoPermissionsOfUpdates(t *testing.T) {
	t.Parallel()
	for operation := range operations {
		err := &trackdrive.Error{StatusCode: 403, Delivery: trackdrive.DeliveryAnswered}
		d := outbox.Rules{}.Decide(newItem(t, operation, "a"), err, time.Now())
		require.Equal(t, outbox.Parked, d.State)
		require.Equal(t, operation == outbox.OpUpdateCall, strings.Contains(d.LastError, "Buyer Revenue"), operation)
	}
}

// Engines of their own send items without a Config.
func TestSendOfOperations(t *testing.T) {
	t.Parallel()
	s, _ := operationFixture(t, nil)
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(trackdrive.AuthenticatorFunc(
		func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetParam("auth_token", "made-up")
			if r.Operation == outbox.OpCaptureLead {
				r.SetParam("lead_token", leadSecret)
			}
			return nil
		})))
	require.NoError(t, err)
	require.NoError(t, outbox.Send(t.Context(), client, newItem(t, outbox.OpCaptureLead, "a")))
	s.fake.AssertLeads(t, 1)
	for _, operation := range []string{outbox.OpOptOutCaller, outbox.OpUpdateByCaller, outbox.OpWebhook} {
		item := newItem(t, operation, "a")
		err := outbox.Send(t.Context(), client, item)
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.Equal(t, outbox.Parked, outbox.Rules{}.Decide(item, err, time.Now()).State, operation)
	}
}

// partner is a partner's server.
type partner struct {
	mu       sync.Mutex
	status   int
	reply    string
	requests []string
}

func (p *partner) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, err := io.ReadAll(cmp.Or[io.Reader](r.Body, http.NoBody))
	if err != nil {
		return nil, err
	}
	p.requests = append(p.requests, r.URL.String()+" "+string(body))
	if p.status < 0 {
		return nil, errors.New("connection reset")
	}
	return &http.Response{StatusCode: p.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(p.reply)), Request: r}, nil
}

func (p *partner) answer(status int, reply string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.reply = status, reply
}

func (p *partner) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

func aHook(t testing.TB, repeat trackdrive.Repeatable) *trackdrive.Webhook {
	t.Helper()
	hook, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL:        "https://partner.example/convert?key=[api_key]",
		Body:       `{"call":"[call]","revenue":"[revenue]"}`,
		Values:     trackdrive.Values{"api_key": "PLANTED-hook-89"},
		Acceptance: trackdrive.All(trackdrive.Field("status").Equals("ok")),
		Repeat:     repeat,
	})
	require.NoError(t, err)
	return hook
}

// hookFixture is a fixture whose Client reaches a partner.
func hookFixture(t *testing.T, hooks map[string]*trackdrive.Webhook) (*fixture, *partner) {
	t.Helper()
	p := &partner{status: 200, reply: `{"status":"ok"}`}
	s := newFixture(t, func(c *outbox.Config) {
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(p))
		require.NoError(t, err)
		c.Client, c.Webhooks = client, hooks
	})
	return s, p
}

func aWebhook(t testing.TB, id, name, key string) outbox.Item {
	t.Helper()
	item, err := outbox.NewWebhook(id, name, key, trackdrive.Values{"call": "c-1", "revenue": "25.50"})
	require.NoError(t, err)
	return item
}

func TestTheClassOfAWebhookIsFixedWhenItIsEnqueued(t *testing.T) {
	t.Parallel()
	sells, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks/[action]/sell", Repeat: trackdrive.RepeatSafe, Body: `{"caller_id":"[caller]"}`,
	})
	require.NoError(t, err)
	hooks := map[string]*trackdrive.Webhook{
		"never": aHook(t, trackdrive.RepeatNever), "refused": aHook(t, trackdrive.RepeatRefused), "safe": aHook(t, trackdrive.RepeatSafe), "sells": sells,
	}
	s, p := hookFixture(t, hooks)
	values := trackdrive.Values{"call": "c-1", "revenue": "25.50", "action": "post", "caller": "5555550142"}
	for name, additive := range map[string]bool{"never": true, "refused": true, "safe": false, "sells": true, "unknown": true} {
		item, err := outbox.NewWebhook(name, name, "", values)
		require.NoError(t, err)
		item.Additive = !additive // does not count
		stored, _, err := s.Enqueue(t.Context(), item)
		require.NoError(t, err)
		require.Equal(t, additive, stored.Additive, name)
		require.True(t, item.ID == name)
		bare, _, err := outbox.Enqueue(t.Context(), outboxtest.NewMemory(), item)
		require.NoError(t, err)
		require.True(t, bare.Additive, "without a worker")
	}
	harmless, err := outbox.NewWebhook("harmless", "sells", "", trackdrive.Values{"action": "status", "caller": "5555550142"})
	require.NoError(t, err)
	stored, _, err := s.Enqueue(t.Context(), harmless)
	require.NoError(t, err)
	require.False(t, stored.Additive, "the class is that of the filled-in request")
	unfilled, err := outbox.NewWebhook("unfilled", "safe", "", nil)
	require.NoError(t, err)
	stored, _, err = s.Enqueue(t.Context(), unfilled)
	require.NoError(t, err)
	require.True(t, stored.Additive, "in doubt it is")
	require.Zero(t, p.count(), "nothing is sent")
}

func TestWhatBecomesOfAWebhook(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status         int
		reply          string
		safe, additive outbox.State
		copies         int // of an additive one
	}{
		"accepted":             {200, `{"status":"ok"}`, outbox.Delivered, outbox.Delivered, 1},
		"rejected":             {200, `{"status":"no"}`, outbox.Dead, outbox.Dead, 1},
		"undetermined":         {200, `<html>`, outbox.Waiting, outbox.Aside, 1},
		"nothing":              {200, ``, outbox.Waiting, outbox.Aside, 1},
		"reset":                {-1, ``, outbox.Waiting, outbox.Aside, 1},
		"500":                  {500, ``, outbox.Waiting, outbox.Aside, 1},
		"503":                  {503, ``, outbox.Waiting, outbox.Aside, 1},
		"422":                  {422, `{"errors":{"call":["is unknown"]}}`, outbox.Dead, outbox.Dead, 1},
		"403":                  {403, `{"error":"no"}`, outbox.Parked, outbox.Parked, 1},
		"404":                  {404, `{}`, outbox.Waiting, outbox.Waiting, 0},
		"401":                  {401, `{}`, outbox.Waiting, outbox.Waiting, 0},
		"429":                  {429, `{}`, outbox.Waiting, outbox.Waiting, 0},
		"a redirect elsewhere": {307, ``, outbox.Waiting, outbox.Waiting, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, repeat := range []trackdrive.Repeatable{trackdrive.RepeatNever, trackdrive.RepeatRefused, trackdrive.RepeatSafe} {
				synctest.Test(t, func(t *testing.T) {
					s, p := hookFixture(t, map[string]*trackdrive.Webhook{"partner": aHook(t, repeat)})
					p.answer(test.status, test.reply)
					s.add(t, aWebhook(t, "id-1", "partner", ""), nil)
					stop := s.start(t)
					pass(time.Minute)
					stop()
					item := s.item(t, "id-1")
					want := test.additive
					if repeat == trackdrive.RepeatSafe {
						want = test.safe
					}
					require.Equal(t, want, item.State, "%s: %s", repeat, item.LastError)
					require.NotContains(t, fmt.Sprintf("%+v", item), "PLANTED")
					if repeat != trackdrive.RepeatSafe && test.copies > 0 {
						require.Equal(t, test.copies, p.count(), repeat)
					}
					if want == outbox.Dead && test.status == 200 {
						const reason = `status equals ok: got "no"`
						require.Equal(t, []trackdrive.FieldError{{Message: reason}}, item.Reasons)
						require.Contains(t, item.LastError, "rejected: "+reason)
					}
				})
			}
		})
	}
}

func TestAWebhookThatCannotBeSentIsParked(t *testing.T) {
	t.Parallel()
	misfit, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://[host].partner.example/", AllowHosts: []string{"partner.example"}})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		hooks map[string]*trackdrive.Webhook
		says  string
	}{
		"no webhooks":     {nil, `"partner" is not in Config.Webhooks`},
		"another name":    {map[string]*trackdrive.Webhook{"Partner": aHook(t, trackdrive.RepeatSafe)}, `"partner" is not in Config.Webhooks`},
		"a nil webhook":   {map[string]*trackdrive.Webhook{"partner": nil}, `"partner" is not in Config.Webhooks`},
		"an empty one":    {map[string]*trackdrive.Webhook{"partner": {}}, "cannot be filled in"},
		"a missing value": {map[string]*trackdrive.Webhook{"partner": misfit}, "cannot be filled in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := hookFixture(t, test.hooks)
				s.add(t, aWebhook(t, "id-1", "partner", "c"), nil)
				s.add(t, aWebhook(t, "id-2", "partner", "c"), nil)
				require.NoError(t, s.Drain(t.Context()))
				item := s.item(t, "id-1")
				require.Equal(t, outbox.Parked, item.State, item.LastError)
				require.Contains(t, item.LastError, test.says)
				require.Equal(t, outbox.Waiting, s.item(t, "id-2").State, "it waits behind it")
				require.Zero(t, p.count())
				require.Empty(t, s.Paused())

				// The configuration is mended.
				client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(p))
				require.NoError(t, err)
				mended, err := outbox.New(outbox.Config{Store: s.store, Client: client, Webhooks: map[string]*trackdrive.Webhook{"partner": aHook(t, trackdrive.RepeatNever)}})
				require.NoError(t, err)
				_, err = outbox.Retry(t.Context(), s.store, "id-1")
				require.NoError(t, err)
				require.NoError(t, mended.Drain(t.Context()))
				require.Equal(t, 2, p.count())
				require.Equal(t, outbox.Delivered, s.item(t, "id-2").State)
			})
		})
	}
}

func TestAWebhookThatBecameStricterParksItsItems(t *testing.T) {
	t.Parallel()
	for _, now := range []trackdrive.Repeatable{trackdrive.RepeatNever, trackdrive.RepeatRefused} {
		synctest.Test(t, func(t *testing.T) {
			hooks := map[string]*trackdrive.Webhook{"partner": aHook(t, trackdrive.RepeatSafe)}
			s, p := hookFixture(t, hooks)
			s.add(t, aWebhook(t, "id-1", "partner", ""), nil)
			hooks["partner"] = aHook(t, now)
			s.add(t, aWebhook(t, "id-2", "partner", ""), nil)
			require.NoError(t, s.Drain(t.Context()))
			item := s.item(t, "id-1")
			require.Equal(t, outbox.Parked, item.State)
			require.Contains(t, item.LastError, "may no longer be sent twice")
			require.Equal(t, outbox.Delivered, s.item(t, "id-2").State)
			require.Equal(t, 1, p.count())
			hooks["partner"] = aHook(t, trackdrive.RepeatSafe)
			_, err := outbox.Retry(t.Context(), s.store, "id-1")
			require.NoError(t, err)
			require.NoError(t, s.Drain(t.Context()))
			require.Equal(t, 2, p.count())
		})
	}
}

// One that has become more lenient is still sent at most once.
func TestAnAdditiveWebhookStaysAdditive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hooks := map[string]*trackdrive.Webhook{"partner": aHook(t, trackdrive.RepeatNever)}
		s, p := hookFixture(t, hooks)
		s.add(t, aWebhook(t, "id-1", "partner", ""), nil)
		hooks["partner"] = aHook(t, trackdrive.RepeatSafe)
		p.answer(503, "")
		require.NoError(t, s.Drain(t.Context()))
		require.Equal(t, outbox.Aside, s.item(t, "id-1").State)
		require.Equal(t, 1, p.count())
	})
}

// One partner's outage, or its refusal of the credentials, is nobody else's.
func TestEachWebhookPausesOnItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		other, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{URL: "https://other.example/", Repeat: trackdrive.RepeatSafe})
		require.NoError(t, err)
		hooks := map[string]*trackdrive.Webhook{"Partner A": aHook(t, trackdrive.RepeatSafe), "other": other}
		s, p := hookFixture(t, hooks)
		p.answer(401, `{}`)
		for n := range 5 {
			s.add(t, aWebhook(t, fmt.Sprint("a", n), "Partner A", ""), nil)
		}
		stop := s.start(t)
		defer stop()
		pass(time.Second)
		paused := s.Paused()
		require.Equal(t, []string{"webhook:partner%20a"}, paused)
		sent := p.count()
		pass(time.Minute)
		require.Equal(t, sent, p.count())
		p.answer(200, `{"status":"ok"}`)
		s.add(t, aWebhook(t, "b", "other", ""), nil)
		pass(time.Second)
		require.Equal(t, outbox.Delivered, s.item(t, "b").State)
		require.Equal(t, outbox.Waiting, s.item(t, "a4").State)
		s.Resume(paused[0])
		pass(time.Second)
		require.Equal(t, outbox.Delivered, s.item(t, "a4").State)
	})
}

// A webhook is resumed by its name, or as Paused spells it.
func TestAWebhookIsResumedByEitherSpelling(t *testing.T) {
	t.Parallel()
	for name, spellings := range map[string][]string{
		"partner":   {"webhook:partner", "WEBHOOK:Partner"},
		"Partner A": {"webhook:Partner A", "webhook:partner a", "webhook:partner%20a", "webhook:Partner%20A"},
		"Bücher":    {"webhook:Bücher", "webhook:bücher", "webhook:b%C3%BCcher", "webhook:b%c3%bccher"},
		"a/b":       {"webhook:a/b", "webhook:a%2Fb", "webhook:a%2fb"},
		"100%":      {"webhook:100%", "webhook:100%25"},
		"a%20b":     {"webhook:a%20b", "webhook:a%2520b"},
	} {
		for _, spelling := range append(spellings, "") {
			t.Run(name+" as "+spelling, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, p := hookFixture(t, map[string]*trackdrive.Webhook{name: aHook(t, trackdrive.RepeatSafe)})
					p.answer(401, `{}`)
					s.add(t, aWebhook(t, "a", name, ""), nil)
					stop := s.start(t)
					defer stop()
					pass(time.Second)
					paused := s.Paused()
					require.Len(t, paused, 1)
					p.answer(200, `{"status":"ok"}`)
					body, err := json.Marshal(map[string]string{"subdomain": cmp.Or(spelling, paused[0])})
					require.NoError(t, err)
					reply := ask(outbox.Handler(s.Worker), http.MethodPost, "/resume", string(body), nil)
					require.Equal(t, http.StatusOK, reply.Code, reply.Body)
					require.Empty(t, s.Paused())
					pass(time.Second)
					require.Equal(t, outbox.Delivered, s.item(t, "a").State)
					require.Equal(t, paused[0], s.event(t, outbox.EventResumed).Subdomain)
				})
			})
		}
	}
}

// A token's name that is refused is one that somebody has to spell differently.
func TestTheRefusalOfATokensNameSaysHowNamesLook(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"solarOffer", "acmeSolar", "OfferA", "lead2solar", "sólar", "solar-20261", "tdprv-solar"} {
		_, optOut := outbox.NewOptOutCaller("a", "acme", name, caller)
		_, update := outbox.NewUpdateByCaller("b", "acme", caller, &trackdrive.CallerUpdate{OfferToken: name, BuyerConverted: new(true)})
		_, lead := outbox.NewCaptureLead("c", "acme", &trackdrive.Lead{CallerID: caller, Fields: trackdrive.Fields{"lead_token_name": name}})
		for _, err := range []error{optOut, update, lead} {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, `: is not made of words (a to z, in one case) and numbers of up to four digits, such as "solar-offer-2", and may be the token itself, which an item must not hold`)
			require.NotContains(t, err.Error(), name)
		}
	}
	for _, name := range []string{"solar-offer-2", "Solar", "ACME solar/2026", "lead2"} {
		_, err := outbox.NewOptOutCaller("a", "acme", name, caller)
		require.NoError(t, err, name)
	}
}

// Files that were written before there were other operations are read.
func TestItemsOfEarlierVersionsAreDelivered(t *testing.T) {
	t.Parallel()
	const stored = `{"id":"sale-1","operation":"update_call","subdomain":"acme","call_uuid":"u-1","body":{"revenue":"25.50","post_call_tokens":{}},` +
		`"key":"acme/u-1","enqueued_at":"2026-01-15T12:00:00Z","seq":7,"state":"waiting","due":"2026-01-15T12:00:00Z"}`
	var item outbox.Item
	require.NoError(t, json.Unmarshal([]byte(stored), &item))
	require.NoError(t, outbox.CheckNew(item))
	written, err := json.Marshal(item)
	require.NoError(t, err)
	require.JSONEq(t, stored, string(written))
	s := newFixture(t, nil)
	require.NoError(t, outbox.Send(t.Context(), func() *trackdrive.Client {
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(s.fake.Transport()), trackdrive.WithAuth(trackdrive.AuthToken("made-up")))
		require.NoError(t, err)
		return client
	}(), item))
	s.fake.AssertUpdated(t, "u-1", map[string]string{"revenue": "25.50"})
}
