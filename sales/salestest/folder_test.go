// A store that several processes can share, for the tests of Kill.

//go:build unix

package salestest_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

// folder is the smallest durable Store that several processes can share: a file for
// each lead, and a lock for each.
type folder struct{ dir string }

func openFolder(dir string) (sales.Store, func() error, error) {
	return &folder{dir}, func() error { return nil }, nil
}

// path returns a lead's file, without its ending.
func (f *folder) path(leadID string) string {
	sum := sha256.Sum256([]byte(leadID))
	return filepath.Join(f.dir, hex.EncodeToString(sum[:]))
}

// lockFile locks a file until the process ends or unlock is called.
func lockFile(path string, how int) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.EINTR
	for errors.Is(err, syscall.EINTR) {
		err = syscall.Flock(int(file.Fd()), how)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

func (f *folder) lockAll(how int) (unlock func(), err error) {
	return lockFile(filepath.Join(f.dir, "all.lock"), how)
}

// lock locks a lead, and with it all others or none.
func (f *folder) lock(leadID string, withAll bool) (unlock func(), err error) {
	how := syscall.LOCK_SH
	if withAll {
		how = syscall.LOCK_EX
	}
	unlockAll, err := f.lockAll(how)
	if err != nil {
		return nil, err
	}
	unlockOne, err := lockFile(f.path(leadID)+".lock", syscall.LOCK_EX)
	if err != nil {
		unlockAll()
		return nil, err
	}
	return func() { unlockOne(); unlockAll() }, nil
}

// read returns the record in a file at a time, or ErrNoSale.
func (f *folder) read(path string, now time.Time) (r sales.Record, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return r, sales.ErrNoSale
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	r.Sale.State = r.StateAt(now)
	return r, err
}

// write stores a record durably.
func (f *folder) write(r *sales.Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := f.path(r.Sale.LeadID)
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path+".json"); err != nil {
		return err
	}
	dir, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// all returns all records in order.
func (f *folder) all(now time.Time) ([]sales.Record, error) {
	paths, err := filepath.Glob(filepath.Join(f.dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var list []sales.Record
	for _, path := range paths {
		r, err := f.read(path, now)
		switch {
		case errors.Is(err, sales.ErrNoSale): // it was purged meanwhile
		case err != nil:
			return nil, err
		default:
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b sales.Record) int {
		return cmp.Or(a.Sale.CreatedAt.Compare(b.Sale.CreatedAt), strings.Compare(a.Sale.LeadID, b.Sale.LeadID))
	})
	return list, nil
}

// others returns all records but one, in order.
func (f *folder) others(leadID string, now time.Time) ([]sales.Record, error) {
	list, err := f.all(now)
	return slices.DeleteFunc(list, func(r sales.Record) bool { return r.Sale.LeadID == leadID }), err
}

func folderTime() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (f *folder) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	if err := ctx.Err(); err != nil {
		return sales.Record{}, err
	}
	r, err := f.change(c, c.CallerKey != "" && c.Since > 0)
	if errors.Is(err, errOthersCount) {
		return f.change(c, true)
	}
	return r, err
}

var errOthersCount = errors.New("the other leads must be locked, too")

func (f *folder) change(c sales.Change, withAll bool) (before sales.Record, err error) {
	unlock, err := f.lock(c.LeadID, withAll)
	if err != nil {
		return before, err
	}
	defer unlock()
	now := folderTime()
	look := func() (sales.Record, error) {
		r, err := f.read(f.path(c.LeadID)+".json", now)
		if errors.Is(err, sales.ErrNoSale) {
			return sales.Record{Sale: sales.Sale{LeadID: c.LeadID}}, nil
		}
		return r, err
	}
	before, err = look()
	changed, failed := look() // which shares nothing with the first
	if err := errors.Join(err, failed); err != nil {
		return before, err
	}
	var others, callers []sales.Record
	if withAll {
		if others, err = f.others(c.LeadID, now); err != nil {
			return before, err
		}
	}
	for _, r := range others {
		if c.CallerKey != "" && r.CallerKey == c.CallerKey && now.Sub(r.Sale.UpdatedAt) < c.Since {
			callers = append(callers, r)
		}
	}
	if err := c.Apply(&changed, callers, now); err != nil {
		return before, err
	}
	switch {
	case changed.Sale.CallUUID == before.Sale.CallUUID:
	case !withAll:
		return before, errOthersCount
	case isTaken(changed.Sale.CallUUID, others):
		return before, sales.ErrCallTaken
	}
	changed.Sale.LeadID, changed.Sale.CreatedAt, changed.Sale.UpdatedAt = c.LeadID, before.Sale.CreatedAt, now
	if changed.Sale.CreatedAt.IsZero() {
		changed.Sale.CreatedAt = now
	}
	if err := f.write(&changed); err != nil {
		return before, err
	}
	return f.read(f.path(c.LeadID)+".json", now)
}

func isTaken(call string, others []sales.Record) bool {
	return call != "" && slices.ContainsFunc(others, func(r sales.Record) bool { return r.Sale.CallUUID == call })
}

func (f *folder) Note(ctx context.Context, n sales.Note) error {
	return f.note(ctx, n, func(l sales.Lease, now time.Time) bool { return l.Token == n.Token && l.IsLive(now) })
}

// note stores a note if a lease holds.
func (f *folder) note(ctx context.Context, n sales.Note, holds func(sales.Lease, time.Time) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := f.lock(n.Sale.LeadID, n.Sale.CallUUID != "")
	if err != nil {
		return err
	}
	defer unlock()
	now := folderTime()
	r, err := f.read(f.path(n.Sale.LeadID)+".json", now)
	switch {
	case errors.Is(err, sales.ErrNoSale), err == nil && !holds(r.Lease, now):
		return sales.ErrLeaseLost
	case err != nil:
		return err
	}
	if n.Sale.CallUUID != "" {
		others, err := f.others(n.Sale.LeadID, now)
		switch {
		case err != nil:
			return err
		case isTaken(n.Sale.CallUUID, others):
			return sales.ErrCallTaken
		}
	}
	created := r.Sale.CreatedAt
	r.Sale, r.Lease = n.Sale, sales.Lease{Token: n.Token}
	if n.Lease > 0 {
		r.Lease.Until = now.Add(n.Lease)
	}
	r.Sale.CreatedAt, r.Sale.UpdatedAt = created, now
	return f.write(&r)
}

func (f *folder) Get(ctx context.Context, leadID string) (sales.Record, error) {
	if err := ctx.Err(); err != nil {
		return sales.Record{}, err
	}
	return f.read(f.path(leadID)+".json", folderTime())
}

func (f *folder) List(ctx context.Context, q sales.Query) ([]sales.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	list, err := f.all(folderTime())
	if err != nil {
		return nil, err
	}
	if q.After != "" {
		i := slices.IndexFunc(list, func(r sales.Record) bool { return r.Sale.LeadID == q.After })
		if i < 0 {
			return nil, sales.ErrNoSale
		}
		list = list[i+1:]
	}
	list = slices.DeleteFunc(list, func(r sales.Record) bool { return r.Sale.State != q.State })
	return list[:min(len(list), q.PageSize())], nil
}

func (f *folder) Counts(ctx context.Context) (counts sales.Counts, err error) {
	if err := ctx.Err(); err != nil {
		return counts, err
	}
	list, err := f.all(folderTime())
	for _, r := range list {
		counts.Add(r.Sale.State, 1)
		if r.Sale.State == sales.Unknown && counts.Oldest.IsZero() {
			counts.Oldest = r.Sale.CreatedAt
		}
	}
	return counts, err
}

func (f *folder) Purge(ctx context.Context, longerAgo time.Duration) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	unlock, err := f.lockAll(syscall.LOCK_EX)
	if err != nil {
		return 0, err
	}
	defer unlock()
	now := folderTime()
	list, err := f.all(now)
	for _, r := range list {
		if r.Sale.State == sales.Posting || r.Sale.State == sales.Unknown || now.Sub(r.Sale.UpdatedAt) <= longerAgo {
			continue
		}
		if err := os.Remove(f.path(r.Sale.LeadID) + ".json"); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, err
}

// The stores below have one mistake each.

// fenceless takes a note of anybody, at any time.
type fenceless struct{ *folder }

func (f fenceless) Note(ctx context.Context, n sales.Note) error {
	return f.note(ctx, n, func(sales.Lease, time.Time) bool { return true })
}

// hasty renews the lease before a post, and does not keep that there is a post.
type hasty struct{ *folder }

func (h hasty) Note(ctx context.Context, n sales.Note) error {
	n.Sale.Tries = slices.DeleteFunc(slices.Clone(n.Sale.Tries), func(t sales.Try) bool { return t.Outcome == "" })
	return h.folder.Note(ctx, n)
}

// optimistic keeps an outcome that is not known as a refusal.
type optimistic struct{ *folder }

func (o optimistic) Note(ctx context.Context, n sales.Note) error {
	n.Sale.Tries = slices.Clone(n.Sale.Tries)
	for i := range n.Sale.Tries {
		if n.Sale.Tries[i].Outcome == trackdrive.TryUnknown {
			n.Sale.Tries[i].Outcome, n.Sale.State = trackdrive.TryRejected, sales.Unsold
		}
	}
	return o.folder.Note(ctx, n)
}

// secretive does not list the leads that are unknown.
type secretive struct{ *folder }

func (s secretive) List(ctx context.Context, q sales.Query) ([]sales.Record, error) {
	if q.State == sales.Unknown {
		return nil, ctx.Err()
	}
	return s.folder.List(ctx, q)
}

// boastful calls every lead sold that was refused.
type boastful struct{ *folder }

func (b boastful) Note(ctx context.Context, n sales.Note) error {
	if n.Sale.State == sales.Unsold {
		n.Sale.State = sales.Sold
	}
	return b.folder.Note(ctx, n)
}

// modest calls every lead unsold that is sold.
type modest struct{ *folder }

func (m modest) Note(ctx context.Context, n sales.Note) error {
	if n.Sale.State == sales.Sold {
		n.Sale.State = sales.Unsold
	}
	return m.folder.Note(ctx, n)
}
