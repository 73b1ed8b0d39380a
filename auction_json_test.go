package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

const storedAuctionText = `{"timeout":"3s","grace":"300ms","enough":2,"max_pings":200,"max_pings_per_company":8,"company_limits":{"acme":4},"pings_never_sell":true,
 "sources":[
  {"name":"acme","subdomain":"acme","endpoint":"sell","min_payout":"15","max_payout":"60.00","weight":"0.85","margin":"-1","timeout":"1s","post_timeout":"2s","to_all":true,
   "request":{"traffic_source_id":"1000","fields":{"zip":"90210","age":42}},
   "criteria":{"match":"all","criteria":[{"field":"buyers.0.bid","condition":"Greater Than","value":"0"}]}},
  {"name":"market","subdomain":"globex","margin":"1.50",
   "bidder":{"ping":{"url":"https://rtb.example.com/bid","body":"{\"caller\":\"[caller_id]\"}","repeat":"never","on_missing":"fails"},
             "confirm":{"url":"https://rtb.example.com/take/[ping_id]","repeat":"never","on_missing":"fails"},
             "bids":"bids","bid":"bidAmount","number":"phoneNumber|sipAddress","ping_id":"id","expires":"expireInSeconds","expires_as":"seconds"}}
 ]}`

// companies returns Clients of companies on one transport.
func companies(t *testing.T, names ...string) func(string) *trackdrive.Client {
	t.Helper()
	known := map[string]*trackdrive.Client{}
	for _, name := range names {
		c, err := trackdrive.NewClient(name, trackdrive.WithTransport(answers("{}")))
		require.NoError(t, err)
		known[name] = c
	}
	return func(subdomain string) *trackdrive.Client { return known[subdomain] }
}

func TestStoredAuctionsMarshalBack(t *testing.T) {
	t.Parallel()
	a, err := trackdrive.ParseAuction([]byte(storedAuctionText), companies(t, "acme", "globex"))
	require.NoError(t, err)
	first, err := json.Marshal(a)
	require.NoError(t, err)
	again, err := trackdrive.ParseAuction(first, companies(t, "acme", "globex"))
	require.NoError(t, err)
	second, err := json.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))

	var want, got map[string]any
	require.NoError(t, json.Unmarshal([]byte(storedAuctionText), &want))
	require.NoError(t, json.Unmarshal(first, &got))
	require.Equal(t, want["sources"].([]any)[1].(map[string]any)["bidder"].(map[string]any)["number"], got["sources"].([]any)[1].(map[string]any)["bidder"].(map[string]any)["number"])
	for _, key := range []string{"timeout", "grace", "enough", "max_pings", "max_pings_per_company", "company_limits", "pings_never_sell"} {
		require.Equal(t, want[key], got[key], key)
	}
	require.Equal(t, sortedKeys(want["sources"].([]any)[0]), sortedKeys(got["sources"].([]any)[0]))
}

func sortedKeys(object any) map[string]bool {
	keys := map[string]bool{}
	for key := range object.(map[string]any) {
		keys[key] = true
	}
	return keys
}

// A stored auction does what one of the same configuration does.
func TestAStoredAuctionRuns(t *testing.T) {
	t.Parallel()
	e := &exchange{answers: map[string]scripted{"ping sell": bids("20"), "ping other": bids("30")}}
	client := newClient(t, e)
	m := answers(marketReply(t, "ringba_accept"))
	ringba, err := trackdrive.RingbaBidder(newClient(t, m), "ID")
	require.NoError(t, err)
	retreaver, err := trackdrive.RetreaverBidder(newClient(t, answers(marketReply(t, "retreaver_accept_wrapped"))), "KEY")
	require.NoError(t, err)
	data, err := json.Marshal(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{
		{Name: "a", Client: client, Endpoint: "sell"}, {Name: "b", Bidder: client.Endpoint("other"), Margin: trackdrive.MustAmount("9")}, {Name: "ringba", Bidder: ringba}, {Name: "retreaver", Bidder: &retreaver},
	}})
	require.NoError(t, err)
	require.Contains(t, string(data), `"inside":"rtb"`)
	calls := 0
	a, err := trackdrive.ParseAuction(data, func(subdomain string) *trackdrive.Client {
		calls++
		require.Equal(t, "acme", subdomain)
		return newClient(t, storedMarkets{e, m})
	})
	require.NoError(t, err)
	require.Equal(t, 1, calls, "one call for each company")
	result, err := a.Run(t.Context(), auctioned)
	require.NoError(t, err)
	require.Equal(t, []string{"ringba: buyer RTB0acme0000000000000000000000001 27.5", "b: Buyer A 30", "a: Buyer A 20"}, lines(result.Bids))
}

func TestMistakesInAStoredAuction(t *testing.T) {
	t.Parallel()
	source := func(rest string) string {
		return `{"sources":[{"name":"a","subdomain":"acme","endpoint":"sell"` + rest + `}]}`
	}
	bidder := func(rest string) string {
		return `{"sources":[{"name":"a","subdomain":"acme","bidder":` + rest + `}]}`
	}
	const ping = `{"ping":{"url":"https://rtb.example.com/bid"},"number":"n"`
	for name, tc := range map[string]struct {
		data string
		want []string
	}{
		"nothing":                   {``, []string{"1:1: ends before the JSON value is complete"}},
		"half of it":                {`{"sources":[`, nil},
		"a list":                    {`[]`, []string{"must be a JSON object"}},
		"null":                      {`null`, []string{"sources: are missing; give at least one"}},
		"an empty object":           {`{}`, []string{"sources: are missing; give at least one"}},
		"no list of sources":        {`{"sources":{}}`, []string{"sources: must be a list"}},
		"a source that is a number": {`{"sources":[7]}`, []string{"sources[0]: must be a JSON object"}},
		"all at once": {
			`{"timeout":3,"grace":"soon","enough":"2","max_pings":1.5,"pings_never_sell":"yes","company_limits":[],"observe":1,"sources":[
			  {"subdomain":"acme","endpoint":"a/b","min_payout":"1,250","weight":"0","margin":true,"to_all":1,"timeout":"-1s","post_timeout":"-1s","criteria":{"criteria":[{"field":"a","condition":"Greter Than","value":1}]},"request":{"caller":"1","fields":[]}},
			  {"name":7,"endpoint":"sell"}, {"name":"c","subdomain":"a.b","endpoint":"sell"}, {"name":"d","subdomain":"globex","endpoint":"sell"}]}`,
			[]string{
				`timeout: must be text such as "3s"`, `grace: must be a duration such as "3s"`, "enough: must be a whole number, without quotes", "max_pings: must be a whole number, without quotes",
				"pings_never_sell: must be true or false, without quotes", "company_limits: must be an object of whole numbers",
				"observe: is not a key; the keys are company_limits, enough, grace, max_pings, max_pings_per_company, pings_never_sell, sources, timeout",
				"sources[0].name: is empty", "sources[0].endpoint: ", "sources[0].min_payout: ", "sources[0].weight: is 0; it must be more than 0", "sources[0].margin: ", "sources[0].to_all: must be true or false, without quotes", "sources[0].timeout: must not be negative", "sources[0].post_timeout: must not be negative", "sources[0].criteria.criteria[0].condition: ",
				"sources[0].request.caller: is not a key; the keys are caller_id, fields, trackdrive_number, traffic_source_id", "sources[0].request.fields: must be ",
				"sources[1].subdomain: is missing", "sources[1].name: must be text", "sources[2].subdomain: ", `sources[3].subdomain: no Client belongs to the company "globex"`,
			},
		},
		"a key twice":               {source(`,"name":"b"`), []string{"sources[0].name: is given twice"}},
		"a name twice":              {`{"sources":[{"name":"a","subdomain":"acme","endpoint":"sell"},{"name":"a","subdomain":"acme","endpoint":"sell"}]}`, []string{`sources[1].name: "a" is the name of another source, too`}},
		"10,000 sources":            {`{"sources":[` + strings.Repeat(`{"name":"a","subdomain":"acme","endpoint":"sell"},`, 9999) + `{}]}`, []string{"sources: are 10000; an auction takes at most 1000"}},
		"a bidder beside":           {source(`,"bidder":` + ping + `}`), []string{"sources[0].bidder: is given together with a client or an endpoint; give one of them"}},
		"a bidder that is a number": {bidder(`7`), []string{"sources[0].bidder: must be a JSON object"}},
		"an empty bidder":           {bidder(`{}`), []string{"sources[0].bidder.ping: is nil", "sources[0].bidder.number: is empty; a bid without a number cannot be dialled"}},
		"a bidder's paths":          {bidder(ping + `,"bid":"a..b","expires":"e","expires_as":"soon","inside":"#"}`), []string{"sources[0].bidder.bid: empty name at position 3", "sources[0].bidder.expires_as: ", `sources[0].bidder.inside: ends in "#"`}},
		"a bidder's webhook":        {bidder(`{"ping":{"url":"ftp://x","method":"FETCH"},"confirm":{"body":{}},"number":"n"}`), []string{"sources[0].bidder.ping.url", "sources[0].bidder.ping.method: ", "sources[0].bidder.confirm.url: is empty", "sources[0].bidder.confirm.body: "}},
		"a bidder's unknown key":    {bidder(ping + `,"bids_path":"x"}`), []string{"sources[0].bidder.bids_path: is not a key; the keys are bid, bids, confirm, expires, expires_as, inside, number, ping, ping_id"}},
		"a bidder with no client":   {`{"sources":[{"name":"a","bidder":` + ping + `}}]}`, []string{"sources[0].subdomain: is missing, and no other source has a Client"}},
		"limits of no company":      {`{"company_limits":{"globex":1},"sources":[{"name":"a","subdomain":"acme","endpoint":"sell"}]}`, []string{`company_limits: no source belongs to the company "globex"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := trackdrive.ParseAuction([]byte(tc.data), companies(t, "acme"))
			require.Nil(t, a)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			var parse *trackdrive.ParseError
			require.ErrorAs(t, err, &parse)
			texts := mistakeTexts(parse)
			if tc.want == nil {
				require.NotEmpty(t, texts)
				return
			}
			require.Len(t, texts, len(tc.want), "%q", texts)
			for i := range tc.want {
				if strings.HasPrefix(tc.want[i], "1:1") {
					continue
				}
				require.Contains(t, texts[i], tc.want[i])
				require.True(t, strings.HasPrefix(texts[i], tc.want[i]), texts[i])
			}
		})
	}
	_, err := trackdrive.ParseAuction([]byte(storedAuctionText), nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

func TestMistakesInAStoredAuctionHavePositions(t *testing.T) {
	t.Parallel()
	_, err := trackdrive.ParseAuction([]byte(`{
 "tiemout": "3s",
 "sources": [
  {"name": "a", "subdomain": "acme", "endpoint": "sell", "weight": "0"},
  {"name": "a", "subdomain": "acme", "bidder": {
    "ping": {"url": "https://rtb.example.com/[zip", "acceptances": {}},
    "bid": "a..b", "number": "n"}}
 ]
}`), companies(t, "acme"))
	require.EqualError(t, err, `trackdrive: invalid argument: 2:2: tiemout: is unknown; did you mean "timeout"?; `+
		`4:68: sources[0].weight: is 0; it must be more than 0; 5:12: sources[1].name: "a" is the name of another source, too; `+
		`6:46: sources[1].bidder.ping.url 1:25: a token without its closing ]; 6:68: sources[1].bidder.ping.acceptances: is unknown; did you mean "acceptance"?; `+
		`7:12: sources[1].bidder.bid: empty name at position 3`)
}

// A bidder is sent by some Client, but needs none of its own.
func TestABiddersClientInAStoredAuction(t *testing.T) {
	t.Parallel()
	const data = `{"sources":[{"name":"a","bidder":{"ping":{"url":"https://rtb.example.com/bid"},"number":"n"}},{"name":"b","subdomain":"ACME","endpoint":"sell"}]}`
	for name, clients := range map[string]func(string) *trackdrive.Client{"that of nobody": companies(t, "", "acme"), "that of another source": companies(t, "acme")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := trackdrive.ParseAuction([]byte(data), clients)
			require.NoError(t, err)
		})
	}
}

func TestFunctionsCannotBeStored(t *testing.T) {
	t.Parallel()
	c := newClient(t, answers("{}"))
	_, err := json.Marshal(trackdrive.AuctionConfig{Observe: func(context.Context, trackdrive.AuctionEvent) {}, Sources: []trackdrive.AuctionSource{
		{
			Name: "a", Client: c, Endpoint: "sell", Options: []trackdrive.CallOption{trackdrive.WithMaxAttempts(1)}, Accept: func(trackdrive.Buyer) bool { return true },
			Score: func(trackdrive.Buyer) (trackdrive.Amount, bool) { return trackdrive.Amount{}, false },
			Build: func(trackdrive.PingRequest) (*trackdrive.PingRequest, error) { return nil, errors.New("no") },
		},
		{Name: "b", Bidder: &scriptedBidder{}}, {Name: "c", Bidder: trackdrive.WebhookBidder{}},
	}})
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	require.Equal(t, []string{
		"observe: is a function, which cannot be stored",
		"sources[0].build: is a function, which cannot be stored", "sources[0].accept: is a function, which cannot be stored",
		"sources[0].score: is a function, which cannot be stored", "sources[0].options: is a function, which cannot be stored",
		"sources[1].bidder: is a *trackdrive_test.scriptedBidder, which cannot be stored",
		"sources[2].bidder client: is nil", "sources[2].bidder ping webhook: is nil", "sources[2].bidder number path: is empty; a bid without a number cannot be dialled",
	}, mistakeTexts(parse))
	_, err = json.Marshal(new(trackdrive.Auction))
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

// The documents in docs/auctions.md are taken, and name every key.
func TestTheAuctionsOfTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/auctions.md")
	require.NoError(t, err)
	documents := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, documents)
	for i, d := range documents {
		_, err := trackdrive.ParseAuction([]byte(d[1]), companies(t, "acme", "globex"))
		require.NoError(t, err, "document %d", i)
	}
	for _, data := range []string{`{"x":1}`, `{"sources":[{"x":1}]}`, `{"sources":[{"request":{"x":1}}]}`, `{"sources":[{"bidder":{"x":1}}]}`} {
		_, err := trackdrive.ParseAuction([]byte(data), companies(t, "acme"))
		_, list, found := strings.Cut(err.Error(), "the keys are ")
		require.True(t, found)
		list, _, _ = strings.Cut(list, ";")
		for key := range strings.SplitSeq(list, ", ") {
			require.Contains(t, string(page), fmt.Sprintf("| `%s` |", key))
		}
	}
}

func FuzzParseAuction(f *testing.F) {
	f.Add([]byte(storedAuctionText))
	f.Add([]byte(`{"sources":[{"name":"a","subdomain":"acme","endpoint":"sell","min_payout":15}]}`))
	f.Add([]byte(`{"sources":[{"name":"a","bidder":{"ping":{"url":"https://rtb.example.com/[zip]"},"number":"$.n|m","inside":"x"}}]}`))
	f.Add([]byte(`{"sources":[{"name":"a"},{"name":"a"}],"timeout":"-1s"}`))
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(answers("{}")))
	if err != nil {
		f.Fatal(err)
	}
	clients := func(subdomain string) *trackdrive.Client {
		if subdomain == "" {
			return client
		}
		child, err := client.ForSubdomain(subdomain)
		if err != nil {
			return nil
		}
		return child
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := trackdrive.ParseAuction(data, clients)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			return
		}
		first, err := json.Marshal(a)
		require.NoError(t, err)
		again, err := trackdrive.ParseAuction(first, clients)
		require.NoError(t, err, "%s", first)
		second, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}
