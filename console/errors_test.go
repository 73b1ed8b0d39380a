package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/sales"
)

// errorLog collects what Config.OnError hears.
type errorLog struct {
	mu   sync.Mutex
	list []error
}

func (l *errorLog) add(_ context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, err)
}

// only returns the one error that there is.
func (l *errorLog) only(t *testing.T) error {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Len(t, l.list, 1)
	return l.list[0]
}

var errLost = errors.New("the connection for +15555550142 is lost")

// losingSales is a store that cannot be read after its first change.
type losingSales struct {
	sales.Store
	isLost bool
}

func (s *losingSales) Get(ctx context.Context, id string) (sales.Record, error) {
	if s.isLost {
		return sales.Record{}, errLost
	}
	return s.Store.Get(ctx, id)
}

func (s *losingSales) Change(ctx context.Context, c sales.Change) (sales.Record, error) {
	defer func() { s.isLost = true }()
	return s.Store.Change(ctx, c)
}

// What was done is said, even if the page after it cannot be shown.
func TestWhatWasDoneIsSaidWithoutThePage(t *testing.T) {
	t.Parallel()
	desk, store := unknownSaleIn(t, func(s sales.Store) sales.Store { return &losingSales{Store: s} })
	store.(*losingSales).isLost = false
	var actions actionLog
	var failures errorLog
	page := newPage(t, console.Config{Sales: desk, OnAction: actions.add, OnError: failures.add})
	status, text := press(t, page, "/sale?id=lead-4711", "lead-4711", "unsold", "looked it up")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, words(text), "Done. The lead is now unsold. The page that follows cannot be shown.")
	require.NotContains(t, text, "othing was")
	require.NotContains(t, text, "connection", "its error is for the program")
	require.Len(t, actions.list, 1)
	require.NoError(t, actions.list[0].Err)
	err := failures.only(t)
	require.ErrorIs(t, err, errLost)
	require.NotContains(t, err.Error(), "0142", "numbers are masked")
}

// losingOutbox is a store that cannot be read after its first change.
type losingOutbox struct {
	outbox.Store
	isLost bool
}

func (s *losingOutbox) Get(ctx context.Context, id string) (outbox.Item, error) {
	if s.isLost {
		return outbox.Item{}, errLost
	}
	return s.Store.Get(ctx, id)
}

func (s *losingOutbox) Update(ctx context.Context, id string, change func(*outbox.Item) error) (outbox.Item, error) {
	defer func() { s.isLost = true }()
	return s.Store.Update(ctx, id, change)
}

func TestAnItemIsRetriedAndItsPageLost(t *testing.T) {
	t.Parallel()
	_, memory := stuckOutbox(t)
	worker, err := outbox.New(outbox.Config{Store: &losingOutbox{Store: memory}, Client: newClient(t)})
	require.NoError(t, err)
	var failures errorLog
	page := newPage(t, console.Config{Outbox: worker, OnError: failures.add})
	status, text := press(t, page, "/item?id=parked", "parked", "retry", "mended")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, words(text), "Done. The item is now waiting. The page that follows cannot be shown.")
	require.Error(t, failures.only(t))
}

// refusingOutbox is a store that counts nothing after its first call.
type refusingOutbox struct {
	outbox.Store
	calls int
}

func (s *refusingOutbox) Counts(ctx context.Context) (outbox.Counts, error) {
	if s.calls++; s.calls > 1 {
		return outbox.Counts{}, errLost
	}
	return s.Store.Counts(ctx)
}

func TestACompanyIsResumedAndThePageLost(t *testing.T) {
	t.Parallel()
	worker := pausedOutbox(t, &refusingOutbox{Store: outboxtest.NewMemory()})
	page := newPage(t, console.Config{Outbox: worker})
	status, text := press(t, page, "/outbox", "acme", "resume", "mended")
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, words(text), "acme is resumed. The page that follows cannot be shown.")
}

// The program hears why a page cannot be shown.
func TestTheProgramHearsWhyAPageFails(t *testing.T) {
	t.Parallel()
	for _, hears := range []bool{true, false} {
		var failures errorLog
		config := console.Config{Webhooks: func(context.Context) ([]console.StoredWebhook, error) { return nil, errLost }}
		if hears {
			config.OnError = failures.add
		}
		for _, r := range []*http.Request{local(http.MethodGet, "/webhook", nil), local(http.MethodPost, "/webhook", url.Values{"do": {"run"}, "json": {plainWebhook}})} {
			failures.list = nil
			status, text := answer(newPage(t, config), r)
			require.Equal(t, http.StatusInternalServerError, status)
			require.Contains(t, words(text), "The page cannot be shown: something that it needs has failed. Nothing was sent or changed.")
			if hears {
				require.ErrorIs(t, failures.only(t), errLost)
			}
		}
	}
}

// What a viewer does wrong is no error of the program.
func TestTheProgramHearsOfNoViewersMistakes(t *testing.T) {
	t.Parallel()
	page := newPage(t, console.Config{OnError: func(_ context.Context, err error) { t.Error(err) }})
	for _, r := range []*http.Request{
		local(http.MethodGet, "/webhook?name=missing", nil), local(http.MethodGet, "/missing", nil), local(http.MethodPost, "/webhook", url.Values{"do": {"explode"}, "json": {plainWebhook}}),
		httptest.NewRequest(http.MethodGet, "http://rebind.example/", nil),
	} {
		status, _ := answer(page, r)
		require.GreaterOrEqual(t, status, 400)
		require.Less(t, status, 500)
	}
}

// A session that ends in the middle: nothing is done, and the page says so.
func TestASessionThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	isLoggedIn := true
	fake := newMarket()
	worker, store := stuckOutbox(t)
	page := newPage(t, console.Config{Webhooks: stored("Plain", plainWebhook), Transport: fake.Transport(), Outbox: worker, Authorize: func(*http.Request) (console.Viewer, error) {
		if !isLoggedIn {
			return console.Viewer{}, errors.New("no session in database 10.0.0.7")
		}
		return console.Viewer{Name: "Ada", MayRun: true, MayChange: true}, nil
	}})
	run := openForm(t, page, "/webhook?name=Plain")
	token := openForm(t, page, "/item?id=parked").form.Get("token")
	retry := local(http.MethodPost, "/item", url.Values{"token": {token}, "id": {"parked"}, "do": {"retry"}, "note": {"mended"}})
	isLoggedIn = false
	for _, send := range []func() (int, string){
		func() (int, string) { return run.send("run", "value:caller_id", "+15555550142") },
		func() (int, string) { return answer(page, retry) },
	} {
		status, text := send()
		require.Equal(t, http.StatusForbidden, status)
		require.Contains(t, words(text), "Nothing was done: you are not logged in, or may not use this page. Log in again, go back in your browser, and send the form once more.")
		require.NotContains(t, text, "10.0.0.7")
	}
	require.Empty(t, fake.Requests())
	item, err := store.Get(t.Context(), "parked")
	require.NoError(t, err)
	require.Equal(t, outbox.Parked, item.State)

	isLoggedIn = true
	_, text := run.send("run", "value:caller_id", "+15555550142")
	require.Contains(t, text, "The run", "the form is still good")
	require.Len(t, fake.Requests(), 1)
}
