// The suite: what every Store must do.

package outboxtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// Run fails the test unless the stores that open returns behave as an
// [outbox.Store] must. It opens an empty store for each of its cases, and closes
// none: use t.Cleanup for that. It does not test what a store keeps when its
// process dies: see [Kill].
func Run(t trackdrivetest.TB, open func() (outbox.Store, error)) {
	t.Helper()
	failed := false
	for _, c := range suiteCases {
		if c.needsOthers && failed {
			continue
		}
		store, err := open()
		if err != nil {
			t.Fatalf("outboxtest: %s: open: %v", c.name, err)
			return
		}
		trial := &storeTrial{Store: store, name: c.name, t: t, failed: &failed}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(trial)
		}()
		<-done
	}
}

// storeTrial is one case with its store.
type storeTrial struct {
	outbox.Store
	name string
	t    trackdrivetest.TB

	failed *bool // whether any case failed
}

// Errorf fails the test and names the case.
func (s *storeTrial) Errorf(format string, args ...any) {
	*s.failed = true
	s.t.Errorf("outboxtest: %s: %s", s.name, fmt.Sprintf(format, args...))
}

// FailNow ends the case.
func (s *storeTrial) FailNow() { runtime.Goexit() }

var suiteCases = []struct {
	name        string
	run         func(*storeTrial)
	needsOthers bool // with a store that fails another case, its workers may never end
}{
	{"an item comes back as it was stored", keepsAll, false},
	{"the store assigns the order", givesSeq, false},
	{"an id is stored once", storesOnce, false},
	{"an id is stored once, however its amounts are spelled", storesOnceByValue, false},
	{"items of every operation are kept, claimed and changed", keepsOperations, false},
	{"an id is stored once, even if enqueued concurrently", storesOnceAtOnce, false},
	{"an item that is not whole is refused", refusesBrokenItems, false},
	{"a change that breaks an item is refused", refusesBrokenChanges, false},
	{"an ended context stores nothing", heedsContext, false},
	{"items that are due are claimed, up to the limit", claimsWhatIsDue, false},
	{"a lease holds until it ends", holdsLeases, false},
	{"an item is claimed once, even if claimed concurrently", claimsOnceAtOnce, false},
	{"only the head of a call is claimed", claimsHeads, false},
	{"one item of a call is leased at a time", claimsOneOfACall, false},
	{"a marked item is claimed when its lease has ended", claimsMarked, false},
	{"a lease can be broken by hand", breaksLeases, false},
	{"an update is atomic", updatesInOneStep, false},
	{"an update that fails stores nothing", updatesNothing, false},
	{"companies can be selected and excluded", picksCompanies, false},
	{"additive items can be left out", leavesAdditive, false},
	{"no company is starved", starvesNobody, false},
	{"states are listed page by page", listsPages, false},
	{"states are counted", countsStates, false},
	{"old delivered items are purged", purgesDelivered, false},
	{"two workers deliver each item once", deliversWithTwoWorkers, true},
}

var (
	baseCtx   = context.Background()
	startTime = time.Date(2026, 1, 15, 12, 0, 0, 123456789, time.UTC)
)

// itemOf returns a waiting item of one of acme's calls.
func itemOf(id, uuid string) outbox.Item {
	return outbox.Item{
		ID: id, Operation: outbox.OpUpdateCall, Subdomain: "acme", CallUUID: uuid, Key: "acme/" + uuid,
		Body: json.RawMessage(`{"revenue":"25.50","post_call_tokens":{}}`), EnqueuedAt: startTime, State: outbox.Waiting, Due: startTime,
	}
}

func (s *storeTrial) enqueue(items ...outbox.Item) {
	for _, item := range items {
		_, added, err := s.Enqueue(baseCtx, item)
		require.NoError(s, err)
		require.True(s, added, item.ID)
	}
}

func (s *storeTrial) get(id string) outbox.Item {
	item, err := s.Get(baseCtx, id)
	require.NoError(s, err)
	return item
}

// claim claims for a minute, and returns the ids of the items.
func (s *storeTrial) claim(token string, now time.Time, limit int) (ids []string, next time.Time) {
	items, next, err := s.Claim(baseCtx, outbox.Claim{Token: token, Now: now, Lease: time.Minute, Limit: limit})
	require.NoError(s, err)
	for _, i := range items {
		require.Equal(s, token, i.Lease.Token)
		require.True(s, i.Lease.Until.Equal(now.Add(time.Minute)))
		ids = append(ids, i.ID)
	}
	return ids, next
}

// become sets the state of an item, and ends its lease.
func (s *storeTrial) become(id string, state outbox.State) {
	_, err := s.Update(baseCtx, id, func(i *outbox.Item) error {
		i.State, i.Lease = state, outbox.Lease{}
		if state.IsSettled() {
			i.SettledAt = startTime
		}
		return nil
	})
	require.NoError(s, err)
}

func keepsAll(s *storeTrial) {
	item := itemOf("sale 1/ä", "u-1")
	item.NotBefore, item.Additive = startTime.Add(-time.Hour), true
	item.Body = json.RawMessage(`{"add_revenue":"25.50","post_call_tokens":{"note":"a < b & c > d` + "\u2028" + `\u2028é","n":1.50}}`)
	s.enqueue(item)
	_, err := s.Update(baseCtx, item.ID, func(i *outbox.Item) error {
		require.EqualValues(s, 1, i.Seq)
		i.Attempts, i.NotFoundSince, i.Due, i.LastError = 3, startTime.Add(time.Second), startTime.Add(time.Hour), "it failed"
		i.Reasons = []trackdrive.FieldError{{Field: "revenue", Message: "is odd"}}
		return nil
	})
	require.NoError(s, err)
	want := item
	want.Seq, want.Attempts, want.NotFoundSince, want.Due, want.LastError = 1, 3, startTime.Add(time.Second), startTime.Add(time.Hour), "it failed"
	want.Reasons = []trackdrive.FieldError{{Field: "revenue", Message: "is odd"}}
	wanted, err := json.Marshal(want)
	require.NoError(s, err)
	got, err := json.Marshal(s.get(item.ID))
	require.NoError(s, err)
	require.JSONEq(s, string(wanted), string(got))
	require.Equal(s, string(item.Body), string(s.get(item.ID).Body), "the body is kept as it is")
}

// operationItems returns an item of each operation, straight from the function that
// makes it.
func operationItems(s *storeTrial) []outbox.Item {
	call := trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}
	lead := &trackdrive.Lead{CallerID: "+15555550142", Fields: trackdrive.Fields{"note": "a < b & é\u2028", "lead_token_name": "solar"}}
	items := make([]outbox.Item, 0, 6)
	for _, make := range []func() (outbox.Item, error){
		func() (outbox.Item, error) {
			return outbox.NewUpdate("update", call, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("1.50")})
		},
		func() (outbox.Item, error) { return outbox.NewCaptureLead("capture", "acme", lead) },
		func() (outbox.Item, error) { return outbox.NewSubmitLead("submit", "globex", lead) },
		func() (outbox.Item, error) {
			return outbox.NewUpdateByCaller("by-caller", "acme", "555-555-0143", &trackdrive.CallerUpdate{OfferToken: "solar", Revenue: trackdrive.MustAmount("1.50")})
		},
		func() (outbox.Item, error) {
			return outbox.NewOptOutCaller("opt-out", "globex", "solar", "555-555-0144")
		},
		func() (outbox.Item, error) {
			return outbox.NewWebhook("webhook", "Partner A/ä", "call 1/ä", trackdrive.Values{"note": "a < b & é"})
		},
		func() (outbox.Item, error) { return outbox.NewWebhook("alone", "Partner A/ä", "", nil) },
	} {
		item, err := make()
		require.NoError(s, err)
		items = append(items, item)
	}
	return items
}

func keepsOperations(s *storeTrial) {
	items := operationItems(s)
	stored := map[string]outbox.Item{}
	for _, item := range items {
		kept, added, err := outbox.Enqueue(baseCtx, s.Store, item)
		require.NoError(s, err)
		require.True(s, added, item.ID)
		require.Equal(s, string(item.Body), string(s.get(item.ID).Body), item.ID)
		require.Equal(s, kept.Key, s.get(item.ID).Key)
		stored[item.ID] = kept
		_, added, err = outbox.Enqueue(baseCtx, s.Store, item)
		require.NoError(s, err)
		require.False(s, added, item.ID)
	}
	for _, gate := range []string{"acme", "globex", stored["webhook"].Subdomain} {
		claimed, _, err := s.Claim(baseCtx, outbox.Claim{Token: gate, Now: time.Now().Add(time.Second), Lease: time.Minute, Limit: 9, Only: gate})
		require.NoError(s, err)
		for _, i := range claimed {
			require.Equal(s, gate, i.Subdomain)
			require.Equal(s, string(stored[i.ID].Body), string(i.Body))
			changed, err := s.Update(baseCtx, i.ID, func(i *outbox.Item) error {
				i.State, i.SettledAt, i.Lease = outbox.Delivered, startTime, outbox.Lease{}
				return nil
			})
			require.NoError(s, err)
			require.Equal(s, i.Additive, changed.Additive)
			delete(stored, i.ID)
		}
	}
	require.Empty(s, stored, "each was claimed for its company, or its webhook")
}

func givesSeq(s *storeTrial) {
	last := uint64(0)
	for n, given := range []uint64{0, 99, 1} {
		item := itemOf(fmt.Sprint(n), "u-1")
		item.Seq = given
		stored, added, err := s.Enqueue(baseCtx, item)
		require.NoError(s, err)
		require.True(s, added)
		require.Greater(s, stored.Seq, last, "the store assigns it, whatever the item's was")
		require.Less(s, stored.Seq, uint64(99))
		last = stored.Seq
		require.Equal(s, last, s.get(item.ID).Seq)
	}
}

func storesOnce(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"))
	s.become("a", outbox.Dead)
	again := itemOf("a", "u-2")
	stored, added, err := s.Enqueue(baseCtx, again)
	require.NoError(s, err)
	require.False(s, added)
	require.Equal(s, "u-1", stored.CallUUID)
	require.Equal(s, outbox.Dead, stored.State, "the item as it is now")
	_, err = s.Get(baseCtx, "b")
	require.ErrorIs(s, err, outbox.ErrUnknownItem)
}

func storesOnceByValue(s *storeTrial) {
	for n, revenue := range []string{"25.5", "25.50", "$25.500"} {
		item := itemOf("a", "u-1")
		item.Body = json.RawMessage(`{"revenue":"` + revenue + `"}`)
		stored, added, err := outbox.Enqueue(baseCtx, s.Store, item)
		require.NoError(s, err)
		require.Equal(s, n == 0, added)
		require.Contains(s, string(stored.Body), `"25.5"`, "as it was first enqueued")
	}
	_, _, err := outbox.Enqueue(baseCtx, s.Store, itemOf("a", "u-1")) // "25.50"
	require.NoError(s, err)
	other := itemOf("a", "u-1")
	other.Body = json.RawMessage(`{"revenue":"25.51"}`)
	_, added, err := outbox.Enqueue(baseCtx, s.Store, other)
	require.ErrorIs(s, err, outbox.ErrConflict)
	require.ErrorContains(s, err, "revenue")
	require.False(s, added)
}

// brokenItems are items that every store must refuse, named by what is wrong.
var brokenItems = []struct {
	name    string
	corrupt func(*outbox.Item)
}{
	{"without an id", func(i *outbox.Item) { i.ID = "" }},
	{"an id that is too long", func(i *outbox.Item) { i.ID = strings.Repeat("a", 201) }},
	{"an id with a control character", func(i *outbox.Item) { i.ID = "sale\x00" }},
	{"an id that is not UTF-8", func(i *outbox.Item) { i.ID = "sale\xff" }},
	{"an id that means a missing value", func(i *outbox.Item) { i.ID = "undefined" }},
	{"without an operation", func(i *outbox.Item) { i.Operation = "" }},
	{"an unknown operation", func(i *outbox.Item) { i.Operation = "post" }},
	{"without a subdomain", func(i *outbox.Item) { i.Subdomain = "" }},
	{"a malformed subdomain", func(i *outbox.Item) { i.Subdomain = "acme.example" }},
	{"a subdomain in capitals", func(i *outbox.Item) { i.Subdomain = "ACME" }},
	{"without a call", func(i *outbox.Item) { i.CallUUID = "" }},
	{"a malformed call", func(i *outbox.Item) { i.CallUUID = "u/1" }},
	{"without a key", func(i *outbox.Item) { i.Key = "" }},
	{"the key of another call", func(i *outbox.Item) { i.Key = "acme/u-2" }},
	{"the key of another company", func(i *outbox.Item) { i.Key = "globex/u-1" }},
	{"without a body", func(i *outbox.Item) { i.Body = nil }},
	{"a body that is not JSON", func(i *outbox.Item) { i.Body = json.RawMessage(`revenue`) }},
	{"a body that is not an object", func(i *outbox.Item) { i.Body = json.RawMessage(`["25.50"]`) }},
	{"a body that is not UTF-8", func(i *outbox.Item) { i.Body = json.RawMessage("{\"post_call_tokens\":{\"note\":\"\xff\"}}") }},
	{"an empty update", func(i *outbox.Item) { i.Body = json.RawMessage(`{}`) }},
	{"a body with a malformed amount", func(i *outbox.Item) { i.Body = json.RawMessage(`{"revenue":"1,250.00"}`) }},
	{"a body with credentials", func(i *outbox.Item) { i.Body = json.RawMessage(`{"revenue":"25.50","auth_token":"made-up"}`) }},
	{"a token in a lead", func(i *outbox.Item) {
		i.Operation, i.CallUUID, i.Additive, i.Key = outbox.OpCaptureLead, "", true, "acme/id/"+i.ID
		i.Body = json.RawMessage(`{"lead_token":"made-up","email":"ann@example.com"}`)
	}},
	{"a credential in a webhook", func(i *outbox.Item) {
		i.Operation, i.CallUUID, i.Additive, i.Subdomain, i.Key = outbox.OpWebhook, "", true, "webhook:partner", "webhook:partner/id/"+i.ID
		i.Body = json.RawMessage(`{"webhook":"partner","values":{"api_key":"made-up"}}`)
	}},
	{"a webhook of a company", func(i *outbox.Item) {
		i.Operation, i.CallUUID, i.Additive, i.Key = outbox.OpWebhook, "", true, "acme/id/"+i.ID
		i.Body = json.RawMessage(`{"webhook":"partner","values":{}}`)
	}},
	{"a body that is too long", func(i *outbox.Item) {
		i.Body = json.RawMessage(`{"post_call_tokens":{"note":"` + strings.Repeat("a", 65<<10) + `"}}`)
	}},
	{"an absolute item with an additive body", func(i *outbox.Item) { i.Body = json.RawMessage(`{"add_revenue":"25.50"}`) }},
	{"an additive item with an absolute body", func(i *outbox.Item) { i.Additive = true }},
	{"without a state", func(i *outbox.Item) { i.State = "" }},
	{"an unknown state", func(i *outbox.Item) { i.State = "lost" }},
	{"already on its way", func(i *outbox.Item) { i.State = outbox.Sending }},
	{"already delivered", func(i *outbox.Item) { i.State = outbox.Delivered }},
	{"already parked", func(i *outbox.Item) { i.State = outbox.Parked }},
	{"already aside", func(i *outbox.Item) { i.State = outbox.Aside }},
	{"already dead", func(i *outbox.Item) { i.State = outbox.Dead }},
	{"without the time when it was enqueued", func(i *outbox.Item) { i.EnqueuedAt = time.Time{} }},
	{"enqueued after the year 9999", func(i *outbox.Item) { i.EnqueuedAt = farFuture }},
	{"never due", func(i *outbox.Item) { i.Due = time.Time{} }},
	{"due after the year 9999", func(i *outbox.Item) { i.Due = farFuture }},
	{"not before the year 10000", func(i *outbox.Item) { i.NotBefore, i.Due = farFuture, farFuture }},
	{"due before it may be sent", func(i *outbox.Item) { i.NotBefore = i.Due.Add(time.Second) }},
	{"with attempts", func(i *outbox.Item) { i.Attempts = 1 }},
	{"with a negative number of attempts", func(i *outbox.Item) { i.Attempts = -1 }},
	{"whose call was not found", func(i *outbox.Item) { i.NotFoundSince = startTime }},
	{"settled", func(i *outbox.Item) { i.SettledAt = startTime }},
	{"with an error", func(i *outbox.Item) { i.LastError = "it failed" }},
	{"with reasons", func(i *outbox.Item) { i.Reasons = []trackdrive.FieldError{{Message: "it failed"}} }},
	{"under a lease", func(i *outbox.Item) { i.Lease = outbox.Lease{Token: "one", Until: startTime.Add(time.Hour)} }},
}

// farFuture is a time that JSON cannot represent.
var farFuture = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

func refusesBrokenItems(s *storeTrial) {
	s.enqueue(itemOf("known", "u-1"))
	known := s.get("known")
	for n, broken := range brokenItems {
		for _, id := range []string{fmt.Sprint("broken-", n), "known"} {
			item := itemOf(id, "u-1")
			broken.corrupt(&item)
			_, added, err := s.Enqueue(baseCtx, item)
			require.ErrorIs(s, err, trackdrive.ErrInvalidArgument, "an item %s", broken.name)
			require.False(s, added, "an item %s", broken.name)
			if item.ID != "known" {
				_, err = s.Get(baseCtx, item.ID)
				require.Error(s, err, "an item %s is not stored", broken.name)
			}
		}
	}
	require.Equal(s, known, s.get("known"))
	straight, err := outbox.NewUpdate("straight", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"},
		&trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("25.50")})
	require.NoError(s, err)
	_, added, err := s.Enqueue(baseCtx, straight)
	require.ErrorIs(s, err, trackdrive.ErrInvalidArgument, "an item straight from NewUpdate")
	require.False(s, added)
	counted, err := s.Counts(baseCtx)
	require.NoError(s, err)
	require.Equal(s, outbox.Counts{Waiting: 1, Oldest: counted.Oldest}, counted, "nothing else is stored")
	s.enqueue(itemOf("behind", "u-1"))
	s.become("known", outbox.Delivered)
	ids, _ := s.claim("one", startTime, 9)
	require.Equal(s, []string{"behind"}, ids, "no item that is not whole comes before it")
}

// brokenChanges are changes that every store must refuse.
var brokenChanges = []struct {
	name    string
	corrupt func(*outbox.Item)
}{
	{"its id", func(i *outbox.Item) { i.ID = "other" }},
	{"its operation", func(i *outbox.Item) { i.Operation = "post" }},
	{"its company", func(i *outbox.Item) { i.Subdomain = "globex" }},
	{"its call", func(i *outbox.Item) { i.CallUUID = "u-2" }},
	{"its key", func(i *outbox.Item) { i.Key = "acme/u-2" }},
	{"its sequence number", func(i *outbox.Item) { i.Seq++ }},
	{"whether it is additive", func(i *outbox.Item) { i.Additive = true }},
	{"when it was enqueued", func(i *outbox.Item) { i.EnqueuedAt = i.EnqueuedAt.Add(time.Hour) }},
	{"its body to an additive one", func(i *outbox.Item) { i.Body = json.RawMessage(`{"add_revenue":"25.50"}`) }},
	{"its body to one that is not JSON", func(i *outbox.Item) { i.Body = json.RawMessage(`revenue`) }},
	{"its state to none", func(i *outbox.Item) { i.State = "" }},
	{"its state to an unknown one", func(i *outbox.Item) { i.State = "lost" }},
	{"its attempts to a negative number", func(i *outbox.Item) { i.Attempts = -1 }},
	{"when it is due to the year 10000", func(i *outbox.Item) { i.Due = farFuture }},
	{"when it was settled to the year 10000", func(i *outbox.Item) { i.SettledAt = farFuture }},
	{"its lease to the year 10000", func(i *outbox.Item) { i.Lease = outbox.Lease{Token: "one", Until: farFuture} }},
}

func refusesBrokenChanges(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"))
	before := s.get("a")
	for _, broken := range brokenChanges {
		_, err := s.Update(baseCtx, "a", func(i *outbox.Item) error {
			broken.corrupt(i)
			i.LastError = "it was changed"
			return nil
		})
		require.ErrorIs(s, err, trackdrive.ErrInvalidArgument, "a change of %s", broken.name)
		require.Equal(s, before, s.get("a"), "a change of %s is not stored", broken.name)
	}
	_, err := s.Get(baseCtx, "other")
	require.ErrorIs(s, err, outbox.ErrUnknownItem)
	ids, _ := s.claim("one", startTime, 9)
	require.Equal(s, []string{"a"}, ids)
}

// atOnce calls f n times concurrently.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func storesOnceAtOnce(s *storeTrial) {
	const callers, ids = 8, 20
	var mu sync.Mutex
	added := map[string]int{}
	var failed error
	atOnce(callers, func(int) {
		for n := range ids {
			id := fmt.Sprintf("id-%d", n)
			_, isNew, err := s.Enqueue(baseCtx, itemOf(id, id))
			mu.Lock()
			failed = errors.Join(failed, err)
			if isNew {
				added[id]++
			}
			mu.Unlock()
		}
	})
	require.NoError(s, failed)
	require.Len(s, added, ids)
	seqs := map[uint64]bool{}
	for id, n := range added {
		require.Equal(s, 1, n, id)
		seqs[s.get(id).Seq] = true
	}
	require.Len(s, seqs, ids, "each item has its own")
}

func heedsContext(s *storeTrial) {
	ended, cancel := context.WithCancel(baseCtx)
	cancel()
	_, _, err := s.Enqueue(ended, itemOf("a", "u-1"))
	require.ErrorIs(s, err, context.Canceled)
	_, err = s.Get(baseCtx, "a")
	require.ErrorIs(s, err, outbox.ErrUnknownItem)
}

func claimsWhatIsDue(s *storeTrial) {
	late := itemOf("late", "u-4")
	late.Due = startTime.Add(time.Hour)
	s.enqueue(itemOf("a", "u-1"), itemOf("b", "u-2"), itemOf("c", "u-3"), late)
	first, _ := s.claim("one", startTime, 2)
	require.Len(s, first, 2)
	rest, next := s.claim("two", startTime, 2)
	require.Len(s, rest, 1)
	require.ElementsMatch(s, []string{"a", "b", "c"}, append(first, rest...))
	require.True(s, next.Equal(startTime.Add(time.Minute)), "next is when the first lease ends, not %v", next)
	for _, id := range []string{"a", "b", "c"} {
		s.become(id, outbox.Delivered)
	}
	none, next := s.claim("three", startTime, 2)
	require.Empty(s, none)
	require.True(s, next.Equal(late.Due), "next is when the next item is due, not %v", next)
	ids, next := s.claim("four", late.Due, 2)
	require.Equal(s, []string{"late"}, ids)
	require.True(s, next.IsZero() || next.Equal(late.Due.Add(time.Minute)), "%v", next)
	s.become("late", outbox.Dead)
	none, next = s.claim("five", late.Due, 2)
	require.Empty(s, none)
	require.True(s, next.IsZero(), "next is never, not %v", next)
}

func holdsLeases(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"))
	ids, _ := s.claim("one", startTime, 9)
	require.Equal(s, []string{"a"}, ids)
	ids, next := s.claim("two", startTime.Add(59*time.Second), 9)
	require.Empty(s, ids)
	require.True(s, next.Equal(startTime.Add(time.Minute)))
	ids, _ = s.claim("three", startTime.Add(time.Minute), 9)
	require.Equal(s, []string{"a"}, ids)
	_, err := s.Update(baseCtx, "a", func(i *outbox.Item) error {
		require.Equal(s, "three", i.Lease.Token, "the current holder")
		i.Due, i.Lease = startTime.Add(2*time.Minute), outbox.Lease{}
		return nil
	})
	require.NoError(s, err)
	require.Equal(s, outbox.Lease{}, s.get("a").Lease)
	ids, next = s.claim("four", startTime.Add(time.Minute), 9)
	require.Empty(s, ids, "it is not leased, but not due")
	require.True(s, next.Equal(startTime.Add(2*time.Minute)))
}

func claimsOnceAtOnce(s *storeTrial) {
	const n = 100
	for i := range n {
		id := fmt.Sprintf("id-%d", i)
		s.enqueue(itemOf(id, id))
	}
	var mu sync.Mutex
	claimed := map[string]int{}
	var failed error
	atOnce(8, func(worker int) {
		for round := range n {
			items, _, err := s.Claim(baseCtx, outbox.Claim{Token: fmt.Sprintf("%d-%d", worker, round), Now: startTime, Lease: time.Minute, Limit: 3})
			mu.Lock()
			failed = errors.Join(failed, err)
			for _, i := range items {
				claimed[i.ID]++
			}
			mu.Unlock()
			if len(items) == 0 {
				return
			}
		}
	})
	require.NoError(s, failed)
	require.Len(s, claimed, n)
	for id, times := range claimed {
		require.Equal(s, 1, times, id)
	}
}

func claimsHeads(s *storeTrial) {
	const n = 6
	for i := range n {
		s.enqueue(itemOf(fmt.Sprint(i), "u-1"))
	}
	for i, state := range []outbox.State{outbox.Delivered, outbox.Dead} {
		ids, _ := s.claim(fmt.Sprint("token-", i), startTime, 9)
		require.Equal(s, []string{fmt.Sprint(i)}, ids)
		s.become(ids[0], state)
	}
	for i, state := range []outbox.State{outbox.Parked, outbox.Aside} {
		id := fmt.Sprint(i + 2)
		s.become(id, state)
		ids, next := s.claim("none", startTime, 9)
		require.Empty(s, ids, "an item that is %s holds up the items after it", state)
		require.True(s, next.IsZero())
		s.become(id, outbox.Delivered)
	}
	ids, _ := s.claim("head", startTime, 9)
	require.Equal(s, []string{"4"}, ids)
	s.become("4", outbox.Waiting)
	ids, _ = s.claim("again", startTime, 9)
	require.Equal(s, []string{"4"}, ids, "it is still the oldest")
}

func claimsOneOfACall(s *storeTrial) {
	s.enqueue(itemOf("old", "u-1"), itemOf("new", "u-1"))
	s.become("old", outbox.Dead)
	ids, _ := s.claim("one", startTime, 9)
	require.Equal(s, []string{"new"}, ids)
	s.become("old", outbox.Waiting)
	ids, next := s.claim("two", startTime, 9)
	require.Empty(s, ids, "another item of the call is leased")
	require.True(s, next.Equal(startTime.Add(time.Minute)), "%v", next)
	s.become("new", outbox.Waiting)
	ids, _ = s.claim("three", startTime, 9)
	require.Equal(s, []string{"old"}, ids)
}

func claimsMarked(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"))
	s.claim("one", startTime, 9)
	_, err := s.Update(baseCtx, "a", func(i *outbox.Item) error { i.State = outbox.Sending; return nil })
	require.NoError(s, err)
	require.Equal(s, "one", s.get("a").Lease.Token, "the lease stays")
	ids, _ := s.claim("two", startTime, 9)
	require.Empty(s, ids)
	items, _, err := s.Claim(baseCtx, outbox.Claim{Token: "three", Now: startTime.Add(time.Hour), Lease: time.Minute, Limit: 9})
	require.NoError(s, err)
	require.Len(s, items, 1)
	require.Equal(s, outbox.Sending, items[0].State)
}

func breaksLeases(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"), itemOf("marked", "u-2"))
	// Claimed with a clock that is a day ahead.
	ids, _ := s.claim("gone", startTime.Add(24*time.Hour), 9)
	require.ElementsMatch(s, []string{"a", "marked"}, ids)
	_, err := s.Update(baseCtx, "marked", func(i *outbox.Item) error { i.State = outbox.Sending; return nil })
	require.NoError(s, err)
	ids, _ = s.claim("early", startTime, 9)
	require.Empty(s, ids)
	for id, want := range map[string]outbox.State{"a": outbox.Waiting, "marked": outbox.Aside} {
		item, err := outbox.Release(baseCtx, s.Store, id)
		require.NoError(s, err)
		require.Equal(s, want, item.State)
		item = s.get(id)
		require.Equal(s, want, item.State)
		require.Equal(s, outbox.Lease{Token: "gone"}, item.Lease, "the former holder of %s can still record the outcome", id)
	}
	ids, _ = s.claim("new", startTime, 9)
	require.Equal(s, []string{"a"}, ids)
	s.become("a", outbox.Delivered)
	_, err = outbox.Settle(baseCtx, s.Store, "marked", false)
	require.NoError(s, err)
	require.Equal(s, outbox.Lease{}, s.get("marked").Lease)
	ids, _ = s.claim("newer", time.Now().Add(time.Minute), 9)
	require.Equal(s, []string{"marked"}, ids)
}

func updatesInOneStep(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"))
	const callers, times = 8, 10
	var mu sync.Mutex
	var failed error
	atOnce(callers, func(int) {
		for range times {
			_, err := s.Update(baseCtx, "a", func(i *outbox.Item) error { i.Attempts++; return nil })
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		}
	})
	require.NoError(s, failed)
	require.Equal(s, callers*times, s.get("a").Attempts)
}

func updatesNothing(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"))
	mistake := errors.New("no")
	_, err := s.Update(baseCtx, "a", func(i *outbox.Item) error { i.State = outbox.Dead; return mistake })
	require.Equal(s, mistake, err)
	require.Equal(s, outbox.Waiting, s.get("a").State)
	_, err = s.Update(baseCtx, "b", func(*outbox.Item) error { return nil })
	require.ErrorIs(s, err, outbox.ErrUnknownItem)
}

// ofCompany moves an item to another company.
func ofCompany(subdomain string, item outbox.Item) outbox.Item {
	item.Subdomain, item.Key = subdomain, subdomain+"/"+item.CallUUID
	return item
}

func picksCompanies(s *storeTrial) {
	s.enqueue(itemOf("a", "u-1"), ofCompany("acme-2", itemOf("a2", "u-1")), ofCompany("beta", itemOf("b", "u-1")), ofCompany("gamma", itemOf("g", "u-1")))
	ids := func(c outbox.Claim) (ids []string) {
		c.Token, c.Now, c.Lease, c.Limit = "token "+c.Only, startTime, time.Minute, 9
		items, _, err := s.Claim(baseCtx, c)
		require.NoError(s, err)
		for _, i := range items {
			ids = append(ids, i.ID)
		}
		return ids
	}
	require.Equal(s, []string{"b"}, ids(outbox.Claim{Only: "beta"}))
	require.Empty(s, ids(outbox.Claim{Only: "nobody"}))
	require.ElementsMatch(s, []string{"a2", "g"}, ids(outbox.Claim{Except: []string{"acme", "beta"}}))
	require.Equal(s, []string{"a"}, ids(outbox.Claim{}))
}

func leavesAdditive(s *storeTrial) {
	additive := func(item outbox.Item) outbox.Item {
		item.Additive, item.Body = true, json.RawMessage(`{"add_revenue":"5.00","post_call_tokens":{}}`)
		return item
	}
	for i := range 30 { // of which the first is before an absolute item, and due first
		s.enqueue(additive(itemOf(fmt.Sprint("adds-", i), fmt.Sprint("u-", i))))
	}
	s.enqueue(itemOf("behind", "u-0"), itemOf("one", "o-1"), itemOf("two", "o-2"), additive(itemOf("after", "o-2")), itemOf("later", "o-3"), itemOf("tried", "o-4"))
	s.enqueue(ofCompany("beta", itemOf("b", "u-1")), ofCompany("gamma", additive(itemOf("g", "u-1"))))
	for id, change := range map[string]func(*outbox.Item){
		"later": func(i *outbox.Item) { i.Due = startTime.Add(time.Hour) },
		"tried": func(i *outbox.Item) { i.Attempts, i.Due = 3, startTime.Add(-time.Hour) },
		"two":   func(i *outbox.Item) { i.Attempts = 2 },
	} {
		_, err := s.Update(baseCtx, id, func(i *outbox.Item) error { change(i); return nil })
		require.NoError(s, err)
	}
	ids := func(token, company string, limit int) (ids []string) {
		items, _, err := s.Claim(baseCtx, outbox.Claim{Token: token, Now: startTime, Lease: time.Minute, Limit: limit, Only: company, AbsoluteBelow: 3})
		require.NoError(s, err)
		for _, i := range items {
			require.Equal(s, token, i.Lease.Token)
			ids = append(ids, i.ID)
		}
		return ids
	}
	first := ids("first", "acme", 1)
	require.Len(s, first, 1)
	if item := s.get(first[0]); item.Additive || item.Attempts >= 3 {
		return // it ignores AbsoluteBelow, as a store may
	}
	require.Len(s, ids("second", "acme", 9), 1)
	require.Empty(s, ids("third", "acme", 9))
	require.Equal(s, []string{"b"}, ids("fourth", "beta", 9))
	require.Empty(s, ids("fifth", "gamma", 9))
	require.Empty(s, ids("sixth", "nobody", 9))
	for _, id := range []string{"one", "two", "b"} {
		require.NotEmpty(s, s.get(id).Lease.Token, id)
	}

	// Whoever asks for all of them is given the others, and at the same time.
	claimed, _ := s.claim("seventh", startTime, 99)
	require.Len(s, claimed, 30+2)
	require.Equal(s, outbox.Lease{}, s.get("behind").Lease)
}

func starvesNobody(s *storeTrial) {
	for i := range 10 {
		s.enqueue(itemOf(fmt.Sprint("a", i), fmt.Sprint("u-", i)))
	}
	s.enqueue(ofCompany("zeta", itemOf("z", "u-1")))
	now := startTime
	for range 100 {
		now = now.Add(time.Second)
		ids, _ := s.claim(now.String(), now, 1)
		require.Len(s, ids, 1)
		if ids[0] == "z" {
			return
		}
		_, err := s.Update(baseCtx, ids[0], func(i *outbox.Item) error {
			i.Due, i.Lease = now, outbox.Lease{} // due again at once
			return nil
		})
		require.NoError(s, err)
	}
	s.Errorf("zeta's item was not claimed")
}

func listsPages(s *storeTrial) {
	for i := range 7 {
		s.enqueue(itemOf(fmt.Sprint(i), fmt.Sprint("u-", i)))
	}
	for _, id := range []string{"5", "1", "3", "6"} {
		s.become(id, outbox.Dead)
	}
	page := func(q outbox.Query) (ids []string, last uint64) {
		items, err := s.List(baseCtx, q)
		require.NoError(s, err)
		for _, i := range items {
			require.Equal(s, q.State, i.State)
			ids, last = append(ids, i.ID), i.Seq
		}
		return ids, last
	}
	ids, last := page(outbox.Query{State: outbox.Dead, Limit: 3})
	require.Equal(s, []string{"1", "3", "5"}, ids)
	ids, _ = page(outbox.Query{State: outbox.Dead, Limit: 3, After: last})
	require.Equal(s, []string{"6"}, ids)
	ids, _ = page(outbox.Query{State: outbox.Waiting})
	require.Equal(s, []string{"0", "2", "4"}, ids)
	ids, _ = page(outbox.Query{State: outbox.Aside})
	require.Empty(s, ids)
}

func countsStates(s *storeTrial) {
	got, err := s.Counts(baseCtx)
	require.NoError(s, err)
	require.Equal(s, outbox.Counts{}, got)
	for i, state := range []outbox.State{outbox.Delivered, outbox.Waiting, outbox.Waiting, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Sending} {
		item := itemOf(fmt.Sprint(i), fmt.Sprint("u-", i))
		item.EnqueuedAt = startTime.Add(time.Duration(i) * time.Second)
		s.enqueue(item)
		s.become(item.ID, state)
	}
	got, err = s.Counts(baseCtx)
	require.NoError(s, err)
	require.True(s, got.Oldest.Equal(startTime.Add(time.Second)), "%v", got.Oldest)
	got.Oldest = time.Time{}
	require.Equal(s, outbox.Counts{Waiting: 2, Sending: 1, Parked: 1, Aside: 1, Dead: 1, Delivered: 1}, got)
	require.Equal(s, 5, got.Backlog())
}

func purgesDelivered(s *storeTrial) {
	for i, state := range []outbox.State{outbox.Delivered, outbox.Delivered, outbox.Dead, outbox.Waiting} {
		id := fmt.Sprint(i)
		s.enqueue(itemOf(id, "u-"+id))
		s.become(id, state)
	}
	_, err := s.Update(baseCtx, "1", func(i *outbox.Item) error { i.State = outbox.Waiting; return nil })
	require.NoError(s, err)
	_, err = s.Update(baseCtx, "1", func(i *outbox.Item) error {
		i.State, i.SettledAt = outbox.Delivered, startTime.Add(time.Hour)
		return nil
	})
	require.NoError(s, err)
	n, err := s.Purge(baseCtx, startTime)
	require.NoError(s, err)
	require.Zero(s, n)
	n, err = s.Purge(baseCtx, startTime.Add(time.Hour))
	require.NoError(s, err)
	require.Equal(s, 1, n)
	_, err = s.Get(baseCtx, "0")
	require.ErrorIs(s, err, outbox.ErrUnknownItem)
	s.get("1")
	got, err := s.Counts(baseCtx)
	require.NoError(s, err)
	require.Equal(s, 1, got.Delivered)
	s.enqueue(itemOf("0", "u-0")) // the id is forgotten
	ids, _ := s.claim("one", startTime, 9)
	require.ElementsMatch(s, []string{"0", "3"}, ids)
}

// deliversWithTwoWorkers lets two workers deliver to a fake that sometimes fails.
func deliversWithTwoWorkers(s *storeTrial) {
	const companies, calls, each = 3, 5, 4
	fake := trackdrivetest.New(trackdrivetest.WithSubdomain("home"))
	client, err := trackdrive.NewClient("", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(
		trackdrive.AnySubdomain(trackdrive.AuthToken("made-up"))))
	require.NoError(s, err)
	accounts := map[trackdrive.CallRef]*trackdrivetest.Company{}
	for n := range companies {
		company := fake.AddCompany(fmt.Sprint("company-", n))
		for range calls {
			accounts[trackdrive.CallRef{Subdomain: company.Subdomain(), UUID: company.AddCall(trackdrivetest.Call{}).UUID}] = company
		}
	}
	for n := range each {
		for call := range accounts {
			u := &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount(fmt.Sprint(n))}
			if n%2 == 1 {
				u = &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount(fmt.Sprint(n))}
			}
			item, err := outbox.NewUpdate(fmt.Sprint(call.Subdomain, call.UUID, n), call, u)
			require.NoError(s, err)
			_, added, err := outbox.Enqueue(baseCtx, s.Store, item)
			require.NoError(s, err)
			require.True(s, added)
		}
	}
	fake.Fail(trackdrivetest.Any, trackdrivetest.TooManyRequests(0), 5)
	var mu sync.Mutex
	var failed error
	atOnce(2, func(int) {
		worker, err := outbox.New(outbox.Config{Store: s.Store, Client: client, Rules: outbox.Rules{FirstWait: time.Millisecond, MaxWait: 10 * time.Millisecond}})
		if err == nil {
			limited, cancel := context.WithTimeout(baseCtx, time.Minute)
			defer cancel()
			err = worker.Drain(limited)
		}
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
	})
	require.NoError(s, failed)
	// By now, the deliveries that one worker had in progress when the other ended are over.
	got, err := s.Counts(baseCtx)
	require.NoError(s, err)
	require.Equal(s, outbox.Counts{Delivered: companies * calls * each}, got)
	for call, company := range accounts {
		updates := company.Updates(call.UUID)
		require.Len(s, updates, each)
		for n, u := range updates {
			require.Equal(s, fmt.Sprint(n), u.Values["revenue"]+u.Values["add_revenue"], "in order")
		}
	}
}
