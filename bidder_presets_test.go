package trackdrive_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// marketReply returns a reply of another platform.
func marketReply(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/market-replies/" + name + ".json")
	require.NoError(t, err)
	return string(data)
}

type bidderPreset struct {
	make     func(*trackdrive.Client, string) (trackdrive.WebhookBidder, error)
	id       string
	sent     string // the ping
	withTags string // the ping of a lead with zip and state
}

var bidderPresets = map[string]bidderPreset{
	"ringba": {
		make: trackdrive.RingbaBidder, id: "acme0000000000000000000000000001",
		sent:     `POST https://rtb.ringba.com/v1/production/acme0000000000000000000000000001.json {"CID":"15555550142","exposeCallerId":"yes"}`,
		withTags: `POST https://rtb.ringba.com/v1/production/acme0000000000000000000000000001.json {"CID":"15555550142","exposeCallerId":"yes"}`,
	},
	"retreaver": {
		make: trackdrive.RetreaverBidder, id: "00000000-0000-4000-8000-00000000000f",
		sent:     `POST https://rtb.retreaver.com/rtbs.json {"key":"00000000-0000-4000-8000-00000000000f","caller_number":"+15555550142"}`,
		withTags: `POST https://rtb.retreaver.com/rtbs.json {"key":"00000000-0000-4000-8000-00000000000f","caller_number":"+15555550142","caller_zip":"90210","caller_state":"CA"}`,
	},
	"callgrid": {
		make: trackdrive.CallGridBidder, id: "acme-grid-1",
		sent:     `POST https://bid.callgrid.com/api/bid/acme-grid-1 {"CallerId":"+15555550142"}`,
		withTags: `POST https://bid.callgrid.com/api/bid/acme-grid-1 {"CallerId":"+15555550142","InboundZipCode":"90210","InboundStateCode":"CA"}`,
	},
}

// bidder returns the preset whose name the name of a reply begins with.
func presetFor(t *testing.T, m *otherMarket, reply string) (bidderPreset, trackdrive.WebhookBidder) {
	t.Helper()
	name, _, _ := strings.Cut(reply, "_")
	preset := bidderPresets[name]
	b, err := preset.make(newClient(t, m), preset.id)
	require.NoError(t, err)
	return preset, b
}

func TestRepliesOfOtherPlatformsAreRead(t *testing.T) {
	t.Parallel()
	arrives := time.Date(2026, time.November, 28, 16, 4, 0, 0, time.UTC) // a minute before the samples expire
	for name, tc := range map[string]struct {
		bid, dial, id string // bid "-" for unknown; "" for no bid
		expires       time.Duration
		reason        string
	}{
		"ringba_accept":                  {bid: "27.5", dial: "+13035550142", id: "RTB0acme0000000000000000000000001", expires: time.Minute},
		"ringba_accept_cached":           {bid: "27.5", dial: "+13035550142", id: "RTB0acme0000000000000000000000001", expires: 21 * time.Second},
		"ringba_accept_no_number":        {reason: "phoneNumber not empty: got nothing"},
		"ringba_reject_1006":             {reason: `rejectReason is empty: got "Final capacity check (Code: 1006)"`},
		"ringba_reject_1024":             {reason: `rejectReason is empty: got "Rate limited (Code: 1024)"`},
		"ringba_reject_with_amount":      {reason: `rejectReason is empty: got "Final capacity check code=1006"`},
		"retreaver_accept":               {bid: "22.0", dial: "+13035550143", id: "00000000-0000-4000-8000-0000000000a1", expires: time.Minute},
		"retreaver_accept_wrapped":       {bid: "22.0", dial: "+13035550143", id: "00000000-0000-4000-8000-0000000000a1", expires: time.Minute},
		"retreaver_accept_shielded":      {bid: "22.0", dial: "+13035550143", id: "00000000-0000-4000-8000-0000000000a1", expires: time.Minute},
		"retreaver_accept_null_payout":   {bid: "-", dial: "+13035550143", id: "00000000-0000-4000-8000-0000000000a1", expires: time.Minute},
		"retreaver_accept_sip_in_number": {bid: "25.0", dial: "sip:00000000-0000-4000-8000-0000000000a4@sip.example.invalid", id: "00000000-0000-4000-8000-0000000000a4", expires: time.Minute + 534*time.Millisecond},
		"retreaver_reject_no_target":     {reason: `status equals reserved: got "no-target"`},
		"retreaver_reject_rejected":      {reason: `status equals reserved: got "rejected"`},
		"callgrid_accept":                {bid: "18.75", dial: "sip:acmebid0001@grid.example.invalid", id: "acmebid0001"},
		"callgrid_reject_2000":           {reason: "code equals 1000: got 2000"},
		"callgrid_reject_4003":           {reason: "code equals 1000: got 4003"},
		"callgrid_reject_4004":           {reason: "code equals 1000: got 4004"},
		"retreaver_confirm_ok":           {reason: `status equals reserved: got "confirmed"`},
		"retreaver_confirm_no_target":    {reason: `status equals reserved: got "no-target"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				<-time.After(time.Until(arrives))
				body := marketReply(t, name)
				m := answers(body)
				preset, b := presetFor(t, m, name)
				ping, err := b.Ping(t.Context(), callerPing())
				require.NoError(t, err)
				require.Equal(t, []string{preset.sent}, m.sent)
				require.Equal(t, "application/json", m.headers[0].Get("Content-Type"))
				require.Empty(t, m.headers[0].Get("Authorization"))
				require.Equal(t, tc.bid != "", ping.Accepted)
				if tc.bid == "" {
					require.Empty(t, ping.Buyers)
					require.Contains(t, ping.String(), tc.reason)
					return
				}
				require.Len(t, ping.Buyers, 1)
				buyer := ping.Buyers[0]
				require.Equal(t, strings.Trim(tc.bid, "-"), buyer.Payout.String())
				require.Equal(t, tc.dial, buyer.DestinationNumber)
				require.Equal(t, trackdrive.ID(tc.id), buyer.PingID)
				require.Equal(t, tc.expires, ping.ExpiresIn)
				require.JSONEq(t, body, string(buyer.Raw))
				require.Empty(t, ping.Errors)

				b.ConfirmWebhook = nil
				post, err := b.Post(t.Context(), buyer, ping.PostTo(buyer))
				require.NoError(t, err)
				number, ok := post.Number()
				require.True(t, ok)
				require.Equal(t, tc.dial, number)
				require.Len(t, m.sent, 1, "dialling is the commitment")
			})
		})
	}
	files, err := os.ReadDir("testdata/market-replies")
	require.NoError(t, err)
	count := 0
	for _, f := range files {
		if name, _, _ := strings.Cut(f.Name(), "_"); bidderPresets[name].make != nil {
			count++
		}
	}
	require.Equal(t, 19, count, "a sample is not in the table")
}

func TestRetreaverIsConfirmed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reply string
		want  trackdrive.TryOutcome
	}{
		"confirmed":          {marketReply(t, "retreaver_confirm_ok"), trackdrive.TrySold},
		"confirmed, wrapped": {`{"rtb":` + marketReply(t, "retreaver_confirm_ok") + `}`, trackdrive.TrySold},
		"no target any more": {marketReply(t, "retreaver_confirm_no_target"), trackdrive.TryRejected},
		"no target, wrapped": {`{"rtb":` + marketReply(t, "retreaver_confirm_no_target") + `}`, trackdrive.TryRejected},
		"yes and no":         {`{"status":"no-target","rtb":{"status":"confirmed"}}`, trackdrive.TryRejected},
		"cut":                {marketReply(t, "retreaver_confirm_ok")[:60], trackdrive.TryUnknown},
		"an empty object":    {`{}`, trackdrive.TryUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := answers(marketReply(t, "retreaver_accept"), tc.reply)
				_, b := presetFor(t, m, "retreaver")
				result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "retreaver", Bidder: b}}})
				require.Equal(t, []string{"retreaver: buyer 00000000-0000-4000-8000-0000000000a1 22.0"}, lines(result.Bids))
				sale, _ := result.Sell(t.Context())
				require.Equal(t, tc.want, sale.Tries[0].Outcome)
				require.Equal(t, []string{
					strings.Replace(bidderPresets["retreaver"].sent, `0142"`, `0142","caller_zip":"90210"`, 1),
					`PUT https://rtb.retreaver.com/rtbs/00000000-0000-4000-8000-0000000000a1.json {"key":"00000000-0000-4000-8000-00000000000f","status":"confirmed"}`,
				}, m.sent)
				if tc.want == trackdrive.TrySold {
					number, _ := sale.Number()
					require.Equal(t, "+13035550143", number)
				}
			})
		})
	}
}

func TestPresetsOfBiddersSendWhatTheLeadHas(t *testing.T) {
	t.Parallel()
	for name, preset := range bidderPresets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := answers(`{}`)
			_, b := presetFor(t, m, name)
			_, err := b.Ping(t.Context(), &trackdrive.PingRequest{CallerID: "(555) 555-0142", TrafficSourceID: "1000", TrackdriveNumber: "+15555550120", Fields: trackdrive.Fields{"zip": "90210", "state": "CA", "tags": []string{"tv"}}})
			require.NoError(t, err)
			require.Equal(t, []string{preset.withTags}, m.sent)
			require.False(t, b.PingMaySell(&trackdrive.PingRequest{CallerID: bidCaller, TrackdriveNumber: "+15555550120"}))

			_, err = b.Ping(t.Context(), &trackdrive.PingRequest{CallerID: "[caller]"})
			require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
			require.Len(t, m.sent, 1)
			_, err = b.Ping(t.Context(), &trackdrive.PingRequest{})
			require.NoError(t, err)
			require.NotContains(t, strings.ToLower(m.sent[1]), "caller_number")
			require.NotContains(t, m.sent[1], `"CID"`)
			require.NotContains(t, m.sent[1], `"CallerId"`)
		})
	}
}

func TestPresetsOfBiddersTakeURLs(t *testing.T) {
	t.Parallel()
	lead := &trackdrive.PingRequest{CallerID: bidCaller, Fields: trackdrive.Fields{"zip": "90210", "age": 42}}
	for name, tc := range map[string]struct {
		make      func(*trackdrive.Client, string) (trackdrive.WebhookBidder, error)
		url, want string
	}{
		"ringba":           {trackdrive.RingbaBidder, "https://rtb.example.com/v1/production/ID.json", `POST https://rtb.example.com/v1/production/ID.json {"CID"`},
		"ringba's tags":    {trackdrive.RingbaBidder, "https://rtb.ringba.com/v1/production/ID.json?zipcode=[zip]", `POST https://rtb.ringba.com/v1/production/ID.json?zipcode=90210 {"CID"`},
		"retreaver":        {trackdrive.RetreaverBidder, "https://rtb.example.com/rtbs.json?key=k-1", `POST https://rtb.example.com/rtbs.json {"key":"k-1"`},
		"retreaver's tags": {trackdrive.RetreaverBidder, "https://rtb.example.com/rtbs.json?publisher_id=77&key=k%2D1&caller_age=[age]", `POST https://rtb.example.com/rtbs.json?publisher_id=77&caller_age=42 {"key":"k-1"`},
		"callgrid":         {trackdrive.CallGridBidder, "https://bid.example.com/api/bid/ID", `POST https://bid.example.com/api/bid/ID {"CallerId"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := answers(marketReply(t, "retreaver_accept_wrapped"), marketReply(t, "retreaver_confirm_ok"))
			b, err := tc.make(newClient(t, m), tc.url)
			require.NoError(t, err)
			_, err = b.Ping(t.Context(), lead)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(m.sent[0], tc.want), m.sent[0])
			if b.ConfirmWebhook == nil {
				return
			}
			_, err = b.Post(t.Context(), trackdrive.Buyer{PingID: "u/1"}, &trackdrive.PostRequest{Fields: lead.Fields})
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(m.sent[1], "PUT https://rtb.example.com/rtbs/u%2F1.json"), m.sent[1])
			require.NotContains(t, strings.SplitN(m.sent[1], " ", 3)[1], "k-1", "the key is in the body alone")
		})
	}
}

func TestPresetsOfBiddersRefuseBadArguments(t *testing.T) {
	t.Parallel()
	c := newClient(t, answers("{}"))
	for name, preset := range bidderPresets {
		for what, argument := range map[string]string{
			"nothing": "", "a blank": "a b", "a token": "[rtb_id]", "a question": "id?x=1", "plain ftp": "ftp://rtb.example.com/rtbs.json?key=k", "no host": "https:///rtbs.json?key=k", "another document": "https://rtb.example.com/rtbs.xml?key=k",
		} {
			if name == "callgrid" && what == "another document" {
				continue
			}
			b, err := preset.make(c, argument)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, "%s, %s", name, what)
			require.Zero(t, b)
		}
		_, err := preset.make(nil, preset.id)
		require.ErrorContains(t, err, "client: is nil")
	}
	for what, url := range map[string]string{
		"no key": "https://rtb.example.com/rtbs.json?publisher_id=77", "two keys": "https://rtb.example.com/rtbs.json?key=a&key=b", "half an escape": "https://rtb.example.com/rtbs.json?key=%2",
		"an empty key": "https://rtb.example.com/rtbs.json?key=", "a token as the key": "https://rtb.example.com/rtbs.json?key=[key]",
	} {
		_, err := trackdrive.RetreaverBidder(c, url)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, what)
		require.NotContains(t, err.Error(), "%2", "the error shows no key")
	}
}

// Ringba's and Retreaver's caches, through the presets.
func TestABidThatIsMadeAgainKeepsItsClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, again string
		want         time.Duration
	}{
		"ringba's warning 230":    {"ringba_accept", "ringba_accept_cached", 20 * time.Second},
		"retreaver's ping shield": {"retreaver_accept", "retreaver_accept_shielded", 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				<-time.After(time.Until(time.Date(2026, time.November, 28, 16, 4, 0, 0, time.UTC)))
				m := answers(marketReply(t, tc.first), marketReply(t, tc.again))
				_, b := presetFor(t, m, tc.first)
				first, err := b.Ping(t.Context(), callerPing())
				require.NoError(t, err)
				require.Equal(t, time.Minute, first.ExpiresIn)
				<-time.After(40 * time.Second)
				_, again := presetFor(t, m, tc.first) // a program may make its bidder anew
				again.Client = b.Client
				second, err := again.Ping(t.Context(), callerPing())
				require.NoError(t, err)
				require.Equal(t, tc.want, second.ExpiresIn)
				require.Equal(t, first.Buyers[0].PingID, second.Buyers[0].PingID)
			})
		})
	}
}
