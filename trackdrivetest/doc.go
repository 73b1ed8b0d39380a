// Package trackdrivetest is a fake TrackDrive, for testing programs that use
// TrackDrive: it accepts the same requests, answers in the same shapes, and
// records every request and every sale.
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
// # Three ways to connect
//
// [NewServer] and [Start] listen on a loopback address: give the client
// [Server.URL] as its base URL, or [Server.Transport], which routes every
// https://SUBDOMAIN.trackdrive.com to the fake. [New] has no listener: its
// [Fake.Transport] answers in memory. [Fake.Register] puts the fake on an
// httpmock transport. A test that only needs a reply's text uses
// [Ping], [Post], [Rejected], [Invalid], [CallUpdated], [LeadSubmitted] and
// [LeadCaptured].
//
// In a testing/synctest bubble, use [New] with [Fake.Transport] or
// [Fake.Register]. A listener always waits for the network, so the bubble's time
// would not advance, and whatever waits for it would hang; [NewServer] fails
// immediately in a bubble. The fake uses the bubble's time, even in [Slow]:
//
//	synctest.Test(t, func(t *testing.T) {
//		fake := trackdrivetest.New()
//		client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(fake.Transport()))
//		// ...
//	})
//
// # State
//
// The fake remembers the ping ids that it gives out. A post with an id that was
// never given out, was sold before or has expired is refused as by TrackDrive,
// with HTTP 200 and success false. A post without a caller_id is refused with
// HTTP 422, unless its endpoint has [Endpoint.CallerIDOptional]. The fake has a
// clock of its own: with [Fake.Advance], ids expire without waiting.
// [Company.ChangeEndpoint] lets a buyer leave between ping and post.
//
// [Company.AddCall] adds calls to an account, and every sale adds one
// ([Sale.CallUUID]). [Company.AssertUpdated] checks that a postback arrived once,
// with exact values. [Company.AddOffer] adds an offer that accepts leads,
// and [Company.Leads] lists them. [Company.AddAccess] adds credentials, and can
// take permissions away from their team, to test 401 and 403. [Fake.AddCompany]
// adds more accounts: a call is found only on its own account.
//
// A fake remembers everything unless it is created [WithLimits]. Then the oldest requests
// and sales are dropped; [Fake.Totals] still counts them, and [Fake.SalesAfter] reads the
// ledger as it grows.
//
// # What TrackDrive sends
//
// The fake also sends, to handlers under test: with [Company.ForwardTo] every sale is
// posted forward, [Company.Subscribe] sends events of calls and updates, and
// [Company.PingBuyer] asks a buyer for a bid. Forward posts and events wait until
// [Fake.Deliver], so that a test decides when they arrive; what is not answered with
// 2xx is sent again. [Fake.FailSending] loses, cuts and repeats them, and [Fake.Sent]
// lists all.
//
// # When things go wrong
//
// [Fake.Fail] plans faults for the next requests:
//
//	srv.Fail(trackdrivetest.OpPost, trackdrivetest.AfterActing(trackdrivetest.Drop()), 1)
//
// sells the call and loses the answer. The client then cannot tell whether the
// call was sold, but [Fake.Sales] shows it. A fault without [AfterActing] strikes
// before anything is done.
//
// # Limits
//
// Replies are as accurate as TrackDrive's public documents. Where these say
// nothing (the bodies of 401, 404 and 429), replies are a guess. Ids and numbers
// come in a fixed order (ta-1, bp-1-101, +15555550100), so that outputs can be
// compared; real ones cannot be guessed. The fake logs nothing, but its record
// shows everything, credentials included: use made-up values. The body of an event is
// a guess, too.
package trackdrivetest
