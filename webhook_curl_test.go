package trackdrive_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// curlArguments runs a command in a shell in which curl prints its arguments, and
// returns them.
func curlArguments(t *testing.T, command string) []string {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-euc", "curl() { printf '%s\\036' \"$@\"; }\n"+command)
	shell.Env = []string{"HOME=home-of-nobody", "LEAD_TOKEN=from the environment"}
	shell.Dir = t.TempDir()
	out, err := shell.CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
	return strings.Split(strings.TrimSuffix(string(out), "\036"), "\036")
}

func TestCurlIsTheRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		request trackdrive.WebhookRequest
		want    []string
	}{
		{
			"a postback",
			trackdrive.WebhookRequest{
				Method: "POST", URL: "https://acme.trackdrive.com/api/v1/calls/update_call/4f6ab8c2-7a31-4c0e-9d55-0a1b2c3d4e5f",
				Header: map[string]string{"X-B": "2", "Content-Type": "application/json", "X-A": "1"}, Body: "{\n  \"revenue\": \"25.50\"\n}",
			},
			[]string{
				"--request", "POST", "--url", "https://acme.trackdrive.com/api/v1/calls/update_call/4f6ab8c2-7a31-4c0e-9d55-0a1b2c3d4e5f",
				"--header", "Content-Type: application/json", "--header", "X-A: 1", "--header", "X-B: 2", "--data-raw", "{\n  \"revenue\": \"25.50\"\n}",
			},
		},
		{
			"brackets in the URL, which curl would expand",
			trackdrive.WebhookRequest{Method: "GET", URL: "https://x.example/?post_call_tokens[zip]={1,2}&a=1"},
			[]string{"--request", "GET", "--globoff", "--url", "https://x.example/?post_call_tokens[zip]={1,2}&a=1"},
		},
		{
			"a body without a type, which curl would call a form",
			trackdrive.WebhookRequest{Method: "PUT", URL: "https://x.example/", Body: "hello"},
			[]string{"--request", "PUT", "--url", "https://x.example/", "--header", "Content-Type:", "--data-raw", "hello"},
		},
		{
			"an empty header, which curl would leave out",
			trackdrive.WebhookRequest{Method: "PUT", URL: "https://x.example/", Header: map[string]string{"X-A": ""}},
			[]string{"--request", "PUT", "--url", "https://x.example/", "--header", "X-A;"},
		},
		{"nothing", trackdrive.WebhookRequest{}, []string{"--request", "GET", "--url", ""}},
		{
			"a header that would name a file",
			trackdrive.WebhookRequest{URL: "https://x.example/", Header: map[string]string{"@/etc/passwd": "1", "X-A": "@/etc/hosts"}},
			[]string{"--request", "GET", "--url", "https://x.example/", "--header", "X-A: @/etc/hosts"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, curlArguments(t, tt.request.Curl()))
		})
	}
}

func TestCurlQuotesHostileValues(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"it's", "'", "''", `"`, `\`, `\'`, "a\nb", "\n", "$(touch gone)", "`touch gone`", "$HOME", "${LEAD_TOKEN}", "; touch gone", "&& touch gone", "| cat",
		"@/etc/hosts", "-o gone", "--next", "#", "!", "!!", "*", "~", "{a,b}", "[1-3]", "<in", ">out", "%", "\t", "é😀", " ", "'$(touch gone)'", `'"'"'`,
	} {
		r := trackdrive.WebhookRequest{Method: value, URL: value, Header: map[string]string{"X-A": value}, Body: value}
		got := curlArguments(t, r.Curl())
		require.Subset(t, got, []string{"--request", "--url", "--header", "X-A: " + value, "--data-raw", value}, value)
		require.Equal(t, value, got[1])
		require.Equal(t, value, got[len(got)-1])
	}
}

func TestCurlShowsNoCredential(t *testing.T) {
	t.Parallel()
	const secret = "made-up-secret-77"
	for _, tt := range []struct {
		name    string
		request trackdrive.WebhookRequest
		want    string
	}{
		{"query", trackdrive.WebhookRequest{URL: "https://x.example/?a=1&auth_token=" + secret + "&b=2"}, "https://x.example/?a=1&auth_token=<auth_token>&b=2"},
		{"nested in the query", trackdrive.WebhookRequest{URL: "https://x.example/?data[lead_token]=" + secret}, "https://x.example/?data[lead_token]=<lead_token>"},
		{"escaped name in the query", trackdrive.WebhookRequest{URL: "https://x.example/?auth%5Ftoken=" + secret}, "https://x.example/?auth%5Ftoken=<auth_token>"},
		{"user info", trackdrive.WebhookRequest{URL: "https://pat:" + secret + "@x.example/"}, "https://<user>:<password>@x.example/"},
		{"header", trackdrive.WebhookRequest{Header: map[string]string{"X-Api-Key": secret}}, "X-Api-Key: <X-Api-Key>"},
		{"scheme", trackdrive.WebhookRequest{Header: map[string]string{"Authorization": "Token " + secret}}, "Authorization: Token <Authorization>"},
		{"scheme in another header", trackdrive.WebhookRequest{Header: map[string]string{"X-Forward": "Bearer " + secret}}, "X-Forward: Bearer <X-Forward>"},
		{"cookie", trackdrive.WebhookRequest{Header: map[string]string{"Cookie": "session=" + secret}}, "Cookie: <Cookie>"},
		{
			"JSON", trackdrive.WebhookRequest{Body: `{ "lead_token" : "` + secret + `", "caller_id": "+15555550142" }`},
			`{ "lead_token" : "<lead_token>", "caller_id": "+15555550142" }`,
		},
		{
			"nested JSON", trackdrive.WebhookRequest{Body: `{"credentials":{"user":"` + secret + `","tries":[7,"` + secret + `",null,true,""]},"a":[{"api_key":77}]}`},
			`{"credentials":{"user":"<user>","tries":["<tries>","<tries>",null,true,""]},"a":[{"api_key":"<api_key>"}]}`,
		},
		{"JSON that is a name", trackdrive.WebhookRequest{Body: `{"we\"ird \u0074oken":"` + secret + `"}`}, `{"we\"ird \u0074oken":"<we\"ird token>"}`},
		{
			"form", trackdrive.WebhookRequest{Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, Body: "lead_token=" + secret + "&a=b"},
			"lead_token=<lead_token>&a=b",
		},
		{"broken JSON", trackdrive.WebhookRequest{Header: map[string]string{"Content-Type": "application/json"}, Body: `{"lead_token":"` + secret + `"`}, "<body>"},
		{"path behind a name", trackdrive.WebhookRequest{URL: "https://x.example/token/" + secret + "/calls"}, "https://x.example/token/<token>/calls"},
		{"path behind two names", trackdrive.WebhookRequest{URL: "https://x.example/token/key/made-up-secret"}, "https://x.example/token/<token>/<token>"},
		{"path of a hook", trackdrive.WebhookRequest{URL: "https://webhook.ringba.com/hook/" + secret + "?call_id=1"}, "https://webhook.ringba.com/hook/<hook>?call_id=1"},
		{"path of TrackDrive", trackdrive.WebhookRequest{URL: "https://acme.trackdrive.com/api/v1/leads/" + secret + "/5555550142/by_caller_number"}, "https://acme.trackdrive.com/api/v1/leads/<lead_token>/5555550142/by_caller_number"},
		{"secure path of TrackDrive", trackdrive.WebhookRequest{URL: "https://acme.trackdrive.com/api/v1/secure/" + secret + "/calls/77"}, "https://acme.trackdrive.com/api/v1/secure/<token>/calls/77"},
		{"path that looks like a credential", trackdrive.WebhookRequest{URL: "https://x.example/" + secret + "/a"}, "https://x.example/<token>/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command := tt.request.Curl()
			require.NotContains(t, command, secret)
			require.Contains(t, curlArguments(t, command), tt.want)
		})
	}
	uuid := "https://acme.trackdrive.com/api/v1/calls/update_call/4f6ab8c2-7a31-4c0e-9d55-0a1b2c3d4e5f"
	require.Contains(t, trackdrive.WebhookRequest{URL: uuid}.Curl(), uuid, "a call's uuid is not a credential")
	ping := "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health_insurance_2026"
	require.Contains(t, trackdrive.WebhookRequest{URL: ping}.Curl(), ping, "nor is an endpoint's name")
}

func TestCurlOfPresetsShowsNoCredential(t *testing.T) {
	t.Parallel()
	values := trackdrive.Values{
		"tag:CallerId": "+15555550142", "tag:InboundNumber:Number": "+15555550142", "Call:InboundCallID": "RGB7A",
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "4f6ab8c2", "Call:ConversionPayout": "25.50",
		"ringba_webhook_token": "made-up-hook", "ringba_call_uuid": "RGB7A", "revenue": "25.50",
	}
	for _, cfg := range webhookPresets() {
		r, err := newWebhook(t, cfg).Preview(values)
		require.NoError(t, err)
		command := r.Curl()
		require.NotContains(t, command, "made-up", cfg.Name)
		got := curlArguments(t, command)
		require.Equal(t, r.Method, got[1])
	}
}
