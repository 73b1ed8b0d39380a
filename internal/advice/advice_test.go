package advice_test

import (
	"testing"
	"time"

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

func TestSentences(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]advice.Refusal{
		"": {Status: 500},
		"Correct a: the same request would be refused again.":                                                             {Status: 422, Fields: []string{"a"}},
		"Correct a, b and c: the same request would be refused again.":                                                    {Status: 400, Fields: []string{"a", "b", "c"}},
		"Correct a, b, c and others: the same request would be refused again. Contact fields belong in post_call_tokens.": {Status: 422, Fields: []string{"a", "b", "c", "d"}, Update: true},
		"Too many requests were sent: wait 1s, and send fewer at a time.":                                                 {Status: 429, Wait: time.Millisecond, Elsewhere: true},
		"Too many requests were sent to acme: wait 2m0s, and send fewer at a time.":                                       {Status: 429, Wait: 2 * time.Minute, Company: "acme"},
		"No credentials were sent: give those of the company with AnySubdomain.":                                          {Status: 401, Anonymous: true, Option: "AnySubdomain"},
	} {
		require.Equal(t, want, r.Sentences())
	}
	for _, status := range []int{400, 401, 403, 404, 422} {
		r := advice.Refusal{Status: status, Elsewhere: true}
		require.Empty(t, r.Sentences()+r.Text(), "nothing is known about other hosts")
	}
}
