package console_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/internal/planted"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/salestest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// stuckOutbox returns a worker whose store has an item in each state.
func stuckOutbox(t *testing.T) (*outbox.Worker, *outboxtest.Memory) {
	t.Helper()
	store := outboxtest.NewMemory()
	for n, state := range []outbox.State{outbox.Waiting, outbox.Parked, outbox.Aside, outbox.Dead, outbox.Delivered} {
		item, err := outbox.NewUpdate(string(state), trackdrive.CallRef{Subdomain: "acme", UUID: fmt.Sprint("u-", n)}, &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("5.00")})
		require.NoError(t, err)
		_, _, err = outbox.Enqueue(t.Context(), store, item)
		require.NoError(t, err)
		_, err = store.Update(t.Context(), string(state), func(i *outbox.Item) error {
			i.State, i.LastError = state, "+1 (555) 555-0142 was refused"
			return nil
		})
		require.NoError(t, err)
	}
	worker, err := outbox.New(outbox.Config{Store: store, Client: newClient(t)})
	require.NoError(t, err)
	return worker, store
}

// pausedOutbox returns a worker that acme has refused.
func pausedOutbox(t *testing.T, store outbox.Store) *outbox.Worker {
	t.Helper()
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: "u-1"})
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.Status(http.StatusUnauthorized, nil, `{}`), trackdrivetest.Always)
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	worker, err := outbox.New(outbox.Config{Store: store, Client: client})
	require.NoError(t, err)
	item, err := outbox.NewUpdate("sale-1", trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}, &trackdrive.UpdateCall{Revenue: trackdrive.MustAmount("5.00")})
	require.NoError(t, err)
	_, _, err = worker.Enqueue(t.Context(), item)
	require.NoError(t, err)
	require.NoError(t, worker.Drain(t.Context()))
	require.Equal(t, []string{"acme"}, worker.Paused())
	return worker
}

// newClient returns a client of a fake.
func newClient(t *testing.T) *trackdrive.Client {
	t.Helper()
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(trackdrivetest.New().Transport()))
	require.NoError(t, err)
	return client
}

// actionLog collects what Config.OnAction hears.
type actionLog struct {
	mu   sync.Mutex
	list []console.Action
}

func (l *actionLog) add(_ context.Context, a console.Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, a)
}

// press opens a page, and sends the form of one of its buttons.
func press(t *testing.T, page http.Handler, target, id, do, note string) (status int, text string) {
	t.Helper()
	f := openForm(t, page, target)
	path, _, _ := strings.Cut(target, "?")
	return answer(page, local(http.MethodPost, path, url.Values{"token": {f.form.Get("token")}, "id": {id}, "do": {do}, "note": {note}}))
}

func TestTheOutboxIsShown(t *testing.T) {
	t.Parallel()
	worker, _ := stuckOutbox(t)
	page := newPage(t, console.Config{Outbox: worker})
	_, text := answer(page, local(http.MethodGet, "/outbox", nil))
	require.Contains(t, words(text), "aside 1 parked 1 dead 1 waiting 1 sending 0 delivered 1")
	require.Contains(t, words(text), "aside These may have arrived.", "what is put aside comes first")
	require.Contains(t, text, `href="item?id=aside"`)
	require.NotContains(t, text, "0142")
	_, text = answer(page, local(http.MethodGet, "/outbox?state=sending", nil))
	require.Contains(t, words(text), "No item is in this state.")
	for target, want := range map[string]int{"/outbox?state=lost": 200, "/outbox?state=aside&after=x": 400, "/item?id=missing": 404, "/item": 400} {
		status, text := answer(page, local(http.MethodGet, target, nil))
		require.Equal(t, want, status, target+text)
	}
}

func TestActionsOnItems(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id, do string
		want   outbox.State // "" if it is refused
		kind   string
	}{
		{"parked", "retry", outbox.Waiting, "retry"}, {"parked", "discard", outbox.Dead, "discard"}, {"dead", "retry", outbox.Waiting, "retry"},
		{"aside", "delivered", outbox.Delivered, "settle"}, {"aside", "missing", outbox.Waiting, "settle"}, {"waiting", "discard", outbox.Dead, "discard"},
		{"delivered", "retry", "", "retry"}, {"delivered", "discard", "", "discard"}, {"dead", "delivered", outbox.Delivered, "settle"},
	} {
		t.Run(test.id+" "+test.do, func(t *testing.T) {
			t.Parallel()
			worker, store := stuckOutbox(t)
			var log actionLog
			page := newPage(t, console.Config{Outbox: worker, OnAction: log.add, Authorize: func(*http.Request) (console.Viewer, error) {
				return console.Viewer{Name: "Ada", MayChange: true}, nil
			}})
			status, text := press(t, page, "/item?id=parked", test.id, test.do, "looked it up")
			item, err := store.Get(t.Context(), test.id)
			require.NoError(t, err)
			require.Len(t, log.list, 1)
			require.Equal(t, []string{"Ada", test.kind, test.id, "looked it up"}, []string{log.list[0].Viewer, log.list[0].Kind, log.list[0].ID, log.list[0].Note})
			if test.want == "" {
				require.Equal(t, http.StatusConflict, status)
				require.Contains(t, words(text), "It was not done: ")
				require.Error(t, log.list[0].Err)
				require.Equal(t, outbox.State(test.id), item.State)
				return
			}
			require.Equal(t, http.StatusOK, status)
			require.Contains(t, words(text), "Done. The item is now "+string(test.want))
			require.Equal(t, test.want, item.State)
			require.NoError(t, log.list[0].Err)
			if test.do == "discard" {
				require.Contains(t, item.LastError+fmt.Sprint(item.Reasons), "looked it up (Ada)")
			}
		})
	}
}

// A note that nothing would keep is not asked for.
func TestANoteIsAskedForIfItIsKept(t *testing.T) {
	t.Parallel()
	for _, hears := range []bool{true, false} {
		worker, _ := stuckOutbox(t)
		paused := pausedOutbox(t, outboxtest.NewMemory())
		desk := unknownSale(t)
		config, pausedConfig := console.Config{Outbox: worker, Sales: desk}, console.Config{Outbox: paused}
		if hears {
			config.OnAction = func(context.Context, console.Action) {}
			pausedConfig.OnAction = config.OnAction
		}
		page, pausedPage := newPage(t, config), newPage(t, pausedConfig)
		for _, test := range []struct {
			page           http.Handler
			target, id, do string
			isKept         bool // by the store
		}{
			{page, "/item?id=parked", "parked", "discard", true}, {page, "/item?id=dead", "dead", "retry", false}, {page, "/item?id=aside", "aside", "delivered", false},
			{page, "/sale?id=lead-4711", "lead-4711", "unsold", true}, {page, "/sale?id=lead-4711", "lead-4711", "settle", false}, {pausedPage, "/outbox", "acme", "resume", false},
		} {
			_, text := answer(test.page, local(http.MethodGet, test.target, nil))
			var form string
			for _, each := range anyForm.FindAllString(text, -1) {
				if strings.Contains(each, `value="`+test.do+`"`) {
					form = each
				}
			}
			require.Equal(t, test.isKept || hears, strings.Contains(form, `name="note" required`), test.do)
			status, text := press(t, test.page, test.target, test.id, test.do, "")
			if test.isKept || hears {
				require.Equal(t, http.StatusBadRequest, status, test.do)
				require.Contains(t, words(text), "The note is empty; nothing was done.")
			} else {
				require.Equal(t, http.StatusOK, status, test.do+words(text))
			}
		}
	}
}

// An item whose process died is released by hand.
func TestAnItemIsReleased(t *testing.T) {
	t.Parallel()
	worker, store := stuckOutbox(t)
	_, err := store.Update(t.Context(), "waiting", func(i *outbox.Item) error {
		i.State, i.Lease = outbox.Sending, outbox.Lease{Token: "made-up", Until: time.Now().Add(time.Hour)}
		return nil
	})
	require.NoError(t, err)
	var log actionLog
	page := newPage(t, console.Config{Outbox: worker, OnAction: log.add})
	status, text := press(t, page, "/item?id=waiting", "waiting", "release", "its process is dead")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, words(text), "Done. The item is now aside.")
	require.Equal(t, "release", log.list[0].Kind)
	_, text = answer(page, local(http.MethodGet, "/item?id=parked", nil))
	require.NotContains(t, text, `value="release"`)
}

func TestActionsNeedANoteAndARight(t *testing.T) {
	t.Parallel()
	worker, store := stuckOutbox(t)
	mayChange := true
	page := newPage(t, console.Config{Outbox: worker, OnAction: func(context.Context, console.Action) {}, Authorize: func(*http.Request) (console.Viewer, error) { return console.Viewer{MayChange: mayChange}, nil }})
	for note, want := range map[string]string{"": "The note is empty; nothing was done.", " \n ": "The note is empty", strings.Repeat("x", 1001): "The note is longer than 1000 bytes"} {
		status, text := press(t, page, "/item?id=parked", "parked", "retry", note)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, words(text), want)
	}
	status, _ := press(t, page, "/item?id=parked", "parked", "explode", "a note")
	require.Equal(t, http.StatusBadRequest, status)
	status, text := answer(page, local(http.MethodPost, "/item", url.Values{"token": {"made-up"}, "id": {"parked"}, "do": {"retry"}, "note": {"a note"}}))
	require.Equal(t, http.StatusConflict, status, text)

	mayChange = false
	status, _ = answer(page, local(http.MethodPost, "/item", url.Values{"token": {"made-up"}, "id": {"parked"}, "do": {"retry"}, "note": {"a note"}}))
	require.Equal(t, http.StatusForbidden, status)
	_, text = answer(page, local(http.MethodGet, "/item?id=parked", nil))
	require.NotContains(t, text, ">Actions<")
	item, err := store.Get(t.Context(), "parked")
	require.NoError(t, err)
	require.Equal(t, outbox.Parked, item.State)
}

func TestAnActionIsDoneOnce(t *testing.T) {
	t.Parallel()
	worker, store := stuckOutbox(t)
	var log actionLog
	page := newPage(t, console.Config{Outbox: worker, OnAction: log.add})
	token := openForm(t, page, "/item?id=aside").form.Get("token")
	form := url.Values{"token": {token}, "id": {"aside"}, "do": {"missing"}, "note": {"not there"}}
	_, first := answer(page, local(http.MethodPost, "/item", form))
	require.Contains(t, words(first), "Done. The item is now waiting.")
	_, err := store.Update(t.Context(), "aside", func(i *outbox.Item) error { i.State = outbox.Aside; return nil })
	require.NoError(t, err, "it was sent, and nobody knows again")
	_, second := answer(page, local(http.MethodPost, "/item", form))
	require.Contains(t, words(second), "The form was sent twice, and done once.")
	item, err := store.Get(t.Context(), "aside")
	require.NoError(t, err)
	require.Equal(t, outbox.Aside, item.State)
	require.Len(t, log.list, 1)
}

// unknownSale returns a desk with a lead whose post lost its answer.
func unknownSale(t *testing.T) *sales.Desk {
	t.Helper()
	desk, _ := unknownSaleIn(t, func(s sales.Store) sales.Store { return s })
	return desk
}

// unknownSaleIn is unknownSale with a store around that in memory.
func unknownSaleIn(t *testing.T, around func(sales.Store) sales.Store) (*sales.Desk, sales.Store) {
	t.Helper()
	fake := newMarket()
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	store := around(salestest.NewMemory())
	desk, err := sales.New(sales.Config{Store: store, Clients: func(string) *trackdrive.Client { return client }})
	require.NoError(t, err)
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}}})
	require.NoError(t, err)
	_, err = desk.Auction(t.Context(), "lead-4711", auction, &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.ErrorIs(t, err, sales.ErrUnknown)
	return desk, store
}

func TestAnUnknownLeadIsSettled(t *testing.T) {
	t.Parallel()
	desk := unknownSale(t)
	var log actionLog
	page := newPage(t, console.Config{Sales: desk, OnAction: log.add})
	_, text := answer(page, local(http.MethodGet, "/sales", nil))
	require.Contains(t, words(text), "unknown 1 posting 0 open 0 sold 0 unsold 0")
	require.Contains(t, words(text), "lead-4711")
	_, text = answer(page, local(http.MethodGet, "/sale?id=lead-4711", nil))
	require.Contains(t, words(text), "acme Buyer A 25.50")
	require.Contains(t, words(text), "+15555550142")

	status, text := press(t, page, "/sale?id=lead-4711", "lead-4711", "settle", "asked")
	require.Equal(t, http.StatusOK, status, text)
	require.Contains(t, words(text), "Done. The lead is now sold.")
	require.Equal(t, "settle", log.list[0].Kind)
}

func TestAnUnknownLeadIsResolved(t *testing.T) {
	t.Parallel()
	for do, want := range map[string]sales.State{"sold": sales.Sold, "unsold": sales.Unsold} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			desk := unknownSale(t)
			page := newPage(t, console.Config{Sales: desk, Authorize: func(*http.Request) (console.Viewer, error) {
				return console.Viewer{Name: "Ada", MayChange: true}, nil
			}})
			_, text := press(t, page, "/sale?id=lead-4711", "lead-4711", do, "the buyer said so on +15555550142")
			require.Contains(t, words(text), "Done. The lead is now "+string(want))
			require.Contains(t, words(text), "(Ada)")
			require.NotContains(t, html.UnescapeString(text), "5550142", "numbers are masked")
			sale, err := desk.Get(t.Context(), "lead-4711")
			require.NoError(t, err)
			require.Equal(t, want, sale.State)
			_, text = answer(page, local(http.MethodGet, "/sale?id=lead-4711", nil))
			require.NotContains(t, text, ">Actions<", "there is no more to do")
			_, text = answer(page, local(http.MethodGet, "/sales?state="+string(want), nil))
			require.Contains(t, words(text), "the buyer said so on")
			require.NotContains(t, text, "5550142", "numbers are masked in the list, too")
		})
	}
}

func TestSalesThatAreNotThere(t *testing.T) {
	t.Parallel()
	desk := unknownSale(t)
	page := newPage(t, console.Config{Sales: desk})
	for target, want := range map[string]int{"/sale?id=missing": http.StatusNotFound, "/sale": http.StatusBadRequest, "/sales?state=lost": http.StatusNotFound} {
		status, _ := answer(page, local(http.MethodGet, target, nil))
		require.Equal(t, want, status, target)
	}
}

// brokenStore is a store that fails, with an error that nobody should see.
type brokenStore struct{ sales.Store }

var errBrokenStore = errors.New("no connection to db.internal as user root")

func (brokenStore) Counts(context.Context) (sales.Counts, error) {
	return sales.Counts{}, errBrokenStore
}

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	desk, err := sales.New(sales.Config{Store: brokenStore{salestest.NewMemory()}})
	require.NoError(t, err)
	status, text := answer(newPage(t, console.Config{Sales: desk}), local(http.MethodGet, "/sales", nil))
	require.Equal(t, http.StatusInternalServerError, status)
	require.NotContains(t, text, "db.internal")
}

func TestTheTimelineOfAnAuction(t *testing.T) {
	t.Parallel()
	fake := newMarket()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "empty"})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
	require.NoError(t, err)
	log := console.NewAuctionLog(2)
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Observe: log.Observe, Sources: []trackdrive.AuctionSource{
		{Name: "first", Client: client, Endpoint: "sell"}, {Name: "second", Client: client, Endpoint: "empty"},
	}})
	require.NoError(t, err)
	page := newPage(t, console.Config{Auctions: log})
	_, text := answer(page, local(http.MethodGet, "/auctions", nil))
	require.Contains(t, words(text), "No auction has run yet.")
	for n := range 3 {
		ctx := log.Watch(t.Context(), fmt.Sprintf("lead-%d of +15555550142", n+1))
		result, err := auction.Run(ctx, &trackdrive.PingRequest{CallerID: "+15555550142"})
		require.NoError(t, err)
		_, err = result.Sell(ctx)
		require.NoError(t, err)
	}
	_, err = auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)

	_, text = answer(page, local(http.MethodGet, "/auctions", nil))
	require.NotContains(t, text, "0142")
	require.NotContains(t, words(text), "lead-1", "the log keeps two")
	require.Regexp(t, `lead-3 of ….*lead-2 of …`, words(text))
	require.Contains(t, words(text), "events came from runs without a name")
	status, _ := answer(page, local(http.MethodGet, "/auction?id=1", nil))
	require.Equal(t, http.StatusNotFound, status)
	status, _ = answer(page, local(http.MethodGet, "/auction?id=x", nil))
	require.Equal(t, http.StatusNotFound, status)

	_, text = answer(page, local(http.MethodGet, "/auction?id=3", nil))
	require.Contains(t, words(text), "2 sources, 1 bid ")
	require.Contains(t, words(text), "1 25.50 Buyer A first sold")
	require.Regexp(t, `first \d+ ms \d+ ms 25\.50 Buyer A`, words(text))
	require.Regexp(t, `second \d+ ms \d+ ms no buyer`, words(text))
	require.Regexp(t, `post to first \d+ ms \d+ ms 25\.50 Buyer A, sold`, words(text))
	require.Equal(t, 3, strings.Count(text, `<rect class="bar-`))
	require.Equal(t, 2, strings.Count(text, `<rect class="bar-accepted"`))
}

// bidOf is a bid of a buyer.
func bidOf(source, buyer, payout string) trackdrive.Bid {
	return trackdrive.Bid{Source: source, Buyer: trackdrive.Buyer{ID: "1", Name: buyer}, Payout: trackdrive.MustAmount(payout)}
}

// Bids are ranked across sources, names are whole, and what is under way is counted.
func TestATimelineRanksBids(t *testing.T) {
	t.Parallel()
	const east, west = "Globex Health Insurance Leads Exchange East", "Globex Health Insurance Leads Exchange West"
	log := console.NewAuctionLog(2)
	page := newPage(t, console.Config{Auctions: log})
	ctx := log.Watch(t.Context(), "lead-1")
	for _, source := range []string{"small", east, west, "none"} {
		log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: source, After: time.Millisecond})
	}
	small, large, best := bidOf("small", "Buyer A", "9.00"), bidOf(east, "Buyer B", "22.00"), bidOf(west, "Buyer C of a name that is longer than all the others of its kind", "100.00")
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventBids, Source: "small", After: 300 * time.Millisecond, Bids: []trackdrive.Bid{small}})
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventBids, Source: east, After: 400 * time.Millisecond, Bids: []trackdrive.Bid{large}})
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventBids, Source: west, After: 900 * time.Millisecond, Bids: []trackdrive.Bid{bidOf(west, "Buyer D", "1.00"), best}})
	list := func() string {
		_, text := answer(page, local(http.MethodGet, "/auctions", nil))
		return words(text)
	}
	open := func() string {
		_, text := answer(page, local(http.MethodGet, "/auction?id=1", nil))
		return words(text)
	}
	require.Regexp(t, `lead-1 running 100.00 4 4 900 ms`, list())
	require.Contains(t, open(), "4 sources, 4 bids")
	require.Regexp(t, `Bids by value.* 1 100.00 Buyer C of a name that is longer than all the others of its kind `+west+` 2 22.00 Buyer B `+east+` 3 9.00 Buyer A small 4 1.00 Buyer D`, open())

	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventEnd, After: time.Second, End: trackdrive.EndDeadline, Bids: []trackdrive.Bid{large, best, small}}) // by weight
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPost, Source: east, After: time.Second, Try: &trackdrive.SaleTry{Bid: large}})
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventSale, Source: east, After: time.Second, Try: &trackdrive.SaleTry{Bid: large, Outcome: trackdrive.TryRejected}})
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPost, Source: west, After: time.Second, Try: &trackdrive.SaleTry{Bid: best}})
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventSale, Source: west, After: 2 * time.Second, Try: &trackdrive.SaleTry{Bid: best, Outcome: trackdrive.TrySold}})
	require.Regexp(t, `lead-1 sold 22.00 3 4 2000 ms`, list())
	text := open()
	require.Contains(t, text, "4 sources, 3 bids")
	require.Regexp(t, `1 22.00 Buyer B `+east+` rejected 2 100.00 Buyer C [^0-9]* `+west+` sold 3 9.00 Buyer A small`, text)
	require.Regexp(t, `Timeline.* `+east+` 22.00 Buyer B `+west+` 100.00 Buyer C [^0-9]* and 1 more small 9.00 Buyer A none post to `+east+` 22.00 Buyer B, rejected post to `+west, text, "the rows of the picture are ranked, too")
	_, html := answer(page, local(http.MethodGet, "/auction?id=1", nil))
	require.NotContains(t, html, "…")
	require.Contains(t, html, `<rect class="bar-accepted" x="50.00%" y="6" width="50.00%"`)
}

// Of one thing there is one.
func TestOneSourceAndOneBid(t *testing.T) {
	t.Parallel()
	log := console.NewAuctionLog(1)
	ctx := log.Watch(t.Context(), "lead-1")
	log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "acme"})
	_, text := answer(newPage(t, console.Config{Auctions: log}), local(http.MethodGet, "/auction?id=1", nil))
	require.Contains(t, words(text), "1 source, 0 bids")
}

func TestAnAuctionLogIsBounded(t *testing.T) {
	t.Parallel()
	log := console.NewAuctionLog(1)
	ctx := log.Watch(t.Context(), "lead-1")
	for n := range 3000 {
		log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: fmt.Sprint("source-", n), After: time.Duration(n)})
		log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventLoss, Source: "source-1", Loss: &trackdrive.Loss{Source: "source-1", Reason: trackdrive.LossNoBid, Buyer: &trackdrive.Buyer{Name: "Buyer A"}}})
		log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPost, Source: "source-1", Try: &trackdrive.SaleTry{}})
		log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventLoss, Source: "source-1"})
	}
	_, text := answer(newPage(t, console.Config{Auctions: log}), local(http.MethodGet, "/auction?id=1", nil))
	require.Contains(t, words(text), "1000 sources")
	require.Less(t, len(text), 1<<20)
}

// The buyers of the market are called like the Client's own credential.
func TestAnAuctionShowsNoCredentialThatAReplyRepeats(t *testing.T) {
	t.Parallel()
	log := console.NewAuctionLog(100)
	runs := 0
	require.NoError(t, planted.Sell(t.Context(), nil, log.Observe, func(ctx context.Context, a *trackdrive.Auction, lead *trackdrive.PingRequest) error {
		runs++
		return planted.RunAndSell(log.Watch(ctx, fmt.Sprint("lead-", runs)), a, lead)
	}))
	page := newPage(t, console.Config{Auctions: log})
	var all strings.Builder
	for id := range runs {
		status, text := answer(page, local(http.MethodGet, fmt.Sprint("/auction?id=", id+1), nil))
		require.Equal(t, http.StatusOK, status)
		require.False(t, planted.IsShown(text), text)
		all.WriteString(text)
	}
	require.Contains(t, all.String(), "[redacted]")
}

// A log does not touch the runs of another, whose lock it does not hold.
func TestTwoAuctionLogs(t *testing.T) {
	t.Parallel()
	one, other := console.NewAuctionLog(1), console.NewAuctionLog(1)
	ctx := one.Watch(t.Context(), "lead-1")
	var all sync.WaitGroup
	for _, log := range []*console.AuctionLog{one, other} {
		all.Go(func() {
			for n := range 100 {
				log.Observe(ctx, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: fmt.Sprint("source-", n)})
			}
		})
	}
	all.Wait()
	_, text := answer(newPage(t, console.Config{Auctions: other}), local(http.MethodGet, "/auctions", nil))
	require.Contains(t, words(text), "100 events came from runs without a name")
	both := other.Watch(ctx, "lead-2")
	one.Observe(both, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "source-100"})
	other.Observe(both, trackdrive.AuctionEvent{Kind: trackdrive.EventPing, Source: "source-100"})
	_, text = answer(newPage(t, console.Config{Auctions: one}), local(http.MethodGet, "/auction?id=1", nil))
	require.Contains(t, words(text), "101 sources")
	_, text = answer(newPage(t, console.Config{Auctions: other}), local(http.MethodGet, "/auction?id=1", nil))
	require.Contains(t, words(text), "1 source, 0 bids")
}

func TestTheOverviewShowsWhatNeedsSomebody(t *testing.T) {
	t.Parallel()
	worker, _ := stuckOutbox(t)
	desk := unknownSale(t)
	page := newPage(t, console.Config{Outbox: worker, Sales: desk, Auctions: console.NewAuctionLog(1), Webhooks: stored("Plain", plainWebhook)})
	_, text := answer(page, local(http.MethodGet, "/", nil))
	require.Contains(t, words(text), "Webhooks Plain")
	require.Contains(t, words(text), "Auctions No auction has run yet.")
	require.Contains(t, words(text), "Outbox aside 1 parked 1 dead 1 waiting 1")
	require.Contains(t, words(text), "Sales unknown 1 posting 0 open 0 sold 0")
	_, text = answer(newPage(t, console.Config{}), local(http.MethodGet, "/", nil))
	require.NotContains(t, text, "Outbox")
}
