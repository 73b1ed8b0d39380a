package pgsales_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
)

// storeModes are the ways to run statements that a pool may choose, and the defaults
// that its connections may have.
var storeModes = map[string]func(*pgxpool.Config){
	"as it comes":         func(*pgxpool.Config) {},
	"described":           func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe },
	"not prepared":        func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec },
	"the simple protocol": func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol },
	"repeatable read": func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "repeatable read"
	},
	"serializable": func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable" },
	"serializable deferrable": func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
		c.ConnConfig.RuntimeParams["default_transaction_deferrable"] = "on"
	},
	"not durable by default": func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["synchronous_commit"] = "off" },
	"one connection":         func(c *pgxpool.Config) { c.MaxConns = 1 },
	"another time zone":      func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["timezone"] = "Asia/Kolkata" },
}

func TestStoreInEveryMode(t *testing.T) {
	t.Parallel()
	for name, set := range storeModes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configFor(t)
			set(config)
			pool := poolOf(t, config)
			salestest.Run(t, func() (sales.Store, error) {
				_, _, options := storeFor(t)
				return pgsales.Open(t.Context(), pool, options)
			})
		})
	}
}
