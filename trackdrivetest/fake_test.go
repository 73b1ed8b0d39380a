package trackdrivetest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// worlds are the ways to reach a fake under TrackDrive's own host names.
var worlds = map[string]func(t *testing.T) (*trackdrivetest.Fake, http.RoundTripper){
	"over loopback": func(t *testing.T) (*trackdrivetest.Fake, http.RoundTripper) {
		srv := trackdrivetest.NewServer(t)
		return srv.Fake, srv.Transport()
	},
	"in memory": func(*testing.T) (*trackdrivetest.Fake, http.RoundTripper) {
		fake := trackdrivetest.New()
		return fake, fake.Transport()
	},
	"on httpmock": func(*testing.T) (*trackdrivetest.Fake, http.RoundTripper) {
		fake, mock := trackdrivetest.New(), httpmock.NewMockTransport()
		fake.Register(mock)
		return fake, mock
	},
}

func TestEveryCompanyAnswersAtItsHost(t *testing.T) {
	t.Parallel()
	for name, world := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, transport := world(t)
			fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "my_endpoint", Buyers: []trackdrivetest.Buyer{{Bid: "1"}}})
			beta := fake.AddCompany("Beta")
			beta.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "my_endpoint", Buyers: []trackdrivetest.Buyer{{Bid: "2"}}})
			for host, want := range map[string]string{
				"https://acme.trackdrive.com":     "acme",
				"https://ACME.trackdrive.com:443": "acme",
				"https://beta.trackdrive.com":     "beta",
				"https://beta.trackdrive.net":     "beta",
				"https://trackdrive.com":          "acme",
			} {
				got, err := tryWith(transport, newRequest(t, http.MethodPost, host+"/api/v1/"+postPath, "application/json", `{"caller_id":"5555550100"}`))
				require.NoError(t, err, host)
				require.Equal(t, http.StatusOK, got.status, host)
				require.Equal(t, want, fake.Last().Company, host)
			}
			got, err := tryWith(transport, newRequest(t, http.MethodPost, "https://gamma.trackdrive.com/api/v1/"+postPath, "", ""))
			require.NoError(t, err)
			require.Equal(t, http.StatusNotFound, got.status)
			require.Empty(t, fake.Last().Company)
			require.Len(t, fake.Sales(), 5)

			_, err = tryWith(transport, newRequest(t, http.MethodPost, "https://example.com/api/v1/"+postPath, "", "x"))
			require.Error(t, err, "nothing leaves for the network")
			fake.AssertPosts(t, 6)
		})
	}
}

func TestAnyOtherHostReachesTheHomeCompany(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New(trackdrivetest.WithSubdomain("beta"))
	w := httptest.NewRecorder()
	fake.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://calls.example.com/api/v1/calls", nil))
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Equal(t, "beta", fake.Last().Company)
	require.Equal(t, "beta", fake.Subdomain())
}

func TestHTTPMockKeepsItsOwnRespondersAndCounts(t *testing.T) {
	t.Parallel()
	fake, mock := trackdrivetest.New(), httpmock.NewMockTransport()
	mock.RegisterResponder("POST", "https://acme.trackdrive.com/api/v1/"+pingPath, httpmock.NewStringResponder(418, "mine"))
	fake.Register(mock)
	got, err := tryWith(mock, newRequest(t, http.MethodPost, "https://acme.trackdrive.com/api/v1/"+pingPath, "", ""))
	require.NoError(t, err)
	require.Equal(t, 418, got.status)
	_, err = tryWith(mock, newRequest(t, http.MethodPost, "https://acme.trackdrive.com/api/v1/"+postPath+"?zip=1", "", ""))
	require.NoError(t, err)
	require.Equal(t, 2, mock.GetTotalCallCount())
	fake.AssertRequests(t, 1)
}

func TestBuildersOfEveryShapeAgreeWithTheServer(t *testing.T) {
	t.Parallel()
	for _, shape := range trackdrivetest.Shapes() {
		t.Run(shape.String(), func(t *testing.T) {
			t.Parallel()
			capped := buyerB
			capped.Cap = 2
			srv := withEndpoint(t, trackdrivetest.Endpoint{Shape: shape, Buyers: []trackdrivetest.Buyer{buyerA, capped}})
			want := send(t, srv, pingPath, `{}`).json(t)
			delete(want, "timestamp")
			got := answer{text: trackdrivetest.Ping(shape, buyerA, capped)}.json(t)
			delete(got, "timestamp")
			require.Equal(t, want, got)
			require.Equal(t, send(t, srv, postPath, `{"caller_id":"5555550100"}`).text, trackdrivetest.Post(shape, "+15555550100", buyerA))
		})
	}
	require.Equal(t, `{"success":true,"status":"accepted"}`, trackdrivetest.Post(trackdrivetest.ShapeCurrent, "", buyerA))
	require.Equal(t, `{"success":false,"status":"rejected","errors":["No"]}`, trackdrivetest.Rejected("rejected", "No"))
}

func TestAWrongSetUpEndsTheTest(t *testing.T) {
	t.Parallel()
	ok := trackdrivetest.Endpoint{VanityURI: "my_endpoint"}
	buyers := func(b ...trackdrivetest.Buyer) trackdrivetest.Endpoint {
		return trackdrivetest.Endpoint{VanityURI: "my_endpoint", Buyers: b}
	}
	tests := map[string]struct {
		set  func(f *trackdrivetest.Fake)
		want string
	}{
		"a bid that is not an amount": {func(f *trackdrivetest.Fake) { f.AddEndpoint(buyers(trackdrivetest.Buyer{Bid: "25,00"})) },
			`endpoint "my_endpoint": buyer 101: trackdrive: invalid argument: amount: "25,00" has a comma; give digits with at most one decimal point, such as "25.50"`},
		"a buyer twice": {func(f *trackdrivetest.Fake) {
			f.AddEndpoint(buyers(trackdrivetest.Buyer{ID: "1"}, trackdrivetest.Buyer{ID: "1"}))
		},
			`endpoint "my_endpoint": buyer 1 is given twice`},
		"an endpoint twice": {func(f *trackdrivetest.Fake) { f.AddEndpoint(ok); f.AddEndpoint(ok) },
			`endpoint "my_endpoint" is already added`},
		"no vanity URI": {func(f *trackdrivetest.Fake) { f.AddEndpoint(trackdrivetest.Endpoint{}) },
			`endpoint "": VanityURI is empty`},
		"half seconds": {func(f *trackdrivetest.Fake) {
			f.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "x", Expiry: 1500 * time.Millisecond})
		},
			`endpoint "x": Expiry 1.5s is not in whole seconds`},
		"no such shape": {func(f *trackdrivetest.Fake) { f.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "x", Shape: 9}) },
			`endpoint "x": Shape 9 or ErrorForm 0 does not exist`},
		"a change of nothing": {func(f *trackdrivetest.Fake) { f.ChangeEndpoint("x", func(*trackdrivetest.Endpoint) {}) },
			`there is no endpoint "x"; add it first`},
		"a new name": {func(f *trackdrivetest.Fake) {
			f.AddEndpoint(ok)
			f.ChangeEndpoint("my_endpoint", func(e *trackdrivetest.Endpoint) { e.VanityURI = "x" })
		}, `endpoint "my_endpoint": the vanity URI cannot change`},
		"a company twice":     {func(f *trackdrivetest.Fake) { f.AddCompany("ACME") }, `company "acme" is already added`},
		"a company as a host": {func(f *trackdrivetest.Fake) { f.AddCompany("a.b") }, `company "a.b" is not a subdomain; give one label, such as acme`},
		"no credentials":      {func(f *trackdrivetest.Fake) { f.AddAccess(trackdrivetest.Access{}) }, `AddAccess needs credentials`},
		"half a pair": {func(f *trackdrivetest.Fake) { f.AddAccess(trackdrivetest.Access{PublicKey: "p"}) },
			`AddAccess: PublicKey and PrivateKey go together`},
		"a call twice": {func(f *trackdrivetest.Fake) {
			f.AddCall(trackdrivetest.Call{UUID: "u"})
			f.AddCall(trackdrivetest.Call{UUID: "u"})
		}, `call "u" is already added`},
		"a call's revenue": {func(f *trackdrivetest.Fake) { f.AddCall(trackdrivetest.Call{UUID: "u", Revenue: "x"}) },
			`call "u": Revenue or Payout is not an amount; give a decimal such as "25.50"`},
		"no token": {func(f *trackdrivetest.Fake) { f.AddOffer(trackdrivetest.Offer{}) }, `AddOffer needs a LeadToken or an OfferToken`},
		"a token twice": {func(f *trackdrivetest.Fake) {
			f.AddOffer(trackdrivetest.Offer{LeadToken: "x"})
			f.AddOffer(trackdrivetest.Offer{LeadToken: "x"})
		}, `AddOffer: an offer with this lead token is already added`},
		"no fault":       {func(f *trackdrivetest.Fake) { f.Fail(nil, trackdrivetest.Drop(), 1) }, `Fail needs a matcher and a fault`},
		"negative times": {func(f *trackdrivetest.Fake) { f.Fail(trackdrivetest.Any, trackdrivetest.Drop(), -2) }, `Fail: times is -2; give 0 or more, or Always`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.PanicsWithValue(t, "trackdrivetest: "+test.want, func() { test.set(trackdrivetest.New()) })
			tb := &complaints{t: t}
			require.Panics(t, func() { test.set(trackdrivetest.NewServer(tb).Fake) })
			require.Equal(t, []string{"trackdrivetest: " + test.want}, tb.said)
		})
	}
}
