//go:build unix

package salestest_test

import (
	"errors"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

var kills = flag.Int("kills", 6, "how often to kill one of the processes that sell; half as many are stopped")

func TestAFolderIsAStore(t *testing.T) {
	t.Parallel()
	salestest.Run(t, func() (sales.Store, error) { return &folder{t.TempDir()}, nil })
}

func TestKillFindsNothingWrongWithADurableStore(t *testing.T) {
	for name, processes := range map[string]int{"of one process": 1, "that three processes share": 3} {
		if testing.Short() && processes > 1 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disturbed := 0
			report := salestest.Kill(t, salestest.KillConfig{
				Open: openFolder, Test: t.Name(), Dir: t.TempDir(), Kills: *kills, Processes: processes,
				Disturb: func() error { disturbed++; return nil },
			})
			t.Log(report)
			require.Equal(t, *kills, report.Kills)
			require.Equal(t, *kills/2, report.Stops)
			require.Equal(t, *kills/5, disturbed)
			require.Equal(t, disturbed, report.Disturbed)
			require.Positive(t, report.Sold)
			require.Positive(t, report.Unknown)
		})
	}
}

func TestKillFailsIfItCannotKill(t *testing.T) {
	for name, test := range map[string]struct {
		config salestest.KillConfig
		want   string
	}{
		"without a store to open": {salestest.KillConfig{Test: "TestKillFailsIfItCannotKill", Dir: t.TempDir()}, "needs Open, Test and Dir"},
		"without a test":          {salestest.KillConfig{Open: openFolder, Dir: t.TempDir()}, "needs Open, Test and Dir"},
		"without a folder":        {salestest.KillConfig{Open: openFolder, Test: "TestKillFailsIfItCannotKill"}, "needs Open, Test and Dir"},
		"with a test that does not exist": {
			salestest.KillConfig{Open: openFolder, Test: "TestNothing", Dir: t.TempDir()}, "process 1 ended by itself: there is no such test",
		},
		"with a store that does not open": {
			salestest.KillConfig{Open: openNothing, Test: "TestKillFailsIfItCannotKill/with_a_store_that_does_not_open", Dir: t.TempDir()},
			"process 1 ended by itself: exit status 1: salestest: the folder is gone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said complaints
			require.Zero(t, salestest.Kill(&said, test.config).Kills)
			require.Len(t, said.list, 1)
			require.Contains(t, said.list[0], test.want)
		})
	}
}

func openNothing(string) (sales.Store, func() error, error) {
	return nil, nil, errors.New("the folder is gone")
}

// triesToFind is how often Kill may overlook a mistake, which depends on chance.
const triesToFind = 3

func TestKillFindsStoresThatBreakThePromise(t *testing.T) {
	for name, broken := range map[string]struct {
		store func(*folder) sales.Store
		finds func(salestest.KillReport) int
	}{
		"without a fence":                   {func(f *folder) sales.Store { return fenceless{f} }, func(r salestest.KillReport) int { return r.SoldTwice }},
		"without notes before posts":        {func(f *folder) sales.Store { return hasty{f} }, func(r salestest.KillReport) int { return min(r.SoldTwice, r.Unnoted) }},
		"without doubt":                     {func(f *folder) sales.Store { return optimistic{f} }, func(r salestest.KillReport) int { return r.SoldTwice }},
		"without a list of what is unknown": {func(f *folder) sales.Store { return secretive{f} }, func(r salestest.KillReport) int { return r.Unlisted }},
		"with sales that nobody made":       {func(f *folder) sales.Store { return boastful{f} }, func(r salestest.KillReport) int { return min(r.Unfounded, r.Unsettled) }},
		"without sales":                     {func(f *folder) sales.Store { return modest{f} }, func(r salestest.KillReport) int { return min(r.Forgotten, r.Contradicted) }},
	} {
		if testing.Short() && name != "without notes before posts" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func(dir string) (sales.Store, func() error, error) {
				return broken.store(&folder{dir}), func() error { return nil }, nil
			}
			for try := 1; ; try++ {
				var said complaints
				report := salestest.Kill(&said, salestest.KillConfig{Open: open, Test: t.Name(), Dir: t.TempDir(), Kills: max(4, *kills/2), Processes: 3})
				t.Log(report)
				if broken.finds(report) > 0 || try == triesToFind {
					require.NotEmpty(t, said.list)
					require.Positive(t, broken.finds(report), said.list)
					return
				}
			}
		})
	}
}
