package trackdrive_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/callscope"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// TestACallAndItsAttemptsShareAScope makes calls at the same time with one context.
func TestACallAndItsAttemptsShareAScope(t *testing.T) {
	t.Parallel()
	const calls, refusals = 20, 5 // the Client repeats no more at once
	fake := trackdrivetest.New()
	fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), refusals)

	type callersKey struct{}
	ctx := context.WithValue(t.Context(), callersKey{}, "the caller's")
	owner := new(int)
	seenIn := func(ctx context.Context) (scope *callscope.Scope, seen int) {
		if scope = callscope.Of(ctx); scope == nil || ctx.Value(callersKey{}) != "the caller's" {
			t.Errorf("the context has no scope, or not the caller's values: %v", ctx)
			return new(callscope.Scope), 0
		}
		seen, _ = scope.Value(owner).(int)
		return scope, seen
	}
	var mu sync.Mutex
	attempts := map[*callscope.Scope]int{}
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithMaxAttempts(1+refusals),
		trackdrive.WithObserver(func(ctx context.Context, a trackdrive.Attempt) {
			scope, seen := seenIn(ctx)
			scope.Keep(owner, seen+1)
			if a.Number != seen+1 {
				t.Errorf("attempt %d comes after %d of its call", a.Number, seen)
			}
			if u := scope.URL; u == nil || u.Host != "acme.trackdrive.com" || u.Path != "/api/v1/inbound_webhooks/ping/sell" {
				t.Errorf("the URL is %s", u)
			}
		}),
		trackdrive.WithCallObserver(func(ctx context.Context, r trackdrive.CallReport) {
			scope, seen := seenIn(ctx)
			if seen != r.Attempts {
				t.Errorf("a call with %d attempts has %d in its scope", r.Attempts, seen)
			}
			mu.Lock()
			defer mu.Unlock()
			attempts[scope] = seen
		}))
	require.NoError(t, err)
	var running sync.WaitGroup
	for range calls {
		running.Go(func() {
			_, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	require.Len(t, attempts, calls)
	sum := 0
	for _, n := range attempts {
		sum += n
	}
	require.Equal(t, calls+refusals, sum)
}
