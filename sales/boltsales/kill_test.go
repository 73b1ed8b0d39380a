package boltsales_test

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

var (
	kills    = flag.Int("kills", 6, "how often to kill a process that sells")
	killSeed = flag.Uint64("kill-seed", 0, "the seed of the kills; 0: a new one")
)

// The long form is: go test -run TestNothingIsSoldTwiceOrForgotten -kills 200
func TestNothingIsSoldTwiceOrForgottenByProcessesThatAreKilled(t *testing.T) {
	report := salestest.Kill(t, salestest.KillConfig{
		Open: func(dir string) (sales.Store, func() error, error) {
			store, err := boltsales.Open(filepath.Join(dir, "sales.db"), &boltsales.Options{LockWait: 10 * time.Second})
			if err != nil {
				return nil, nil, err
			}
			return store, store.Close, nil
		},
		Test:  t.Name(),
		Dir:   t.TempDir(),
		Kills: *kills,
		Seed:  *killSeed,
	})
	t.Log(report)
	require.Positive(t, report.Posts)
}
