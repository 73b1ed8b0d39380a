// The schema: making and checking the tables.

package riverstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// tableMigrations are the migrations of the table, in order. Never change one that
// was released; add new ones at the end.
var tableMigrations = []string{`
	CREATE TABLE {items} (
		id          text PRIMARY KEY,
		seq         bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
		key         text NOT NULL,
		subdomain   text NOT NULL,
		state       text NOT NULL,
		due         timestamptz NOT NULL,
		settled_at  timestamptz,
		lease_until timestamptz,
		lease       json,
		version     bigint NOT NULL DEFAULT 0,
		item        json NOT NULL
	);
	CREATE INDEX trackdrive_outbox_calls ON {items} (key, seq) WHERE ` + isUnsettled + `;
	CREATE INDEX trackdrive_outbox_due ON {items} (subdomain, due, seq) WHERE ` + isClaimable + `;
	CREATE INDEX trackdrive_outbox_leases ON {items} (key, lease_until) WHERE lease_until IS NOT NULL;
	CREATE INDEX trackdrive_outbox_states ON {items} (state, seq);
	CREATE INDEX trackdrive_outbox_settled ON {items} (settled_at) WHERE state = 'delivered';
`, `
	CREATE TABLE {companies} (
		subdomain     text PRIMARY KEY,
		version       bigserial, -- never the same again, even if the row is removed meanwhile
		failures      int NOT NULL,
		paused        boolean NOT NULL,
		doubts        int NOT NULL,
		until         timestamptz,
		additive_from timestamptz,
		blind_from    timestamptz,
		probed_until  timestamptz
	);
`, `
	CREATE INDEX trackdrive_outbox_absolute ON {items} (subdomain, due, seq) WHERE ` + isClaimable + ` AND ` + isAbsolute + `;
`}

const versionTable = itemTable + "_migration"

// Migrate creates the tables of the outbox and of River, or brings them up to
// date. It may be called at every start, even by several processes at once. If
// Options.Schema is set, it also creates the schema. Its database user needs the
// privilege to create tables; the service's user does not.
func Migrate(ctx context.Context, pool *pgxpool.Pool, options *Options) error {
	o := options.withDefaults()
	if err := o.check(); err != nil {
		return err
	}
	// A separate connection holds the lock, because River takes some of the pool's.
	// It is made as the pool's are, with the pool's hooks.
	config := pool.Config()
	config.MaxConns, config.MinConns, config.MinIdleConns = 1, 0, 0
	own, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return wrapError(err)
	}
	defer own.Close()
	conn, err := own.Acquire(ctx)
	if err != nil {
		return wrapError(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1::int, hashtext(coalesce(nullif($2, ''), current_schema(), '')))`, migrateLock, o.Schema); err != nil {
		return wrapError(err)
	}
	if err := o.makeSchema(ctx, conn); err != nil {
		return wrapError(err)
	}
	migrator, err := o.migrator(pool)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return wrapError(err)
	}
	if err := pgx.BeginTxFunc(ctx, conn, readCommitted, func(tx pgx.Tx) error { return o.migrate(ctx, tx) }); err != nil {
		return wrapError(err)
	}
	return nil
}

// makeSchema does not create an existing schema again: even that needs a privilege.
func (o *Options) makeSchema(ctx context.Context, conn *pgxpool.Conn) error {
	var found bool
	err := conn.QueryRow(ctx, `SELECT $1 = '' OR EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, o.Schema).Scan(&found)
	if err != nil || found {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{o.Schema}.Sanitize())
	return err
}

func (o *Options) migrator(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgx.Tx], error) {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: o.Schema, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("riverstore: %w", err)
	}
	return migrator, nil
}

func (o *Options) migrate(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS `+o.name(versionTable)+` (version int PRIMARY KEY)`); err != nil {
		return err
	}
	done, err := o.version(ctx, tx)
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("{items}", o.name(itemTable), "{companies}", o.name(companyTable))
	for i := done; i < len(tableMigrations); i++ {
		if _, err := tx.Exec(ctx, fill.Replace(tableMigrations[i])); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO `+o.name(versionTable)+` VALUES ($1)`, i+1); err != nil {
			return err
		}
	}
	return nil
}

// version returns the number of migrations that were applied.
func (o *Options) version(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (n int, err error) {
	err = db.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM `+o.name(versionTable)).Scan(&n)
	return n, err
}

// check checks whether the database can be used.
func (s *Store) check(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNoConnection, err)
	}
	if err := s.checkSettings(ctx); err != nil {
		return err
	}
	done, err := s.options.version(ctx, s.pool)
	if err != nil {
		return wrapError(err)
	}
	if done < len(tableMigrations) {
		return fmt.Errorf("%w: the outbox has version %d, not %d", ErrNotMigrated, done, len(tableMigrations))
	}
	migrator, err := s.options.migrator(s.pool)
	if err != nil {
		return err
	}
	rivers, err := migrator.Validate(ctx, nil)
	if err != nil {
		return wrapError(err)
	}
	if !rivers.OK {
		return fmt.Errorf("%w: River: %s", ErrNotMigrated, strings.Join(rivers.Messages, "; "))
	}
	if err := s.pool.QueryRow(ctx, `SELECT $1::regclass::oid::text`, s.options.name(itemTable)).Scan(&s.tableID); err != nil {
		return wrapError(err)
	}
	return s.checkRights(ctx)
}

// checkSettings refuses a server that accepts no writes, or may lose them.
func (s *Store) checkSettings(ctx context.Context) error {
	var isStandby bool
	var readOnly, fsync, commit string
	err := s.pool.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'),
		current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&isStandby, &readOnly, &fsync, &commit)
	switch {
	case err != nil:
		return wrapError(err)
	case isStandby:
		return fmt.Errorf("%w: the server is a standby", ErrReadOnly)
	case readOnly == "on":
		return fmt.Errorf("%w: default_transaction_read_only is on", ErrReadOnly)
	case !s.options.Unsafe && (fsync == "off" || commit == "off"):
		return fmt.Errorf("%w: fsync is %s, synchronous_commit is %s", ErrNotDurable, fsync, commit)
	}
	return nil
}

// checkRights checks with the server that this user may write.
func (s *Store) checkRights(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, s.sql.probe)
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == insufficientPrivilege {
		return fmt.Errorf("%w: %s", ErrReadOnly, said.Message)
	}
	return wrapError(err)
}
