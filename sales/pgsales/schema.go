// The schema: making and checking the tables.

package pgsales

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	leadTable    = "trackdrive_sales"
	countTable   = leadTable + "_count"
	versionTable = leadTable + "_migration"
)

// tableMigrations are the migrations of the tables, in order. Never change one that
// was released; add new ones at the end.
//
// No index has a column that changes while a lead is posting, so that most notes change
// no index. In particular, settled_at is the time of the last update only for leads
// that are not posting. The column lapsed is the state once the lease has ended.
//
// Each backend counts in rows of its own, in the order of the states, so that
// transactions hardly ever wait for each other's, and never in a circle.
var tableMigrations = []string{`
	CREATE TABLE {leads} (
		lead_id     text COLLATE "C" PRIMARY KEY,
		version     bigint NOT NULL,
		state       text NOT NULL,
		lapsed      text NOT NULL,
		settled_at  timestamptz CHECK ((settled_at IS NULL) = (state = 'posting')),
		token       text NOT NULL,
		noted       bigint NOT NULL DEFAULT 0,
		lease_until timestamptz,
		caller_key  text,
		call_uuid   text,
		created_at  timestamptz NOT NULL,
		updated_at  timestamptz NOT NULL,
		sale        json NOT NULL
	) WITH (fillfactor = 60);
	CREATE INDEX trackdrive_sales_states ON {leads} (state, created_at, lead_id);
	CREATE INDEX trackdrive_sales_callers ON {leads} (caller_key, settled_at) WHERE caller_key IS NOT NULL;
	CREATE INDEX trackdrive_sales_settled ON {leads} (settled_at) WHERE state IN ('open', 'sold', 'unsold');
	CREATE UNIQUE INDEX trackdrive_sales_calls ON {leads} (call_uuid) WHERE call_uuid IS NOT NULL;

	CREATE TABLE {counts} (
		state text NOT NULL,
		shard int NOT NULL,
		leads bigint NOT NULL,
		PRIMARY KEY (state, shard)
	) WITH (fillfactor = 20);
	CREATE FUNCTION {schema}.trackdrive_sales_changed() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO {counts} AS c (state, shard, leads)
			SELECT d.state, pg_backend_pid() % 256, d.leads FROM (VALUES (OLD.state, -1), (NEW.state, 1)) AS d (state, leads)
			WHERE d.state <> 'posting' ORDER BY d.state
			ON CONFLICT (state, shard) DO UPDATE SET leads = c.leads + excluded.leads;
			RETURN NULL;
		END $$;
	CREATE FUNCTION {schema}.trackdrive_sales_removed() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO {counts} AS c (state, shard, leads)
			SELECT r.state, pg_backend_pid() % 256, -count(*) FROM removed r
			WHERE r.state <> 'posting' GROUP BY r.state ORDER BY r.state
			ON CONFLICT (state, shard) DO UPDATE SET leads = c.leads + excluded.leads;
			RETURN NULL;
		END $$;
	CREATE FUNCTION {schema}.trackdrive_sales_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			DELETE FROM {counts};
			RETURN NULL;
		END $$;
	CREATE TRIGGER trackdrive_sales_added AFTER INSERT ON {leads} FOR EACH ROW
		WHEN (NEW.state <> 'posting') EXECUTE FUNCTION {schema}.trackdrive_sales_changed();
	CREATE TRIGGER trackdrive_sales_changed AFTER UPDATE ON {leads} FOR EACH ROW
		WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION {schema}.trackdrive_sales_changed();
	CREATE TRIGGER trackdrive_sales_removed AFTER DELETE ON {leads} REFERENCING OLD TABLE AS removed FOR EACH STATEMENT
		EXECUTE FUNCTION {schema}.trackdrive_sales_removed();
	CREATE TRIGGER trackdrive_sales_emptied AFTER TRUNCATE ON {leads} FOR EACH STATEMENT
		EXECUTE FUNCTION {schema}.trackdrive_sales_emptied();
`}

// migrateLock is the first number of the advisory lock on a schema while it is
// migrated.
const migrateLock = 0x7d5a0002

// Migrate creates the tables, or brings them up to date. It may be called at every
// start, even by several processes at once; if there is nothing to do, it only reads.
// If Options.Schema is set and there is no such schema, Migrate creates it. The database
// user needs the privilege to create tables; the program's user does not. Errors are
// those of [Open].
func Migrate(ctx context.Context, pool *pgxpool.Pool, options *Options) error {
	if pool == nil {
		return invalidArgument("pool", "is nil")
	}
	o, err := options.withDefaults()
	if err != nil {
		return err
	}
	return wrapError(ctx, pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		return o.migrate(ctx, tx)
	}))
}

func (o *Options) migrate(ctx context.Context, tx pgx.Tx) error {
	schema, err := o.findSchema(ctx, tx)
	if err != nil {
		return err
	}
	if done, err := tableVersion(ctx, tx, schema); err != nil || done == len(tableMigrations) {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1::int, hashtext($2))`, migrateLock, schema); err != nil {
		return err
	}
	if err := makeSchema(ctx, tx, schema); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS `+pgx.Identifier{schema, versionTable}.Sanitize()+` (version int PRIMARY KEY)`); err != nil {
		return err
	}
	done, err := tableVersion(ctx, tx, schema) // others may have been here
	if err != nil {
		return err
	}
	fill := strings.NewReplacer(
		"{schema}", pgx.Identifier{schema}.Sanitize(),
		"{leads}", pgx.Identifier{schema, leadTable}.Sanitize(),
		"{counts}", pgx.Identifier{schema, countTable}.Sanitize(),
	).Replace
	for i := done; i < len(tableMigrations); i++ {
		if _, err := tx.Exec(ctx, fill(tableMigrations[i])); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO `+pgx.Identifier{schema, versionTable}.Sanitize()+` VALUES ($1)`, i+1); err != nil {
			return err
		}
	}
	return nil
}

// makeSchema does not create an existing schema again: even that needs a privilege.
func makeSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	var isThere bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, schema).Scan(&isThere)
	if err != nil || isThere {
		return err
	}
	_, err = tx.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{schema}.Sanitize())
	return err
}

// rowQuerier is a pool or a transaction.
type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// findSchema returns the schema of the tables, also if there are none yet.
func (o *Options) findSchema(ctx context.Context, db rowQuerier) (string, error) {
	if o.Schema != "" {
		return o.Schema, nil
	}
	var schema *string
	err := db.QueryRow(ctx, `SELECT coalesce((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = to_regclass($1)), current_schema())::text`, versionTable).Scan(&schema)
	switch {
	case err != nil:
		return "", err
	case schema == nil:
		return "", fmt.Errorf("%w: the search_path has no schema that exists; set Options.Schema", ErrNotMigrated)
	}
	return *schema, nil
}

// tableVersion returns the number of migrations that were applied, or an error if it is
// more than this package has.
func tableVersion(ctx context.Context, db rowQuerier, schema string) (done int, err error) {
	table := pgx.Identifier{schema, versionTable}.Sanitize()
	var isThere bool
	if err := db.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&isThere); err != nil || !isThere {
		return 0, err
	}
	if err := db.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM `+table).Scan(&done); err != nil {
		return 0, err
	}
	if done > len(tableMigrations) {
		return done, fmt.Errorf("%w: they have version %d, and this program knows %d", ErrNewerTables, done, len(tableMigrations))
	}
	return done, nil
}

// check checks whether the database can be used.
func (s *Store) check(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNoConnection, err)
	}
	server, err := readServer(ctx, s.pool)
	if err != nil {
		return err
	}
	if err := server.check(&s.options); err != nil {
		return err
	}
	schema, err := s.options.findSchema(ctx, s.pool)
	if err != nil {
		return err
	}
	done, err := tableVersion(ctx, s.pool, schema)
	switch {
	case err != nil:
		return err
	case done < len(tableMigrations):
		return fmt.Errorf("%w: they have version %d, and this program needs %d", ErrNotMigrated, done, len(tableMigrations))
	}
	s.sql = newStatements(schema)
	return s.checkTables(ctx, schema)
}

// serverSettings are the settings of a server that matter.
type serverSettings struct {
	version                        int
	isStandby                      bool
	readOnly, fsync, fullPageWrite string
}

func readServer(ctx context.Context, db rowQuerier) (v serverSettings, err error) {
	err = db.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('default_transaction_read_only'),
		current_setting('fsync'), current_setting('full_page_writes')`).Scan(&v.version, &v.isStandby, &v.readOnly, &v.fsync, &v.fullPageWrite)
	return v, err
}

// oldestServer is the oldest version of PostgreSQL that is supported.
const oldestServer = 14_00_00

// check refuses a server that is too old, accepts no writes, or may lose them.
func (v *serverSettings) check(o *Options) error {
	switch {
	case v.version < oldestServer:
		return fmt.Errorf("%w: it is PostgreSQL %d", ErrOldServer, v.version/10_000)
	case v.isStandby:
		return fmt.Errorf("%w: the server is a standby", ErrReadOnly)
	case v.readOnly == "on":
		return fmt.Errorf("%w: default_transaction_read_only is on", ErrReadOnly)
	case o.Unsafe:
		return nil
	case v.fsync == "off":
		return fmt.Errorf("%w: fsync is off", ErrNotDurable)
	case v.fullPageWrite == "off" && !o.AtomicPages:
		return fmt.Errorf("%w: full_page_writes is off; turn it on, or see Options.AtomicPages", ErrNotDurable)
	}
	return nil
}

// checkTables checks that the tables survive a crash, and that this user may write.
func (s *Store) checkTables(ctx context.Context, schema string) error {
	var persistence string
	err := s.pool.QueryRow(ctx, `SELECT oid::text, relpersistence::text FROM pg_class WHERE oid = $1::text::regclass`,
		pgx.Identifier{schema, leadTable}.Sanitize()).Scan(&s.tableID, &persistence)
	switch {
	case err != nil:
		return err
	case persistence != "p" && !s.options.Unsafe:
		return fmt.Errorf("%w: the table %s is unlogged; ALTER TABLE ... SET LOGGED", ErrNotDurable, leadTable)
	}
	_, err = s.pool.Exec(ctx, s.sql.probe)
	if codeOf(err) == insufficientPrivilege {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
