// Package trackdrivetest is a fake TrackDrive, for the tests of programs that
// use TrackDrive: it takes the same requests, answers in the same shapes, and
// remembers what it was asked and what it sold.
//
// # A test in ten lines
//
//	func TestDialerSellsToTheBestBuyer(t *testing.T) {
//		srv := trackdrivetest.NewServer(t)
//		srv.AddEndpoint(trackdrivetest.Endpoint{
//			VanityURI: "my_endpoint",
//			Buyers: []trackdrivetest.Buyer{
//				{ID: "101", Name: "Buyer A", Bid: "25.00"},
//				{ID: "102", Name: "Buyer B", Bid: "31.50"},
//			},
//		})
//		client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL))
//		// ... let the dialer work with client, then:
//		srv.AssertSales(t, 1)
//		if sale := srv.Sales()[0]; sale.BuyerID != "102" {
//			t.Errorf("sold to %s", sale.BuyerName)
//		}
//	}
//
// # Three ways in
//
// [NewServer] and [Start] listen on a loopback address: give the client
// [Server.URL] as its base URL, or [Server.Transport], which leads every
// https://SUBDOMAIN.trackdrive.com to the fake. [New] has no listener: its
// [Fake.Transport] answers in memory. [Fake.Register] puts the fake on an
// httpmock transport. For a test that only needs a reply's text there are
// [Ping], [Post], [Rejected], [Invalid], [CallUpdated], [LeadSubmitted] and
// [LeadCaptured].
//
// In a testing/synctest bubble use [New] and [Fake.Transport], or
// [Fake.Register]: beside a listener, which always waits for the network, the
// bubble's time stands still, and what waits for it hangs. [NewServer] fails
// there at once. The fake goes by the bubble's time, [Slow] included:
//
//	synctest.Test(t, func(t *testing.T) {
//		fake := trackdrivetest.New()
//		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
//		// ...
//	})
//
// # What it knows
//
// Ping ids are minted on ping and known at post: one that was never given, was
// sold before or has expired is refused as TrackDrive does it, with HTTP 200
// and success false. A post without a caller_id is refused with HTTP 422, unless
// its endpoint says that there need not be one: [Endpoint.CallerIDOptional]. Time
// is the fake's own: [Fake.Advance] lets ids expire without waiting.
// [Company.ChangeEndpoint] lets a buyer leave between ping and post.
//
// [Company.AddCall] puts calls on an account, and every sale opens one
// ([Sale.CallUUID]). [Company.AssertUpdated] proves that a postback arrived once,
// with exactly these values. [Company.AddOffer] takes leads, which
// [Company.Leads] lists. [Company.AddAccess] adds credentials, and takes away
// rights of their team, for 401 and 403. [Fake.AddCompany] opens more accounts:
// a call is found only on its own.
//
// # When things go wrong
//
// [Fake.Fail] plans faults for the next requests:
//
//	srv.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
//
// sells the call and loses the answer, which is the one case that a client can
// not tell from a loss: [Fake.Sales] has the truth. A fault without
// [AfterActing] hits before anything is done.
//
// # What it is not
//
// Replies are as good as TrackDrive's public documents, and where these are
// silent (the bodies of 401, 404 and 429) they are a guess. The order of ids and
// numbers is fixed (ta-1, bp-1-101, +15555550100), so that outputs can be
// compared; the real ones can not be guessed. The fake logs nothing, and its
// record shows everything: use made-up values.
package trackdrivetest
