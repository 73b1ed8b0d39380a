package trackdrive_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// copiesOfWebhook runs a webhook that says it may be repeated against a server
// that refuses everything, and counts what was sent: 1 for RepeatNever.
func copiesOfWebhook(t *testing.T, cfg trackdrive.WebhookConfig, values trackdrive.Values, opts ...trackdrive.Option) int {
	t.Helper()
	cfg.Repeat = trackdrive.RepeatSafe
	w := newWebhook(t, cfg)
	var sent int
	synctest.Test(t, func(t *testing.T) {
		rt := &answering{status: http.StatusServiceUnavailable}
		_, err := newClient(t, rt, opts...).RunWebhook(t.Context(), w, values, trackdrive.WithRepeat(trackdrive.RepeatSafe))
		require.ErrorIs(t, err, trackdrive.ErrServer)
		sent = len(rt.sent)
	})
	return sent
}

const (
	inbound  = "https://acme.trackdrive.com/api/v1/inbound_webhooks/"
	bothJSON = `{"caller_id":"[caller]","trackdrive_number":"+15555550120"}`
	bothForm = "caller_id=[caller]&trackdrive_number=%2B15555550120"
	formType = "application/x-www-form-urlencoded"
)

var oneCaller = trackdrive.Values{"caller": "+15555550142"}

func TestWebhooksThatMaySellAreNeverRepeated(t *testing.T) {
	t.Parallel()
	base := func(url string) []trackdrive.Option { return []trackdrive.Option{trackdrive.WithBaseURL(url)} }
	for name, tt := range map[string]struct {
		cfg    trackdrive.WebhookConfig
		values trackdrive.Values
		opts   []trackdrive.Option
	}{
		"a post":                              {cfg: trackdrive.WebhookConfig{URL: inbound + "post/sell", Body: `{"ping_id":"bp-1"}`}},
		"a post by GET":                       {cfg: trackdrive.WebhookConfig{URL: inbound + "post/sell?ping_id=bp-1", Method: "GET"}},
		"a post by PUT":                       {cfg: trackdrive.WebhookConfig{URL: inbound + "post/sell", Method: "PUT"}},
		"full":                                {cfg: trackdrive.WebhookConfig{URL: inbound + "full/sell", Body: `{}`}},
		"a slash at the end":                  {cfg: trackdrive.WebhookConfig{URL: inbound + "post/sell/"}},
		"no vanity URI":                       {cfg: trackdrive.WebhookConfig{URL: inbound + "post"}},
		"a format":                            {cfg: trackdrive.WebhookConfig{URL: inbound + "post/sell.json"}},
		"a parameter behind the action":       {cfg: trackdrive.WebhookConfig{URL: inbound + "post%3Bv=1/sell"}},
		"a format behind the action":          {cfg: trackdrive.WebhookConfig{URL: inbound + "post.json"}},
		"an escaped letter":                   {cfg: trackdrive.WebhookConfig{URL: inbound + "p%6fst/sell"}},
		"an escaped letter, twice":            {cfg: trackdrive.WebhookConfig{URL: inbound + "p%256fst/sell"}},
		"an escaped slash":                    {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks%2Fpost%2Fsell"}},
		"an escaped backslash":                {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks%5Cpost/sell"}},
		"an escaped empty segment":            {cfg: trackdrive.WebhookConfig{URL: inbound + "%2Fpost/sell"}},
		"escaped dot segments":                {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping%2F..%2Fpost/sell"}},
		"an escaped dot segment":              {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v1/inbound_webhooks/x%2F%2E%2Fy%2F..%2F..%2Fpost/sell"}},
		"upper case":                          {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/API/V1/Inbound_Webhooks/POST/sell"}},
		"another version":                     {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v2/inbound_webhooks/post/sell"}},
		"the action as a value":               {cfg: trackdrive.WebhookConfig{URL: inbound + "[action]/sell"}, values: trackdrive.Values{"action": "post"}},
		"the action as a value with a letter": {cfg: trackdrive.WebhookConfig{URL: inbound + "p[o]st/sell"}, values: trackdrive.Values{"o": "o"}},
		"the bare domain":                     {cfg: trackdrive.WebhookConfig{URL: "https://trackdrive.com/api/v1/inbound_webhooks/post/sell"}},
		"a host in upper case":                {cfg: trackdrive.WebhookConfig{URL: "https://ACME.TrackDrive.COM/api/v1/inbound_webhooks/post/sell"}},
		"a port":                              {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com:443/api/v1/inbound_webhooks/post/sell"}},
		"another company":                     {cfg: trackdrive.WebhookConfig{URL: "https://[s].trackdrive.com/api/v1/inbound_webhooks/post/sell"}, values: trackdrive.Values{"s": "globex"}},
		"a deeper host":                       {cfg: trackdrive.WebhookConfig{URL: "https://eu.acme.trackdrive.com/api/v1/inbound_webhooks/post/sell"}},
		"the old domain":                      {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.net/api/v1/inbound_webhooks/post/sell"}},
		"a white label":                       {cfg: trackdrive.WebhookConfig{URL: "https://calls.example.com/api/v1/inbound_webhooks/post/sell"}, opts: base("https://calls.example.com")},
		"a white label in upper case":         {cfg: trackdrive.WebhookConfig{URL: "https://Calls.Example.com/api/v1/inbound_webhooks/post/sell"}, opts: base("https://calls.example.com")},
		"a white label with a port":           {cfg: trackdrive.WebhookConfig{URL: "https://calls.example.com:443/api/v1/inbound_webhooks/post/sell"}, opts: base("https://calls.example.com")},
		"a white label without its port":      {cfg: trackdrive.WebhookConfig{URL: "https://calls.example.com/api/v1/inbound_webhooks/post/sell"}, opts: base("https://calls.example.com:443")},
		"a prefix":                            {cfg: trackdrive.WebhookConfig{URL: "https://calls.example.com/proxy/api/v1/inbound_webhooks/post/sell"}, opts: base("https://calls.example.com/proxy")},
		"without the prefix":                  {cfg: trackdrive.WebhookConfig{URL: "https://calls.example.com/api/v1/inbound_webhooks/post/sell"}, opts: base("https://calls.example.com/proxy")},
		"a test server":                       {cfg: trackdrive.WebhookConfig{URL: "http://127.0.0.1:8080/api/v1/inbound_webhooks/post/sell"}, opts: base("http://127.0.0.1:8080")},
		"TrackDrive itself beside a base URL": {cfg: trackdrive.WebhookConfig{URL: inbound + "post/sell"}, opts: base("https://calls.example.com")},

		"a ping with both in JSON":         {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: bothJSON}, values: oneCaller},
		"a ping with both in a form":       {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: bothForm, ContentType: formType}, values: oneCaller},
		"a ping with both in the query":    {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?" + bothForm}, values: oneCaller},
		"a ping with both by GET":          {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?" + bothForm, Method: "GET"}, values: oneCaller},
		"a ping with one here, one there":  {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?caller_id=[caller]", Body: `{"trackdrive_number":"+15555550120"}`}, values: oneCaller},
		"the other way round":              {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?trackdrive_number=1", Body: "caller_id=[caller]", ContentType: formType}, values: oneCaller},
		"an escaped ping":                  {cfg: trackdrive.WebhookConfig{URL: inbound + "pin%67/sell", Body: bothJSON}, values: oneCaller},
		"numbers":                          {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"caller_id":15555550142,"trackdrive_number":15555550120}`}},
		"an escaped name in JSON":          {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"caller\u005fid":"1","trackdrive_number":"1"}`}},
		"an escaped name in the query":     {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?caller%5Fid=1&trackdrive%5Fnumber=1"}},
		"a name with a blank":              {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?+caller_id=1&trackdrive_number=1"}},
		"a name in upper case":             {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"Caller_ID":"1","trackdrive_number":"1"}`}},
		"given twice, blank at the end":    {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?caller_id=1&caller_id=&trackdrive_number=1"}},
		"given twice, blank at the start":  {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?caller_id=&caller_id=1&trackdrive_number=1"}},
		"blank in the query, not the body": {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?caller_id=", Body: bothJSON}, values: oneCaller},
		"lists":                            {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"caller_id":["1"],"trackdrive_number":["","1"]}`}},
		"lists in the query":               {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?caller_id[]=1&trackdrive_number[]=1"}},
		"nested in JSON":                   {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"lead":[{"caller_id":"1"}],"data":{"trackdrive_number":"1"}}`}},
		"nested in a form":                 {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: "lead%5Bcaller_id%5D=1&lead%5Btrackdrive_number%5D=1", ContentType: formType}},
		"with the name as a value":         {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?[name]=1&caller_id=1"}, values: trackdrive.Values{"name": "trackdrive_number"}},
		"CallGrid's real-time bid":         {cfg: trackdrive.CallGridBid("acme", "sell", "source-1", "+15555550120"), values: trackdrive.Values{"tag:CallerId": "5555550142"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, copiesOfWebhook(t, tt.cfg, tt.values, tt.opts...))
		})
	}
}

func TestWebhooksThatCannotSellAreRepeatedAsTheySay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cfg    trackdrive.WebhookConfig
		values trackdrive.Values
	}{
		"a ping with the caller alone":     {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"caller_id":"1"}`}},
		"a ping with the number alone":     {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?trackdrive_number=1"}},
		"a blank caller":                   {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: bothJSON}, values: trackdrive.Values{"caller": " \t"}},
		"an empty caller":                  {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: bothJSON}, values: trackdrive.Values{"caller": ""}},
		"a blank caller in a form":         {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: bothForm, ContentType: formType}, values: trackdrive.Values{"caller": " "}},
		"a null caller":                    {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"caller_id":null,"trackdrive_number":"1"}`}},
		"an empty list of callers":         {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"caller_id":[],"trackdrive_number":{"x":[""]}}`}},
		"the names as values":              {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?a=caller_id", Body: `{"b":"trackdrive_number"}`}},
		"names that only begin so":         {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell", Body: `{"caller_id_2":"1","trackdrive_number":"1"}`}},
		"CallGrid's bid without a caller":  {cfg: trackdrive.CallGridBid("acme", "sell", "source-1", "+15555550120"), values: trackdrive.Values{"tag:CallerId": ""}},
		"another action":                   {cfg: trackdrive.WebhookConfig{URL: inbound + "posts/sell", Body: bothJSON}, values: oneCaller},
		"an endpoint that is called post":  {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/post", Body: `{}`}},
		"a path that only looks like it":   {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v1/my_inbound_webhooks/post/sell"}},
		"the path in the query":            {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com/api/v1/calls?x=/inbound_webhooks/post/sell"}},
		"another host":                     {cfg: trackdrive.WebhookConfig{URL: "https://hooks.example.com/api/v1/inbound_webhooks/post/sell"}},
		"a host that only looks like it":   {cfg: trackdrive.WebhookConfig{URL: "https://eviltrackdrive.com/api/v1/inbound_webhooks/post/sell"}},
		"a host that only begins so":       {cfg: trackdrive.WebhookConfig{URL: "https://acme.trackdrive.com.example.com/api/v1/inbound_webhooks/post/sell"}},
		"the global postback":              {cfg: trackdrive.CallPostback(), values: trackdrive.Values{"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "u-1", "Call:ConversionPayout": "25.50"}},
		"a lead that says it is repeated":  {cfg: trackdrive.RingbaPixel("acme", "token-1", "11"), values: trackdrive.Values{"tag:InboundNumber:Number": "1", "Call:InboundCallID": "R-1"}},
		"a conversion with a repeat":       {cfg: trackdrive.RingbaConversion(), values: trackdrive.Values{"ringba_webhook_token": "t", "ringba_call_uuid": "R-1", "revenue": "1"}},
		"a ping that has one of them only": {cfg: trackdrive.WebhookConfig{URL: inbound + "ping/sell?caller_id=1", Body: `{"caller_id":"1"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 3, copiesOfWebhook(t, tt.cfg, tt.values))
		})
	}
}

func TestTheBidPresetIsNeverRepeated(t *testing.T) {
	t.Parallel()
	require.Equal(t, trackdrive.RepeatNever, trackdrive.CallGridBid("acme", "sell", "source-1", "+15555550120").Repeat)
}

func TestRequestsThatMaySellAreNeverRepeated(t *testing.T) {
	t.Parallel()
	both := trackdrive.Fields{"caller_id": "+15555550142", "trackdrive_number": "+15555550120"}
	to := func(segments ...string) []string { return append([]string{"inbound_webhooks"}, segments...) }
	for name, tt := range map[string]struct {
		request trackdrive.Request
		opts    []trackdrive.Option
		want    int
	}{
		"post":                      {request: trackdrive.Request{Method: "POST", Path: to("post", "sell")}, want: 1},
		"post by GET":               {request: trackdrive.Request{Method: "GET", Path: to("post", "sell"), Params: both}, want: 1},
		"full":                      {request: trackdrive.Request{Method: "POST", Path: to("full", "sell"), Params: both}, want: 1},
		"full by DELETE":            {request: trackdrive.Request{Method: "DELETE", Path: to("full", "sell")}, want: 1},
		"upper case":                {request: trackdrive.Request{Method: "POST", Path: to("POST", "sell")}, want: 1},
		"escaped already":           {request: trackdrive.Request{Method: "POST", Path: to("p%6Fst", "sell")}, want: 1},
		"a prefix":                  {request: trackdrive.Request{Method: "POST", Path: to("post", "sell")}, opts: []trackdrive.Option{trackdrive.WithBaseURL("https://calls.example.com/proxy")}, want: 1},
		"ping with both":            {request: trackdrive.Request{Method: "POST", Path: to("ping", "sell"), Params: both}, want: 1},
		"ping with both by GET":     {request: trackdrive.Request{Method: "GET", Path: to("ping", "sell"), Params: both}, want: 1},
		"ping with both in a form":  {request: trackdrive.Request{Method: "POST", Path: to("ping", "sell"), Params: both}, opts: []trackdrive.Option{trackdrive.WithEncoding(trackdrive.EncodeForm)}, want: 1},
		"ping with both as numbers": {request: trackdrive.Request{Method: "POST", Path: to("ping", "sell"), Params: trackdrive.Fields{"caller_id": 15555550142, "trackdrive_number": trackdrive.ID("15555550120")}}, want: 1},
		"ping with the caller":      {request: trackdrive.Request{Method: "POST", Path: to("ping", "sell"), Params: trackdrive.Fields{"caller_id": "1"}}, want: 3},
		"ping with a blank number":  {request: trackdrive.Request{Method: "GET", Path: to("ping", "sell"), Params: trackdrive.Fields{"caller_id": "1", "trackdrive_number": " "}}, want: 3},
		"ping with nothing":         {request: trackdrive.Request{Method: "DELETE", Path: to("ping", "sell")}, want: 3},
		"the endpoint itself":       {request: trackdrive.Request{Method: "PUT", Path: to("7"), Params: both}, want: 3},
		"a call":                    {request: trackdrive.Request{Method: "POST", Path: []string{"calls", "u-1"}, Params: both}, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.request.Repeat = trackdrive.RepeatSafe
			synctest.Test(t, func(t *testing.T) {
				rt := &answering{status: http.StatusServiceUnavailable}
				_, err := newClient(t, rt, tt.opts...).Do(t.Context(), &tt.request, nil, trackdrive.WithRepeat(trackdrive.RepeatSafe))
				require.ErrorIs(t, err, trackdrive.ErrServer)
				require.Len(t, rt.sent, tt.want)
			})
		})
	}
}

// What cannot be sent is refused, whatever the path.
func TestRequestsThatMaySellAreCheckedAsOthers(t *testing.T) {
	t.Parallel()
	rt := &answering{status: http.StatusOK}
	_, err := newClient(t, rt).Do(t.Context(), &trackdrive.Request{
		Method: "POST", Path: []string{"inbound_webhooks", "ping", "sell"}, Params: trackdrive.Fields{"caller_id": struct{}{}},
	}, nil)
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	require.ErrorContains(t, err, "caller_id")
	require.Empty(t, rt.sent)
}
