// Claims: which machine has an item.

package riverstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trackdrive-go/trackdrive/outbox"
)

// The advisory locks, by their first number. The second number is a hash; if two
// calls share it, they only wait for each other.
const (
	callLock    = 0x7d0b0001 // on a call, while one of its items is claimed
	migrateLock = 0x7d0b0002 // on a schema, while it is migrated
	sweepLock   = 0x7d0b0003 // on a schema, during a sweep for lost jobs
)

// lockName is what a lock is hashed from: the table, which is the same however the
// schema was found.
func (s *Store) lockName(key string) string { return s.tableID + " " + key }

// busyWait is how soon to look again for a call that another process is claiming.
const busyWait = 10 * time.Millisecond

// Claim leases the heads that c asks for, by the caller's clock. It is for Workers
// that Run without an [Engine]. It takes the companies in turn, and from each
// company the items that have been due longest.
func (s *Store) Claim(ctx context.Context, c outbox.Claim) (items []outbox.Item, next time.Time, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
		items, next, err = s.claim(ctx, tx, c)
		return err
	})
	if err != nil {
		return nil, time.Time{}, wrapError(err)
	}
	return items, next, nil
}

func (s *Store) claim(ctx context.Context, tx pgx.Tx, c outbox.Claim) (items []outbox.Item, next time.Time, err error) {
	if c.Except == nil {
		c.Except = []string{}
	}
	// The database's clock has a resolution of microseconds. So must this one, or an
	// item that is due now would seem to be due later.
	now := c.Now.Truncate(time.Microsecond)
	keys, isBusy, err := s.lockCalls(ctx, tx, c, now)
	if err != nil {
		return nil, next, err
	}
	if len(keys) > 0 {
		// A statement of its own: it sees what others claimed before the locks
		// were free.
		if items, err = s.take(ctx, tx, c, now, keys); err != nil {
			return nil, next, err
		}
	}
	if len(items) >= c.Limit {
		return items, next, nil
	}
	if isBusy {
		return items, c.Now.Add(busyWait), nil
	}
	next, err = s.next(ctx, tx, c, now)
	return items, next, err
}

// lockCalls locks the calls that seem to have something to claim. isBusy reports
// whether others hold some of them.
func (s *Store) lockCalls(ctx context.Context, tx pgx.Tx, c outbox.Claim, now time.Time) (keys []string, isBusy bool, err error) {
	rows, err := tx.Query(ctx, s.sql.candidates, now, c.Only, c.Except, c.Limit, callLock, s.lockName(""))
	if err != nil {
		return nil, false, err
	}
	var key string
	var locked bool
	_, err = pgx.ForEachRow(rows, []any{&key, &locked}, func() error {
		if locked {
			keys = append(keys, key)
		}
		isBusy = isBusy || !locked
		return nil
	})
	return keys, isBusy, err
}

// take leases the heads of the locked calls.
func (s *Store) take(ctx context.Context, tx pgx.Tx, c outbox.Claim, now time.Time, keys []string) ([]outbox.Item, error) {
	lease, err := encodeLease(outbox.Lease{Token: c.Token, Until: c.Now.Add(c.Lease)})
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, s.sql.claimMany, now, keys, lease, c.Now.Add(c.Lease))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (outbox.Item, error) { return scanItem(row) })
}

// next returns when there is more to claim: when an item is due, or a lease ends.
func (s *Store) next(ctx context.Context, tx pgx.Tx, c outbox.Claim, now time.Time) (next time.Time, err error) {
	var due, held itemRow
	err = tx.QueryRow(ctx, s.sql.nextDue, now, c.Only, c.Except).Scan(&due.item)
	if err == nil {
		item, err := due.decode()
		if err != nil {
			return next, err
		}
		next = item.Due
	} else if !errors.Is(err, pgx.ErrNoRows) {
		return next, err
	}
	held.item = []byte("{}")
	err = tx.QueryRow(ctx, s.sql.nextLease, now, c.Only, c.Except).Scan(&held.lease)
	if errors.Is(err, pgx.ErrNoRows) {
		return next, nil
	}
	if err != nil {
		return next, err
	}
	item, err := held.decode()
	if until := item.Lease.Until; next.IsZero() || until.Before(next) {
		next = until
	}
	return next, err
}

// claimedCall is the result of claiming a call.
type claimedCall struct {
	item *outbox.Item  // leased; nil if there is nothing to deliver now
	wait time.Duration // until there may be something; 0 if no such time is known
}

// claimCall leases the head of a call, by the database's clock.
func (s *Store) claimCall(ctx context.Context, key, token string, lease time.Duration) (f claimedCall, err error) {
	// By this machine's clock the lease ends no later than by the database's: it
	// begins before the database is asked.
	data, err := encodeLease(outbox.Lease{Token: token, Until: time.Now().Add(lease)})
	if err != nil {
		return f, err
	}
	err = s.inTrip(ctx, func(batch *pgx.Batch) { // each with its own snapshot
		batch.Queue(s.sql.lock, callLock, s.lockName(key))
		batch.Queue(s.sql.claimOne, key, data, lease).Query(func(rows pgx.Rows) error {
			item, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (outbox.Item, error) { return scanItem(row) })
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			f.item = &item
			return err
		})
		batch.Queue(s.sql.look, key).Query(func(rows pgx.Rows) error {
			wait, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[time.Duration])
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			f.wait = max(wait, time.Millisecond)
			return err
		})
	})
	if err != nil {
		return claimedCall{}, wrapError(err)
	}
	return f, nil
}
