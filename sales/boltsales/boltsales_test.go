package boltsales_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// open opens a store in a file of its own.
func open(t *testing.T) *boltsales.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "sales.db"))
}

func openAt(t *testing.T, path string) *boltsales.Store {
	t.Helper()
	store, err := boltsales.Open(path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestTheStoreDoesWhatEveryStoreMust(t *testing.T) {
	t.Parallel()
	salestest.Run(t, func() (sales.Store, error) { return open(t), nil })
}

const caller = "+15555550142"

// dialer is a desk on a store, and what it sells to.
type dialer struct {
	fake   *trackdrivetest.Fake
	client *trackdrive.Client
	desk   *sales.Desk
}

func newDialer(t *testing.T, store sales.Store) *dialer {
	t.Helper()
	d := &dialer{fake: trackdrivetest.New()}
	d.fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.00"}}})
	var err error
	d.client, err = trackdrive.NewClient("acme", trackdrive.WithTransport(d.fake.Transport()))
	require.NoError(t, err)
	d.desk, err = sales.New(sales.Config{Store: store, SameCaller: time.Hour})
	require.NoError(t, err)
	return d
}

func (d *dialer) post(ctx context.Context, leadID, number string) (*sales.Sale, error) {
	return d.desk.Post(ctx, leadID, d.client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: number})
}

func TestSalesSurviveARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sales.db")
	store := openAt(t, path)
	d := newDialer(t, store)
	sold, err := d.post(t.Context(), "sold", caller)
	require.NoError(t, err)
	d.fake.Fail(trackdrivetest.OpPost, trackdrivetest.Refusal("rejected"), 1)
	_, err = d.post(t.Context(), "unsold", "+15555550143")
	require.NoError(t, err)
	d.fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	_, err = d.post(t.Context(), "unknown", "+15555550144")
	require.ErrorIs(t, err, sales.ErrUnknown)
	counts, err := store.Counts(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Close())
	_, err = d.post(t.Context(), "sold", caller)
	require.ErrorIs(t, err, boltsales.ErrClosed)

	store = openAt(t, path)
	again, err := store.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, counts, again)
	require.Equal(t, 3, counts.Sold+counts.Unsold+counts.Unknown)
	desk, err := sales.New(sales.Config{Store: store, SameCaller: time.Hour})
	require.NoError(t, err)
	d.desk = desk
	same, err := d.post(t.Context(), "sold", caller)
	require.NoError(t, err)
	require.Equal(t, sold.ForwardingNumber, same.ForwardingNumber)
	_, err = d.post(t.Context(), "unknown", "+15555550144")
	require.ErrorIs(t, err, sales.ErrUnknown)
	_, err = d.post(t.Context(), "another", caller)
	require.ErrorIs(t, err, sales.ErrConflict)
	require.Len(t, d.fake.Posts(), 3)
}

// A process that is gone holds nothing: only it could have had the file open.
func TestALeaseEndsWithTheProcess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tries []sales.Try
		want  sales.State
	}{
		"before anything left": {nil, sales.Open},
		"during a post":        {[]sales.Try{{Outcome: trackdrive.TryRejected}, {}}, sales.Unknown},
		"after a refusal":      {[]sales.Try{{Outcome: trackdrive.TryRejected}}, sales.Unsold},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sales.db")
			store := openAt(t, path)
			lease := func(r *sales.Record, _ []sales.Record, now time.Time) error {
				r.Sale.State, r.Sale.Tries, r.Lease = sales.Posting, tc.tries, sales.Lease{Token: "t", Until: now.Add(time.Hour)}
				return nil
			}
			_, err := store.Change(t.Context(), sales.Change{LeadID: "lead-1", Apply: lease})
			require.NoError(t, err)
			require.NoError(t, store.Close())
			store = openAt(t, path)
			r, err := store.Get(t.Context(), "lead-1")
			require.NoError(t, err)
			require.Equal(t, tc.want, r.Sale.State)
			err = store.Note(t.Context(), sales.Note{Token: "t", Lease: time.Hour, Sale: r.Sale})
			require.ErrorIs(t, err, sales.ErrLeaseLost)
			counts, err := store.Counts(t.Context())
			require.NoError(t, err)
			require.Zero(t, counts.Posting)
		})
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	store := open(t)
	_, err := boltsales.Open(store.Path(), &boltsales.Options{LockWait: time.Millisecond})
	require.ErrorIs(t, err, boltsales.ErrLocked)
	require.ErrorContains(t, err, store.Path())
	require.NoError(t, store.Close())
	require.NoError(t, store.Close())
	store, err = boltsales.Open(store.Path(), nil)
	require.NoError(t, err)
	require.NoError(t, store.Close())
}

var leads = flag.Int("leads", 500, "how many leads two desks sell")

func TestTwoDesksOnOneStoreSellEachLeadOnce(t *testing.T) {
	t.Parallel()
	const workers = 16
	store := open(t)
	d := newDialer(t, store)
	second, err := sales.New(sales.Config{Store: store})
	require.NoError(t, err)
	desks := []*sales.Desk{d.desk, second}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := range *leads {
				r := &trackdrive.PostRequest{PostOnly: true, CallerID: fmt.Sprintf("+1555%07d", n)}
				sale, err := desks[w%2].Post(t.Context(), fmt.Sprint("lead-", n), d.client, "sell", r)
				if !errors.Is(err, sales.ErrBusy) && (err != nil || sale.State != sales.Sold) {
					t.Errorf("lead %d: %v, %v", n, sale, err)
					return
				}
			}
		})
	}
	all.Wait()
	d.fake.AssertSales(t, *leads)
	counts, err := store.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, sales.Counts{Sold: *leads}, counts)
}

func TestAFileThatIsGoneStopsEveryPost(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*testing.T, string){
		"removed": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"moved":   func(t *testing.T, path string) { require.NoError(t, os.Rename(path, path+".old")) },
		"cut":     func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 4096)) },
		"replaced": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			d := newDialer(t, store)
			_, err := d.post(t.Context(), "lead-1", caller)
			require.NoError(t, err)
			damage(t, store.Path())
			_, err = d.post(t.Context(), "lead-2", "+15555550143")
			require.ErrorIs(t, err, boltsales.ErrDamaged)
			_, err = store.Counts(t.Context())
			require.ErrorIs(t, err, boltsales.ErrDamaged)
			require.Len(t, d.fake.Posts(), 1)
		})
	}
}

func TestAFileThatIsDamagedIsNotOpened(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*bolt.Tx) error{
		"a lead was changed": func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte("leads"))
			return b.Put([]byte("lead-1"), bytes.Replace(b.Get([]byte("lead-1")), []byte(`"sold"`), []byte(`"open"`), 1))
		},
		"a lead is missing":     func(tx *bolt.Tx) error { return tx.Bucket([]byte("leads")).Delete([]byte("lead-1")) },
		"all leads are missing": func(tx *bolt.Tx) error { return emptyBucket(tx, "leads") },
		"a bucket is missing":   func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("leads")) },
		"an index is missing":   func(tx *bolt.Tx) error { return emptyBucket(tx, "states") },
		"the callers are gone":  func(tx *bolt.Tx) error { return emptyBucket(tx, "callers") },
		"a call is of nobody":   func(tx *bolt.Tx) error { return tx.Bucket([]byte("calls")).Put([]byte("u-1"), []byte("lead-9")) },
		"a lead may be purged":  func(tx *bolt.Tx) error { return tx.Bucket([]byte("done")).Put(bytes.Repeat([]byte{1}, 20), nil) },
		"the counts are wrong":  func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("counts"), make([]byte, 40)) },
		"the counts are short":  func(tx *bolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("counts"), make([]byte, 39)) },
		"it is of another store": func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("trackdrive outbox 1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			_, err := newDialer(t, store).post(t.Context(), "lead-1", caller)
			require.NoError(t, err)
			require.NoError(t, store.Close())
			db, err := bolt.Open(store.Path(), 0o600, nil)
			require.NoError(t, err)
			require.NoError(t, db.Update(change))
			require.NoError(t, db.Close())
			_, err = boltsales.Open(store.Path(), nil)
			require.ErrorIs(t, err, boltsales.ErrDamaged)
			require.NotContains(t, err.Error(), "5550142")
		})
	}
}

func emptyBucket(tx *bolt.Tx, name string) error {
	return errors.Join(tx.DeleteBucket([]byte(name)), func() error { _, err := tx.CreateBucket([]byte(name)); return err }())
}

func TestDamageThatOpenDidNotLookForIsNoticedLater(t *testing.T) {
	t.Parallel()
	store := open(t)
	d := newDialer(t, store)
	for n := range 40 { // several pages of leads
		_, err := d.post(t.Context(), fmt.Sprint("lead-", 10+n), fmt.Sprintf("+1555%07d", n))
		require.NoError(t, err)
	}
	require.NoError(t, store.Close())
	db, err := bolt.Open(store.Path(), 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("leads")).Put([]byte("lead-49"), []byte("?????")) }))
	require.NoError(t, db.Close())
	store, err = boltsales.Open(store.Path(), &boltsales.Options{SkipCheck: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	d.desk, err = sales.New(sales.Config{Store: store})
	require.NoError(t, err)
	_, err = d.post(t.Context(), "lead-49", caller)
	require.ErrorIs(t, err, boltsales.ErrDamaged)
	require.Len(t, d.fake.Posts(), 40)
}

func TestCompactKeepsTheLeads(t *testing.T) {
	t.Parallel()
	store := open(t)
	d := newDialer(t, store)
	for n := range 300 {
		_, err := d.post(t.Context(), fmt.Sprint("lead-", n), fmt.Sprintf("+1555%07d", n))
		require.NoError(t, err)
	}
	n, err := store.Purge(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 300, n)
	_, err = d.post(t.Context(), "lead-x", caller)
	require.NoError(t, err)
	before, err := os.Stat(store.Path())
	require.NoError(t, err)
	require.NoError(t, store.Compact(t.Context()))
	after, err := os.Stat(store.Path())
	require.NoError(t, err)
	require.Less(t, after.Size(), before.Size())
	sale, err := d.post(t.Context(), "lead-x", caller)
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	require.Len(t, d.fake.Posts(), 301)
}

func TestKeysThatBoltCannotKeep(t *testing.T) {
	t.Parallel()
	store := open(t)
	long := strings.Repeat("x", 5000)
	change := func(id, key, uuid string) error {
		_, err := store.Change(t.Context(), sales.Change{LeadID: id, Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
			r.Sale.State, r.CallerKey, r.Sale.CallUUID = sales.Open, key, uuid
			return nil
		}})
		return err
	}
	for want, err := range map[string]error{
		"the lead id is empty":                    change("", "", ""),
		"the lead id is longer than 4096 bytes":   change(long, "", ""),
		"the caller's key or the call's UUID is ": errors.Join(change("a", long, ""), change("a", "", long)),
	} {
		require.ErrorContains(t, err, want)
	}
	_, err := store.Get(t.Context(), "a")
	require.ErrorIs(t, err, sales.ErrNoSale)
	require.NoError(t, change("a", "", ""))
}
