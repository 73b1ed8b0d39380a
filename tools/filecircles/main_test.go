package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	layersReport  = "layers: 3 files, 21 lines, 2 arrows, 0 of them back up (0.0%)\n"
	methodsReport = "methods: 4 files, 34 lines, 6 arrows, 2 of them back up (33.3%)\ncircle of 3: list.go shape.go use.go\n"
	pairReport    = "pair: 4 files, 13 lines, 4 arrows, 2 of them back up (50.0%)\ncircle of 2: a.go b.go\ncircle of 2: c.go d.go\n"
)

func TestReports(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"arrows in one direction":              {[]string{"testdata/layers"}, layersReport},
		"a circle through methods":             {[]string{"testdata/methods"}, methodsReport},
		"two circles":                          {[]string{"testdata/pair"}, pairReport},
		"one file":                             {[]string{"testdata/lone"}, "lone: 1 files, 4 lines, 0 arrows, 0 of them back up (0.0%)\n"},
		"-v lists no arrow outside of circles": {[]string{"-v", "testdata/layers"}, layersReport},
		"-v lists the names that make an arrow": {[]string{"-v", "testdata/methods"}, methodsReport +
			"  shape.go -> use.go: biggest\n" +
			"  shape.go -> list.go: defaultSquares\n" +
			"  use.go -> shape.go (back up): Square Square.Side\n" +
			"  use.go -> list.go: List List.First\n" +
			"  list.go -> shape.go (back up): Sorter Sorter.Less Square\n"},
		"limits that are just kept": {[]string{"-circle", "2", "-back", "50", "testdata/pair"}, pairReport},
		"limits without circles":    {[]string{"-circle", "1", "-back", "0", "testdata/layers"}, layersReport},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			require.Equal(t, 0, runCommand(tt.args, &stdout, &stderr), stderr.String())
			require.Equal(t, tt.want, stdout.String())
			require.Empty(t, stderr.String())
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want []string // a part of each line
	}{
		"each circle that is too large": {
			[]string{"-circle", "1", "testdata/pair"},
			[]string{"pair: 2 files need each other in a circle, and at most 1 may", "pair: 2 files need each other in a circle, and at most 1 may"},
		},
		"arrows back up":    {[]string{"-back", "49.9", "testdata/pair"}, []string{"pair: 50.0% of the arrows run back up, and at most 49.9% may"}},
		"no arrows back up": {[]string{"-back", "0", "testdata/methods"}, []string{"methods: 33.3% of the arrows run back up, and at most 0% may"}},
		"both": {
			[]string{"-circle", "2", "-back", "5", "testdata/methods"},
			[]string{"methods: 3 files need each other in a circle, and at most 2 may", "methods: 33.3% of the arrows run back up, and at most 5% may"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			require.Equal(t, 1, runCommand(tt.args, &stdout, &stderr))
			require.Contains(t, stdout.String(), "circle of ")
			lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
			require.Len(t, lines, len(tt.want), stderr.String())
			for i, line := range lines {
				require.Contains(t, line, tt.want[i])
			}
		})
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"no directory":            {nil, "usage: filecircles [-circle N] [-back P] [-v] DIR"},
		"two directories":         {[]string{"testdata/pair", "testdata/lone"}, "usage: filecircles"},
		"an unknown flag":         {[]string{"-x", "testdata/pair"}, "usage: filecircles"},
		"a faulty limit":          {[]string{"-circle", "two", "testdata/pair"}, "usage: filecircles"},
		"a package with an error": {[]string{"testdata/broken"}, "broken.go:4"},
		"no package":              {[]string{"testdata"}, "no Go files"},
		"no such directory":       {[]string{"testdata/absent"}, "testdata/absent"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			require.Equal(t, 2, runCommand(tt.args, &stdout, &stderr))
			require.Contains(t, stderr.String(), tt.want)
			require.Empty(t, stdout.String())
		})
	}
}
