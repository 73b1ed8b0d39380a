package trackdrive_test

import (
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireAllocs checks what a call allocates. The race detector makes pools
// forget, so that nothing can be said under it.
func requireAllocs(t *testing.T, most float64, f func()) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		f()
		return
	}
	require.LessOrEqual(t, testing.AllocsPerRun(100, f), most)
}
