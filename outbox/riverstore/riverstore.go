// Package riverstore keeps an outbox in PostgreSQL, and delivers it with River. It
// is the store and the engine for a service on several machines.
//
//	if err := riverstore.Migrate(ctx, pool, nil); err != nil { // once, or at every start
//		return err
//	}
//	store, err := riverstore.Open(ctx, pool, nil)
//	if err != nil {
//		return err // riverstore.ErrNoConnection, ErrNotMigrated, ErrNotDurable, ErrReadOnly
//	}
//	worker, err := outbox.New(outbox.Config{Store: store, Client: client})
//	...
//	engine, err := riverstore.New(riverstore.Config{Store: store, Worker: worker})
//	...
//	err = engine.Start(ctx) // on every machine; not worker.Run
//	defer engine.Stop(ctx)
//
// A conversion and its postback commit together, or neither does:
//
//	tx, err := pool.Begin(ctx)
//	...
//	_, err = tx.Exec(ctx, "INSERT INTO sales ...")
//	...
//	_, added, err := store.EnqueueTx(ctx, tx, item)
//	...
//	err = tx.Commit(ctx)
//
// # Table and jobs
//
// The table trackdrive_outbox holds the truth: each item with its state, its
// lease and its id, which is unique in the database until it is purged. A River
// job says only that a call has something to deliver. It is inserted in the
// transaction of its item, and snoozes while the item waits. So it does not matter
// that River deletes completed jobs after a day, and discarded ones after a week.
// A dead item stays until it is retried or settled, and an item whose job was lost
// or deleted gets another job within about 20 seconds.
//
// # Order
//
// Only the oldest unsettled item of a call is ever claimed, under a lock in the
// database that all machines share, and none while another item of the call is
// leased. If transactions overlap, items are in the order in which they were
// enqueued, not in the order of the commits; but an item that is not committed yet
// does not hold up the others.
//
// # Clocks
//
// The leases that an [Engine] takes, and the times at which items are due for it,
// go by the clock of the database. If a machine's clock is wrong, items wait too
// long or too short, and nothing else goes wrong.
//
// # When a machine dies
//
// Its items stay leased for Config.Lease; then other machines can claim them. An
// additive item that may have been sent is put aside, as always.
package riverstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// Reasons why a database cannot be used, for [errors.Is].
var (
	ErrNoConnection = errors.New("riverstore: no connection to PostgreSQL")
	ErrNotMigrated  = errors.New("riverstore: tables are missing or outdated; call Migrate")
	ErrNotDurable   = errors.New("riverstore: the database loses acknowledged transactions when it crashes")
	ErrReadOnly     = errors.New("riverstore: the database cannot be written to")
)

// Options are the options of [Open] and [Migrate]. The zero Options are the defaults.
type Options struct {
	Schema string       // the schema of the tables, including River's: letters, digits and underscores. Default: the connection's search_path
	Queue  string       // River's queue for the jobs; the same in every process. Default "trackdrive_outbox"
	Logger *slog.Logger // for River. Default: slog's default, warnings and errors

	// Unsafe accepts a database with fsync or synchronous_commit off, for tests.
	Unsafe bool
}

const (
	itemTable    = "trackdrive_outbox"
	companyTable = "trackdrive_outbox_company"
	defaultQueue = "trackdrive_outbox"
)

func (o *Options) withDefaults() Options {
	if o == nil {
		o = &Options{}
	}
	d := *o
	if d.Queue == "" {
		d.Queue = defaultQueue
	}
	if d.Logger == nil {
		d.Logger = slog.New(atLeast{slog.Default().Handler(), slog.LevelWarn})
	}
	return d
}

// atLeast drops the records below a level, such as River's routine messages.
type atLeast struct {
	slog.Handler
	level slog.Level
}

// Enabled reports whether records of a level are logged.
func (a atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= a.level && a.Handler.Enabled(ctx, level)
}

// schemaName matches the names that River can use, because it does not quote them everywhere.
var schemaName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// maxSchema leaves room for the names of River's notifications.
const maxSchema = 46

func (o *Options) check() error {
	switch {
	case o.Schema == "":
		return nil
	case len(o.Schema) > maxSchema:
		return invalidArgument("schema", fmt.Sprintf("is longer than %d bytes", maxSchema))
	case !schemaName.MatchString(o.Schema):
		return invalidArgument("schema", "must have only letters, digits and underscores, and not begin with a digit")
	}
	return nil
}

// name returns the qualified name of a table.
func (o *Options) name(table string) string {
	if o.Schema == "" {
		return pgx.Identifier{table}.Sanitize()
	}
	return pgx.Identifier{o.Schema, table}.Sanitize()
}

// Store is an [outbox.Store] in PostgreSQL. Any number of processes may use it
// at once. It is safe for concurrent use.
type Store struct {
	options Options
	pool    *pgxpool.Pool
	river   *river.Client[pgx.Tx] // inserts jobs, but works on none
	sql     sqlStatements
	tableID string // the database's own

	claims  requestBatcher[callClaim, claimAnswer]
	changes requestBatcher[itemChange, changeAnswer]
}

var _ outbox.Store = (*Store)(nil)

// Open checks the database and returns its store. The caller keeps the pool, and
// closes it when the store is no longer in use. Nil options are the defaults.
//
// [ErrNoConnection] means that PostgreSQL does not answer. [ErrNotMigrated] means
// that [Migrate] has to be called. [ErrNotDurable] means that PostgreSQL may lose
// transactions, because fsync is off, or synchronous_commit is off for this user.
// [ErrReadOnly] means that it is a standby, or read-only by its settings or for
// this user. If the database fails later, the store returns the same errors, and
// recovers when the database does. A schema that River cannot use is
// [trackdrive.ErrInvalidArgument].
func Open(ctx context.Context, pool *pgxpool.Pool, options *Options) (*Store, error) {
	s := &Store{options: options.withDefaults(), pool: pool}
	if err := s.options.check(); err != nil {
		return nil, err
	}
	s.sql = newStatements(&s.options)
	s.claims.answerAll, s.changes.answerAll = s.claimCalls, s.changeItems
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	var err error
	s.river, err = river.NewClient(riverpgxv5.New(pool), &river.Config{Schema: s.options.Schema, Logger: s.options.Logger})
	if err != nil {
		return nil, fmt.Errorf("riverstore: %w", err)
	}
	return s, nil
}

// sqlStatements are the SQL statements, with the names of the tables filled in.
type sqlStatements struct {
	add, get, version, change, changeMany, list, counts, oldest, purge, probe string

	lockCalls, claimCalls, claimHeads, candidates, absoluteCandidates, absoluteCall, nextDue, nextLease, others, orphans, stepBack string

	companies, addCompany, changeCompany, removeCompany, resumeCompany, probeCompany string
}

// The conditions, and how they are planned. PostgreSQL also plans for tables that
// it has never analysed, or analysed when nothing waited, and takes what it does
// not know for a handful of rows, spread evenly. It might read all that waits, or
// all that was delivered, for each claim, or compare each item with each other. So
// the statements leave it no choice: what has a LIMIT or an aggregate is looked up
// row by row, and only one index has the order that is asked for.
const (
	isUnsettled = `state NOT IN ('delivered', 'dead')`
	isClaimable = `state IN ('waiting', 'sending')`
	isAbsolute  = `item->>'additive' IS NULL`
	// lockedCalls are the locks that the statement before got: see lockCalls.
	lockedCalls = `current_setting('trackdrive.locked')`
)

// unsettledOf selects the unsettled items h of a call, the oldest first. As an
// equation, the key would leave the order to seq, which has an index of its own.
func unsettledOf(call string) string {
	return `FROM {items} h WHERE h.key >= ` + call + ` AND h.key <= ` + call + ` AND h.` + isUnsettled + ` ORDER BY h.key, h.seq`
}

// headOf selects the oldest unsettled item of a call.
func headOf(call string) string {
	return `(SELECT h.seq, h.subdomain, h.state, h.due ` + unsettledOf(call) + ` LIMIT 1)`
}

// heldUntil selects when the last lease on an item of a call ends.
func heldUntil(call string) string {
	return `(SELECT max(l.lease_until) FROM {items} l WHERE l.key = ` + call + `)`
}

// dueCallsWhere selects calls whose head can be claimed: see dueCalls.
func dueCallsWhere(condition string) string {
	return ` SELECT f.key, f.subdomain FROM companies c CROSS JOIN LATERAL (
			SELECT i.key, i.subdomain, row_number() OVER (ORDER BY i.due, i.seq) AS turn FROM {items} i
			WHERE i.subdomain = c.subdomain AND i.` + isClaimable + ` AND i.due <= $1 AND ` + condition + ` AND ` + isHead + ` AND ` + isFree + `
			ORDER BY i.due, i.seq LIMIT $4
		) f ORDER BY f.turn, random()`
}

var (
	// isHead holds for an item i that is the oldest unsettled one of its call. As an
	// equation, it would be expected to hold for hardly any item.
	isHead = `i.seq <= (SELECT head.seq FROM ` + headOf("i.key") + ` head)`
	// isFree holds for an item i if no item of its call is under a lease at $1.
	isFree = `(` + heldUntil("i.key") + ` > $1) IS NOT TRUE`
	// isWanted selects companies: $2 is the only one, or empty; $3 are the excluded ones.
	isWanted = `($2 = '' OR i.subdomain = $2) AND i.subdomain <> ALL($3)`
	// withCompanies finds the companies without reading all of their items.
	withCompanies = `WITH RECURSIVE names AS (
		(SELECT subdomain FROM {items} WHERE ` + isClaimable + ` ORDER BY subdomain LIMIT 1)
		UNION ALL
		SELECT (SELECT n.subdomain FROM {items} n WHERE n.` + isClaimable + ` AND n.subdomain > names.subdomain ORDER BY n.subdomain LIMIT 1)
		FROM names WHERE names.subdomain IS NOT NULL
	), companies AS (SELECT i.subdomain FROM names i WHERE i.subdomain IS NOT NULL AND ` + isWanted + `)`
	// dueCalls selects calls whose head can be claimed at $1, of the companies in turn,
	// and from each company those that have been due longest, at most $4.
	dueCalls = dueCallsWhere(`true`)
	// absoluteCalls are those of dueCalls whose head is absolute, and has had fewer
	// attempts than $7.
	absoluteCalls = dueCallsWhere(`i.` + isAbsolute + ` AND coalesce((i.item->>'attempts')::int, 0) < $7`)
	// lockFound locks the calls that were found.
	lockFound = ` SELECT key, pg_try_advisory_xact_lock($5::int, hashtext($6 || key)) FROM found`
	// leaseHeads leases the heads of calls that are due and free at {now}: $1 are
	// the calls, each of them once, $2 the leases, and $3 how long they last. It
	// leaves out the calls that are not {locked}, and skips a head that somebody is
	// changing, so it waits for nobody. It returns each call whose head can be
	// claimed, now or later, with the time until then.
	leaseHeads = `WITH heads AS MATERIALIZED (
			SELECT c.key, c.lease, c.lasts, h.seq, h.due, ` + heldUntil("c.key") + ` AS held_until
			FROM unnest($1::text[], $2::text[], $3::interval[], {locked}::bool[]) AS c (key, lease, lasts, is_locked)
			CROSS JOIN LATERAL ` + headOf("c.key") + ` h
			WHERE c.is_locked AND h.` + isClaimable + `
		), free AS MATERIALIZED (
			SELECT i.seq, heads.lease, heads.lasts FROM heads JOIN {items} i ON i.seq = heads.seq
			WHERE (heads.held_until > {now}) IS NOT TRUE AND (i.lease_until > {now}) IS NOT TRUE
			AND i.due <= {now} AND (i.` + isClaimable + `) IS TRUE -- which no index has: the head is looked up by its seq
			FOR UPDATE OF i SKIP LOCKED
		), claimed AS (
			UPDATE {items} i SET version = i.version + 1, lease = free.lease::json, lease_until = {now} + free.lasts
			FROM free WHERE i.seq = free.seq
			RETURNING i.seq, i.item, i.lease, i.version
		) SELECT heads.key, claimed.seq, claimed.item, claimed.lease, claimed.version,
			least(greatest(heads.due, heads.held_until) - clock_timestamp(), interval '1 day')
		FROM heads LEFT JOIN claimed ON claimed.seq = heads.seq`
)

func newStatements(o *Options) sqlStatements {
	fill := strings.NewReplacer("{items}", o.name(itemTable), "{companies}", o.name(companyTable), "{jobs}", o.name("river_job")).Replace
	return sqlStatements{
		add: fill(`INSERT INTO {items} (id, key, subdomain, state, due, settled_at, item) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO NOTHING RETURNING seq`),
		get:     fill(`SELECT seq, item, lease FROM {items} WHERE id = $1`),
		version: fill(`SELECT seq, item, lease, version FROM {items} WHERE id = $1`),
		change: fill(`UPDATE {items} SET version = version + 1, state = $3, due = $4, settled_at = $5, item = $6,
			lease = $7::json, lease_until = CASE WHEN $8 THEN lease_until + $9::interval ELSE $10 END
			WHERE id = $1 AND version = $2`),
		// Each change has a number. This leaves out and skips the same as leaseHeads. It
		// returns the numbers of the changes that it stored, and whether the calls have
		// other items: the snapshot is from before the changes.
		changeMany: fill(`WITH c AS MATERIALIZED (
				SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[],
					$7::text[], $8::bool[], $9::interval[], $10::timestamptz[], ` + lockedCalls + `::bool[]) WITH ORDINALITY
				AS c (id, version, state, due, settled_at, item, lease, same_lease, longer, lease_until, is_locked, number)
			), free AS MATERIALIZED (
				SELECT i.id, c.number FROM c JOIN {items} i ON i.id = c.id AND i.version = c.version WHERE c.is_locked FOR UPDATE OF i SKIP LOCKED
			) UPDATE {items} i SET version = i.version + 1, state = c.state, due = c.due, settled_at = c.settled_at, item = c.item::json,
				lease = c.lease::json, lease_until = CASE WHEN c.same_lease THEN i.lease_until + c.longer ELSE c.lease_until END
			FROM c JOIN free ON free.number = c.number WHERE i.id = free.id
			RETURNING c.number, (SELECT count(*) > 1 FROM (SELECT ` + unsettledOf("i.key") + ` LIMIT 2) unsettled)`),
		list: fill(`SELECT seq, item, lease FROM {items} WHERE state >= $1 AND state <= $1 AND seq > $2 ORDER BY state, seq LIMIT $3`),
		// An index-only scan is enough.
		counts: fill(`SELECT state, count(*) FROM {items} GROUP BY state`),
		oldest: fill(`SELECT item FROM {items} WHERE state >= 'waiting' AND state <= 'waiting' ORDER BY state, seq LIMIT 1`),
		purge: fill(`DELETE FROM {items} WHERE id IN (
			SELECT id FROM {items} WHERE state = 'delivered' AND settled_at < $1 ORDER BY settled_at LIMIT $2
		) AND state = 'delivered' AND settled_at < $1`),
		// This writes nothing, but needs every privilege that writing needs.
		probe: fill(`WITH added AS (
				INSERT INTO {items} (id, key, subdomain, state, due, item) SELECT '', '', '', '', now(), '{}'::json WHERE false
			), changed AS (UPDATE {items} SET version = version WHERE false
			), removed AS (DELETE FROM {items} WHERE false
			), rested AS (INSERT INTO {companies} (subdomain, failures, paused, doubts) SELECT '', 0, false, 0 WHERE false
			), tried AS (UPDATE {companies} SET version = DEFAULT WHERE false
			), opened AS (DELETE FROM {companies} WHERE false
			), job AS (INSERT INTO {jobs} (kind, args, max_attempts) SELECT '', '{}'::jsonb, 1 WHERE false
			), moved AS (UPDATE {jobs} SET priority = priority WHERE false
			) SELECT 1`),

		// It waits for no lock: the holder may be a machine that died, and many calls
		// share a transaction. Which locks it got is for the next statement, too.
		lockCalls: `SELECT set_config('trackdrive.locked', array_agg(pg_try_advisory_xact_lock($1::int, hashtext($2 || c.key)) ORDER BY c.number)::text, true)::bool[]
			FROM unnest($3::text[]) WITH ORDINALITY AS c (key, number)`,
		// The first by the database's clock, the second by the caller's.
		claimCalls:         fill(strings.NewReplacer("{now}", "clock_timestamp()", "{locked}", lockedCalls).Replace(leaseHeads)),
		claimHeads:         fill(strings.NewReplacer("{now}", "$4::timestamptz", "{locked}", "$5").Replace(leaseHeads)),
		candidates:         fill(withCompanies + `, found AS MATERIALIZED (` + dueCalls + ` LIMIT $4)` + lockFound),
		absoluteCandidates: fill(withCompanies + `, found AS MATERIALIZED (` + absoluteCalls + ` LIMIT $4)` + lockFound),
		// The first of them, by the database's clock, for the company $1.
		absoluteCall: fill(strings.NewReplacer("$1", "statement_timestamp()", "$2", "$1", "$3", "'{}'::text[]", "$4", "1", "$7", "$2").Replace(withCompanies + absoluteCalls + ` LIMIT 1`)),
		nextDue: fill(withCompanies + ` SELECT f.item FROM companies c CROSS JOIN LATERAL (
				SELECT i.item, i.due FROM {items} i
				WHERE i.subdomain = c.subdomain AND i.` + isClaimable + ` AND i.due > $1 AND ` + isHead + ` AND ` + isFree + `
				ORDER BY i.due LIMIT 1
			) f ORDER BY f.due LIMIT 1`),
		nextLease: fill(`SELECT i.lease FROM {items} i WHERE i.lease_until > $1 AND ` + isWanted + ` ORDER BY i.lease_until LIMIT 1`),
		// What candidates selects, by the database's clock, and for no company alone. There
		// may be one company for each of $2 places that has a share of them; with twice as
		// many calls, one of a company without it is among them, if there is any.
		others: fill(strings.NewReplacer("$1", "statement_timestamp()", "$2", "''", "$3", "$1", "$4", "$2").Replace(withCompanies + dueCalls + ` LIMIT 2 * $4`)),
		companies: fill(`SELECT subdomain, version, failures, paused, doubts, until - clock_timestamp(), additive_from - clock_timestamp(),
			blind_from - clock_timestamp(), probed_until - clock_timestamp() FROM {companies}`),
		addCompany: fill(`INSERT INTO {companies} (subdomain, failures, paused, doubts, until, additive_from, blind_from)
			VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval, clock_timestamp() + $6::interval, clock_timestamp() + $7::interval)
			ON CONFLICT (subdomain) DO NOTHING RETURNING version`),
		changeCompany: fill(`UPDATE {companies} SET version = DEFAULT, failures = $2, paused = $3, doubts = $4, until = clock_timestamp() + $5::interval,
			additive_from = clock_timestamp() + $6::interval, blind_from = clock_timestamp() + $7::interval,
			probed_until = CASE WHEN NOT $9 THEN probed_until END
			WHERE subdomain = $1 AND version = $8 RETURNING version`),
		removeCompany: fill(`DELETE FROM {companies} WHERE subdomain = $1 AND version = $2`),
		resumeCompany: fill(`DELETE FROM {companies} WHERE subdomain = $1`),
		probeCompany: fill(`UPDATE {companies} SET version = DEFAULT, probed_until = clock_timestamp() + $3::interval
			WHERE subdomain = $1 AND version = $2 AND (probed_until <= clock_timestamp() OR probed_until IS NULL)
			AND (until <= clock_timestamp() + $4::interval OR until IS NULL) RETURNING version`),
		// A FULL JOIN is never planned as a comparison of each with each, and OFFSET
		// keeps it a FULL JOIN. The heads of the calls without a job are looked up in
		// order, until there are enough.
		orphans: fill(`SELECT c.key, h.subdomain FROM (
				SELECT key, min(due) AS due FROM (
					SELECT i.key, i.due, covered.key IS NOT NULL AS is_covered
					FROM (SELECT key, due FROM {items} WHERE ` + isClaimable + ` AND due <= $1) i
					FULL JOIN (
						SELECT key FROM {items} WHERE lease_until > $1
						UNION SELECT args->>'key' FROM {jobs}
						WHERE kind = $2 AND queue = $5 AND state IN ('available', 'pending', 'retryable', 'scheduled') AND scheduled_at <= clock_timestamp() + $3::interval
					) covered ON covered.key = i.key
					OFFSET 0
				) calls WHERE NOT is_covered GROUP BY key ORDER BY min(due) OFFSET 0
			) c CROSS JOIN LATERAL ` + headOf("c.key") + ` h
			WHERE h.` + isClaimable + ` AND h.due <= $1 ORDER BY c.due LIMIT $4`),
		stepBack: fill(`UPDATE {jobs} SET priority = $2 WHERE id = $1`),
	}
}

// PostgreSQL's error codes if nothing may be written.
const (
	readOnlyTransaction   = "25006"
	insufficientPrivilege = "42501"
)

// wrapError classifies an error of the database, and never shows an item.
func wrapError(err error) error {
	if err == nil {
		return nil
	}
	var refused *pgconn.ConnectError
	var said *pgconn.PgError
	var lost net.Error
	switch {
	case errors.As(err, &said):
		switch {
		case said.Code == readOnlyTransaction:
			return fmt.Errorf("%w: %s", ErrReadOnly, said.Message)
		case said.Code == "42P01", said.Code == "3F000", said.Code == "42703": // no such table, schema, column
			return fmt.Errorf("%w: %s", ErrNotMigrated, said.Message)
		case strings.HasPrefix(said.Code, "57P"), strings.HasPrefix(said.Code, "08"), strings.HasPrefix(said.Code, "53"):
			return fmt.Errorf("%w: %w", ErrNoConnection, err)
		}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.As(err, &refused), errors.As(err, &lost), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), pgconn.SafeToRetry(err):
		return fmt.Errorf("%w: %w", ErrNoConnection, err)
	}
	return fmt.Errorf("riverstore: %w", err)
}

// Enqueue stores an item, which must be whole, and a job for it, unless the id is
// known. [outbox.Enqueue] makes an item whole. An item that is not whole is not
// stored, and the error is [trackdrive.ErrInvalidArgument].
func (s *Store) Enqueue(ctx context.Context, item outbox.Item) (stored outbox.Item, added bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
		stored, added, err = s.add(ctx, tx, item)
		return err
	})
	if err != nil {
		return outbox.Item{}, false, wrapError(err)
	}
	return stored, added, nil
}

// EnqueueTx is [outbox.Enqueue] in the caller's own transaction: the item is
// stored when the transaction commits, and delivered after that. Of two
// transactions with the same id, the second waits for the first to end.
//
// The caller chooses the isolation level. Above READ COMMITTED, PostgreSQL refuses
// the second of two transactions with the same id (SQLSTATE 40001), as it may
// refuse any other transaction: repeat the whole transaction then.
//
// Errors are those of outbox.Enqueue. After an error of the database, roll the
// transaction back.
func (s *Store) EnqueueTx(ctx context.Context, tx pgx.Tx, item outbox.Item) (stored outbox.Item, added bool, err error) {
	return outbox.Enqueue(ctx, txStore{s, tx}, item)
}

// txStore is a store that enqueues in a transaction.
type txStore struct {
	*Store
	tx pgx.Tx
}

// Enqueue stores an item in the transaction.
func (w txStore) Enqueue(ctx context.Context, item outbox.Item) (stored outbox.Item, added bool, err error) {
	stored, added, err = w.add(ctx, w.tx, item)
	return stored, added, wrapError(err)
}

func (s *Store) add(ctx context.Context, tx pgx.Tx, item outbox.Item) (stored outbox.Item, added bool, err error) {
	if err := outbox.CheckNew(item); err != nil {
		return outbox.Item{}, false, err
	}
	data, err := encodeItem(item)
	if err != nil {
		return outbox.Item{}, false, err
	}
	var seq int64
	err = tx.QueryRow(ctx, s.sql.add, item.ID, item.Key, item.Subdomain, string(item.State), item.Due, orNull(item.SettledAt), data).Scan(&seq)
	if errors.Is(err, pgx.ErrNoRows) {
		stored, err = scanItem(tx.QueryRow(ctx, s.sql.get, item.ID))
		return stored, false, err
	}
	if err != nil {
		return outbox.Item{}, false, err
	}
	item.Seq = uint64(seq)
	return item, true, s.insertJob(ctx, tx, &item)
}

// insertJob makes River look at the call when the item is due.
func (s *Store) insertJob(ctx context.Context, tx pgx.Tx, i *outbox.Item) error {
	opts := s.jobOpts()
	if i.Due.After(time.Now()) {
		opts.ScheduledAt = i.Due
	}
	_, err := s.river.InsertTx(ctx, tx, deliverArgs{Key: i.Key, Subdomain: i.Subdomain}, opts)
	return err
}

// Update changes an item in one step. Unless the change is by the holder of the
// lease, it also inserts a job for the call.
func (s *Store) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	if held := s.heldIn(ctx, id); held != nil {
		item, isStored, err := held.update(ctx, change)
		if err != nil || isStored {
			return item, err
		}
	}
	for {
		var version int64
		var row itemRow
		err := s.queryRow(ctx, func(r pgx.Row) error {
			return r.Scan(&row.seq, &row.item, &row.lease, &version)
		}, s.sql.version, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return outbox.Item{}, outbox.ErrUnknownItem
		}
		if err != nil {
			return outbox.Item{}, wrapError(err)
		}
		before, err := row.decode()
		if err != nil {
			return outbox.Item{}, wrapError(err)
		}
		after := before
		if err := change(&after); err != nil {
			return outbox.Item{}, err
		}
		if err := outbox.CheckChange(before, after); err != nil {
			return outbox.Item{}, wrapError(err)
		}
		stored, err := s.replace(ctx, &before, &after, version)
		if err != nil {
			return outbox.Item{}, wrapError(err)
		}
		if stored {
			return after, nil
		} // otherwise another process changed it meanwhile
	}
}

// replace stores an item in place of a version of it, if that is still current.
func (s *Store) replace(ctx context.Context, before, after *outbox.Item, version int64) (stored bool, err error) {
	c, err := newChange(before, after, version)
	if err != nil {
		return false, err
	}
	args := []any{c.id, c.version, c.state, c.due, c.settledAt, c.item, c.lease, c.sameLease, c.longer, c.leaseUntil}
	if isHolders(before, after) || after.State == outbox.Parked || after.State == outbox.Aside {
		changed, err := s.exec(ctx, s.sql.change, args...)
		return changed == 1, err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, s.sql.change, args...)
		if stored = tag.RowsAffected() == 1; err != nil || !stored {
			return err
		}
		return s.insertJob(ctx, tx, after)
	})
	return stored && err == nil, err
}

// isBroken reports whether a lease was broken by hand.
func isBroken(l outbox.Lease) bool { return l.Until.IsZero() && l.Token != "" }

// isHolders reports whether a change is by the holder of the item's lease, who
// looks at the call again.
func isHolders(before, after *outbox.Item) bool {
	return before.Lease.Token != "" && !isBroken(after.Lease)
}

// itemChange is a changed item as the table stores it.
type itemChange struct {
	id         string
	key        string
	version    int64 // before the change
	state      string
	due        time.Time
	settledAt  *time.Time
	item       string
	lease      *string
	sameLease  bool // a renewed lease keeps to the clock by which it began
	longer     time.Duration
	leaseUntil *time.Time
}

func newChange(before, after *outbox.Item, version int64) (itemChange, error) {
	item, err := encodeItem(*after)
	if err != nil {
		return itemChange{}, err
	}
	lease, err := encodeLease(after.Lease)
	if err != nil {
		return itemChange{}, err
	}
	return itemChange{
		id: after.ID, key: after.Key, version: version, state: string(after.State), due: after.Due, settledAt: orNull(after.SettledAt),
		item: item, lease: lease,
		sameLease: before.Lease.Token == after.Lease.Token && !isBroken(after.Lease), longer: after.Lease.Until.Sub(before.Lease.Until),
		leaseUntil: orNull(after.Lease.Until),
	}, nil
}

// Get returns an item.
func (s *Store) Get(ctx context.Context, id string) (outbox.Item, error) {
	if item, isNew := s.heldIn(ctx, id).takeNew(); isNew {
		return item, nil
	}
	var item outbox.Item
	err := s.queryRow(ctx, func(row pgx.Row) (err error) {
		item, err = scanItem(row)
		return err
	}, s.sql.get, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return outbox.Item{}, outbox.ErrUnknownItem
	}
	return item, wrapError(err)
}

// List returns the items of a state in the order of Seq.
func (s *Store) List(ctx context.Context, q outbox.Query) ([]outbox.Item, error) {
	if q.After >= math.MaxInt64 {
		return nil, ctx.Err()
	}
	var items []outbox.Item
	err := s.query(ctx, func(rows pgx.Rows) (err error) {
		items, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (outbox.Item, error) { return scanItem(row) })
		return err
	}, s.sql.list, string(q.State), int64(q.After), q.PageSize())
	return items, wrapError(err)
}

// Counts returns how many items are in each state. It counts in an index: a
// million delivered items take a few tenths of a second.
func (s *Store) Counts(ctx context.Context) (outbox.Counts, error) {
	var counts outbox.Counts
	if s.answers(ctx) {
		return counts, nil
	}
	err := s.query(ctx, func(rows pgx.Rows) error {
		var state string
		var n int
		_, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error {
			counts.Add(outbox.State(state), n)
			return nil
		})
		return err
	}, s.sql.counts)
	if err != nil || counts.Waiting == 0 {
		return counts, wrapError(err)
	}
	var row itemRow
	err = s.queryRow(ctx, func(r pgx.Row) error { return r.Scan(&row.item) }, s.sql.oldest)
	if errors.Is(err, pgx.ErrNoRows) { // it was sent in the meantime
		return counts, nil
	}
	if err != nil {
		return counts, wrapError(err)
	}
	oldest, err := row.decode()
	counts.Oldest = oldest.EnqueuedAt
	return counts, wrapError(err)
}

// purgeBatch is how many items one transaction removes.
const purgeBatch = 1000

// Purge removes the delivered items that were settled before a time, in
// transactions of a thousand items.
func (s *Store) Purge(ctx context.Context, before time.Time) (removed int, err error) {
	for {
		n, err := s.exec(ctx, s.sql.purge, before, purgeBatch)
		removed += int(n)
		if err != nil || n < purgeBatch {
			return removed, wrapError(err)
		}
	}
}

// itemRow is an item as the table stores it. The lease has its own column, because
// it changes when the item does not.
type itemRow struct {
	seq         int64
	item, lease []byte
}

func scanItem(row pgx.Row) (outbox.Item, error) {
	var r itemRow
	if err := row.Scan(&r.seq, &r.item, &r.lease); err != nil {
		return outbox.Item{}, err
	}
	return r.decode()
}

func (r *itemRow) decode() (item outbox.Item, err error) {
	if err := json.Unmarshal(r.item, &item); err != nil {
		return item, errors.New("an item cannot be read") // err would show it
	}
	item.Seq = uint64(r.seq)
	if r.lease != nil {
		if err := json.Unmarshal(r.lease, &item.Lease); err != nil {
			return item, errors.New("a lease cannot be read")
		}
	}
	return item, nil
}

// encodeItem keeps the body as it is, byte for byte.
func encodeItem(i outbox.Item) (string, error) {
	i.Lease = outbox.Lease{}
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&i); err != nil {
		return "", err
	}
	return strings.TrimSuffix(data.String(), "\n"), nil
}

// encodeLease returns nil if there is no lease.
func encodeLease(l outbox.Lease) (*string, error) {
	if l.Token == "" {
		return nil, nil
	}
	data, err := json.Marshal(l)
	text := string(data)
	return &text, err
}

// orNull returns a time, or NULL if it is zero.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
