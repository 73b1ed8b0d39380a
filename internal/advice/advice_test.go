package advice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/advice"
)

func TestTheRightsThatParametersNeed(t *testing.T) {
	t.Parallel()
	const needs = "the credentials are right, but their team at acme lacks one of the permissions Enable Developer API Access, access type Calls"
	for _, tt := range []struct {
		sent []string
		want string
	}{
		{nil, ", Buyer Converted, Buyer Revenue, TS Converted, TS Payout, Contact Fields"},
		{[]string{}, ""},
		{[]string{"auth_token"}, ""},
		{[]string{"payout", "add_payout", "auth_token", "buyer_converted"}, ", Buyer Converted, TS Payout"},
		{[]string{"add_revenue", "offer_converted"}, ", Buyer Revenue, TS Converted"},
		{[]string{"zip", "post_call_tokens"}, ", Contact Fields"},
	} {
		given := append([]string(nil), tt.sent...)
		r := advice.Refusal{Status: 403, Body: []byte("{}"), Company: "acme", Update: true, Sent: tt.sent}
		require.Equal(t, needs+tt.want, r.Text())
		require.Equal(t, given, append([]string(nil), tt.sent...), "what was given stays")
	}
}

func TestTheRightToReadCalls(t *testing.T) {
	t.Parallel()
	const right = "; the right to read calls is Enable Developer API Access with access type Calls"
	for status, want := range map[int]string{
		401: "acme does not know the credentials; a company token goes as Basic, a developer token as Token" + right,
		403: "the credentials are right, but their team at acme may not do this" + right,
		404: "", 422: "", 500: "",
	} {
		r := advice.Refusal{Status: status, Body: []byte("{}"), Company: "acme", Lookup: true}
		require.Equal(t, want, r.Text())
	}
}

func TestWhichRepliesAreTrackDrives(t *testing.T) {
	t.Parallel()
	for body, foreign := range map[string]bool{
		"": false, " \r\n": false, "{}": false, "\ufeff {\"a\"": false,
		"<html>": true, "\n<": true, "Forbidden": true, "[]": true, `"no"`: true, "\x00": true,
	} {
		require.Equal(t, foreign, advice.IsForeign([]byte(body)), "%q", body)
	}
}
