package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItMeasures(t *testing.T) {
	t.Parallel()
	url := os.Getenv("TRACKDRIVE_POSTGRES_URL")
	require.NotEmpty(t, url, "TRACKDRIVE_POSTGRES_URL is not set: see .ci/postgres")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, url, 10, 1))
	require.Contains(t, out.String(), "riverstore, Engine")
}
