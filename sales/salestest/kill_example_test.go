//go:build unix

package salestest_test

import (
	"fmt"
	"os"

	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

func ExampleKill() {
	dir, err := os.MkdirTemp("", "salestest-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	t := new(complaints) // in a test: the *testing.T, with t.Name() and t.TempDir()
	report := salestest.Kill(t, salestest.KillConfig{Open: openFolder, Test: "ExampleKill", Dir: dir, Kills: 2, Processes: 2})
	fmt.Println(report.Kills, report.Stops, report.SoldTwice, report.Forgotten, len(t.list))
	// Output: 2 1 0 0 0
}

func ExampleKillReport_String() {
	fmt.Println(salestest.KillReport{Seed: 1, Kills: 20, Stops: 10, Leads: 278, Offers: 6974, Posts: 370, Fenced: 126, Unrecorded: 5, Sold: 209, Unsold: 1, Unknown: 68, UnknownSold: 38})
	// Output: 20 kills, 10 stops: 278 leads offered 6974 times, 370 posts, 126 notes fenced off, 5 sales not recorded; 209 sold, 1 unsold, 68 unknown (38 of them sold); 0 sold twice, 0 forgotten, 0 unnoted, 0 unlisted, 0 unfounded, 0 contradicted, 0 unsettled (seed 1)
}
