package receive_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/receive"
)

// eventOf returns what handle sees of a request that is taken.
func eventOf(t *testing.T, kind string, r *http.Request, opts ...receive.Option) receive.Event {
	t.Helper()
	var seen []receive.Event
	w := serve(receive.Events(kind, func(_ context.Context, e receive.Event) error {
		seen = append(seen, e)
		return nil
	}, opts...), r)
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Len(t, seen, 1)
	return seen[0]
}

const aCall = `{"id":900001,"uuid":"u-1","caller_number":"+15555550142","revenue":"25.50","created_at":"2024-06-19 13:00:00 UTC"}`

// Nobody documents where an event has its call.
func TestAnEventIsReadWhereverItsCallIs(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"bare":                  aCall,
		"as call":               `{"call":` + aCall + `}`,
		"beside the event":      `{"event":"call_ended","id":"e-1", "call" : ` + aCall + `}`,
		"as data":               `{"event":"call_ended","data":` + aCall + `}`,
		"as call in data":       `{"data":{"type":"call","call":` + aCall + `}}`,
		"as a record in a hook": `{"hook":{"event":"call_ended"},"payload":{"record":` + aCall + `}}`,
		"a list of one":         `[` + aCall + `]`,
		"calls":                 `{"calls":[` + aCall + `],"metadata":{"root":"calls"}}`,
		"a byte order mark":     "\ufeff" + aCall,
	} {
		e := eventOf(t, "call_ended", at("POST", "trackdrive_subdomain=ACME", isJSON, plain(body))())
		require.Equal(t, "call_ended", e.Kind, name)
		require.Equal(t, "acme", e.Subdomain, name)
		require.NotNil(t, e.Call, name)
		require.Equal(t, "u-1", e.Call.UUID, name)
		require.Equal(t, trackdrive.ID("900001"), e.Call.ID, name)
		require.Equal(t, "25.50", e.Call.Revenue.String(), name)
		require.True(t, e.Call.CreatedAt.Equal(time.Date(2024, 6, 19, 13, 0, 0, 0, time.UTC)), name)
		require.Equal(t, body, string(e.Raw), name)
	}
}

func TestAnEventMayHaveNoCall(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a lead":            `{"lead":{"id":"0f3b1c52-0000-4000-8000-000000000001","uuid":"l-1","status":"success"}}`,
		"a bare lead":       `{"id":"0f3b1c52-0000-4000-8000-000000000001","uuid":"l-1","email":"ann@example.com"}`,
		"a text message":    `{"id":7,"body":"STOP"}`,
		"an empty object":   `{}`,
		"null":              `null`,
		"a number":          `7`,
		"a list of many":    `[` + aCall + `,` + aCall + `]`,
		"call is null":      `{"call":null}`,
		"call is a text":    `{"call":"u-1"}`,
		"far down":          `{"a":{"b":{"c":{"d":{"e":` + aCall + `}}}}}`,
		"a uuid that is no": `{"uuid":null}`,
	} {
		e := eventOf(t, "lead_converted", at("POST", "", isJSON, plain(body))())
		require.Nil(t, e.Call, name)
		require.Equal(t, body, string(e.Raw), name)
		require.Empty(t, e.Subdomain, name)
	}
	// A lead has a uuid, too, but what is about a call has its number.
	e := eventOf(t, "lead_converted", at("POST", "", isJSON, plain(`{"lead":{"uuid":"l-1"},"last_call":`+aCall+`}`))())
	require.Equal(t, "u-1", e.Call.UUID)
}

func TestAnEventMayBeAForm(t *testing.T) {
	t.Parallel()
	e := eventOf(t, "new_call", at("POST", "", isForm, plain("uuid=u-1&caller_number=%2B15555550142&total_duration=95&trackdrive_subdomain=acme&x=1"))())
	require.Equal(t, "acme", e.Subdomain)
	require.Equal(t, "u-1", e.Call.UUID)
	require.Equal(t, 95*time.Second, e.Call.TotalDuration)
	require.Equal(t, "1", e.Fields["x"])

	e = eventOf(t, "new_call", at("POST", named, "", nil)())
	require.Equal(t, &trackdrive.Call{UUID: "u-1"}, e.Call, "the query names the call")
	require.Empty(t, e.Raw)

	e = eventOf(t, "new_call", at("POST", named, isJSON, plain(`{"data":{"id":1,"caller_number":"+15555550142"}}`))())
	require.Equal(t, "u-1", e.Call.UUID, "the body has no uuid")
	require.Equal(t, trackdrive.ID("1"), e.Call.ID)

	e = eventOf(t, "new_call", at("POST", "sub=acme&u=u-1", isJSON, plain(`{}`))(), receive.FieldNames{CallUUID: "u", Subdomain: "sub"}, receive.Companies(knowsAcme))
	require.Equal(t, "acme", e.Subdomain)
	require.Equal(t, "u-1", e.Call.UUID)
}
