// Claims: which machine has an item.

package riverstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
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

// How soon to look again for a call that somebody else is claiming or changing.
const (
	busyWait = 10 * time.Millisecond  // for a Worker
	callWait = 100 * time.Millisecond // for a job, which is stored each time
)

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
	sql, args := s.sql.candidates, []any{now, c.Only, c.Except, c.Limit, callLock, s.lockName("")}
	if c.AbsoluteBelow > 0 {
		sql, args = s.sql.absoluteCandidates, append(args, c.AbsoluteBelow)
	}
	rows, err := tx.Query(ctx, sql, args...)
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
	rows, err := tx.Query(ctx, s.sql.claimHeads, keys, slices.Repeat([]*string{lease}, len(keys)), slices.Repeat([]time.Duration{c.Lease}, len(keys)), now, slices.Repeat([]bool{true}, len(keys)))
	if err != nil {
		return nil, err
	}
	var items []outbox.Item
	err = eachClaim(rows, func(_ string, a claimAnswer) error {
		if a.row.item == nil {
			return nil
		}
		item, err := a.row.decode()
		items = append(items, item)
		return err
	})
	return items, err
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

// callClaim asks for the head of a call.
type callClaim struct {
	key   string
	lease *string // as it is stored
	lasts time.Duration
}

// claimAnswer is what became of a claim.
type claimAnswer struct {
	row     itemRow // leased; without an item if there is nothing to deliver now
	version int64
	wait    time.Duration // until there may be something; 0 if no such time is known
}

// claimCall leases the head of a call, by the database's clock. If there is nothing
// to deliver now, it returns how long to wait; 0 if no such time is known.
func (s *Store) claimCall(ctx context.Context, key, token string, lease time.Duration) (held *heldItem, wait time.Duration, err error) {
	// By this machine's clock the lease ends no later than by the database's: it
	// begins before the database is asked.
	data, err := encodeLease(outbox.Lease{Token: token, Until: time.Now().Add(lease)})
	if err != nil {
		return nil, 0, wrapError(err)
	}
	a, err := s.claims.ask(ctx, callClaim{key, data, lease})
	if err != nil || a.row.item == nil {
		return nil, a.wait, err
	}
	item, err := a.row.decode()
	if err != nil {
		return nil, 0, wrapError(err)
	}
	return &heldItem{store: s, id: item.ID, item: item, version: a.version, isNew: true}, 0, nil
}

// claimCalls leases the heads of several calls in one transaction. A claim of a call
// that somebody else is claiming, maybe in the same batch, has to come back.
func (s *Store) claimCalls(ctx context.Context, claims []callClaim) ([]claimAnswer, error) {
	answers := make([]claimAnswer, len(claims))
	places := make(map[string]int, len(claims))
	var keys []string
	var leases []*string
	var lasts []time.Duration
	for i, c := range claims {
		if _, isTaken := places[c.key]; isTaken {
			answers[i].wait = callWait
			continue
		}
		places[c.key] = i
		keys, leases, lasts = append(keys, c.key), append(leases, c.lease), append(lasts, c.lasts)
	}
	locked, err := s.inTripOn(ctx, keys, func(batch *pgx.Batch) {
		batch.Queue(s.sql.claimCalls, keys, leases, lasts).Query(func(rows pgx.Rows) error {
			return eachClaim(rows, func(key string, a claimAnswer) error {
				a.wait = cmp.Or(max(a.wait, 0), callWait) // it is due, but somebody is changing it
				answers[places[key]] = a
				return nil
			})
		})
	})
	for i, isLocked := range locked {
		if !isLocked {
			answers[places[keys[i]]].wait = callWait
		}
	}
	return answers, err
}

// eachClaim reads the rows of a claim.
func eachClaim(rows pgx.Rows, do func(key string, a claimAnswer) error) error {
	for rows.Next() {
		var key string
		var seq, version *int64
		var a claimAnswer
		if err := rows.Scan(&key, &seq, &a.row.item, &a.row.lease, &version, &a.wait); err != nil {
			return err
		}
		if seq != nil {
			a.row.seq, a.version = *seq, *version
		}
		if err := do(key, a); err != nil {
			return err
		}
	}
	return rows.Err()
}
