package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryRowIsMeasured(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, runBench(&out, 8, 0))
	require.Equal(t, 1+3*len(atOnce), bytes.Count(out.Bytes(), []byte("\n")), out.String())
}
