// Round trips: one transaction each, sent in one piece.

package pgsales

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// inTrip runs the statements that queue queues in a transaction, in one round trip.
// What it is for is toRead, toWriteSoon or toWrite. Its errors are wrapped.
func (s *Store) inTrip(ctx context.Context, purpose string, queue func(*pgx.Batch)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.options.Timeout, errNoAnswer)
	defer cancel()
	if purpose == toWrite && s.options.AtomicPages {
		purpose = toWritePages
	}
	isDurable := true
	batch := &pgx.Batch{}
	batch.Queue(beginSQL)
	batch.Queue(purpose).QueryRow(func(row pgx.Row) error { return row.Scan(&isDurable, nil) })
	queue(batch)
	batch.Queue(commitSQL)
	err := s.pool.SendBatch(ctx, batch).Close()
	if err == nil && !isDurable && !s.options.Unsafe {
		err = fmt.Errorf("%w: fsync or full_page_writes is off now", ErrNotDurable)
	}
	return wrapError(ctx, err)
}

// rowsInto stores how many rows a statement changed.
func rowsInto(n *int64) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		*n = tag.RowsAffected()
		return nil
	}
}

// errNoAnswer is why a round trip ended that took too long.
var errNoAnswer = errors.New("no answer in time; see Options.Timeout")

// lostWaits are the waits before a trip is made again whose connection was lost.
var lostWaits = []time.Duration{0, 50 * time.Millisecond, 450 * time.Millisecond}

// maxDeadlocks is how often a trip is made again that PostgreSQL has rolled back.
const maxDeadlocks = 10

// again makes a trip, and makes it again if its connection was lost, or if PostgreSQL
// rolled it back for the sake of another transaction. The trip must have the same
// effect if it is made twice.
func (s *Store) again(ctx context.Context, trip func(ctx context.Context) error) error {
	for lost, deadlocks := 0, 0; ; {
		err := trip(ctx)
		var wait time.Duration
		switch {
		case isRolledBack(err) && deadlocks < maxDeadlocks:
			deadlocks++
			wait = rand.N(10 * time.Millisecond)
		case isLost(err) && lost < len(lostWaits):
			wait = lostWaits[lost]
			if lost++; lost > 1 { // the other connections are probably as old
				s.pool.Reset()
			}
		default:
			return err
		}
		if !waitFor(ctx, wait) {
			return err
		}
	}
}

// waitFor waits, and reports whether the context has not ended meanwhile.
func waitFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// isLost reports whether a wrapped error is that of a connection, which may be better
// next time.
func isLost(err error) bool {
	return errors.Is(err, ErrNoConnection) && !errors.Is(err, errNoAnswer)
}

// isRolledBack reports whether PostgreSQL chose a transaction to fail so that others
// can go on.
func isRolledBack(err error) bool {
	code := codeOf(err)
	return code == "40001" || code == "40P01"
}

// codeOf returns PostgreSQL's code of an error, or "".
func codeOf(err error) string {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code
	}
	return ""
}

// PostgreSQL's codes of errors.
const (
	readOnlyTransaction   = "25006"
	insufficientPrivilege = "42501"
	uniqueViolation       = "23505"
	tooManyConnections    = "53300"
)

// wrapError classifies an error of the database, and never shows a lead. The context
// is that of the round trip.
func wrapError(ctx context.Context, err error) error {
	if err == nil || isClassified(err) {
		return err
	}
	var refused *pgconn.ConnectError
	var said *pgconn.PgError
	var lost net.Error
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), errNoAnswer):
		return fmt.Errorf("%w: %w: %w", ErrNoConnection, errNoAnswer, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.As(err, &said):
		switch {
		case said.Code == readOnlyTransaction:
			return fmt.Errorf("%w: %w", ErrReadOnly, err)
		case said.Code == "42P01", said.Code == "3F000", said.Code == "42703": // no such table, schema, column
			return fmt.Errorf("%w: %w", ErrNotMigrated, err)
		case strings.HasPrefix(said.Code, "57P"), strings.HasPrefix(said.Code, "08"), said.Code == tooManyConnections:
			return fmt.Errorf("%w: %w", ErrNoConnection, err)
		}
	case errors.As(err, &refused), errors.As(err, &lost), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), pgconn.SafeToRetry(err):
		return fmt.Errorf("%w: %w", ErrNoConnection, err)
	}
	return fmt.Errorf("pgsales: %w", err)
}

func isClassified(err error) bool {
	for _, known := range []error{ErrNoConnection, ErrNotMigrated, ErrNewerTables, ErrNotDurable, ErrReadOnly, ErrOldServer, errBrokenSale} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
