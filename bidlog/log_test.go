package bidlog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// writerFunc is a writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func newLog(t *testing.T, w io.Writer, cfg bidlog.Config) *bidlog.Log {
	t.Helper()
	log, err := bidlog.New(w, cfg)
	require.NoError(t, err)
	return log
}

// writeCalls logs so many calls, with their number as the count of attempts.
func writeCalls(log *bidlog.Log, from, to int) {
	for i := from; i < to; i++ {
		log.ObserveCall(context.Background(), trackdrive.CallReport{Operation: "ping", Attempts: i, Outcome: trackdrive.OutcomeAccepted})
	}
}

func replayed(t *testing.T, log string) *bidlog.Result {
	t.Helper()
	result, err := bidlog.Replay(strings.NewReader(log), nil)
	require.NoError(t, err)
	return result
}

func TestAWriterThatFailsIsCounted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		write          writerFunc
		errs           error
		lines, dropped int64
	}{
		"always":         {func([]byte) (int, error) { return 0, syscall.ENOSPC }, syscall.ENOSPC, 0, 10},
		"without a word": {func([]byte) (int, error) { return 0, nil }, io.ErrShortWrite, 0, 10},
		"with a lie":     {func(p []byte) (int, error) { return len(p) + 7, nil }, nil, 10, 0},
		"below zero":     {func([]byte) (int, error) { return -1, nil }, io.ErrShortWrite, 0, 10},
		"closed":         {func([]byte) (int, error) { return 0, io.ErrClosedPipe }, io.ErrClosedPipe, 0, 10},
		"at the end":     {func(p []byte) (int, error) { return len(p), io.ErrClosedPipe }, io.ErrClosedPipe, 10, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := newLog(t, test.write, bidlog.Config{})
			for i := range 10 {
				writeCalls(log, i, i+1)
				require.NoError(t, log.Flush(t.Context()))
			}
			require.ErrorIs(t, log.Close(), test.errs)
			stats := log.Stats()
			require.Equal(t, test.lines, stats.Lines)
			require.Equal(t, test.dropped, stats.Dropped)
			require.ErrorIs(t, stats.LastError, test.errs)
			require.Equal(t, test.errs != nil, stats.Errors == 10)
		})
	}
}

func TestATornLineEndsBeforeTheNext(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	room := 250 // the disk is full, and then it is not
	log := newLog(t, writerFunc(func(p []byte) (int, error) {
		if n := min(len(p), room); n < len(p) {
			b.Write(p[:n])
			room = 1 << 20
			return n, syscall.ENOSPC
		}
		room -= len(p)
		return b.Write(p)
	}), bidlog.Config{})
	for i := range 5 {
		writeCalls(log, i, i+1)
		require.NoError(t, log.Flush(t.Context()))
	}
	require.ErrorIs(t, log.Close(), syscall.ENOSPC)
	stats := log.Stats()
	require.Equal(t, int64(1), stats.Dropped)
	require.Equal(t, int64(4), stats.Lines)
	require.Equal(t, int64(1), stats.Errors)
	result := replayed(t, b.String())
	require.Equal(t, 4, result.Input.Calls)
	require.Equal(t, 1, result.Input.Bad)
	require.Equal(t, 3, result.Input.BadLines[0].Line)
}

func TestASlowWriterNeverHoldsUpACall(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	entered, release := make(chan struct{}, 1000), make(chan struct{})
	log := newLog(t, writerFunc(func(p []byte) (int, error) {
		entered <- struct{}{}
		<-release
		return b.Write(p)
	}), bidlog.Config{MaxQueued: 1000})
	writeCalls(log, 1, 2)
	<-entered // the first line is being written
	writeCalls(log, 2, 1000)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, log.Flush(canceled), context.Canceled)
	require.Positive(t, log.Stats().Dropped)
	close(release)
	require.NoError(t, log.Close())
	stats := log.Stats()
	require.Equal(t, int64(999), stats.Lines+stats.Dropped)
	require.Less(t, stats.Bytes, int64(1200))
	require.Equal(t, stats.Bytes, int64(b.Len()))
	require.Equal(t, int(stats.Lines), replayed(t, b.String()).Input.Calls)
}

func TestAClosedLogDropsLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := newLog(t, &b, bidlog.Config{})
	writeCalls(log, 0, 3)
	require.NoError(t, log.Close())
	require.Equal(t, 3, strings.Count(b.String(), "\n"))
	writeCalls(log, 0, 2)
	require.NoError(t, log.Close())
	require.NoError(t, log.Flush(t.Context()))
	require.Equal(t, bidlog.Stats{Lines: 3, Bytes: int64(b.Len()), Dropped: 2}, log.Stats())
}

func TestANilLogLogsNothing(t *testing.T) {
	t.Parallel()
	var log *bidlog.Log
	writeCalls(log, 0, 1)
	log.ObserveAuction(t.Context(), trackdrive.AuctionEvent{Kind: trackdrive.EventEnd})
	log.Ping("acme", &trackdrive.PingResponse{}, trackdrive.VerdictAccepted)
	require.NoError(t, log.Flush(t.Context()))
	require.NoError(t, log.Close())
	require.Zero(t, log.Stats())
}

func TestObserversMayBeCalledAtTheSameTime(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := newLog(t, &b, bidlog.Config{})
	reply, err := trackdrive.ParsePingResponse([]byte(`{"success":true,"buyers":[{"id":1,"ping_id":"a","bid":2}]}`))
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				writeCalls(log, 0, 1)
				log.Ping("acme", reply, trackdrive.VerdictAccepted)
				log.Stats()
			}
		})
	}
	all.Wait()
	require.NoError(t, log.Close())
	require.Equal(t, int64(800), log.Stats().Lines)
	result := replayed(t, b.String())
	require.Equal(t, 400, result.Input.Calls)
	require.Equal(t, 400, result.Judged)
	require.Equal(t, "800.00", result.Now.Value.String())
	require.Equal(t, result.Then, result.Now)
}

func TestMistakesInAConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]bidlog.Config{
		"MaxBytes is -1": {MaxBytes: -1}, "MaxFiles is -2": {MaxFiles: -2}, "MaxLine is -3": {MaxLine: -3}, "MaxQueued is -4": {MaxQueued: -4},
		"MaxLine is 100; it must be at least 4096":                        {MaxLine: 100},
		"MaxLine is 33554432; Replay reads lines of up to 16777216 bytes": {MaxLine: 32 << 20},
	} {
		_, err := bidlog.New(io.Discard, cfg)
		require.ErrorContains(t, err, name)
		_, err = bidlog.Open(t.TempDir()+"/bids.jsonl", cfg)
		require.ErrorContains(t, err, name)
	}
	_, err := bidlog.New(nil, bidlog.Config{})
	require.ErrorContains(t, err, "the writer is nil")
}

func TestALineThatIsTooLongIsDropped(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := newLog(t, &b, bidlog.Config{MaxLine: 4 << 10})
	ping := &trackdrive.PingResponse{Accepted: true, Buyers: make([]trackdrive.Buyer, 5000)}
	ping.Meta.Raw = []byte("{}")
	log.Ping("acme", ping, trackdrive.VerdictAccepted)
	ping.Buyers = nil
	log.Ping("acme", ping, trackdrive.VerdictAccepted)
	require.NoError(t, log.Close())
	require.Equal(t, int64(1), log.Stats().Dropped)
	require.Equal(t, int64(1), log.Stats().Lines)
}

func TestEventsThatLackWhatTheyShouldHave(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := newLog(t, &b, bidlog.Config{})
	for _, e := range []trackdrive.AuctionEvent{
		{},
		{Kind: trackdrive.EventLoss},
		{Kind: trackdrive.EventBids},
		{Kind: trackdrive.EventBids, Bids: []trackdrive.Bid{{}}},
		{Kind: trackdrive.EventEnd, Bids: []trackdrive.Bid{{}}},
		{Kind: trackdrive.EventPost},
		{Kind: trackdrive.EventSale, Try: &trackdrive.SaleTry{Err: errors.Join(nil, (*trackdrive.Error)(nil))}},
		{Kind: trackdrive.EventLoss, Loss: &trackdrive.Loss{Err: (*trackdrive.Error)(nil)}},
		{Kind: trackdrive.EventLoss, Loss: &trackdrive.Loss{Ping: &trackdrive.PingResponse{}, Buyer: &trackdrive.Buyer{}}},
		{Kind: trackdrive.EventLoss, Loss: &trackdrive.Loss{Ping: &trackdrive.PingResponse{}, Reason: trackdrive.LossNoBuyer}},
	} {
		log.ObserveAuction(t.Context(), e)
		log.ObserveAuction(nil, e) //nolint:staticcheck // a program may pass nil
	}
	log.Ping("", nil, trackdrive.VerdictAccepted)
	log.Ping("", &trackdrive.PingResponse{}, trackdrive.Verdict(77))
	require.NoError(t, log.Close())
	require.Empty(t, replayed(t, b.String()).Input.BadLines)
}

func TestAWriterThatPanicsIsCounted(t *testing.T) {
	t.Parallel()
	log := newLog(t, writerFunc(func([]byte) (int, error) { panic("the writer is broken") }), bidlog.Config{})
	writeCalls(log, 0, 1)
	require.ErrorContains(t, log.Close(), "the writer is broken")
	require.Equal(t, int64(1), log.Stats().Dropped)
}

// TestASaleIsCountedOnce observes an auction and its calls with one Log, and a post
// outside.
func TestASaleIsCountedOnce(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := newLog(t, &b, bidlog.Config{})
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{ID: "101", Name: "Buyer A", Bid: "25.50"}, {ID: "102", Name: "Buyer B", Bid: "30", Declines: true}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithCallObserver(log.ObserveCall))
	require.NoError(t, err)
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "acme", Client: client, Endpoint: "sell"}}, Observe: log.ObserveAuction})
	require.NoError(t, err)
	result, err := auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	sale, err := result.Sell(t.Context())
	require.NoError(t, err)
	require.True(t, sale.Sold)
	_, err = client.Post(t.Context(), "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550143"})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	requireClean(t, b.String())
	require.Len(t, fake.Sales(), 2)
	replay := replayed(t, b.String())
	require.Equal(t, 2, replay.Sold, b.String())
	require.Equal(t, 1, replay.Sources["sell"].Sold)
	require.Equal(t, bidlog.Row{Replies: 1, Then: 1, Now: 1, Bids: 2, Won: 1, Value: amount("30.00"), Sold: 1, Revenue: amount("25.50")}, replay.Sources["acme"])
	require.Equal(t, 4, replay.Input.Calls, "a ping and two posts in the auction, and a post outside")
	require.Equal(t, bidlog.Bids{Bids: 2, Won: 1, Value: amount("30.00")}, replay.Then)
}

// TestAContextThatIsNotPassedOn loses what tells the runs apart. What is left is right.
func TestAContextThatIsNotPassedOn(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := newLog(t, &b, bidlog.Config{})
	auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{
		Sources: []trackdrive.AuctionSource{
			{Name: "acme", Bidder: randomBidder{`{"success":true,"buyers":[{"id":1,"ping_id":"a","bid":2},{"id":2,"ping_id":"b","bid":1}]}`}, MinPayout: amount("2")},
			{Name: "globex", Bidder: randomBidder{`{"success":true,"buyers":[{"id":1,"ping_id":"a","bid":1}]}`}, MinPayout: amount("2")},
		},
		Observe: func(_ context.Context, e trackdrive.AuctionEvent) { log.ObserveAuction(context.Background(), e) },
	})
	require.NoError(t, err)
	_, err = auction.Run(t.Context(), &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	result := replayed(t, b.String())
	require.Equal(t, 1, result.Judged, "nobody knows which reply the losses of globex belong to")
	require.Equal(t, bidlog.Bids{Bids: 1, Won: 1, Value: amount("2.00")}, result.Then, b.String())
	require.Equal(t, result.Then, result.Now, b.String())
}
