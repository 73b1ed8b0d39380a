package trackdrive_test

import (
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireAllocs checks what a call allocates, except under the race detector, which
// empties pools at random.
func requireAllocs(t *testing.T, most float64, f func()) {
	t.Helper()
	if withRaceDetector() {
		f()
		return
	}
	require.LessOrEqual(t, testing.AllocsPerRun(100, f), most)
}

func withRaceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
