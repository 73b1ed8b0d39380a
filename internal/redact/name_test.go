package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/redact"
)

func TestNamesOfCredentials(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"lead_token", "offer_lead_token", "schedule_lead_token", "offer_token", "offer_key", "auth_token", "access_token", "refresh_token", "id_token",
		"developer_token", "ringba_webhook_token", "publisher_token", "token", "tdtoken", "csrf-token", "x_auth_token", "session_token",
		"api_key", "apikey", "x-api-key", "x_api_key", "private_key", "public_key", "signing_key", "key", "subscription-key", "ocp-apim-subscription-key",
		"password", "passwd", "pwd", "pass", "user_pass", "passphrase", "passcode", "user_password", "basic_auth_password_here", "userpassword",
		"secret", "client_secret", "clientsecret", "webhook_secret", "secret_key", "secrets", "shared-secret",
		"authorization", "proxy-authorization", "auth", "x-auth", "basic_auth", "oauth", "bearer", "bearer_token", "bearer-auth", "jwt", "cookie", "set-cookie",
		"credential", "credentials", "creds", "aws_credentials",
		"access_tokens", "api_keys", "lead_tokens", "auth_tokens",
		"token2", "api_key_2", "password1", "token_1", "lead_token[]", "auth_token[value]", "data[api_key]", "data[tokens][lead_token]", "user.password",
		"tag:User:api_key", "User:secret", "a/b/token", "auth token", "tokenvalue", "passwordhash", "token_id",
		"accessToken", "apiKey", "APIKey", "clientSecret", "userPass", "XAuth", "leadToken", "authToken2", "HTTPAuth",
	} {
		for _, spelled := range []string{name, strings.ToUpper(name), strings.ToLower(name), strings.ReplaceAll(name, "_", "-"), strings.ReplaceAll(name, "-", "_"), title(name)} {
			if spelled == strings.ToLower(name) && spelled != name || spelled == strings.ToUpper(name) && name != strings.ToLower(name) {
				continue // humps are gone
			}
			require.True(t, redact.IsCredentialName(spelled), spelled)
		}
	}
	for _, name := range []string{
		"", "keyword", "Keywords", "key_press", "keypress", "author", "author_id", "authority", "authorized", "secretary", "passenger", "pass_through", "compass_heading", "compass", "bypass",
		"tokens", "Tokens", "post_call_tokens", "post-call-tokens", "post_call_tokens[first_name]", "call_tokens", "token_values", "token_value", "data[tokens]",
		"first_name", "caller_id", "traffic_source_id", "trackdrive_number", "jornaya_leadid", "trusted_form_cert_url", "ping_id", "buyer_id", "digits", "zip", "monk",
		"ringba_call_uuid", "call_uuid", "url", "[]", "a[b]", "123", "data", "bear", "cook", "ipAddress", "keyId",
	} {
		require.False(t, redact.IsCredentialName(name), name)
	}
}

func title(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' })
	for i, part := range parts {
		parts[i] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, "-")
}
