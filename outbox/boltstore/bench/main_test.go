package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItMeasures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, runBench(&out, t.TempDir(), 10))
	require.Contains(t, out.String(), "boltstore, Store.Enqueue")
	require.Contains(t, out.String(), "half of them additive")
}
