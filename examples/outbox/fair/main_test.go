package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItMeasuresBothEngines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	dir := t.TempDir()
	m := &fairRun{database: database(t), dir: dir, items: 20, rounds: 1}
	require.NoError(t, m.run(t.Context(), &out))
	require.Regexp(t, `(?m)^boltstore, Worker.Run +[0-9.]+s +[0-9.]+s +[0-9.]+$`, out.String())
	require.Regexp(t, `(?m)^riverstore, Engine +[0-9.]+s +[0-9.]+s +[0-9.]+$`, out.String())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "it removes what it wrote")
}

func TestADatabaseThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.ErrorContains(t, (&fairRun{rounds: 1}).run(t.Context(), &out), "-postgres is missing")
	m := &fairRun{database: "postgres://u@127.0.0.1:1/d", dir: t.TempDir(), items: 1, rounds: 1}
	require.ErrorContains(t, m.run(t.Context(), &out), "riverstore, Engine: riverstore: no connection to PostgreSQL")
	require.Empty(t, out.String())
}

// database is the URL of a PostgreSQL, which is started where none is given.
func database(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("TRACKDRIVE_POSTGRES_URL"); given != "" {
		return given
	}
	dir, err := os.MkdirTemp("", "outbox-fair-")
	require.NoError(t, err)
	const script = "../../../.ci/postgres"
	t.Cleanup(func() { _ = exec.Command(script, "stop", dir).Run() })
	said, err := exec.Command(script, "start", dir).Output()
	require.NoError(t, err, "TRACKDRIVE_POSTGRES_URL is not set, and .ci/postgres starts no server")
	return strings.TrimSpace(string(said))
}
