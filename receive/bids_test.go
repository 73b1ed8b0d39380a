package receive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/receive"
)

var goodAnswer = receive.Answer{
	Accepted: true, Revenue: trackdrive.MustAmount("21.00"), Number: "+13035550148", Duration: 90 * time.Second, Name: "Acme", ExternalID: "acme-bid-77",
}

// asked is a handler of bids that counts, and answers with a number of its own each
// time.
type asked struct {
	http.Handler
	pings, posts atomic.Int64
	answer       receive.Answer
}

func newAsked(answer receive.Answer, withTake bool, opts ...receive.Option) *asked {
	a := &asked{answer: answer}
	var take func(context.Context, *trackdrive.PostRequest) (receive.Answer, error)
	if withTake {
		take = func(context.Context, *trackdrive.PostRequest) (receive.Answer, error) {
			return a.numbered(&a.posts), nil
		}
	}
	a.Handler = receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
		return a.numbered(&a.pings), nil
	}, take, opts...)
	return a
}

func (a *asked) numbered(n *atomic.Int64) receive.Answer {
	answer := a.answer
	answer.ExternalID = fmt.Sprint("bid-", n.Add(1))
	return answer
}

// replyTo returns the status and the members of a reply.
func replyTo(t *testing.T, h http.Handler, r *http.Request) (int, map[string]any) {
	t.Helper()
	w := serve(h, r)
	var members map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &members), w.Body.String())
	require.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
	return w.Code, members
}

// The samples of what a buyer answers are what TrackDrive's paths read.
func TestABidIsOneFlatObject(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer receive.Answer
		file   string
	}{
		"accepted": {goodAnswer, "buyer_to_trackdrive_accept.json"},
		"refused":  {receive.Answer{Reason: "capped", Revenue: trackdrive.MustAmount("21.00"), Number: caller}, "buyer_to_trackdrive_reject.json"},
	} {
		sample, err := os.ReadFile(filepath.Join("..", "testdata", "market-replies", tt.file))
		require.NoError(t, err)
		var want map[string]any
		require.NoError(t, json.Unmarshal(sample, &want))
		h := receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) { return tt.answer, nil }, nil)
		status, got := replyTo(t, h, at("POST", named, "", nil)())
		require.Equal(t, 200, status, name)
		for member, value := range want {
			require.Equal(t, value, got[member], "%s: %s", name, member)
		}
		require.NotContains(t, got, "buyers", name)
		for member, value := range got {
			_, isObject := value.(map[string]any)
			require.False(t, isObject, "%s: %s", name, member)
		}
		if name == "refused" {
			require.NotContains(t, got, "revenue")
			require.NotContains(t, got, "number")
		}
	}
}

func TestWhatDecideAndTakeSee(t *testing.T) {
	t.Parallel()
	var pings []*trackdrive.PingRequest
	var posts []*trackdrive.PostRequest
	h := receive.Bids(func(_ context.Context, r *trackdrive.PingRequest) (receive.Answer, error) {
		pings = append(pings, r)
		return receive.Answer{}, nil
	}, func(_ context.Context, r *trackdrive.PostRequest) (receive.Answer, error) {
		posts = append(posts, r)
		return receive.Answer{}, nil
	})
	const query = "caller_id=%2B15555550142&traffic_source_id=11&trackdrive_number=%2B15555550100&zip=90210"
	serve(h, at("GET", query+"&trackdrive_call_uuid=u-1&trackdrive_subdomain=acme", "", nil)())
	serve(h, at("POST", "", isJSON, plain(`{"caller_id":15555550143,"zip":90210}`))())
	serve(h, at("POST", query+"&ping_id=p-1&buyer_id=101", "", nil)())
	require.Equal(t, []*trackdrive.PingRequest{
		{CallerID: caller, TrafficSourceID: "11", TrackdriveNumber: "+15555550100", Fields: trackdrive.Fields{"zip": "90210", "trackdrive_call_uuid": "u-1", "trackdrive_subdomain": "acme"}},
		{CallerID: "15555550143", Fields: trackdrive.Fields{"zip": json.Number("90210")}},
	}, pings)
	require.Equal(t, []*trackdrive.PostRequest{
		{PingID: "p-1", BuyerID: "101", CallerID: caller, TrafficSourceID: "11", TrackdriveNumber: "+15555550100", Fields: trackdrive.Fields{"zip": "90210"}},
	}, posts)
}

func TestWhichRequestsArePosts(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/bids?caller_id=1":                              "ping",
		"/bids?caller_id=1&ping_id=p-1":                  "post",
		"/bids/ping?caller_id=1&ping_id=p-1":             "ping",
		"/bids/post?caller_id=1":                         "post",
		"/bids/full/x?caller_id=1":                       "post",
		"/api/v1/inbound_webhooks/ping/post?caller_id=1": "ping",
		"/api/v1/inbound_webhooks/post/ping?caller_id=1": "post",
		"/poster?caller_id=1":                            "ping",
	} {
		a := newAsked(goodAnswer, true)
		serve(a, httptest.NewRequest("GET", target, nil))
		require.Equal(t, want == "ping", a.pings.Load() == 1, target)
		require.Equal(t, want == "post", a.posts.Load() == 1, target)
		a = newAsked(goodAnswer, false)
		serve(a, httptest.NewRequest("GET", target, nil))
		require.Equal(t, int64(1), a.pings.Load(), "%s: without a take, all are pings", target)
	}
}

func TestARepeatedRequestGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for name, tt := range map[string]struct {
		first, second string // queries
		holds, after  time.Duration
		same, isPost  bool
	}{
		"the uuid":                              {"trackdrive_call_uuid=u-1&caller_id=1", "trackdrive_call_uuid=u-1&caller_id=2", 0, minute, true, false},
		"the uuid, after the answer's time":     {"trackdrive_call_uuid=u-1", "trackdrive_call_uuid=u-1", minute, time.Hour, true, false},
		"the uuid, after 24 hours":              {"trackdrive_call_uuid=u-1", "trackdrive_call_uuid=u-1", minute, 24 * time.Hour, false, false},
		"another uuid of the same caller":       {"trackdrive_call_uuid=u-1&caller_id=1", "trackdrive_call_uuid=u-2&caller_id=1", minute, 0, false, false},
		"the uuid of another company":           {"trackdrive_call_uuid=u-1&trackdrive_subdomain=acme", "trackdrive_call_uuid=u-1&trackdrive_subdomain=globex", minute, 0, false, false},
		"the company in capitals":               {"trackdrive_call_uuid=u-1&trackdrive_subdomain=acme", "trackdrive_call_uuid=u-1&trackdrive_subdomain=ACME", minute, 0, true, false},
		"the caller":                            {"caller_id=5555550142", "caller_id=5555550142&zip=90210", minute, minute - 1, true, false},
		"the caller in another form":            {"caller_id=%2B15555550142", "caller_id=(555)+555-0142", minute, 0, true, false},
		"the caller, after the answer's time":   {"caller_id=5555550142", "caller_id=5555550142", minute, minute, false, false},
		"the caller, of an answer without time": {"caller_id=5555550142", "caller_id=5555550142", 0, 0, false, false},
		"another caller":                        {"caller_id=5555550142", "caller_id=5555550143", minute, 0, false, false},
		"no caller":                             {"zip=90210", "zip=90210", minute, 0, false, false},
		"a withheld caller":                     {"caller_id=anonymous", "caller_id=anonymous", minute, 0, false, false},
		"the ping id":                           {"ping_id=p-1&caller_id=1", "ping_id=p-1&caller_id=2", minute, minute - 1, true, false},
		"the ping id, after the answer's time":  {"ping_id=p-1", "ping_id=p-1", minute, minute, false, false},
		"another ping id":                       {"ping_id=p-1&caller_id=1", "ping_id=p-2&caller_id=1", minute, 0, false, false},
		"a post with its ping id":               {"ping_id=p-1", "ping_id=p-1", 0, time.Hour, true, true},
		"a post with another ping id":           {"ping_id=p-1&caller_id=1", "ping_id=p-2&caller_id=1", minute, 0, false, true},
		"a post with its uuid":                  {"ping_id=p-1&trackdrive_call_uuid=u-1", "ping_id=p-2&trackdrive_call_uuid=u-1", 0, time.Hour, true, true},
	} {
		for _, accepted := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				answer := receive.Answer{Accepted: accepted, Revenue: trackdrive.MustAmount("21.00"), ExpiresIn: tt.holds}
				a := newAsked(answer, tt.isPost)
				_, first := replyTo(t, a, at("POST", tt.first, "", nil)())
				timer := time.NewTimer(tt.after)
				<-timer.C
				_, second := replyTo(t, a, at("POST", tt.second, "", nil)())
				times := a.pings.Load() + a.posts.Load()
				require.Equal(t, tt.same, times == 1, "%s, %v: asked %d times", name, accepted, times)
				if tt.same {
					delete(first, "expires_in")
					delete(second, "expires_in")
					require.Equal(t, first, second, name)
				}
			})
		}
	}
}

// A ping and a post of one call are two questions.
func TestAPostIsNotARepeatedPing(t *testing.T) {
	t.Parallel()
	a := newAsked(goodAnswer, true)
	for range 2 {
		serve(a, httptest.NewRequest("GET", "/ping?"+named, nil))
		serve(a, httptest.NewRequest("GET", "/post?"+named, nil))
	}
	require.Equal(t, int64(1), a.pings.Load())
	require.Equal(t, int64(1), a.posts.Load())
}

// Without a take, what names a ping id that was given out repeats that ping.
func TestAPingIDThatWasGivenOutNamesItsAnswer(t *testing.T) {
	t.Parallel()
	answer := goodAnswer
	answer.PingID, answer.ExpiresIn = "p-77", time.Minute
	synctest.Test(t, func(t *testing.T) {
		a := newAsked(answer, false)
		_, first := replyTo(t, a, at("GET", named, "", nil)())
		_, second := replyTo(t, a, at("GET", "ping_id=p-77", "", nil)())
		require.Equal(t, first, second)
		timer := time.NewTimer(time.Minute)
		<-timer.C
		serve(a, at("GET", "ping_id=p-77", "", nil)())
		require.Equal(t, int64(2), a.pings.Load())
	})
}

func TestARepetitionGetsTheTimeThatIsLeft(t *testing.T) {
	t.Parallel()
	answer := goodAnswer
	answer.ExpiresIn = 1500 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		a := newAsked(answer, false)
		for _, want := range []any{2.0, 1.0, nil} {
			_, got := replyTo(t, a, at("GET", named, "", nil)())
			require.Equal(t, want, got["expires_in"])
			timer := time.NewTimer(time.Second)
			<-timer.C
		}
		require.Equal(t, int64(1), a.pings.Load())
	})
}

func TestRequestsAtTheSameTimeGetOneAnswer(t *testing.T) {
	t.Parallel()
	for _, query := range []string{named, "caller_id=5555550142", "ping_id=p-1"} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int64
			h := receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
				timer := time.NewTimer(time.Second)
				<-timer.C
				return receive.Answer{Accepted: true, ExternalID: fmt.Sprint(calls.Add(1))}, nil
			}, nil)
			var wg sync.WaitGroup
			bodies := make([]string, 64)
			for i := range bodies {
				wg.Go(func() { bodies[i] = serve(h, at("GET", query, "", nil)()).Body.String() })
			}
			wg.Wait()
			for _, body := range bodies {
				require.Equal(t, bodies[0], body)
				require.Contains(t, body, `"bid_id":"1"`)
			}
		})
	}
}

// An error is not an answer: the repetition asks again.
func TestAnErrorIsForgotten(t *testing.T) {
	t.Parallel()
	var calls int
	h := receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
		if calls++; calls < 3 {
			return goodAnswer, errors.New("no database for " + caller)
		}
		return goodAnswer, nil
	}, nil)
	for i, want := range []int{500, 500, 200, 200} {
		status, got := replyTo(t, h, at("GET", named, "", nil)())
		require.Equal(t, want, status, i)
		require.Equal(t, want == 200, got["accepted"], i)
		if want == 500 {
			require.Equal(t, "no buyer", got["reason"])
		}
	}
	require.Equal(t, 3, calls)
}

func TestAnswersThatNobodyMeansAreErrors(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]receive.Answer{
		"negative revenue":   {Accepted: true, Revenue: trackdrive.MustAmount("-1")},
		"negative duration":  {Accepted: true, Duration: -1},
		"a time in the past": {Accepted: true, ExpiresIn: -1},
	} {
		status, got := replyTo(t, newAsked(answer, false), at("GET", named, "", nil)())
		require.Equal(t, 500, status, name)
		require.Equal(t, false, got["accepted"], name)
	}
	for name, answer := range map[string]receive.Answer{"no revenue": {Accepted: true}, "nothing": {Accepted: true, Revenue: trackdrive.MustAmount("0")}} {
		status, got := replyTo(t, newAsked(answer, false), at("GET", named, "", nil)())
		require.Equal(t, 200, status, name)
		require.Equal(t, true, got["accepted"], name)
	}
}

// What the deadline cuts off is "no buyer", and stays so: the sender has sold elsewhere.
func TestWhatTheDeadlineCutsOffIsNoBuyer(t *testing.T) {
	t.Parallel()
	untilEnd := func(ctx context.Context) (receive.Answer, error) { <-ctx.Done(); return receive.Answer{}, ctx.Err() }
	stubborn := func(context.Context) (receive.Answer, error) {
		timer := time.NewTimer(time.Minute)
		<-timer.C
		return goodAnswer, nil
	}
	tooLate := func(ctx context.Context) (receive.Answer, error) {
		<-ctx.Done()
		return receive.Answer{}, errors.New("gave up")
	}
	for name, tt := range map[string]struct {
		deadline, after time.Duration // 0: none
		work            func(context.Context) (receive.Answer, error)
	}{
		"five seconds":               {0, 5 * time.Second, untilEnd},
		"five seconds, and an error": {0, 5 * time.Second, tooLate},
		"five seconds, and no heed":  {0, 5 * time.Second, stubborn},
		"the request's deadline":     {10 * time.Second, 9900 * time.Millisecond, untilEnd},
		"a short deadline":           {200 * time.Millisecond, 180 * time.Millisecond, stubborn},
		"a deadline that is over":    {-1, 0, stubborn},
	} {
		for _, isPost := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				h := receive.Bids(func(ctx context.Context, _ *trackdrive.PingRequest) (receive.Answer, error) {
					calls.Add(1)
					return tt.work(ctx)
				}, func(ctx context.Context, _ *trackdrive.PostRequest) (receive.Answer, error) {
					calls.Add(1)
					return tt.work(ctx)
				})
				request := func() *http.Request {
					target := "/ping?" + named
					if isPost {
						target = "/post?" + named
					}
					r := httptest.NewRequest("POST", target, nil)
					if tt.deadline == 0 {
						return r
					}
					ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
					t.Cleanup(cancel)
					return r.WithContext(ctx)
				}
				start := time.Now()
				status, got := replyTo(t, h, request())
				require.Equal(t, 200, status, name)
				require.Equal(t, false, got["accepted"], name)
				require.Equal(t, "no buyer", got["reason"], name)
				require.Equal(t, tt.after, time.Since(start), name)
				if tt.deadline < 0 {
					require.Zero(t, calls.Load(), name)
					return
				}
				start = time.Now()
				_, again := replyTo(t, h, request())
				require.Equal(t, got, again, name)
				require.Zero(t, time.Since(start), name)
				require.Equal(t, int64(1), calls.Load(), name)
				timer := time.NewTimer(2 * time.Minute)
				<-timer.C // the stubborn one has answered by now
				_, again = replyTo(t, h, request())
				require.Equal(t, got, again, "%s: a late answer does not count", name)
			})
		}
	}
}

// One that is answered at the deadline of the standard library's handler is answered by
// us.
func TestATimeoutHandlerIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := http.TimeoutHandler(receive.Bids(func(ctx context.Context, _ *trackdrive.PingRequest) (receive.Answer, error) {
			<-ctx.Done()
			return receive.Answer{}, ctx.Err()
		}, nil), 800*time.Millisecond, "too late")
		status, got := replyTo(t, h, at("POST", named, "", nil)())
		require.Equal(t, 200, status)
		require.Equal(t, "no buyer", got["reason"])
	})
}

// A sender that hangs up and asks again gets what was decided meanwhile.
func TestADecisionSurvivesItsSender(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := new(atomic.Int64)
		h := receive.Bids(func(ctx context.Context, _ *trackdrive.PingRequest) (receive.Answer, error) {
			a.Add(1)
			timer := time.NewTimer(2 * time.Second)
			select {
			case <-timer.C:
				return goodAnswer, nil
			case <-ctx.Done():
				return receive.Answer{}, ctx.Err()
			}
		}, nil)
		ctx, hangUp := context.WithCancel(t.Context())
		var first sync.WaitGroup
		first.Go(func() { serve(h, at("POST", named, "", nil)().WithContext(ctx)) })
		synctest.Wait()
		hangUp()
		_, got := replyTo(t, h, at("POST", named, "", nil)())
		require.Equal(t, true, got["accepted"])
		require.Equal(t, int64(1), a.Load())
		first.Wait()
	})
}

// A client of this library can ping and post a buyer as TrackDrive's guide says.
func TestTheLibrarysOwnClientPingsAndPosts(t *testing.T) {
	t.Parallel()
	answer := goodAnswer
	answer.ExpiresIn = time.Minute
	var taken []*trackdrive.PostRequest
	accepts := true
	server := httptest.NewServer(receive.Bids(func(context.Context, *trackdrive.PingRequest) (receive.Answer, error) {
		if !accepts {
			return receive.Answer{Reason: "capped"}, nil
		}
		return answer, nil
	}, func(_ context.Context, r *trackdrive.PostRequest) (receive.Answer, error) {
		if taken = append(taken, r); !accepts {
			return receive.Answer{Reason: "capped"}, nil
		}
		return answer, nil
	}))
	defer server.Close()
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(server.URL))
	require.NoError(t, err)
	ping, err := client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: caller})
	require.NoError(t, err)
	require.True(t, ping.Accepted)
	require.Equal(t, time.Minute, ping.ExpiresIn)
	best, ok := ping.Best()
	require.True(t, ok)
	require.Equal(t, "21.00", best.Payout.String())
	require.Equal(t, best.PingID, ping.TryAllBuyersPingID)
	require.Len(t, string(best.PingID), 26)
	post, err := client.Post(t.Context(), "sell", ping.PostTo(best))
	require.NoError(t, err)
	require.True(t, post.Accepted)
	require.Equal(t, "+13035550148", post.ForwardingNumber)
	require.Equal(t, "Acme", post.BuyerName)
	require.Len(t, taken, 1)
	require.Equal(t, best.PingID, taken[0].PingID)

	accepts = false
	ping, err = client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550143"})
	require.NoError(t, err)
	require.False(t, ping.Accepted)
	require.Equal(t, []trackdrive.FieldError{{Message: "capped"}}, ping.Errors)
	post, err = client.Post(t.Context(), "sell", &trackdrive.PostRequest{PostOnly: true, CallerID: "+15555550143"})
	require.NoError(t, err)
	require.False(t, post.Accepted)
	require.True(t, taken[1].PostOnly)
}

func TestDurationsAreWholeSeconds(t *testing.T) {
	t.Parallel()
	for duration, want := range map[time.Duration]any{0: nil, time.Second: 1.0, 1001 * time.Millisecond: 2.0, time.Nanosecond: 1.0} {
		_, got := replyTo(t, newAsked(receive.Answer{Accepted: true, Duration: duration, ExpiresIn: duration}, false), at("GET", strings.Repeat("a", 3)+"=1", "", nil)())
		require.Equal(t, want, got["duration"], duration)
	}
}
