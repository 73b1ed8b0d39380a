package outbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// wholeItem returns an item that a store accepts.
func wholeItem(t testing.TB) outbox.Item {
	t.Helper()
	item := anItem(t, revenue("25.50"))
	item.State, item.EnqueuedAt, item.Due = outbox.Waiting, noon, noon
	return item
}

func TestAnItemThatIsNotWholeIsRefusedByField(t *testing.T) {
	t.Parallel()
	require.NoError(t, outbox.CheckNew(wholeItem(t)))
	farFuture := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		corrupt func(*outbox.Item)
		names   string
	}{
		"no id":                      {func(i *outbox.Item) { i.ID = "" }, "id: "},
		"an id like a missing value": {func(i *outbox.Item) { i.ID = "null" }, "id: "},
		"an id that is a token":      {func(i *outbox.Item) { i.ID = "[sale_id]" }, ": id"},
		"a long id":                  {func(i *outbox.Item) { i.ID = strings.Repeat("a", 201) }, "id: "},
		"no operation":               {func(i *outbox.Item) { i.Operation = "" }, "operation: "},
		"another operation":          {func(i *outbox.Item) { i.Operation = "post" }, "operation: "},
		"no subdomain":               {func(i *outbox.Item) { i.Subdomain = "" }, "subdomain: "},
		"a subdomain in capitals":    {func(i *outbox.Item) { i.Subdomain = "Acme" }, "subdomain: "},
		"no call":                    {func(i *outbox.Item) { i.CallUUID = "" }, "call_uuid: "},
		"no key":                     {func(i *outbox.Item) { i.Key = "" }, "key: "},
		"another call's key":         {func(i *outbox.Item) { i.Key = "acme/u-2" }, "key: "},
		"no body":                    {func(i *outbox.Item) { i.Body = nil }, "body: "},
		"a body that is a list":      {func(i *outbox.Item) { i.Body = json.RawMessage(`["s3cret"]`) }, "body: "},
		"a body that is not UTF-8":   {func(i *outbox.Item) { i.Body = json.RawMessage("{\"post_call_tokens\":{\"s3cret\":\"\xff\"}}") }, "body: "},
		"an empty update":            {func(i *outbox.Item) { i.Body = json.RawMessage(`{"post_call_tokens":{}}`) }, "update: "},
		"a bad amount":               {func(i *outbox.Item) { i.Body = json.RawMessage(`{"revenue":"s3cret"}`) }, "revenue: "},
		"a credential":               {func(i *outbox.Item) { i.Body = json.RawMessage(`{"auth_token":"s3cret"}`) }, "auth_token"},
		"additive, not marked so":    {func(i *outbox.Item) { i.Body = json.RawMessage(`{"add_revenue":"1"}`) }, "additive: "},
		"absolute, marked additive":  {func(i *outbox.Item) { i.Additive = true }, "additive: "},
		"no state":                   {func(i *outbox.Item) { i.State = "" }, "state: "},
		"another state":              {func(i *outbox.Item) { i.State = outbox.Delivered }, "state: "},
		"no time of enqueueing":      {func(i *outbox.Item) { i.EnqueuedAt = time.Time{} }, "enqueued at: "},
		"enqueued too late":          {func(i *outbox.Item) { i.EnqueuedAt = farFuture }, "enqueued at: "},
		"not due":                    {func(i *outbox.Item) { i.Due = time.Time{} }, "due: "},
		"due too late":               {func(i *outbox.Item) { i.Due = farFuture }, "due: "},
		"due too early":              {func(i *outbox.Item) { i.NotBefore = noon.Add(time.Hour) }, "due: "},
		"not before the end of time": {func(i *outbox.Item) { i.NotBefore, i.Due = farFuture, farFuture }, "not before: "},
		"attempts":                   {func(i *outbox.Item) { i.Attempts = 1 }, "attempts: "},
		"a call that was not found":  {func(i *outbox.Item) { i.NotFoundSince = noon }, "not found since: "},
		"settled":                    {func(i *outbox.Item) { i.SettledAt = noon }, "settled at: "},
		"an error":                   {func(i *outbox.Item) { i.LastError = "s3cret" }, "last error: "},
		"reasons":                    {func(i *outbox.Item) { i.Reasons = []trackdrive.FieldError{{Message: "s3cret"}} }, "reasons: "},
		"a lease":                    {func(i *outbox.Item) { i.Lease.Until = noon }, "lease: "},
		"a token without its lease":  {func(i *outbox.Item) { i.Lease.Token = "s3cret" }, "lease: "},
		"straight from NewUpdate":    {func(i *outbox.Item) { *i = anItem(t, revenue("1")) }, "state: "},
		"a zero item":                {func(i *outbox.Item) { *i = outbox.Item{} }, "id: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item := wholeItem(t)
			test.corrupt(&item)
			err := outbox.CheckNew(item)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, test.names)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestEnqueueStoresWholeItems(t *testing.T) {
	t.Parallel()
	for _, u := range []*trackdrive.UpdateCall{
		revenue("25.50"), addRevenue("-1"), {BuyerConverted: new(false)}, {Fields: trackdrive.Fields{"x": 1.5}},
		{PostCallTokens: trackdrive.Fields{"first_name": "Päť <&>\u2028", "none": nil}},
	} {
		for _, id := range []string{"sale-1", "", "[not a token", "Verkauf 1/ä"} {
			item := anItem(t, u)
			item.ID, item.NotBefore = id, time.Now().Add(time.Hour)
			stored, added, err := outbox.Enqueue(t.Context(), outboxtest.NewMemory(), item)
			require.NoError(t, err, id)
			require.True(t, added)
			require.NoError(t, outbox.CheckNew(stored))
		}
	}
}

func TestAChangeThatBreaksAnItemIsRefusedByField(t *testing.T) {
	t.Parallel()
	farFuture := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for names, corrupt := range map[string]func(*outbox.Item){
		"id: ":              func(i *outbox.Item) { i.ID = "sale-2" },
		"operation: ":       func(i *outbox.Item) { i.Operation = "" },
		"subdomain: ":       func(i *outbox.Item) { i.Subdomain = "globex" },
		"call uuid: ":       func(i *outbox.Item) { i.CallUUID = "u-2" },
		"key: ":             func(i *outbox.Item) { i.Key = "acme/u-2" },
		"additive: ":        func(i *outbox.Item) { i.Additive = true },
		"enqueued at: ":     func(i *outbox.Item) { i.EnqueuedAt = noon.Add(time.Second) },
		"seq: ":             func(i *outbox.Item) { i.Seq = 8 },
		"state: ":           func(i *outbox.Item) { i.State = "" },
		"attempts: ":        func(i *outbox.Item) { i.Attempts = -1 },
		"body: ":            func(i *outbox.Item) { i.Body = json.RawMessage(`{"add_payout":"s3cret"}`) },
		"due: ":             func(i *outbox.Item) { i.Due = farFuture },
		"not found since: ": func(i *outbox.Item) { i.NotFoundSince = farFuture },
		"settled at: ":      func(i *outbox.Item) { i.SettledAt = farFuture },
		"lease: ":           func(i *outbox.Item) { i.Lease.Until = farFuture },
	} {
		before := wholeItem(t)
		before.Seq = 7
		require.NoError(t, outbox.CheckChange(before, before))
		after := before
		corrupt(&after)
		err := outbox.CheckChange(before, after)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, names)
		if names == "body: " {
			names = "add_payout: " // the field that is wrong
		}
		require.ErrorContains(t, err, names)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestAnItemOfAnOldStoreCanBeChanged(t *testing.T) {
	t.Parallel()
	before := anItem(t, revenue("25.50")) // as older versions stored it
	before.Seq = 7
	after := before
	after.State, after.Due = outbox.Waiting, noon
	require.NoError(t, outbox.CheckChange(before, after))
}

func ExampleCheckNew() {
	item := sale("sale-4711", "25.50") // straight from NewUpdate
	err := outbox.CheckNew(item)
	fmt.Println(errors.Is(err, trackdrive.ErrInvalidArgument))
	fmt.Println(err)
	// Output:
	// true
	// trackdrive: invalid argument: state: is "" but must be "waiting"; outbox.Enqueue makes an item whole
}

func ExampleCheckChange() {
	before := sale("sale-4711", "25.50")
	before.State = outbox.Waiting
	after := before
	after.State, after.LastError = outbox.Parked, "the team lacks a permission"
	fmt.Println(outbox.CheckChange(before, after))
	after.CallUUID = "u-2"
	fmt.Println(outbox.CheckChange(before, after))
	// Output:
	// <nil>
	// trackdrive: invalid argument: call uuid: cannot be changed after the item is stored
}
