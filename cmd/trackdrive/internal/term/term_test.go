package term

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersInTextsAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"the call of +1 (555) 555-0142 is over": "the call of …42 is over",
		"5555550142":                            "…42",
		"call 00000000-0000-4000-8000-000000000001 at 2026-03-01T09:30:00Z": "call 00000000-0000-4000-8000-000000000001 at 2026-03-01T09:30:00Z",
		"2026-03-01 09:30:00 from 5555550142":                               "2026-03-01 09:30:00 from …42",
		"revenue 25.50, 3 tries":                                            "revenue 25.50, 3 tries",
		"":                                                                  "",
	} {
		require.Equal(t, want, (&Terminal{}).Text(text))
		require.Equal(t, text, (&Terminal{ShowNumbers: true}).Text(text))
	}
}

func TestTablesAreAligned(t *testing.T) {
	t.Parallel()
	p := (&Terminal{}).newPage()
	p.Table([]Column{{Name: "BUYER"}, {Name: "PAYOUT", Right: true}, {Name: "TIER"}, {Name: "NOTE"}}, [][]string{
		{"Buyer A", "9.50", "", "x"},
		{"Büyer 日本", "1025.00", "", "\x1b[2J"},
	})
	require.Equal(t, strings.Join([]string{
		"BUYER        PAYOUT  NOTE",
		"Buyer A        9.50  x",
		`Büyer 日本  1025.00  \x1b[2J`,
		"",
	}, "\n"), p.String())
}

func TestStatusesOfErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("the cause")
	for name, tt := range map[string]struct {
		err    error
		status int
		said   string
	}{
		"none":                 {nil, 0, ""},
		"any":                  {cause, 1, "trackdrive: the cause\n"},
		"failed":               {Failed(cause, "do this"), 1, "trackdrive: the cause\n  do this\n"},
		"unknown":              {Unknown(cause, "do this", "and that"), 3, "trackdrive: the cause\n  do this\n  and that\n"},
		"said already":         {Ended(StatusFailed), 1, ""},
		"usage":                {Usagef("%s is wrong", "x").Try("give y"), 2, "trackdrive: x is wrong\n  give y\n"},
		"usage of others":      {otherUsage{}, 2, "trackdrive: other\n"},
		"usage of a command":   {Usagef("trackdrive ping needs COMPANY"), 2, "trackdrive ping needs COMPANY\n"},
		"a place":              {Failed(errors.New("a.json:1:2: is wrong\na.json:3:4: too")), 1, "a.json:1:2: is wrong\na.json:3:4: too\n"},
		"what does not print":  {errors.New("a\x1b[2Jb"), 1, "trackdrive: a\\x1b[2Jb\n"},
		"the package's prefix": {errors.New("trackdrive: x"), 1, "trackdrive: x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			require.Equal(t, tt.status, (&Terminal{Err: &said}).Report(tt.err))
			require.Equal(t, tt.said, said.String())
		})
	}
}

// otherUsage is an error of usage of another package.
type otherUsage struct{}

func (otherUsage) Error() string { return "other" }
func (otherUsage) Usage() bool   { return true }

func TestLongInputIsRefused(t *testing.T) {
	t.Parallel()
	for size, isTaken := range map[int]bool{1: true, int(LimitSettings): true, int(LimitSettings) + 1: false, 0: false} {
		terminal := &Terminal{In: strings.NewReader(strings.Repeat("x", size))}
		data, err := terminal.ReadInput("-", "a thing", LimitSettings)
		require.Equal(t, isTaken, err == nil, "%d: %v", size, err)
		if isTaken {
			require.Len(t, data, size)
		}
	}
}
