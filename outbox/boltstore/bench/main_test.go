package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItMeasures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, runBench(&out, t.TempDir(), 10, growthSizes{enqueued: 10, purged: 20, companies: []int{60, 70}}))
	require.Contains(t, out.String(), "boltstore, Store.Enqueue")
	require.Contains(t, out.String(), "half of them additive")
	require.Contains(t, out.String(), "after a purge")
	require.Contains(t, out.String(), "claim among 70 companies, all are leased")
}
