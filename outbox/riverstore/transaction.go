// Transactions: the store's own, at a fixed isolation level.

package riverstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Every transaction sets its level, whatever the connection's default is. Claims
// rely on it: the second statement sees what others committed while the first
// waited for a lock. At a higher level PostgreSQL would refuse the transaction,
// and nothing would repeat it.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

const (
	beginSQL  = `BEGIN ISOLATION LEVEL READ COMMITTED`
	commitSQL = `COMMIT`
)

// inTx runs do in a transaction.
func (s *Store) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, readCommitted, do)
}

// inTrip runs the statements that queue queues in a transaction, in one round trip.
func (s *Store) inTrip(ctx context.Context, queue func(*pgx.Batch)) error {
	batch := &pgx.Batch{}
	batch.Queue(beginSQL)
	queue(batch)
	batch.Queue(commitSQL)
	return s.pool.SendBatch(ctx, batch).Close()
}

// inTripOn is inTrip with the locks on the calls that are free, and returns which
// it got. A statement has a snapshot of its own, so it sees what others stored
// while they had the locks.
func (s *Store) inTripOn(ctx context.Context, calls []string, queue func(*pgx.Batch)) (locked []bool, err error) {
	err = s.inTrip(ctx, func(batch *pgx.Batch) {
		batch.Queue(s.sql.lockCalls, callLock, s.lockName(""), calls).QueryRow(func(row pgx.Row) error { return row.Scan(&locked) })
		queue(batch)
	})
	return locked, err
}

// exec runs one statement in a transaction, and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (rows int64, err error) {
	err = s.inTrip(ctx, func(batch *pgx.Batch) {
		batch.Queue(sql, args...).Exec(func(tag pgconn.CommandTag) error {
			rows = tag.RowsAffected()
			return nil
		})
	})
	return rows, err
}

// queryRow reads one row in a transaction; [pgx.ErrNoRows] if there is none.
func (s *Store) queryRow(ctx context.Context, scan func(pgx.Row) error, sql string, args ...any) error {
	return s.inTrip(ctx, func(batch *pgx.Batch) { batch.Queue(sql, args...).QueryRow(scan) })
}

// query reads rows in a transaction.
func (s *Store) query(ctx context.Context, read func(pgx.Rows) error, sql string, args ...any) error {
	return s.inTrip(ctx, func(batch *pgx.Batch) { batch.Queue(sql, args...).Query(read) })
}

// riverPool is where a River that the engine starts works. River leaves the level
// to the connection, so it gets a pool of its own where the default is not ours.
func (s *Store) riverPool(ctx context.Context, conns int32) (pool *pgxpool.Pool, isOwn bool, err error) {
	var level string
	if err := s.pool.QueryRow(ctx, `SHOW default_transaction_isolation`).Scan(&level); err != nil {
		return nil, false, err
	}
	if level == string(pgx.ReadCommitted) {
		return s.pool, false, nil
	}
	config := s.pool.Config()
	config.MaxConns, config.MinConns, config.MinIdleConns = min(config.MaxConns, conns), 0, 0
	afterConnect := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if afterConnect != nil {
			if err := afterConnect(ctx, conn); err != nil {
				return err
			}
		}
		_, err := conn.Exec(ctx, `SET default_transaction_isolation = 'read committed'`)
		return err
	}
	pool, err = pgxpool.NewWithConfig(ctx, config)
	return pool, true, err
}
