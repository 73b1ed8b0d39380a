package sales_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

const caller = "+15555550142"

// market is a fake with an endpoint "sell", a store, and desks on it.
type market struct {
	fake   *trackdrivetest.Fake
	client *trackdrive.Client
	store  *watchedStore
	config sales.Config

	mu     sync.Mutex
	events []sales.Event
}

func newMarket(t *testing.T) *market {
	t.Helper()
	m := &market{fake: trackdrivetest.New(), store: &watchedStore{Store: salestest.NewMemory()}}
	m.fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{
		{ID: "101", Name: "Buyer A", Bid: "25.00"}, {ID: "102", Name: "Buyer B", Bid: "31.50"},
	}})
	var err error
	m.client, err = trackdrive.NewClient("acme", trackdrive.WithTransport(m.fake.Transport()))
	require.NoError(t, err)
	m.config = sales.Config{Store: m.store, OnEvent: func(e sales.Event) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.events = append(m.events, e)
	}}
	return m
}

func (m *market) desk(t *testing.T) *sales.Desk {
	t.Helper()
	d, err := sales.New(m.config)
	require.NoError(t, err)
	return d
}

func (m *market) auction(t *testing.T, change ...func(*trackdrive.AuctionConfig)) *trackdrive.Auction {
	t.Helper()
	cfg := trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "acme", Client: m.client, Endpoint: "sell"}}}
	for _, c := range change {
		c(&cfg)
	}
	a, err := trackdrive.NewAuction(cfg)
	require.NoError(t, err)
	return a
}

// offer offers a lead of the caller in an auction of its own.
func (m *market) offer(t *testing.T, d *sales.Desk, leadID string) (*sales.Sale, error) {
	t.Helper()
	return d.Auction(t.Context(), leadID, m.auction(t), &trackdrive.PingRequest{CallerID: caller})
}

func (m *market) kinds() (kinds []sales.EventKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// loseNextAnswer lets the next post sell, and drops its answer.
func (m *market) loseNextAnswer() {
	m.fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
}

func (m *market) refuseNext(times int) {
	m.fake.Fail(trackdrivetest.OpPost, trackdrivetest.Refusal("rejected", "is a duplicate"), times)
}

// watchedStore fails or waits where a test says so.
type watchedStore struct {
	sales.Store
	beforeNote   atomic.Pointer[func(sales.Note) error]
	beforeChange atomic.Pointer[func(sales.Change) error]
}

func (s *watchedStore) Note(ctx context.Context, n sales.Note) error {
	if f := s.beforeNote.Load(); f != nil {
		if err := (*f)(n); err != nil {
			return err
		}
	}
	return s.Store.Note(ctx, n)
}

func (s *watchedStore) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	if f := s.beforeChange.Load(); f != nil {
		if err := (*f)(c); err != nil {
			return sales.Record{}, err
		}
	}
	return s.Store.Change(ctx, c)
}

func (s *watchedStore) onNote(f func(sales.Note) error) { s.beforeNote.Store(&f) }

// isOutcome reports whether a note says what came of its last try.
func isOutcome(n sales.Note) bool {
	return len(n.Sale.Tries) > 0 && n.Sale.Tries[len(n.Sale.Tries)-1].Outcome != ""
}

var errDisk = errors.New("the disk is full")

func TestALeadIsSoldOnce(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	d := m.desk(t)
	sale, err := m.offer(t, d, "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	number, ok := sale.Number()
	require.True(t, ok)
	require.Equal(t, m.fake.Sales()[0].Number, number)
	require.Len(t, sale.Tries, 1)
	try := sale.Tries[0]
	require.WithinRange(t, try.Until, try.At, time.Now())
	require.NotEmpty(t, try.PingID)
	try.PingID, try.At, try.Until = "", time.Time{}, time.Time{}
	require.Equal(t, sales.Try{Source: "acme", Subdomain: "acme", Endpoint: "sell", BuyerID: "102", BuyerName: "Buyer B", Payout: trackdrive.MustAmount("31.50"), Outcome: trackdrive.TrySold}, try)

	before := len(m.fake.Requests())
	for _, desk := range []*sales.Desk{d, m.desk(t)} { // the second as after a restart
		again, err := m.offer(t, desk, "lead-1")
		require.NoError(t, err)
		same, ok := again.Number()
		require.True(t, ok)
		require.Equal(t, number, same)
		again, err = desk.Post(t.Context(), "lead-1", m.client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller})
		require.NoError(t, err)
		require.Equal(t, sales.Sold, again.State)
	}
	require.Len(t, m.fake.Requests(), before, "nothing was sent")
	require.Equal(t, []sales.EventKind{sales.EventSold}, m.kinds())
	m.fake.AssertSales(t, 1)
}

func TestOnePostSells(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	ping, err := m.client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: caller})
	require.NoError(t, err)
	sale, err := m.desk(t).Post(t.Context(), "lead-1", m.client, "sell", ping.PostTo(ping.Buyers[0]), trackdrive.WithRepeat(trackdrive.RepeatSafe))
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	require.Equal(t, trackdrive.ID("101"), sale.Tries[0].BuyerID)
	require.Empty(t, sale.Tries[0].Source)
}

func TestAPostIsNeverRepeated(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.fake.Fail(trackdrivetest.OpPost, trackdrivetest.BadGateway(), 9)
	sale, err := m.desk(t).Post(t.Context(), "lead-1", m.client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller}, trackdrive.WithRepeat(trackdrive.RepeatSafe))
	require.ErrorIs(t, err, sales.ErrUnknown)
	require.Equal(t, sales.Unknown, sale.State)
	require.Len(t, m.fake.Posts(), 1)
}

func TestALeadThatNobodyTookMayBeOfferedAgain(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	d := m.desk(t)
	m.refuseNext(2)
	sale, err := m.offer(t, d, "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Unsold, sale.State)
	require.Len(t, sale.Tries, 2)
	require.Equal(t, trackdrive.TryRejected, sale.Tries[0].Outcome)
	require.Equal(t, "is a duplicate", sale.Tries[0].Reasons[0].Message)
	_, ok := sale.Number()
	require.False(t, ok)
	sale, err = m.offer(t, d, "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	require.Len(t, sale.Tries, 3, "the tries of the first offer are kept")
	require.Equal(t, []sales.EventKind{sales.EventUnsold, sales.EventSold}, m.kinds())
}

func TestALeadWithoutABidIsUnsold(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.fake.ChangeEndpoint("sell", func(e *trackdrivetest.Endpoint) { e.Buyers = nil })
	sale, err := m.offer(t, m.desk(t), "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Unsold, sale.State)
	require.Empty(t, sale.Tries)
	require.NoError(t, m.events[0].Err)

	m.fake.Fail(trackdrivetest.OpPing, trackdrivetest.Status(http.StatusUnauthorized, nil, "{}"), 1)
	sale, err = m.offer(t, m.desk(t), "lead-2")
	require.NoError(t, err)
	require.Equal(t, sales.Unsold, sale.State)
	require.ErrorIs(t, m.events[1].Err, trackdrive.ErrUnauthorized, "wrong credentials are not nobody's wish")
}

func TestALostAnswerLeavesTheLeadUnknown(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	d := m.desk(t)
	m.loseNextAnswer()
	sale, err := m.offer(t, d, "lead-1")
	require.ErrorIs(t, err, sales.ErrUnknown)
	require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
	var e *trackdrive.Error
	require.ErrorAs(t, err, &e, "the post that left the doubt")
	require.Equal(t, sales.Unknown, sale.State)
	require.NotEmpty(t, sale.Tries[0].Error)
	before := len(m.fake.Requests())
	sale, err = m.offer(t, m.desk(t), "lead-1")
	require.ErrorIs(t, err, sales.ErrUnknown)
	require.NotErrorAs(t, err, &e, "nothing was sent now")
	require.Equal(t, sales.Unknown, sale.State)
	require.Len(t, m.fake.Requests(), before)
	list, err := d.Unsettled(t.Context(), sales.Query{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "lead-1", list[0].LeadID)
	counts, err := d.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, sales.Counts{Unknown: 1, Oldest: list[0].CreatedAt}, counts)
	require.Equal(t, []sales.EventKind{sales.EventUnknown}, m.kinds())
	m.fake.AssertSales(t, 1)
}

// The transport looks into the store when a request arrives.
func TestTheStoreKnowsOfAPostBeforeItLeaves(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	looks := 0
	see := func() {
		looks++
		sale, err := m.desk(t).Get(t.Context(), "lead-1")
		require.NoError(t, err)
		require.Equal(t, sales.Posting, sale.State)
		require.Len(t, sale.Tries, looks)
		require.Empty(t, sale.Tries[looks-1].Outcome)
		if looks > 1 {
			require.Equal(t, trackdrive.TryRejected, sale.Tries[looks-2].Outcome, "and of the one before")
		}
	}
	m.refuseNext(1)
	c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(roundTrip(func(r *http.Request) error {
		if strings.Contains(r.URL.Path, "/post/") {
			see()
		}
		return nil
	}, m.fake.Transport())))
	require.NoError(t, err)
	m.client = c
	sale, err := m.offer(t, m.desk(t), "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	require.Equal(t, 2, looks)
}

func TestALeadThatSomebodyHasIsBusy(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	d := m.desk(t)
	inside := 0
	sale, err := d.Auction(t.Context(), "lead-1", m.auction(t), &trackdrive.PingRequest{CallerID: caller}, func(trackdrive.Bid, *trackdrive.PostRequest) error {
		inside++
		other := m.desk(t)
		busy, err := m.offer(t, other, "lead-1")
		require.ErrorIs(t, err, sales.ErrBusy)
		require.Equal(t, sales.Posting, busy.State)
		_, err = other.Settle(t.Context(), "lead-1")
		require.ErrorIs(t, err, sales.ErrBusy)
		_, err = other.Resolve(t.Context(), "lead-1", sales.Unsold, "")
		require.ErrorIs(t, err, sales.ErrBusy)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	require.Equal(t, 1, inside)
	m.fake.AssertSales(t, 1)
}

func TestTenThousandLeadsAreEachSoldOnce(t *testing.T) {
	t.Parallel()
	const leads, workers = 10_000, 16
	m := newMarket(t)
	m.config.OnEvent = nil
	desks := []*sales.Desk{m.desk(t), m.desk(t)}
	numbers := make([]sync.Map, leads)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := range leads {
				r := &trackdrive.PostRequest{PostOnly: true, CallerID: fmt.Sprintf("+1555%07d", n)}
				for {
					sale, err := desks[w%2].Post(t.Context(), fmt.Sprint("lead-", n), m.client, "sell", r)
					if errors.Is(err, sales.ErrBusy) {
						runtime.Gosched()
						continue
					}
					if !assertSold(t, sale, err) {
						return
					}
					numbers[n].Store(sale.ForwardingNumber, true)
					break
				}
			}
		})
	}
	all.Wait()
	m.fake.AssertSales(t, leads)
	for n := range numbers {
		got := 0
		numbers[n].Range(func(any, any) bool { got++; return true })
		require.Equal(t, 1, got, "everybody got the same number")
	}
}

func assertSold(t *testing.T, sale *sales.Sale, err error) bool {
	if err != nil || sale.State != sales.Sold {
		t.Errorf("got %v, %v", sale, err)
		return false
	}
	return true
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t)
		m.config.SameCaller = time.Hour
		d := m.desk(t)
		_, err := m.offer(t, d, "lead-1")
		require.NoError(t, err)
		before := len(m.fake.Requests())
		offer := func(id, number string) (*sales.Sale, error) {
			return d.Auction(t.Context(), id, m.auction(t), &trackdrive.PingRequest{CallerID: number})
		}
		sale, err := offer("lead-1", "+15555550177")
		require.ErrorIs(t, err, sales.ErrConflict)
		require.ErrorContains(t, err, `"lead-1" has another caller`)
		require.NotContains(t, err.Error(), "5550177")
		require.Equal(t, caller, sale.Caller)
		for _, same := range []string{caller, "(555) 555-0142", "1-555-555-0142", "5555550142"} {
			sale, err = offer("lead-1", same)
			require.NoError(t, err, same)
			require.Equal(t, sales.Sold, sale.State)
			sale, err = offer("lead-2", same)
			require.ErrorIs(t, err, sales.ErrConflict, same)
			require.Equal(t, "lead-1", sale.LeadID)
		}
		require.Len(t, m.fake.Requests(), before)
		_, err = d.Get(t.Context(), "lead-2")
		require.ErrorIs(t, err, sales.ErrNoSale, "a lead that was refused is not kept")
		<-time.After(time.Hour)
		sale, err = offer("lead-2", caller)
		require.NoError(t, err)
		require.Equal(t, sales.Sold, sale.State)
		for range 2 { // nobody is nobody's other lead
			_, err = offer(fmt.Sprint("lead-", time.Now().UnixNano()), "")
			require.NotErrorIs(t, err, sales.ErrConflict)
			<-time.After(time.Second)
		}
		require.Contains(t, m.kinds(), sales.EventConflict)
	})
}

func TestABuyerThatRefusedIsNotAskedAgainSoSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t)
		m.config.RefusedFor = time.Hour
		d := m.desk(t)
		m.refuseNext(2)
		_, err := m.offer(t, d, "lead-1")
		require.NoError(t, err)
		sale, err := m.offer(t, d, "lead-1")
		require.ErrorContains(t, err, "buyer 102 refused the lead 0s ago")
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.Equal(t, sales.Unsold, sale.State)
		require.Len(t, m.fake.Posts(), 2)
		<-time.After(time.Hour)
		sale, err = m.offer(t, d, "lead-1")
		require.NoError(t, err)
		require.Equal(t, sales.Sold, sale.State)
	})
}

func TestNothingIsSentWithoutTheStore(t *testing.T) {
	t.Parallel()
	t.Run("when the lead is taken", func(t *testing.T) {
		t.Parallel()
		m := newMarket(t)
		fail := func(sales.Change) error { return errDisk }
		m.store.beforeChange.Store(&fail)
		sale, err := m.offer(t, m.desk(t), "lead-1")
		require.ErrorIs(t, err, errDisk)
		require.Nil(t, sale)
		require.Empty(t, m.fake.Requests())
		require.Equal(t, []sales.EventKind{sales.EventStore}, m.kinds())
	})
	t.Run("when a post is noted", func(t *testing.T) {
		t.Parallel()
		m := newMarket(t)
		failed := 0
		m.store.onNote(func(n sales.Note) error {
			if len(n.Sale.Tries) > 0 && failed == 0 {
				failed++
				return errDisk
			}
			return nil
		})
		sale, err := m.offer(t, m.desk(t), "lead-1")
		require.ErrorIs(t, err, errDisk)
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.Equal(t, sales.Open, sale.State)
		require.Empty(t, m.fake.Posts(), "not even the second best bid")
		require.Equal(t, []sales.EventKind{sales.EventStore}, m.kinds())
		sale, err = m.offer(t, m.desk(t), "lead-1")
		require.NoError(t, err)
		require.Equal(t, sales.Sold, sale.State)
	})
}

func TestAnOutcomeThatTheStoreDoesNotTake(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*market)
		want    error
		state   sales.State
	}{
		"a sale":      {func(*market) {}, sales.ErrNotRecorded, sales.Sold},
		"a refusal":   {func(m *market) { m.refuseNext(9) }, sales.ErrUnknown, sales.Unknown},
		"lost answer": {func(m *market) { m.loseNextAnswer() }, sales.ErrUnknown, sales.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMarket(t)
				tc.prepare(m)
				m.store.onNote(func(n sales.Note) error {
					if isOutcome(n) {
						return errDisk
					}
					return nil
				})
				r := &trackdrive.PostRequest{PostOnly: true, CallerID: caller}
				sale, err := m.desk(t).Post(t.Context(), "lead-1", m.client, "sell", r)
				require.ErrorIs(t, err, tc.want)
				require.ErrorIs(t, err, errDisk)
				require.Equal(t, tc.state, sale.State)
				_, ok := sale.Number()
				require.Equal(t, tc.state == sales.Sold, ok, "the number is in the Sale")
				require.Contains(t, m.kinds(), sales.EventStore)
				<-time.After(3 * time.Minute)
				m.store.onNote(func(sales.Note) error { return nil })
				sale, err = m.desk(t).Post(t.Context(), "lead-1", m.client, "sell", r)
				require.ErrorIs(t, err, sales.ErrUnknown, "for everybody else it is unknown")
				require.Equal(t, sales.Unknown, sale.State)
				require.Len(t, m.fake.Posts(), 1)
			})
		})
	}
}

func TestAStoreThatFailsOnceLosesNothing(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	failed := false
	m.store.onNote(func(n sales.Note) error {
		if isOutcome(n) && !failed {
			failed = true
			return errDisk
		}
		return nil
	})
	sale, err := m.offer(t, m.desk(t), "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	known, err := m.desk(t).Get(t.Context(), "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Sold, known.State)
}

// An outcome is recorded even if the caller is gone.
func TestACancelledCallerLosesNothing(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.store.onNote(func(n sales.Note) error {
		if isOutcome(n) {
			cancel()
		}
		return nil
	})
	sale, err := m.desk(t).Auction(ctx, "lead-1", m.auction(t), &trackdrive.PingRequest{CallerID: caller})
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
}

func TestAnAuctionThatIsCutOffIsNotUnsold(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	ctx, cancel := context.WithCancel(t.Context())
	a := m.auction(t, func(c *trackdrive.AuctionConfig) {
		c.Observe = func(_ context.Context, e trackdrive.AuctionEvent) {
			if e.Kind == trackdrive.EventPing {
				cancel()
			}
		}
	})
	m.fake.Fail(trackdrivetest.OpPing, trackdrivetest.Slow(time.Minute), 1)
	sale, err := m.desk(t).Auction(ctx, "lead-1", a, &trackdrive.PingRequest{CallerID: caller})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sales.Open, sale.State)
	require.Empty(t, m.kinds())
}

func TestADeskThatStoodStillPostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t)
		d := m.desk(t)
		stand := func(trackdrive.Bid, *trackdrive.PostRequest) error {
			<-time.After(2 * time.Minute) // the lease
			sale, err := m.offer(t, m.desk(t), "lead-1")
			require.NoError(t, err)
			require.Equal(t, sales.Sold, sale.State)
			return nil
		}
		sale, err := d.Auction(t.Context(), "lead-1", m.auction(t), &trackdrive.PingRequest{CallerID: caller}, stand)
		require.ErrorIs(t, err, sales.ErrBusy)
		require.ErrorIs(t, err, sales.ErrLeaseLost)
		require.NotEqual(t, sales.Sold, sale.State)
		m.fake.AssertSales(t, 1)
		known, err := d.Get(t.Context(), "lead-1")
		require.NoError(t, err)
		require.Equal(t, sales.Sold, known.State, "and spoils nothing")
		require.Equal(t, []sales.EventKind{sales.EventSold}, m.kinds())
	})
}

func TestAPostEndsWithTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t)
		m.config.Lease = 3 * time.Second
		m.fake.Fail(trackdrivetest.OpPost, trackdrivetest.Slow(time.Minute), 1)
		begin := time.Now()
		sale, err := m.desk(t).Post(t.Context(), "lead-1", m.client, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller})
		require.ErrorIs(t, err, trackdrive.ErrTimeout)
		require.Equal(t, 3*time.Second, time.Since(begin))
		require.Equal(t, sales.Unknown, sale.State)
	})
}

func TestAnOutcomeThatComesLate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		meanwhile func(*testing.T, *sales.Desk)
		err       error
		state     sales.State
		events    []sales.EventKind
	}{
		"is recorded": {func(t *testing.T, d *sales.Desk) {
			known, err := d.Get(t.Context(), "lead-1")
			require.NoError(t, err)
			require.Equal(t, sales.Unknown, known.State, "the lease has ended")
		}, nil, sales.Sold, []sales.EventKind{sales.EventSold}},
		"is an event once the lead is resolved": {func(t *testing.T, d *sales.Desk) {
			_, err := d.Resolve(t.Context(), "lead-1", sales.Unsold, "the buyer says no")
			require.NoError(t, err)
		}, sales.ErrNotRecorded, sales.Unsold, []sales.EventKind{sales.EventSettled, sales.EventConflict, sales.EventSold}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMarket(t)
				c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(m.fake.Transport()), trackdrive.WithObserver(func(context.Context, trackdrive.Attempt) {
					<-time.After(3 * time.Minute) // the process stands still after the answer
					tc.meanwhile(t, m.desk(t))
				}))
				require.NoError(t, err)
				sale, err := m.desk(t).Post(t.Context(), "lead-1", c, "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: caller})
				if tc.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tc.err)
				}
				_, ok := sale.Number()
				require.True(t, ok)
				known, err := m.desk(t).Get(t.Context(), "lead-1")
				require.NoError(t, err)
				require.Equal(t, tc.state, known.State)
				require.Equal(t, tc.events, m.kinds())
			})
		})
	}
}

func TestAPingThatMaySellIsNoted(t *testing.T) {
	t.Parallel()
	static := &trackdrive.PingRequest{CallerID: caller, TrackdriveNumber: "+15555550100"}
	for name, tc := range map[string]struct {
		prepare func(*market)
		want    []trackdrive.TryOutcome
		state   sales.State
	}{
		"and sold to": {func(*market) {}, []trackdrive.TryOutcome{trackdrive.TryUnknown, trackdrive.TrySold}, sales.Sold},
		"and refused": {func(m *market) {
			m.fake.Fail(trackdrivetest.OpPing, trackdrivetest.Refusal("no_matching_buyer"), 1)
		}, []trackdrive.TryOutcome{trackdrive.TryRejected}, sales.Unsold},
		"and lost": {func(m *market) {
			m.fake.Fail(trackdrivetest.OpPing, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
		}, []trackdrive.TryOutcome{trackdrive.TryUnknown}, sales.Unknown},
		"and its posts are refused": {func(m *market) { m.refuseNext(9) }, []trackdrive.TryOutcome{trackdrive.TryUnknown, trackdrive.TryRejected, trackdrive.TryRejected}, sales.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMarket(t)
			tc.prepare(m)
			sale, err := m.desk(t).Auction(t.Context(), "lead-1", m.auction(t), static)
			require.Equal(t, tc.state, sale.State)
			require.Equal(t, tc.state == sales.Unknown, errors.Is(err, sales.ErrUnknown), err)
			require.True(t, sale.Tries[0].Ping)
			var got []trackdrive.TryOutcome
			for _, try := range sale.Tries {
				got = append(got, try.Outcome)
			}
			require.Equal(t, tc.want, got)
			known, err := m.desk(t).Get(t.Context(), "lead-1")
			require.NoError(t, err)
			require.Equal(t, tc.state, known.State)
		})
	}
}

func TestPanicsLeaveTheLeadWhereItIs(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(){"panic": func() { panic("boo") }, "Goexit": runtime.Goexit} {
		for place, tc := range map[string]struct {
			inPost bool
			state  sales.State
		}{"before the post": {false, sales.Open}, "in the post": {true, sales.Unknown}} {
			t.Run(name+" "+place, func(t *testing.T) {
				t.Parallel()
				m := newMarket(t)
				c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(m.fake.Transport()), trackdrive.WithObserver(func(_ context.Context, a trackdrive.Attempt) {
					if tc.inPost && a.Operation == "post" {
						leave()
					}
				}))
				require.NoError(t, err)
				m.client = c
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					_, _ = m.desk(t).Auction(t.Context(), "lead-1", m.auction(t), &trackdrive.PingRequest{CallerID: caller}, func(trackdrive.Bid, *trackdrive.PostRequest) error {
						if !tc.inPost {
							leave()
						}
						return nil
					})
				}()
				<-done
				known, err := m.desk(t).Get(t.Context(), "lead-1")
				require.NoError(t, err)
				require.Equal(t, tc.state, known.State)
			})
		}
	}
}

func TestWithACallerKeyTheStoreHasNoNumbers(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.config.CallerKey, m.config.SameCaller = []byte("0123456789abcdef0123456789abcdef"), time.Hour
	m.fake.Fail(trackdrivetest.OpPost, trackdrivetest.Refusal("rejected", "caller +1 (555) 555-0142 is a duplicate, as 15555550142 was"), 2)
	d := m.desk(t)
	_, err := m.offer(t, d, "lead-1")
	require.NoError(t, err)
	r, err := m.store.Get(t.Context(), "lead-1")
	require.NoError(t, err)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(text), "5550142")
	require.NotContains(t, string(text), "555-0142")
	require.Contains(t, string(text), "is a duplicate")
	require.Len(t, r.Sale.Caller, 64)
	sale, err := m.offer(t, d, "lead-2")
	require.ErrorIs(t, err, sales.ErrConflict, "they are compared all the same")
	require.Equal(t, "lead-1", sale.LeadID)
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	d := m.desk(t)
	a, lead, post := m.auction(t), &trackdrive.PingRequest{CallerID: caller}, &trackdrive.PostRequest{PostOnly: true, CallerID: caller}
	auction := func(id string, a *trackdrive.Auction, lead *trackdrive.PingRequest) error {
		_, err := d.Auction(t.Context(), id, a, lead)
		return err
	}
	posting := func(id string, c *trackdrive.Client, endpoint string, r *trackdrive.PostRequest) error {
		_, err := d.Post(t.Context(), id, c, endpoint, r)
		return err
	}
	config := func(change func(*sales.Config)) error {
		c := m.config
		change(&c)
		_, err := sales.New(c)
		return err
	}
	second := func(_ any, err error) error { return err }
	for want, err := range map[string]error{
		"store: is nil":                     config(func(c *sales.Config) { c.Store = nil }),
		"lease: is negative":                config(func(c *sales.Config) { c.Lease = -1 }),
		"same caller: is negative":          config(func(c *sales.Config) { c.SameCaller = -1 }),
		"refused for: is negative":          config(func(c *sales.Config) { c.RefusedFor = -1 }),
		"lead id: is empty; ":               auction(" ", a, lead),
		"lead id: is longer than 255 bytes": auction(strings.Repeat("x", 256), a, lead),
		"lead id: is not valid UTF-8":       auction("\xff", a, lead),
		"lead id: has control characters":   auction("a\nb", a, lead),
		"auction: is nil":                   auction("a", nil, lead),
		"auction: was not made by":          auction("a", new(trackdrive.Auction), lead),
		"lead: is nil":                      auction("a", a, nil),
		"client: is nil":                    posting("a", nil, "sell", post),
		"client: was not made by":           posting("b", new(trackdrive.Client), "sell", post),
		"request: is nil":                   posting("a", m.client, "sell", nil),
		"ping_id: is empty":                 posting("c", m.client, "sell", &trackdrive.PostRequest{CallerID: caller}),
		"endpoint: ":                        posting("d", m.client, "a/b", post),
		`state: is "posting"`:               second(d.Resolve(t.Context(), "a", sales.Posting, "")),
		"note: is longer than 10000 bytes":  second(d.Resolve(t.Context(), "a", sales.Sold, strings.Repeat("x", 10_001))),
		"note: is not valid UTF-8":          second(d.Resolve(t.Context(), "a", sales.Sold, "\xff")),
		`state: "gone" is not a state`:      second(d.Unsettled(t.Context(), sales.Query{State: "gone"})),
		"limit: is negative":                second(d.Unsettled(t.Context(), sales.Query{Limit: -1})),
		"context: is nil":                   second(d.Counts(nil)), //nolint:staticcheck // that is what is tested
	} {
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, want)
		require.ErrorContains(t, err, want)
	}
	require.Empty(t, m.fake.Requests())
	for _, id := range []string{"a", "b", "c", "d"} {
		if sale, err := d.Get(t.Context(), id); err == nil {
			require.Equal(t, sales.Open, sale.State, "a lead that was not sent may be offered again")
		}
	}
	_, err := d.Get(t.Context(), "nobody")
	require.ErrorIs(t, err, sales.ErrNoSale)
}

func TestLeadsAreForgottenInTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t)
		m.config.Keep = 24 * time.Hour
		d := m.desk(t)
		_, err := m.offer(t, d, "sold")
		require.NoError(t, err)
		m.loseNextAnswer()
		_, err = m.offer(t, d, "unknown")
		require.Error(t, err)
		n, err := d.Purge(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
		<-time.After(25 * time.Hour)
		m.config.Keep = -1
		n, err = m.desk(t).Purge(t.Context())
		require.NoError(t, err)
		require.Zero(t, n, "for ever")
		n, err = d.Purge(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, err = d.Get(t.Context(), "sold")
		require.ErrorIs(t, err, sales.ErrNoSale)
		_, err = d.Get(t.Context(), "unknown")
		require.NoError(t, err)
	})
}

func TestANumberIsGoodUntilItExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t)
		m.fake.ChangeEndpoint("sell", func(e *trackdrivetest.Endpoint) { e.Expiry = time.Minute })
		d := m.desk(t)
		sale, err := m.offer(t, d, "lead-1")
		require.NoError(t, err)
		require.Equal(t, time.Now().Add(time.Minute), sale.ExpiresAt)
		_, ok := sale.Number()
		require.True(t, ok)
		<-time.After(time.Minute)
		sale, err = m.offer(t, d, "lead-1")
		require.NoError(t, err)
		_, ok = sale.Number()
		require.False(t, ok)
		require.NotEmpty(t, sale.ForwardingNumber)
	})
}
