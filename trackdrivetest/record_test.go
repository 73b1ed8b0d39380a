package trackdrivetest_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

func TestRequestsAreRecordedUnchanged(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	srv := trackdrivetest.NewServer(t, trackdrivetest.WithClock(func() time.Time { return noon }))
	srv.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "my_endpoint"})
	srv.Advance(time.Second)
	r := newRequest(t, http.MethodPost, srv.URL+"/api/v1/"+pingPath+"?sub_id=7", "application/json", `{"caller_id":"5555550100","tcpa_opt_in":true}`)
	r.Header.Set("X-Test", "1")
	do(t, r)

	got := srv.Last()
	require.Equal(t, "1", got.Header.Get("X-Test"))
	require.Equal(t, trackdrivetest.OpPing, got.Operation)
	require.Equal(t, "acme", got.Company)
	require.Equal(t, "my_endpoint", got.Target)
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "/api/v1/"+pingPath, got.Path)
	require.Equal(t, strings.TrimPrefix(srv.URL, "http://"), got.Host)
	require.Equal(t, url.Values{"sub_id": {"7"}}, got.Query)
	require.Equal(t, `{"caller_id":"5555550100","tcpa_opt_in":true}`, string(got.Body))
	require.Equal(t, trackdrivetest.Params{"sub_id": "7", "caller_id": "5555550100", "tcpa_opt_in": true}, got.Params)
	require.Equal(t, noon.Add(time.Second), got.Time)
	require.Equal(t, `ping POST /api/v1/`+pingPath+`?sub_id=7 {"caller_id":"5555550100","tcpa_opt_in":true}`, got.String())
}

func TestTheRecordIsACopy(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	send(t, srv, pingPath, `{"zip":"90210"}`)
	first := srv.Last()
	first.Header.Set("Content-Type", "changed")
	first.Body[0] = 'x'
	require.Equal(t, "application/json", srv.Last().Header.Get("Content-Type"))
	require.Equal(t, `{"zip":"90210"}`, string(srv.Last().Body))
}

func TestTheRecordIsSearchedByOperation(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	require.Equal(t, trackdrivetest.Request{}, srv.Last())
	send(t, srv, pingPath, `{}`)
	send(t, srv, postPath, `{"caller_id":"5555550100"}`)
	send(t, srv, "nowhere", `{}`)
	require.Len(t, srv.Requests(), 3)
	require.Len(t, srv.Pings(), 1)
	require.Len(t, srv.Requests(trackdrivetest.OpPing, trackdrivetest.OpUnknown), 2)
	require.Equal(t, trackdrivetest.OpPost, srv.Last(trackdrivetest.OpPost).Operation)
	require.Equal(t, trackdrivetest.OpUnknown, srv.Last().Operation)
}

// complaints is a TB that records failures.
type complaints struct {
	said []string
	t    *testing.T
}

func (*complaints) Helper()            {}
func (c *complaints) Cleanup(f func()) { c.t.Cleanup(f) }
func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}
func (c *complaints) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	panic(c)
}

func TestAssertionsListWhatArrived(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	send(t, srv, postPath, `{"caller_id":"5555550100"}`)
	tb := &complaints{}
	srv.AssertPosts(tb, 1)
	srv.AssertPings(tb, 0)
	srv.AssertRequests(tb, 1)
	srv.AssertSales(tb, 1)
	require.Empty(t, tb.said)

	srv.AssertPosts(tb, 2)
	srv.AssertPings(tb, 1)
	srv.AssertRequests(tb, 0)
	srv.AssertSales(tb, 0)
	post := "\n\t" + `post POST /api/v1/inbound_webhooks/post/my_endpoint {"caller_id":"5555550100"}`
	require.Equal(t, []string{
		"trackdrivetest: got 1 requests of [post], want 2" + post,
		"trackdrivetest: got 0 requests of [ping], want 1",
		"trackdrivetest: got 1 requests, want 0" + post,
		"trackdrivetest: 1 calls were sold, want 0\n\t" + `acme/my_endpoint to buyer 101 for 25.00, caller 5555550100, ping id ""`,
	}, tb.said)
}

func TestUnreadableRequests(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	for name, test := range map[string]struct {
		request *http.Request
		want    int
	}{
		"no JSON":         {newRequest(t, "POST", srv.URL+"/api/v1/"+pingPath, "application/json", `{"caller_id":`), 400},
		"two documents":   {newRequest(t, "POST", srv.URL+"/api/v1/"+pingPath, "application/json", `{}{}`), 400},
		"null":            {newRequest(t, "POST", srv.URL+"/api/v1/"+pingPath, "application/json", `null`), 400},
		"an array":        {newRequest(t, "POST", srv.URL+"/api/v1/"+pingPath, "application/json", `[]`), 400},
		"a bad form":      {newRequest(t, "POST", srv.URL+"/api/v1/"+pingPath, "application/x-www-form-urlencoded", `a=%zz`), 400},
		"a bad query":     {newRequest(t, "GET", srv.URL+"/api/v1/"+pingPath+"?a=%zz", "", ""), 400},
		"too large":       {newRequest(t, "POST", srv.URL+"/api/v1/"+pingPath, "", strings.Repeat("a", 1<<20+1)), 413},
		"deep JSON":       {newRequest(t, "POST", srv.URL+"/api/v1/"+pingPath, "application/json", strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40)), 400},
		"a deep form":     {newRequest(t, "GET", srv.URL+"/api/v1/"+pingPath+"?a"+strings.Repeat("[b]", 40)+"=1", "", ""), 400},
		"a bad path":      {newRequest(t, "GET", srv.URL+"/elsewhere", "", ""), 404},
		"a wrong method":  {newRequest(t, "DELETE", srv.URL+"/api/v1/"+pingPath, "", ""), 404},
		"an encoded path": {newRequest(t, "GET", srv.URL+"/api/v1/inbound_webhooks/ping/my%5Fendpoint", "", ""), 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, do(t, test.request).status)
		})
	}
}

func TestARequestThatStopsHalfwayIsNotRecorded(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(conn, "POST /api/v1/"+postPath+" HTTP/1.1\r\nHost: acme.trackdrive.com\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	rest, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Empty(t, rest)
	srv.AssertRequests(t, 0)
	srv.AssertSales(t, 0)
}

func TestParams(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	tests := map[string]struct {
		query string
		want  map[string]string
	}{
		"flat":              {"a=1&b=", map[string]string{"a": "1", "b": ""}},
		"the last one wins": {"a=1&a=2", map[string]string{"a": "2"}},
		"nested":            {"data[a][b]=1&data[c]=2", map[string]string{"data[a][b]": "1", "data[c]": "2"}},
		"list":              {"ids[]=1&ids[]=2", map[string]string{"ids[0]": "1", "ids[1]": "2"}},
		"nested list":       {"data[ids][]=1", map[string]string{"data[ids][0]": "1"}},
		"scalar and hash":   {"a=1&a[b]=2", map[string]string{"a[b]": "2"}},
		"an odd name":       {"dob_mm/dd/yyyy=1&[a]=2&b]=3", map[string]string{"dob_mm/dd/yyyy": "1", "[a]": "2", "b]": "3"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do(t, newRequest(t, http.MethodGet, srv.URL+"/api/v1/"+pingPath+"?"+test.query, "", ""))
			for _, r := range srv.Pings() {
				if r.Query.Encode() != mustQuery(t, test.query).Encode() {
					continue
				}
				require.Equal(t, test.want, r.Params.Flat())
				for field, text := range test.want {
					require.True(t, r.Params.Has(field), field)
					require.Equal(t, text, r.Params.Text(field))
				}
				require.False(t, r.Params.Has("a[x][y]"))
				require.False(t, r.Params.Has("ids[7]"))
				return
			}
			t.Error("the request is not in the record")
		})
	}
}

func mustQuery(t *testing.T, query string) url.Values {
	t.Helper()
	values, err := url.ParseQuery(query)
	require.NoError(t, err)
	return values
}

func TestNumbersInJSONKeepTheirText(t *testing.T) {
	t.Parallel()
	srv := withEndpoint(t, trackdrivetest.Endpoint{})
	send(t, srv, pingPath, `{"a":25.50,"b":12345678901234567890,"c":1e3,"d":null,"e":false}`)
	require.Equal(t, map[string]string{"a": "25.50", "b": "12345678901234567890", "c": "1e3", "d": "", "e": "false"}, srv.Last().Params.Flat())
}
