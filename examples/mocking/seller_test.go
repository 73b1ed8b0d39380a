package mocking_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/examples/mocking"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// With httpmock: a transport for each test, so that tests run in parallel. The
// replies come from trackdrivetest's builders.
func TestWithHTTPMock(t *testing.T) {
	t.Parallel()
	const at = "https://acme.trackdrive.com/api/v1/inbound_webhooks/"
	buyer := trackdrivetest.Buyer{ID: "101", Name: "Buyer A", Bid: "25.50"}
	mock := httpmock.NewMockTransport()
	mock.RegisterResponder("POST", at+"ping/sell", httpmock.NewStringResponder(200, trackdrivetest.Ping(trackdrivetest.ShapeCurrent, buyer)))
	mock.RegisterResponder("POST", at+"post/sell", httpmock.NewStringResponder(200, trackdrivetest.Post(trackdrivetest.ShapeCurrent, "+15555550120", buyer)))
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(mock))
	require.NoError(t, err)

	seller := mocking.Seller{Client: client, Endpoint: "sell", Floor: trackdrive.MustAmount("20.00")}
	number, err := seller.Sell(t.Context(), "+15555550142")
	require.NoError(t, err)
	require.Equal(t, "+15555550120", number)

	seller.Floor = trackdrive.MustAmount("30.00")
	number, err = seller.Sell(t.Context(), "+15555550142")
	require.NoError(t, err)
	require.Empty(t, number)
	require.Equal(t, 1, mock.GetCallCountInfo()["POST "+at+"post/sell"])
}

// With the fake: it keeps a ledger, so that a test can ask what was sold.
func TestWithTheFake(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.NewServer(t)
	fake.AddEndpoint(trackdrivetest.Endpoint{
		VanityURI: "sell", Expiry: time.Minute,
		Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}, {Name: "Buyer B", Bid: "32.00"}},
	})
	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(fake.URL))
	require.NoError(t, err)
	seller := mocking.Seller{Client: client, Endpoint: "sell", Floor: trackdrive.MustAmount("20.00")}

	_, err = seller.Sell(t.Context(), "+15555550142")
	require.NoError(t, err)
	fake.AssertSales(t, 1)
	require.Equal(t, "Buyer B", fake.Sales()[0].BuyerName)

	// The answer to the post is lost: the lead is sold, and nobody knows.
	fake.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
	_, err = seller.Sell(t.Context(), "+15555550143")
	require.ErrorIs(t, err, mocking.ErrUnsettled)
	fake.AssertPosts(t, 2)
	fake.AssertSales(t, 2)
}

// With the fake in memory, in a synctest bubble: time limits end without
// waiting.
func TestInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := trackdrivetest.New()
		fake.AddEndpoint(trackdrivetest.Endpoint{VanityURI: "sell", Buyers: []trackdrivetest.Buyer{{Name: "Buyer A", Bid: "25.50"}}})
		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()), trackdrive.WithTimeout(8*time.Second))
		require.NoError(t, err)
		seller := mocking.Seller{Client: client, Endpoint: "sell", Floor: trackdrive.MustAmount("20.00")}

		fake.Fail(trackdrivetest.OpPost, trackdrivetest.Slow(time.Minute), 1)
		begun := time.Now()
		_, err = seller.Sell(t.Context(), "+15555550142")
		require.ErrorIs(t, err, mocking.ErrUnsettled)
		require.Equal(t, 8*time.Second, time.Since(begun))
		fake.AssertSales(t, 0)
	})
}
