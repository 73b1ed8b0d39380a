package wire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

func TestPhoneNumbersInValuesAreMasked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, want string }{
		{"caller_id", "+15555550142", "…42"},
		{"caller_id", "(555) 555-0142", "…42"},
		{"caller_id", "5550142", "…42"},
		{"forwarding_number", "15555550142", "…42"},
		{"phone", "555.555.0142", "…42"},
		{"note", "+15555550142", "…42"},
		{"note", "call 5555550142", "call 5555550142"}, // a text, not a number
		{"ping_id", "15555550142", "15555550142"},
		{"zip", "90210", "90210"},
		{"payout", "25.50", "25.50"},
		{"date", "2026-03-01", "2026-03-01"},
		{"uuid", "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000001"},
		{"", "", ""},
	} {
		require.Equal(t, tt.want, maskNumber(&term.Terminal{}, tt.name, tt.value), "%s %s", tt.name, tt.value)
		require.Equal(t, tt.value, maskNumber(&term.Terminal{ShowNumbers: true}, tt.name, tt.value))
	}
}

func TestBodiesAreShownWithoutCredentials(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ body, contentType, want string }{
		"nested JSON":       {`{"b":1,"a":{"lead_token":"x","n":[{"caller_id":"+15555550142"}]}}`, "", "{\n  \"b\": 1,\n  \"a\": {\n    \"lead_token\": \"<lead_token>\",\n    \"n\": [\n      {\n        \"caller_id\": \"…42\"\n      }\n    ]\n  }\n}"},
		"empty JSON":        {`{"a":{},"b":[],"c":null,"d":false}`, "", "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": null,\n  \"d\": false\n}"},
		"a number":          {`{"caller_id":15555550142}`, "", "{\n  \"caller_id\": \"…42\"\n}"},
		"exact digits":      {`{"bid":25.500}`, "", "{\n  \"bid\": 25.500\n}"},
		"signs":             {`{"a":"<&>"}`, "", "{\n  \"a\": \"<&>\"\n}"},
		"a list of secrets": {`{"api_keys":["x","y"]}`, "", "{\n  \"api_keys\": [\n    \"<api_keys>\",\n    \"<api_keys>\"\n  ]\n}"},
		"a form":            {"caller_id=%2B15555550142&lead_token=x&zip=90210", "application/x-www-form-urlencoded; charset=utf-8", "caller_id=…42&lead_token=<lead_token>&zip=90210"},
		"a text":            {"call +15555550142 at 2026-03-01 10:30:00", "text/plain", "call …42 at 2026-03-01 10:30:00"},
		"two documents":     {`{"a":1}{"b":2}`, "", `{"a":1}{"b":2}`},
		"half a document":   {`{"a":`, "", `{"a":`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, Body(&term.Terminal{}, tt.body, tt.contentType))
		})
	}
}

func TestAddressesAreShownWithoutCredentials(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://acme.trackdrive.com/api/v1/calls/update_by_caller_id/+15555550142": "https://acme.trackdrive.com/api/v1/calls/update_by_caller_id/…42",
		"https://acme.trackdrive.com/x?auth_token=a&caller_id=15555550142":          "https://acme.trackdrive.com/x?auth_token=<auth_token>&caller_id=…42",
		"https://u:p@partner.example/it's":                                          "https://<user>:<password>@partner.example/it's",
		"https://partner.example":                                                   "https://partner.example",
	} {
		require.Equal(t, want, Shown(&term.Terminal{}, trackdrive.WebhookRequest{URL: address}).URL)
	}
}
