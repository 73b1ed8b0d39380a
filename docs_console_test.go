package trackdrive_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheConsolePagesCodeRuns looks for each block of the page's Go code, in one piece,
// in the examples of package console, whose output is checked.
func TestTheConsolePagesCodeRuns(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/console.md")
	require.NoError(t, err)
	files, err := filepath.Glob("console/example*_test.go")
	require.NoError(t, err)
	requireInOnePiece(t, string(page), files...)
}
