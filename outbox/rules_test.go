package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

func anItem(t testing.TB, u *trackdrive.UpdateCall) outbox.Item {
	t.Helper()
	item, err := outbox.NewUpdate("sale-1", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, u)
	require.NoError(t, err)
	return item
}

func TestWhatBecomesOfAnItem(t *testing.T) {
	t.Parallel()
	answered := func(status int) error {
		return &trackdrive.Error{StatusCode: status, Delivery: trackdrive.DeliveryAnswered}
	}
	unknown := func(status int, err error) error {
		return &trackdrive.Error{StatusCode: status, Err: err, Delivery: trackdrive.DeliveryUnknown}
	}
	notSent := func(err error) error { return &trackdrive.Error{Err: err, Delivery: trackdrive.DeliveryNotSent} }
	const waits, pauses, fails = outbox.Waiting, "pauses the company", "is an outage"
	for name, test := range map[string]struct {
		err                error
		absolute, additive outbox.State
		company            string
	}{
		"success":                            {nil, outbox.Delivered, outbox.Delivered, ""},
		"connection refused":                 {notSent(trackdrive.ErrNetwork), waits, waits, fails},
		"host not found":                     {notSent(trackdrive.ErrNetwork), waits, waits, fails},
		"timeout in the queue":               {notSent(trackdrive.ErrTimeout), waits, waits, fails},
		"no answer":                          {unknown(0, trackdrive.ErrNetwork), waits, outbox.Aside, fails},
		"no answer in time":                  {unknown(0, trackdrive.ErrTimeout), waits, outbox.Aside, fails},
		"cancelled after sending":            {unknown(0, context.Canceled), waits, outbox.Aside, fails},
		"500":                                {unknown(500, nil), waits, outbox.Aside, fails},
		"501":                                {answered(501), waits, waits, fails},
		"502":                                {unknown(502, nil), waits, outbox.Aside, fails},
		"503":                                {unknown(503, nil), waits, outbox.Aside, fails},
		"unreadable 200":                     {unknown(200, trackdrive.ErrUnreadable), waits, outbox.Aside, fails},
		"408":                                {answered(408), waits, waits, fails},
		"425":                                {answered(425), waits, waits, fails},
		"429":                                {answered(429), waits, waits, fails},
		"401":                                {answered(401), waits, waits, pauses},
		"no credentials":                     {notSent(fmt.Errorf("%w: for acme", trackdrive.ErrNoCredentials)), waits, waits, pauses},
		"403":                                {answered(403), outbox.Parked, outbox.Parked, ""},
		"404":                                {answered(404), waits, waits, ""},
		"400":                                {answered(400), outbox.Dead, outbox.Dead, ""},
		"405":                                {answered(405), outbox.Dead, outbox.Dead, ""},
		"413":                                {answered(413), outbox.Dead, outbox.Dead, ""},
		"422":                                {answered(422), outbox.Dead, outbox.Dead, ""},
		"200 with a refusal":                 {&trackdrive.Error{StatusCode: 200, Err: trackdrive.ErrRejected, Delivery: trackdrive.DeliveryAnswered}, outbox.Dead, outbox.Dead, ""},
		"200 with success and errors":        {unknown(200, trackdrive.ErrRejected), outbox.Dead, outbox.Aside, ""},
		"success and errors, wrapped":        {fmt.Errorf("wrapped: %w", unknown(200, trackdrive.ErrRejected)), outbox.Dead, outbox.Aside, ""},
		"success and errors, with a 503":     {unknown(503, trackdrive.ErrRejected), outbox.Dead, outbox.Aside, ""},
		"a refusal with a 503":               {&trackdrive.Error{StatusCode: 503, Err: trackdrive.ErrRejected, Delivery: trackdrive.DeliveryAnswered}, outbox.Dead, outbox.Dead, ""},
		"409":                                {answered(409), waits, waits, fails},
		"423":                                {answered(423), waits, waits, fails},
		"409 after a copy without an answer": {unknown(409, nil), waits, outbox.Aside, fails},
		"423 after a copy without an answer": {unknown(423, nil), waits, outbox.Aside, fails},
		"520":                                {unknown(520, nil), waits, outbox.Aside, fails},
		"521":                                {unknown(521, nil), waits, outbox.Aside, fails},
		"522":                                {unknown(522, nil), waits, outbox.Aside, fails},
		"523":                                {unknown(523, nil), waits, outbox.Aside, fails},
		"524":                                {unknown(524, nil), waits, outbox.Aside, fails},
		"530":                                {unknown(530, nil), waits, outbox.Aside, fails},
		"wrong argument":                     {notSent(trackdrive.ErrInvalidArgument), outbox.Dead, outbox.Dead, ""},
		"left-over token":                    {notSent(trackdrive.ErrLeftoverToken), outbox.Dead, outbox.Dead, ""},
		"307":                                {answered(307), waits, waits, ""},
		"302":                                {unknown(302, trackdrive.ErrRedirect), waits, outbox.Aside, ""},
		"an unknown error":                   {errors.New("unknown"), waits, outbox.Aside, fails},
		"a wrapped Client error":             {fmt.Errorf("wrapped: %w", answered(422)), outbox.Dead, outbox.Dead, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			for want, item := range map[*outbox.State]outbox.Item{
				&test.absolute: anItem(t, revenue("1.00")),
				&test.additive: anItem(t, addRevenue("1.00")),
			} {
				d := outbox.Rules{}.Decide(item, test.err, now)
				require.Equal(t, *want, d.State)
				require.Equal(t, test.company == pauses, d.Credentials)
				if d.State != outbox.Aside {
					require.Equal(t, test.company == fails, d.Outage)
				}
				require.Equal(t, test.err == nil, d.LastError == "")
			}
		})
	}
}

func TestWaitsGrowAndAreRandom(t *testing.T) {
	t.Parallel()
	rules := outbox.Rules{FirstWait: time.Second, MaxWait: time.Minute}
	item := anItem(t, revenue("1.00"))
	for attempts, limit := range map[int]time.Duration{
		0: time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 6: time.Minute, 40: time.Minute, 1 << 40: time.Minute,
	} {
		item.Attempts = attempts
		longest := time.Duration(0)
		for range 300 {
			wait := rules.Decide(item, trackdrive.ErrNetwork, time.Now()).Wait
			require.True(t, 0 <= wait && wait < limit, "%v after %d attempts", wait, attempts)
			longest = max(longest, wait)
		}
		require.Greater(t, longest, limit/2)
	}
}

func TestRetryAfterIsTheLeastWait(t *testing.T) {
	t.Parallel()
	err := &trackdrive.Error{StatusCode: http.StatusTooManyRequests, Delivery: trackdrive.DeliveryAnswered, RetryAfter: time.Hour}
	for range 100 {
		d := outbox.Rules{}.Decide(anItem(t, revenue("1.00")), err, time.Now())
		require.Equal(t, time.Hour, d.RetryAfter)
		require.True(t, time.Hour <= d.Wait && d.Wait <= time.Hour+time.Second)
	}
}

func TestAnUnknownCallHasAnHourFromItsFirst404(t *testing.T) {
	t.Parallel()
	now := time.Now()
	item, err := anItem(t, revenue("1.00")), &trackdrive.Error{StatusCode: 404, Delivery: trackdrive.DeliveryAnswered}
	item.Attempts = 100 // after an outage
	d := outbox.Rules{}.Decide(item, err, now)
	require.Equal(t, outbox.Waiting, d.State)
	require.Equal(t, now, d.NotFoundSince)
	item.NotFoundSince = now.Add(-time.Hour + time.Second)
	d = outbox.Rules{}.Decide(item, err, now)
	require.Equal(t, outbox.Waiting, d.State)
	require.LessOrEqual(t, d.Wait, time.Second, "there is a last try")
	item.NotFoundSince = now.Add(-time.Hour)
	require.Equal(t, outbox.Dead, outbox.Rules{}.Decide(item, err, now).State)
}

func TestAParkedItemNamesThePermissions(t *testing.T) {
	t.Parallel()
	const rights = "permissions Enable Developer API Access, access type Calls, TS Converted, TS Payout"
	u := &trackdrive.UpdateCall{OfferConverted: new(true), AddPayout: trackdrive.MustAmount("1.00")}
	d := outbox.Rules{}.Decide(anItem(t, u), &trackdrive.Error{StatusCode: 403, Delivery: trackdrive.DeliveryAnswered}, time.Now())
	require.Contains(t, d.LastError, rights+":")
	require.NotContains(t, d.LastError, "Buyer")

	// The Client's own error already says it in the same words.
	for body, says := range map[string]string{
		`{"status":403,"errors":{"base":["You are not authorized to access this page."]}}`: "the credentials are right, but their team at acme lacks one of the " + rights,
		"": "no reason was given: a proxy or a firewall refused it, or the team of the credentials at acme lacks one of the " + rights,
	} {
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(forbidding(body)), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
		require.NoError(t, err)
		item := anItem(t, u)
		refused := outbox.Send(t.Context(), client, item)
		require.ErrorContains(t, refused, says)
		d = outbox.Rules{}.Decide(item, refused, time.Now())
		require.Equal(t, outbox.Parked, d.State)
		require.Equal(t, refused.Error(), d.LastError)
	}
}

// forbidding is a transport that answers 403 with a body.
type forbidding string

func (f forbidding) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 403, Body: io.NopCloser(strings.NewReader(string(f))), ContentLength: int64(len(f)), Request: r}, nil
}

// A proxy's refusal says nothing about permissions, and passes. Whether it means
// that an additive item was not delivered is unknown.
func TestA403OfAProxyParksNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"<html>403 Forbidden</html>", "error code: 1020"} {
		err := &trackdrive.Error{StatusCode: 403, Body: []byte(body), Delivery: trackdrive.DeliveryAnswered, RetryAfter: time.Minute}
		d := outbox.Rules{}.Decide(anItem(t, revenue("1.00")), err, time.Now())
		require.Equal(t, outbox.Waiting, d.State, body)
		require.True(t, d.Outage)
		require.Equal(t, time.Minute, d.RetryAfter)
		require.NotContains(t, d.LastError, "permission")
		d = outbox.Rules{}.Decide(anItem(t, addRevenue("1.00")), err, time.Now())
		require.Equal(t, outbox.Aside, d.State, body)
		require.NotContains(t, d.LastError, "permission")
	}
}

func TestStoredErrorsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 4000)
	e := &trackdrive.Error{StatusCode: 422, Delivery: trackdrive.DeliveryAnswered, Body: []byte("SECRET BODY")}
	for range 50 {
		e.Errors = append(e.Errors, trackdrive.FieldError{Field: long, Message: long})
	}
	d := outbox.Rules{}.Decide(anItem(t, revenue("1.00")), e, time.Now())
	require.Less(t, len(d.LastError), 1100)
	require.NotContains(t, d.LastError, "SECRET")
	require.Len(t, d.Reasons, 20)
	require.Less(t, len(d.Reasons[0].Message), 1100)
}
