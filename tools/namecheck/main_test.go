package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	const (
		bare    = " is a bare word; give it a name of two words"
		words   = "testdata/words/words.go:"
		hidden  = "testdata/hidden/hidden.go:"
		madeBy  = "testdata/generated/generated.go:"
		nothing = " 0 of them bare words; 0 local names hide one of the package"
	)
	hides := func(name string) string { return "local " + name + " hides the package-level " + name }
	inHidden := []string{
		hidden + "6:11: " + hides("totalSum"),
		hidden + "10:15: " + hides("lastPair"),
		hidden + "10:30: " + hides("lastError"),
		hidden + "12:7: " + hides("lastPair"),
		hidden + "13:6: " + hides("totalSum"),
		hidden + "14:8: " + hides("makePair"),
		hidden + "15:11: " + hides("lastError"),
		hidden + "16:6: " + hides("lastError"),
		hidden + "16:17: " + hides("lastPair"),
		hidden + "21:12: " + hides("Pair"),
		hidden + "22:7: " + hides("lastError"),
		hidden + "23:9: " + hides("lastPair"),
		hidden + "31:27: " + hides("lastPair"),
	}
	inWords := []string{
		words + "4:7: limit" + bare,
		words + "7:2: cache" + bare,
		words + "10:2: été" + bare,
		words + "15:6: plain" + bare,
		words + "19:6: build" + bare,
		words + "31:7: words" + bare,
		words + "31:14: ab" + bare,
	}
	tests := map[string]struct {
		patterns []string
		findings []string
		counts   string
	}{
		"bare words": {[]string{"./testdata/words"}, inWords, "14 unexported package-level names, 7 of them bare words; 0 local names hide one of the package"},
		"local names that hide one of the package": {[]string{"./testdata/hidden"}, inHidden, "5 unexported package-level names, 0 of them bare words; 13 local names hide one of the package"},
		"generated files are read but not reported": {
			[]string{"./testdata/generated"}, []string{madeBy + "4:10: " + hides("table")},
			"0 unexported package-level names, 0 of them bare words; 1 local names hide one of the package",
		},
		"nothing": {[]string{"./testdata/clean"}, nil, "2 unexported package-level names," + nothing},
		"several packages, sorted by their paths": {
			[]string{"./testdata/words", "./testdata/clean", "./testdata/hidden"}, append(inHidden, inWords...),
			"21 unexported package-level names, 7 of them bare words; 13 local names hide one of the package",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			status := runCommand(tt.patterns, &stdout, &stderr)
			require.Equal(t, append(tt.findings[:len(tt.findings):len(tt.findings)], tt.counts), strings.Split(strings.TrimSpace(stdout.String()), "\n"))
			require.Empty(t, stderr.String())
			require.Equal(t, len(tt.findings) > 0, status == 1)
		})
	}
}

func TestWhatCannotBeChecked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		patterns []string
		want     string
	}{
		"no pattern":              {nil, "usage: namecheck PATTERN..."},
		"a package with an error": {[]string{"../filecircles/testdata/broken"}, "broken.go:4"},
		"no such package":         {[]string{"./testdata/absent"}, "testdata/absent"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			require.Equal(t, 2, runCommand(tt.patterns, &stdout, &stderr))
			require.Contains(t, stderr.String(), tt.want)
			require.Empty(t, stdout.String())
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs("names.go")
	require.NoError(t, err)
	require.Equal(t, "names.go", shortPath(here))
	above, err := filepath.Abs("../go.mod")
	require.NoError(t, err)
	require.Equal(t, above, shortPath(above))
}
