package sales_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// asking is a market whose desks ask its calls.
func asking(t *testing.T) *market {
	t.Helper()
	m := newMarket(t)
	var err error
	m.client, err = trackdrive.NewClient("acme", trackdrive.WithTransport(m.fake.Transport()), trackdrive.WithAuth(trackdrive.DeveloperToken("made-up")))
	require.NoError(t, err)
	m.config.Clients = func(string) *trackdrive.Client { return m.client }
	return m
}

// doubt leaves a lead unknown. The post sells, unless the fault strikes before.
func (m *market) doubt(t *testing.T, leadID string, isSold bool) *sales.Sale {
	t.Helper()
	fault := trackdrivetest.Drop()
	if isSold {
		fault = trackdrivetest.AfterActing(fault)
	}
	m.fake.Fail(trackdrivetest.OpPost, fault, 1)
	sale, err := m.offer(t, m.desk(t), leadID)
	require.ErrorIs(t, err, sales.ErrUnknown)
	return sale
}

func (m *market) settle(t *testing.T, leadID string) *sales.Sale {
	t.Helper()
	sale, err := m.desk(t).Settle(t.Context(), leadID)
	require.NoError(t, err)
	return sale
}

func TestALeadIsSettledByItsCall(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", true)
	sale := m.settle(t, "lead-1")
	require.Equal(t, sales.Sold, sale.State)
	require.Equal(t, m.fake.Sales()[0].CallUUID, sale.CallUUID)
	require.Equal(t, trackdrive.TrySold, sale.Tries[0].Outcome)
	require.WithinDuration(t, time.Now(), sale.AskedAt, time.Minute)
	_, ok := sale.Number()
	require.False(t, ok, "nobody knows the number")
	require.Equal(t, []sales.EventKind{sales.EventUnknown, sales.EventSettled}, m.kinds())
	before := len(m.fake.Requests())
	require.Equal(t, sales.Sold, m.settle(t, "lead-1").State)
	sale, err := m.offer(t, m.desk(t), "lead-1")
	require.NoError(t, err)
	require.Equal(t, sales.Sold, sale.State)
	require.Len(t, m.fake.Requests(), before, "that is known")
}

func TestACallThatIsNotSeenFreesNothing(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", false)
	for n := range 3 {
		sale := m.settle(t, "lead-1")
		require.Equal(t, sales.Unknown, sale.State)
		require.Equal(t, n+1, sale.NotSeen)
		require.NotZero(t, sale.AskedAt)
	}
	_, err := m.offer(t, m.desk(t), "lead-1")
	require.ErrorIs(t, err, sales.ErrUnknown)
	// the caller is put through at last
	call := m.fake.AddCall(trackdrivetest.Call{CallerNumber: "(555) 555-0142", BuyerID: "102"})
	sale := m.settle(t, "lead-1")
	require.Equal(t, sales.Sold, sale.State)
	require.Equal(t, call.UUID, sale.CallUUID)
	require.Equal(t, 3, sale.NotSeen)
}

func TestCallsThatAreNotTheLeads(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", false)
	m.fake.AddCall(trackdrivetest.Call{CallerNumber: "+15555550177", BuyerID: "102"})
	m.fake.AddCall(trackdrivetest.Call{CallerNumber: caller, BuyerID: "101"})
	m.fake.AddCall(trackdrivetest.Call{CallerNumber: caller, BuyerID: "102", CreatedAt: time.Now().Add(-2 * time.Minute)})
	m.fake.AddCall(trackdrivetest.Call{CallerNumber: caller, BuyerID: "102", CreatedAt: time.Now().Add(2 * time.Hour)})
	require.Equal(t, 1, m.settle(t, "lead-1").NotSeen)
}

func TestACallSettlesOneLead(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", true)
	m.doubt(t, "lead-2", false)
	uuid := m.fake.Sales()[0].CallUUID
	require.Equal(t, uuid, m.settle(t, "lead-1").CallUUID)
	sale := m.settle(t, "lead-2")
	require.Equal(t, sales.Unknown, sale.State)
	require.Contains(t, sale.Note, "another lead has the only call that fits: "+uuid)
	require.Empty(t, sale.CallUUID)
	require.Zero(t, sale.NotSeen)
}

// The one call may be that of the lead whose number was handed out.
func TestACallOfALeadThatWasSoldInBetween(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", false)
	_, err := m.offer(t, m.desk(t), "lead-2")
	require.NoError(t, err)
	sale := m.settle(t, "lead-1")
	require.Equal(t, sales.Unknown, sale.State)
	require.Contains(t, sale.Note, `may be that of lead "lead-2"`)
}

func TestACallThatHidesItsCallerSettlesNothing(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", false)
	body := `{"calls":[{"uuid":"u-1","caller_number":"anonymous","buyer_id":102,"created_at":"` + time.Now().UTC().Format(time.RFC3339) + `"}],"metadata":{"root":"calls"}}`
	m.fake.Fail(trackdrivetest.OpCalls, trackdrivetest.Status(http.StatusOK, nil, body), 9)
	sale := m.settle(t, "lead-1")
	require.Equal(t, sales.Unknown, sale.State)
	require.Contains(t, sale.Note, "does not show its caller or its time: u-1")
}

// Of two leads in doubt, the call is that of the post after which it came.
func TestACallThatIsNearerToAnotherLead(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", true)
	m.fake.Advance(-10 * time.Second)
	m.doubt(t, "lead-2", false)
	sale := m.settle(t, "lead-2")
	require.Equal(t, sales.Unknown, sale.State)
	require.Contains(t, sale.Note, `may be that of lead "lead-1"`)
	require.Equal(t, sales.Sold, m.settle(t, "lead-1").State)
	sale = m.settle(t, "lead-2")
	require.Equal(t, sales.Unknown, sale.State)
	require.Contains(t, sale.Note, "another lead has the only call that fits")
}

// A note of an earlier look does not outlive it.
func TestANoteIsThatOfTheLastLook(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", true)
	body := `{"calls":[{"uuid":"u-1","caller_number":"anonymous","buyer_id":102,"created_at":"` + time.Now().UTC().Format(time.RFC3339) + `"}],"metadata":{"root":"calls"}}`
	m.fake.Fail(trackdrivetest.OpCalls, trackdrivetest.Status(http.StatusOK, nil, body), 1)
	require.NotEmpty(t, m.settle(t, "lead-1").Note)
	m.fake.Heal()
	sale := m.settle(t, "lead-1")
	require.Equal(t, sales.Sold, sale.State)
	require.Empty(t, sale.Note)
}

func TestSeveralCallsSettleNothing(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", true)
	second := m.fake.AddCall(trackdrivetest.Call{CallerNumber: caller, BuyerID: "102"})
	sale := m.settle(t, "lead-1")
	require.Equal(t, sales.Unknown, sale.State)
	require.Contains(t, sale.Note, "several calls fit: "+m.fake.Sales()[0].CallUUID)
	require.Contains(t, sale.Note, second.UUID)
	require.Contains(t, sale.Note, "with buyer 102")
}

func TestWhoMayNotReadCallsIsToldSo(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.doubt(t, "lead-1", true)
	m.fake.AddAccess(trackdrivetest.Access{PublicKey: "pub", PrivateKey: "priv", Lacks: []trackdrivetest.Permission{trackdrivetest.PermitAPI}})
	c, err := trackdrive.NewClient("acme", trackdrive.WithTransport(m.fake.Transport()), trackdrive.WithAuth(trackdrive.BasicAuth("pub", "priv")))
	require.NoError(t, err)
	m.client = c
	sale, err := m.desk(t).Settle(t.Context(), "lead-1")
	require.ErrorIs(t, err, trackdrive.ErrForbidden)
	require.ErrorContains(t, err, "the right to read calls is")
	require.Equal(t, sales.Unknown, sale.State)
	require.Zero(t, sale.NotSeen)
}

func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*market){
		"clients: is nil": func(m *market) { m.config.Clients = nil },
		`clients: returned nil for the company "acme"`: func(m *market) { m.config.Clients = func(string) *trackdrive.Client { return nil } },
		`clients: returned the Client of "globex"`: func(m *market) {
			c, _ := trackdrive.NewClient("globex", trackdrive.WithTransport(m.fake.Transport()))
			m.config.Clients = func(string) *trackdrive.Client { return c }
		},
	} {
		m := asking(t)
		m.doubt(t, "lead-1", true)
		change(m)
		_, err := m.desk(t).Settle(t.Context(), "lead-1")
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, want)
	}
	_, err := asking(t).desk(t).Settle(t.Context(), "lead-1")
	require.ErrorIs(t, err, sales.ErrNoSale)

	m := asking(t) // a post without a caller
	m.loseNextAnswer()
	ping, err := m.client.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: caller})
	require.NoError(t, err)
	post := ping.PostTo(ping.Buyers[0])
	post.CallerID = ""
	m.fake.ChangeEndpoint("sell", func(e *trackdrivetest.Endpoint) { e.CallerIDOptional = true })
	_, err = m.desk(t).Post(t.Context(), "lead-1", m.client, "sell", post)
	require.ErrorIs(t, err, sales.ErrUnknown)
	_, err = m.desk(t).Settle(t.Context(), "lead-1")
	require.ErrorContains(t, err, `caller: lead "lead-1" has none`)
}

// silent is another platform, whose confirmations are lost.
type silent struct{}

func (silent) Ping(context.Context, *trackdrive.PingRequest, ...trackdrive.CallOption) (*trackdrive.PingResponse, error) {
	return &trackdrive.PingResponse{Accepted: true, Buyers: []trackdrive.Buyer{{Name: "Buyer A", PingID: "1", Payout: trackdrive.MustAmount("30.00")}}}, nil
}

func (silent) Post(context.Context, trackdrive.Buyer, *trackdrive.PostRequest, ...trackdrive.CallOption) (*trackdrive.PostResponse, error) {
	return nil, errors.New("reset")
}

func TestOtherPlatformsCannotBeAsked(t *testing.T) {
	t.Parallel()
	m := asking(t)
	a := m.auction(t, func(c *trackdrive.AuctionConfig) {
		c.Sources = []trackdrive.AuctionSource{{Name: "house", Bidder: silent{}}}
	})
	sale, err := m.desk(t).Auction(t.Context(), "lead-1", a, &trackdrive.PingRequest{CallerID: caller})
	require.ErrorIs(t, err, sales.ErrUnknown)
	require.Equal(t, "house", sale.Tries[0].Source)
	require.Empty(t, sale.Tries[0].Subdomain)
	_, err = m.desk(t).Settle(t.Context(), "lead-1")
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorContains(t, err, `offered to "house"`)
}

func TestSettlingWithACallerKey(t *testing.T) {
	t.Parallel()
	m := asking(t)
	m.config.CallerKey = []byte("0123456789abcdef0123456789abcdef")
	m.doubt(t, "lead-1", true)
	_, err := m.desk(t).Settle(t.Context(), "lead-1")
	require.ErrorContains(t, err, "caller: is nil, and the store has no numbers")
	m.config.Caller = func(string) (string, error) { return "", errors.New("the CRM is down") }
	_, err = m.desk(t).Settle(t.Context(), "lead-1")
	require.ErrorContains(t, err, "the CRM is down")
	m.config.Caller = func(string) (string, error) { return "+15555550177", nil }
	_, err = m.desk(t).Settle(t.Context(), "lead-1")
	require.ErrorIs(t, err, sales.ErrConflict)
	require.NotContains(t, err.Error(), "5550177")
	m.config.Caller = func(id string) (string, error) { require.Equal(t, "lead-1", id); return "555-555-0142", nil }
	require.Equal(t, sales.Sold, m.settle(t, "lead-1").State)
}

func TestResolving(t *testing.T) {
	t.Parallel()
	for _, state := range []sales.State{sales.Sold, sales.Unsold} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			m := asking(t)
			d := m.desk(t)
			m.doubt(t, "lead-1", state == sales.Sold)
			sale, err := d.Resolve(t.Context(), "lead-1", state, "asked Buyer B")
			require.NoError(t, err)
			require.Equal(t, state, sale.State)
			require.Equal(t, "asked Buyer B", sale.Note)
			again, err := d.Resolve(t.Context(), "lead-1", state, "again")
			require.NoError(t, err)
			require.Equal(t, sale, again, "once is enough")
			other := sales.Sold
			if state == sales.Sold {
				other = sales.Unsold
			}
			_, err = d.Resolve(t.Context(), "lead-1", other, "")
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, `lead "lead-1" is `+string(state))
			_, err = m.offer(t, d, "lead-1")
			require.NoError(t, err)
			m.fake.AssertSales(t, 1)
			counts, err := d.Counts(t.Context())
			require.NoError(t, err)
			require.Equal(t, sales.Counts{Sold: 1}, counts)
		})
	}
	_, err := asking(t).desk(t).Resolve(t.Context(), "lead-1", sales.Sold, "")
	require.ErrorIs(t, err, sales.ErrNoSale)
}
