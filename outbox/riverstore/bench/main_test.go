package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItMeasures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := &benchRun{out: &out, times: 1}
	require.NoError(t, b.run(t.Context(), database(t), 10))
	require.Contains(t, out.String(), "riverstore, Engine")
	require.Regexp(t, `(?m)^deliver +500 .*/s`, out.String())
	require.Regexp(t, `(?m)^sweep +2000 .*ms`, out.String())
}

// database is the URL of a PostgreSQL, which is started where none is given.
func database(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("TRACKDRIVE_POSTGRES_URL"); given != "" {
		return given
	}
	dir, err := os.MkdirTemp("", "riverstore-bench-")
	require.NoError(t, err)
	const script = "../../../.ci/postgres"
	t.Cleanup(func() { _ = exec.Command(script, "stop", dir).Run() })
	said, err := exec.Command(script, "start", dir).Output()
	require.NoError(t, err, "TRACKDRIVE_POSTGRES_URL is not set, and .ci/postgres starts no server")
	return strings.TrimSpace(string(said))
}
