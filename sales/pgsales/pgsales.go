// Package pgsales keeps the sales of a desk in PostgreSQL. It is the [sales.Store] for
// desks on several machines.
//
//	if err := pgsales.Migrate(ctx, pool, nil); err != nil { // once, or at every start
//		return err
//	}
//	store, err := pgsales.Open(ctx, pool, nil)
//	if err != nil {
//		return err // pgsales.ErrNoConnection, ErrNotMigrated, ErrNotDurable, ErrReadOnly, ...
//	}
//	desk, err := sales.New(sales.Config{Store: store})
//
// # What PostgreSQL needs for money
//
// Open refuses a server that may lose or damage what it has acknowledged: fsync or
// full_page_writes is off, or the table is unlogged. Every durable write looks at
// these settings again, since the next server after a fail-over may have others. If
// synchronous_commit is off, the store turns it on for each transaction that must be
// durable; any other value stays as it is.
//
// A fail-over to a standby that lags behind forgets the newest notes, and a lead may
// then be sold twice. With synchronous_standby_names, PostgreSQL waits for the standby
// before it acknowledges anything, unless synchronous_commit is local.
//
// # Clock
//
// Leases, and the times at which leads were created and updated, go by the clock of
// the database. If the clocks of the machines are wrong, nothing else goes wrong.
//
// # Transactions
//
// No transaction is open while a desk decides or sends, and none waits for the
// program: each goes to the server in one piece, and comes back in one round trip. A
// process that is stopped or cut off holds no lock. A change is stored only if nothing
// has changed what it is based on; otherwise it is made again.
//
// If the connection is lost, the store asks again for half a second, and a write whose
// answer was lost is recognized as done. If that connection is lost, too, the store
// resets the pool, since the others are probably as old. In the end the error is
// [ErrNoConnection], and the outcome is not known: whoever asks for the lead later sees
// it. A note that the network delivers after a later one of the same lease is refused.
//
// # PgBouncer
//
// The store keeps nothing in a session, and its locks are those of transactions. It
// works with PgBouncer in session mode and in transaction mode. In transaction mode
// the pool must not prepare statements if PgBouncer is older than 1.21, or if its
// max_prepared_statements is 0:
//
//	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // or QueryExecModeSimpleProtocol
//
// Statement mode cannot work, because it has no transactions of several statements.
//
// # Table
//
// The table trackdrive_sales has a row for each lead, with the sale as JSON. Leads may
// be deleted by hand. What is changed by hand must get another version. The table
// trackdrive_sales_count counts the leads in each state, in several rows, so that desks
// do not wait for each other; triggers keep it.
package pgsales

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// Reasons why a database cannot be used, for [errors.Is].
var (
	ErrNoConnection = errors.New("pgsales: no connection to PostgreSQL")
	ErrNotMigrated  = errors.New("pgsales: the tables are missing or outdated; call Migrate")
	ErrNewerTables  = errors.New("pgsales: the tables are those of a newer version of pgsales; update this program")
	ErrNotDurable   = errors.New("pgsales: the database may lose acknowledged transactions when it crashes")
	ErrReadOnly     = errors.New("pgsales: the database cannot be written to")
	ErrOldServer    = errors.New("pgsales: the server is too old; use PostgreSQL 14 or newer")
)

// Options are the options of [Open] and [Migrate]. The zero Options are the defaults.
type Options struct {
	Schema  string        // the schema of the tables. Default: the one in the connection's search_path
	Timeout time.Duration // how long one round trip may take, with the wait for a connection. Default 30 s

	// AtomicPages accepts a server with full_page_writes off. Set it only if its file
	// system never writes half a page, as ZFS with a recordsize of 8 KiB or more.
	AtomicPages bool

	// Unsafe accepts whatever may lose transactions, for tests.
	Unsafe bool
}

const defaultTimeout = 30 * time.Second

func (o *Options) withDefaults() (Options, error) {
	if o == nil {
		o = &Options{}
	}
	d := *o
	d.Timeout = cmp.Or(d.Timeout, defaultTimeout)
	switch {
	case len(d.Schema) > maxSchema:
		return d, invalidArgument("schema", "is longer than %d bytes", maxSchema)
	case !canBeStored(d.Schema):
		return d, invalidArgument("schema", "is not valid UTF-8, or has a NUL byte")
	case d.Timeout < 0:
		return d, invalidArgument("timeout", "is negative; leave it 0 for %s", defaultTimeout)
	}
	return d, nil
}

// maxSchema is the maximum length of a name in PostgreSQL.
const maxSchema = 63

// canBeStored reports whether PostgreSQL takes a text.
func canBeStored(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

// invalidArgument returns the error for a wrong argument. It names the field and never
// shows the caller's data.
func invalidArgument(field, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", trackdrive.ErrInvalidArgument, field, fmt.Sprintf(format, args...))
}

// Store is a [sales.Store] in PostgreSQL. Any number of processes may use it at once.
// It is safe for concurrent use.
type Store struct {
	options Options
	pool    *pgxpool.Pool
	sql     sqlStatements
	tableID string // the database's own
}

var _ sales.Store = (*Store)(nil)

// Open checks the database and returns its store. The caller keeps the pool, and
// closes it when the store is no longer in use. Nil options are the defaults.
//
// [ErrNoConnection] means that PostgreSQL does not answer. [ErrOldServer] means that it
// is older than PostgreSQL 14. [ErrReadOnly] means that it is a standby, or read-only
// by its settings or for this user. [ErrNotDurable] means that it may lose
// transactions: see the package's comment. [ErrNotMigrated] means that [Migrate] has to
// be called, and [ErrNewerTables] that the tables are newer than this package. If the
// database fails later, the store returns the same errors, and recovers when the
// database does. A wrong option is [trackdrive.ErrInvalidArgument].
func Open(ctx context.Context, pool *pgxpool.Pool, options *Options) (*Store, error) {
	if pool == nil {
		return nil, invalidArgument("pool", "is nil")
	}
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{options: o, pool: pool}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, errNoAnswer)
	defer cancel()
	if err := s.check(ctx); err != nil {
		return nil, wrapError(ctx, err)
	}
	return s, nil
}

// Get returns what is known of a lead, or [sales.ErrNoSale].
func (s *Store) Get(ctx context.Context, leadID string) (sales.Record, error) {
	seen, err := s.look(ctx, sales.Change{LeadID: leadID})
	switch {
	case err != nil:
		return sales.Record{}, err
	case seen.lead == nil:
		return sales.Record{}, sales.ErrNoSale
	}
	return seen.lead.record(seen.now)
}

// List returns the leads that have a state now, in the order of CreatedAt and then
// LeadID. If there is no lead q.After, the error is [sales.ErrNoSale].
func (s *Store) List(ctx context.Context, q sales.Query) ([]sales.Record, error) {
	if !canBeStored(q.After) || !canBeStored(string(q.State)) {
		return nil, cmp.Or(ctx.Err(), sales.ErrNoSale)
	}
	var list []sales.Record
	isKnown := true
	err := s.again(ctx, func(ctx context.Context) error {
		return s.inTrip(ctx, toRead, func(batch *pgx.Batch) {
			batch.Queue(s.sql.list, string(q.State), q.After, q.PageSize()).Query(func(rows pgx.Rows) (err error) {
				list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (sales.Record, error) {
					var now time.Time
					var r leadRow
					if err := row.Scan(append([]any{&now}, r.columns()...)...); err != nil {
						return sales.Record{}, err
					}
					return r.record(now)
				})
				return err
			})
			if q.After != "" {
				batch.Queue(s.sql.has, q.After).QueryRow(func(row pgx.Row) error { return row.Scan(&isKnown) })
			}
		})
	})
	switch {
	case err != nil:
		return nil, err
	case !isKnown:
		return nil, sales.ErrNoSale
	}
	return list, nil
}

// Counts returns how many leads are in each state. It reads the counts that triggers
// keep, and the leads that are under way, or whose desk died.
func (s *Store) Counts(ctx context.Context) (sales.Counts, error) {
	var counts sales.Counts
	err := s.again(ctx, func(ctx context.Context) error {
		return s.inTrip(ctx, toRead, func(batch *pgx.Batch) {
			batch.Queue(s.sql.counts).Query(func(rows pgx.Rows) error {
				counts = sales.Counts{}
				var state string
				var n int
				var oldest *time.Time
				_, err := pgx.ForEachRow(rows, []any{&state, &n, &oldest}, func() error {
					counts.Add(sales.State(state), n)
					if oldest != nil {
						counts.Oldest = oldest.UTC()
					}
					return nil
				})
				return err
			})
		})
	})
	return counts, err
}

// purgeBatch is how many leads one transaction removes.
const purgeBatch = 1000

// Purge removes the leads that are sold, unsold or open, and were last updated longer
// ago than that, in transactions of a thousand leads. A lead that is being changed at
// the same moment stays until the next time.
func (s *Store) Purge(ctx context.Context, longerAgo time.Duration) (removed int, err error) {
	for _, sql := range []string{s.sql.purge, s.sql.purgeLapsed} {
		for isMore := true; isMore; {
			var n int64
			err := s.inTrip(ctx, toWriteSoon, func(batch *pgx.Batch) {
				batch.Queue(sql, longerAgo, purgeBatch).Exec(rowsInto(&n))
			})
			removed += int(n)
			if err != nil {
				return removed, err
			}
			isMore = n == purgeBatch
		}
	}
	return removed, nil
}

// noteOrder numbers the notes of this process. It begins with the time, so that the
// numbers of a process that takes over a token are higher.
var noteOrder atomic.Int64

func init() { noteOrder.Store(time.Now().UnixNano()) }
