package tdotel_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// tree writes the spans as a tree: names, kinds and errors, and the attributes named.
func tree(spans tracetest.SpanStubs, attributes ...string) string {
	below := map[trace.SpanID][]tracetest.SpanStub{}
	isThere := map[trace.SpanID]bool{}
	for _, s := range spans {
		isThere[s.SpanContext.SpanID()] = true
	}
	for _, s := range spans {
		parent := s.Parent.SpanID()
		if !isThere[parent] {
			parent = trace.SpanID{}
		}
		below[parent] = append(below[parent], s)
	}
	var b strings.Builder
	var write func(parent trace.SpanID, indent string)
	write = func(parent trace.SpanID, indent string) {
		slices.SortStableFunc(below[parent], func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
		for _, s := range below[parent] {
			fmt.Fprintf(&b, "%s%s", indent, s.Name)
			if s.SpanKind == trace.SpanKindClient {
				b.WriteString(" (client)")
			}
			if s.Status.Code == codes.Error {
				b.WriteString(" (error)")
			}
			values := valuesOf(s.Attributes)
			for _, name := range attributes {
				if value, ok := values[name]; ok {
					fmt.Fprintf(&b, " %s=%v", name, value)
				}
			}
			b.WriteString("\n")
			write(s.SpanContext.SpanID(), indent+"  ")
		}
	}
	write(trace.SpanID{}, "")
	return b.String()
}

func TestTheSpansOfACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		fake := oneBuyer()
		fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), 1)
		client := b.client(t, trackdrive.WithTransport(slow{fake.Transport(), 30 * time.Millisecond}))

		began := time.Now()
		ctx, span := b.tracers.Tracer("test").Start(t.Context(), "sell")
		_, err := client.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142", TrafficSourceID: "7"})
		require.NoError(t, err)
		span.End()

		spans := b.spans.GetSpans()
		require.Equal(t, strings.TrimLeft(`
sell
  trackdrive ping trackdrive.outcome=accepted
    POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) (error) http.response.status_code=429
    POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) http.response.status_code=200 http.request.resend_count=1
`, "\n"), tree(spans, "http.response.status_code", "http.request.resend_count", "trackdrive.outcome"))

		first, second, call := spans[0], spans[1], spans[2]
		require.Equal(t, map[string]any{
			"http.request.method": "POST", "server.address": "acme.trackdrive.com", "server.port": int64(443),
			"url.full":     "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/{vanity_uri}",
			"url.template": "/api/v1/inbound_webhooks/ping/{vanity_uri}", "http.response.status_code": int64(429),
			"error.type": "429", "trackdrive.delivery": "answered",
		}, valuesOf(first.Attributes))
		require.Equal(t, map[string]any{
			"trackdrive.operation": "ping", "trackdrive.subdomain": "acme", "trackdrive.endpoint": "sell",
			"trackdrive.traffic_source": "7", "trackdrive.outcome": "accepted", "trackdrive.attempts": int64(2), "trackdrive.payout": 25.5,
		}, valuesOf(call.Attributes))
		require.Equal(t, began, call.StartTime)
		require.Equal(t, began, first.StartTime)
		require.Equal(t, 30*time.Millisecond, first.EndTime.Sub(first.StartTime))
		require.Equal(t, 30*time.Millisecond, second.EndTime.Sub(second.StartTime))
		require.True(t, second.StartTime.After(first.EndTime), "they wait in between")
		require.Equal(t, call.EndTime, second.EndTime)
	})
}

// slow delays requests.
type slow struct {
	next  http.RoundTripper
	delay time.Duration
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(s.delay):
		return s.next.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func TestTheSpansOfCallsThatFail(t *testing.T) {
	t.Parallel()
	ping := func(ctx context.Context, c *trackdrive.Client) error {
		_, err := c.Ping(ctx, "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
		return err
	}
	for name, tc := range map[string]struct {
		options []trackdrive.Option
		fault   *trackdrivetest.Fault
		call    func(context.Context, *trackdrive.Client) error
		want    string
	}{
		"a timeout": {
			options: []trackdrive.Option{trackdrive.WithTimeout(50 * time.Millisecond)},
			fault:   new(trackdrivetest.Slow(time.Minute)), call: ping,
			want: `
trackdrive ping (error) error.type=timeout trackdrive.outcome=unknown
  POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) (error) error.type=timeout trackdrive.delivery=unknown
`,
		},
		"a connection that breaks": {
			fault: new(trackdrivetest.Drop()), call: ping,
			want: `
trackdrive ping (error) error.type=network trackdrive.outcome=unknown
  POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) (error) error.type=network trackdrive.delivery=unknown
`,
		},
		"a caller that gives up": {
			fault: new(trackdrivetest.Slow(time.Minute)),
			call: func(ctx context.Context, c *trackdrive.Client) error {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(10*time.Millisecond, cancel)
				return ping(ctx, c)
			},
			want: `
trackdrive ping (error) error.type=canceled trackdrive.outcome=unknown
  POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) (error) error.type=canceled trackdrive.delivery=unknown
`,
		},
		"a request that is not sent": {
			call: func(ctx context.Context, c *trackdrive.Client) error {
				_, err := c.Ping(ctx, "not an endpoint", &trackdrive.PingRequest{CallerID: "+15555550142"})
				return err
			},
			want: "\ntrackdrive ping (error) error.type=invalid_argument trackdrive.outcome=not_sent\n",
		},
		"a page instead of JSON": {
			fault: new(trackdrivetest.HTML200()), call: ping,
			want: `
trackdrive ping (error) error.type=unreadable trackdrive.outcome=unknown
  POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) (error) error.type=unreadable trackdrive.delivery=unknown
`,
		},
		"a call that is unauthorized": {
			fault: new(trackdrivetest.Status(http.StatusUnauthorized, nil, "")), call: ping,
			want: `
trackdrive ping (error) error.type=unauthorized trackdrive.outcome=failed
  POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) (error) error.type=401 trackdrive.delivery=answered
`,
		},
		"a lead that no buyer wants": {
			call: func(ctx context.Context, c *trackdrive.Client) error {
				_, err := c.Ping(ctx, "nobody", &trackdrive.PingRequest{CallerID: "+15555550142"})
				return err
			},
			want: `
trackdrive ping trackdrive.outcome=no_buyer
  POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) trackdrive.delivery=answered
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend(t)
				fake := oneBuyer()
				fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "nobody"})
				if tc.fault != nil {
					fake.Fail(trackdrivetest.Any, *tc.fault, trackdrivetest.Always)
				}
				client := b.client(t, append(tc.options, trackdrive.WithTransport(fake.Transport()))...)
				err := tc.call(t.Context(), client)
				require.Equal(t, strings.TrimLeft(tc.want, "\n"),
					tree(b.spans.GetSpans(), "error.type", "trackdrive.outcome", "trackdrive.delivery"), "%v", err)
				for _, s := range b.spans.GetSpans() {
					require.Empty(t, s.Status.Description)
				}
			})
		})
	}
}

// TestSpansOfCallsAtTheSameTime makes hundreds of calls with one context: each attempt
// must be below its own call.
func TestSpansOfCallsAtTheSameTime(t *testing.T) {
	t.Parallel()
	const calls, refusals = 300, 5
	b := newBackend(t)
	fake := trackdrivetest.New()
	for i := range calls {
		fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: fmt.Sprintf("sell_%d", i), Buyers: []trackdrivetest.Buyer{{Bid: "25.50"}}})
	}
	fake.Fail(trackdrivetest.OpPing, trackdrivetest.TooManyRequests(0), refusals)
	client := b.client(t, trackdrive.WithTransport(fake.Transport()), trackdrive.WithMaxAttempts(1+refusals))
	ctx, span := b.tracers.Tracer("test").Start(t.Context(), "sell")
	var running sync.WaitGroup
	for i := range calls {
		running.Go(func() {
			if _, err := client.Ping(ctx, fmt.Sprintf("sell_%d", i), &trackdrive.PingRequest{CallerID: "+15555550142"}); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	span.End()

	attempts := map[trace.SpanID]int{}
	ends := map[trace.SpanID][2]time.Time{}
	spans := b.spans.GetSpans()
	require.Len(t, spans, 1+calls+calls+refusals)
	for _, s := range spans {
		if s.Name == "trackdrive ping" {
			require.Equal(t, span.SpanContext().SpanID(), s.Parent.SpanID())
			attempts[s.SpanContext.SpanID()] = int(valuesOf(s.Attributes)["trackdrive.attempts"].(int64))
			ends[s.SpanContext.SpanID()] = [2]time.Time{s.StartTime, s.EndTime}
		}
	}
	require.Len(t, attempts, calls)
	sum := 0
	for n := range maps.Values(attempts) {
		sum += n
	}
	require.Equal(t, calls+refusals, sum)
	for _, s := range spans {
		if s.SpanKind == trace.SpanKindClient {
			parent := s.Parent.SpanID()
			require.False(t, ends[parent][0].IsZero(), "its parent is not a call")
			attempts[parent]--
			require.False(t, s.StartTime.Before(ends[parent][0]), "it starts before its call")
			require.False(t, s.EndTime.After(ends[parent][1]), "it ends after its call")
		}
	}
	for id, left := range attempts {
		require.Zero(t, left, "the call %v lacks attempts, or has those of others", id)
	}
}

func TestAnAttemptWithoutACallIsBelowTheSpanOfItsContext(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	ctx, span := b.tracers.Tracer("test").Start(t.Context(), "mine")
	b.ObserveAttempt(ctx, trackdrive.Attempt{
		Operation: "ping", Number: 2, Method: "POST", Host: "acme.trackdrive.com", Path: "/api/v1/inbound_webhooks/ping/{vanity_uri}",
		StatusCode: 200, Delivery: trackdrive.DeliveryAnswered, Duration: time.Second,
	})
	b.ObserveAttempt(ctx, trackdrive.Attempt{Operation: "webhook", Number: 1, Method: "get", Host: "[2001:db8::1]:8443", Path: "/a/b"})
	span.End()
	require.Equal(t, strings.TrimLeft(`
mine
  POST /api/v1/inbound_webhooks/ping/{vanity_uri} (client) server.address=acme.trackdrive.com server.port=443 http.request.resend_count=1
  _OTHER (client) server.address=2001:db8::1 server.port=8443
`, "\n"), treeInOrder(b.spans.GetSpans(), "server.address", "server.port", "http.request.resend_count"))
}

// treeInOrder is tree of spans whose times do not count.
func treeInOrder(spans tracetest.SpanStubs, attributes ...string) string {
	for i := range spans {
		spans[i].StartTime = time.Time{}
	}
	return tree(spans, attributes...)
}

// TestASlowObserverBeforeKeepsSpansInOrder: the times of attempts and calls are taken
// when they are observed.
func TestASlowObserverBeforeKeepsSpansInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		fake := oneBuyer()
		wait := func() { <-time.After(time.Second) }
		client, err := trackdrive.NewClient("acme", append([]trackdrive.Option{
			trackdrive.WithTransport(fake.Transport()),
			trackdrive.WithCallObserver(func(context.Context, trackdrive.CallReport) { wait() }),
		}, b.Options()...)...)
		require.NoError(t, err)
		_, err = client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
		require.NoError(t, err)
		spans := b.spans.GetSpans()
		require.Len(t, spans, 2)
		require.False(t, spans[0].StartTime.Before(spans[1].StartTime), "the attempt starts before its call")
	})
}
