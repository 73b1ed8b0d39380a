package receive_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/receive"
)

var soak = flag.Duration("soak", time.Second, "how long the load test runs")

// loadLedger counts what keep did with each call.
type loadLedger struct {
	mu    sync.Mutex
	kept  map[string]int // how often keep returned nil
	slow  []time.Duration
	calls int
}

// keep fails at random: with an error, a panic, or late.
func (l *loadLedger) keep(uuid string) error {
	switch rand.IntN(8) {
	case 0:
		return errors.New("no disk")
	case 1:
		panic("of " + uuid)
	case 2:
		timer := time.NewTimer(rand.N(2 * time.Millisecond))
		<-timer.C
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept[uuid]++
	return nil
}

// deliver sends a call until it is answered 204, and sometimes once more.
func (l *loadLedger) deliver(client *http.Client, url, uuid string) error {
	for range 1000 {
		before := l.count(uuid)
		start := time.Now()
		resp, err := client.Post(url, "application/json", strings.NewReader(fmt.Sprintf(`{"trackdrive_subdomain":"acme","trackdrive_call_uuid":%q,"uuid":%q}`, uuid, uuid)))
		if err != nil {
			continue // the client has hung up, or the connection broke
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		l.mu.Lock()
		l.slow = append(l.slow, time.Since(start))
		l.calls++
		l.mu.Unlock()
		switch {
		case resp.StatusCode == http.StatusNoContent && l.count(uuid) == before:
			return fmt.Errorf("%s: 204 without a keep that returned nil", uuid)
		case resp.StatusCode == http.StatusNoContent:
			return nil
		case resp.StatusCode != http.StatusInternalServerError:
			return fmt.Errorf("%s: status %d", uuid, resp.StatusCode)
		}
	}
	return fmt.Errorf("%s: never taken", uuid)
}

func (l *loadLedger) count(uuid string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept[uuid]
}

// TestNoCallIsLostUnderLoad has 64 clients whose calls are kept by a keep that fails at
// random: no 204 without a keep that returned nil, and every call is kept.
func TestNoCallIsLostUnderLoad(t *testing.T) {
	t.Parallel()
	l := &loadLedger{kept: map[string]int{}}
	opts := []receive.Option{receive.Secret(secret), receive.Companies(knowsAcme)}
	mux := http.NewServeMux()
	mux.Handle("/forward/", receive.Forward(func(_ context.Context, f receive.Forwarded) error { return l.keep(f.Call.UUID) }, opts...))
	mux.Handle("/events/", receive.Events("call_ended", func(_ context.Context, e receive.Event) error { return l.keep(e.Call.UUID) }, opts...))
	var bids answerLedger
	mux.Handle("/bids/", receive.Bids(bids.decide, nil, opts...))
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()

	length := *soak
	if testing.Short() {
		length = min(length, 300*time.Millisecond)
	}
	end := time.Now().Add(length)
	var wrong atomic.Pointer[error]
	fail := func(err error) {
		if err != nil {
			wrong.CompareAndSwap(nil, &err)
		}
	}
	var sent sync.Map
	var clients sync.WaitGroup
	for i := range 64 {
		clients.Go(func() {
			for n := 0; time.Now().Before(end) && wrong.Load() == nil; n++ {
				uuid := fmt.Sprintf("u-%d-%d", i, n)
				sent.Store(uuid, true)
				path := []string{"/forward/", "/events/"}[n%2]
				fail(l.deliver(client, server.URL+path+secret, uuid))
				fail(bids.ask(client, server.URL+"/bids/"+secret, uuid))
			}
		})
	}
	clients.Wait()
	if err := wrong.Load(); err != nil {
		require.NoError(t, *err)
	}
	calls := 0
	sent.Range(func(uuid, _ any) bool {
		calls++
		require.NotZero(t, l.kept[uuid.(string)], "%s was sent, and not kept", uuid)
		return true
	})
	require.Len(t, slices.Collect(maps.Keys(l.kept)), calls, "what was kept was sent")
	slices.Sort(l.slow)
	t.Logf("%d calls, %d requests, p50 %v, p99 %v, longest %v; %d pings asked decide %d times", calls, len(l.slow),
		l.slow[len(l.slow)/2], l.slow[len(l.slow)*99/100], l.slow[len(l.slow)-1], bids.pings.Load(), bids.asked.Load())
}

// answerLedger wants one answer for each call.
type answerLedger struct {
	asked, pings atomic.Int64
	given        sync.Map // the bid_id of each uuid
}

func (a *answerLedger) decide(_ context.Context, r *trackdrive.PingRequest) (receive.Answer, error) {
	n := a.asked.Add(1)
	switch rand.IntN(8) {
	case 0:
		return receive.Answer{}, errors.New("no database")
	case 1:
		panic("of " + r.CallerID)
	}
	return receive.Answer{Accepted: true, ExternalID: fmt.Sprint(n), Revenue: trackdrive.MustAmount("1")}, nil
}

// ask pings twice at the same time, and wants the same answer wherever there is one.
func (a *answerLedger) ask(client *http.Client, url, uuid string) error {
	var both sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		both.Go(func() { errs[i] = a.askOnce(client, url, uuid) })
	}
	both.Wait()
	return errors.Join(errs...)
}

func (a *answerLedger) askOnce(client *http.Client, url, uuid string) error {
	a.pings.Add(1)
	resp, err := client.Get(url + "?trackdrive_subdomain=acme&trackdrive_call_uuid=" + uuid)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var reply struct {
		Accepted bool   `json:"accepted"`
		BidID    string `json:"bid_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		return err
	}
	if !reply.Accepted {
		return nil
	}
	if first, known := a.given.LoadOrStore(uuid, reply.BidID); known && first != reply.BidID {
		return fmt.Errorf("%s: two answers, %v and %s", uuid, first, reply.BidID)
	}
	return nil
}
