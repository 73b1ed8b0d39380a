package program_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// pastedWords returns the words of the command that a page shows for a sale, as a shell
// reads them; nil if there is no such command.
func pastedWords(t *testing.T, page string) []string {
	t.Helper()
	for line := range strings.Lines(page) {
		if command, isCommand := strings.CutPrefix(line, "  trackdrive "); isCommand {
			cmd := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+command)
			cmd.Dir = t.TempDir()
			words, err := cmd.CombinedOutput()
			require.NoError(t, err, string(words))
			left, err := os.ReadDir(cmd.Dir)
			require.NoError(t, err)
			require.Empty(t, left, "the shell ran something")
			return strings.Split(strings.TrimSuffix(string(words), "\n"), "\n")
		}
	}
	return nil
}

// The ids in the command to paste are chosen by a server.
func TestAServerCannotWriteCommands(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"bp-1", "x; touch PWNED #", "x' ; touch PWNED '", "$(touch PWNED)", "`touch PWNED`", "--yes", ""} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			srv := fakeWithBuyer(t)
			srv.Fail(trackdrivetest.OpPing, trackdrivetest.Status(200, nil, fmt.Sprintf(`{"success":true,"buyers":[{"ping_id":"bp-1","id":%q,"bid_price":1}]}`, id)), 1)
			srv.Fail(trackdrivetest.OpPing, trackdrivetest.Status(200, nil, fmt.Sprintf(`{"success":true,"buyers":[{"ping_id":%q,"id":7,"bid_price":1}],"try_all_buyers_ping_id":%[1]q}`, id)), 1)
			for range 2 {
				s := newSession("")
				s.env["TRACKDRIVE_BASE_URL"] = srv.URL
				require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health"}), s.err.String())
				words := pastedWords(t, s.out.String())
				if id == "" {
					continue // a server that names nobody
				}
				require.Contains(t, words, id)
				require.Len(t, words, 9, "post acme health, and three flags")
				if strings.Contains(s.out.String(), "To all buyers") {
					require.Contains(t, s.out.String(), "\nTo all buyers in turn: --ping-id "+term.ShellWord(id)+", and no --buyer-id\n")
				}
			}
		})
	}
}

// What does not print cannot be pasted.
func TestNoCommandIsShownForIDsThatDoNotPrint(t *testing.T) {
	t.Parallel()
	srv := fakeWithBuyer(t)
	srv.Fail(trackdrivetest.OpPing, trackdrivetest.Status(200, nil, `{"success":true,"buyers":[{"ping_id":"a\u202eb","id":7,"bid_price":1}],"try_all_buyers_ping_id":"c\u200bd"}`), 1)
	s := newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health"}), s.err.String())
	require.Contains(t, s.out.String(), "accepted: 1 buyer")
	require.NotContains(t, s.out.String(), "To sell the lead")
	require.NotContains(t, s.out.String(), "To all buyers")
}

// The post goes where the ping went.
func TestTheCommandToPasteRepeatsTheFlagsOfThePing(t *testing.T) {
	t.Parallel()
	srv := fakeWithBuyer(t)
	dir := t.TempDir()
	credentials, fields := filepath.Join(dir, "my credentials"), filepath.Join(dir, "fields.json")
	require.NoError(t, os.WriteFile(credentials, []byte("companies: {acme: {auth_token: made-up}}"), 0o600))
	require.NoError(t, os.WriteFile(fields, []byte(`{"zip": "90210"}`), 0o600))
	s := newSession("")
	args := []string{
		"acme", "health", "--base-url", srv.URL, "--credentials", credentials, "--timeout", "30s", "--traffic-source-id", "TS 1",
		"--encoding", "form", "--tracking", "ring_pool", "--fields", fields,
	}
	require.Zero(t, program.Run(t.Context(), s.Terminal, append([]string{"ping", "--caller-id", "+15555550142"}, args...)), s.err.String())
	require.Equal(t, append(append([]string{"post"}, args...), "--ping-id", "bp-1-101", "--buyer-id", "101", "--caller-id", "NUMBER"), pastedWords(t, s.out.String()))
	require.Contains(t, s.out.String(), "\nTo sell the lead to the best buyer (*):\n")

	// What is the same as by default is left out; numbers are shown only if they may be.
	s = newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health", "--caller-id", "+15555550142", "--encoding", "json", "--field", "zip=90210"}), s.err.String())
	require.Equal(t, []string{"post", "acme", "health", "--ping-id", "bp-2-101", "--buyer-id", "101", "--caller-id", "NUMBER"}, pastedWords(t, s.out.String()))
	require.Contains(t, s.out.String(), "\nTo sell the lead to the best buyer (*), with the same fields:\n")
	s = newSession("")
	s.env["TRACKDRIVE_BASE_URL"] = srv.URL
	require.Zero(t, program.Run(t.Context(), s.Terminal, []string{"ping", "acme", "health", "--trackdrive-number", "+15555550100", "--show-numbers"}), s.err.String())
	require.Equal(t, []string{"post", "acme", "health", "--trackdrive-number", "+15555550100", "--ping-id", "bp-3-101", "--buyer-id", "101", "--caller-id", "NUMBER"}, pastedWords(t, s.out.String()))
}

func TestAdviceQuotesWhatItRepeats(t *testing.T) {
	t.Parallel()
	webhook := filepath.Join(t.TempDir(), "it's.json")
	require.NoError(t, os.WriteFile(webhook, []byte(`{"url": 5}`), 0o600))
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"endpoint": {[]string{"ping", "$(id)"}, "trackdrive ping '$(id)' check_for_available_buyers"},
		"uuid":     {[]string{"update", "$(id)"}, "trackdrive update '$(id)' 00000000"},
		"explain":  {[]string{"webhook", "explain", "a b"}, "trackdrive webhook explain 'a b' --reply reply.json"},
		"criteria": {[]string{"criteria", "explain", "a b"}, "trackdrive criteria explain 'a b' --reply reply.json"},
		"drain":    {[]string{"outbox", "drain", "--webhook", "w=" + webhook}, "trackdrive webhook lint " + term.ShellWord(webhook)},
		"fake":     {[]string{"fake", "a b"}, "--config 'a b'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSession("")
			require.NotZero(t, program.Run(t.Context(), s.Terminal, test.args))
			require.Contains(t, s.err.String(), test.want)
		})
	}
}
