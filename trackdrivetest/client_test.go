package trackdrivetest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// encodings are the ways in which the Client sends parameters.
var encodings = []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery}

// newClient returns a Client of acme that reaches every company of the fake.
func newClient(t *testing.T, srv *trackdrivetest.Server, opts ...trackdrive.Option) *trackdrive.Client {
	t.Helper()
	c, err := trackdrive.NewClient("acme", append([]trackdrive.Option{trackdrive.WithTransport(srv.Transport())}, opts...)...)
	require.NoError(t, err)
	return c
}

// converted is the update of TrackDrive's documents.
func converted() *trackdrive.UpdateCall {
	return &trackdrive.UpdateCall{BuyerConverted: new(true), OfferConverted: new(true), Revenue: trackdrive.MustAmount("25.50")}
}

// convertedValues are its values in the ledger.
var convertedValues = map[string]string{"buyer_converted": "true", "offer_converted": "true", "revenue": "25.50"}

func TestClientUpdatesACallWithEveryKindOfCredentials(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte("tdpub-1:tdprv-1"))
	access := trackdrivetest.Access{PublicKey: "tdpub-1", PrivateKey: "tdprv-1", DeveloperToken: "dev-1", AuthToken: "auth-1"}
	for name, test := range map[string]struct {
		auth          trackdrive.Authenticator
		header, param string
	}{
		"pair":            {trackdrive.BasicAuth("tdpub-1", "tdprv-1"), "Basic " + encoded, ""},
		"ready-made":      {trackdrive.BasicToken(encoded), "Basic " + encoded, ""},
		"developer token": {trackdrive.DeveloperToken("dev-1"), "Token dev-1", ""},
		"auth_token":      {trackdrive.AuthToken("auth-1"), "", "auth-1"},
	} {
		for _, encoding := range encodings {
			t.Run(name+" "+encoding.String(), func(t *testing.T) {
				t.Parallel()
				srv := trackdrivetest.NewServer(t)
				srv.AddAccess(access)
				srv.AddCall(trackdrivetest.Call{UUID: callID})
				_, err := newClient(t, srv, trackdrive.WithAuth(test.auth)).UpdateCall(t.Context(), callID, converted(), trackdrive.WithEncoding(encoding))
				require.NoError(t, err)
				srv.AssertUpdated(t, callID, convertedValues)
				srv.AssertRequests(t, 1)
				require.Equal(t, test.header, srv.Last().Header.Get("Authorization"))
				require.Equal(t, test.param, srv.Last().Params.Text("auth_token"))
			})
		}
	}
}

func TestClientUpdatesEveryAttribute(t *testing.T) {
	t.Parallel()
	for _, encoding := range encodings {
		t.Run(encoding.String(), func(t *testing.T) {
			t.Parallel()
			srv := withCall(t)
			c := newClient(t, srv, trackdrive.WithAuth(trackdrive.AuthToken("auth-1")), trackdrive.WithEncoding(encoding))
			reply, err := c.UpdateCall(t.Context(), callID, &trackdrive.UpdateCall{
				BuyerConverted: new(true), OfferConverted: new(false),
				Revenue: trackdrive.MustAmount("25.50"), Payout: trackdrive.MustAmount("15.005"),
				PostCallTokens: trackdrive.Fields{"first_name": "Zoë & Pat", "zip": json.Number("90210"), "home": map[string]any{"city": "Los Angeles"}},
				Fields:         trackdrive.Fields{"description": "a+b=c"},
			})
			require.NoError(t, err)
			require.Equal(t, "25.50", reply.Field("call.revenue").String())
			srv.AssertUpdated(t, callID, map[string]string{
				"buyer_converted": "true", "offer_converted": "false", "revenue": "25.50", "payout": "15.005",
				"post_call_tokens[first_name]": "Zoë & Pat", "post_call_tokens[zip]": "90210", "post_call_tokens[home][city]": "Los Angeles",
				"description": "a+b=c",
			})
			call, _ := srv.Call(callID)
			require.Equal(t, []any{true, false, "25.50", "15.005"}, []any{call.BuyerConverted, call.OfferConverted, call.Revenue, call.Payout})
		})
	}
}

func TestClientAddsMoneyOnce(t *testing.T) {
	t.Parallel()
	update := &trackdrive.UpdateCall{AddRevenue: trackdrive.MustAmount("0.10"), AddPayout: trackdrive.MustAmount("0.05")}
	for name, test := range map[string]struct {
		fault    trackdrivetest.Fault
		delivery trackdrive.Delivery
		revenue  string
	}{
		"lost before":      {trackdrivetest.Drop(), trackdrive.DeliveryUnknown, "0.0"},
		"lost after":       {trackdrivetest.AfterActing(trackdrivetest.Drop()), trackdrive.DeliveryUnknown, "0.10"},
		"cut off":          {trackdrivetest.CutOff(), trackdrive.DeliveryUnknown, "0.10"},
		"truncated":        {trackdrivetest.Truncated(), trackdrive.DeliveryUnknown, "0.10"},
		"gateway":          {trackdrivetest.AfterActing(trackdrivetest.BadGateway()), trackdrive.DeliveryUnknown, "0.10"},
		"refused with 200": {trackdrivetest.Refusal("failure", "Not today"), trackdrive.DeliveryAnswered, "0.0"},
		"rate limited":     {trackdrivetest.TooManyRequests(0), trackdrive.DeliveryAnswered, "0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withCall(t)
			srv.Fail(trackdrivetest.OpUpdateCall, test.fault, 1)
			_, err := newClient(t, srv, trackdrive.WithAuth(trackdrive.AuthToken("auth-1"))).UpdateCall(t.Context(), callID, update)
			require.Error(t, err)
			require.Equal(t, test.delivery, trackdrive.DeliveryOf(err))
			srv.AssertRequests(t, 1)
			call, _ := srv.Call(callID)
			require.Equal(t, test.revenue, call.Revenue)
		})
	}
}

func TestClientDeliversAConversionDespiteFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault   trackdrivetest.Fault
		updates int
	}{
		"a dropped request":        {trackdrivetest.Drop(), 1},
		"a gateway that fails":     {trackdrivetest.BadGateway(), 1},
		"a rate limit":             {trackdrivetest.TooManyRequests(0), 1},
		"a maintenance page":       {trackdrivetest.Status(http.StatusServiceUnavailable, nil, ""), 1},
		"a reply that is lost":     {trackdrivetest.AfterActing(trackdrivetest.Drop()), 2},
		"a reply that is cut":      {trackdrivetest.CutOff(), 2},
		"an empty reply is enough": {trackdrivetest.AfterActing(trackdrivetest.Empty()), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withCall(t)
			srv.Fail(trackdrivetest.OpUpdateCall, test.fault, 1)
			_, err := newClient(t, srv, trackdrive.WithAuth(trackdrive.AuthToken("auth-1"))).UpdateCall(t.Context(), callID, converted())
			require.NoError(t, err)
			updates := srv.Updates(callID)
			require.Len(t, updates, test.updates)
			for _, u := range updates {
				require.Equal(t, convertedValues, u.Values)
			}
			call, _ := srv.Call(callID)
			require.Equal(t, "25.50", call.Revenue)
		})
	}
}

func TestClientReportsWhichPermissionsAreNeeded(t *testing.T) {
	t.Parallel()
	for permission, update := range map[trackdrivetest.Permission]*trackdrive.UpdateCall{
		trackdrivetest.PermitAPI:            converted(),
		trackdrivetest.PermitBuyerConverted: {BuyerConverted: new(true)},
		trackdrivetest.PermitBuyerRevenue:   {Revenue: trackdrive.MustAmount("25.50")},
		trackdrivetest.PermitTSConverted:    {OfferConverted: new(true)},
		trackdrivetest.PermitTSPayout:       {Payout: trackdrive.MustAmount("15")},
		trackdrivetest.PermitContactFields:  {Revenue: trackdrive.MustAmount("25.50"), PostCallTokens: trackdrive.Fields{"first_name": "Pat"}},
	} {
		for _, encoding := range encodings {
			t.Run(string(permission)+" "+encoding.String(), func(t *testing.T) {
				t.Parallel()
				srv := withCall(t, permission)
				c := newClient(t, srv, trackdrive.WithAuth(trackdrive.AuthToken("auth-1")), trackdrive.WithEncoding(encoding))
				_, err := c.UpdateCall(t.Context(), callID, update)
				require.ErrorIs(t, err, trackdrive.ErrForbidden)
				require.ErrorContains(t, err, strings.TrimPrefix(string(permission), "Enable "))
				require.Equal(t, trackdrive.DeliveryAnswered, trackdrive.DeliveryOf(err))
				srv.AssertNotUpdated(t, callID)
				srv.AssertRequests(t, 1)
			})
		}
	}
}

func TestClientFindsACallWhereItIs(t *testing.T) {
	t.Parallel()
	for _, encoding := range encodings {
		t.Run(encoding.String(), func(t *testing.T) {
			t.Parallel()
			srv := trackdrivetest.NewServer(t)
			beta := srv.AddCompany("beta")
			srv.AddAccess(trackdrivetest.Access{PublicKey: "tdpub-a", PrivateKey: "tdprv-a"})
			beta.AddAccess(trackdrivetest.Access{DeveloperToken: "dev-b"})
			beta.AddCall(trackdrivetest.Call{UUID: callID})
			c := newClient(t, srv, trackdrive.WithEncoding(encoding), trackdrive.WithAuth(trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{
				"acme": trackdrive.BasicAuth("tdpub-a", "tdprv-a"),
				"beta": trackdrive.DeveloperToken("dev-b"),
				"gone": trackdrive.DeveloperToken("dev-b"),
			})))
			for name, call := range map[string]trackdrive.CallRef{
				"wrong company":   {Subdomain: "acme", UUID: callID},
				"unknown uuid":    {Subdomain: "beta", UUID: "7c9e6679-0000-4000-8000-000000000000"},
				"unknown company": {Subdomain: "gone", UUID: callID},
			} {
				_, err := c.UpdateCallAt(t.Context(), call, converted())
				require.ErrorIs(t, err, trackdrive.ErrNotFound, name)
			}
			srv.AssertRequests(t, 3)
			_, err := c.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: "other", UUID: callID}, converted())
			require.ErrorIs(t, err, trackdrive.ErrNoCredentials)
			srv.AssertRequests(t, 3)
			beta.AssertNotUpdated(t, callID)

			_, err = c.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: "beta", UUID: callID}, converted())
			require.NoError(t, err)
			beta.AssertUpdated(t, callID, convertedValues)
		})
	}
}

func TestClientWithWrongCredentials(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]trackdrive.Authenticator{
		"wrong":  trackdrive.AuthToken("auth-2"),
		"header": trackdrive.DeveloperToken("auth-1"),
		"none":   trackdrive.PerSubdomain(map[string]trackdrive.Authenticator{"acme": nil}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withCall(t)
			_, err := newClient(t, srv, trackdrive.WithAuth(auth)).UpdateCall(t.Context(), callID, converted())
			require.ErrorIs(t, err, trackdrive.ErrUnauthorized)
			srv.AssertNotUpdated(t, callID)
			srv.AssertRequests(t, 1)
		})
	}
}

func TestClientStoresLeads(t *testing.T) {
	t.Parallel()
	lead := trackdrive.Lead{
		LeadToken: "lead-1", CallerID: "+15555550100", TrafficSourceID: "11", RingbaCallUUID: "RGB-1",
		Fields: trackdrive.Fields{"first_name": "Zoë & Pat", "tcpa_opt_in": true, "source url": "https://example.com/?a=b"},
	}
	want := map[string]string{"first_name": "Zoë & Pat", "tcpa_opt_in": "true", "source url": "https://example.com/?a=b"}
	for _, encoding := range encodings {
		t.Run("capture "+encoding.String(), func(t *testing.T) {
			t.Parallel()
			srv := withOffer(t, trackdrivetest.Offer{})
			reply, err := newClient(t, srv).CaptureLead(t.Context(), &lead, trackdrive.WithEncoding(encoding))
			require.NoError(t, err)
			require.Equal(t, "created", reply.Field("dedupe_action").String())
			requireLead(t, srv, reply, want, trackdrivetest.OpCaptureLead)
		})
		t.Run("submit "+encoding.String(), func(t *testing.T) {
			t.Parallel()
			srv := withOffer(t, trackdrivetest.Offer{})
			nested := lead
			nested.Data = trackdrive.Fields{"zip": "90210"}
			reply, err := newClient(t, srv).SubmitLead(t.Context(), &nested, trackdrive.WithEncoding(encoding))
			require.NoError(t, err)
			require.Equal(t, "scheduled", reply.Status)
			requireLead(t, srv, reply, with(want, "data[zip]", "90210"), trackdrivetest.OpSubmitLead)
		})
	}
}

// requireLead requires that the reply's lead is the only one stored.
func requireLead(t *testing.T, srv *trackdrivetest.Server, reply *trackdrive.LeadResponse, fields map[string]string, op trackdrivetest.Operation) {
	t.Helper()
	require.Equal(t, []trackdrivetest.Lead{{
		ID: string(reply.LeadID), OfferID: "21", ScheduleID: "31", LeadToken: "lead-1",
		CallerID: "+15555550100", TrafficSourceID: "11", RingbaCallUUID: "RGB-1",
		Fields: fields, Operation: op, CreatedAt: noon,
	}}, srv.Leads())
}

// with returns m with one more entry.
func with(m map[string]string, name, value string) map[string]string {
	more := map[string]string{name: value}
	for k, v := range m {
		more[k] = v
	}
	return more
}

func TestClientSeesDuplicates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		duplicates trackdrivetest.Duplicates
		action     string // "" for a refusal
		leads      int
	}{
		"allowed":  {trackdrivetest.DuplicatesAllowed, "created", 2},
		"rejected": {trackdrivetest.DuplicatesRejected, "", 1},
		"updated":  {trackdrivetest.DuplicatesUpdated, "updated", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := withOffer(t, trackdrivetest.Offer{Duplicates: test.duplicates})
			c := newClient(t, srv)
			lead := &trackdrive.Lead{LeadToken: "lead-1", CallerID: "+15555550100"}
			first, err := c.CaptureLead(t.Context(), lead)
			require.NoError(t, err)
			second, err := c.CaptureLead(t.Context(), lead)
			srv.AssertLeads(t, test.leads)
			if test.action == "" {
				require.ErrorIs(t, err, trackdrive.ErrRejected)
				require.ErrorContains(t, err, "Duplicate lead")
				require.Equal(t, trackdrive.DeliveryAnswered, trackdrive.DeliveryOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.action, second.Field("dedupe_action").String())
			require.Equal(t, test.leads == 1, first.LeadID == second.LeadID)
		})
	}
}

func TestClientReadsTheReasonsOfEveryForm(t *testing.T) {
	t.Parallel()
	for _, form := range []trackdrivetest.ErrorForm{
		trackdrivetest.ErrorsByField, trackdrivetest.ErrorsByFieldText, trackdrivetest.ErrorsList,
		trackdrivetest.ErrorsMixed, trackdrivetest.ErrorsNested, trackdrivetest.ErrorsText,
	} {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			srv := withOffer(t, trackdrivetest.Offer{Required: []string{"zip"}, ErrorForm: form})
			_, err := newClient(t, srv).SubmitLead(t.Context(), &trackdrive.Lead{LeadToken: "lead-1", CallerID: "+15555550100"})
			require.ErrorIs(t, err, trackdrive.ErrBadRequest)
			require.ErrorContains(t, err, "zip")
			require.ErrorContains(t, err, "can't be blank")
			srv.AssertLeads(t, 0)
		})
	}
}

func TestClientNeverSendsALeadTwice(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  trackdrivetest.Fault
		stored int
	}{
		"lost before": {trackdrivetest.Drop(), 0},
		"lost after":  {trackdrivetest.AfterActing(trackdrivetest.Drop()), 1},
		"cut off":     {trackdrivetest.CutOff(), 1},
		"truncated":   {trackdrivetest.Truncated(), 1},
		"gateway":     {trackdrivetest.BadGateway(), 0},
		"html":        {trackdrivetest.AfterActing(trackdrivetest.HTML200()), 1},
		"empty":       {trackdrivetest.Empty(), 0},
	} {
		for _, encoding := range encodings {
			t.Run(name+" "+encoding.String(), func(t *testing.T) {
				t.Parallel()
				srv := withOffer(t, trackdrivetest.Offer{})
				srv.Fail(trackdrivetest.Any, test.fault, trackdrivetest.Always)
				_, err := newClient(t, srv).CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: "lead-1", CallerID: "+15555550100"}, trackdrive.WithEncoding(encoding))
				require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
				require.Error(t, err)
				srv.AssertRequests(t, 1)
				srv.AssertLeads(t, test.stored)
			})
		}
	}
}

func TestClientSellsOnEveryShape(t *testing.T) {
	t.Parallel()
	for _, shape := range trackdrivetest.Shapes() {
		for _, encoding := range encodings {
			t.Run(shape.String()+" "+encoding.String(), func(t *testing.T) {
				t.Parallel()
				srv := withEndpoint(t, trackdrivetest.Endpoint{Shape: shape})
				c := newClient(t, srv, trackdrive.WithEncoding(encoding))
				ping, err := c.Ping(t.Context(), "my_endpoint", &trackdrive.PingRequest{CallerID: "+15555550100"})
				require.NoError(t, err)
				require.True(t, ping.Accepted)
				require.Len(t, ping.Buyers, 2)
				sale := ping.PostToAll()
				sale.PostOnly = sale.PingID == "" // a shape without ping ids
				post, err := c.Post(t.Context(), "my_endpoint", sale)
				require.NoError(t, err)
				require.True(t, post.Accepted)
				srv.AssertSales(t, 1)
				require.Equal(t, "Buyer A", srv.Sales()[0].BuyerName)
			})
		}
	}
}

func TestClientReachesTheFakeOnEveryTransport(t *testing.T) {
	t.Parallel()
	srv := withCall(t)
	fake := trackdrivetest.New()
	fake.AddCall(trackdrivetest.Call{UUID: callID})
	mock := httpmock.NewMockTransport()
	fake.Register(mock)
	for name, test := range map[string]struct {
		option  trackdrive.Option
		company *trackdrivetest.Company
	}{
		"base URL": {trackdrive.WithBaseURL(srv.URL), srv.Company},
		"loopback": {trackdrive.WithTransport(srv.Transport()), srv.Company},
		"memory":   {trackdrive.WithTransport(fake.Transport()), fake.Company},
		"httpmock": {trackdrive.WithTransport(mock), fake.Company},
	} {
		c, err := trackdrive.NewClient("acme", test.option, trackdrive.WithAuth(trackdrive.AuthToken("auth-1")))
		require.NoError(t, err)
		before := len(test.company.Updates(callID))
		_, err = c.UpdateCall(t.Context(), callID, converted())
		require.NoError(t, err, name)
		require.Len(t, test.company.Updates(callID), before+1, name)
	}
}
