package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

const story = `   150 ms  loss acme/fast: Buyer B 9.50: below_minimum
   150 ms  bids acme/fast: Buyer A 18.00
   400 ms  loss globex/picky: no_buyer: No buyers are available
   800 ms  bids globex/slow: Buyer C 42.00, globex/slow: Buyer D 31.25
  1500 ms  loss globex/asleep: timeout (outcome unknown)
  1500 ms  end deadline, bids: 3
  1500 ms  post globex/slow: Buyer C 42.00
  1800 ms  sale globex/slow: Buyer C 42.00: rejected: Buyer is no longer available
  1800 ms  post globex/slow: Buyer D 31.25
  2100 ms  sale globex/slow: Buyer D 31.25: sold

The sale
  sold to globex/slow: Buyer D 31.25
  globex/slow: Buyer C 42.00: rejected: Buyer is no longer available
  globex/slow: Buyer D 31.25: sold

The losers
  acme/broken: error: ping POST https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/{vanity_uri}: 502 server error (1 attempt, outcome unknown)
  acme/fast: Buyer B 9.50: below_minimum
  globex/picky: no_buyer: No buyers are available
  globex/asleep: timeout (outcome unknown)

Sold to globex/slow: Buyer D 31.25. Dial +15555550100.
`

func TestLinesTellTheStory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		require.Equal(t, sold, run(t.Context(), nil, &out, &errs))
		require.Empty(t, errs.String())
		var begun []string // at 0 ms, in any order
		rest := out.String()
		for strings.HasPrefix(rest, "     0 ms") {
			var line string
			line, rest, _ = strings.Cut(rest, "\n")
			begun = append(begun, line)
		}
		require.Len(t, begun, 6, "five pings and the 502")
		require.Equal(t, story, rest)
	})
}

func TestExitStatusTellsWhatBecameOfTheLead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		shows  string
	}{
		{"the second bid", nil, sold, "Sold to globex/slow: Buyer D 31.25. Dial +15555550100.\n"},
		{"no time for the high bids", []string{"-timeout", "500ms"}, sold, "Sold to acme/fast: Buyer A 18.00. Dial +15555550100.\n"},
		{"a short grace", []string{"-grace", "100ms"}, sold, "globex/slow: cut_off"},
		{"a long grace", []string{"-grace", "700ms"}, sold, "850 ms  end grace, bids: 3"},
		{"no time", []string{"-timeout", "100ms"}, notSold, "Not sold: no bid after 100ms (deadline).\n"},
		{"no phone number", []string{"-caller", "12"}, notSold, "acme/fast: error: "},
		{"another caller", []string{"-caller", "+15555550143", "-plain"}, sold, "Sold to "},
		{"no caller", []string{"-caller", ""}, usage, ""},
		{"no timeout", []string{"-timeout", "0"}, usage, ""},
		{"a grace in the past", []string{"-grace", "-1s"}, usage, ""},
		{"no duration", []string{"-grace", "short"}, usage, ""},
		{"no such flag", []string{"-seed", "1"}, usage, ""},
		{"a stray word", []string{"sell"}, usage, ""},
		{"help", []string{"-h"}, sold, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out, errs bytes.Buffer
				require.Equal(t, tt.status, run(t.Context(), tt.args, &out, &errs), out.String()+errs.String())
				require.Contains(t, out.String(), tt.shows)
				if tt.shows == "" {
					require.Empty(t, out.String())
					require.Equal(t, 1, strings.Count(errs.String(), "usage: auction "), errs.String())
				}
			})
		})
	}
}

func TestAnInterruptSellsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		var out, errs bytes.Buffer
		require.Equal(t, notSold, run(ctx, nil, &out, &errs))
		require.Contains(t, out.String(), "bids: 3\n\nThe sale\n  not sold\n")
		require.Contains(t, out.String(), "\nNot sold: trackdrive: post: ")
	})
}

const screen = `SOURCE         STATE           BEST BID                    TIME
acme/fast      bids            Buyer A 18.00             0.15 s
acme/broken    error                                     0.00 s
globex/slow    sold            Buyer D 31.25             0.80 s
globex/picky   no buyer                                  0.40 s
globex/asleep  timeout                                   1.50 s
[########################################] 1.50 of 1.50 s deadline
`

func TestTheTableIsRedrawnInPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		acme, globex, err := market()
		require.NoError(t, err)
		cfg := auctionConfig(config{timeout: 1500 * time.Millisecond}, acme, globex)
		var out bytes.Buffer
		show := startTable(&out, cfg, true)
		cfg.Observe = show.observe
		_, sale, err := sell(t.Context(), cfg, "+15555550142")
		show.close()
		require.NoError(t, err)
		require.True(t, sale.Sold)

		text := out.String()
		require.True(t, strings.HasPrefix(text, "\x1b[?25l\x1b[?7l"), "no cursor, no wrapping")
		require.True(t, strings.HasSuffix(text, "\x1b[?7h\x1b[?25h"), "both are back")
		tables := strings.Split(text, "\x1b[7A")
		require.Greater(t, len(tables), 30, "20 a second")
		for _, table := range tables {
			require.Equal(t, 7, strings.Count(table, "\x1b[K\n"), "as many lines as it goes up")
		}
		require.Equal(t, screen, escapes.ReplaceAllString(tables[len(tables)-1], ""))
		require.Contains(t, text, yellow+"posting       "+reset+"  Buyer C 42.00")
		require.Contains(t, text, yellow+"asked         "+reset)
		require.Contains(t, text, green+"sold          "+reset)
		require.Contains(t, text, red+"timeout       "+reset)
	})
}

var escapes = regexp.MustCompile("\x1b\\[[?0-9]*[A-Za-z]")

func TestWithoutColoursAStateIsPlain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	show := startTable(&out, trackdrive.AuctionConfig{Timeout: time.Second, Sources: []trackdrive.AuctionSource{{Name: "acme"}}}, false)
	show.observe(t.Context(), trackdrive.AuctionEvent{Kind: trackdrive.EventLoss, Source: "acme", Loss: &trackdrive.Loss{Source: "acme", Reason: trackdrive.LossNoBuyer}})
	show.close()
	require.Contains(t, out.String(), "\nacme  no buyer ")
	require.NotContains(t, out.String(), red)
}

func TestAnUnknownOutcomeIsSaidSo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := &trackdrive.Error{Operation: "post", Err: trackdrive.ErrTimeout, Delivery: trackdrive.DeliveryUnknown}
	require.Equal(t, unknown, report(&out, &trackdrive.AuctionResult{}, &trackdrive.Sale{}, err))
	require.Contains(t, out.String(), "Do not offer the lead again")
}
