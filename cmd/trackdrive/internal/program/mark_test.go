package program_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
)

// Some editors write a byte order mark at the beginning of a file.
func TestAByteOrderMarkIsNoPartOfAFile(t *testing.T) {
	t.Parallel()
	const mark = "\ufeff"
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(mark+text), 0o600))
		return path
	}
	srv := fakeWithBuyer(t)
	webhook := write("webhook.json", `{"url": "https://acme.trackdrive.com/?zip=[zip]"}`)
	criteria := write("criteria.json", `{"criteria": [{"field": "ok", "condition": "Is True"}]}`)
	wrong := write("wrong.json", `{"criteria": [{"field": "ok", "condition": "Is Tru"}]}`)
	private := write("private-key.txt", "made-up-private")
	for name, test := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"fields":      {[]string{"ping", "acme", "health", "--fields", write("fields.json", `{"zip": "90210"}`)}, 0, "accepted: 1 buyer"},
		"credentials": {[]string{"ping", "acme", "health", "--credentials", write("credentials.yaml", "companies: {acme: {auth_token: made-up}}")}, 0, "accepted: 1 buyer"},
		"one line":    {[]string{"ping", "acme", "health", "--credentials", write("line.txt", "made-up-public:made-up-private\n")}, 0, "accepted: 1 buyer"},
		"a URL":       {[]string{"outbox", "list", "--postgres-url-file", write("url.txt", "postgres://127.0.0.1:1/outbox")}, 1, "does not answer"},
		"a fake":      {[]string{"fake", "--check", "--config", write("fake.yaml", "companies: {acme: {access: [{public_key: made-up, private_key: {file: "+filepath.Base(private)+"}}]}}")}, 0, "ok: companies: 1"},
		"a webhook":   {[]string{"webhook", "lint", webhook}, 0, "no mistakes"},
		"values":      {[]string{"webhook", "preview", webhook, "--values", write("values.json", `{"zip": "90210"}`)}, 0, "zip=90210"},
		"criteria":    {[]string{"criteria", "lint", criteria}, 0, "no mistakes"},
		"a mistake":   {[]string{"criteria", "lint", wrong}, 1, `wrong.json:1:44: criteria[0].condition: "Is Tru"`},
		"a reply":     {[]string{"criteria", "explain", criteria, "--reply", write("reply.json", `{"ok": true}`)}, 0, "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession("")
			s.env["TRACKDRIVE_BASE_URL"] = srv.URL
			require.Equal(t, test.status, program.Run(t.Context(), s.Terminal, test.args), s.err.String())
			require.Contains(t, s.out.String()+s.err.String(), test.want)
		})
	}
}
