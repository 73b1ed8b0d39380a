package riverstore

import (
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// TestAChangeByWhoLostTheItemIsNotTakenForTheHolders has both in one batch.
func TestAChangeByWhoLostTheItemIsNotTakenForTheHolders(t *testing.T) {
	t.Parallel()
	for name, lastFirst := range map[string]bool{"the holder is last": false, "the holder is first": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, item := storeWithItem(t)
			lost := claimHeld(t, s, item.Key, time.Millisecond)
			holder := claimHeld(t, s, item.Key, time.Minute)
			require.NotEqual(t, lost.version, holder.version)

			changes := []itemChange{changeOf(t, lost), changeOf(t, holder)}
			want := []changeAnswer{{}, {isStored: true}}
			if lastFirst {
				slices.Reverse(changes)
				slices.Reverse(want)
			}
			got, err := s.changeItems(t.Context(), changes)
			require.NoError(t, err)
			require.Equal(t, want, got)
			stored, err := s.Get(t.Context(), item.ID)
			require.NoError(t, err)
			require.Equal(t, holder.item.Lease.Token, stored.LastError)
		})
	}
}

func TestAChangeTellsWhetherItsCallHasOtherItems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		others []outbox.State
		want   bool
	}{
		"alone":           {nil, false},
		"one waits":       {[]outbox.State{outbox.Waiting}, true},
		"two wait":        {[]outbox.State{outbox.Waiting, outbox.Waiting}, true},
		"one is parked":   {[]outbox.State{outbox.Parked}, true},
		"one is settled":  {[]outbox.State{outbox.Delivered}, false},
		"all are settled": {[]outbox.State{outbox.Dead, outbox.Delivered}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, item := storeWithItem(t)
			for n, state := range c.others {
				other := newItem(t, s, fmt.Sprint("other-", n))
				_, err := s.Update(t.Context(), other.ID, func(i *outbox.Item) error { i.State = state; return nil })
				require.NoError(t, err)
			}
			held := claimHeld(t, s, item.Key, time.Minute)
			got, err := s.changeItems(t.Context(), []itemChange{changeOf(t, held)})
			require.NoError(t, err)
			require.Equal(t, []changeAnswer{{isStored: true, hasOthers: c.want}}, got)
		})
	}
}

func TestTheHolderOfAnItemSeesWhatOthersChanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		isChanged bool
		wantSeen  []string // by each call of the holder's change
	}{
		"nobody changed it":   {false, []string{""}},
		"somebody changed it": {true, []string{"", "by hand"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, item := storeWithItem(t)
			held := claimHeld(t, s, item.Key, time.Minute)
			ctx := held.in(t.Context())
			if c.isChanged {
				_, err := s.Update(t.Context(), item.ID, func(i *outbox.Item) error { i.LastError = "by hand"; return nil })
				require.NoError(t, err)
			}
			var seen []string
			after, err := s.Update(ctx, item.ID, func(i *outbox.Item) error {
				seen = append(seen, i.LastError)
				i.Attempts++
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, c.wantSeen, seen)
			stored, err := s.Get(ctx, item.ID)
			require.NoError(t, err)
			require.Equal(t, after.LastError, stored.LastError)
			require.Equal(t, 1, stored.Attempts)
		})
	}
}

// claimHeld claims the head of a call as soon as nobody else has it.
func claimHeld(t *testing.T, s *Store, key string, lease time.Duration) (held *heldItem) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		held, _, err = s.claimCall(t.Context(), key, rand.Text(), lease)
		return err == nil && held != nil
	}, 10*time.Second, time.Millisecond)
	return held
}

// changeOf is a change that shows whose it is.
func changeOf(t *testing.T, h *heldItem) itemChange {
	t.Helper()
	after := h.item
	after.LastError = h.item.Lease.Token
	c, err := newChange(&h.item, &after, h.version)
	require.NoError(t, err)
	return c
}

func storeWithItem(t *testing.T) (*Store, outbox.Item) {
	t.Helper()
	ctx := t.Context()
	pool, err := pgxpool.New(ctx, os.Getenv("TRACKDRIVE_POSTGRES_URL"))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	options := &Options{Schema: "test_" + strings.ToLower(rand.Text()[:12])}
	require.NoError(t, Migrate(ctx, pool, options))
	s, err := Open(ctx, pool, options)
	require.NoError(t, err)
	return s, newItem(t, s, "sale-1")
}

// newItem enqueues an item of the same call.
func newItem(t *testing.T, s *Store, id string) outbox.Item {
	t.Helper()
	return newItemOf(t, s, id, "u-1")
}

func newItemOf(t *testing.T, s *Store, id, uuid string) outbox.Item {
	t.Helper()
	item, err := outbox.NewUpdate(id, trackdrive.CallRef{Subdomain: "acme", UUID: uuid}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("1")})
	require.NoError(t, err)
	item, _, err = outbox.Enqueue(t.Context(), s, item)
	require.NoError(t, err)
	return item
}
