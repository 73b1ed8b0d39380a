package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
)

// The story starts this program again.
func TestMain(m *testing.M) {
	if os.Getenv("DIALER_IS_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestMisusedFlags(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"an unknown flag":            {[]string{"-x"}, "flag provided but not defined: -x; see dialer -h"},
		"an argument":                {[]string{"leads.csv"}, `unexpected argument "leads.csv"; see dialer -h`},
		"no leads":                   {[]string{"-leads", "0"}, "-leads 0: give a number from 1 to 9900"},
		"too many leads":             {[]string{"-leads", "9901"}, "-leads 9901: give a number from 1 to 9900"},
		"two lists":                  {[]string{"-leads", "5", "-list", "leads.csv"}, "-leads makes up a list, and -list reads one; give one of them"},
		"kills below none":           {[]string{"-kills", "-1"}, "-kills -1: is negative; give 0 for none"},
		"nobody works":               {[]string{"-workers", "0"}, "-workers 0: give a number from 1 to 1000"},
		"a store without a market":   {[]string{"-store", "sales.db"}, "-store goes with -market"},
		"metrics without a market":   {[]string{"-metrics", ":9090"}, "-metrics goes with -market"},
		"kills of a dialer":          {[]string{"-market", "http://127.0.0.1:1", "-list", "leads.csv", "-kills", "1"}, "-kills does not go with -market, which only dials"},
		"two stores":                 {[]string{"-market", "http://127.0.0.1:1", "-list", "leads.csv", "-store", "a", "-postgres", "b"}, "-store and -postgres are two places for the sales; give one of them"},
		"a dialer without a list":    {[]string{"-market", "http://127.0.0.1:1"}, "-market needs -list"},
		"no such list":               {[]string{"-list", "nowhere.csv"}, "open nowhere.csv: "},
		"no such list of a dialer":   {[]string{"-market", "http://127.0.0.1:1", "-list", "nowhere.csv"}, "open nowhere.csv: "},
		"a database without a URL":   {[]string{"-postgres", "nowhere"}, "-postgres: is not a URL"},
		"a number that is not given": {[]string{"-kills", "many"}, `invalid value "many" for flag -kills`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			require.Equal(t, 2, run(t.Context(), tt.args, &out, &errs))
			require.Empty(t, out.String())
			require.Contains(t, errs.String(), "dialer: ")
			require.Contains(t, errs.String(), tt.want)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"-h"}, &out, &errs))
	for _, want := range []string{"-leads", "-list", "-kills", "-workers", "-postgres", "-market", "-store", "-metrics", "Exit status"} {
		require.Contains(t, errs.String(), want)
	}
}

func TestMistakesInAListEndTheProgram(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "leads.csv")
	require.NoError(t, os.WriteFile(file, []byte("id,caller,zip\nlead-1,555-0142,10001\n"), 0o600))
	var out, errs bytes.Buffer
	require.Equal(t, 2, run(t.Context(), []string{"-list", file}, &out, &errs))
	require.Contains(t, errs.String(), file+": line 2: caller: ")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := newDialerMetrics()
	m.count(sales.EventSold)
	m.count(sales.EventSold)
	m.observe(1500e6)
	var out bytes.Buffer
	m.write(&out, sales.Counts{Sold: 2, Unknown: 1})
	for _, want := range []string{
		`sales_leads{state="sold"} 2`, `sales_leads{state="unknown"} 1`, `sales_leads{state="posting"} 0`,
		`dialer_events_total{kind="sold"} 2`, `dialer_events_total{kind="settled"} 0`,
		`dialer_offer_seconds_sum 1.500`, `dialer_offer_seconds_count 1`,
	} {
		require.Contains(t, strings.Split(out.String(), "\n"), want)
	}
}

// database is the URL of a PostgreSQL, which is started if none is given.
func database(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("TRACKDRIVE_POSTGRES_URL"); given != "" {
		return given
	}
	dir, err := os.MkdirTemp("", "dialer-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = exec.Command("../../.ci/postgres", "stop", dir).Run() })
	url, err := exec.Command("../../.ci/postgres", "start", dir).Output()
	require.NoError(t, err, "TRACKDRIVE_POSTGRES_URL is not set, and .ci/postgres starts no server")
	return strings.TrimSpace(string(url))
}

func TestTheStory(t *testing.T) {
	t.Setenv("DIALER_IS_PROGRAM", "1")
	file := filepath.Join(t.TempDir(), "leads.csv")
	own := madeUpList(60)
	for i := range own {
		own[i].Caller = fmt.Sprintf("(%s) %s-%s", own[i].Caller[2:5], own[i].Caller[5:8], own[i].Caller[8:])
	}
	require.NoError(t, writeList(file, own))
	for name, args := range map[string][]string{
		"a file":              {"-leads", "60"},
		"PostgreSQL":          {"-leads", "60", "-postgres", database(t)},
		"a list of one's own": {"-list", file},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			require.Zero(t, run(t.Context(), append(args, "-kills", "2"), &out, &errs), errs.String()+out.String())
			require.Empty(t, errs.String())
			require.Contains(t, out.String(), "Kills: 2, restarts by SIGTERM: 1")
			require.Contains(t, out.String(), "sold twice: 0    sold, not recorded: 0    recorded, not sold: 0")
		})
	}
}

// A market that is gone ends the dialer with the leads as they were.
func TestADialerWithoutAMarketSellsNothing(t *testing.T) {
	t.Setenv("DIALER_IS_PROGRAM", "1")
	dir := t.TempDir()
	list := filepath.Join(dir, "leads.csv")
	require.NoError(t, writeList(list, madeUpList(3)))
	market, err := openMarket(3, 1)
	require.NoError(t, err)
	require.NoError(t, market.close())
	var out, errs bytes.Buffer
	args := []string{"-market", market.urlFor(0), "-list", list, "-store", filepath.Join(dir, "sales.db"), "-metrics", "127.0.0.1:0"}
	require.Zero(t, run(t.Context(), args, &out, &errs), errs.String())
	require.Equal(t, 3, strings.Count(out.String(), `"state":"unsold"`))
	_, err = http.Get(market.url)
	require.Error(t, err)
}

// writerFunc is an io.Writer.
type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestADialerThatIsStoppedFinishesItsOffers(t *testing.T) {
	t.Parallel()
	market, err := openMarket(500, 1)
	require.NoError(t, err)
	place := storePlace{file: filepath.Join(t.TempDir(), "sales.db")}
	ctx, stop := context.WithCancel(t.Context())
	var lines atomic.Int64
	log := slog.New(slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) {
		if lines.Add(1) == 20 { // seven other offers are under way
			stop()
		}
		return len(p), nil
	}), nil))
	require.NoError(t, runDialer(ctx, dialerConfig{list: madeUpList(500), market: market.urlFor(0), store: place, workers: 8, log: log}))
	require.NoError(t, market.close())

	store, closeStore, err := place.open(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, closeStore()) }()
	desk, err := newReportDesk(store)
	require.NoError(t, err)
	known, err := knownSales(t.Context(), desk)
	require.NoError(t, err)
	require.Greater(t, len(known), 10)
	require.Less(t, len(known), 100)
	for id, sale := range known {
		require.NotEqual(t, sales.Open, sale.State, id)
		for _, try := range sale.Tries {
			require.NotContains(t, try.Error, "canceled", id)
		}
	}
}
