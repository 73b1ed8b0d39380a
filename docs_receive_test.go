package trackdrive_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/receive"
)

// TestTheReceivePagesCodeRuns looks for each block of the page's Go code, in one piece,
// in the examples of package receive, whose output is checked.
func TestTheReceivePagesCodeRuns(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/receive.md")
	require.NoError(t, err)
	requireInOnePiece(t, string(page), "receive/example_test.go")
	require.Equal(t, []string{receive.Instructions()}, blocksOf(string(page), "text instructions"))
}
