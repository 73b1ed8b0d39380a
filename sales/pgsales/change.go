// Changes and notes of one lead.
//
// A change reads, lets Apply decide, and writes if what it has read is still there. No
// transaction is open in between.

package pgsales

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trackdrive-go/trackdrive/sales"
)

// callerLock is the first number of the advisory locks on callers. The second is a
// hash; if two callers share it, their leads only wait for each other.
const callerLock = 0x7d5a0001

// Change changes a lead: see [sales.Store]. It calls Apply again if the lead, or
// another one that Apply was given, has changed meanwhile.
//
// Texts are kept byte for byte, if they are valid UTF-8. PostgreSQL has no NUL bytes in
// what it looks up: in the id, the CallerKey, the token of the lease and the CallUUID
// they are [trackdrive.ErrInvalidArgument].
func (s *Store) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	if !canBeStored(c.LeadID) || !canBeStored(c.CallerKey) {
		return sales.Record{}, invalidArgument("lead id or caller", "is not valid UTF-8, or has a NUL byte")
	}
	for attempt := 0; ; attempt++ {
		seen, err := s.look(ctx, c)
		if err != nil {
			return sales.Record{}, err
		}
		found, err := seen.record(c.LeadID)
		if err != nil {
			return sales.Record{}, err
		}
		others, err := seen.records()
		if err != nil {
			return sales.Record{}, err
		}
		changed, err := seen.record(c.LeadID) // a copy, since Apply may spoil it
		if err != nil {
			return sales.Record{}, err
		}
		if err := c.Apply(&changed, others, seen.now); err != nil {
			return found, err
		}
		changed.Sale.LeadID = c.LeadID
		stored, isStored, err := s.store(ctx, c, seen, &changed)
		switch {
		case err != nil:
			return found, err
		case isStored:
			return stored, nil
		case !waitFor(ctx, rand.N(time.Millisecond<<min(attempt, 5))):
			return found, ctx.Err()
		}
	}
}

// leadView is what a change is based on.
type leadView struct {
	now    time.Time
	lead   *leadRow // nil if it is not known
	others []leadRow
}

// look reads what c asks for, in one statement.
func (s *Store) look(ctx context.Context, c sales.Change) (v leadView, err error) {
	if !canBeStored(c.LeadID) { // nor does anybody know it
		return v, ctx.Err()
	}
	err = s.again(ctx, func(ctx context.Context) error {
		return s.inTrip(ctx, toRead, func(batch *pgx.Batch) {
			if hasOthers(c) {
				batch.Queue(s.sql.lookAround, c.LeadID, c.CallerKey, c.Since.Truncate(time.Microsecond)).Query(v.read)
			} else {
				batch.Queue(s.sql.look, c.LeadID).Query(v.read)
			}
		})
	})
	return v, err
}

// hasOthers reports whether a change is based on other leads, too.
func hasOthers(c sales.Change) bool { return c.CallerKey != "" && c.Since > 0 }

func (v *leadView) read(rows pgx.Rows) error {
	*v = leadView{}
	for rows.Next() {
		var isLead bool
		var r leadRow
		if err := rows.Scan(append([]any{&v.now, &isLead}, r.columns()...)...); err != nil {
			return err
		}
		switch {
		case !isLead:
			v.others = append(v.others, r)
		case r.version != nil:
			v.lead = &r
		}
	}
	v.now = v.now.UTC()
	slices.SortFunc(v.others, func(a, b leadRow) int { return a.createdAt.Compare(*b.createdAt) })
	return rows.Err()
}

// record returns a copy of the lead's record, which is empty if the lead is not known.
func (v *leadView) record(id string) (sales.Record, error) {
	if v.lead == nil {
		return sales.Record{Sale: sales.Sale{LeadID: id}}, nil
	}
	return v.lead.record(v.now)
}

func (v *leadView) records() (list []sales.Record, err error) {
	for i := range v.others {
		r, err := v.others[i].record(v.now)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b sales.Record) int {
		return cmp.Or(a.Sale.CreatedAt.Compare(b.Sale.CreatedAt), strings.Compare(a.Sale.LeadID, b.Sale.LeadID))
	})
	return list, nil
}

// basis returns what a write checks: the version of the lead, and of the others.
func (v *leadView) basis(c sales.Change) (version *int64, caller *string, after *time.Time, versions []int64) {
	if v.lead != nil {
		version = v.lead.version
	}
	versions = []int64{}
	if !hasOthers(c) {
		return version, nil, nil, versions
	}
	for i := range v.others {
		versions = append(versions, *v.others[i].version)
	}
	slices.Sort(versions)
	since := v.now.Add(-c.Since.Truncate(time.Microsecond))
	return version, &c.CallerKey, &since, versions
}

// store stores a record, unless what it is based on has changed.
func (s *Store) store(ctx context.Context, c sales.Change, v leadView, changed *sales.Record) (stored sales.Record, isStored bool, err error) {
	if !canBeStored(changed.CallerKey) || !canBeStored(changed.Lease.Token) || !canBeStored(changed.Sale.CallUUID) {
		return stored, false, invalidArgument("caller key, token or call UUID", "is not valid UTF-8, or has a NUL byte")
	}
	sale, err := encodeSale(changed.Sale)
	if err != nil {
		return stored, false, err
	}
	sql := s.sql.update
	if v.lead == nil {
		sql = s.sql.insert
	}
	purpose := toWrite
	if mayBeForgotten(changed) {
		purpose = toWriteSoon
	}
	state, lapsed := statesOf(changed)
	version, caller, after, versions := v.basis(c)
	args := []any{
		c.LeadID, rand.Int64(), state, lapsed, changed.Lease.Token, orNull(changed.Lease.Until),
		orNull(changed.CallerKey), orNull(changed.Sale.CallUUID), sale, version, caller, after, versions,
	}
	row := leadRow{token: &changed.Lease.Token, leaseUntil: orNull(changed.Lease.Until), callerKey: orNull(changed.CallerKey), sale: []byte(sale)}
	err = s.again(ctx, func(ctx context.Context) error {
		return s.inTrip(ctx, purpose, func(batch *pgx.Batch) {
			if hasOthers(c) {
				batch.Queue(s.sql.lockCaller, callerLock, s.tableID+" "+c.CallerKey)
			}
			batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
				isStored = false
				_, err := pgx.ForEachRow(rows, []any{&row.createdAt, &row.updatedAt}, func() error { isStored = true; return nil })
				return err
			})
		})
	})
	if err != nil || !isStored {
		return stored, false, orCallTaken(err)
	}
	stored, err = row.record(*row.updatedAt)
	return stored, true, err
}

// mayBeForgotten reports whether the machine may crash before the record is on disk:
// somebody has the lead, and nothing has left.
func mayBeForgotten(r *sales.Record) bool {
	state, lapsed := statesOf(r)
	return state == string(sales.Posting) && (lapsed == string(sales.Open) || lapsed == string(sales.Unsold))
}

// orCallTaken returns [sales.ErrCallTaken] for an error that says it.
func orCallTaken(err error) error {
	if codeOf(err) == uniqueViolation {
		return sales.ErrCallTaken
	}
	return err
}

// Note stores a sale for the holder of a lease: see [sales.Store]. As Change does, it
// returns [sales.ErrCallTaken] if another lead has the sale's CallUUID.
func (s *Store) Note(ctx context.Context, n sales.Note) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case n.Token == "", !canBeStored(n.Token), !canBeStored(n.Sale.LeadID): // nobody has such a lease
		return sales.ErrLeaseLost
	case !canBeStored(n.Sale.CallUUID):
		return invalidArgument("call UUID", "is not valid UTF-8, or has a NUL byte")
	}
	sale, err := encodeSale(n.Sale)
	if err != nil {
		return err
	}
	state, lapsed := statesOf(&sales.Record{Sale: n.Sale})
	args := []any{n.Sale.LeadID, rand.Int64(), state, lapsed, n.Token, n.Lease, orNull(n.Sale.CallUUID), sale, noteOrder.Add(1)}
	var stored int64
	err = s.again(ctx, func(ctx context.Context) error {
		return s.inTrip(ctx, toWrite, func(batch *pgx.Batch) { batch.Queue(s.sql.note, args...).Exec(rowsInto(&stored)) })
	})
	switch {
	case err != nil:
		return orCallTaken(err)
	case stored == 0:
		return sales.ErrLeaseLost
	}
	return nil
}

var errBrokenSale = errors.New("pgsales: a sale cannot be read; was it changed by hand?") // the JSON's error would show it
