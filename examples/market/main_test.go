package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const story = `Bids
  retreaver-like: buyer 5f1c0d0e-0000-4000-8000-000000000031 31.0
  ringba-like: buyer RTB7A 27.5
  globex: Buyer C 24.00
  acme: Buyer A 18.00
  lost: acme: Buyer B 9.50: below_minimum

The sale
  sold to ringba-like: buyer RTB7A 27.5
  retreaver-like: buyer 5f1c0d0e-0000-4000-8000-000000000031 31.0: rejected: status equals confirmed: got "no-target"
  ringba-like: buyer RTB7A 27.5: sold

Sold to ringba-like: buyer RTB7A 27.5. Dial +15555550127.
`

func TestTheBestBidIsLostAndTheNextOneSold(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Equal(t, sold, run(t.Context(), nil, &out, &errs))
	require.Empty(t, errs.String())
	require.Equal(t, story, out.String())
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "auction.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	for name, tt := range map[string]struct {
		args        []string
		status      int
		shows, errs string
	}{
		"one company":          {[]string{"-auction", write(`{"sources":[{"name":"globex","subdomain":"globex","endpoint":"sell"}]}`)}, sold, "Sold to globex: Buyer C 24.00. Dial +1555555", ""},
		"nobody pays enough":   {[]string{"-auction", write(`{"sources":[{"name":"globex","subdomain":"globex","endpoint":"sell","min_payout":"99"}]}`)}, notSold, "Not sold: nobody took the lead.", ""},
		"an unknown company":   {[]string{"-auction", write(`{"sources":[{"name":"x","subdomain":"initech","endpoint":"sell"}]}`)}, usage, "", "sources[0].subdomain"},
		"mistakes":             {[]string{"-auction", write(`{"sources":[{"name":"x","subdomain":"acme","endpont":"sell"}]}`)}, usage, "", `did you mean "endpoint"?`},
		"no file":              {[]string{"-auction", "nowhere.json"}, usage, "", "nowhere.json"},
		"an argument":          {[]string{"sell"}, usage, "", `unexpected argument "sell"`},
		"a flag that is wrong": {[]string{"-x"}, usage, "", "-x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			require.Equal(t, tt.status, run(t.Context(), tt.args, &out, &errs), out.String()+errs.String())
			require.Contains(t, out.String(), tt.shows)
			require.Contains(t, errs.String(), tt.errs)
		})
	}
}
