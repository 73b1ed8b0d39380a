package prom

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPairsAreFew wants fewer pairs than the product of the labels.
func TestPairsAreFew(t *testing.T) {
	t.Parallel()
	pairs := newBoundedPairs(50, 100)
	seen := map[[2]string]bool{}
	for i := range 50 {
		for j := range 50 {
			first, second := pairs.labels(fmt.Sprintf("company %d", i), fmt.Sprintf("endpoint %d", j))
			require.Equal(t, fmt.Sprintf("company %d", i), first)
			seen[[2]string{first, second}] = true
		}
	}
	require.Len(t, seen, 100+48, "100 pairs, and the rest of the companies")
	first, second := pairs.labels("company 0", "endpoint 0")
	require.Equal(t, []string{"company 0", "endpoint 0"}, []string{first, second}, "what is known stays known")
	first, second = pairs.labels("company 49", "")
	require.Equal(t, []string{"company 49", ""}, []string{first, second}, "an empty label takes no place")
}

func TestACacheIsBounded(t *testing.T) {
	t.Parallel()
	var cache seriesCache[int, int]
	for i := range 2 * maxCached {
		cache.put(i, i)
	}
	require.Len(t, cache.known, maxCached)
	v, isKnown := cache.get(1)
	require.Equal(t, 1, v)
	require.True(t, isKnown)
}

func TestWhatMayBeASecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                                  false,
		"Buyer A":                           false,
		"Acme Insurance 24/7 (west)":        false,
		"buyer-2024":                        false,
		"Versicherungsgesellschaft":         false,
		"Über Leads 2":                      false,
		"tdprv0123456789abcdef01234567":     true,
		"Buyer PLANTED-auth/0123+45=6":      true,
		"UExBTlRFRC1hdXR0":                  true,
		"abcdefghijklmnopqrstuvwxyzabcdefg": true,
	} {
		require.Equal(t, want, mayBeSecret(text), text)
	}
}
