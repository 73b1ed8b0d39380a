package trackdrive_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/fillhook"
)

// A shadow differs from its request where tokens were, and nowhere else.
func TestTheShadowOfARequest(t *testing.T) {
	t.Parallel()
	webhook, err := trackdrive.ParseWebhook([]byte(`{
		"url": "https://acme.example/[account]/x?gone=[gone]&n=[n]&lit=1",
		"header": {"X-Source": "from [n]"},
		"body": "{\"gone\": \"[gone]\", \"text\": \"a [n] b\", \"bid\": [bid], \"zip\": \"[zip]{90210}\"}",
		"values": {"account": "north"},
		"tokens": {"gone": {"omit_blank": true}, "n": {"from": "which", "map": {"1": "one \"1\""}}}
	}`))
	require.NoError(t, err)
	values := trackdrive.Values{"which": "1", "bid": "12.50"}
	request, err := webhook.Preview(values)
	require.NoError(t, err)
	shadow := fillhook.ShadowOf(webhook, values)
	same := func(text, shadow string) string {
		require.Len(t, shadow, len(text))
		same := []byte(text)
		for i := range same {
			if text[i] != shadow[i] {
				same[i] = '_'
			}
		}
		return string(same)
	}
	require.Equal(t, "https://acme.example/_____/x?n=___________&lit=1", same(request.URL, shadow.URL))
	require.Equal(t, `{ "text": "a _________ b", "bid": _____, "zip": "_____"}`, same(request.Body, shadow.Body))
	require.Len(t, shadow.Header, len(request.Header))
	for name, want := range map[string]string{"X-Source": `from _______`, "Content-Type": "application/json"} {
		require.Equal(t, want, same(request.Header[name], shadow.Header[name]))
	}
	require.Equal(t, fillhook.Shadow{}, fillhook.ShadowOf(nil, nil))
	require.Equal(t, fillhook.Shadow{}, fillhook.ShadowOf(new(trackdrive.Webhook), nil))
	require.NotPanics(t, func() { fillhook.ShadowOf(webhook, trackdrive.Values{"bid": "no number"}) })
}
