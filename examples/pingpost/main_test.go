package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestExitStatusTellsWhatBecameOfTheLead(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`[`), 0o600))
	flat := filepath.Join(t.TempDir(), "flat.json")
	require.NoError(t, os.WriteFile(flat, []byte(`{"caller_id":"+15555550142","zip":"90210"}`), 0o600))
	two := filepath.Join(t.TempDir(), "two.json")
	require.NoError(t, os.WriteFile(two, []byte(`{"caller_id":"+15555550142"} {}`), 0o600))
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		shows  string
	}{
		{"the best bid", nil, sold, "Sold. Dial +1555555"},
		{"all in order", []string{"-all"}, sold, "Posting to all buyers in order."},
		{"one buyer", []string{"-buyer", "103"}, sold, "Posting to Buyer C for 18.00."},
		{"no such buyer", []string{"-buyer", "Buyer D"}, notSold, "no bid fits the flags"},
		{"too low", []string{"-min-payout", "32.51"}, notSold, "no bid fits the flags"},
		{"just enough", []string{"-min-payout", "32.50"}, sold, "Buyer B"},
		{"accepted", []string{"-accept", "criteria.json"}, sold, "accepted: buyers.0.offer_conversion_payout greater than 20.00: got 25.00"},
		{"bad amount", []string{"-min-payout", "lots"}, usage, ""},
		{"bad lead", []string{"-lead", bad}, usage, ""},
		{"contact fields outside of fields", []string{"-lead", flat}, usage, ""},
		{"two leads", []string{"-lead", two}, usage, ""},
		{"no such file", []string{"-lead", filepath.Join(filepath.Dir(bad), "none.json")}, usage, ""},
		{"bad timeout", []string{"-timeout", "0s"}, usage, ""},
		{"all, but one", []string{"-all", "-buyer", "101"}, usage, ""},
		{"all, whatever they pay", []string{"-all", "-min-payout", "1"}, usage, ""},
		{"a stray word", []string{"sell"}, usage, ""},
		{"bad endpoint", []string{"-subdomain", "acme", "-endpoint", "a/b"}, usage, "endpoint"},
		{"help", []string{"-h"}, sold, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			require.Equal(t, tt.status, run(t.Context(), tt.args, &out, &errs), out.String()+errs.String())
			require.Contains(t, out.String(), tt.shows)
		})
	}
}

// What is wrong with a lead is said with what to do, where that is clear.
func TestHintsOfLeads(t *testing.T) {
	t.Parallel()
	const fields = `contact fields stand within "fields"`
	for lead, says := range map[string]string{
		`{"caller_id":"1","zip":"90210"}`:     `unknown field "zip"; ` + fields,
		`{"caller_id":15555550142}`:           "caller_id of type string; give text, in quotation marks",
		`[{"caller_id":"1"}]`:                 "; give one JSON object",
		`"+15555550142"`:                      "; give one JSON object",
		`{"caller_id":"1"`:                    "; the JSON ends too early",
		``:                                    "; the JSON ends too early",
		`{"caller_id":"1",}`:                  "invalid character '}'",
		`null`:                                "must be one JSON object",
		`{"caller_id":"1"} {"caller_id":"2"}`: "must be one JSON object",
		`{"caller_id":"1","fields":["zip"]}`:  "invalid argument: fields: must be a JSON object",
	} {
		t.Run(lead, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "lead.json")
			require.NoError(t, os.WriteFile(file, []byte(lead), 0o600))
			var out, errs bytes.Buffer
			require.Equal(t, usage, run(t.Context(), []string{"-lead", file}, &out, &errs))
			require.Contains(t, errs.String(), "pingpost: "+file+": ")
			require.Contains(t, errs.String(), says)
			if !strings.Contains(says, fields) {
				require.NotContains(t, errs.String(), fields)
			}
		})
	}
}

func TestWhatWentWrongIsSaidOnce(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-wrong"}, {"-min-payout", "lots"}} {
		var out, errs bytes.Buffer
		require.Equal(t, usage, run(t.Context(), args, &out, &errs))
		require.Equal(t, 1, strings.Count(errs.String(), args[0]+"\n")+strings.Count(errs.String(), args[0]+":"), errs.String())
	}
}

func TestHelpNamesTheEnvironment(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Equal(t, sold, run(t.Context(), []string{"-h"}, &out, &errs))
	for _, name := range credentialNames {
		require.Contains(t, errs.String(), name)
	}
}

var credentialNames = []string{"TRACKDRIVE_CREDENTIALS", "TRACKDRIVE_AUTH_TOKEN"}

func TestCredentialsComeFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		env           map[string]string
		header, param string
	}{
		{"pair", map[string]string{"TRACKDRIVE_CREDENTIALS": "pub:prv"}, "Basic cHViOnBydg==", ""},
		{"ready-made", map[string]string{"TRACKDRIVE_CREDENTIALS": "Basic cHViOnBydg=="}, "Basic cHViOnBydg==", ""},
		{"developer", map[string]string{"TRACKDRIVE_CREDENTIALS": "Token dev"}, "Token dev", ""},
		{"parameter", map[string]string{"TRACKDRIVE_AUTH_TOKEN": "legacy"}, "", "legacy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := trackdrivetest.NewServer(t)
			fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell"})
			auth, err := authenticator(from(tt.env))
			require.NoError(t, err)
			client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL), trackdrive.WithAuth(auth))
			require.NoError(t, err)
			_, err = client.Ping(t.Context(), "sell", &trackdrive.PingRequest{})
			require.NoError(t, err)
			require.Equal(t, tt.header, fake.Last().Header.Get("Authorization"))
			require.Equal(t, tt.param, fake.Last().Params.Text("auth_token"))
		})
	}
	auth, err := authenticator(from(nil))
	require.NoError(t, err)
	require.Nil(t, auth)
	for text, says := range map[string]string{
		"made-up":       `TRACKDRIVE_CREDENTIALS: trackdrive: invalid argument: credentials: have an unknown form; give "Basic ..."`,
		"made-up:":      "TRACKDRIVE_CREDENTIALS: trackdrive: invalid argument: private key: is empty",
		"Basic made-up": "TRACKDRIVE_CREDENTIALS: trackdrive: invalid argument: basic token: is not the base64",
	} {
		_, err := authenticator(from(map[string]string{"TRACKDRIVE_CREDENTIALS": text}))
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "made-up")
	}
	_, err = authenticator(from(map[string]string{"TRACKDRIVE_CREDENTIALS": "Token a", "TRACKDRIVE_AUTH_TOKEN": "b"}))
	require.ErrorContains(t, err, "are both set")
}

func from(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestALostAnswerIsUnknownWhereItMayBeASale(t *testing.T) {
	t.Parallel()
	const ping, post = trackdrivetest.OpPing, trackdrivetest.OpPost
	static := trackdrive.PingRequest{CallerID: "+15555550142", TrackdriveNumber: "+15555550190"}
	caller := trackdrive.PingRequest{CallerID: "+15555550142"}
	for _, tt := range []struct {
		name    string
		request trackdrive.PingRequest
		op      trackdrivetest.Operation
		fault   trackdrivetest.Fault
		status  int
		shows   string
	}{
		{"post dropped", caller, post, trackdrivetest.Drop(), unknown, "Do not post it again"},
		{"post dropped after the sale", caller, post, trackdrivetest.AfterActing(trackdrivetest.Drop()), unknown, "Do not post it again"},
		{"post at a gateway", caller, post, trackdrivetest.BadGateway(), unknown, "502 server error"},
		{"post cut", caller, post, trackdrivetest.Truncated(), unknown, "unreadable reply"},
		{"post late", caller, post, trackdrivetest.Slow(time.Hour), unknown, "timeout"},
		{"post refused", caller, post, trackdrivetest.Refusal("rejected", "Buyer is gone"), notSold, "the post was rejected (rejected): Buyer is gone"},
		{"post limited", caller, post, trackdrivetest.TooManyRequests(time.Hour), notSold, "429 rate limited"},
		{"ping dropped", caller, ping, trackdrivetest.Drop(), notSold, "Not sold."},
		{"ping that may be the post, dropped", static, ping, trackdrivetest.Drop(), unknown, "Do not post it again"},
		{"ping refused", caller, ping, trackdrivetest.Refusal("caller_number_suppressed"), notSold, "no buyer wants the call (caller_number_suppressed)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := trackdrivetest.NewServer(t)
			fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "5"}}})
			fake.Fail(tt.op, tt.fault, trackdrivetest.Always)
			var out bytes.Buffer
			s := &seller{config: config{endpoint: "sell"}, out: &out, request: &tt.request}
			var err error
			s.client, err = trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL), trackdrive.WithTimeout(time.Second), trackdrive.WithObserver(s.observe))
			require.NoError(t, err)
			require.Equal(t, tt.status, s.sell(t.Context()), out.String())
			require.Contains(t, out.String(), tt.shows)
			require.Contains(t, out.String(), " ms  "+string(tt.op)+", attempt 1: ")
			require.LessOrEqual(t, len(fake.Posts()), 1, "a post is sent once")
		})
	}
}
