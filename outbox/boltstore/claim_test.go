package boltstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
)

// startTime is when the items of these tests are due.
var startTime = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// companyItem returns an item as outbox.Enqueue completes it.
func companyItem(t *testing.T, subdomain, id, uuid string, due time.Time) outbox.Item {
	t.Helper()
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: subdomain, UUID: uuid}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	require.NoError(t, err)
	item.State, item.EnqueuedAt, item.Due = outbox.Waiting, startTime, due
	return item
}

// additiveItem makes an item additive.
func additiveItem(item outbox.Item) outbox.Item {
	item.Additive, item.Body = true, json.RawMessage(`{"add_revenue":"25.50","post_call_tokens":{}}`)
	return item
}

func companyName(n int) string { return fmt.Sprintf("company-%04d", n) }

// withCompanies returns a store with an item for each of n companies.
func withCompanies(t *testing.T, n int, due time.Time) *boltstore.Store {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "outbox.db"), nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		item := companyItem(t, companyName(i), fmt.Sprint("id-", i), "u-1", due)
		all.Go(func() { _, _, errs[i] = store.Enqueue(t.Context(), item) })
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	return store
}

// claimed claims, and returns the ids and how many places of the file were sought.
func claimed(t *testing.T, store *boltstore.Store, c outbox.Claim) (ids []string, next time.Time, sought int64) {
	t.Helper()
	c.Token, c.Lease = "token of "+c.Now.String(), time.Hour
	before := store.FileStats()
	items, next, err := store.Claim(t.Context(), c)
	require.NoError(t, err)
	after := store.FileStats()
	for _, item := range items {
		ids = append(ids, item.ID)
	}
	return ids, next, after.TxStats.GetCursorCount() - before.TxStats.GetCursorCount()
}

// A Claim costs what it finds, however many companies have items that it cannot
// or need not claim.
func TestAClaimLooksAtFewCompanies(t *testing.T) {
	t.Parallel()
	const companies, few = 150, 15
	companyNames := func(wanted func(n int) bool) (names []string) {
		for n := range companies {
			if wanted(n) {
				names = append(names, companyName(n))
			}
		}
		return names
	}
	soon := startTime.Add(time.Minute)
	reopened := func(t *testing.T, store *boltstore.Store) *boltstore.Store {
		require.NoError(t, store.Close())
		store, err := boltstore.Open(store.Path(), nil)
		require.NoError(t, err)
		return store
	}
	for name, test := range map[string]struct {
		due     time.Time
		prepare func(*testing.T, *boltstore.Store) *boltstore.Store
		claim   outbox.Claim
		found   int
		next    time.Time // zero if it is not asked for
	}{
		"nothing is due": {
			due: soon, claim: outbox.Claim{Now: startTime, Limit: 9}, next: soon,
		},
		"nothing is due in a file that was opened again": {
			due: soon, prepare: reopened, claim: outbox.Claim{Now: startTime, Limit: 9}, next: soon,
		},
		"one is due": {
			due: soon,
			prepare: func(t *testing.T, store *boltstore.Store) *boltstore.Store {
				_, _, err := store.Enqueue(t.Context(), companyItem(t, companyName(companies/2), "now", "u-2", startTime))
				require.NoError(t, err)
				return store
			},
			claim: outbox.Claim{Now: startTime, Limit: 9}, found: 1, next: soon,
		},
		"one was made due": {
			due: soon,
			prepare: func(t *testing.T, store *boltstore.Store) *boltstore.Store {
				_, err := store.Update(t.Context(), "id-7", func(i *outbox.Item) error { i.Due = startTime; return nil })
				require.NoError(t, err)
				return store
			},
			claim: outbox.Claim{Now: startTime, Limit: 9}, found: 1, next: soon,
		},
		"all are due, and one is wanted": {
			due: startTime, claim: outbox.Claim{Now: startTime, Limit: 1}, found: 1,
		},
		"all are due in a file that was opened again": {
			due: startTime, prepare: reopened, claim: outbox.Claim{Now: startTime, Limit: 1}, found: 1,
		},
		"all are leased": {
			due: startTime,
			prepare: func(t *testing.T, store *boltstore.Store) *boltstore.Store {
				ids, _, _ := claimed(t, store, outbox.Claim{Now: startTime, Limit: companies})
				require.Len(t, ids, companies)
				return store
			},
			claim: outbox.Claim{Now: soon, Limit: 9}, next: startTime.Add(time.Hour),
		},
		"all are leased, and one is released": {
			due: startTime,
			prepare: func(t *testing.T, store *boltstore.Store) *boltstore.Store {
				claimed(t, store, outbox.Claim{Now: startTime, Limit: companies})
				_, err := outbox.Release(t.Context(), store, "id-7")
				require.NoError(t, err)
				return store
			},
			claim: outbox.Claim{Now: soon, Limit: 9}, found: 1, next: startTime.Add(time.Hour),
		},
		"all but one are excepted": {
			due:   startTime,
			claim: outbox.Claim{Now: startTime, Limit: 9, Except: companyNames(func(n int) bool { return n != 7 })},
			found: 1,
		},
		"all but one are excepted, and nothing is due": {
			due: soon,
			prepare: func(t *testing.T, store *boltstore.Store) *boltstore.Store {
				_, err := store.Update(t.Context(), "id-7", func(i *outbox.Item) error { i.Due = soon.Add(time.Minute); return nil })
				require.NoError(t, err)
				return store
			},
			claim: outbox.Claim{Now: startTime, Limit: 9, Except: companyNames(func(n int) bool { return n != 7 })},
			next:  soon.Add(time.Minute),
		},
		"one is asked for": {
			due: startTime, claim: outbox.Claim{Now: startTime, Limit: 9, Only: companyName(7)}, found: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := withCompanies(t, companies, test.due)
			if test.prepare != nil {
				store = test.prepare(t, store)
			}
			ids, next, sought := claimed(t, store, test.claim)
			require.Len(t, ids, test.found)
			require.LessOrEqual(t, sought, int64(few), "places sought in the file")
			if !test.next.IsZero() {
				require.True(t, next.Equal(test.next), "%v", next)
			}
			require.NoError(t, store.Close())
		})
	}
}

// A Claim that fails holds nothing back.
func TestAClaimThatFails(t *testing.T) {
	t.Parallel()
	const companies = 60
	store := withCompanies(t, companies, startTime)
	items, err := store.List(t.Context(), outbox.Query{State: outbox.Waiting})
	require.NoError(t, err)
	last := items[companies-1]
	require.NoError(t, store.Close())
	change(t, store.Path(), func(tx *bolt.Tx) error {
		items := tx.Bucket([]byte("items"))
		return items.Put(seq(last.Seq), flipped(items.Get(seq(last.Seq)), 20))
	})
	store, err = boltstore.Open(store.Path(), &boltstore.Options{SkipCheck: true})
	require.NoError(t, err)
	_, _, err = store.Claim(t.Context(), outbox.Claim{Token: "one", Now: startTime, Lease: time.Hour, Limit: companies})
	require.ErrorIs(t, err, boltstore.ErrDamaged)
	ids, _, _ := claimed(t, store, outbox.Claim{Now: startTime, Limit: companies, Except: []string{last.Subdomain}})
	require.Len(t, ids, companies-1)
	require.NoError(t, store.Close())
}

// Companies are served in turn, also while each has more than a Claim takes.
func TestCompaniesAreServedInTurn(t *testing.T) {
	t.Parallel()
	const companies, each = 5, 4
	store := withCompanies(t, companies, startTime)
	for n := range companies {
		for i := 1; i < each; i++ {
			_, _, err := store.Enqueue(t.Context(), companyItem(t, companyName(n), fmt.Sprint("id-", n, "-", i), fmt.Sprint("u-", i+1), startTime))
			require.NoError(t, err)
		}
	}
	for round := range each {
		served := map[string]bool{}
		for range companies {
			items, _, err := store.Claim(t.Context(), outbox.Claim{Token: "one", Now: startTime, Lease: time.Hour, Limit: 1})
			require.NoError(t, err)
			require.Len(t, items, 1)
			served[items[0].Subdomain] = true
			// A change of another item of the company does not change its turn.
			_, err = store.Update(t.Context(), items[0].ID, func(i *outbox.Item) error { i.Attempts++; return nil })
			require.NoError(t, err)
		}
		require.Len(t, served, companies, "round %d", round)
	}
	require.NoError(t, store.Close())
}

// TestClaimsMissNothing compares claims with the items, after changes at random:
// what can be claimed is claimed, and Next is never too late.
func TestClaimsMissNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			store, err := boltstore.Open(filepath.Join(t.TempDir(), "outbox.db"), nil)
			require.NoError(t, err)
			h := &claimHistory{T: t, store: store, random: rand.New(rand.NewPCG(7, seed)), now: startTime}
			for range 300 {
				h.step()
			}
			require.NotZero(t, h.claims)
			require.NoError(t, h.store.Close())
		})
	}
}

// claimHistory is what happens to a store at random.
type claimHistory struct {
	*testing.T
	store  *boltstore.Store
	random *rand.Rand
	now    time.Time
	ids    int
	claims int // how many items were claimed
}

func (h *claimHistory) company() string { return companyName(h.random.IntN(6)) }

func (h *claimHistory) wait() time.Duration {
	return time.Duration(h.random.IntN(40)-10) * time.Second
}

func (h *claimHistory) step() {
	switch n := h.random.IntN(20); {
	case n < 5:
		h.ids++
		item := companyItem(h.T, h.company(), fmt.Sprint("id-", h.ids), fmt.Sprint("u-", h.random.IntN(4)), h.now.Add(h.wait()))
		if h.random.IntN(2) == 0 {
			item = additiveItem(item)
		}
		_, _, err := h.store.Enqueue(h.Context(), item)
		require.NoError(h, err)
	case n < 12:
		h.update()
	case n == 12:
		h.now = h.now.Add(h.wait()) // at times back
	case n == 13 && h.random.IntN(8) == 0:
		_, err := h.store.Purge(h.Context(), h.now)
		require.NoError(h, err)
	case n == 14 && h.random.IntN(8) == 0:
		require.NoError(h, h.store.Compact(h.Context()))
	case n == 15 && h.random.IntN(8) == 0:
		require.NoError(h, h.store.Close())
		store, err := boltstore.Open(h.store.Path(), nil)
		require.NoError(h, err)
		h.store = store
	default:
		h.claim()
	}
}

var errRefused = errors.New("the change is refused")

// update changes an item, or fails to.
func (h *claimHistory) update() {
	if h.ids == 0 {
		return
	}
	id := fmt.Sprint("id-", 1+h.random.IntN(h.ids))
	refuse := h.random.IntN(6) == 0
	_, err := h.store.Update(h.Context(), id, func(i *outbox.Item) error {
		switch h.random.IntN(7) {
		case 0:
			i.State, i.SettledAt, i.Lease = outbox.Delivered, h.now, outbox.Lease{}
		case 1:
			i.State, i.SettledAt = outbox.Dead, h.now
		case 2:
			i.State = outbox.Parked
		case 3:
			i.State, i.Due, i.SettledAt = outbox.Waiting, h.now.Add(h.wait()), time.Time{}
		case 4:
			i.Lease.Until = time.Time{}
		case 5:
			i.State, i.SettledAt, i.Attempts = outbox.Sending, time.Time{}, i.Attempts+1
		case 6:
			if i.Lease.Token != "" {
				i.Lease.Until = h.now.Add(h.wait())
			}
		}
		if refuse {
			return errRefused
		}
		return nil
	})
	if err != nil && !errors.Is(err, errRefused) && !errors.Is(err, trackdrive.ErrInvalidArgument) {
		require.ErrorIs(h, err, outbox.ErrUnknownItem)
	}
}

// claimable are the items that can be claimed, with the time from which on, by id.
func (h *claimHistory) claimable(c outbox.Claim) map[string]time.Time {
	heads, leases := map[string]outbox.Item{}, map[string]time.Time{}
	for _, state := range []outbox.State{outbox.Waiting, outbox.Sending, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Delivered} {
		items, err := h.store.List(h.Context(), outbox.Query{State: state, Limit: 10_000})
		require.NoError(h, err)
		for _, i := range items {
			if i.Lease.Until.After(leases[i.Key]) {
				leases[i.Key] = i.Lease.Until
			}
			if head, known := heads[i.Key]; !i.State.IsSettled() && (!known || i.Seq < head.Seq) {
				heads[i.Key] = i
			}
		}
	}
	from := map[string]time.Time{}
	for key, i := range heads {
		wanted := (c.Only == "" || c.Only == i.Subdomain) && !slices.Contains(c.Except, i.Subdomain)
		wanted = wanted && (c.AbsoluteBelow == 0 || !i.Additive && i.Attempts < c.AbsoluteBelow)
		if !wanted || i.State != outbox.Waiting && i.State != outbox.Sending {
			continue
		}
		from[i.ID] = i.Due
		if until := leases[key]; until.After(i.Due) {
			from[i.ID] = until
		}
	}
	return from
}

func (h *claimHistory) claim() {
	c := outbox.Claim{Token: fmt.Sprint("token-", h.random.Uint64()), Now: h.now, Lease: 15 * time.Second, Limit: 1 + h.random.IntN(12)}
	switch h.random.IntN(5) {
	case 0:
		c.Only = h.company()
	case 1:
		c.Only, c.AbsoluteBelow = h.company(), 1+h.random.IntN(2)
	case 2:
		c.Except = []string{h.company(), h.company()}
	}
	want := h.claimable(c)
	items, next, err := h.store.Claim(h.Context(), c)
	require.NoError(h, err)
	h.claims += len(items)
	for _, i := range items {
		from, known := want[i.ID]
		require.True(h, known && !from.After(c.Now), "%s cannot be claimed", i.ID)
		require.Equal(h, outbox.Lease{Token: c.Token, Until: c.Now.Add(c.Lease)}, i.Lease)
		delete(want, i.ID)
	}
	if len(items) == c.Limit {
		return
	}
	earliest := c.Now.Add(c.Lease)
	for id, from := range want {
		require.True(h, from.After(c.Now), "%s was missed", id)
		if from.Before(earliest) {
			earliest = from
		}
	}
	switch {
	case c.AbsoluteBelow > 0: // next may be too early
	case len(want) > 0:
		require.False(h, next.IsZero(), "of %v", slices.Collect(maps.Keys(want)))
		require.True(h, next.After(c.Now) && (len(items) > 0 || !next.After(slices.MinFunc(slices.Collect(maps.Values(want)), time.Time.Compare))), "next is %v", next)
	case len(items) == 0:
		require.True(h, next.IsZero(), "nothing can be claimed, not even at %v", next)
	}
}

// TestAnAbsoluteItemIsFoundAmongManyAdditiveOnes has a backlog that is additive but for
// one item.
func TestAnAbsoluteItemIsFoundAmongManyAdditiveOnes(t *testing.T) {
	t.Parallel()
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "outbox.db"), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	const n = 5000
	var group sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		item := additiveItem(companyItem(t, "acme", fmt.Sprint("adds-", i), fmt.Sprint("u-", i), startTime))
		group.Go(func() { _, _, errs[i] = store.Enqueue(t.Context(), item) })
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	_, _, err = store.Enqueue(t.Context(), companyItem(t, "acme", "sets", "s-1", startTime.Add(time.Minute)))
	require.NoError(t, err)
	now := startTime.Add(time.Hour)
	ids, _, _ := claimed(t, store, outbox.Claim{Now: now, Limit: 1, Only: "acme", AbsoluteBelow: 5})
	require.Equal(t, []string{"sets"}, ids)
	ids, _, _ = claimed(t, store, outbox.Claim{Now: now.Add(1), Limit: n, Only: "acme"})
	require.Len(t, ids, n)
}
