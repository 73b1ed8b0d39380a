package receive_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
	"github.com/trackdrive-go/trackdrive/receive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// circleBuyer is a buyer's service: it bids, keeps the calls, and hears of their end.
type circleBuyer struct {
	mux    *http.ServeMux
	worker *outbox.Worker

	mu     sync.Mutex
	calls  map[string]trackdrive.CallRef // by uuid
	ended  map[string]int
	change []trackdrive.Call
	copies int
}

func newCircleBuyer(worker *outbox.Worker) *circleBuyer {
	b := &circleBuyer{mux: http.NewServeMux(), worker: worker, calls: map[string]trackdrive.CallRef{}, ended: map[string]int{}}
	opts := []receive.Option{receive.Secret(secret), receive.Companies(knowsAcme)}
	b.mux.Handle("/bids/", receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
		return receive.Answer{Accepted: true, Revenue: trackdrive.MustAmount("25.50"), Number: "+13035550148", Duration: 90 * time.Second, Name: "Buyer A"}, nil
	}, nil, opts...))
	b.mux.Handle("/forward/", receive.Forward(func(_ context.Context, f receive.Forwarded) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.copies++
		b.calls[f.Call.UUID] = f.Call
		return nil
	}, opts...))
	b.mux.Handle("/events/call_ended/", receive.Events("call_ended", b.callEnded, opts...))
	b.mux.Handle("/events/call_changed/", receive.Events("call_changed", func(_ context.Context, e receive.Event) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.change = append(b.change, *e.Call)
		return nil
	}, opts...))
	return b
}

// callEnded reports the conversion of a call that the buyer has. The id makes a second
// copy of the event harmless.
func (b *circleBuyer) callEnded(ctx context.Context, e receive.Event) error {
	b.mu.Lock()
	b.ended[e.Call.UUID]++
	ref := trackdrive.CallRef{Subdomain: e.Subdomain, UUID: e.Call.UUID}
	b.mu.Unlock()
	item, err := outbox.NewUpdate("call-"+e.Call.UUID, ref, &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("25.50")})
	if err != nil {
		return err
	}
	_, _, err = b.worker.Enqueue(ctx, item)
	return err
}

// TestTheWholeCircle goes from the ping of a call to the ledger of its conversion, with
// repetitions and faults on the way.
func TestTheWholeCircle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	fake := trackdrivetest.New()
	fake.AddAccess(trackdrivetest.Access{DeveloperToken: "made-up"})
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Unavailable: true}}})
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	worker, err := outbox.New(outbox.Config{Store: outboxtest.NewMemory(), Client: client})
	require.NoError(t, err)
	buyer := newCircleBuyer(worker)
	hook := func(path string) trackdrivetest.Hook {
		return trackdrivetest.Hook{Handler: buyer.mux, URL: path + "/" + secret + "?trackdrive_subdomain=acme"}
	}
	fake.ForwardTo(hook("/forward"))
	fake.Subscribe("call_ended", hook("/events/call_ended"))
	fake.Subscribe("call_changed", hook("/events/call_changed"))

	// TrackDrive asks the buyer, and sells for what it bids.
	bid, err := fake.PingBuyer(ctx, hook("/bids"), "", map[string]string{"caller_id": caller})
	require.NoError(t, err)
	require.True(t, bid.Accepted)
	fake.ChangeEndpoint("sell", func(e *trackdrivetest.Endpoint) {
		e.Buyers[0].Unavailable, e.Buyers[0].Bid, e.Buyers[0].Number, e.Buyers[0].MinCall = false, bid.Revenue.String(), bid.Number, bid.Duration
	})
	ping, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: caller})
	require.NoError(t, err)
	best, ok := ping.Best()
	require.True(t, ok)
	require.Equal(t, "25.50", best.Payout.String())
	post, err := client.Post(ctx, "sell", ping.PostTo(best))
	require.NoError(t, err)
	require.True(t, post.Accepted)

	// The forward post and the event arrive, each more than once.
	for _, fault := range []trackdrivetest.SendFault{trackdrivetest.SendLost, trackdrivetest.SendReplyLost, trackdrivetest.SendTwice, trackdrivetest.SendReplyLost, trackdrivetest.SendTwice} {
		fake.FailSending(fault, 1)
	}
	require.NoError(t, fake.Deliver(ctx))
	sale := fake.Sales()[0]
	require.Equal(t, map[string]trackdrive.CallRef{sale.CallUUID: {Subdomain: "acme", UUID: sale.CallUUID}}, buyer.calls)
	require.Equal(t, 3, buyer.copies)
	require.Equal(t, 2, buyer.ended[sale.CallUUID])

	// The conversion goes back, through a failure, and TrackDrive tells of the change.
	fake.Fail(trackdrivetest.OpUpdateCall, trackdrivetest.BadGateway(), 1)
	require.NoError(t, worker.Drain(ctx))
	require.NoError(t, fake.Deliver(ctx))
	require.Len(t, buyer.change, 1)
	require.Equal(t, "25.50", buyer.change[0].Revenue.String())
	require.True(t, buyer.change[0].BuyerConverted)

	// The ledger has one sale and one conversion.
	fake.AssertSales(t, 1)
	fake.AssertUpdated(t, sale.CallUUID, map[string]string{"buyer_converted": "true", "revenue": "25.50"})
	call, ok := fake.Call(sale.CallUUID)
	require.True(t, ok)
	require.Equal(t, "25.50", call.Revenue)
}
