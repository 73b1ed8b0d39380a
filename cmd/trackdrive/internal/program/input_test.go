package program_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
)

// A file of parameters or values is one JSON object without repeated names, or nothing is
// sent: a value that is silently dropped sells the wrong thing.
func TestFilesOfParametersAreReadStrictly(t *testing.T) {
	t.Parallel()
	webhook := filepath.Join(t.TempDir(), "webhook.json")
	require.NoError(t, os.WriteFile(webhook, []byte(`{"url": "https://acme.trackdrive.com/?zip=[zip]&x=[x]"}`), 0o600))
	commands := map[string][]string{
		"ping":   {"ping", "acme", "health", "--field", "x=1", "--fields"},
		"post":   {"post", "acme", "health", "--ping-id", "bp-1-101", "--yes", "--fields"},
		"update": {"update", "acme", "00000000-0000-4000-8000-000000000001", "--revenue", "1", "--yes", "--fields"},
		"lead":   {"lead", "acme", "--field", "x=1", "--yes", "--fields"},
		"values": {"webhook", "preview", webhook, "--value", "x=1", "--values"},
	}
	for text, want := range map[string]string{
		`null`:                    "parameters.json must hold one JSON object",
		`[{"zip":"1"}]`:           "parameters.json must hold one JSON object",
		`"zip"`:                   "parameters.json must hold one JSON object",
		`{"zip":"1"}]`:            "parameters.json:1:12: text after the document; leave it out",
		`{"zip":"1"} {"zip":"1"}`: "parameters.json:1:13: text after the document; leave it out",
		"{\"zip\":\"1\",\n}":      "parameters.json:2:1: a comma with no member after it; leave the comma out",
		`{"zip":"1","zip":"2"}`:   "parameters.json:1:12: zip is given twice",
	} {
		for name, args := range commands {
			path := filepath.Join(t.TempDir(), "parameters.json")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			srv := fakeWithBuyer(t)
			s := newSession("")
			s.env["TRACKDRIVE_BASE_URL"], s.env["TRACKDRIVE_LEAD_TOKEN"] = srv.URL, "made-up"
			require.Equal(t, 1, program.Run(t.Context(), s.Terminal, append(args, path)), "%s %s", name, text)
			require.Contains(t, s.err.String(), want, name)
			require.Empty(t, srv.Requests())
		}
	}
}

func TestRepeatedNamesAreFoundAtAnyDepth(t *testing.T) {
	t.Parallel()
	s := newSession(`{"lead": [{"zip": 1, "age": 2, "zip": 3}]}`)
	require.Equal(t, 1, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health", "--fields", "-", "--dry-run"}))
	require.Equal(t, "stdin:1:32: zip is given twice\n", s.err.String())

	s = newSession(`{"lead": [{"zip": 1}, {"zip": 12345678901234567890}], "zip": null}`)
	require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health", "--fields", "-", "--dry-run"}), s.err.String())
	require.Contains(t, s.out.String(), "12345678901234567890", "exact")
}

// A script whose variable is empty sells nothing, also at a fake, which needs no company.
func TestEmptyNamesAreRefused(t *testing.T) {
	t.Parallel()
	const uuid = "00000000-0000-4000-8000-000000000001"
	for _, blank := range []string{"", " ", "\t\n", "\u00a0"} {
		for name, test := range map[string]struct {
			args []string
			want string
		}{
			"ping":     {[]string{"ping", blank, "health"}, "COMPANY is empty; give the subdomain, such as acme"},
			"post":     {[]string{"post", blank, "health", "--ping-id", "bp-1-101", "--yes"}, "COMPANY is empty; give the subdomain, such as acme"},
			"full":     {[]string{"full", blank, "health", "--yes"}, "COMPANY is empty; give the subdomain, such as acme"},
			"dry run":  {[]string{"full", blank, "health", "--dry-run"}, "COMPANY is empty; give the subdomain, such as acme"},
			"alone":    {[]string{"full", blank, "--yes"}, "COMPANY is empty; give the subdomain, such as acme"},
			"update":   {[]string{"update", blank, uuid, "--revenue", "1", "--yes"}, "COMPANY is empty; give the subdomain, such as acme"},
			"lead":     {[]string{"lead", blank, "--yes"}, "COMPANY is empty; give the subdomain, such as acme"},
			"endpoint": {[]string{"full", "acme", blank, "--yes"}, "ENDPOINT is empty; give the last part of the address in TrackDrive's posting instructions, such as check_for_available_buyers"},
			"uuid":     {[]string{"update", "acme", blank, "--revenue", "1", "--yes"}, "CALL_UUID is empty; give the uuid of the call, or --caller-id"},
		} {
			srv := fakeWithBuyer(t)
			s := newSession("")
			s.env["TRACKDRIVE_BASE_URL"], s.env["TRACKDRIVE_LEAD_TOKEN"] = srv.URL, "made-up"
			if name != "update" && name != "uuid" {
				test.args = append(test.args, "--caller-id", "+15555550142")
			}
			require.Equal(t, 2, program.Run(t.Context(), s.Terminal, test.args), "%s %q: %s%s", name, blank, s.out.String(), s.err.String())
			require.Equal(t, "trackdrive: "+test.want+"\n", s.err.String())
			require.Empty(t, srv.Requests())
		}
	}
}
