package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func TestRequestBytes(t *testing.T) {
	t.Parallel()
	fields := trackdrive.Fields{
		"zip": "90210", "age": 30, "ratio": json.Number("1.50"), "opt": true, "none": nil, "amount": trackdrive.MustAmount("1.50"),
		"id": trackdrive.ID("007"), "n": trackdrive.ID("7"), "list": []any{"a", 1}, "hash": map[string]any{"k": "v", "a": []string{"x"}}, "a b/c": "ü&=",
	}
	ping := &trackdrive.PingRequest{CallerID: "+15555550100", TrafficSourceID: "11", TrackdriveNumber: "+15555550120", Fields: fields}
	const inJSON = `"a b/c":"ü&=","age":30,"amount":"1.50","hash":{"a":["x"],"k":"v"},"id":"007","list":["a",1],"n":7,"none":null,"opt":true,"ratio":1.50,"zip":"90210"`
	const inForm = `a+b%2Fc=%C3%BC%26%3D&age=30&amount=1.50&caller_id=%2B15555550100&hash%5Ba%5D%5B%5D=x&hash%5Bk%5D=v&id=007&list%5B%5D=a&list%5B%5D=1&n=7&none=&opt=true&ratio=1.50&trackdrive_number=%2B15555550120&traffic_source_id=11&zip=90210`
	for range 5 { // the order of a map must not matter
		rt := &answering{status: 200, body: lead}
		c := newClient(t, rt)
		for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery} {
			_, err := c.Ping(t.Context(), "sell", ping, trackdrive.WithEncoding(e))
			require.NoError(t, err)
		}
		const at = "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell"
		require.Equal(t, `{"trackdrive_number":"+15555550120","traffic_source_id":"11","caller_id":"+15555550100",`+inJSON+`}`, rt.sent[0].body)
		require.Equal(t, inForm, rt.sent[1].body)
		require.Equal(t, at+"?"+inForm, rt.sent[2].url)
		require.Equal(t, []string{"POST", "POST", "GET"}, []string{rt.sent[0].method, rt.sent[1].method, rt.sent[2].method})
		require.Equal(t, at, rt.sent[0].url)
		require.Equal(t, "application/json", rt.sent[0].header.Get("Content-Type"))
		require.Equal(t, "application/x-www-form-urlencoded", rt.sent[1].header.Get("Content-Type"))
		require.NotContains(t, rt.sent[2].header, "Content-Type")
		require.Equal(t, "application/json", rt.sent[0].header.Get("Accept"))
		require.True(t, strings.HasPrefix(rt.sent[0].header.Get("User-Agent"), "trackdrive-go/"))
		require.NotContains(t, rt.sent[0].header, "Idempotency-Key")
	}
}

func TestThePostsBytes(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt, trackdrive.WithUserAgent("dialer/1.4"))
	post := &trackdrive.PostRequest{PingID: "bp-1", BuyerID: "12", CallerID: "1", ExpiresAt: time.Now().Add(time.Hour)}
	_, err := c.Post(t.Context(), "sell", post)
	require.NoError(t, err)
	_, err = c.Full(t.Context(), "sell.v-1_x", &trackdrive.PostRequest{CallerID: "1", PostOnly: true})
	require.NoError(t, err)
	require.Equal(t, `{"ping_id":"bp-1","buyer_id":12,"caller_id":"1"}`, rt.sent[0].body)
	require.Equal(t, `{"caller_id":"1"}`, rt.sent[1].body)
	require.Equal(t, "https://acme.trackdrive.com/api/v1/inbound_webhooks/full/sell.v-1_x", rt.sent[1].url)
	require.True(t, strings.HasPrefix(rt.sent[1].header.Get("User-Agent"), "dialer/1.4 trackdrive-go/"))
}

func TestTheDocumentsBodies(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt)
	update := &trackdrive.UpdateCall{BuyerConverted: new(true), OfferConverted: new(true), Revenue: trackdrive.MustAmount("25.50")}
	for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery} {
		_, err := c.UpdateCall(t.Context(), "u-1", update, trackdrive.WithEncoding(e))
		require.NoError(t, err)
	}
	require.Equal(t, `{"buyer_converted":"true","revenue":"25.50","offer_converted":"true","post_call_tokens":{}}`, rt.sent[0].body)
	require.Equal(t, `buyer_converted=true&offer_converted=true&revenue=25.50`, rt.sent[1].body)
	require.Equal(t, "https://acme.trackdrive.com/api/v1/calls/update_call/u-1?buyer_converted=true&offer_converted=true&revenue=25.50", rt.sent[2].url)

	update = &trackdrive.UpdateCall{
		BuyerConverted: new(false), Payout: trackdrive.MustAmount("$15"), AddPayout: trackdrive.MustAmount("0"),
		PostCallTokens: trackdrive.Fields{"first_name": "Pat", "n": 1}, Fields: trackdrive.Fields{"call_disposition_id": 3},
	}
	_, err := c.UpdateCall(t.Context(), "u-1", update)
	require.NoError(t, err)
	require.Equal(t, `{"buyer_converted":"false","payout":"15","add_payout":"0","post_call_tokens":{"first_name":"Pat","n":1},"call_disposition_id":3}`, rt.sent[3].body)
	_, err = c.UpdateCall(t.Context(), "u-1", update, trackdrive.WithEncoding(trackdrive.EncodeForm))
	require.NoError(t, err)
	require.Equal(t, "add_payout=0&buyer_converted=false&call_disposition_id=3&payout=15&post_call_tokens%5Bfirst_name%5D=Pat&post_call_tokens%5Bn%5D=1", rt.sent[4].body)

	l := &trackdrive.Lead{LeadToken: "abc-token", TrafficSourceID: "11", CallerID: "+15555550100", RingbaCallUUID: "RGB1", Fields: trackdrive.Fields{"first_name": "Pat"}}
	_, err = c.CaptureLead(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/api/v1/leads/capture", rt.sent[5].url)
	require.Equal(t, `{"lead_token":"abc-token","traffic_source_id":"11","caller_id":"+15555550100","ringba_call_uuid":"RGB1","first_name":"Pat"}`, rt.sent[5].body)
	l.Data = trackdrive.Fields{"zip": "90210"}
	_, err = c.SubmitLead(t.Context(), l, trackdrive.WithEncoding(trackdrive.EncodeForm))
	require.NoError(t, err)
	require.Equal(t, "https://acme.trackdrive.com/api/v1/leads", rt.sent[6].url)
	require.Equal(t, "caller_id=%2B15555550100&data%5Bzip%5D=90210&first_name=Pat&lead_token=abc-token&ringba_call_uuid=RGB1&traffic_source_id=11", rt.sent[6].body)
}

func TestFieldsThatAreRefused(t *testing.T) {
	t.Parallel()
	type named string
	deep := any("x")
	for range 70 {
		deep = []any{deep}
	}
	for name, fields := range map[string]trackdrive.Fields{
		"caller_id":         {"caller_id": "1"},
		"trackdrive_number": {"trackdrive_number": "1"},
		"caller_id[x]":      {"caller_id[x]": "1"},
		"auth_token":        {"auth_token": "1"},
		"parameter name":    {"": "1"},
		"bytes":             {"bytes": []byte("x")},
		"struct":            {"struct": struct{}{}},
		"func":              {"func": func() {}},
		"nan":               {"nan": math.NaN()},
		"inf":               {"inf": float32(math.Inf(1))},
		"number":            {"number": json.Number("1x")},
		"blank number":      {"blank number": json.Number("")},
		"utf8":              {"utf8": "a\xff"},
		"deep":              {"deep": deep},
		"map":               {"map": map[int]string{1: "x"}},
		"inner[a]":          {"inner": map[string]any{"a": make(chan int)}},
		"list[1]":           {"list": []any{1, func() {}}},
		"complex":           {"complex": 1i},
	} {
		for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery} {
			rt := &answering{status: 200, body: lead}
			c := newClient(t, rt, trackdrive.WithAuth(trackdrive.AuthToken("made-up-token")))
			_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: fields}, trackdrive.WithEncoding(e))
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
			require.ErrorContains(t, err, name)
			require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
			require.Empty(t, rt.sent)
		}
	}
	rt := &answering{status: 200, body: lead}
	_, err := newClient(t, rt).Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{
		"named": named("x"), "strings": []string{"a"}, "map": map[string]int{"b": 1}, "float": 0.1, "big": 1e21, "small": float32(0.5), "uint": uint8(7), "array": [2]bool{true, false}, "nothing": []any(nil),
	}})
	require.NoError(t, err)
	require.Equal(t, `{"array":[true,false],"big":1e+21,"float":0.1,"map":{"b":1},"named":"x","nothing":[],"small":0.5,"strings":["a"],"uint":7}`, rt.sent[0].body)
}

func TestLeftoverTokensInRequests(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt)
	for _, token := range []string{
		"[tag:InboundNumber:Number]", "[[tag:CallerId]]", "{{caller_id}}", "--A--phone_number--B--", "[caller_id]", "[a]{b}", "[user:zip|gather:zip]",
		"REPLACE_ME: now", "TEMPLATE_TRACKDRIVE_NUMBER", "TRACKDRIVE_SUBDOMAIN_HERE", "TRACKDRIVE_CALL_UUID_HERE", "TRACKDRIVE_CALL_UUID", "BASIC_AUTH_PASSWORD_HERE",
	} {
		calls := map[string]func() error{
			"caller_id": func() error {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: token})
				return err
			},
			"zip": func() error {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{"zip": token}})
				return err
			},
			"hash[a][0]": func() error {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{"hash": map[string]any{"a": []any{token}}}})
				return err
			},
			"ping_id": func() error {
				_, err := c.Post(t.Context(), "sell", &trackdrive.PostRequest{PingID: trackdrive.ID(token)})
				return err
			},
			"lead_token": func() error { _, err := c.CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: token}); return err },
			"data[x]": func() error {
				_, err := c.SubmitLead(t.Context(), &trackdrive.Lead{LeadToken: "a", Data: trackdrive.Fields{"x": token}})
				return err
			},
			"post_call_tokens": func() error {
				_, err := c.UpdateCall(t.Context(), "u", &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"x": token}})
				return err
			},
			"call uuid": func() error { _, err := c.UpdateCall(t.Context(), token, oneUpdate); return err },
			"endpoint":  func() error { _, err := c.Ping(t.Context(), token, onePing); return err },
		}
		for name, call := range calls {
			err := call()
			require.ErrorIs(t, err, trackdrive.ErrLeftoverToken, "%s: %s", name, token)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, name)
			require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		}
	}
	require.Empty(t, rt.sent)
	_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{"a": "call [caller_id]", "b": "[1,2]", "c": "[]", "d": "--"}})
	require.NoError(t, err)
}

func TestTextInBracketsIsNotAlwaysALeftoverToken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"[email protected]", "[not provided]", "[Unknown]", "[ACME]", "{none}", "<redacted>", "{{ withheld }}"} {
		rt := &answering{status: 200, body: lead}
		_, err := newClient(t, rt).Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "5555550100", Fields: trackdrive.Fields{"company": text}})
		require.NoError(t, err, "%s", text)
		require.Len(t, rt.sent, 1)
	}
	for _, text := range []string{"{call_id}", "<lead_token_from_step_1>", "{{{caller_id}}}"} {
		rt := &answering{status: 200, body: lead}
		_, err := newClient(t, rt).CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: text, CallerID: "5555550100"})
		require.ErrorIs(t, err, trackdrive.ErrLeftoverToken, "%s", text)
		require.Empty(t, rt.sent)
	}
}

func TestLiteralFieldsAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	const token = "[acme_insurance]"
	nested := trackdrive.Fields{"a": []any{token}, "b": map[string]string{"c": token}}
	for _, tt := range []struct {
		name    string
		literal []string
		call    func(c *trackdrive.Client) error
		refused string // the name in the error; "" for sent
	}{
		{"a field", []string{"zip", "company"}, pingWith(trackdrive.Fields{"company": token}), ""},
		{"another field", []string{"zip"}, pingWith(trackdrive.Fields{"company": token}), "company"},
		{"case counts", []string{"Company"}, pingWith(trackdrive.Fields{"company": token}), "company"},
		{"a nested field", []string{"company"}, pingWith(trackdrive.Fields{"company": nested}), ""},
		{"by the name of a member", []string{"c"}, pingWith(trackdrive.Fields{"company": nested}), "company[a][0]"},
		{"a dot is a character", []string{"company.a"}, pingWith(trackdrive.Fields{"company": nested}), "company[a][0]"},
		{"a name with a dot", []string{"company.a"}, pingWith(trackdrive.Fields{"company.a": token}), ""},
		{"a name with brackets", []string{"company[a]"}, pingWith(trackdrive.Fields{"company[a]": token}), ""},
		{"a typed parameter", []string{"traffic_source_id"}, func(c *trackdrive.Client) error {
			_, err := c.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "5555550100", TrafficSourceID: token})
			return err
		}, ""},
		{"a hash", []string{"post_call_tokens"}, updateWith(trackdrive.Fields{"company": nested}), ""},
		{"a contact field", []string{"company"}, updateWith(trackdrive.Fields{"company": token}), ""},
		{"another contact field", []string{"company"}, updateWith(trackdrive.Fields{"company": token, "zip": token}), "post_call_tokens[zip]"},
		{"a field beside", []string{"company"}, pingWith(trackdrive.Fields{"company": token, "caller": token}), "caller"},
		{"an id all the same", []string{"company"}, func(c *trackdrive.Client) error {
			_, err := c.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: token})
			return err
		}, "caller_id"},
		{"other faults are found", []string{"company"}, pingWith(trackdrive.Fields{"company": "\xff"}), "company: is not valid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rt := &answering{status: 200, body: `{"success":true,"status":200}`}
			err := tt.call(newClient(t, rt, trackdrive.WithLiteral(tt.literal...)))
			if tt.refused == "" {
				require.NoError(t, err)
				require.Contains(t, rt.sent[0].body, token)
				return
			}
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, tt.refused)
			require.Empty(t, rt.sent)
		})
	}
}

func pingWith(fields trackdrive.Fields) func(*trackdrive.Client) error {
	return func(c *trackdrive.Client) error {
		_, err := c.Ping(context.Background(), "sell", &trackdrive.PingRequest{CallerID: "5555550100", Fields: fields})
		return err
	}
}

func updateWith(tokens trackdrive.Fields) func(*trackdrive.Client) error {
	return func(c *trackdrive.Client) error {
		_, err := c.UpdateCall(context.Background(), "7c9e-1", &trackdrive.UpdateCall{PostCallTokens: tokens})
		return err
	}
}

func TestIDsCannotBeLiteral(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"caller_id", "ping_id", "buyer_id", "lead_token", "Caller_ID", "caller_id[x]", ""} {
		_, err := trackdrive.NewClient("acme", trackdrive.WithLiteral("zip", field))
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, field)
		require.ErrorContains(t, err, field)
	}
	_, err := trackdrive.NewClient("acme", trackdrive.WithLiteral(), trackdrive.WithLiteral("zip"), trackdrive.WithLiteral("company"))
	require.NoError(t, err)
}

func TestLiteralFieldsOfTwoOptionsAddUp(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt, trackdrive.WithLiteral("zip"), trackdrive.WithLiteral("company"))
	require.NoError(t, pingWith(trackdrive.Fields{"company": "[acme]", "zip": "[zip]"})(c))
	require.Len(t, rt.sent, 1)
}

// hostileSegments must never get into a path.
var hostileSegments = []string{
	"", " ", ".", "..", "a/b", "/", "//evil.example", "a\\b", "a?b", "a#b", "a%2fb", "%2e%2e", "a b", " a", "a ", "a\t", "a\n", "a\r\nb", "\x00", "a\x7f", "ü", "а", "a\u200b", "\ufeff", "\xff", "😀",
	"a;b", "a:b", "a@b", "a&b", "a=b", "a+b", "a,b", "a!b", "a*b", "a'b", "a\"b", "a(b", "a|b", "a~b", "a^b", "a`b", "a<b", "a>b", "a{b", "a}b", "a[b", "a]b", "$a", "${a}", "../x", "x/..", "x/../../y", "https://evil.example",
	"[trackdrive_call_uuid]", "{{uuid}}", "--A--uuid--B--", "<uuid>", "TRACKDRIVE_CALL_UUID", "TRACKDRIVE_CALL_UUID_HERE", "REPLACE_ME", "[a]", strings.Repeat("a", 129), strings.Repeat("a", 9000),
}

func TestHostileSegmentsReachNoNetwork(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt, trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.DeveloperToken("made-up-token"))))
	uuids := append([]string{"null", "NULL", "undefined", "None", "a.b", "a.", "."}, hostileSegments...)
	require.GreaterOrEqual(t, len(uuids), 60)
	for _, uuid := range uuids {
		_, err := c.UpdateCall(t.Context(), uuid, oneUpdate)
		requireRefused(t, err, uuid)
		_, err = c.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: "acme", UUID: uuid}, oneUpdate)
		requireRefused(t, err, uuid)
		_, err = trackdrive.NewCallRef("acme", uuid)
		requireRefused(t, err, uuid)
		requireRefusedForwardPosts(t, "acme", uuid)
	}
	for _, endpoint := range hostileSegments {
		_, err := c.Ping(t.Context(), endpoint, onePing)
		requireRefused(t, err, endpoint)
		_, err = c.Post(t.Context(), endpoint, onePost)
		requireRefused(t, err, endpoint)
		_, err = c.Full(t.Context(), endpoint, onePost)
		requireRefused(t, err, endpoint)
	}
	for _, segment := range []string{"", ".", "..", "a\x00", "a\n", "\xff", "\u0085", "[a]", "{{a}}"} {
		_, err := c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"calls", segment}}, nil)
		requireRefused(t, err, segment)
	}
	require.Empty(t, rt.sent)
	for _, uuid := range []string{"a", "A-1_z", strings.Repeat("a", 128), "7c9e6679-1111-4222-8333-444455556666"} {
		_, err := c.UpdateCall(t.Context(), uuid, oneUpdate)
		require.NoError(t, err)
	}
}

func requireRefused(t *testing.T, err error, value string) {
	t.Helper()
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, "%q", value)
	require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
	if len(value) > 12 {
		require.NotContains(t, err.Error(), value)
	}
}

// requireRefusedForwardPosts sends the values in every form of a forward post.
func requireRefusedForwardPosts(t *testing.T, subdomain, uuid string) {
	t.Helper()
	values := url.Values{"trackdrive_subdomain": {subdomain}, "trackdrive_call_uuid": {uuid}}
	data, err := json.Marshal(map[string]string{"trackdrive_subdomain": subdomain, "trackdrive_call_uuid": uuid})
	require.NoError(t, err)
	for _, r := range []*http.Request{
		httptest.NewRequest("GET", "/?"+values.Encode(), nil),
		forwardPost("application/x-www-form-urlencoded", values.Encode()),
		forwardPost("application/json", string(data)),
	} {
		_, err := trackdrive.ParseCallRef(r)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, "%q %q", subdomain, uuid)
	}
}

func forwardPost(contentType, body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestHostileSubdomainsAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt, trackdrive.WithAuth(trackdrive.AnySubdomain(trackdrive.DeveloperToken("made-up-token"))))
	hostile := append([]string{
		"www", "WWW", "null", "Undefined", "NONE", "xn--acme", "XN--x", "-a", "a-", "a_b", "a.b", "acme.evil.example", "evil.example", "acme.trackdrive.com", "a:80", "user@evil", "127.0.0.1", "::1", "localhost.",
		"acme\u0000", "K\u212a", "ａｃｍｅ", "acme。evil", strings.Repeat("a", 64),
	}, hostileSegments...)
	require.GreaterOrEqual(t, len(hostile), 60)
	requireRefused := func(t *testing.T, err error) {
		t.Helper()
		requireRefused(t, err, "")
		require.Less(t, len(err.Error()), 300)
		require.NotContains(t, err.Error(), "\n")
	}
	for _, subdomain := range hostile {
		if subdomain != "" {
			_, err := trackdrive.NewClient(subdomain)
			requireRefused(t, err)
		}
		_, err := c.ForSubdomain(subdomain)
		requireRefused(t, err)
		_, err = c.UpdateCallAt(t.Context(), trackdrive.CallRef{Subdomain: subdomain, UUID: "u-1"}, oneUpdate)
		requireRefused(t, err)
		_, err = trackdrive.NewCallRef(subdomain, "u-1")
		requireRefused(t, err)
		requireRefusedForwardPosts(t, subdomain, "u-1")
	}
	require.Empty(t, rt.sent)
	other, err := c.ForSubdomain("OTHER-1")
	require.NoError(t, err)
	require.Equal(t, "other-1", other.Subdomain())
	require.Same(t, c.HTTPClient(), other.HTTPClient())
	_, err = other.Ping(t.Context(), "sell", onePing)
	require.NoError(t, err)
	require.Equal(t, "https://other-1.trackdrive.com/api/v1/inbound_webhooks/ping/sell", rt.sent[0].url)
}

func TestHostileBaseURLs(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"", " ", "calls.example.com", "//calls.example.com", "ftp://calls.example.com", "http://calls.example.com", "http://10.0.0.1", "https://", "https:///x", "https://user@calls.example.com",
		"https://user:secret-pass@calls.example.com", "https://calls.example.com?x=secret-pass", "https://calls.example.com?", "https://calls.example.com#", "https://calls.example.com#x", "https://calls.example.com/../x", "https://calls.example.com/a b", "https://calls.example.com/%2e%2e",
		"https://calls.example.com/a//b", "https://calls.example.com:0", "https://calls.example.com:99999", "https://calls.example.com:x", "https://ca lls.example.com", "https://-x.example.com", "https://x..example.com", "https://[::1", "javascript:alert(1)", "https:calls.example.com",
		"https://calls.example.com\\@evil.example", "https://calls.example.com\x00", "https://ünicode.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "https://calls.example.com/\n", "HTTPS://",
	} {
		_, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(base))
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, base)
		require.NotContains(t, err.Error(), "secret-pass")
	}
	for base, want := range map[string]string{
		"https://calls.example.com":       "https://calls.example.com/api/v1/leads",
		"https://Calls.Example.com/":      "https://calls.example.com/api/v1/leads",
		"https://calls.example.com:8443":  "https://calls.example.com:8443/api/v1/leads",
		"https://calls.example.com/td/x/": "https://calls.example.com/td/x/api/v1/leads",
		"http://127.0.0.1:8080":           "http://127.0.0.1:8080/api/v1/leads",
		"http://localhost:8080":           "http://localhost:8080/api/v1/leads",
		"http://[::1]:8080":               "http://[::1]:8080/api/v1/leads",
	} {
		rt := &answering{status: 200, body: lead}
		_, err := newClient(t, rt, trackdrive.WithBaseURL(base)).SubmitLead(t.Context(), &trackdrive.Lead{LeadToken: "t"})
		require.NoError(t, err, base)
		require.Equal(t, want, rt.sent[0].url)
	}
}

// formThatIsRead returns a forward post whose handler has already read the form.
func formThatIsRead(t *testing.T, form string) *http.Request {
	t.Helper()
	r := forwardPost("application/x-www-form-urlencoded", form)
	require.Equal(t, "1", r.FormValue("x"))
	return r
}

func TestForwardPosts(t *testing.T) {
	t.Parallel()
	want := trackdrive.CallRef{Subdomain: "acme", UUID: "u-1"}
	const form = "trackdrive_subdomain=Acme&trackdrive_call_uuid=u-1&discount=5%&x=1"
	const object = `{"trackdrive_subdomain":"acme","x":{"trackdrive_call_uuid":"no"},"trackdrive_call_uuid":"u-1"}`
	for name, r := range map[string]*http.Request{
		"query":             httptest.NewRequest("GET", "/?trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", nil),
		"query of a POST":   httptest.NewRequest("POST", "/?trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", strings.NewReader("x=1")),
		"form":              forwardPost("application/x-www-form-urlencoded; charset=utf-8", form),
		"JSON":              forwardPost("application/json; charset=utf-8", object),
		"JSON without type": forwardPost("", "\ufeff "+object),
		"form without type": forwardPost("", form),
		"both, the same":    httptest.NewRequest("POST", "/?trackdrive_subdomain=acme", strings.NewReader(form)),
		"vendor JSON":       forwardPost("application/vnd.api+json", object),
		"halves":            httptest.NewRequest("POST", "/?trackdrive_subdomain=acme", strings.NewReader("trackdrive_call_uuid=u-1")),
		"form that is read": formThatIsRead(t, form),
	} {
		var before []byte
		if r.Body != nil && name != "query" {
			before, _ = io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(before)))
		}
		got, err := trackdrive.ParseCallRef(r)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
		if before != nil {
			after, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, string(before), string(after), name)
			require.NoError(t, r.Body.Close())
		}
	}
	for name, r := range map[string]*http.Request{
		"nothing":     httptest.NewRequest("GET", "/", nil),
		"one":         httptest.NewRequest("GET", "/?trackdrive_subdomain=acme", nil),
		"two values":  httptest.NewRequest("GET", "/?trackdrive_subdomain=acme&trackdrive_subdomain=evil&trackdrive_call_uuid=u", nil),
		"clash":       httptest.NewRequest("POST", "/?trackdrive_subdomain=evil", strings.NewReader("trackdrive_subdomain=acme&trackdrive_call_uuid=u")),
		"too long":    forwardPost("application/json", object+strings.Repeat(" ", 64<<10)),
		"multipart":   forwardPost("multipart/form-data; boundary=x", "--x"),
		"broken JSON": forwardPost("application/json", object[:20]),
		"list":        forwardPost("application/json", "["+object+"]"),
		"twice":       forwardPost("application/json", `{"trackdrive_subdomain":"a","trackdrive_subdomain":"b","trackdrive_call_uuid":"u"}`),
		"wrong kind":  forwardPost("application/json", `{"trackdrive_subdomain":["a"],"trackdrive_call_uuid":"u"}`),
		"broken body": {Method: "POST", Body: io.NopCloser(io.MultiReader(strings.NewReader("x"), failing{}))},
	} {
		_, err := trackdrive.ParseCallRef(r)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
	}
	_, err := trackdrive.ParseCallRef(nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestRequestsSurviveStorage(t *testing.T) {
	t.Parallel()
	text := `{"buyer_converted":true,"revenue":"25.50","add_payout":"0.10","post_call_tokens":{"n":9007199254740993},"fields":{"x":1.50}}`
	var u trackdrive.UpdateCall
	require.NoError(t, json.Unmarshal([]byte(text), &u))
	require.Equal(t, json.Number("9007199254740993"), u.PostCallTokens["n"])
	again, err := json.Marshal(u)
	require.NoError(t, err)
	require.JSONEq(t, text, string(again))
	require.Contains(t, string(again), "1.50")
	empty, err := json.Marshal(trackdrive.UpdateCall{})
	require.NoError(t, err)
	require.Equal(t, `{}`, string(empty))
	post := trackdrive.PostRequest{PingID: "1", ExpiresAt: time.Unix(1700000000, 0).UTC(), PostOnly: true, Fields: trackdrive.Fields{"a": "b"}}
	data, err := json.Marshal(post)
	require.NoError(t, err)
	require.Equal(t, `{"ping_id":"1","post_only":true,"expires_at":"2023-11-14T22:13:20Z","fields":{"a":"b"}}`, string(data))
	var back trackdrive.PostRequest
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, post, back)
	ref, err := json.Marshal(trackdrive.CallRef{Subdomain: "acme", UUID: "u"})
	require.NoError(t, err)
	require.Equal(t, `{"trackdrive_subdomain":"acme","trackdrive_call_uuid":"u"}`, string(ref))
}

func TestWhatAPostRefuses(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt)
	static := trackdrive.WithTracking(trackdrive.TrackingStatic)
	for name, call := range map[string]func() error{
		"ping_id": func() error { _, err := c.Post(t.Context(), "sell", &trackdrive.PostRequest{}); return err },
		"post_only": func() error {
			_, err := c.Post(t.Context(), "sell", &trackdrive.PostRequest{PingID: "1", PostOnly: true})
			return err
		},
		"request": func() error { _, err := c.Post(t.Context(), "sell", nil); return err },
		"update":  func() error { _, err := c.UpdateCall(t.Context(), "u", &trackdrive.UpdateCall{}); return err },
		"data": func() error {
			_, err := c.CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: "t", Data: trackdrive.Fields{"a": 1}})
			return err
		},
		"lead_token":        func() error { _, err := c.CaptureLead(t.Context(), &trackdrive.Lead{}); return err },
		"lead":              func() error { _, err := c.SubmitLead(t.Context(), nil); return err },
		"trackdrive_number": func() error { _, err := c.Ping(t.Context(), "sell", onePing, static); return err },
		"caller_id": func() error {
			_, err := c.Post(t.Context(), "sell", &trackdrive.PostRequest{PingID: "1"}, static)
			return err
		},
		"static": func() error {
			_, err := c.Full(t.Context(), "sell", &trackdrive.PostRequest{CallerID: "1"}, static)
			return err
		},
		"expires_at": func() error {
			_, err := c.Post(t.Context(), "sell", &trackdrive.PostRequest{PingID: "1", Fields: trackdrive.Fields{"expires_at": "x"}})
			return err
		},
		"context": func() error { _, err := c.Ping(nil, "sell", onePing); return err }, //nolint:staticcheck // the mistake is the point
		"method": func() error {
			_, err := c.Do(t.Context(), &trackdrive.Request{Method: "get", Path: []string{"x"}}, nil)
			return err
		},
		"path": func() error { _, err := c.Do(t.Context(), &trackdrive.Request{Method: "GET"}, nil); return err },
		"out": func() error {
			_, err := c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"x"}}, struct{}{})
			return err
		},
		"encoding": func() error {
			_, err := c.Do(t.Context(), &trackdrive.Request{Method: "POST", Path: []string{"x"}}, nil, trackdrive.WithEncoding(trackdrive.EncodeQuery))
			return err
		},
		"client": func() error { _, err := new(trackdrive.Client).Ping(t.Context(), "sell", onePing); return err },
	} {
		err := call()
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
		require.ErrorContains(t, err, name)
		var e *trackdrive.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, trackdrive.DeliveryNotSent, e.Delivery)
		require.Zero(t, e.Attempts)
	}
	_, err := c.Post(t.Context(), "sell", &trackdrive.PostRequest{PingID: "1", ExpiresAt: time.Now().Add(-time.Second)})
	require.ErrorIs(t, err, trackdrive.ErrExpired)
	require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
	require.Empty(t, rt.sent)
}

func TestPingIDsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rt := &answering{status: 200, body: `{"success":true,"try_all_buyers_ping_id":"ta","ping_ids_expiry_in_seconds":"120","buyers":[{"id":7,"ping_id":"bp","bid":1}]}`}
		c := newClient(t, rt)
		fields := trackdrive.Fields{"zip": "90210"}
		p, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1", TrafficSourceID: "s", Fields: fields})
		require.NoError(t, err)
		expires, ok := p.ExpiresAt()
		require.True(t, ok)
		require.Equal(t, time.Now().Add(2*time.Minute), expires)
		best, _ := p.Best()
		post, all := p.PostTo(best), p.PostToAll()
		require.Equal(t, &trackdrive.PostRequest{PingID: "bp", BuyerID: "7", ExpiresAt: expires, CallerID: "1", TrafficSourceID: "s", Fields: fields}, post)
		require.Equal(t, &trackdrive.PostRequest{PingID: "ta", ExpiresAt: expires, CallerID: "1", TrafficSourceID: "s", Fields: fields}, all)
		post.Fields["zip"] = "1"
		require.Equal(t, "90210", fields["zip"])
		<-time.After(2*time.Minute - 1)
		_, err = c.Post(t.Context(), "sell", post)
		require.NoError(t, err)
		<-time.After(1)
		_, err = c.Post(t.Context(), "sell", post)
		require.ErrorIs(t, err, trackdrive.ErrExpired)
		require.Len(t, rt.sent, 2)
	})
	literal := &trackdrive.PingResponse{TryAllBuyersPingID: "x"}
	require.Equal(t, &trackdrive.PostRequest{PingID: "x", Fields: trackdrive.Fields{}}, literal.PostToAll())
	_, ok := literal.ExpiresAt()
	require.False(t, ok)
}

func TestDo(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: "\ufeff" + `{"call":{"id":9007199254740993}}`}
	c := newClient(t, rt)
	var out map[string]map[string]any
	meta, err := c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"calls", "a b\\ü?"}, Params: trackdrive.Fields{"columns": []any{"id", "uuid"}}}, &out)
	require.NoError(t, err)
	require.Equal(t, json.Number("9007199254740993"), out["call"]["id"])
	require.Equal(t, "9007199254740993", meta.Field("call.id").String())
	require.Equal(t, "https://acme.trackdrive.com/api/v1/calls/a%20b%5C%C3%BC%3F?columns%5B%5D=id&columns%5B%5D=uuid", rt.sent[0].url)
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		_, err = c.Do(t.Context(), &trackdrive.Request{Method: method, Path: []string{"x"}}, nil)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"{}", "{}", ""}, []string{rt.sent[1].body, rt.sent[2].body, rt.sent[3].body})
	require.NotContains(t, rt.sent[3].header, "Content-Type")
	_, err = c.Do(t.Context(), &trackdrive.Request{Method: "DELETE", Path: []string{"x"}, Params: trackdrive.Fields{"a": 1}}, nil, trackdrive.WithEncoding(trackdrive.EncodeForm))
	require.NoError(t, err)
	require.Equal(t, "a=1", rt.sent[4].body)

	var number int
	_, err = c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"calls", "secret-id"}}, &number)
	require.ErrorIs(t, err, trackdrive.ErrUnreadable)
	require.NotContains(t, err.Error(), "secret-id")
	require.ErrorContains(t, err, "/api/v1/calls/{}")
	rt.body = ""
	_, err = c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"calls"}}, &out)
	require.ErrorIs(t, err, trackdrive.ErrUnreadable)
	_, err = c.Do(t.Context(), &trackdrive.Request{Method: "GET", Path: []string{"calls"}}, nil)
	require.NoError(t, err)
}

func TestAnAuthenticatorMayStandInForAnEmptyParameter(t *testing.T) {
	t.Parallel()
	auth := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
		r.SetParam("lead_token", "token-of-the-vault")
		return nil
	})
	for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm} {
		rt := &answering{status: 200, body: lead}
		c := newClient(t, rt, trackdrive.WithAuth(auth), trackdrive.WithEncoding(e))
		_, err := c.CaptureLead(t.Context(), &trackdrive.Lead{CallerID: "1"})
		require.NoError(t, err)
		require.Equal(t, map[trackdrive.Encoding]string{
			trackdrive.EncodeJSON: `{"caller_id":"1","lead_token":"token-of-the-vault"}`, trackdrive.EncodeForm: "caller_id=1&lead_token=token-of-the-vault",
		}[e], rt.sent[0].body)
		_, err = c.CaptureLead(t.Context(), &trackdrive.Lead{LeadToken: "own", CallerID: "1"})
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	}
}

func TestFullRefusesPostOnlyBesideAPingID(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, &answering{status: 200, body: lead}).Full(t.Context(), "sell", &trackdrive.PostRequest{PingID: "1", PostOnly: true})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorContains(t, err, "post_only")
}

func TestAmountsAreNumbersOrTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`$5`, `05`, `5.`, `true`, `[]`, `{}`} {
		require.Error(t, new(trackdrive.Amount).UnmarshalJSON([]byte(text)), text)
	}
}

func TestALeadsTokenHasOtherNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"offer_lead_token", "schedule_lead_token"} {
		rt := &answering{status: 200, body: lead}
		_, err := newClient(t, rt).CaptureLead(t.Context(), &trackdrive.Lead{CallerID: "1", Fields: trackdrive.Fields{name: "abc-token"}})
		require.NoError(t, err)
		require.Equal(t, `{"caller_id":"1","`+name+`":"abc-token"}`, rt.sent[0].body)
	}
}
