package fakeserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

const threeCompanies = `
companies:
  acme: {hosts: [shop.test], endpoints: {sell: {buyers: [{name: Buyer A, bid: 1}]}}}
  globex: {endpoints: {sell: {buyers: [{name: Buyer B, bid: 2}]}}}
  initech: {listen: "127.0.0.1:0", endpoints: {sell: {buyers: [{name: Buyer C, bid: 3}]}}}
`

func TestCompaniesAreToldApartByHost(t *testing.T) {
	t.Parallel()
	srv := serve(t, threeCompanies)
	for host, want := range map[string]string{
		"127.0.0.1:8080":        "Buyer A",
		"localhost":             "Buyer A",
		"trackdrive:8080":       "Buyer A", // the service of a compose file
		"fake.internal.test":    "Buyer A",
		"acme.localhost:8080":   "Buyer A",
		"shop.test":             "Buyer A",
		"SHOP.test:80":          "Buyer A",
		"globex":                "Buyer B",
		"globex.localhost":      "Buyer B",
		"GLOBEX.trackdrive.com": "Buyer B",
		"globex.trackdrive.net": "Buyer B",
		"initech.localhost":     "Buyer C",
	} {
		r := ask(t, "POST", srv.url+"/api/v1/inbound_webhooks/ping/sell", `{}`, "Host: "+host)
		require.Equal(t, want, r.list(t, "buyers")[0].(map[string]any)["name"], host)
	}
	for _, host := range []string{"acm.localhost", "acm.trackdrive.com", "a.b.trackdrive.net"} {
		r := ask(t, "POST", srv.url+"/api/v1/inbound_webhooks/ping/sell", `{}`, "Host: "+host)
		require.Equal(t, http.StatusNotFound, r.status)
		require.Contains(t, r.text, "this fake has no company")
		require.Contains(t, r.text, "it has acme, globex, initech")
	}
}

func TestACompanyMayHaveAnAddressOfItsOwn(t *testing.T) {
	t.Parallel()
	srv := serve(t, threeCompanies)
	require.Len(t, srv.addresses, 2)
	require.Equal(t, []string{"acme.localhost", "globex.localhost", "initech.localhost"}, srv.addresses[0].Hosts)
	require.Equal(t, "initech", srv.addresses[1].Company)
	for _, host := range []string{"127.0.0.1", "acme.trackdrive.com"} {
		r := ask(t, "POST", srv.addresses[1].URL+"/api/v1/inbound_webhooks/ping/sell", `{}`, "Host: "+host)
		require.Equal(t, "Buyer C", r.list(t, "buyers")[0].(map[string]any)["name"], host)
	}
	require.Equal(t, http.StatusOK, ask(t, "GET", srv.addresses[1].URL+"/_ledger", "").status, "the admin API is there, too")
}

func TestAnAddressThatIsInUse(t *testing.T) {
	t.Parallel()
	srv := serve(t, threeCompanies)
	c, err := Parse("fake.yaml", []byte("companies: {acme: {listen: '"+strings.TrimPrefix(srv.url, "http://")+"'}}\nlisten: 127.0.0.1:0"))
	require.NoError(t, err)
	second, err := New(c)
	require.NoError(t, err)
	_, err = second.Listen()
	require.ErrorContains(t, err, "address already in use; choose another address, or port 0 for any that is free")
	require.False(t, IsUsage(err))
	require.Empty(t, second.listeners, "what was opened is closed again")
}

// The SDK sells through the server as it does through TrackDrive.
func TestTheClientSells(t *testing.T) {
	t.Parallel()
	srv := serve(t, `
companies:
  acme:
    access: [{public_key: made-up-public, private_key: made-up-private}]
    endpoints: {sell: {require_auth: true, expiry: 60s, buyers: [{name: Buyer A, bid: 25.00}, {name: Buyer B, bid: 31.50}]}}
`)
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.url), trackdrive.WithAuth(trackdrive.BasicAuth("made-up-public", "made-up-private")))
	require.NoError(t, err)
	ping, err := client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
	require.NoError(t, err)
	best, found := ping.Best()
	require.True(t, found)
	require.Equal(t, "Buyer B", best.Name)
	to := ping.PostTo(best)
	to.CallerID = "+15555550142"
	post, err := client.Post(t.Context(), "sell", to)
	require.NoError(t, err)
	require.True(t, post.Accepted)
	sales := ask(t, "GET", srv.url+"/_ledger", "").list(t, "sales")
	require.Len(t, sales, 1)
	sale := sales[0].(map[string]any)
	require.Equal(t, "31.50", sale["payout"])
	_, err = client.UpdateCall(t.Context(), sale["call_uuid"].(string), &trackdrive.UpdateCall{BuyerConverted: new(true), Revenue: trackdrive.MustAmount("31.50")})
	require.NoError(t, err)
	require.Len(t, ask(t, "GET", srv.url+"/_updates", "").list(t, "updates"), 1)

	shown := ask(t, "GET", srv.url+"/_requests", "").text
	require.NotContains(t, shown, "made-up")
	require.NotContains(t, srv.logged.String(), "made-up")
	require.NotContains(t, srv.logged.String(), "5555550142")
}

func TestTheLogHasNoCallers(t *testing.T) {
	t.Parallel()
	buyer := newReceiver(t, "no such caller: +15555550142", 500, 500, 500, 500, 500)
	srv := serve(t, "companies: {acme: {endpoints: {sell: {buyers: [{bid: 25.00}]}}, forward_posts: [{url: '"+buyer.URL+"'}]}}")
	ask(t, "POST", srv.url+"/api/v1/calls/update_by_caller_id/+15555550142", "{}")
	ask(t, "POST", srv.url+"/api/v1/calls/update_call/"+firstUUID, "{}")
	sell(t, srv.url, "+15555550142")
	require.Eventually(t, func() bool { return strings.Contains(srv.logged.String(), "not delivered") }, 10*time.Second, time.Millisecond)
	logged := srv.logged.String()
	require.Contains(t, logged, "acme POST /api/v1/calls/update_by_caller_id/…: 422\n")
	require.Contains(t, logged, "acme POST /api/v1/calls/update_call/"+firstUUID+": 401\n")
	require.Contains(t, logged, "attempt 5: 500: no such caller: …\n")
	require.NotContains(t, logged, "5555550142")
}

// receiver is who gets what the fake sends.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	got      []string
	statuses []int
	reply    string
}

func newReceiver(t testing.TB, reply string, statuses ...int) *receiver {
	r := &receiver{reply: reply, statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, strings.TrimSpace(fmt.Sprint(req.Method, " ", req.URL, " ", req.Header.Get("Authorization"), " ", string(body))))
		if len(r.statuses) > 0 {
			status := r.statuses[0]
			r.statuses = r.statuses[1:]
			if status == 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(status)
		}
		fmt.Fprint(w, r.reply)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.got...)
}

const firstUUID = "7c9e6679-0000-4000-8000-000000000001"

func TestWhatTrackDriveSends(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hooks string // URL is replaced
		want  []string
	}{
		"forward post": {"forward_posts: [{url: URL/f, header: {authorization: made-up-secret}}]", []string{
			`POST /f made-up-secret {"caller_id":"+15555550142","trackdrive_call_uuid":"` + firstUUID + `","trackdrive_subdomain":"acme"}`,
		}},
		"forward post as a form": {"forward_posts: [{url: 'URL/f?a=b', format: form, names: {trackdrive_call_uuid: subid2}}]", []string{
			"POST /f?a=b  caller_id=%2B15555550142&subid2=" + firstUUID + "&trackdrive_subdomain=acme",
		}},
		"postback": {"postbacks: [{event: call_changed, url: 'URL/p/[subdomain]?u=[call_uuid]&r=[revenue]&b=[buyer]&c=[caller_number]&x=[offer_converted]'}]", []string{
			"GET /p/acme?u=" + firstUUID + "&r=12.50&b=Buyer+A&c=%2B15555550142&x=",
		}},
	} {
		buyer := newReceiver(t, "")
		srv := serve(t, "companies: {acme: {endpoints: {sell: {buyers: [{name: Buyer A, bid: 25.00}]}}, "+strings.ReplaceAll(tt.hooks, "URL", buyer.URL)+"}}")
		sell(t, srv.url, "+15555550142")
		ask(t, "POST", srv.url+"/api/v1/calls/update_call/"+firstUUID, `{"auth_token":"made-up","revenue":"12.50"}`)
		require.Eventually(t, func() bool { return len(buyer.requests()) == len(tt.want) }, 10*time.Second, time.Millisecond, name)
		require.Equal(t, tt.want, buyer.requests(), name)
	}
}

func TestEventsWaitForARequest(t *testing.T) {
	t.Parallel()
	buyer := newReceiver(t, "kept", 500, 0)
	srv := serve(t, "deliver: on_request\ncompanies: {acme: {endpoints: {sell: {buyers: [{name: Buyer A, bid: 25.00}]}}, subscriptions: [{event: call_ended, url: '"+buyer.URL+"'}]}}")
	sell(t, srv.url, "+15555550142")
	require.Empty(t, buyer.requests())
	require.EqualValues(t, 1, ask(t, "GET", srv.url+"/_sent", "").object(t)["waiting"])
	require.EqualValues(t, 3, ask(t, "POST", srv.url+"/_deliver", "").object(t)["sent"], "a refusal and a lost reply are sent again")
	require.Len(t, buyer.requests(), 3)
	sent := ask(t, "GET", srv.url+"/_sent", "").list(t, "sent")
	var statuses []any
	for _, s := range sent {
		statuses = append(statuses, s.(map[string]any)["status"])
	}
	require.Equal(t, []any{500.0, 0.0, 200.0}, statuses)

	ask(t, "POST", srv.url+"/_faults", `{"sending":"lost","times":5}`)
	sell(t, srv.url, "+15555550143")
	r := ask(t, "POST", srv.url+"/_deliver", "")
	require.Equal(t, http.StatusBadGateway, r.status)
	require.Contains(t, r.text, "not delivered: call_ended acme/7c9e6679-0000-4000-8000-000000000002, attempt 5: 0 (lost)")
}

func TestABuyerIsAskedForABid(t *testing.T) {
	t.Parallel()
	buyer := newReceiver(t, `{"accepted":true,"revenue":"21.00","number":"+15555550110","duration":90,"bid_id":"b-1"}`)
	srv := serve(t, "companies: {acme: {ping_buyers: {buyer_a: {url: '"+buyer.URL+"/bids', header: {authorization: made-up-secret}}}}}")
	r := ask(t, "POST", srv.url+"/_ping_buyer", `{"buyer":"buyer_a","call_uuid":"u-1","params":{"caller_id":"+15555550142"}}`)
	require.JSONEq(t, `{"accepted":true,"revenue":"21.00","number":"+15555550110","duration":90,"name":"","bid_id":"b-1","reason":""}`, r.text)
	require.Equal(t, []string{`POST /bids made-up-secret {"caller_id":"+15555550142","trackdrive_call_uuid":"u-1","trackdrive_subdomain":"acme"}`}, buyer.requests())
	require.Contains(t, ask(t, "POST", srv.url+"/_ping_buyer", `{"buyer":"buyer_b"}`).text, `acme has no ping buyer \"buyer_b\"`)
	require.NotContains(t, ask(t, "GET", srv.url+"/_sent", "").text, "made-up")
}

// A receiver that is named like this machine, and is not, gets nothing; nor does one
// behind a redirect.
func TestNothingIsSentElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t, "")
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	srv := serve(t, "deliver: on_request\ncompanies: {acme: {endpoints: {sell: {buyers: [{bid: 1}]}}, forward_posts: [{url: '"+redirecting.URL+"'}]}}")
	sell(t, srv.url, "+15555550142")
	require.Equal(t, http.StatusBadGateway, ask(t, "POST", srv.url+"/_deliver", "").status)
	require.Empty(t, elsewhere.requests())

	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "localhost": true, "acme.localhost": true, "app.test": true, "APP.test": true,
		"localhost.evil.example": false, "127.0.0.1.evil.example": false, "10.0.0.1": false, "0.0.0.0": false, "169.254.169.254": false, "xlocalhost": false, "": false,
	} {
		require.Equal(t, want, (&Config{sendTo: []string{"app.test"}}).maySendTo(host), host)
	}
}

// A slow answer that is under way is finished, and no new request is taken.
func TestStoppingFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint+"faults: [{operation: ping, fault: slow, delay: 500ms}]")
	answered := make(chan reply, 1)
	go func() {
		r, err := try("POST", srv.url+"/api/v1/inbound_webhooks/ping/sell", `{}`)
		if err != nil {
			r.text = err.Error()
		}
		answered <- r
	}()
	require.Eventually(t, func() bool {
		return len(ask(t, "GET", srv.url+"/_requests", "").list(t, "requests")) == 1
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, srv.stop())
	r := <-answered
	require.Equal(t, http.StatusOK, r.status, r.text)
	_, err := try("GET", srv.url+"/_health", "")
	require.Error(t, err)
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint)
	address := strings.TrimPrefix(srv.url, "http://")
	big := strings.Repeat("x", 4<<20)

	r, err := try("POST", srv.url+"/api/v1/inbound_webhooks/ping/sell", `{"zip":"`+big+`"}`)
	if err == nil { // otherwise, the connection was closed before all was sent
		require.Equal(t, http.StatusRequestEntityTooLarge, r.status)
	}
	r, err = try("POST", srv.url+"/_faults", `{"fault":"`+big+`"}`)
	if err == nil {
		require.Equal(t, http.StatusRequestEntityTooLarge, r.status)
	}
	for name, text := range map[string]string{
		"huge headers":   "GET /_health HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n",
		"no HTTP":        "\x16\x03\x01\x00\xff\x01\r\n\r\n",
		"no host":        "GET /_health HTTP/1.1\r\n\r\n",
		"two lengths":    "POST /_reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		"a long target":  "GET /" + strings.Repeat("x", 128<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"a bad encoding": "GET /api/v1/calls/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, _ = io.WriteString(conn, text)
		line, _ := bufio.NewReader(conn).ReadString('\n')
		require.Regexp(t, `^(HTTP/1\.[01] 4\d\d .*\r\n)?$`, line, name)
		require.NoError(t, conn.Close())
	}
	require.Equal(t, http.StatusOK, ask(t, "GET", srv.url+"/_health", "").status)
	require.Empty(t, ask(t, "GET", srv.url+"/_ledger", "").list(t, "sales"))
}

// A client that sends its header a byte at a time, and one that never sends its body,
// are cut off after a while. The times are shorter here than those of Serve.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, headerTimeout, 10*time.Second)
	require.LessOrEqual(t, readTimeout, 30*time.Second)
	srv := serve(t, oneEndpoint)
	server := srv.httpServer(openAddress{})
	require.Equal(t, headerTimeout, server.ReadHeaderTimeout)
	require.Equal(t, readTimeout, server.ReadTimeout)
	require.Equal(t, writeTimeout, server.WriteTimeout)
	server.ReadHeaderTimeout, server.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	for name, text := range map[string]string{
		"header": "POST /api/v1/inbound_webhooks/ping/sell HTTP/1.1\r\nHost: localhost\r\nX-",
		"body":   "POST /api/v1/inbound_webhooks/ping/sell HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		_, err = io.ReadAll(conn)
		var timeout net.Error
		if err != nil {
			require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "%s: the server still waits", name)
		}
		require.NoError(t, conn.Close())
	}
}

func TestAResetStartsAgain(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	hang := sync.OnceFunc(func() { close(hanging) })
	buyer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // the server notices that the client is gone only after that
		hang()
		<-r.Context().Done()
	}))
	t.Cleanup(buyer.Close)
	srv := serve(t, `
companies: {acme: {endpoints: {sell: {buyers: [{bid: 25.00}]}}, calls: [{uuid: u-1}], forward_posts: [{url: "`+buyer.URL+`"}]}}
faults: [{operation: capture_lead, fault: empty}]
`)
	first := sell(t, srv.url, "+15555550142")
	<-hanging
	sell(t, srv.url, "+15555550143")
	ask(t, "POST", srv.url+"/_advance", `{"by":"10m"}`)
	ask(t, "POST", srv.url+"/_endpoints", `{"endpoint":"sell","buyer":"101","unavailable":true}`)
	ask(t, "POST", srv.url+"/_faults", `{"operation":"post","fault":"drop"}`)
	require.Equal(t, http.StatusOK, ask(t, "POST", srv.url+"/_reset", "").status, "it does not wait for a receiver that hangs")
	totals := ask(t, "GET", srv.url+"/_health", "").object(t)["totals"].(map[string]any)
	require.EqualValues(t, 0, totals["sales"])
	require.EqualValues(t, 1, totals["calls"])
	require.EqualValues(t, 0, totals["waiting"], "what waited is never sent")
	require.Len(t, ask(t, "GET", srv.url+"/_faults", "").list(t, "faults"), 1)
	require.Equal(t, first.text, sell(t, srv.url, "+15555550142").text, "ids and numbers start again")
}

func TestRequestsMayComeWhileItIsReset(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 30 {
				r, err := try("POST", srv.url+"/api/v1/inbound_webhooks/full/sell", `{"caller_id":"+15555550142"}`)
				if err != nil || r.status != http.StatusOK {
					t.Errorf("%v %v", r, err)
				}
			}
		})
	}
	for range 30 {
		require.Equal(t, http.StatusOK, ask(t, "POST", srv.url+"/_reset", "").status)
	}
	wg.Wait()
}

func TestTheHandlerIsAHandler(t *testing.T) {
	t.Parallel()
	s, err := New(Default())
	require.NoError(t, err)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "POST", "http://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell", strings.NewReader(url.Values{"zip": {"90210"}}.Encode())))
	require.Contains(t, w.Body.String(), `"Buyer B"`)
}
