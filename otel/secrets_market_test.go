package tdotel_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	plants "github.com/trackdrive-go/trackdrive/internal/planted"
)

// TestACredentialThatAReplyRepeatsIsNotShown sells at a market whose buyers are called
// like the Client's own credential.
func TestACredentialThatAReplyRepeatsIsNotShown(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	require.NoError(t, plants.Sell(t.Context(), b.Options(), b.ObserveAuction, plants.RunAndSell))
	for name := range b.metrics(t) {
		shown := fmt.Sprint(name, b.points(t, name))
		require.False(t, plants.IsShown(shown), shown)
	}
	for _, s := range b.spans.GetSpans() {
		shown := fmt.Sprint(s.Name, s.Attributes, s.Events, s.Status, s.Links)
		require.False(t, plants.IsShown(shown), shown)
	}
	require.Positive(t, b.sum(t, "trackdrive.sold", map[string]any{"trackdrive.buyer": "[redacted]"}))
}
