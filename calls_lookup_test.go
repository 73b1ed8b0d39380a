package trackdrive_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestACallIsRead(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: sample(t, "call_update_ok_01_envelope.json")}
	call, err := newClient(t, rt).Call(t.Context(), "7c9e6679-1111-4222-8333-444455556666")
	require.NoError(t, err)
	require.Equal(t, "GET", rt.sent[0].method)
	require.Equal(t, "https://acme.trackdrive.com/api/v1/calls/7c9e6679-1111-4222-8333-444455556666", rt.sent[0].url)
	require.Equal(t, trackdrive.ID("778899"), call.ID)
	require.Equal(t, "Buyer A", call.Buyer)
	require.True(t, call.BuyerConverted)
	require.True(t, call.OfferConverted)
	require.Equal(t, "25.0", call.Revenue.String())
	require.Equal(t, "15.0", call.Payout.String())
	require.Equal(t, 125*time.Second, call.TotalDuration)
	require.Equal(t, "Pat", call.Field("token_values.first_name").String())
	for _, body := range []string{``, `{}`, `{"call":null}`, `[]`, `<html>`, `{"call":{}`} {
		_, err = newClient(t, &answering{status: 200, body: body}).Call(t.Context(), "u-1", trackdrive.WithMaxAttempts(1))
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, body)
	}
	_, err = newClient(t, rt).Call(t.Context(), "a/b")
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

func TestTheListOfCalls(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.NewServer(t)
	fake.AddAccess(trackdrivetest.Access{AuthToken: "legacy-made-up"})
	for i := range 25 {
		fake.AddCall(trackdrivetest.Call{UUID: fmt.Sprintf("call-%d", i), CallerNumber: "+1555555014" + string(rune('0'+i%2))})
	}
	c := clientOf(t, fake.URL, trackdrive.WithAuth(trackdrive.AuthToken("legacy-made-up")))
	var uuids []string
	for call, err := range c.Calls(t.Context(), &trackdrive.CallQuery{PerPage: 10}) {
		require.NoError(t, err)
		require.False(t, call.CreatedAt.IsZero())
		uuids = append(uuids, call.UUID)
	}
	require.Len(t, uuids, 25)
	require.Equal(t, "call-24", uuids[24])
	fake.AssertRequests(t, 3, trackdrivetest.OpCalls)
	n := 0
	for range c.Calls(t.Context(), &trackdrive.CallQuery{CallerNumber: "+15555550141", CreatedFrom: time.Now().Add(-time.Hour), CreatedTo: time.Now().Add(time.Hour)}) {
		if n++; n == 5 {
			break
		}
	}
	require.Equal(t, 5, n)
	for call, err := range c.Calls(t.Context(), &trackdrive.CallQuery{CallerNumber: "+15555550149"}) {
		t.Error(call, err)
	}
}

func TestCursorsGoBackToTheLetter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		replies []string
		cursors []string
		calls   int
		err     error
	}{
		"floats":      {[]string{`{"calls":[{"id":1}],"metadata":{"next_cursor":1.0e2}}`, `{"calls":[{"id":2}],"metadata":{"next_cursor":0}}`}, []string{"-1", "1.0e2"}, 2, nil},
		"text":        {[]string{`{"calls":[],"metadata":{"next_cursor":"abc="}}`, `{"calls":[{"id":2}],"metadata":{"next_cursor":"0"}}`}, []string{"-1", "abc="}, 1, nil},
		"no root":     {[]string{`[{"id":1},null,{"id":2}]`}, []string{"-1"}, 2, nil},
		"no metadata": {[]string{`{"calls":[{"id":1}]}`}, []string{"-1"}, 1, nil},
		"a circle":    {[]string{`{"calls":[],"metadata":{"next_cursor":5}}`, `{"calls":[],"metadata":{"next_cursor":5}}`}, []string{"-1", "5"}, 0, trackdrive.ErrUnreadable},
		"no list":     {[]string{`{"status":200}`}, []string{"-1"}, 0, trackdrive.ErrUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := &inTurn{bodies: tt.replies}
			calls := 0
			var failed error
			for _, err := range newClient(t, rt, trackdrive.WithMaxAttempts(1)).Calls(t.Context(), nil) {
				if err != nil {
					failed = err
					continue
				}
				calls++
			}
			require.ErrorIs(t, failed, tt.err)
			require.Equal(t, tt.calls, calls)
			require.Equal(t, tt.cursors, rt.cursors)
		})
	}
}

func TestUpdatesByCaller(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: `{"success":true}`}
	c := newClient(t, rt)
	_, err := c.UpdateCallByCallerID(t.Context(), "+1 (555) 555-0142", &trackdrive.CallerUpdate{
		OfferToken: "offer-token", CallTimeframe: time.Hour, BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50"),
	})
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/api/v1/calls/update_by_caller_id/+1%20%28555%29%20555-0142", rt.sent[0].url)
	require.Equal(t, `{"offer_token":"offer-token","call_timeframe":60,"buyer_converted":"true","revenue":"25.50"}`, rt.sent[0].body)
	_, err = c.SendKeyPress(t.Context(), &trackdrive.KeyPress{CallID: "7", Digits: "12#", Data: trackdrive.Fields{"a": "b"}})
	require.NoError(t, err)
	require.Equal(t, `{"id":7,"digits":"12#","data":{"a":"b"}}`, rt.sent[1].body)
	for name, call := range map[string]func() error{
		"offer_token": func() error {
			_, err := c.UpdateCallByCallerID(t.Context(), "1", &trackdrive.CallerUpdate{Revenue: trackdrive.MustAmount("1")})
			return err
		},
		"call_timeframe": func() error {
			_, err := c.UpdateCallByCallerID(t.Context(), "1", &trackdrive.CallerUpdate{OfferToken: "t", CallTimeframe: time.Second, BuyerConverted: new(true)})
			return err
		},
		"update": func() error {
			_, err := c.UpdateCallByCallerID(t.Context(), "1", &trackdrive.CallerUpdate{OfferToken: "t"})
			return err
		},
		"caller_id": func() error {
			_, err := c.UpdateCallByCallerID(t.Context(), "../1", &trackdrive.CallerUpdate{OfferToken: "t", BuyerConverted: new(true)})
			return err
		},
		"digits": func() error {
			_, err := c.SendKeyPress(t.Context(), &trackdrive.KeyPress{CallID: "7", Digits: "1a"})
			return err
		},
		"id":         func() error { _, err := c.SendKeyPress(t.Context(), &trackdrive.KeyPress{Digits: "1"}); return err },
		"lead_token": func() error { _, err := c.OptOutCaller(t.Context(), "", "1"); return err },
		"lead id":    func() error { _, err := c.UpdateLead(t.Context(), "a/b", &trackdrive.Lead{LeadToken: "t"}); return err },
		"per_page": func() error {
			for _, err := range c.Calls(t.Context(), &trackdrive.CallQuery{PerPage: -1}) {
				return err
			}
			return nil
		},
	} {
		err := call()
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorContains(t, err, name)
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
	}
	require.Len(t, rt.sent, 2)
}

func TestLeadsAreChangedByTheirToken(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.NewServer(t)
	fake.AddOffer(trackdrivetest.Offer{LeadToken: "token-1"})
	c := clientOf(t, fake.URL)
	stored, err := c.CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: "token-1", CallerID: "+15555550142"})
	require.NoError(t, err)
	_, err = c.UpdateLead(t.Context(), stored.LeadID, &trackdrive.Lead{LeadToken: "token-1", Fields: trackdrive.Fields{"zip": "90210"}})
	require.NoError(t, err)
	require.Equal(t, "90210", fake.Leads()[0].Fields["zip"])
	_, err = c.OptOutLead(t.Context(), "token-1", stored.LeadID)
	require.NoError(t, err)
	_, err = c.OptOutCaller(t.Context(), "token-1", "+15555550142")
	require.NoError(t, err)
	require.True(t, fake.Leads()[0].OptedOut)
	_, err = c.OptOutCaller(t.Context(), "token-1", "+15555550149")
	require.ErrorIs(t, err, trackdrive.ErrNotFound)
}
