// The cases about single records: what a store keeps of a lead.

package salestest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
)

func startsEmpty(s *storeTrial) {
	s.requireUnknown("a")
	found, others, now := s.look(sales.Change{LeadID: "a", CallerKey: "15550100", Since: time.Hour})
	require.Equal(s, sales.Record{Sale: sales.Sale{LeadID: "a"}}, found)
	require.Empty(s, others)
	require.False(s, now.IsZero(), "Apply is given the time")
	s.requireUnknown("a")
	stored := s.become("a", sales.Open)
	require.Equal(s, normalForm(stored), normalForm(s.get("a")))
	require.Equal(s, sales.Open, stored.Sale.State)
	s.requireUnknown("")
}

// sampleTry returns a try that has everything.
func sampleTry() sales.Try {
	return sales.Try{
		Source: "Acme Süd", Subdomain: "acme", Endpoint: "sell/now", BuyerID: "00123", BuyerName: "Buyer A “日本” <&>", PingID: "p-1/ä",
		Payout: trackdrive.MustAmount("25.50"), Ping: true,
		At: sampleTime, Until: sampleTime.Add(1500 * time.Microsecond), Outcome: trackdrive.TryRejected,
		Error:   "it failed: 'no' \"no\" \\n 100%",
		Reasons: []trackdrive.FieldError{{Field: "caller_id", Message: "is invalid"}, {Message: "a\x00b\u2028c\td\ne 📞"}},
	}
}

// sampleSale returns a sale that has everything.
func sampleSale(leadID string) sales.Sale {
	whole, plain := sampleTry(), sampleTry()
	plain.Ping, plain.Payout, plain.Outcome, plain.Reasons = false, trackdrive.MustAmount("0"), trackdrive.TrySold, []trackdrive.FieldError{}
	return sales.Sale{
		LeadID: leadID, State: sales.Sold, Caller: "+1 (555) 555-0100", Tries: []sales.Try{whole, {}, plain, {At: sampleTime}},
		ForwardingNumber: "+15555550101", SIPAddress: "sip:1@example.com;a=\"b\"",
		ExpiresAt: sampleTime.In(time.FixedZone("", 2*60*60)).Add(time.Minute),
		CallUUID:  "u-1/ä", NotSeen: 3, AskedAt: sampleTime.Add(time.Hour), Note: strings.Repeat("päge 1 \\ \"two\"\n", 640),
	}
}

// normalForm returns a copy of a record in the one form in which records are compared:
// slices that are empty are nil, and times are in UTC, to the microsecond.
func normalForm(r sales.Record) sales.Record {
	r.Sale.Tries = append([]sales.Try(nil), r.Sale.Tries...)
	times := []*time.Time{&r.Lease.Until, &r.Sale.ExpiresAt, &r.Sale.AskedAt, &r.Sale.CreatedAt, &r.Sale.UpdatedAt}
	for i := range r.Sale.Tries {
		t := &r.Sale.Tries[i]
		times = append(times, &t.At, &t.Until)
		t.Reasons = append([]trackdrive.FieldError(nil), t.Reasons...)
	}
	for _, t := range times {
		*t = t.UTC().Truncate(time.Microsecond)
	}
	return r
}

// requireKept fails the case unless the record is as it was given, with the times that
// the store sets.
func (s *storeTrial) requireKept(want, got sales.Record, where string) {
	require.False(s, got.Sale.CreatedAt.IsZero() || got.Sale.UpdatedAt.IsZero(), where)
	want.Sale.CreatedAt, want.Sale.UpdatedAt = got.Sale.CreatedAt, got.Sale.UpdatedAt
	require.Equal(s, normalForm(want), normalForm(got), where)
}

func keepsAll(s *storeTrial) {
	given := sales.Record{Sale: sampleSale("a"), Lease: sales.Lease{Token: "the first", Until: sampleTime}, CallerKey: "15555550100"}
	stored := s.change("a", func(r *sales.Record) { *r = copyOf(&given) })
	s.requireKept(given, stored, "from Change")
	s.requireFound(given)

	// Everything can be taken back.
	bare := sales.Record{Sale: sales.Sale{LeadID: "a", State: sales.Unsold, Tries: []sales.Try{}}, CallerKey: given.CallerKey}
	s.change("a", func(r *sales.Record) { *r = copyOf(&bare) })
	s.requireFound(bare)

	// A note keeps as much.
	leased := s.lease("a", "the second")
	require.NoError(s, s.note("the second", time.Minute, sampleSale("a")))
	given.Lease = s.get("a").Lease
	require.Equal(s, "the second", given.Lease.Token)
	require.True(s, given.Lease.Until.Before(leased.Lease.Until), "the note's lease is shorter")
	s.requireFound(given)
	require.NoError(s, s.note("the second", time.Minute, bare.Sale))
	bare.Lease = s.get("a").Lease
	s.requireFound(bare)
}

// requireFound fails the case unless every way to the lead finds it as it was given.
func (s *storeTrial) requireFound(want sales.Record) {
	id := want.Sale.LeadID
	s.requireKept(want, s.get(id), "from Get")
	list, err := s.List(suiteCtx, sales.Query{State: want.Sale.State})
	require.NoError(s, err)
	require.Equal(s, []string{id}, idsOf(list))
	s.requireKept(want, list[0], "from List")
	found, _, _ := s.look(sales.Change{LeadID: id})
	s.requireKept(want, found, "given to Apply")
	_, others, _ := s.look(sales.Change{LeadID: "another", CallerKey: want.CallerKey, Since: time.Hour})
	require.Equal(s, []string{id}, idsOf(others))
	s.requireKept(want, others[0], "given to Apply as another lead")
}

func keepsIDs(s *storeTrial) {
	ids := []string{
		"a", "A", "a ", "a  ", "a/", "a/b", "a%2Fb", "a\\b", "a'b", `a"b`, "a;b--", "a%", "a_", "a*", "../a", ".", "0", "00", "1e3", "null",
		"é", "e\u0301", "ß", "ss", "日本", "📞", strings.Repeat("i", 254), strings.Repeat("i", 255), strings.Repeat("i", 254) + "j", strings.Repeat("é", 127),
	}
	for _, err := range atOnce(len(ids), func(i int) error {
		_, err := s.tryChange(ids[i], func(r *sales.Record) {
			r.Sale.State, r.Sale.Note, r.Sale.CallUUID, r.CallerKey = sales.Unsold, "of "+ids[i], "u-"+ids[i], "k-"+ids[i]
		})
		return err
	}) {
		require.NoError(s, err)
	}
	for _, id := range ids {
		r := s.get(id)
		require.Equal(s, id, r.Sale.LeadID)
		require.Equal(s, "of "+id, r.Sale.Note)
		_, others, _ := s.look(sales.Change{LeadID: "another", CallerKey: "k-" + id, Since: time.Hour})
		require.Equal(s, []string{id}, idsOf(others), "the leads of the caller k-%s", id)
	}
	list, err := s.List(suiteCtx, sales.Query{State: sales.Unsold})
	require.NoError(s, err)
	require.ElementsMatch(s, ids, idsOf(list))
	s.requireUnknown("b")
	s.requireUnknown("a\t")
}

func setsTimes(s *storeTrial) {
	requireBetween := func(from, at, to time.Time) {
		require.False(s, at.Before(from.Truncate(time.Microsecond)), "%v is before the change, at %v", at, from)
		require.False(s, at.After(to), "%v is after the change, at %v", at, to)
	}
	spoil := func(sale *sales.Sale) {
		sale.State, sale.CreatedAt, sale.UpdatedAt = sales.Posting, sampleTime.Add(-time.Hour), sampleTime.AddDate(50, 0, 0)
	}
	began := s.now()
	first := s.change("a", func(r *sales.Record) { spoil(&r.Sale) })
	ended := s.now()
	requireBetween(began, first.Sale.CreatedAt, ended)
	requireBetween(began, first.Sale.UpdatedAt, ended)
	require.Equal(s, normalForm(first), normalForm(s.get("a")))

	s.waitUntil(ended.Add(time.Millisecond))
	began = s.now()
	second := s.change("a", func(r *sales.Record) {
		spoil(&r.Sale)
		r.Lease = sales.Lease{Token: "one", Until: began.Add(time.Hour)}
	})
	ended = s.now()
	require.True(s, second.Sale.CreatedAt.Equal(first.Sale.CreatedAt), "a change keeps CreatedAt")
	requireBetween(began, second.Sale.UpdatedAt, ended)
	require.Equal(s, normalForm(second), normalForm(s.get("a")))

	s.waitUntil(ended.Add(time.Millisecond))
	spoil(&second.Sale)
	began = s.now()
	require.NoError(s, s.note("one", time.Minute, second.Sale))
	ended = s.now()
	third := s.get("a")
	require.True(s, third.Sale.CreatedAt.Equal(first.Sale.CreatedAt), "a note keeps CreatedAt")
	requireBetween(began, third.Sale.UpdatedAt, ended)
}

func keepsCopies(s *storeTrial) {
	spoil := func(sale *sales.Sale) {
		for i := range sale.Tries {
			t := &sale.Tries[i]
			t.Source = "spoilt"
			for n := range t.Reasons {
				t.Reasons[n].Message = "spoilt"
			}
		}
	}
	var given *sales.Record
	until := s.now().Add(time.Hour)
	stored := s.change("a", func(r *sales.Record) {
		r.Sale = sampleSale("a")
		r.Sale.State, r.CallerKey, r.Lease = sales.Posting, "15555550100", sales.Lease{Token: "one", Until: until}
		given = r
	})
	want := normalForm(stored)
	requireSame := func(after string) {
		require.Equal(s, want, normalForm(s.get("a")), "after a change of what was %s", after)
	}
	spoil(&given.Sale)
	requireSame("given by Apply")
	spoil(&stored.Sale)
	requireSame("returned by Change")
	got := s.get("a")
	spoil(&got.Sale)
	requireSame("returned by Get")
	list, err := s.List(suiteCtx, sales.Query{State: sales.Posting})
	require.NoError(s, err)
	require.Len(s, list, 1)
	spoil(&list[0].Sale)
	requireSame("returned by List")

	spoilt := errors.New("spoilt")
	found, err := s.Change(suiteCtx, sales.Change{LeadID: "a", Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
		spoil(&r.Sale)
		return spoilt
	}})
	require.ErrorIs(s, err, spoilt)
	require.Equal(s, want, normalForm(found), "the record is returned as it was found")
	requireSame("given to an Apply that failed")
	spoil(&found.Sale)
	requireSame("returned by a Change that failed")
	_, others, _ := s.look(sales.Change{LeadID: "b", CallerKey: "15555550100", Since: time.Hour})
	require.Len(s, others, 1)
	spoil(&others[0].Sale)
	requireSame("given to Apply as another lead")

	noted := sampleSale("a")
	noted.State = sales.Posting
	require.NoError(s, s.note("one", time.Hour, noted))
	want = normalForm(s.get("a"))
	spoil(&noted)
	requireSame("given to Note")
}

// customError is an error that only its own type tells apart.
type customError struct{ text string }

func (e *customError) Error() string { return e.text }

func storesNothing(s *storeTrial) {
	s.become("known", sales.Unsold)
	for _, id := range []string{"known", "new"} {
		for _, failure := range []error{&customError{"no"}, fmt.Errorf("wrapped: %w", sales.ErrConflict), sales.ErrNoSale, context.Canceled} {
			before, _, _ := s.look(sales.Change{LeadID: id})
			got, err := s.Change(suiteCtx, sales.Change{LeadID: id, Apply: func(r *sales.Record, _ []sales.Record, now time.Time) error {
				*r = sales.Record{Sale: sampleSale(id), Lease: sales.Lease{Token: "one", Until: now.Add(time.Hour)}, CallerKey: "15555550100"}
				return failure
			}})
			require.True(s, err == failure, "Apply's error is returned as it is, not as %#v", err)
			require.Equal(s, normalForm(before), normalForm(got), "the record is returned as it was found")
		}
	}
	s.requireUnknown("new")
	require.Empty(s, s.get("known").Sale.Caller)
	require.ErrorIs(s, s.note("one", time.Hour, sampleSale("known")), sales.ErrLeaseLost)
	_, others, _ := s.look(sales.Change{LeadID: "another", CallerKey: "15555550100", Since: time.Hour})
	require.Empty(s, others)
	s.change("another", func(r *sales.Record) { r.Sale = sampleSale("another") }) // its call is not taken
	s.requireStates(map[sales.State][]string{sales.Unsold: {"known"}, sales.Sold: {"another"}})
}

func heedsContext(s *storeTrial) {
	canceled, cancel := context.WithCancel(suiteCtx)
	cancel()
	expired, cancel := context.WithDeadline(suiteCtx, time.Unix(0, 0))
	defer cancel()
	s.become("old", sales.Unsold)
	leased := s.lease("a", "one")
	s.waitUntil(leased.Sale.UpdatedAt.Add(time.Millisecond))
	for ctx, want := range map[context.Context]error{canceled: context.Canceled, expired: context.DeadlineExceeded} {
		for _, id := range []string{"a", "new"} {
			_, err := s.Change(ctx, sales.Change{LeadID: id, Apply: func(r *sales.Record, _ []sales.Record, _ time.Time) error {
				r.Sale.State = sales.Sold
				return nil
			}})
			require.ErrorIs(s, err, want)
		}
		require.ErrorIs(s, s.Note(ctx, sales.Note{Token: "one", Lease: time.Hour, Sale: sampleSale("a")}), want)
		_, err := s.Purge(ctx, 0)
		require.ErrorIs(s, err, want)
	}
	require.Equal(s, normalForm(leased), normalForm(s.get("a")))
	s.requireStates(map[sales.State][]string{sales.Posting: {"a"}, sales.Unsold: {"old"}})
}
