package market_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/market"
)

// visitor is a client of the market that sends each request once.
type visitor struct {
	srv  *market.Server
	http http.Client
}

// visit starts a market in the test's bubble.
func visit(t *testing.T) *visitor {
	t.Helper()
	memory := market.NewMemory()
	v := &visitor{srv: market.Start(memory)}
	v.http.Transport = &http.Transport{DialContext: memory.Dial, DisableKeepAlives: true}
	v.http.Timeout = 300 * time.Millisecond
	t.Cleanup(func() {
		v.http.CloseIdleConnections()
		v.srv.Close()
	})
	return v
}

// send sends one ping or post, and returns the answer; status 0 without one.
func (v *visitor) send(operation, source, lead, pingID string) (status int, body string) {
	params := url.Values{"caller_id": {lead}}
	if pingID != "" {
		params.Set("ping_id", pingID)
	}
	resp, err := v.http.PostForm(v.srv.URL+"/api/v1/inbound_webhooks/"+operation+"/"+source, params)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(read)
}

func (v *visitor) sales(lead string) int { return len(v.srv.Ledger.Sales(lead)) }

// offer offers the lead at one source that has no trouble.
func (v *visitor) offer(seed uint64, src market.Source) {
	v.srv.Offer(market.Lead{Caller: leadCaller, Seed: seed, Trouble: market.Troubles()[0], Sources: []market.Source{src}})
}

func TestCopiesOfAPostAreSoldAgainOrRefused(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("sells copies: %t", again), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := visit(t)
				v.offer(1, market.Source{Name: "s1", SellsCopies: again})
				for v.sales(leadCaller) == 0 {
					v.send("post", "s1", leadCaller, "s1-1-1")
				}
				for n := 2; n <= 6; n++ {
					_, body := v.send("post", "s1", leadCaller, "s1-1-1")
					if again {
						require.Equal(t, n, v.sales(leadCaller))
						require.Equal(t, market.PlainYes, market.OfPost([]byte(body)), body)
					} else {
						require.Equal(t, 1, v.sales(leadCaller))
						require.Equal(t, market.PlainNo, market.OfPost([]byte(body)), body)
					}
				}
			})
		})
	}
}

func TestAPostConfirmsWhatItsPingSold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := visit(t)
		v.offer(1, market.Source{Name: "s1", Static: true, SellsCopies: true})
		for v.sales(leadCaller) == 0 {
			v.send("ping", "s1", leadCaller, "")
		}
		_, body := v.send("post", "s1", leadCaller, "s1-1-1")
		require.Equal(t, 1, v.sales(leadCaller), "the same call")
		require.Equal(t, market.PlainYes, market.OfPost([]byte(body)), body)
		v.send("post", "s1", leadCaller, "s1-1-1")
		require.Equal(t, 2, v.sales(leadCaller), "a copy of the post")
		v.send("ping", "s1", leadCaller, "")
		require.Equal(t, 3, v.sales(leadCaller), "a copy of the ping")
	})
}

func TestOnlyPingsThatMaySellDo(t *testing.T) {
	t.Parallel()
	for _, static := range []bool{false, true} {
		t.Run(fmt.Sprintf("static: %t", static), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := visit(t)
				for seed := range uint64(100) {
					v.offer(seed, market.Source{Name: "s1", Static: static})
					v.send("ping", "s1", leadCaller, "")
				}
				sold := v.sales(leadCaller)
				require.Equal(t, static, sold > 10, "%d sold", sold)
				require.Less(t, sold, 60)
			})
		})
	}
}

func TestTheMarketNeverLies(t *testing.T) {
	t.Parallel()
	for _, trouble := range market.Troubles() {
		t.Run(trouble.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := visit(t)
				sold, unsold := 0, 0
				for i := range 300 {
					lead, operation := fmt.Sprintf("+1555555%04d", i), []string{"ping", "post"}[i%2]
					v.srv.Offer(market.Lead{Caller: lead, Seed: uint64(i), Trouble: trouble, Sources: []market.Source{{Name: "s1", Static: true}}})
					status, body := v.send(operation, "s1", lead, "s1-1-1")
					if v.sales(lead) > 0 {
						sold++
						require.False(t, saysNo(operation, status, body), "sold: %d %s", status, body)
					} else {
						unsold++
						require.False(t, saysYes(operation, status, body), "unsold: %d %s", status, body)
					}
				}
				require.Greater(t, sold, 60)
				require.Greater(t, unsold, 60)
			})
		})
	}
}

// saysNo reports whether an answer frees the lead.
func saysNo(operation string, status int, body string) bool {
	if operation == "ping" {
		return market.RefusesPing(status, []byte(body))
	}
	return 400 <= status && status <= 499 || status/100 == 2 && market.OfPost([]byte(body)) == market.PlainNo
}

// saysYes reports whether an answer says that the lead is sold. A ping's never
// does: it bids.
func saysYes(operation string, status int, body string) bool {
	return operation == "post" && status/100 == 2 && market.OfPost([]byte(body)) == market.PlainYes
}

func TestTheMarketComplains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := visit(t)
		v.offer(1, market.Source{Name: "s1"})
		v.send("ping", "s1", leadCaller, "")
		require.Empty(t, v.srv.Complaints())
		v.send("post", "s1", leadCaller, "s1-9-9")
		v.send("ping", "s2", leadCaller, "")
		v.send("ping", "s1", "+15555550143", "")
		v.send("full", "s1", leadCaller, "")
		complaints := v.srv.Complaints()
		require.Len(t, complaints, 4)
		require.Contains(t, complaints[0], `a post to s1 with the ping id "s1-9-9", which no ping gave`)
		require.Contains(t, complaints[1], `a ping to "s2" about "+15555550142"`)
		require.Contains(t, complaints[2], `a ping to "s1" about "+15555550143"`)
		require.Contains(t, complaints[3], `is neither a ping nor a post`)
		require.Len(t, v.srv.Story(leadCaller), 2)
	})
}
