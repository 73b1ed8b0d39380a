package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

var update = flag.Bool("update", false, "write the presets' files")

func TestTheFilesAreThePresets(t *testing.T) {
	t.Parallel()
	for name, preset := range map[string]trackdrive.WebhookConfig{
		"callgrid_bid.json":      trackdrive.CallGridBid("acme", "check_for_available_buyers", "11", "+15555550120"),
		"ringba_pixel.json":      trackdrive.RingbaPixel("acme", "0123456789abcdef0123456789abcdef", "11"),
		"call_postback.json":     trackdrive.CallPostback(),
		"ringba_conversion.json": trackdrive.RingbaConversion(),
	} {
		want, err := json.MarshalIndent(preset, "", "  ")
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(name, append(want, '\n'), 0o600))
		}
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), name)
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "file.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	for _, tt := range []struct {
		name        string
		args        []string
		status      int
		shows, errs string
	}{
		{"the sample", nil, accepted, "accepted: buyers.0.offer_conversion_payout|bid_price|bid|payout greater than 0: got 25.50", ""},
		{"a preview", []string{"-preview"}, accepted, "POST https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/check_for_available_buyers", ""},
		{"the pixel", []string{"-config", "ringba_pixel.json"}, accepted, "Decision: accepted", ""},
		{"the postback", []string{"-config", "call_postback.json"}, accepted, "Decision: accepted\n  holds: any of\n    holds: success is null: got nothing\n", ""},
		{"the conversion", []string{"-config", "ringba_conversion.json"}, accepted, "Decision: accepted\n", ""},
		{"a preview of the conversion", []string{"-config", "ringba_conversion.json", "-preview"}, accepted, "https://webhook.ringba.com/hook/token-of-the-number?call_id=RGB0001&call_revenue=25.50&sale_successful=true", ""},
		{"too low", []string{"-config", write(`{"url":"https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/check_for_available_buyers","body":"{}","acceptance":{"match":"all","criteria":[{"field":"buyers.0.offer_conversion_payout","condition":"Greater Than","value":"30"}]}}`)}, notAccepted, "rejected: buyers.0.offer_conversion_payout greater than 30: got 25.50", ""},
		{"unknown call", []string{"-config", "call_postback.json", "-values", write(`{"trackdrive_subdomain":"acme","trackdrive_call_uuid":"u-2","Call:ConversionPayout":"1"}`)}, notAccepted, "404 not found", ""},
		{"missing value", []string{"-values", write(`{}`)}, usage, "", "tag:CallerId"},
		{"broken configuration", []string{"-config", write(`{"url":"x","colour":1}`)}, usage, "", "colour"},
		{"every mistake with its place", []string{"-config", write("{\n\"url\": \"https://x.example/\",\n\"reply\": \"htm\",\n\"bdy\": 1}")}, usage, "", "configuration:\n  line 3, column 10: reply: must be one of json, xml, text, form"},
		{"lint", []string{"-config", "xml_ping_tree.json", "-lint"}, accepted, "No mistakes, and no weaknesses.", ""},
		{"lint of a ping that may sell", []string{"-lint"}, notAccepted, "TrackDrive may take a ping with caller_id and trackdrive_number as the post", ""},
		{"lint of a mistake", []string{"-config", write(`{"url":"x"}`), "-lint"}, usage, "", "url 1:1: must begin with https://"},
		{"XML", []string{"-config", "xml_ping_tree.json", "-explain", "replies/matched.xml"}, accepted, `accepted: response.bids.bid.0.seller_lead_bid greater than 0: got "19.50"`, ""},
		{"XML that refuses", []string{"-config", "xml_ping_tree.json", "-explain", "replies/unmatched.xml"}, notAccepted, `rejected: response.status equals Matched: got "Unmatched"`, ""},
		{"text", []string{"-config", "plain_text.json", "-explain", "replies/accepted.txt"}, accepted, `accepted: bid greater than 0: got "12.50"`, ""},
		{"a form", []string{"-config", "form.json", "-explain", "replies/accepted.form"}, accepted, `accepted: bid greater than 0: got "12.50"`, ""},
		{"JSON", []string{"-explain", write(`{"buyers":[{"bid":"7"}]}`)}, accepted, `payout greater than 0: got "7"`, ""},
		{"XML instead of text", []string{"-config", "xml_ping_tree.json", "-explain", "replies/accepted.txt"}, notAccepted, "Decision: undetermined", ""},
		{"no reply", []string{"-explain", "nowhere.xml"}, usage, "", "nowhere.xml"},
		{"no file", []string{"-config", "nowhere.json"}, usage, "", "nowhere.json"},
		{"bad flag", []string{"-x"}, usage, "", "-x"},
		{"an argument", []string{"callgrid_bid.json"}, usage, "", `unexpected argument "callgrid_bid.json"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			require.Equal(t, tt.status, run(t.Context(), tt.args, &out, &errs), out.String()+errs.String())
			require.Contains(t, out.String(), tt.shows)
			require.Contains(t, errs.String(), tt.errs)
		})
	}
}

// Without -send no environment is read; with it, what is wrong there is said
// before anything is sent.
func TestCredentialsComeFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		subdomain, credentials string
		says                   string // in the error, or in the output without one
	}{
		"a company":              {"acme", "Token dev", ""},
		"no company":             {"", "Token dev", "TRACKDRIVE_SUBDOMAIN is not set; give the company"},
		"nothing":                {"", "", "TRACKDRIVE_CREDENTIALS is not set: this goes without credentials."},
		"no credentials":         {"acme", "", "TRACKDRIVE_CREDENTIALS is not set: this goes without credentials."},
		"credentials of no form": {"acme", "made-up", `TRACKDRIVE_CREDENTIALS: trackdrive: invalid argument: credentials: have an unknown form; give "Basic ..."`},
		"a bad company":          {"a.b", "Token dev", "subdomain"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			b := button{out: &out}
			client, err := b.realClient(func(name string) string {
				return map[string]string{"TRACKDRIVE_SUBDOMAIN": test.subdomain, "TRACKDRIVE_CREDENTIALS": test.credentials}[name]
			})
			if err != nil {
				require.Nil(t, client)
				require.NotEmpty(t, test.says)
				out.WriteString(err.Error())
			}
			require.Contains(t, out.String(), test.says)
			require.NotContains(t, out.String(), "made-up")
		})
	}
}
