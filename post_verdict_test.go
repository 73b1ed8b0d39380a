package trackdrive_test

// Replies to a post that say that the lead is sold, that it is not, or that leave
// it open; and the same for pings that may sell, and for commands.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// saleVerdict is what a reply to a post means.
type saleVerdict string

const (
	verdictSold      saleVerdict = "sold"
	verdictRejected  saleVerdict = "rejected"
	verdictAmbiguous saleVerdict = "ambiguous"
)

func TestWhatAReplyToAPostMeans(t *testing.T) {
	t.Parallel()
	for verdict, bodies := range map[saleVerdict][]string{
		verdictSold: {
			`{"success":true}`, `{"success":"TRUE"}`, `{"success":1}`, `{"status":"accepted"}`, `{"status":"Success"}`,
			`{"forwarding_number":"1"}`, `{"forwarding_number":15555550120}`, `{"forwarding_number_sip_address":"sip:1@x"}`,
			`{"trackdrive_number":15555550120}`, `{"lead_id":"l"}`, `{"buyer_name":"Buyer A"}`, `{"status":200,"lead_id":"l"}`,
			`{"success":true,"errors":[]}`, `{"success":true,"errors":[false,0,null,"",{},[[]]]}`, `{"success":true,"error":false}`,
			`{"success":true,"message":"call forwarded"}`, `{"success":true,"status":399}`, `{"success":true,"status":"200"}`,
			`{"success":"odd","forwarding_number":"1"}`, `{"status":"queued","forwarding_number":"1"}`,
			`{"success":true,"status":"sold","forwarding_number_sip_address":"sip:1@x"}`,
			`{"success":true,"forwarding_number":"1","forwarding_number_status":"rejected"}`,
			`{"success":null,"status":null,"errors":null,"lead_id":7}`,
		},
		verdictRejected: {
			`{"success":false}`, `{"success":"no"}`, `{"success":0}`, `{"status":422}`, `{"status":"503"}`, `{"error":"x"}`, `{"errors":{"a":["b"]}}`,
			`{"errors":true}`, `{"success":false,"status":"queued"}`, `{"success":"odd","errors":["x"]}`, `{"status":"sold","errors":["x"]}`,
			`{"success":false,"lead_id":7,"trackdrive_number":"1","buyer_name":"Buyer A"}`, `{"status":"duplicate","lead_id":7}`,
			`{"success":false,"message":"duplicate"}`, `{"status":"timeout","buyers":[{"id":1}]}`,
		},
		verdictAmbiguous: {
			`{}`, `{"message":"thank you"}`, `{"success":"odd"}`, `{"success":{}}`, `{"success":[true]}`, `{"status":200}`, `{"status":"302"}`, `{"buyers":[{"id":1,"ping_id":"p"}]}`,
			`{"success":null,"status":null,"forwarding_number":""}`, `{"success":true,"errors":["a webhook failed"]}`,
			`{"success":true,"status":"accepted","forwarding_number":"+15555550199","errors":["a webhook failed"]}`,
			`{"status":"sold"}`, `{"status":"forwarded","lead_id":7,"buyer_name":"Buyer A"}`, `{"status":"queued"}`,
			`{"success":true,"status":"queued"}`, `{"success":"odd","status":"accepted"}`, `{"success":"odd","lead_id":7}`,
			`{"success":false,"forwarding_number":"1"}`, `{"success":false,"status":"accepted"}`, `{"success":true,"status":"rejected"}`,
			`{"success":true,"status":422}`, `{"status":422,"forwarding_number_sip_address":"sip:1@x"}`, `{"status":"no_buyer","forwarding_number":"1"}`,
			`{"success":false,"forwarding_number":"1","forwarding_number_status":"rejected"}`, `{"forwarding_number":"   "}`,
		},
	} {
		for _, body := range bodies {
			requireVerdict(t, verdict, body)
		}
	}
	for _, word := range []string{
		"rejected", "refused", "declined", "denied", "failed", "failure", "error", "invalid", "duplicate", "unavailable", "closed", "expired",
		"blocked", "suppressed", "timeout", "no_matching_buyer", "no_", "caller_number_suppressed", "caller_number_", "No_Buyer", "REJECTED",
	} {
		requireVerdict(t, verdictRejected, `{"status":"`+word+`"}`)
		requireVerdict(t, verdictRejected, `{"status":"`+word+`","lead_id":7}`)
		requireVerdict(t, verdictAmbiguous, `{"status":"`+word+`","success":true}`)
		requireVerdict(t, verdictAmbiguous, `{"status":"`+word+`","forwarding_number":"1"}`)
	}
	for _, word := range []string{"no", "none", "rejection", "caller_number", "caller", "unknown", "ok", "true", "acceptedx", "sold", "forwarded", "pending", " "} {
		requireVerdict(t, verdictAmbiguous, `{"status":"`+word+`"}`)
		requireVerdict(t, verdictAmbiguous, `{"status":"`+word+`","success":true,"lead_id":7}`)
		requireVerdict(t, verdictRejected, `{"status":"`+word+`","success":false}`)
		requireVerdict(t, verdictSold, `{"status":"`+word+`","forwarding_number":"1"}`)
	}
}

// Every combination of what a reply may say is checked against a second version of
// the rule.
func TestEveryCombinationOfWhatAReplyToAPostSays(t *testing.T) {
	t.Parallel()
	type part struct {
		member              string
		yes, no             bool
		weakYes, dial, hazy bool
	}
	parts := [][]part{
		{{}, {member: `"success":true`, yes: true}, {member: `"success":false`, no: true}, {member: `"success":"maybe"`, hazy: true}},
		{{}, {member: `"status":"accepted"`, yes: true}, {member: `"status":"declined"`, no: true}, {member: `"status":"sold"`, hazy: true}, {member: `"status":201`}, {member: `"status":400`, no: true}},
		{{}, {member: `"errors":[""]`}, {member: `"errors":["x"]`, no: true}},
		{{}, {member: `"error":0`}, {member: `"error":"x"`, no: true}},
		{{}, {member: `"forwarding_number":"1"`, dial: true}},
		{{}, {member: `"forwarding_number_sip_address":"sip:1@x"`, dial: true}},
		{{}, {member: `"trackdrive_number":"1"`, weakYes: true}},
		{{}, {member: `"lead_id":7`, weakYes: true}},
		{{}, {member: `"buyer_name":"Buyer A"`, weakYes: true}},
		{{}, {member: `"buyers":[{"id":1}]`}},
	}
	var all func(chosen []part, rest [][]part)
	all = func(chosen []part, rest [][]part) {
		if len(rest) > 0 {
			for _, p := range rest[0] {
				all(append(slices.Clip(chosen), p), rest[1:])
			}
			return
		}
		var members []string
		var sum part
		for _, p := range chosen {
			if p.member != "" {
				members = append(members, p.member)
			}
			sum.yes, sum.no, sum.weakYes = sum.yes || p.yes, sum.no || p.no, sum.weakYes || p.weakYes
			sum.dial, sum.hazy = sum.dial || p.dial, sum.hazy || p.hazy
		}
		yes := sum.dial || !sum.hazy && (sum.yes || sum.weakYes && !sum.no)
		want := verdictAmbiguous
		switch {
		case yes && !sum.no:
			want = verdictSold
		case sum.no && !yes:
			want = verdictRejected
		}
		requireParsed(t, want, "{"+strings.Join(members, ",")+"}")
	}
	all(nil, parts)
}

// requireVerdict posts, and also parses the same reply without a call.
func requireVerdict(t *testing.T, want saleVerdict, body string) {
	t.Helper()
	requireParsed(t, want, body)
	for _, call := range []func() (*trackdrive.PostResponse, error){
		func() (*trackdrive.PostResponse, error) { return posted(t, 200, body) },
		func() (*trackdrive.PostResponse, error) {
			return newClient(t, &answering{status: 200, body: body}).Full(t.Context(), "sell", onePost)
		},
	} {
		p, err := call()
		if want != verdictAmbiguous {
			require.NoError(t, err, body)
			require.Equal(t, want == verdictSold, p.Accepted, body)
			continue
		}
		require.Nil(t, p, body)
		require.ErrorIs(t, err, trackdrive.ErrAmbiguous, body)
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, body)
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err), body)
	}
}

func requireParsed(t *testing.T, want saleVerdict, body string) {
	t.Helper()
	p, err := trackdrive.ParsePostResponse([]byte(body))
	if want != verdictAmbiguous {
		require.NoError(t, err, body)
		require.Equal(t, want == verdictSold, p.Accepted, body)
		return
	}
	require.Nil(t, p, body)
	require.ErrorIs(t, err, trackdrive.ErrAmbiguous, body)
	require.ErrorIs(t, err, trackdrive.ErrUnreadable, body)
}

func TestTheErrorOfAnAmbiguousReplyNamesWhatSaysYesAndNo(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"success":true,"status":"accepted","forwarding_number":"1","errors":["a webhook failed"]}`: "yes in success and status and forwarding_number, no in errors: a webhook failed",
		`{"success":false,"forwarding_number_sip_address":"sip:1@x"}`:                                "yes in forwarding_number_sip_address, no in success",
		`{"status":"sold"}`:                 `neither yes nor no: status is "sold"`,
		`{"success":"maybe","lead_id":"l"}`: "neither yes nor no: success is neither true nor false",
		`{"message":"thank you"}`:           "neither yes nor no",
	} {
		_, err := posted(t, 200, body)
		require.ErrorContains(t, err, "200 ambiguous reply: "+want, body)
		var e *trackdrive.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, body, string(e.Body))
	}
	require.ErrorIs(t, &trackdrive.Error{Err: trackdrive.ErrAmbiguous}, trackdrive.ErrUnreadable)
	require.NotErrorIs(t, &trackdrive.Error{Err: trackdrive.ErrUnreadable}, trackdrive.ErrAmbiguous)
}

func TestAnAmbiguousReplyEchoesNoCredential(t *testing.T) {
	t.Parallel()
	const secret = "planted-secret-1"
	c := newClient(t, &answering{status: 200, body: `{"status":"` + secret + `"}`}, trackdrive.WithAuth(trackdrive.DeveloperToken(secret)))
	_, err := c.Post(t.Context(), "sell", onePost)
	require.ErrorIs(t, err, trackdrive.ErrAmbiguous)
	require.NotContains(t, fmt.Sprintf("%v %+v", err, err), secret)
}

// A second copy of a post that may have sold could sell again, so an ambiguous reply
// ends the call, whatever the caller says about repeats.
func TestAnAmbiguousReplyIsNeverAskedForAgain(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: `{"status":"sold"}`}
	_, err := newClient(t, rt).Post(t.Context(), "sell", onePost, trackdrive.WithRepeat(trackdrive.RepeatSafe))
	require.ErrorIs(t, err, trackdrive.ErrAmbiguous)
	require.Len(t, rt.sent, 1)
}

// A refusal by status is an answer, unless the body says that the lead is sold.
func TestARefusedPostThatSaysSoldIsUnknown(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]trackdrive.Delivery{
		``:                    trackdrive.DeliveryAnswered,
		`<html>`:              trackdrive.DeliveryAnswered,
		`{"errors":["x"]}`:    trackdrive.DeliveryAnswered,
		`{"success":false}`:   trackdrive.DeliveryAnswered,
		`{"lead_id":7}`:       trackdrive.DeliveryAnswered,
		`{"status":"queued"}`: trackdrive.DeliveryAnswered,
		`{"success":true}`:    trackdrive.DeliveryUnknown,
		`{"success":false,"forwarding_number":"1"}`:   trackdrive.DeliveryUnknown,
		`{"status":"accepted","errors":["x"]}`:        trackdrive.DeliveryUnknown,
		`{"forwarding_number_sip_address":"sip:1@x"}`: trackdrive.DeliveryUnknown,
	} {
		for _, status := range []int{400, 404, 409, 422, 501} {
			var observed []trackdrive.Delivery
			c := newClient(t, &answering{status: status, body: body}, trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
				observed = append(observed, a.Delivery)
			}))
			_, err := c.Post(t.Context(), "sell", onePost)
			require.Equal(t, want, trackdrive.DeliveryOf(err), "%d %s", status, body)
			require.Equal(t, []trackdrive.Delivery{want}, observed, "%d %s", status, body)
			require.NotErrorIs(t, err, trackdrive.ErrAmbiguous)
		}
	}
}

func TestAPostAboutNobodyIsRefused(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: `{"success":true}`}
	c := newClient(t, rt)
	for _, caller := range []string{"", " ", "\t"} {
		_, err := c.Post(t.Context(), "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller})
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, "caller_id: is empty")
		for _, r := range []trackdrive.PostRequest{{}, {PingID: "p-1"}, {TrackdriveNumber: "+15555550120"}} {
			r.CallerID = caller
			_, err = c.Full(t.Context(), "sell", &r)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, "caller_id: is empty")
		}
	}
	require.Empty(t, rt.sent)
}

// Only some answers to a ping that may sell leave the lead to others.
func TestWhatFreesALeadThatAPingMayHaveSold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answer scripted
		frees  bool
	}{
		{scripted{body: `{"success":false}`}, true},
		{scripted{body: `{"success":"false","errors":["nobody is awake"]}`}, true},
		{scripted{body: `{"status":"no_matching_buyer"}`}, true},
		{scripted{body: `{"status":"rejected","buyers":[]}`}, true},
		{scripted{body: `{"status":422,"errors":["x"]}`}, true},
		{scripted{body: `{"success":false,"lead_id":null,"forwarding_number":"","try_all_buyers":{"ping_id":null}}`}, true},
		{scripted{status: 422, body: `{"errors":["x"]}`}, true},
		{scripted{status: 404}, true},
		{scripted{status: 403, body: `<html>no</html>`}, true},
		{scripted{err: errRefused}, true},

		{scripted{body: `{"success":true,"buyers":[]}`}, false},
		{scripted{body: `{"success":true,"status":"accepted","forwarding_number":"+15555550120"}`}, false},
		{scripted{body: `{"success":true,"status":"accepted","lead_id":7}`}, false},
		{scripted{body: `{"success":true,"status":"accepted","errors":["a webhook failed"]}`}, false},
		{scripted{body: `{"success":true,"status":"accepted"}`}, false},
		{scripted{body: `{"success":true,"errors":["x"]}`}, false},
		{scripted{body: `{"success":true,"status":"rejected"}`}, false},
		{scripted{body: `{"success":false,"status":"accepted"}`}, false},
		{scripted{body: `{"success":false,"forwarding_number":"+15555550120"}`}, false},
		{scripted{body: `{"success":false,"forwarding_number_sip_address":"sip:1@x"}`}, false},
		{scripted{body: `{"success":false,"trackdrive_number":"+15555550120"}`}, false},
		{scripted{body: `{"success":false,"lead_id":7}`}, false},
		{scripted{body: `{"success":false,"buyer_name":"Buyer A"}`}, false},
		{scripted{body: `{"success":false,"ping_id":"p-1"}`}, false},
		{scripted{body: `{"success":false,"try_all_buyers_ping_id":"p-1"}`}, false},
		{scripted{body: `{"success":false,"try_all_buyers":{"ping_id":"p-1"}}`}, false},
		{scripted{body: `{"success":false,"buyers":[{"id":1}]}`}, false},
		{scripted{body: `{"success":false,"lead_id":7,"lead_id":8}`}, false},
		{scripted{body: `{"status":"sold"}`}, false},
		{scripted{body: `{"status":"queued"}`}, false},
		{scripted{body: `{"status":500}`}, false},
		{scripted{body: `{"errors":["x"]}`}, false},
		{scripted{body: `{}`}, false},
		{scripted{body: `{"success":"maybe"}`}, false},
		{scripted{body: `<html>`}, false},
		{scripted{status: 422, body: `{"success":true}`}, false},
		{scripted{status: 422, body: `{"lead_id":7,"errors":["x"]}`}, false},
		{scripted{status: 422, body: `{"errors":["x"],"buyers":[{"id":1}`}, false},
		{scripted{status: 501}, false},
		{scripted{status: 502}, false},
		{scripted{status: 503}, false},
		{scripted{status: 307}, false},
		{scripted{status: 302}, false},
		{scripted{err: io.ErrUnexpectedEOF}, false},
	} {
		name := fmt.Sprint(tt.answer.status, tt.answer.body, tt.answer.err)
		e := &exchange{answers: map[string]scripted{"ping static": tt.answer, "ping plain": bids("30"), "post plain": soldReply}}
		sources := e.sources(t, "static", "plain")
		sources[0].Request = &trackdrive.PingRequest{TrackdriveNumber: "+15555550120"}
		result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
		sale, err := result.Sell(t.Context())
		require.Equal(t, tt.frees, sale.Sold, name)
		if tt.frees {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err), name)
		require.NotContains(t, e.seen(), "post plain", name)
	}
}

// A command whose reply says yes and no may have been carried out: it is refused,
// its outcome is unknown, and it is never sent again.
func TestACommandsReplyThatSaysYesAndNo(t *testing.T) {
	t.Parallel()
	commands := map[string]func(context.Context, *trackdrive.Client) error{
		"additive update": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.UpdateCall(ctx, "u-1", &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("5")})
			return err
		},
		"absolute update": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.UpdateCall(ctx, "u-1", &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("5")})
			return err
		},
		"lead": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.CaptureLead(ctx, &trackdrive.Lead{LeadToken: "token-1", CallerID: "+15555550100"})
			return err
		},
		"opt out": func(ctx context.Context, c *trackdrive.Client) error {
			_, err := c.OptOutCaller(ctx, "token-1", "+15555550100")
			return err
		},
	}
	for body, want := range map[string]trackdrive.Delivery{
		`{"success":true,"errors":["a webhook failed"],"lead_id":7}`: trackdrive.DeliveryUnknown,
		`{"success":true,"error":{"base":"x"}}`:                      trackdrive.DeliveryUnknown,
		`{"success":"yes","status":422}`:                             trackdrive.DeliveryUnknown,
		`{"success":false,"errors":["x"]}`:                           trackdrive.DeliveryAnswered,
		`{"errors":["x"]}`:                                           trackdrive.DeliveryAnswered,
		`{"status":422}`:                                             trackdrive.DeliveryAnswered,
		`{"success":"odd","errors":["x"]}`:                           trackdrive.DeliveryAnswered,
	} {
		for name, command := range commands {
			rt := &answering{status: http.StatusOK, body: body}
			err := command(t.Context(), newClient(t, rt))
			require.ErrorIs(t, err, trackdrive.ErrRejected, "%s %s", name, body)
			require.NotErrorIs(t, err, trackdrive.ErrUnreadable)
			require.Equal(t, want, trackdrive.DeliveryOf(err), "%s %s", name, body)
			require.Len(t, rt.sent, 1, "%s %s", name, body)
		}
	}
}
