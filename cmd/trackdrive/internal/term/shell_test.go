package term_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

func TestAShellReadsTheSameWords(t *testing.T) {
	t.Parallel()
	words := []string{"", "acme", "-x", "=ls", "~", "a b", "x; touch PWNED #", "$(touch PWNED)", "`id`", "it's", `"`, `\`, "*", "a\nb", "…42", "tag:CallerId=+1"}
	got, err := exec.CommandContext(t.Context(), "sh", "-c", term.ShellCommand(`printf '<%s>'`, words...)).CombinedOutput()
	require.NoError(t, err, string(got))
	want := ""
	for _, word := range words {
		want += "<" + word + ">"
	}
	require.Equal(t, want, string(got))
	require.Equal(t, "trackdrive post acme bp-1-101 +15555550142", term.ShellCommand("trackdrive post", "acme", "bp-1-101", "+15555550142"), "quotes only where they are needed")
}
