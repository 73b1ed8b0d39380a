package trackdrivetest_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func basic(pair string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

func TestCredentialsOfEveryKind(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{RequireAuth: true})
	srv.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-1", PrivateKey: "tdprv-1"})
	srv.AddAccess(trackdrivetest.Access{DeveloperToken: "dev-1"})
	srv.AddAccess(trackdrivetest.Access{AuthToken: "auth-1"})
	tests := map[string]struct {
		header, body string
		want         int
	}{
		"none":                             {"", `{}`, 401},
		"basic":                            {basic("tdpub-1:tdprv-1"), `{}`, 200},
		"basic with a wrong key":           {basic("tdpub-1:tdprv-2"), `{}`, 401},
		"basic that is not base64":         {"Basic ???", `{}`, 401},
		"token":                            {"Token dev-1", `{}`, 200},
		"token in Rails' form":             {`Token token="dev-1"`, `{}`, 200},
		"wrong token":                      {"Token dev-2", `{}`, 401},
		"a scheme that TrackDrive has not": {"Bearer dev-1", `{}`, 401},
		"auth_token":                       {"", `{"auth_token":"auth-1"}`, 200},
		"wrong auth_token":                 {"", `{"auth_token":"auth-2"}`, 401},
		"empty auth_token":                 {"", `{"auth_token":""}`, 401},
		"a wrong header beside auth_token": {"Token dev-2", `{"auth_token":"auth-1"}`, 401},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{pingPath, postPath, fullPath} {
				r := newRequest(t, http.MethodPost, srv.URL+"/api/v1/"+path+"?caller_id=5555550100", "application/json", test.body)
				if test.header != "" {
					r.Header.Set("Authorization", test.header)
				}
				got := do(t, r)
				require.Equal(t, test.want, got.status)
				if test.want == http.StatusUnauthorized {
					require.Equal(t, "HTTP Basic: Access denied.\n", got.text)
				}
			}
		})
	}
}

func TestWithoutUsersAnyCredentialsAreAccepted(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{RequireAuth: true})
	require.Equal(t, 200, send(t, srv, pingPath, `{"auth_token":"whatever"}`).status)
	require.Equal(t, 401, send(t, srv, pingPath, `{}`).status)
}
