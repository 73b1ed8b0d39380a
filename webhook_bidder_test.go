package trackdrive_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

const bidCaller = "+15555550142"

// otherMarket is a scripted market: it answers in turn, and the last answer for ever. It
// keeps what was sent: "POST https://rtb.example.com/bid {...}".
type otherMarket struct {
	mu      sync.Mutex
	answers []scripted
	sent    []string
	headers []http.Header
}

func (m *otherMarket) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	m.mu.Lock()
	a := m.answers[min(len(m.sent), len(m.answers)-1)]
	m.sent = append(m.sent, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
	m.headers = append(m.headers, r.Header)
	m.mu.Unlock()
	if a.after > 0 {
		select {
		case <-time.After(a.after):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.err != nil {
		askForConnection(r)
		return nil, a.err
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func answers(bodies ...string) *otherMarket {
	m := new(otherMarket)
	for _, b := range bodies {
		m.answers = append(m.answers, scripted{body: b})
	}
	return m
}

// rtb returns a market's bidder with the paths of the tests.
func rtb(t *testing.T, m http.RoundTripper, change ...func(*trackdrive.WebhookBidder)) trackdrive.WebhookBidder {
	t.Helper()
	b := trackdrive.WebhookBidder{
		Client: newClient(t, m),
		PingWebhook: newWebhook(t, trackdrive.WebhookConfig{
			URL: "https://rtb.example.com/bid", Body: `{"caller":"[caller_id]"}`, Acceptance: trackdrive.All(trackdrive.Field("ok").IsTrue()),
		}),
		BidPath: "bid", NumberPath: "number|sip", PingIDPath: "id", ExpiresPath: "ends",
	}
	for _, f := range change {
		f(&b)
	}
	return b
}

func confirming(t *testing.T) func(*trackdrive.WebhookBidder) {
	return func(b *trackdrive.WebhookBidder) {
		b.ConfirmWebhook = newWebhook(t, trackdrive.WebhookConfig{
			URL: "https://rtb.example.com/take/[ping_id]", Body: `{"bid":"[bid]","dial":"[number]","zip":"[zip]"}`,
			Tokens:     map[string]trackdrive.TokenRule{"zip": {OmitBlank: true}, "number": {OmitBlank: true}, "bid": {OmitBlank: true}},
			Acceptance: trackdrive.All(trackdrive.Field("taken").IsTrue()),
		})
	}
}

func callerPing() *trackdrive.PingRequest { return &trackdrive.PingRequest{CallerID: bidCaller} }

func TestMistakesInAWebhookBidder(t *testing.T) {
	t.Parallel()
	m := answers("{}")
	good := rtb(t, m, confirming(t))
	for name, tc := range map[string]struct {
		change func(*trackdrive.WebhookBidder)
		want   []string
	}{
		"all at once": {
			func(b *trackdrive.WebhookBidder) {
				*b = trackdrive.WebhookBidder{ConfirmWebhook: new(trackdrive.Webhook), BidPath: "a..b", ExpiresAs: "secnds"}
			},
			[]string{
				"client: is nil", "ping webhook: is nil", "confirm webhook: was not made by NewWebhook", "bid path: empty name at position 3",
				"number path: is empty; a bid without a number cannot be dialled",
				`expires as: "secnds" is neither seconds, rfc3339, epoch_ms or epoch, nor a layout of package time with date and time, such as "2006-01-02 15:04:05 -0700"`,
				"expires as: is given without an expires path",
			},
		},
		"made by hand": {func(b *trackdrive.WebhookBidder) {
			b.Client, b.PingWebhook = new(trackdrive.Client), new(trackdrive.Webhook)
		}, []string{"client: was not made by NewClient", "ping webhook: was not made by NewWebhook"}},
		"a path that counts":  {func(b *trackdrive.WebhookBidder) { b.BidsPath = "bids.#" }, []string{`bids path: ends in "#", which counts; give the path of a value`}},
		"no id to confirm":    {func(b *trackdrive.WebhookBidder) { b.PingIDPath = "" }, []string{"ping id path: is empty, but the confirmation names the ping id"}},
		"a name, no layout":   {func(b *trackdrive.WebhookBidder) { b.ExpiresAs = "RFC3339" }, []string{`expires as: "RFC3339" is neither seconds, rfc3339, epoch_ms or epoch, nor a layout of package time with date and time, such as "2006-01-02 15:04:05 -0700"`}},
		"a layout of a clock": {func(b *trackdrive.WebhookBidder) { b.ExpiresAs = "15:04:05" }, []string{`expires as: "15:04:05" is neither seconds, rfc3339, epoch_ms or epoch, nor a layout of package time with date and time, such as "2006-01-02 15:04:05 -0700"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := good
			tc.change(&b)
			_, pingErr := b.Ping(t.Context(), callerPing())
			_, postErr := b.Post(t.Context(), trackdrive.Buyer{PingID: "1", DestinationNumber: "+15555550177"}, &trackdrive.PostRequest{})
			for _, err := range []error{pingErr, postErr} {
				require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
				require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
				var parse *trackdrive.ParseError
				require.ErrorAs(t, err, &parse)
				require.Equal(t, tc.want, mistakeTexts(parse))
			}
			require.False(t, b.PingMaySell(callerPing()))
			for _, bidder := range []trackdrive.Bidder{b, &b} {
				_, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "own", Bidder: bidder}}})
				require.ErrorContains(t, err, "sources[0].bidder "+tc.want[0])
			}
		})
	}
	_, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "own", Bidder: (*trackdrive.WebhookBidder)(nil)}}})
	require.ErrorContains(t, err, "sources[0].bidder: is a nil *WebhookBidder")
	require.Empty(t, m.sent)
}

func mistakeTexts(e *trackdrive.ParseError) (texts []string) {
	for _, m := range e.Mistakes {
		texts = append(texts, m.Error())
	}
	return texts
}

// What one reply makes a bid, and what makes it none.
func TestWhatAWebhookBidderReads(t *testing.T) {
	t.Parallel()
	const number = `,"number":"+15555550177"`
	for name, tc := range map[string]struct {
		reply   string
		confirm bool
		change  func(*trackdrive.WebhookBidder)
		bid     string // "-" for an unset payout; "" for no bid
		dial    string
		id      string // "" for a random one
		expires time.Duration
		errors  []string
	}{
		"all of it":                   {reply: `{"ok":true,"bid":27.5,"id":"b-1","ends":60` + number + `}`, bid: "27.5", dial: "+15555550177", id: "b-1", expires: time.Minute},
		"texts":                       {reply: `{"ok":true,"bid":"$27.50","id":7,"ends":"60","number":15555550177}`, bid: "27.50", dial: "15555550177", id: "7", expires: time.Minute},
		"a SIP address instead":       {reply: `{"ok":true,"bid":1,"id":"b","number":null,"sip":"x@sip.example.com"}`, bid: "1", dial: "x@sip.example.com", id: "b"},
		"a SIP address as the number": {reply: `{"ok":true,"bid":1,"id":"b","number":"sip:acme"}`, bid: "1", dial: "sip:acme", id: "b"},
		"no id":                       {reply: `{"ok":true,"bid":1` + number + `}`, bid: "1", dial: "+15555550177"},
		"a null id":                   {reply: `{"ok":true,"bid":1,"id":null` + number + `}`, bid: "1", dial: "+15555550177"},
		"no path of an id":            {reply: `{"ok":true,"bid":1,"id":"x"` + number + `}`, change: func(b *trackdrive.WebhookBidder) { b.PingIDPath = "" }, bid: "1", dial: "+15555550177"},
		"a zero bid":                  {reply: `{"ok":true,"bid":0,"id":"b"` + number + `}`, bid: "0", dial: "+15555550177", id: "b"},
		"a null bid":                  {reply: `{"ok":true,"bid":null,"id":"b"` + number + `}`, bid: "-", dial: "+15555550177", id: "b"},
		"an empty bid":                {reply: `{"ok":true,"bid":"","id":"b"` + number + `}`, bid: "-", dial: "+15555550177", id: "b"},
		"no bid's amount":             {reply: `{"ok":true,"id":"b"` + number + `}`, bid: "-", dial: "+15555550177", id: "b"},
		"no path of an amount":        {reply: `{"ok":true,"bid":5,"id":"b"` + number + `}`, change: func(b *trackdrive.WebhookBidder) { b.BidPath = "" }, bid: "-", dial: "+15555550177", id: "b"},
		"a negative bid":              {reply: `{"ok":true,"bid":-5,"id":"b"` + number + `}`, errors: []string{"bid: is negative"}},
		"a negative bid in text":      {reply: `{"ok":true,"bid":"-0.01","id":"b"` + number + `}`, errors: []string{"bid: is negative"}},
		"a bid in words":              {reply: `{"ok":true,"bid":"ten","id":"b"` + number + `}`, errors: []string{"bid: is not an amount"}},
		"a bid with separators":       {reply: `{"ok":true,"bid":"1,250.00","id":"b"` + number + `}`, errors: []string{"bid: is not an amount"}},
		"a bid that is a list":        {reply: `{"ok":true,"bid":[5],"id":"b"` + number + `}`, errors: []string{"bid: is not an amount"}},
		"a bid that is false":         {reply: `{"ok":true,"bid":false,"id":"b"` + number + `}`, errors: []string{"bid: is not an amount"}},
		"a bid of 40 digits":          {reply: `{"ok":true,"bid":` + strings.Repeat("9", 40) + `,"id":"b"` + number + `}`, errors: []string{"bid: is not an amount"}},
		"no number":                   {reply: `{"ok":true,"bid":5,"id":"b"}`, errors: []string{"number|sip: has no number to dial"}},
		"a null number":               {reply: `{"ok":true,"bid":5,"id":"b","number":null,"sip":""}`, errors: []string{"number|sip: has no number to dial"}},
		"a blank number":              {reply: `{"ok":true,"bid":5,"id":"b","number":" "}`, errors: []string{"number|sip: has no number to dial"}},
		"a number in words":           {reply: `{"ok":true,"bid":5,"id":"b","number":"none"}`, errors: []string{"number|sip: has no number to dial"}},
		"a number that is a token":    {reply: `{"ok":true,"bid":5,"id":"b","number":"[phone_number_1]"}`, errors: []string{"number|sip: has no number to dial"}},
		"a number with an exponent":   {reply: `{"ok":true,"bid":5,"id":"b","number":1.5555550177e10}`, errors: []string{"number|sip: has no number to dial"}},
		"a number that is a list":     {reply: `{"ok":true,"bid":5,"id":"b","number":["+15555550177"]}`, errors: []string{"number|sip: has no number to dial"}},
		"a number with a line break":  {reply: `{"ok":true,"bid":5,"id":"b","number":"+15555550177\r\nX"}`, errors: []string{"number|sip: has no number to dial"}},
		"a number without an end":     {reply: `{"ok":true,"bid":5,"id":"b","number":"` + strings.Repeat("5", 300) + `"}`, errors: []string{"number|sip: has no number to dial"}},
		"an id with a line break":     {reply: `{"ok":true,"bid":5,"id":"b\nc"` + number + `}`, errors: []string{"id: is not an id"}},
		"an id that is a list":        {reply: `{"ok":true,"bid":5,"id":["b"]` + number + `}`, errors: []string{"id: is not an id"}},
		"half a character as an id":   {reply: `{"ok":true,"bid":5,"id":"\ud800"` + number + `}`, errors: []string{"id: is not an id"}},
		"an id that is a token":       {reply: `{"ok":true,"bid":5,"id":"[bid_id]"` + number + `}`, errors: []string{"id: is not an id"}},
		"no time left":                {reply: `{"ok":true,"bid":5,"id":"b","ends":0` + number + `}`, errors: []string{"ends: has passed"}},
		"less than no time":           {reply: `{"ok":true,"bid":5,"id":"b","ends":-3` + number + `}`, errors: []string{"ends: has passed"}},
		"a number given twice":        {reply: `{"ok":true,"bid":5,"id":"b","number":"+15555550177","number":"+15555550178"}`, errors: []string{"number|sip: has no number to dial"}},
		"refused":                     {reply: `{"ok":false,"status":"declined","error":"no capacity"}`, errors: []string{"no capacity", "ok is true: got false"}},
		"unreadable":                  {reply: `<html>`, errors: []string{"ok is true: unreadable reply"}},
		"cut":                         {reply: `{"ok":true,"bid":5`, errors: []string{"ok is true: unreadable reply"}},
		"no criteria, no JSON": {
			reply: `<html>+15555550177`, errors: []string{"the reply cannot be read"},
			change: func(b *trackdrive.WebhookBidder) {
				b.PingWebhook = newWebhook(t, trackdrive.WebhookConfig{URL: "https://rtb.example.com/bid"})
			},
		},
		"a number that comes later":    {confirm: true, reply: `{"ok":true,"bid":5,"id":"b"}`, bid: "5", id: "b"},
		"no id to confirm":             {confirm: true, reply: `{"ok":true,"bid":5` + number + `}`, errors: []string{"id: is missing, and the bid cannot be confirmed without it"}},
		"a reply in another member":    {change: func(b *trackdrive.WebhookBidder) { b.BidsPath = "data" }, reply: `{"ok":true,"data":{"bid":5,"id":"b"` + number + `}}`, bid: "5", dial: "+15555550177", id: "b"},
		"no list of bids":              {change: func(b *trackdrive.WebhookBidder) { b.BidsPath = "data" }, reply: `{"ok":true,"bid":5,"id":"b"` + number + `}`, errors: []string{"data: is not a list of bids"}},
		"an empty list":                {change: func(b *trackdrive.WebhookBidder) { b.BidsPath = "data" }, reply: `{"ok":true,"data":[]}`},
		"no path of an end, an end":    {change: func(b *trackdrive.WebhookBidder) { b.ExpiresPath = "" }, reply: `{"ok":true,"bid":5,"id":"b","ends":0` + number + `}`, bid: "5", dial: "+15555550177", id: "b"},
		"an expiry that nobody can be": {reply: `{"ok":true,"bid":5,"id":"b","ends":"soon"` + number + `}`, bid: "5", dial: "+15555550177", id: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := answers(tc.reply)
			b := rtb(t, m)
			if tc.confirm {
				confirming(t)(&b)
			}
			if tc.change != nil {
				tc.change(&b)
			}
			ping, err := b.Ping(t.Context(), callerPing())
			require.NoError(t, err)
			var texts []string
			for _, e := range ping.Errors {
				texts = append(texts, e.Error())
			}
			require.Equal(t, tc.errors, texts)
			require.Equal(t, tc.bid != "", ping.Accepted)
			require.Equal(t, callerPing(), ping.Request)
			require.Equal(t, tc.reply, string(ping.Meta.Raw))
			if tc.bid == "" {
				require.Empty(t, ping.Buyers)
				return
			}
			require.Len(t, ping.Buyers, 1)
			buyer := ping.Buyers[0]
			require.Equal(t, strings.Trim(tc.bid, "-"), buyer.Payout.String())
			require.Equal(t, tc.dial, buyer.DestinationNumber)
			require.JSONEq(t, tc.reply, string(buyer.Raw))
			require.InDelta(t, tc.expires, ping.ExpiresIn, float64(time.Second))
			if tc.id == "" {
				require.Len(t, buyer.PingID, 26, "a random id")
				again, err := b.Ping(t.Context(), callerPing())
				require.NoError(t, err)
				require.NotEqual(t, buyer.PingID, again.Buyers[0].PingID)
				return
			}
			require.Equal(t, trackdrive.ID(tc.id), buyer.PingID)
		})
	}
}

func TestSeveralBidsInOneReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := answers(`{"ok":true,"data":{"bids":[
			{"id":"a","bid":20,"number":"+15555550171","ends":90},
			{"id":"b","bid":45,"number":"+15555550172","ends":60},
			{"id":"a","bid":99,"number":"+15555550173"},
			{"id":"c","bid":-1,"number":"+15555550174"},
			{"id":"d","bid":30},
			"{\"id\":\"e\",\"bid\":50,\"number\":\"+15555550176\"}", null,
			{"id":"f","bid":null,"number":"+15555550177"},
			{"id":"g","bid":50,"number":"+15555550178","ends":0}
		]}}`)
		b := rtb(t, m, func(b *trackdrive.WebhookBidder) { b.BidsPath = "$.data.bids" })
		result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "rtb", Bidder: b}}})
		require.Equal(t, []string{"rtb: buyer b 45", "rtb: buyer a 20", "rtb: buyer f"}, lines(result.Bids))
		require.Equal(t, []string{
			"rtb: no_bid: ping: $.data.bids.2.id: is that of another bid in the reply, too",
			"rtb: no_bid: ping: $.data.bids.3.bid: is negative",
			"rtb: no_bid: ping: $.data.bids.4.number|sip: has no number to dial",
			"rtb: no_bid: ping: $.data.bids.5.number|sip: has no number to dial",
			"rtb: no_bid: ping: $.data.bids.6.number|sip: has no number to dial",
			"rtb: no_bid: ping: $.data.bids.8.ends: has passed",
		}, lines(result.Losses))
		require.Equal(t, time.Minute, result.Bids[0].Ping.ExpiresIn, "the first that ends")
		sale, err := result.Sell(t.Context())
		require.NoError(t, err)
		number, ok := sale.Number()
		require.True(t, ok)
		require.Equal(t, "+15555550172", number)
		require.Equal(t, []string{`POST https://rtb.example.com/bid {"caller":"+15555550142"}`}, m.sent)
	})
}

func TestManyBidsInOneReply(t *testing.T) {
	t.Parallel()
	const count = 10_000
	var list []string
	for i := range count {
		list = append(list, fmt.Sprintf(`{"id":%d,"bid":%d,"number":"+15555550177"}`, i%(count/2), i))
	}
	b := rtb(t, answers(`{"ok":true,"bids":[`+strings.Join(list, ",")+`]}`), func(b *trackdrive.WebhookBidder) { b.BidsPath = "bids" })
	ping, err := b.Ping(t.Context(), callerPing())
	require.NoError(t, err)
	require.Len(t, ping.Buyers, count/2)
	require.Len(t, ping.Errors, 100, "reasons are bounded")
}

func TestWhenABidExpires(t *testing.T) {
	t.Parallel()
	const clocks = "2006-01-02 15:04:05"
	for name, tc := range map[string]struct {
		as, ends string // ends is JSON
		want     time.Duration
		passed   bool
	}{
		"seconds":                           {ends: `60`, want: time.Minute},
		"seconds by name":                   {as: "seconds", ends: `"61"`, want: 61 * time.Second},
		"a fraction":                        {ends: `0.5`, want: 500 * time.Millisecond},
		"an exponent":                       {ends: `6e1`, want: time.Minute},
		"too many":                          {ends: `1e30`},
		"too many in digits":                {ends: `99999999999999999999`},
		"seconds in words":                  {ends: `"a minute"`},
		"null seconds":                      {ends: `null`},
		"a list of seconds":                 {ends: `[60]`},
		"true":                              {ends: `true`},
		"none left":                         {ends: `0`, passed: true},
		"fewer than none":                   {ends: `"-60"`, passed: true},
		"rfc3339":                           {as: "rfc3339", ends: `"2000-01-01T00:01:00Z"`, want: time.Minute},
		"rfc3339 with millis":               {as: "rfc3339", ends: `"2000-01-01T00:01:00.500Z"`, want: 60500 * time.Millisecond},
		"rfc3339 elsewhere":                 {as: "rfc3339", ends: `"2000-01-01T02:01:00+02:00"`, want: time.Minute},
		"rfc3339 without a zone":            {as: "rfc3339", ends: `"2000-01-01T00:01:00"`},
		"rfc3339 as a number":               {as: "rfc3339", ends: `946684860`},
		"rfc3339, passed":                   {as: "rfc3339", ends: `"1999-12-31T23:59:59Z"`, passed: true},
		"rfc3339, now":                      {as: "rfc3339", ends: `"2000-01-01T00:00:00Z"`, passed: true},
		"epoch":                             {as: "epoch", ends: `946684860`, want: time.Minute},
		"epoch in text":                     {as: "epoch", ends: `"946684860"`, want: time.Minute},
		"epoch, passed":                     {as: "epoch", ends: `946684799`, passed: true},
		"epoch, but milliseconds":           {as: "epoch", ends: `946684860000`},
		"epoch of milliseconds":             {as: "epoch_ms", ends: `946684860250`, want: 60250 * time.Millisecond},
		"epoch of milliseconds, passed":     {as: "epoch_ms", ends: `946684800000`, passed: true},
		"epoch of milliseconds, in seconds": {as: "epoch_ms", ends: `946684860`, passed: true},
		"a layout":                          {as: "1/2/2006 3:04:05 PM -07:00", ends: `"1/1/2000 12:01:00 AM +00:00"`, want: time.Minute},
		"a layout elsewhere":                {as: "1/2/2006 3:04:05 PM -07:00", ends: `"12/31/1999 7:01:00 PM -05:00"`, want: time.Minute},
		"a layout without a zone":           {as: clocks, ends: `"2000-01-01 00:01:00"`},
		"a layout with a name":              {as: clocks + " MST", ends: `"1999-12-31 16:01:00 PST"`, want: time.Minute},
		"a layout with a name of summer":    {as: clocks + " MST", ends: `"1999-12-31 17:01:00 PDT"`, want: time.Minute},
		"a layout with UTC":                 {as: clocks + " MST", ends: `"2000-01-01 00:01:00 UTC"`, want: time.Minute},
		"a layout with an unknown name":     {as: clocks + " MST", ends: `"2000-01-01 00:01:00 XYZ"`},
		"a layout that does not fit":        {as: clocks + " -0700", ends: `"tomorrow"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // which begins at 2000-01-01 00:00:00 UTC
				b := rtb(t, answers(`{"ok":true,"bid":5,"id":"b","number":"+15555550177","ends":`+tc.ends+`}`), func(b *trackdrive.WebhookBidder) { b.ExpiresAs = tc.as })
				ping, err := b.Ping(t.Context(), callerPing())
				require.NoError(t, err)
				require.Equal(t, !tc.passed, ping.Accepted)
				require.Equal(t, tc.want, ping.ExpiresIn)
				if tc.passed || tc.want == 0 {
					return
				}
				<-time.After(tc.want - 1)
				_, err = b.Post(t.Context(), ping.Buyers[0], ping.PostTo(ping.Buyers[0]))
				require.NoError(t, err)
				<-time.After(1)
				_, err = b.Post(t.Context(), ping.Buyers[0], ping.PostTo(ping.Buyers[0]))
				require.ErrorIs(t, err, trackdrive.ErrExpired)
				require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
				without := ping.PostTo(ping.Buyers[0])
				without.ExpiresAt = time.Time{}
				_, err = b.Post(t.Context(), ping.Buyers[0], without)
				require.ErrorIs(t, err, trackdrive.ErrExpired, "the Client remembers")
			})
		})
	}
}

func TestTheValuesOfAWebhookBidder(t *testing.T) {
	t.Parallel()
	config := trackdrive.WebhookConfig{
		URL: "https://rtb.example.com/[traffic_source_id]", OnMissing: trackdrive.MissingBlank,
		Body: `{"c":"[caller_id]","n":"[trackdrive_number]","zip":"[zip]","age":"[age]","ok":"[ok]","nil":"[nothing]","amount":"[amount]","list":"[tags]","nest":"[nest]","given":"[given]"}`, Values: trackdrive.Values{"given": "fixed", "traffic_source_id": "77"},
	}
	for name, tc := range map[string]struct {
		request trackdrive.PingRequest
		want    string
		mistake string
	}{
		"all kinds": {
			request: trackdrive.PingRequest{CallerID: "1", TrafficSourceID: "11", TrackdriveNumber: "2", Fields: trackdrive.Fields{
				"zip": "90210", "age": 42, "ok": true, "nothing": nil, "amount": trackdrive.MustAmount("5.50"), "tags": []string{"a"}, "nest": map[string]any{"a": "b"}, "given": json.Number("7"),
			}},
			want: `POST https://rtb.example.com/11 {"c":"1","n":"2","zip":"90210","age":"42","ok":"true","nil":"","amount":"5.50","list":"","nest":"","given":"7"}`,
		},
		"nothing but what is fixed": {want: `POST https://rtb.example.com/77 {"c":"","n":"","zip":"","age":"","ok":"","nil":"","amount":"","list":"","nest":"","given":"fixed"}`},
		"a caller in Fields":        {request: trackdrive.PingRequest{Fields: trackdrive.Fields{"Caller_ID": "1"}}, mistake: "Caller_ID: is a parameter of the request itself; set it there, not in Fields"},
		"a type that has no text":   {request: trackdrive.PingRequest{Fields: trackdrive.Fields{"zip": struct{}{}}}, mistake: "zip: has the type struct {}"},
		"a token as a value":        {request: trackdrive.PingRequest{CallerID: "[[tag:CallerId]]"}, mistake: "caller_id: is a placeholder or a token that was not replaced"},
		"a name in two cases":       {request: trackdrive.PingRequest{Fields: trackdrive.Fields{"zip": "1", "ZIP": "2"}}, mistake: "ZIP"},
		"no UTF-8":                  {request: trackdrive.PingRequest{Fields: trackdrive.Fields{"zip": "\xff"}}, mistake: "zip: is not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := answers(`{}`)
			b := rtb(t, m, func(b *trackdrive.WebhookBidder) { b.PingWebhook = newWebhook(t, config) })
			_, err := b.Ping(t.Context(), &tc.request)
			if tc.mistake != "" {
				require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
				require.ErrorContains(t, err, tc.mistake)
				require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
				require.Empty(t, m.sent)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []string{tc.want}, m.sent)
		})
	}
	_, err := rtb(t, answers(`{}`)).Ping(t.Context(), nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

func TestFailedPingsOfAWebhookBidder(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]scripted{
		"a refusal by status": {status: 422, body: `{"ok":true,"bid":5,"number":"+15555550177"}`}, "a gateway's": {status: 502}, "no connection": {err: errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ping, err := rtb(t, &otherMarket{answers: []scripted{answer}}).Ping(t.Context(), callerPing())
				require.Nil(t, ping)
				var e *trackdrive.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, "webhook", e.Operation)
			})
		})
	}
}

// Without a confirmation, the number is the promise.
func TestAPromiseHoldsForOneCaller(t *testing.T) {
	t.Parallel()
	reply := `{"ok":true,"bid":5,"id":"b","number":"+15555550177","ends":60}`
	for name, tc := range map[string]struct {
		pinged  string
		change  func(*trackdrive.Buyer, *trackdrive.PostRequest)
		mistake string
	}{
		"the same":              {pinged: bidCaller, change: func(*trackdrive.Buyer, *trackdrive.PostRequest) {}},
		"written otherwise":     {pinged: bidCaller, change: func(_ *trackdrive.Buyer, r *trackdrive.PostRequest) { r.CallerID = "(555) 555-0142" }},
		"another caller":        {pinged: bidCaller, change: func(_ *trackdrive.Buyer, r *trackdrive.PostRequest) { r.CallerID = "+15555550143" }, mistake: "caller_id: is not the caller that the bid was made to"},
		"no caller":             {pinged: bidCaller, change: func(_ *trackdrive.Buyer, r *trackdrive.PostRequest) { r.CallerID = "" }, mistake: "caller_id: is not the caller that the bid was made to"},
		"nobody had been named": {change: func(_ *trackdrive.Buyer, r *trackdrive.PostRequest) { r.CallerID = bidCaller }},
		"no number":             {pinged: bidCaller, change: func(b *trackdrive.Buyer, _ *trackdrive.PostRequest) { b.DestinationNumber = "" }, mistake: "destination_number: is not a number to dial"},
		"no ping id":            {pinged: bidCaller, change: func(b *trackdrive.Buyer, _ *trackdrive.PostRequest) { b.PingID = "" }, mistake: "ping_id: is empty; give a buyer that Ping returned"},
		"another bid's id":      {pinged: bidCaller, change: func(_ *trackdrive.Buyer, r *trackdrive.PostRequest) { r.PingID = "c" }, mistake: "ping_id: is not that of the buyer"},
		"a post without a ping": {pinged: bidCaller, change: func(_ *trackdrive.Buyer, r *trackdrive.PostRequest) { r.PostOnly = true }, mistake: "post_only: is set, but this market sells what a ping found"},
		"a bid that is not known": {pinged: bidCaller, change: func(b *trackdrive.Buyer, r *trackdrive.PostRequest) {
			b.PingID, r.PingID, r.CallerID = "c", "c", "+15555550143"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := answers(reply)
			b := rtb(t, m, func(b *trackdrive.WebhookBidder) {
				b.PingWebhook = newWebhook(t, trackdrive.WebhookConfig{URL: "https://rtb.example.com/bid", Acceptance: trackdrive.All(trackdrive.Field("ok").IsTrue())})
			})
			ping, err := b.Ping(t.Context(), &trackdrive.PingRequest{CallerID: tc.pinged})
			require.NoError(t, err)
			buyer, post := ping.Buyers[0], ping.PostTo(ping.Buyers[0])
			tc.change(&buyer, post)
			sold, err := b.Post(t.Context(), buyer, post)
			require.Len(t, m.sent, 1, "nothing is sent")
			if tc.mistake != "" {
				require.Nil(t, sold)
				require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
				require.ErrorContains(t, err, tc.mistake)
				require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
				return
			}
			require.NoError(t, err)
			number, ok := sold.Number()
			require.True(t, ok)
			require.Equal(t, "+15555550177", number)
		})
	}
	b := rtb(t, answers(reply))
	_, err := b.Post(t.Context(), trackdrive.Buyer{PingID: "b", DestinationNumber: "+15555550177"}, nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = b.Post(nil, trackdrive.Buyer{PingID: "b", DestinationNumber: "+15555550177"}, &trackdrive.PostRequest{}) //nolint:staticcheck // on purpose
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = b.Post(t.Context(), trackdrive.Buyer{PingID: "b", DestinationNumber: "+15555550177"}, &trackdrive.PostRequest{}, nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

// A market that makes a bid again means the bid that it made.
func TestACachedBidKeepsItsFirstClock(t *testing.T) {
	t.Parallel()
	bid := func(ends string) string { return `{"ok":true,"bid":5,"id":"b","number":"+15555550177"` + ends + `}` }
	for name, tc := range map[string]struct {
		first, second string
		after         time.Duration
		other         bool // the second ping has another caller
		child         bool // the second ping goes through a Client of ForSubdomain
		want          time.Duration
	}{
		"what is left":            {first: `,"ends":60`, second: `,"ends":20`, after: 40 * time.Second, want: 20 * time.Second},
		"less than what is left":  {first: `,"ends":60`, second: `,"ends":10`, after: 40 * time.Second, want: 10 * time.Second},
		"more than what is left":  {first: `,"ends":60`, second: `,"ends":60`, after: 40 * time.Second, want: 20 * time.Second},
		"through another company": {first: `,"ends":60`, second: `,"ends":60`, after: 40 * time.Second, child: true, want: 20 * time.Second},
		"no clock now":            {first: `,"ends":60`, second: ``, after: 40 * time.Second, want: 20 * time.Second},
		"no clock before":         {first: ``, second: `,"ends":60`, after: 40 * time.Second, want: 60 * time.Second},
		"the first is over":       {first: `,"ends":60`, second: `,"ends":60`, after: 60 * time.Second, want: 60 * time.Second},
		"another caller":          {first: `,"ends":60`, second: `,"ends":60`, after: 40 * time.Second, other: true, want: 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := rtb(t, answers(bid(tc.first), bid(tc.second)))
				first, err := b.Ping(t.Context(), callerPing())
				require.NoError(t, err)
				<-time.After(tc.after)
				again := callerPing()
				if tc.other {
					again.CallerID = "+15555550143"
				}
				if tc.child {
					b.Client, err = b.Client.ForSubdomain("globex")
					require.NoError(t, err)
				}
				second, err := b.Ping(t.Context(), again)
				require.NoError(t, err)
				require.Equal(t, tc.want, second.ExpiresIn)

				<-time.After(tc.want)
				for _, p := range []*trackdrive.PingResponse{first, second} {
					post := p.PostTo(p.Buyers[0])
					post.ExpiresAt = time.Time{}
					_, err = b.Post(t.Context(), p.Buyers[0], post)
					require.ErrorIs(t, err, trackdrive.ErrExpired)
				}
			})
		})
	}
}

func TestConfirmedBids(t *testing.T) {
	t.Parallel()
	const withNumber, without = `{"ok":true,"bid":"5.50","id":"b-1","number":"+15555550177"}`, `{"ok":true,"bid":"5.50","id":"b-1"}`
	for name, tc := range map[string]struct {
		ping   string
		answer scripted
		want   trackdrive.TryOutcome
		dial   string
		reason string
	}{
		"taken":                        {ping: withNumber, answer: scripted{body: `{"taken":true}`}, want: trackdrive.TrySold, dial: "+15555550177"},
		"taken, with another number":   {ping: withNumber, answer: scripted{body: `{"taken":true,"number":"+15555550178"}`}, want: trackdrive.TrySold, dial: "+15555550177"},
		"taken, with the number":       {ping: without, answer: scripted{body: `{"taken":true,"number":"+15555550178"}`}, want: trackdrive.TrySold, dial: "+15555550178"},
		"taken, with a SIP address":    {ping: without, answer: scripted{body: `{"taken":true,"sip":"x@sip.example.com"}`}, want: trackdrive.TrySold, dial: "x@sip.example.com"},
		"taken, without a number":      {ping: without, answer: scripted{body: `{"taken":true}`}, want: trackdrive.TryUnknown, reason: "there is no number to dial"},
		"refused":                      {ping: withNumber, answer: scripted{body: `{"taken":false,"error":"caps are full"}`}, want: trackdrive.TryRejected, reason: "caps are full"},
		"refused by status":            {ping: withNumber, answer: scripted{status: 422, body: `{"error":"expired"}`}, want: trackdrive.TryRejected, reason: "422"},
		"refused by status, but taken": {ping: withNumber, answer: scripted{status: 422, body: `{"taken":true}`}, want: trackdrive.TryUnknown, reason: "outcome unknown"},
		"neither":                      {ping: withNumber, answer: scripted{body: `{}`}, want: trackdrive.TryUnknown, reason: "neither accepted nor refused"},
		"neither, but null":            {ping: withNumber, answer: scripted{body: `{"taken":null}`}, want: trackdrive.TryUnknown, reason: "neither accepted nor refused"},
		"cut":                          {ping: withNumber, answer: scripted{body: `{"taken":tr`}, want: trackdrive.TryUnknown, reason: "unreadable"},
		"a page":                       {ping: withNumber, answer: scripted{body: `<html>`}, want: trackdrive.TryUnknown, reason: "unreadable"},
		"nothing":                      {ping: withNumber, answer: scripted{}, want: trackdrive.TryUnknown, reason: "unreadable"},
		"a gateway's":                  {ping: withNumber, answer: scripted{status: 502}, want: trackdrive.TryUnknown, reason: "502"},
		"busy":                         {ping: withNumber, answer: scripted{status: 503}, want: trackdrive.TryUnknown, reason: "503"},
		"a time-out":                   {ping: withNumber, answer: scripted{after: time.Hour}, want: trackdrive.TryUnknown, reason: "timeout"},
		"no connection":                {ping: withNumber, answer: scripted{err: errRefused}, want: trackdrive.TryNotSent, reason: "not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &otherMarket{answers: []scripted{{body: tc.ping}, tc.answer}}
				b := rtb(t, m, confirming(t))
				e := &exchange{answers: map[string]scripted{"ping plain": bids("1"), "post plain": soldReply}}
				sources := append([]trackdrive.AuctionSource{{Name: "rtb", Bidder: b, Options: []trackdrive.CallOption{trackdrive.WithMaxAttempts(1)}}}, e.sources(t, "plain")...)
				result := runAuction(t, trackdrive.AuctionConfig{Sources: sources})
				sale, err := result.Sell(t.Context(), func(_ trackdrive.Bid, post *trackdrive.PostRequest) error {
					post.Fields["bid"], post.Fields["NUMBER"] = "the lead's", "the lead's"
					return nil
				})
				require.Equal(t, tc.want, sale.Tries[0].Outcome)
				require.Contains(t, sale.Tries[0].String(), tc.reason)
				dial := `"dial":"+15555550177",`
				if tc.ping == without {
					dial = ""
				}
				require.Equal(t, `POST https://rtb.example.com/take/b-1 {"bid":"5.50",`+dial+`"zip":"90210"}`, m.sent[1])
				require.Len(t, m.sent, 2, "a confirmation is sent once")
				switch tc.want {
				case trackdrive.TrySold:
					require.NoError(t, err)
					number, ok := sale.Number()
					require.True(t, ok)
					require.Equal(t, tc.dial, number)
					require.Equal(t, []string{"ping plain"}, e.seen())
				case trackdrive.TryUnknown:
					require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err))
					require.Equal(t, []string{"ping plain"}, e.seen(), "nothing after a doubt")
				default:
					require.NoError(t, err)
					require.Equal(t, "plain", sale.Bid.Source)
				}
			})
		})
	}
}

func TestAConfirmationIsNeverRepeated(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"busy": 503, "too many": 429, "a gateway's": 502} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &otherMarket{answers: []scripted{{body: `{"ok":true,"bid":5,"id":"b","number":"+15555550177"}`}, {status: status}}}
				b := rtb(t, m, func(b *trackdrive.WebhookBidder) {
					b.ConfirmWebhook = newWebhook(t, trackdrive.WebhookConfig{URL: "https://rtb.example.com/take", Repeat: trackdrive.RepeatSafe})
				})
				ping, err := b.Ping(t.Context(), callerPing())
				require.NoError(t, err)
				_, err = b.Post(t.Context(), ping.Buyers[0], ping.PostTo(ping.Buyers[0]), trackdrive.WithRepeat(trackdrive.RepeatSafe), trackdrive.WithMaxAttempts(5))
				require.Error(t, err)
				require.Len(t, m.sent, 2)
			})
		})
	}
}

// An attempt that never left may be followed by another, but not after the bid's end.
func TestAnExpiredBidIsNotConfirmed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := scripted{after: 400 * time.Millisecond, err: errRefused}
		m := &otherMarket{answers: []scripted{{body: `{"ok":true,"bid":5,"id":"b","number":"+15555550177","ends":1}`}, refused}}
		b := rtb(t, m, confirming(t))
		ping, err := b.Ping(t.Context(), callerPing())
		require.NoError(t, err)
		<-time.After(999 * time.Millisecond)
		_, err = b.Post(t.Context(), ping.Buyers[0], ping.PostTo(ping.Buyers[0]))
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.ErrorIs(t, err, trackdrive.ErrExpired)
		require.Len(t, m.sent, 2)
	})
}

func TestAWebhookBidderThatPingsTrackDriveMaySell(t *testing.T) {
	t.Parallel()
	inbound := func(t *testing.T, action string) func(*trackdrive.WebhookBidder) {
		return func(b *trackdrive.WebhookBidder) {
			b.PingWebhook = newWebhook(t, trackdrive.WebhookConfig{
				URL:  "https://globex.trackdrive.com/api/v1/inbound_webhooks/" + action + "/sell",
				Body: `{"caller_id":"[caller_id]","trackdrive_number":"[trackdrive_number]"}`, OnMissing: trackdrive.MissingBlank,
				Acceptance: trackdrive.All(trackdrive.Field("success").IsTrue()),
			})
			b.BidsPath, b.NumberPath = "buyers", "destination_number"
		}
	}
	static := &trackdrive.PingRequest{CallerID: bidCaller, TrackdriveNumber: "+15555550120"}
	for name, tc := range map[string]struct {
		action string
		r      *trackdrive.PingRequest
		want   bool
	}{
		"both numbers": {"ping", static, true}, "one number": {"ping", callerPing(), false}, "a post": {"post", callerPing(), true}, "another path": {"calls", static, false},
	} {
		require.Equal(t, tc.want, rtb(t, answers(`{}`), inbound(t, tc.action)).PingMaySell(tc.r), name)
	}
	require.False(t, rtb(t, answers(`{}`)).PingMaySell(static), "another market")
	require.False(t, rtb(t, answers(`{}`)).PingMaySell(nil))

	for name, tc := range map[string]struct {
		answer scripted
		sold   bool
	}{
		"a plain no":           {scripted{body: `{"success":false,"status":"no_matching_buyer"}`}, true},
		"a refusal by status":  {scripted{status: 422, body: `{"errors":["no"]}`}, true},
		"a no with a trace":    {scripted{body: `{"success":false,"lead_id":7}`}, false},
		"a bid":                {scripted{body: `{"success":true,"buyers":[{"id":"b","bid":1,"destination_number":"+15555550177"}]}`}, false},
		"nothing to bid on":    {scripted{body: `{"success":true,"buyers":[]}`}, false},
		"unreadable":           {scripted{body: `<html>`}, false},
		"a gateway's":          {scripted{status: 502}, false},
		"a refusal with a yes": {scripted{status: 422, body: `{"success":true}`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &otherMarket{answers: []scripted{tc.answer}}
				other := &scriptedBidder{ping: bidding("30"), post: takesIt}
				a, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{
					{Name: "rtb", Bidder: rtb(t, m, inbound(t, "ping")), MinPayout: trackdrive.MustAmount("9")}, {Name: "other", Bidder: mayOrMayNot{other, false}},
				}})
				require.NoError(t, err)
				result, err := a.Run(t.Context(), static)
				require.NoError(t, err)
				sale, err := result.Sell(t.Context())
				require.Equal(t, tc.sold, sale.Sold)
				require.Equal(t, tc.sold, err == nil, err)
				require.Len(t, m.sent, 1)
			})
		})
	}
}

func TestAWebhookBidderShowsNoCredentials(t *testing.T) {
	t.Parallel()
	const secret = "not-to-be-shown-42"
	m := answers(`{"ok":false,"status":"bad ` + secret + `","error":"the key ` + secret + ` is wrong"}`)
	b := rtb(t, m, func(b *trackdrive.WebhookBidder) {
		b.PingWebhook = newWebhook(t, trackdrive.WebhookConfig{
			URL: "https://rtb.example.com/bid?key=[key]", Values: trackdrive.Values{"key": secret},
			Acceptance: trackdrive.All(trackdrive.Field("ok").IsTrue(), trackdrive.Field("error").IsEmpty()),
		})
	})
	ping, err := b.Ping(t.Context(), callerPing())
	require.NoError(t, err)
	require.NotEmpty(t, ping.Errors)
	require.NotContains(t, fmt.Sprint(ping.Status, ping.Errors), secret)
	result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "rtb", Bidder: b}}})
	require.NotContains(t, strings.Join(lines(result.Losses), "\n"), secret)
	require.NotContains(t, fmt.Sprintf("%+v %#v", b, b), bidCaller)
}

func TestConcurrentPromises(t *testing.T) {
	t.Parallel()
	b := rtb(t, answers(`{"ok":true,"bid":5,"id":"b","number":"+15555550177","ends":60}`))
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			ping, err := b.Ping(t.Context(), &trackdrive.PingRequest{CallerID: fmt.Sprintf("+155555501%02d", i%8)})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err = b.Post(t.Context(), ping.Buyers[0], ping.PostTo(ping.Buyers[0])); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	_, err := b.Post(t.Context(), trackdrive.Buyer{PingID: "b", DestinationNumber: "+15555550177"}, &trackdrive.PostRequest{CallerID: "+15555550199"})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

// storedMarkets is TrackDrive, and one market at every other host.
type storedMarkets struct{ trackDrive, other http.RoundTripper }

func (s storedMarkets) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Host, ".trackdrive.com") {
		return s.trackDrive.RoundTrip(r)
	}
	return s.other.RoundTrip(r)
}

// Markets that do not answer with JSON bid as well.
func TestBidsInRepliesOfOtherKinds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		format trackdrive.ReplyFormat
		reply  string
		accept *trackdrive.Criteria
		change func(*trackdrive.WebhookBidder)
		bids   []string
		losses []string
	}{
		"one bid in XML": {
			format: trackdrive.ReplyXML, accept: trackdrive.All(trackdrive.Field("response.status").Equals("Matched")),
			reply:  `<response><status>Matched</status><bids><bid><id>7</id><price>19.50</price><phone>+15555550177</phone></bid></bids></response>`,
			change: func(b *trackdrive.WebhookBidder) { b.BidsPath = "response.bids.bid" },
			bids:   []string{"rtb: buyer 7 19.50"},
		},
		"two bids in XML": {
			format: trackdrive.ReplyXML, accept: trackdrive.All(trackdrive.Field("response.status").Equals("Matched")),
			reply:  `<response><status>Matched</status><bids><bid><id>7</id><price>19.50</price><phone>+15555550177</phone></bid><bid><id>8</id><price/><phone/></bid></bids></response>`,
			change: func(b *trackdrive.WebhookBidder) { b.BidsPath = "response.bids.bid" },
			bids:   []string{"rtb: buyer 7 19.50"}, losses: []string{"rtb: no_bid: ping: response.bids.bid.1.phone: has no number to dial"},
		},
		"the first of a list of one": {
			format: trackdrive.ReplyXML, accept: trackdrive.All(trackdrive.Field("response.status").Equals("Matched")),
			reply: `<response><status>Matched</status><bid><id>7</id><price>19.50</price><phone>+15555550177</phone></bid></response>`,
			change: func(b *trackdrive.WebhookBidder) {
				b.BidPath, b.NumberPath, b.PingIDPath = "response.bid.0.price", "response.bid.0.phone", "response.bid.0.id"
			},
			bids: []string{"rtb: buyer 7 19.50"},
		},
		"a refusal in XML": {
			format: trackdrive.ReplyXML, accept: trackdrive.All(trackdrive.Field("response.status").Equals("Matched")), reply: `<response><status>Unmatched</status></response>`,
			losses: []string{`rtb: no_buyer: response.status equals Matched: got "Unmatched"`},
		},
		"an entity of its own": {
			format: trackdrive.ReplyXML, accept: trackdrive.All(trackdrive.Field("response.status").Equals("Matched")), reply: `<!DOCTYPE r [<!ENTITY e "x">]><response><status>&e;</status></response>`,
			losses: []string{"rtb: no_buyer: response.status equals Matched: unreadable reply"},
		},
		"a form": {
			format: trackdrive.ReplyForm, accept: trackdrive.All(trackdrive.Field("status").Equals("ok")), reply: `status=ok&id=7&price=5&phone=%2B15555550177`, bids: []string{"rtb: buyer 7 5"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := trackdrive.WebhookBidder{
				Client: newClient(t, answers(tc.reply)), BidPath: "price", NumberPath: "phone", PingIDPath: "id",
				PingWebhook: newWebhook(t, trackdrive.WebhookConfig{URL: "https://rtb.example.com/bid", Reply: tc.format, Acceptance: tc.accept}),
			}
			if tc.change != nil {
				tc.change(&b)
			}
			result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "rtb", Bidder: b}}})
			require.Equal(t, tc.bids, lines(result.Bids))
			require.Equal(t, tc.losses, lines(result.Losses))
			if len(tc.bids) > 0 {
				buyer := result.Bids[0].Buyer
				require.Equal(t, "+15555550177", buyer.DestinationNumber)
				require.True(t, json.Valid(buyer.Raw), "%s", buyer.Raw)
			}
		})
	}
}

func TestConfirmationsInXML(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer scripted
		want   trackdrive.TryOutcome
	}{
		"taken":                    {scripted{body: `<r><ok>1</ok><phone>+15555550178</phone></r>`}, trackdrive.TrySold},
		"refused":                  {scripted{body: `<r><ok>0</ok></r>`}, trackdrive.TryRejected},
		"neither":                  {scripted{body: `<r/>`}, trackdrive.TryUnknown},
		"cut":                      {scripted{body: `<r><ok>1</ok>`}, trackdrive.TryUnknown},
		"refused by status":        {scripted{status: 422, body: `<r><ok>0</ok></r>`}, trackdrive.TryRejected},
		"refused by status, a yes": {scripted{status: 422, body: `<r><ok>1</ok></r>`}, trackdrive.TryUnknown},
		"refused without a word":   {scripted{status: 422}, trackdrive.TryRejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &otherMarket{answers: []scripted{{body: `{"ok":true,"bid":5,"id":"b"}`}, tc.answer}}
			b := rtb(t, m, func(b *trackdrive.WebhookBidder) {
				b.NumberPath = "r.phone"
				b.ConfirmWebhook = newWebhook(t, trackdrive.WebhookConfig{
					URL: "https://rtb.example.com/take/[ping_id]", Reply: trackdrive.ReplyXML, AcceptEmpty: true, Acceptance: trackdrive.All(trackdrive.Field("r.ok").IsTrue()),
				})
			})
			result := runAuction(t, trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{{Name: "rtb", Bidder: b}}})
			sale, _ := result.Sell(t.Context())
			require.Equal(t, tc.want, sale.Tries[0].Outcome, "%s", sale)
		})
	}
}
