package program_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// plantedForms are the credentials that the commands are given, in the forms in which
// they may leak.
func plantedForms(secrets ...string) []string {
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)))
	}
	return append(forms, base64.StdEncoding.EncodeToString([]byte(plantedPublic+":"+plantedPrivate)))
}

const (
	plantedPublic  = "PLANTED-public/01+2"
	plantedPrivate = "PLANTED-private/34+5"
	plantedLead    = "PLANTED-lead/56+7"
	plantedOffer   = "PLANTED-offer/78+9"
	plantedKey     = "PLANTED-key/90+1"
)

// echoServer repeats each request in its reply, in several forms.
func echoServer(t *testing.T, status int, isJSON bool) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		echo := r.URL.String() + " " + r.Header.Get("Authorization") + " " + r.Header.Get("X-Api-Key") + " " + string(body)
		if token, isBasic := strings.CutPrefix(r.Header.Get("Authorization"), "Basic "); isBasic {
			decoded, _ := base64.StdEncoding.DecodeString(token)
			echo += " " + string(decoded)
		}
		forms := []string{echo, url.QueryEscape(echo), base64.StdEncoding.EncodeToString([]byte(echo)), hex.EncodeToString([]byte(echo))}
		if !isJSON {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>"+strings.Join(forms, "\n"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"success": status < 300, "status": echo, "errors": map[string]any{"base": forms, echo: []string{"is wrong"}},
			"lead_id": echo, "forwarding_number": "+15555550199", "buyer_name": echo,
			"buyers": []any{map[string]any{"id": 1, "name": echo, "tier": echo, "ping_id": echo, "bid": "1.00"}},
		})
	}))
	t.Cleanup(srv.Close)
	return srv
}

// TestNoOutputShowsACredential runs each command that sends one, against a server that
// repeats all of it.
func TestNoOutputShowsACredential(t *testing.T) {
	t.Parallel()
	const call = "00000000-0000-4000-8000-000000000001"
	for _, status := range []int{200, 401, 403, 404, 422, 429, 500} {
		for _, isJSON := range []bool{true, false} {
			srv := echoServer(t, status, isJSON)
			dir := t.TempDir()
			write := func(name, text string) string {
				path := filepath.Join(dir, name)
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
				return path
			}
			credentials := write("credentials.yaml", "companies:\n  acme:\n    public_key: "+plantedPublic+"\n    private_key: "+plantedPrivate+
				"\ntokens:\n  acme/lead_token: "+plantedLead+"\n  offer: "+plantedOffer+"\n  acme/offer_token: "+plantedOffer+"\n")
			hook := write("hook.json", `{"url": "`+srv.URL+`/hooks/[api_key]/x?api_key=[api_key]", "header": {"X-Api-Key": "[api_key]"}, "body": "{\"secret\": \"[api_key]\", \"note\": \"is [api_key]\"}",
				"acceptance": {"criteria": [{"field": "status", "condition": "Equals", "value": "x"}]}}`)
			fixed := write("fixed.json", `{"url": "`+srv.URL+`/?api_key=[api_key]", "values": {"api_key": "`+plantedKey+`"}}`)
			values := write("values.json", `{"api_key": "`+plantedKey+`"}`)
			fields := write("fields.json", `{"api_key": "`+plantedKey+`"}`)
			for _, args := range [][]string{
				{"ping", "acme", "health", "--caller-id", "+15555550142"},
				{"ping", "acme", "health", "--caller-id", "+15555550142", "--fields", fields},
				{"post", "acme", "health", "--ping-id", "x", "--caller-id", "+15555550142", "--yes"},
				{"full", "acme", "health", "--caller-id", "+15555550142", "--yes", "--encoding", "query"},
				{"full", "acme", "health", "--caller-id", "+15555550142", "--dry-run", "--fields", fields},
				{"full", "acme", "health", "--caller-id", "+15555550142", "--dry-run", "--fields", fields, "--encoding", "form"},
				{"update", "acme", call, "--revenue", "1.00", "--yes"},
				{"update", "acme", "--caller-id", "+15555550142", "--buyer-converted", "true", "--yes"},
				{"update", "acme", "--caller-id", "+15555550142", "--buyer-converted", "true", "--dry-run"},
				{"lead", "acme", "--caller-id", "+15555550142", "--yes"},
				{"lead", "acme", "--caller-id", "+15555550142", "--dry-run"},
				{"webhook", "preview", hook, "--values", values},
				{"webhook", "preview", hook, "--values", values, "--curl"},
				{"webhook", "run", hook, "--values", values, "--yes", "--company", "acme"},
				{"webhook", "preview", fixed},
				{"webhook", "run", fixed, "--yes"},
				{"webhook", "convert", fixed, "--to", "ringba"},
				{"webhook", "lint", fixed},
				{"outbox", "drain", "--yes", "--for", "200ms", "--store", outboxWithTokens(t)},
			} {
				for _, format := range []string{"--json", "--show-numbers"} {
					s := newSession("")
					s.env["TRACKDRIVE_BASE_URL"] = srv.URL
					withFlags := append(append([]string{}, args...), format, "--show-numbers")
					if args[0] != "webhook" || args[1] == "run" {
						withFlags = append(withFlags, "--credentials", credentials)
					}
					exit := program.Run(t.Context(), s.Terminal, withFlags)
					require.NotEqual(t, 2, exit, "%v: %s", withFlags, s.err.String())
					for _, form := range plantedForms(plantedPublic, plantedPrivate, plantedLead, plantedOffer, plantedKey) {
						require.NotContains(t, s.out.String(), form, "%d %v", status, withFlags)
						require.NotContains(t, s.err.String(), form, "%d %v", status, withFlags)
					}
				}
			}
		}
	}
}

// outboxWithTokens is the path of an outbox with items whose requests have tokens.
func outboxWithTokens(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conversions.db")
	store, err := boltstore.Open(path, nil)
	require.NoError(t, err)
	byCaller, err := outbox.NewUpdateByCaller("sale-1", "acme", "+15555550142", &trackdrive.CallerUpdate{OfferToken: "offer", Revenue: trackdrive.MustAmount("1.00")})
	require.NoError(t, err)
	lead, err := outbox.NewCaptureLead("lead-1", "acme", &trackdrive.Lead{CallerID: "+15555550143"})
	require.NoError(t, err)
	for _, item := range []outbox.Item{byCaller, lead} {
		_, _, err = outbox.Enqueue(t.Context(), store, item)
		require.NoError(t, err)
	}
	require.NoError(t, store.Close())
	return path
}
