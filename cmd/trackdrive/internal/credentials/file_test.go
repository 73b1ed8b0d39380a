package credentials

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

func terminalOf(output *bytes.Buffer, env map[string]string) *term.Terminal {
	return &term.Terminal{Out: output, Err: output, Env: func(name string) string { return env[name] }}
}

func TestFormsOfAFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text      string
		called    bool
		companies []string
		lead      string
	}{
		"a line with two keys":      {"public:private\n", true, nil, ""},
		"a line with a basic token": {"Basic cHVibGljOnByaXZhdGU=\n", true, nil, ""},
		"a line in quotes":          {"\"Token 0123456789abcdef\"", true, nil, ""},
		"companies":                 {"companies:\n  acme: {auth_token: made-up}\n  globex: public:private\n", false, []string{"acme", "globex"}, ""},
		"a token of digits":         {"companies:\n  acme:\n    auth_token: 0123456789\n", false, []string{"acme"}, ""},
		"a block of text":           {"companies:\n  acme:\n    auth_token: |\n      made-up\n", false, []string{"acme"}, ""},
		"tokens alone":              {"tokens:\n  acme/lead_token: made-up\n", false, nil, "made-up"},
		"a comment first":           {"# of Pat\ncompanies:\n  acme: {auth_token: made-up} # old\n", false, []string{"acme"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "credentials.yaml")
			require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o600))
			var output bytes.Buffer
			set, err := Load(terminalOf(&output, nil), path)
			require.NoError(t, err)
			require.Equal(t, tt.called, set.Called != nil)
			var names []string
			for _, name := range []string{"acme", "globex"} {
				if set.Companies[name] != nil {
					names = append(names, name)
				}
			}
			require.Equal(t, tt.companies, names)
			require.Equal(t, tt.lead, set.Token("acme", "lead_token"))
			require.Empty(t, set.Token("globex", "lead_token"))
		})
	}
}

func TestModesOfAFile(t *testing.T) {
	t.Parallel()
	for mode, isTaken := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o700: true, 0o640: false, 0o604: false, 0o644: false, 0o620: false, 0o602: false, 0o601: false} {
		path := filepath.Join(t.TempDir(), "it's credentials")
		require.NoError(t, os.WriteFile(path, []byte("public:private"), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		var output bytes.Buffer
		terminal := terminalOf(&output, nil)
		_, err := Load(terminal, path)
		require.Equal(t, isTaken, err == nil, "%o", mode)
		if err != nil {
			require.Equal(t, term.StatusFailed, terminal.Report(err))
			require.Contains(t, output.String(), `type: chmod 600 '`)
			require.NotContains(t, output.String(), "private\n")
		}
	}
}

func TestTheFlagComesBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "credentials.yaml")
	require.NoError(t, os.WriteFile(path, []byte("companies: {acme: {auth_token: made-up}}"), 0o600))
	var output bytes.Buffer
	env := map[string]string{AuthTokenVariable: "made-up-2", DeveloperTokenVariable: "made-up-3", FileVariable: "nosuch"}
	set, err := Load(terminalOf(&output, env), path)
	require.NoError(t, err)
	require.NotNil(t, set.Companies["acme"])
	_, err = Load(terminalOf(&output, env), "")
	require.ErrorContains(t, err, "several credentials: "+FileVariable+", "+DeveloperTokenVariable+", "+AuthTokenVariable)
}

// FuzzFile: whatever is in a file, reading it ends, and what is said of it does not show
// the secret in it.
func FuzzFile(f *testing.F) {
	const secret = "PLANTED0secret1"
	for _, text := range []string{
		secret, "companies:\n  acme:\n    auth_token: " + secret, "companies: {acme: {public_key: a, private_key: " + secret + "}}",
		"companies:\n  acme: \"" + secret, "- " + secret, secret + ": x", "companies:\n  acme:\n\t" + secret, "companies: *" + secret, "companies: &x " + secret,
		"tokens:\n  a: [" + secret + "]", "? " + secret, "companies: !!binary " + secret, "%YAML " + secret, "---\n" + secret + "\n---\n" + secret,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var output bytes.Buffer
		terminal := terminalOf(&output, nil)
		set := &Set{Tokens: map[string]string{}}
		if err := set.parse(terminal, "credentials.yaml", data); err != nil {
			if strings.Contains(err.Error(), secret) {
				t.Fatalf("a message shows the secret: %v", err)
			}
		}
	})
}
