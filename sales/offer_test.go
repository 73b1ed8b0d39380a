package sales_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// nilError is the usual mistake: a nil pointer as an error.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// house is another platform whose post answers as a test says.
type house struct {
	post func() (*trackdrive.PostResponse, error)
}

func (house) Ping(context.Context, *trackdrive.PingRequest, ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	return &trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{{Name: "Buyer A", PingID: "1", Payout: trackdrive.MustAmount("30.00")}}}, nil
}

func (h house) Post(context.Context, trackdrive.Buyer, *trackdrive.PostRequest, ...trackdrive.CallOption) (*trackdrive.PostResponse, error) {
	return h.post()
}

// A panic while an outcome is noted must not leave the offer locked: the deferred end
// of the offer then waits for ever.
func TestAPanicWhileAnOutcomeIsNotedEndsTheOffer(t *testing.T) {
	t.Parallel()
	takes := func() (*trackdrive.PostResponse, error) {
		return &trackdrive.PostResponse{Accepted: true, ForwardingNumber: "+15555550177"}, nil
	}
	for name, tc := range map[string]struct {
		post    func() (*trackdrive.PostResponse, error)
		prepare func(*market)
	}{
		"an error that cannot be printed": {func() (*trackdrive.PostResponse, error) { var e *nilError; return nil, e }, func(*market) {}},
		"a store that panics": {takes, func(m *market) {
			m.store.onNote(func(n sales.Note) error {
				if isOutcome(n) {
					m.store.onNote(func(sales.Note) error { return nil })
					panic("boo")
				}
				return nil
			})
		}},
		"a store that ends the goroutine": {takes, func(m *market) {
			m.store.onNote(func(n sales.Note) error {
				if isOutcome(n) {
					m.store.onNote(func(sales.Note) error { return nil })
					runtime.Goexit()
				}
				return nil
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMarket(t)
			tc.prepare(m)
			a := m.auction(t, func(c *trackdrive.AuctionConfig) {
				c.Sources = []trackdrive.AuctionSource{{Name: "house", Bidder: house{tc.post}}}
			})
			d := m.desk(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_, _ = d.Auction(context.Background(), "lead-1", a, &trackdrive.PingRequest{CallerID: caller})
			}()
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				require.Fail(t, "Auction never returns")
			}
			known, err := d.Get(t.Context(), "lead-1")
			require.NoError(t, err)
			require.NotEqual(t, sales.Posting, known.State)
		})
	}
}

// A desk that lost its lease before it posted anything knows nothing of the lead.
func TestADeskThatLostTheLeadDoesNotCallItUnsold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ bids bool }{"without a bid": {false}, "with a bid": {true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMarket(t)
				d := m.desk(t)
				stood := false
				slow := m.auction(t, func(c *trackdrive.AuctionConfig) {
					if !tc.bids {
						c.Sources[0].MinPayout = trackdrive.MustAmount("999.00")
					}
					c.Observe = func(_ context.Context, e trackdrive.AuctionEvent) {
						if e.Kind != trackdrive.EventEnd || stood {
							return
						}
						stood = true
						<-time.After(2 * time.Minute) // the lease
						sale, err := m.offer(t, m.desk(t), "lead-1")
						require.NoError(t, err)
						require.Equal(t, sales.Sold, sale.State)
					}
				})
				sale, err := d.Auction(t.Context(), "lead-1", slow, &trackdrive.PingRequest{CallerID: caller})
				if err == nil {
					require.Equal(t, sales.Sold, sale.State, "the lead is sold, and the desk says that it certainly is not")
				}
				require.NotContains(t, []sales.State{sales.Unsold, sales.Open}, sale.State, "the sale of a sold lead, beside %v", err)
				require.Equal(t, []sales.EventKind{sales.EventSold}, m.kinds())
			})
		})
	}
}

// A note that was written in spite of its error has to be taken back: nothing was sent.
func TestANoteThatWasWrittenInSpiteOfItsError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stands time.Duration
		fails  int // the notes after that
	}{
		"and the store fails once more":       {0, 1},
		"and it took longer than the lease":   {3 * time.Minute, 0},
		"and nothing else goes wrong at once": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMarket(t)
				first, failed := true, 0
				m.store.onNote(func(n sales.Note) error {
					switch {
					case first && len(n.Sale.Tries) > 0:
						first = false
						if err := m.store.Store.Note(t.Context(), n); err != nil {
							return err
						}
						<-time.After(tc.stands)
						return errDisk
					case failed < tc.fails:
						failed++
						return errDisk
					}
					return nil
				})
				sale, err := m.offer(t, m.desk(t), "lead-1")
				require.ErrorIs(t, err, errDisk)
				require.Equal(t, sales.Open, sale.State)
				require.Empty(t, m.fake.Posts())
				<-time.After(3 * time.Minute)
				sale, err = m.offer(t, m.desk(t), "lead-1")
				require.NoError(t, err, "nothing was ever sent")
				require.Equal(t, sales.Sold, sale.State)
			})
		})
	}
}

// With a CallerKey the store gets no number, however a buyer quotes it, and whoever
// gave it to the post.
func TestWithACallerKeyNoReasonHasTheNumber(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ caller, quoted, secret string }{
		"digits after it":    {caller, "5555550142 30 days ago is a duplicate", "5555550142"},
		"a date after it":    {caller, "duplicate of 555-555-0142 2026-11-29", "555-555-0142"},
		"a slash":            {caller, "555/555/0142 is a duplicate", "555/555/0142"},
		"a dash in brackets": {caller, "(555) - 555-0142 is a duplicate", "555-0142"},
		"without area code":  {caller, "555-0142 is a duplicate", "555-0142"},
		"national form":      {"+44 20 7946 0018", "020 7946 0018 is a duplicate", "7946 0018"},
		"set by complete":    {"", "5555550142 is a duplicate", "5555550142"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMarket(t)
			m.config.CallerKey = []byte("0123456789abcdef0123456789abcdef")
			m.fake.ChangeEndpoint("sell", func(e *trackdrivetest.Endpoint) { e.CallerIDOptional = true })
			m.fake.Fail(trackdrivetest.OpPost, trackdrivetest.Refusal("rejected", tc.quoted), 9)
			complete := func(_ trackdrive.Bid, r *trackdrive.PostRequest) error {
				if r.CallerID == "" {
					r.CallerID = caller
				}
				return nil
			}
			_, err := m.desk(t).Auction(t.Context(), "lead-1", m.auction(t), &trackdrive.PingRequest{CallerID: tc.caller}, complete)
			require.NoError(t, err)
			r, err := m.store.Get(t.Context(), "lead-1")
			require.NoError(t, err)
			text, err := json.Marshal(r)
			require.NoError(t, err)
			require.Contains(t, string(text), "duplicate")
			require.NotContains(t, string(text), tc.secret)
		})
	}
}

func TestALogShowsNoNumber(t *testing.T) {
	t.Parallel()
	for _, quoted := range []string{"555/555/0142", "(555) - 555 - 0142", "555\u00a0555\u00a00142", "555–555–0142"} {
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "event", sales.Event{Kind: sales.EventUnknown, Err: errors.New("no " + quoted)})
		require.NotContains(t, out.String(), quoted)
	}
}

// The call of a lead that was sold to the same caller is that lead's however late
// somebody asks.
func TestACallOfASoldLeadSettlesNoOtherLeadDaysLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := asking(t)
		m.doubt(t, "lead-1", false)
		_, err := m.offer(t, m.desk(t), "lead-2")
		require.NoError(t, err)
		m.fake.AddCall(trackdrivetest.Call{CallerNumber: caller, BuyerID: "102"}) // lead-2's
		<-time.After(72 * time.Hour)                                              // a weekend
		sale := m.settle(t, "lead-1")
		require.Equal(t, sales.Unknown, sale.State, "the call is that of lead-2")
	})
}

// A call that reached no buyer is not one at the try's buyer.
func TestACallWithoutABuyerSettlesNothing(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", false)
	body := `{"calls":[{"uuid":"u-1","caller_number":"` + caller + `","buyer_id":null,"created_at":"` + time.Now().UTC().Format(time.RFC3339) + `"}],"metadata":{"root":"calls"}}`
	m.fake.Fail(trackdrivetest.OpCalls, trackdrivetest.Status(http.StatusOK, nil, body), 9)
	require.Equal(t, sales.Unknown, m.settle(t, "lead-1").State)
}

// A lead is settled once, and told so once.
func TestALeadIsSettledOnce(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", true)
	var resolved atomic.Bool
	c, err := trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")), trackdrive.WithTransport(roundTrip(func(*http.Request) error {
		if resolved.CompareAndSwap(false, true) {
			_, err := m.desk(t).Resolve(t.Context(), "lead-1", sales.Sold, "the buyer says so")
			return err
		}
		return nil
	}, m.fake.Transport())))
	require.NoError(t, err)
	m.client = c
	require.Equal(t, sales.Sold, m.settle(t, "lead-1").State)
	require.Equal(t, []sales.EventKind{sales.EventUnknown, sales.EventSettled}, m.kinds())
}

// While Settle looks, somebody resolves the lead, and it is offered and lost again.
func TestSettleDoesNotMarkATryThatIsResolved(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]bool{"known": false, "forgotten in between": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := asking(t)
				m.refuseNext(1)
				m.fake.Fail(trackdrivetest.OpPost, trackdrivetest.Drop(), 1) // the second buyer, 101
				_, err := m.offer(t, m.desk(t), "lead-1")
				require.ErrorIs(t, err, sales.ErrUnknown)
				m.fake.AddCall(trackdrivetest.Call{CallerNumber: caller, BuyerID: "101"})
				looked := false
				m.client, err = trackdrive.NewClient("acme", trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")), trackdrive.WithTransport(roundTrip(func(r *http.Request) error {
					if !strings.Contains(r.URL.Path, "/calls") || looked {
						return nil
					}
					looked = true
					_, err := m.desk(t).Resolve(t.Context(), "lead-1", sales.Unsold, "the buyer says no")
					require.NoError(t, err)
					if forget {
						m.config.Keep = time.Nanosecond
						<-time.After(time.Second)
						n, err := m.desk(t).Purge(t.Context())
						require.NoError(t, err)
						require.Equal(t, 1, n)
					}
					m.doubt(t, "lead-1", false) // at buyer 102
					return nil
				}, m.fake.Transport())))
				require.NoError(t, err)
				var sale *sales.Sale
				require.NotPanics(t, func() { sale, err = m.desk(t).Settle(t.Context(), "lead-1") })
				require.NotEqual(t, sales.Sold, sale.State, "the call is at the buyer of a try that is resolved")
			})
		})
	}
}

// What Settle counted about an earlier doubt says nothing about a new one: who frees
// leads that were not seen three times would free this one unseen.
func TestANewDoubtWasNeverLookedFor(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", false)
	for range 3 {
		m.settle(t, "lead-1")
	}
	_, err := m.desk(t).Resolve(t.Context(), "lead-1", sales.Unsold, "not seen")
	require.NoError(t, err)
	sale := m.doubt(t, "lead-1", true)
	require.Zero(t, sale.NotSeen)
	require.Zero(t, sale.AskedAt)
	require.Empty(t, sale.Note)
}

// A caller who hides the number does not become the lead's caller.
func TestALeadKeepsItsCaller(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	d := m.desk(t)
	m.refuseNext(4)
	_, err := m.offer(t, d, "lead-1")
	require.NoError(t, err)
	_, err = d.Auction(t.Context(), "lead-1", m.auction(t), &trackdrive.PingRequest{CallerID: "anonymous"})
	if !errors.Is(err, sales.ErrConflict) {
		require.NoError(t, err)
	}
	r, err := m.store.Get(t.Context(), "lead-1")
	require.NoError(t, err)
	require.Equal(t, "5555550142", r.CallerKey)
	require.Equal(t, caller, r.Sale.Caller)
	_, err = d.Auction(t.Context(), "lead-1", m.auction(t), &trackdrive.PingRequest{CallerID: "+15555550177"})
	require.ErrorIs(t, err, sales.ErrConflict)
}

// All outcomes of the desk that stood still are in the store, so that it leaves no
// doubt: the lead is elsewhere.
func TestALeaseLostBetweenTwoPostsIsNoDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(t)
		m.refuseNext(1)
		stood := false
		slow := m.auction(t, func(c *trackdrive.AuctionConfig) {
			c.Observe = func(_ context.Context, e trackdrive.AuctionEvent) {
				if e.Kind != trackdrive.EventSale || stood {
					return
				}
				stood = true
				<-time.After(3 * time.Minute)
				sale, err := m.offer(t, m.desk(t), "lead-1")
				require.NoError(t, err)
				require.Equal(t, sales.Sold, sale.State)
			}
		})
		_, err := m.desk(t).Auction(t.Context(), "lead-1", slow, &trackdrive.PingRequest{CallerID: caller})
		require.ErrorIs(t, err, sales.ErrBusy)
		require.NotErrorIs(t, err, sales.ErrUnknown)
		require.Equal(t, []sales.EventKind{sales.EventSold}, m.kinds())
	})
}

// latePing is a bidder whose ping may sell, and ends when the test says so.
type latePing struct {
	house
	answer chan struct{}
}

func (latePing) PingMaySell(*trackdrive.PingRequest) bool { return true }

func (l latePing) Ping(context.Context, *trackdrive.PingRequest, ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	<-l.answer
	return nil, &trackdrive.Error{Operation: "ping", Err: errors.New("refused"), Delivery: trackdrive.DeliveryNotSent}
}

// A ping that ends late, after somebody said that the lead is sold, or while the store
// fails, does not make it unsold for whoever reads the events.
func TestALatePingDoesNotCallALeadUnsold(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*testing.T, *market){
		"the lead is resolved": func(t *testing.T, m *market) {
			_, err := m.desk(t).Resolve(t.Context(), "lead-1", sales.Sold, "the buyer says so")
			require.NoError(t, err)
		},
		"the store fails": func(_ *testing.T, m *market) {
			m.store.onNote(func(sales.Note) error { return errDisk })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMarket(t)
				answer := make(chan struct{})
				a := m.auction(t, func(c *trackdrive.AuctionConfig) {
					c.Timeout = time.Second
					c.Sources = []trackdrive.AuctionSource{{Name: "house", Bidder: latePing{answer: answer}}}
				})
				sale, err := m.desk(t).Auction(t.Context(), "lead-1", a, &trackdrive.PingRequest{CallerID: caller})
				require.ErrorIs(t, err, sales.ErrUnknown)
				require.Equal(t, sales.Unknown, sale.State)
				meanwhile(t, m)
				close(answer)
				<-time.After(time.Minute)
				synctest.Wait()
				known, err := m.desk(t).Get(t.Context(), "lead-1")
				require.NoError(t, err)
				require.NotEqual(t, sales.Unsold, known.State)
				require.NotContains(t, m.kinds(), sales.EventUnsold, "the lead is %s", known.State)
			})
		})
	}
}

// A store that gives up by a time limit of its own has failed: the caller's context
// has not ended.
func TestAStoreThatTimesOutIsReported(t *testing.T) {
	t.Parallel()
	slow := fmt.Errorf("the disk: %w", context.DeadlineExceeded)
	t.Run("when the lead is taken", func(t *testing.T) {
		t.Parallel()
		m := newMarket(t)
		fail := func(sales.Change) error { return slow }
		m.store.beforeChange.Store(&fail)
		_, err := m.offer(t, m.desk(t), "lead-1")
		require.Error(t, err)
		require.Equal(t, []sales.EventKind{sales.EventStore}, m.kinds())
	})
	t.Run("when a post is noted", func(t *testing.T) {
		t.Parallel()
		m := newMarket(t)
		m.store.onNote(func(n sales.Note) error {
			if len(n.Sale.Tries) > 0 {
				return slow
			}
			return nil
		})
		_, err := m.offer(t, m.desk(t), "lead-1")
		require.Error(t, err)
		require.Contains(t, m.kinds(), sales.EventStore)
	})
}

// A key that somebody forgot to set is not "no key".
func TestAnEmptyCallerKeyIsRefused(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.config.CallerKey = []byte{}
	_, err := sales.New(m.config)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

// The error of a sale that the store stopped is about the store, and nothing else.
func TestTheErrorOfAStoppedSaleCanBeRead(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.store.onNote(func(n sales.Note) error {
		if len(n.Sale.Tries) > 0 {
			return errDisk
		}
		return nil
	})
	_, err := m.offer(t, m.desk(t), "lead-1")
	require.ErrorIs(t, err, errDisk)
	t.Log(err)
	for line := range strings.Lines(err.Error()) {
		require.Contains(t, line, "disk")
	}
}
