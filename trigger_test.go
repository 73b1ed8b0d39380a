package trackdrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func newTrigger(t *testing.T, cfg trackdrive.TriggerConfig) *trackdrive.Trigger {
	t.Helper()
	if cfg.Webhooks == nil {
		cfg.Webhooks = []trackdrive.WebhookConfig{{URL: "https://hooks.example.com/fired"}}
	}
	trigger, err := trackdrive.NewTrigger(cfg)
	require.NoError(t, err)
	return trigger
}

func TestEventsAreComparedWithoutCase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		on    []string
		event string
		want  string
	}{
		{nil, "finalized", "accepted"},
		{nil, "", "accepted"},
		{[]string{}, "Finalized", "accepted"},
		{[]string{"Finalized"}, "Finalized", `accepted: event in ["Finalized"]: got "Finalized"`},
		{[]string{"Finalized"}, "fInAlIzEd", `accepted: event in ["Finalized"]: got "fInAlIzEd"`},
		{[]string{"Connected (Answered)", "FINALIZED"}, "finalized", `accepted: event in ["Connected (Answered)","FINALIZED"]: got "finalized"`},
		{[]string{"Connected (Answered)"}, "connected (answered)", `accepted: event in ["Connected (Answered)"]: got "connected (answered)"`},
		{[]string{"ÜBERGEBEN"}, "übergeben", `accepted: event in ["ÜBERGEBEN"]: got "übergeben"`},
		{[]string{"Connected (Answered)"}, "connected", `rejected: event in ["Connected (Answered)"]: got "connected"`},
		{[]string{"Finalized"}, "", `rejected: event in ["Finalized"]: got ""`},
		{[]string{"Finalized"}, "finalized ", `rejected: event in ["Finalized"]: got "finalized "`},
		{[]string{`say "hi"`}, `[event]`, `rejected: event in ["say \"hi\""]: got "[event]"`},
	} {
		d := newTrigger(t, trackdrive.TriggerConfig{On: tt.on}).Match(tt.event, nil)
		require.Equal(t, tt.want, d.String())
		require.Len(t, d.Checks, min(len(tt.on), 1))
	}
}

func TestFiltersJudgeValuesByName(t *testing.T) {
	t.Parallel()
	field := trackdrive.Field
	values := trackdrive.Values{
		"tag:InboundNumber:Number": "+15555550142", "Connection - Target - Id": "TA7", "call.length": "95.50", "seconds": "095", "post_call_tokens[zip]": "90210",
		"*": "star", "#": "hash", "list.0": "dotted", "$.a": "dollar", "a|b": "bar", `back\slash`: "slash", "Payout": "$25.50", "big": "9007199254740993",
		"word": "n/a", "flag": "Yes", "null": "null", "blank": "", "spaces": " \t\n", "padded": " x ", "object": `{"a":1}`, "empty list": "[]", "x\xffy": "bytes\xff",
	}
	for _, tt := range []struct {
		rule trackdrive.Rule
		want trackdrive.Verdict
	}{
		{field("tag:InboundNumber:Number").Equals("+15555550142"), trackdrive.VerdictAccepted},
		{field("TAG:inboundnumber:NUMBER").StartsWith("+1"), trackdrive.VerdictAccepted},
		{field("tag:InboundNumber").Exists(), trackdrive.VerdictRejected},
		{field("connection - target - id").In("TA1", "TA7"), trackdrive.VerdictAccepted},
		{field("Connection - Target - Id").In("TA1", "ta7"), trackdrive.VerdictRejected},
		{field("Connection - Target - Id").NotIn("TA1"), trackdrive.VerdictAccepted},
		{field("post_call_tokens[zip]").Equals(90210), trackdrive.VerdictAccepted},
		{field("post_call_tokens").Exists(), trackdrive.VerdictRejected},
		{field("*").Equals("star"), trackdrive.VerdictAccepted},
		{field("*").Equals("hash"), trackdrive.VerdictRejected},
		{field("#").Equals("hash"), trackdrive.VerdictAccepted},
		{field("list.0").Equals("dotted"), trackdrive.VerdictAccepted},
		{field("list[0]").Exists(), trackdrive.VerdictRejected},
		{field("$.a").Equals("dollar"), trackdrive.VerdictAccepted},
		{field("a|b").Equals("bar"), trackdrive.VerdictAccepted},
		{field(`back\slash`).Equals("slash"), trackdrive.VerdictAccepted},
		{field("object").Equals(`{"a":1}`), trackdrive.VerdictAccepted},
		{field("object.a").Missing(), trackdrive.VerdictAccepted},
		{field("empty list").NotEmpty(), trackdrive.VerdictAccepted},
		{field("call.length").GreaterThan(90), trackdrive.VerdictAccepted},
		{field("call.length").Between("95.5", "95.5"), trackdrive.VerdictAccepted},
		{field("call.length").GreaterThan("95.50"), trackdrive.VerdictRejected},
		{field("call.length").Equals("95.5"), trackdrive.VerdictAccepted},
		{field("seconds").Equals(95), trackdrive.VerdictAccepted},
		{field("payout").AtLeast("25.50"), trackdrive.VerdictAccepted},
		{field("big").LessThan("9007199254740994"), trackdrive.VerdictAccepted},
		{field("word").GreaterThan(1), trackdrive.VerdictUndetermined},
		{field("flag").IsTrue(), trackdrive.VerdictAccepted},
		{field("null").IsNull(), trackdrive.VerdictRejected},
		{field("null").Exists(), trackdrive.VerdictAccepted},
		{field("padded").Equals(" x "), trackdrive.VerdictAccepted},
		{field("padded").Equals("x"), trackdrive.VerdictRejected},

		{field("blank").Missing(), trackdrive.VerdictAccepted},
		{field("blank").IsNull(), trackdrive.VerdictAccepted},
		{field("blank").IsEmpty(), trackdrive.VerdictAccepted},
		{field("blank").Equals(nil), trackdrive.VerdictAccepted},
		{field("spaces").Missing(), trackdrive.VerdictAccepted},
		{field("spaces").IsEmpty(), trackdrive.VerdictAccepted},
		{field("blank").Exists(), trackdrive.VerdictRejected},
		{field("blank").NotNull(), trackdrive.VerdictRejected},
		{field("blank").Equals(""), trackdrive.VerdictRejected},
		{field("blank").NotEquals("x"), trackdrive.VerdictRejected},
		{field("spaces").NotContains("x"), trackdrive.VerdictRejected},
		{trackdrive.Not(field("blank").Equals("x")), trackdrive.VerdictRejected},
		{field("nowhere").Missing(), trackdrive.VerdictAccepted},
		{field("nowhere").NotEmpty(), trackdrive.VerdictRejected},
		{field("nowhere").NotEquals("x"), trackdrive.VerdictRejected},

		{trackdrive.Any(field("blank").Exists(), field("flag").Equals("Yes")), trackdrive.VerdictAccepted},
		{trackdrive.Any(field("word").GreaterThan(1), field("flag").IsTrue()), trackdrive.VerdictAccepted},
		{trackdrive.All(field("word").GreaterThan(1), field("flag").IsFalse()), trackdrive.VerdictRejected},
		{trackdrive.All(), trackdrive.VerdictAccepted},
		{trackdrive.Any(), trackdrive.VerdictRejected},
	} {
		filter, isGroup := tt.rule.(*trackdrive.Criteria)
		if !isGroup {
			filter = trackdrive.All(tt.rule)
		}
		d := newTrigger(t, trackdrive.TriggerConfig{Filter: filter}).Match("finalized", values)
		require.Equal(t, tt.want, d.Verdict, "%v: %s", tt.rule, d)
	}
}

func TestDecisionsOfTriggersSayWhichConditionHeld(t *testing.T) {
	t.Parallel()
	filter := trackdrive.All(
		trackdrive.Field("Call.Length").GreaterThan(90),
		trackdrive.Any(trackdrive.Field("Target[Id]").Equals("TA1"), trackdrive.Field("tag:Tier").Equals("gold")),
	)
	trigger := newTrigger(t, trackdrive.TriggerConfig{On: []string{"Finalized"}, Filter: filter})
	values := trackdrive.Values{"call.length": "95", "target[id]": "TA1"}
	require.Equal(t, trackdrive.Decision{
		Verdict: trackdrive.VerdictAccepted,
		Checks: []trackdrive.Check{
			{Field: "event", Condition: "in", Want: `["Finalized"]`, Got: `"finalized"`, Verdict: trackdrive.VerdictAccepted},
			{Field: "Call.Length", Condition: "greater than", Want: "90", Got: `"95"`, Verdict: trackdrive.VerdictAccepted},
			{Field: "Target[Id]", Condition: "equals", Want: "TA1", Got: `"TA1"`, Verdict: trackdrive.VerdictAccepted},
			{Field: "tag:Tier", Condition: "equals", Want: "gold", Verdict: trackdrive.VerdictRejected},
		},
		Groups: []trackdrive.CheckGroup{{Match: "any", First: 2, Count: 2, Verdict: trackdrive.VerdictAccepted}},
	}, trigger.Match("finalized", values))
	require.Equal(t, strings.Join([]string{
		"rejected",
		`does not hold: event in ["Finalized"]: got "connected"`,
		`holds: Call.Length greater than 90: got "95"`,
		"holds: any of",
		`  holds: Target[Id] equals TA1: got "TA1"`,
		"  does not hold: tag:Tier equals gold: got nothing",
	}, "\n"), trigger.Match("connected", values).String())
	for _, tt := range []struct {
		event, length string
		want          trackdrive.Verdict
	}{
		{"finalized", "95", trackdrive.VerdictAccepted},
		{"finalized", "90", trackdrive.VerdictRejected},
		{"finalized", "", trackdrive.VerdictRejected},
		{"finalized", "long", trackdrive.VerdictUndetermined},
		{"connected", "long", trackdrive.VerdictRejected},
		{"connected", "95", trackdrive.VerdictRejected},
	} {
		d := trigger.Match(tt.event, trackdrive.Values{"call.length": tt.length, "target[id]": "TA1"})
		require.Equal(t, tt.want, d.Verdict, d.String())
	}
}

func TestNoTriggerMatchesNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, trackdrive.Decision{}, (*trackdrive.Trigger)(nil).Match("finalized", nil))
	require.Equal(t, trackdrive.Decision{}, new(trackdrive.Trigger).Match("finalized", nil))
}

func TestNamesThatDifferOnlyInCaseCannotBeJudged(t *testing.T) {
	t.Parallel()
	trigger := newTrigger(t, trackdrive.TriggerConfig{On: []string{"finalized"}, Filter: trackdrive.All(trackdrive.Field("state").Equals("CA"))})
	values := trackdrive.Values{"State": "CA", "STATE": "NV", "zip": "90210"}
	d := trigger.Match("finalized", values)
	require.Equal(t, trackdrive.VerdictUndetermined, d.Verdict)
	require.Equal(t, strings.Join([]string{
		`accepted: event in ["finalized"]: got "finalized"`,
		`undetermined: STATE is given once: got ["STATE","State"]`,
	}, "\n"), d.String())
	require.Equal(t, trackdrive.VerdictRejected, trigger.Match("connected", values).Verdict)
}

func TestDecisionsOfTriggersShowNoCredentials(t *testing.T) {
	t.Parallel()
	trigger := newTrigger(t, trackdrive.TriggerConfig{Filter: trackdrive.All(
		trackdrive.Field("Ringba_Webhook_Token").NotEmpty(),
		trackdrive.Field("auth_token").NotEquals("other-secret"),
		trackdrive.Field("zip").Equals("90210"),
	)})
	d := trigger.Match("finalized", trackdrive.Values{"ringba_webhook_token": "planted-secret", "auth_token": "planted-secret", "zip": "90210"})
	require.Equal(t, trackdrive.VerdictAccepted, d.Verdict)
	require.Equal(t, strings.Join([]string{
		`accepted: Ringba_Webhook_Token not empty: got "[redacted]"`,
		`accepted: auth_token not equals [redacted]: got "[redacted]"`,
		`accepted: zip equals 90210: got "90210"`,
	}, "\n"), d.String())
}

// What a webhook would send for a name that is not given counts as its value: the
// trigger of TrackDrive fires if the token is "resolvable".
func TestFiltersSeeWhatAWebhookResolves(t *testing.T) {
	t.Parallel()
	preset := func(change func(*trackdrive.WebhookConfig)) *trackdrive.Trigger {
		cfg := trackdrive.RingbaPostbackTrigger()
		change(&cfg.Webhooks[0])
		return newTrigger(t, cfg)
	}
	fixed := preset(func(w *trackdrive.WebhookConfig) {
		w.Values = trackdrive.Values{"Ringba_Webhook_Token": "token-x"}
	})
	mapped := preset(func(w *trackdrive.WebhookConfig) {
		w.Tokens["ringba_webhook_token"] = trackdrive.TokenRule{Required: true, From: "traffic_source_id", Map: map[string]string{"11": "token-a", "12": ""}}
	})
	defaulted := preset(func(w *trackdrive.WebhookConfig) {
		w.Tokens["ringba_webhook_token"] = trackdrive.TokenRule{From: "traffic_source_id", Map: map[string]string{"11": "token-a"}, Default: "token-x"}
	})
	for _, tt := range []struct {
		name    string
		trigger *trackdrive.Trigger
		values  trackdrive.Values
		want    trackdrive.Verdict
	}{
		{"fixed", fixed, trackdrive.Values{"ringba_call_uuid": "RGB-1"}, trackdrive.VerdictAccepted},
		{"fixed, blank given", fixed, trackdrive.Values{"ringba_call_uuid": "RGB-1", "ringba_webhook_token": " "}, trackdrive.VerdictAccepted},
		{"fixed, no call", fixed, trackdrive.Values{"ringba_call_uuid": " "}, trackdrive.VerdictRejected},
		{"mapped", mapped, trackdrive.Values{"ringba_call_uuid": "RGB-1", "Traffic_Source_ID": "11"}, trackdrive.VerdictAccepted},
		{"mapped to blank", mapped, trackdrive.Values{"ringba_call_uuid": "RGB-1", "traffic_source_id": "12"}, trackdrive.VerdictRejected},
		{"not in the map", mapped, trackdrive.Values{"ringba_call_uuid": "RGB-1", "traffic_source_id": "13"}, trackdrive.VerdictRejected},
		{"given beside the map", mapped, trackdrive.Values{"ringba_call_uuid": "RGB-1", "ringba_webhook_token": "token-n"}, trackdrive.VerdictAccepted},
		{"no source", mapped, trackdrive.Values{"ringba_call_uuid": "RGB-1"}, trackdrive.VerdictRejected},
		{"default", defaulted, trackdrive.Values{"ringba_call_uuid": "RGB-1", "traffic_source_id": "13"}, trackdrive.VerdictAccepted},
	} {
		d := tt.trigger.Match("converted", tt.values)
		require.Equal(t, tt.want, d.Verdict, "%s: %s", tt.name, d)
	}
	first := newTrigger(t, trackdrive.TriggerConfig{
		Filter: trackdrive.All(trackdrive.Field("state").Equals("CA")),
		Webhooks: []trackdrive.WebhookConfig{
			{URL: "https://one.example.com/[x]"},
			{URL: "https://two.example.com/[state]", Values: trackdrive.Values{"state": "CA"}},
			{URL: "https://three.example.com/[state]", Values: trackdrive.Values{"state": "NV"}},
		},
	})
	require.Equal(t, trackdrive.VerdictAccepted, first.Match("x", nil).Verdict, "the first webhook that has a value counts")
	require.Equal(t, trackdrive.VerdictRejected, first.Match("x", trackdrive.Values{"state": "NV"}).Verdict, "a given value wins")
}

func TestPresetsOfTriggers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		cfg    trackdrive.TriggerConfig
		values trackdrive.Values
		want   trackdrive.Verdict
	}{
		{"Ringba, both", trackdrive.RingbaPostbackTrigger(), trackdrive.Values{"ringba_call_uuid": "RGB-1", "ringba_webhook_token": "token-n"}, trackdrive.VerdictAccepted},
		{"Ringba, no token", trackdrive.RingbaPostbackTrigger(), trackdrive.Values{"ringba_call_uuid": "RGB-1"}, trackdrive.VerdictRejected},
		{"Ringba, blank token", trackdrive.RingbaPostbackTrigger(), trackdrive.Values{"ringba_call_uuid": "RGB-1", "ringba_webhook_token": " "}, trackdrive.VerdictRejected},
		{"Ringba, no call", trackdrive.RingbaPostbackTrigger(), trackdrive.Values{"ringba_webhook_token": "token-n"}, trackdrive.VerdictRejected},
		{"Ringba, a call of Retreaver's", trackdrive.RingbaPostbackTrigger(), trackdrive.Values{"retreaver_call_uuid": "ret-1"}, trackdrive.VerdictRejected},
		{"Retreaver", trackdrive.RetreaverPostbackTrigger(), trackdrive.Values{"retreaver_call_uuid": "ret-1"}, trackdrive.VerdictAccepted},
		{"Retreaver, blank", trackdrive.RetreaverPostbackTrigger(), trackdrive.Values{"retreaver_call_uuid": ""}, trackdrive.VerdictRejected},
		{"Retreaver, a call of Ringba's", trackdrive.RetreaverPostbackTrigger(), trackdrive.Values{"ringba_call_uuid": "RGB-1"}, trackdrive.VerdictRejected},
	} {
		require.NotEmpty(t, tt.cfg.Name)
		d := newTrigger(t, tt.cfg).Match("traffic source converted", tt.values)
		require.Equal(t, tt.want, d.Verdict, "%s: %s", tt.name, d)
	}
}

func TestWhatThePresetsOfTriggersSend(t *testing.T) {
	t.Parallel()
	values := trackdrive.Values{
		"ringba_call_uuid": "RGB 1", "ringba_webhook_token": "token-n", "retreaver_call_uuid": "ret-1", "retreaver_call_key": "key-1", "revenue": "$25.50",
	}
	for _, tt := range []struct {
		cfg  trackdrive.TriggerConfig
		drop string
		want string
	}{
		{trackdrive.RingbaPostbackTrigger(), "", "GET https://webhook.ringba.com/hook/token-n?call_id=RGB+1&call_revenue=%2425.50&sale_successful=true"},
		{trackdrive.RetreaverPostbackTrigger(), "", "GET https://retreaverdata.com/data_writing?key=key-1&call_uuid=ret-1&revenue=25.50"},
		{trackdrive.RetreaverPostbackTrigger(), "retreaver_call_key", "GET https://retreaverdata.com/data_writing?call_uuid=ret-1&revenue=25.50"},
		{trackdrive.RetreaverPostbackTrigger(), "revenue", ""},
		{trackdrive.RingbaPostbackTrigger(), "revenue", ""},
	} {
		rt := &answering{status: 200, body: `{}`}
		given := trackdrive.Values{}
		for name, value := range values {
			if name != tt.drop {
				given[name] = value
			}
		}
		results, err := newClient(t, rt).Fire(t.Context(), newTrigger(t, tt.cfg), "traffic source converted", given)
		if tt.want == "" {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, tt.drop)
			require.Equal(t, []*trackdrive.WebhookResult{nil}, results)
			require.Empty(t, rt.sent)
			continue
		}
		require.NoError(t, err)
		require.True(t, results[0].Accepted)
		require.Equal(t, tt.want, rt.sent[0].method+" "+rt.sent[0].url)
		require.Empty(t, rt.sent[0].header.Get("Authorization"))
	}
}

// hostScripts is a transport that answers each host with its script, and notes the
// hosts in the order in which they were asked.
type hostScripts struct {
	mu     sync.Mutex
	script map[string]func(*http.Request) (*http.Response, error)
	hosts  []string
}

func (s *hostScripts) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.hosts = append(s.hosts, r.URL.Host)
	s.mu.Unlock()
	if r.Body != nil {
		_ = r.Body.Close()
	}
	answer, known := s.script[r.URL.Host]
	if !known {
		answer = replying(200, `{"success":true}`)
	}
	return answer(r)
}

func replying(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
}

// hooksAt returns a webhook for each host.
func hooksAt(hosts ...string) []trackdrive.WebhookConfig {
	var list []trackdrive.WebhookConfig
	for _, host := range hosts {
		list = append(list, trackdrive.WebhookConfig{URL: "https://" + host + "/", Acceptance: trackdrive.All(trackdrive.Field("success").IsTrue())})
	}
	return list
}

func TestATriggerThatDoesNotMatchSendsNothing(t *testing.T) {
	t.Parallel()
	rt := &hostScripts{}
	trigger := newTrigger(t, trackdrive.TriggerConfig{
		On: []string{"Finalized"}, Filter: trackdrive.All(trackdrive.Field("length").GreaterThan(90)), Webhooks: hooksAt("one.example.com"),
	})
	for _, tt := range []struct{ event, length string }{{"connected", "95"}, {"finalized", "90"}, {"finalized", ""}, {"finalized", "long"}, {"", "95"}} {
		results, err := newClient(t, rt).Fire(t.Context(), trigger, tt.event, trackdrive.Values{"length": tt.length})
		require.NoError(t, err)
		require.Nil(t, results)
	}
	require.Empty(t, rt.hosts)
	results, err := newClient(t, rt).Fire(t.Context(), trigger, "finalized", trackdrive.Values{"length": "95"})
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.True(t, results[0].Accepted)
	require.Equal(t, []string{"one.example.com"}, rt.hosts)
}

func TestOneFailureDoesNotStopTheOtherWebhooks(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	rt := &hostScripts{script: map[string]func(*http.Request) (*http.Response, error){
		"two.example.com":   replying(404, `{}`),
		"three.example.com": replying(200, `{"success":false}`),
		"four.example.com":  func(*http.Request) (*http.Response, error) { return nil, broken },
		"five.example.com":  replying(200, `<html>`),
	}}
	hooks := hooksAt("one.example.com", "two.example.com", "three.example.com", "four.example.com", "five.example.com", "six.example.com", "seven.example.com")
	hooks[1].Name = "Globex"
	hooks[5].URL += "[zip]"
	trigger := newTrigger(t, trackdrive.TriggerConfig{Webhooks: hooks})
	results, err := newClient(t, rt).Fire(t.Context(), trigger, "finalized", nil)
	require.Equal(t, []string{"one.example.com", "two.example.com", "three.example.com", "four.example.com", "five.example.com", "seven.example.com"}, rt.hosts)
	require.Len(t, results, 7)
	for i, accepted := range []bool{true, false, false, false, false, false, true} {
		if results[i] == nil {
			require.Contains(t, []int{1, 3, 5}, i)
			continue
		}
		require.Equal(t, accepted, results[i].Accepted, i)
	}
	joined, is := err.(interface{ Unwrap() []error })
	require.True(t, is)
	list := joined.Unwrap()
	require.Len(t, list, 3)
	for i, want := range []struct {
		kind     error
		text     string
		delivery trackdrive.Delivery
	}{
		{trackdrive.ErrNotFound, "trackdrive: webhooks[1] (Globex): webhook POST https://two.example.com/: 404 not found", trackdrive.DeliveryAnswered},
		{trackdrive.ErrNetwork, "trackdrive: webhooks[3]: webhook POST https://four.example.com/: network error", trackdrive.DeliveryUnknown},
		{trackdrive.ErrInvalidArgument, "trackdrive: webhooks[5]: webhook: invalid argument: zip: ", trackdrive.DeliveryNotSent},
	} {
		require.ErrorIs(t, list[i], want.kind)
		require.ErrorIs(t, err, want.kind)
		require.True(t, strings.HasPrefix(list[i].Error(), want.text), list[i].Error())
		require.NotContains(t, strings.TrimPrefix(list[i].Error(), "trackdrive:"), "trackdrive:")
		require.Equal(t, want.delivery, trackdrive.DeliveryOf(list[i]), "%s", list[i])
		var one *trackdrive.Error
		require.ErrorAs(t, list[i], &one)
		require.Equal(t, "webhook", one.Operation)
	}
	require.ErrorIs(t, err, broken)
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	require.Equal(t, trackdrive.DeliveryUnknown, trackdrive.DeliveryOf(err), "the most doubtful counts")
}

func TestEachWebhookKeepsItsClass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		opts []trackdrive.CallOption
		want []int // requests to each of: never, refused, safe, a post
	}{
		{"without an option", nil, []int{1, 1, 3, 1}},
		{"safe", []trackdrive.CallOption{trackdrive.WithRepeat(trackdrive.RepeatSafe)}, []int{1, 1, 3, 1}},
		{"refused", []trackdrive.CallOption{trackdrive.WithRepeat(trackdrive.RepeatRefused)}, []int{1, 1, 1, 1}},
		{"never", []trackdrive.CallOption{trackdrive.WithRepeat(trackdrive.RepeatNever)}, []int{1, 1, 1, 1}},
	} {
		rt := &hostScripts{script: map[string]func(*http.Request) (*http.Response, error){}}
		hosts := []string{"never.example.com", "refused.example.com", "safe.example.com", "acme.trackdrive.com"}
		for _, host := range hosts {
			rt.script[host] = replying(502, "")
		}
		hooks := hooksAt(hosts...)
		hooks[1].Repeat, hooks[2].Repeat, hooks[3].Repeat = trackdrive.RepeatRefused, trackdrive.RepeatSafe, trackdrive.RepeatSafe
		hooks[3].URL += "api/v1/inbound_webhooks/post/sell"
		client := newClient(t, rt, trackdrive.WithMaxAttempts(3), trackdrive.WithTimeout(time.Minute))
		results, err := client.Fire(t.Context(), newTrigger(t, trackdrive.TriggerConfig{Webhooks: hooks}), "finalized", nil, tt.opts...)
		require.ErrorIs(t, err, trackdrive.ErrServer)
		require.Equal(t, []*trackdrive.WebhookResult{nil, nil, nil, nil}, results)
		got := make([]int, len(hosts))
		for _, host := range rt.hosts {
			for i := range hosts {
				if hosts[i] == host {
					got[i]++
				}
			}
		}
		require.Equal(t, tt.want, got, tt.name)
	}
}

func TestAnEndedContextStopsBeforeTheNextWebhook(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	rt := &hostScripts{script: map[string]func(*http.Request) (*http.Response, error){
		"two.example.com": func(r *http.Request) (*http.Response, error) {
			response, err := replying(200, `{"success":true}`)(r)
			cancel()
			return response, err
		},
	}}
	asked := 0
	auth := trackdrive.AuthenticatorFunc(func(context.Context, *trackdrive.AuthRequest) error { asked++; return nil })
	hooks := hooksAt("one.example.com", "two.example.com", "acme.trackdrive.com", "four.example.com")
	results, err := newClient(t, rt, trackdrive.WithAuth(auth)).Fire(ctx, newTrigger(t, trackdrive.TriggerConfig{Webhooks: hooks}), "finalized", nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"one.example.com", "two.example.com"}, rt.hosts)
	require.Zero(t, asked)
	require.Len(t, results, 4)
	require.NotNil(t, results[0])
	require.Nil(t, results[2])
	require.Nil(t, results[3])
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		if strings.Contains(one.Error(), "webhooks[2]") || strings.Contains(one.Error(), "webhooks[3]") {
			require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(one), "%s", one)
		}
	}
	require.ErrorContains(t, err, "webhooks[2]")
	require.ErrorContains(t, err, "webhooks[3]")
}

func TestWhatFireRefusesBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	rt := &hostScripts{}
	client := newClient(t, rt)
	trigger := newTrigger(t, trackdrive.TriggerConfig{Webhooks: hooksAt("one.example.com", "two.example.com")})
	for _, tt := range []struct {
		name    string
		ctx     context.Context
		client  *trackdrive.Client
		trigger *trackdrive.Trigger
		values  trackdrive.Values
		opts    []trackdrive.CallOption
		want    string
	}{
		{"nil trigger", t.Context(), client, nil, nil, nil, "trackdrive: trigger: invalid argument: trigger: was not made by NewTrigger"},
		{"zero trigger", t.Context(), client, new(trackdrive.Trigger), nil, nil, "trackdrive: trigger: invalid argument: trigger: was not made by NewTrigger"},
		{"nil client", t.Context(), nil, trigger, nil, nil, "trackdrive: trigger: invalid argument: client: was not made by NewClient"},
		{"nil context", nil, client, trigger, nil, nil, "trackdrive: trigger: invalid argument: context: is nil"},
		{"values", t.Context(), client, trigger, trackdrive.Values{"zip": "1", "ZIP": "2"}, nil, "trackdrive: trigger: invalid argument: ZIP: is given twice, also as zip"},
		{"option", t.Context(), client, trigger, nil, []trackdrive.CallOption{nil}, "trackdrive: trigger: invalid argument: option: is nil"},
	} {
		results, err := tt.client.Fire(tt.ctx, tt.trigger, "finalized", tt.values, tt.opts...)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, tt.name)
		require.True(t, strings.HasPrefix(err.Error(), tt.want), err.Error())
		require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
		require.Nil(t, results)
	}
	require.Empty(t, rt.hosts)
}

func TestConfigurationsOfTriggersAreCopied(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.TriggerConfig{On: []string{"finalized"}, Webhooks: hooksAt("one.example.com")}
	trigger := newTrigger(t, cfg)
	cfg.On[0], cfg.Webhooks[0].URL = "connected", "https://other.example.com/"
	rt := &hostScripts{}
	_, err := newClient(t, rt).Fire(t.Context(), trigger, "finalized", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"one.example.com"}, rt.hosts)
}

func TestTriggersThatAreRefused(t *testing.T) {
	t.Parallel()
	hook := trackdrive.WebhookConfig{URL: "https://hooks.example.com/"}
	for _, tt := range []struct {
		name string
		cfg  trackdrive.TriggerConfig
		want []trackdrive.FieldError
	}{
		{"nothing", trackdrive.TriggerConfig{}, []trackdrive.FieldError{{Field: "webhooks", Message: "must hold at least one webhook"}}},
		{"blank events", trackdrive.TriggerConfig{On: []string{"", "finalized", " ", " x", "x\n"}, Webhooks: []trackdrive.WebhookConfig{hook}}, []trackdrive.FieldError{
			{Field: "on[0]", Message: "is blank; give an event, or leave out on to take any"},
			{Field: "on[2]", Message: "is blank; give an event, or leave out on to take any"},
			{Field: "on[3]", Message: `" x" begins or ends with a blank, and would match no event; give "x"`},
			{Field: "on[4]", Message: `"x\n" begins or ends with a blank, and would match no event; give "x"`},
		}},
		{"filter", trackdrive.TriggerConfig{Filter: trackdrive.All(trackdrive.Field("").Exists(), trackdrive.Field("[x").GreaterThan("y")), Webhooks: []trackdrive.WebhookConfig{hook}}, []trackdrive.FieldError{
			{Field: "filter.criteria[0].field", Message: "is empty; give the name of a value"},
			{Field: "filter.criteria[1].value", Message: "is not a number"},
		}},
		{"zero filter", trackdrive.TriggerConfig{Filter: new(trackdrive.Criteria), Webhooks: []trackdrive.WebhookConfig{hook}}, []trackdrive.FieldError{
			{Field: "filter.criteria", Message: "are empty"},
		}},
		{"webhooks", trackdrive.TriggerConfig{Webhooks: []trackdrive.WebhookConfig{{}, hook, {URL: "https://hooks.example.com/", Body: "{\n\"a\": [b}", Repeat: 7}}}, []trackdrive.FieldError{
			{Field: "webhooks[0].url", Message: "is empty"},
			{Field: "webhooks[2].repeat", Message: "7 is not one of never, refused, safe"},
			{Field: "webhooks[2].body 2:7", Message: ""},
		}},
	} {
		trigger, err := trackdrive.NewTrigger(tt.cfg)
		require.Nil(t, trigger)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, tt.name)
		require.NotErrorIs(t, err, trackdrive.ErrLeftoverToken)
		requireMistakes(t, tt.want, err)
	}
	_, err := trackdrive.NewTrigger(trackdrive.TriggerConfig{Webhooks: []trackdrive.WebhookConfig{trackdrive.CallGridBid("acme", "w", "s", "TEMPLATE_TRACKDRIVE_NUMBER")}})
	require.ErrorIs(t, err, trackdrive.ErrLeftoverToken)
	requireMistakes(t, []trackdrive.FieldError{{Field: "webhooks[0].values.trackdrive_number", Message: "is a placeholder or a token that was not replaced"}}, err)
}

// requireMistakes compares all mistakes, by their places; a message "" may be any.
func requireMistakes(t *testing.T, want []trackdrive.FieldError, err error, doc ...any) {
	t.Helper()
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse, doc...)
	byPlace := func(a, b trackdrive.FieldError) int { return strings.Compare(a.Field, b.Field) }
	want = slices.SortedStableFunc(slices.Values(want), byPlace)
	got := slices.SortedStableFunc(slices.Values(parse.Mistakes), byPlace)
	for i := range got {
		if i < len(want) && want[i].Message == "" {
			require.NotEmpty(t, got[i].Message)
			got[i].Message = ""
		}
	}
	require.Equal(t, want, got, doc...)
}

func TestStoredTriggersComeBack(t *testing.T) {
	t.Parallel()
	for _, cfg := range []trackdrive.TriggerConfig{
		{Webhooks: hooksAt("one.example.com")},
		{
			Name: "both & <all>", On: []string{"Connected (Answered)", "Finalized"},
			Filter:   trackdrive.All(trackdrive.Field("a[b").Equals("1"), trackdrive.Any(trackdrive.Field("*.#").In(1, nil, true), trackdrive.Not(trackdrive.Field("x").Matches("^y$")))),
			Webhooks: []trackdrive.WebhookConfig{trackdrive.CallPostback(), trackdrive.CallGridBid("acme", "w", "s", "n"), trackdrive.RingbaPixel("acme", "token-1", "11")},
		},
		trackdrive.RingbaPostbackTrigger(),
		trackdrive.RetreaverPostbackTrigger(),
	} {
		stored, err := json.Marshal(cfg)
		require.NoError(t, err)
		_, err = trackdrive.ParseTrigger(stored)
		require.NoError(t, err)
		var read trackdrive.TriggerConfig
		require.NoError(t, json.Unmarshal(stored, &read))
		require.Equal(t, cfg, read)
		twice, err := json.Marshal(&read)
		require.NoError(t, err)
		require.JSONEq(t, string(stored), string(twice))
	}
	stored, err := json.Marshal(trackdrive.TriggerConfig{Name: "n", On: []string{"e"}, Filter: trackdrive.All(trackdrive.Field("z").Exists()), Webhooks: []trackdrive.WebhookConfig{{URL: "https://x.example"}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"n","on":["e"],"filter":{"match":"all","criteria":[{"field":"z","condition":"Exists"}]},
		"webhooks":[{"url":"https://x.example","repeat":"never","on_missing":"fails"}]}`, string(stored))
	for name, filter := range map[string]*trackdrive.Criteria{
		"no rules": trackdrive.All(), "a mistake": trackdrive.All(trackdrive.Field("").Exists()), "zero": new(trackdrive.Criteria),
	} {
		_, err := json.Marshal(trackdrive.TriggerConfig{Filter: filter})
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, name)
	}
}

func TestReadingATriggerLeavesTheConfigurationIfItFails(t *testing.T) {
	t.Parallel()
	cfg := trackdrive.TriggerConfig{Name: "kept"}
	require.Error(t, cfg.UnmarshalJSON([]byte(`{"name":"other","webhook":[]}`)))
	require.Equal(t, trackdrive.TriggerConfig{Name: "kept"}, cfg)
	require.NoError(t, cfg.UnmarshalJSON([]byte(` null `)))
	require.Equal(t, trackdrive.TriggerConfig{Name: "kept"}, cfg)
	require.NoError(t, cfg.UnmarshalJSON([]byte(`{"name":null,"on":null,"filter":null,"webhooks":null}`)))
	require.Equal(t, trackdrive.TriggerConfig{}, cfg)
	require.NoError(t, cfg.UnmarshalJSON([]byte(`{"on":[""],"webhooks":[]}`)), "NewTrigger judges the rest")
}

func TestMistakesInStoredTriggers(t *testing.T) {
	t.Parallel()
	const hook = `{"url":"https://hooks.example.com/"}`
	for _, tt := range []struct {
		text string
		want []trackdrive.FieldError
	}{
		{``, []trackdrive.FieldError{{Field: "1:1"}}},
		{`{`, []trackdrive.FieldError{{Field: "1:2"}}},
		{"{\"webhooks\":[" + hook + "],\n  \"on\":[\"a\",]}", []trackdrive.FieldError{{Field: "2:13"}}},
		{`{"webhooks":[` + hook + `]} {}`, []trackdrive.FieldError{{Field: "1:53"}}},
		{`null`, []trackdrive.FieldError{{Message: "a trigger must be a JSON object"}}},
		{`[]`, []trackdrive.FieldError{{Message: "a trigger must be a JSON object"}}},
		{`"finalized"`, []trackdrive.FieldError{{Message: "a trigger must be a JSON object"}}},
		{`{}`, []trackdrive.FieldError{{Field: "webhooks", Message: "must hold at least one webhook"}}},
		{`{"webhooks":[]}`, []trackdrive.FieldError{{Field: "webhooks", Message: "must hold at least one webhook"}}},
		{`{"webhooks":null,"on":null}`, []trackdrive.FieldError{{Field: "webhooks", Message: "must hold at least one webhook"}}},
		{`{"webhooks":` + hook + `}`, []trackdrive.FieldError{{Field: "webhooks", Message: "must be a list of webhooks; put the object in [ and ]"}}},
		{`{"webhooks":"https://hooks.example.com/"}`, []trackdrive.FieldError{{Field: "webhooks", Message: "must be a list of webhooks"}}},
		{`{"webhooks":["https://hooks.example.com/"]}`, []trackdrive.FieldError{{Field: "webhooks[0]", Message: "must be an object with the keys of a webhook"}}},
		{`{"webhooks":[null,` + hook + `]}`, []trackdrive.FieldError{{Field: "webhooks[0]", Message: "must be an object with the keys of a webhook"}}},
		{`{"webhook":[` + hook + `]}`, []trackdrive.FieldError{
			{Field: "webhook", Message: `is unknown; did you mean "webhooks"?`},
			{Field: "webhooks", Message: "must hold at least one webhook"},
		}},
		{`{"webhooks":[` + hook + `],"Name":"x","filters":{},"events":["a"],"colour":"red","a\"b":1}`, []trackdrive.FieldError{
			{Field: "Name", Message: `is unknown; did you mean "name"?`},
			{Field: "filters", Message: `is unknown; did you mean "filter"?`},
			{Field: "events", Message: `is unknown; did you mean "on"?`},
			{Field: "colour", Message: "is not a key of a trigger; the keys are filter, name, on, webhooks"},
			{Field: `"a\"b"`, Message: "is not a key of a trigger; the keys are filter, name, on, webhooks"},
		}},
		{`{"webhooks":[` + hook + `],"name":7}`, []trackdrive.FieldError{{Field: "name", Message: "must be text"}}},
		{`{"webhooks":[` + hook + `],"on":"finalized"}`, []trackdrive.FieldError{{Field: "on", Message: `must be a list of events; put the text in [ and ]`}}},
		{`{"webhooks":[` + hook + `],"on":{"finalized":true}}`, []trackdrive.FieldError{{Field: "on", Message: `must be a list of events`}}},
		{`{"webhooks":[` + hook + `],"on":["a",7,null,""," b"]}`, []trackdrive.FieldError{
			{Field: "on[1]", Message: "must be text"},
			{Field: "on[2]", Message: "must be text"},
			{Field: "on[3]", Message: "is blank; give an event, or leave out on to take any"},
			{Field: "on[4]", Message: `" b" begins or ends with a blank, and would match no event; give "b"`},
		}},
		{`{"webhooks":[` + hook + `],"on":["a"],"on":["b"],"webhooks":[]}`, []trackdrive.FieldError{
			{Field: "on", Message: "is given twice"}, {Field: "webhooks", Message: "is given twice"},
		}},
		{`{"webhooks":[` + hook + `],"filter":[]}`, []trackdrive.FieldError{{Field: "filter", Message: `must be an object such as {"criteria": [{"field": "zip", "condition": "Exists"}]}`}}},
		{`{"webhooks":[` + hook + `],"filter":{}}`, []trackdrive.FieldError{{Field: "filter.criteria", Message: "is missing"}}},
		{`{"webhooks":[` + hook + `],"filter":{"criteria":[]}}`, []trackdrive.FieldError{{Field: "filter.criteria", Message: "must not be empty"}}},
		{`{"webhooks":[` + hook + `],"filter":{"criteria":[{"field":"","condition":"Exists"},{"field":"[tag:Zip]","condition":"Greter Than","value":1}]}}`, []trackdrive.FieldError{
			{Field: "filter.criteria[0].field", Message: "is empty; give the name of a value"},
			{Field: "filter.criteria[1].condition"},
		}},
		{`{"webhooks":[` + hook + `],"filter":{"match":"some","criteria":[{"field":"a[0","condition":"Between","value":[2,1]}]}}`, []trackdrive.FieldError{
			{Field: "filter.match", Message: `must be "all", "any" or "none"`},
			{Field: "filter.criteria[0].value", Message: "has its bounds reversed"},
		}},
		{`{"webhooks":[{}]}`, []trackdrive.FieldError{{Field: "webhooks[0].url", Message: "is empty"}}},
		{`{"webhooks":[` + hook + `,{"url":"https://hooks.example.com/","body":"{\n\n  \"a\": \"[b\"}"}]}`, []trackdrive.FieldError{{Field: "webhooks[1].body 3:9"}}},
		{`{"webhooks":[` + hook + `,{"url":"http://","timeout":"soon","repeat":"often","retries":3},{}]}`, []trackdrive.FieldError{
			{Field: "webhooks[1].timeout"}, {Field: "webhooks[1].repeat"}, {Field: "webhooks[1].retries"}, {Field: "webhooks[1].url 1:8"}, {Field: "webhooks[2].url", Message: "is empty"},
		}},
		{`{"webhooks":[{"url":"https://hooks.example.com/","url":"x","body":{"a":1}}],"on":[" "],"filter":{"criteria":[{"field":"z","condition":"x"}]}}`, []trackdrive.FieldError{
			{Field: "webhooks[0].url", Message: "is given twice"},
			{Field: "webhooks[0].body"},
			{Field: "filter.criteria[0].condition"},
			{Field: "on[0]", Message: "is blank; give an event, or leave out on to take any"},
		}},
		{`{"webhooks":[{"url":"https://hooks.example.com/","acceptance":{"criteria":[{"field":"a[","condition":"Exists"}]},"tokens":{"x":{"requird":true}}}]}`, []trackdrive.FieldError{
			{Field: "webhooks[0].acceptance.criteria[0].field"}, {Field: "webhooks[0].tokens.x.requird"},
		}},
		{`{"webhooks":[{"url":"https://hooks.example.com/","values":{"x":"1"},"header":{"Host":"x"}}],"nam":"x"}`, []trackdrive.FieldError{
			{Field: "nam", Message: `is unknown; did you mean "name"?`}, {Field: "webhooks[0].header Host", Message: "cannot be set"},
		}},
	} {
		trigger, err := trackdrive.ParseTrigger([]byte(tt.text))
		require.Nil(t, trigger, tt.text)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument, tt.text)
		requireMistakes(t, tt.want, err, tt.text)
	}
}

func TestForgottenTokensInStoredTriggers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"webhooks":[{"url":"https://hooks.example.com/[x]","values":{"x":"[call_uuid]"}}]}`,
		`{"colour":1,"webhooks":[{"url":"https://hooks.example.com/[x]","values":{"x":"[call_uuid]"}}]}`,
		`{"webhooks":[{"colour":1,"url":"https://hooks.example.com/[x]","values":{"x":"[call_uuid]"}}]}`,
	} {
		_, err := trackdrive.ParseTrigger([]byte(text))
		require.ErrorIs(t, err, trackdrive.ErrLeftoverToken, text)
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		require.ErrorContains(t, err, "webhooks[0].values.x: is a placeholder")
	}
}

func FuzzParseTrigger(f *testing.F) {
	for _, cfg := range []trackdrive.TriggerConfig{trackdrive.RingbaPostbackTrigger(), trackdrive.RetreaverPostbackTrigger(), {Webhooks: []trackdrive.WebhookConfig{trackdrive.CallPostback()}}} {
		data, err := json.Marshal(cfg)
		require.NoError(f, err)
		f.Add(data, "finalized", "ringba_call_uuid", "RGB-1")
	}
	f.Fuzz(func(t *testing.T, data []byte, event, name, value string) {
		requireNameIsOneField(t, name, value)
		trigger, err := trackdrive.ParseTrigger(data)
		var cfg trackdrive.TriggerConfig
		readErr := cfg.UnmarshalJSON(data)
		if err != nil {
			var parse *trackdrive.ParseError
			require.ErrorAs(t, err, &parse)
			require.NotEmpty(t, parse.Mistakes)
			if readErr == nil {
				_, err = trackdrive.NewTrigger(cfg)
				require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			}
			return
		}
		require.NoError(t, readErr)
		stored, err := json.Marshal(cfg)
		require.NoError(t, err)
		again, err := trackdrive.ParseTrigger(stored)
		require.NoError(t, err)
		values := trackdrive.Values{name: value}
		d := trigger.Match(event, values)
		require.Equal(t, d, again.Match(event, values))
		if len(cfg.On) > 0 {
			require.Equal(t, "event", d.Checks[0].Field)
		}
		if len(d.Groups) > 0 {
			require.LessOrEqual(t, d.Groups[0].First+d.Groups[0].Count, len(d.Checks))
		}
	})
}

// requireNameIsOneField compares a filter's answer on a name with the value itself.
func requireNameIsOneField(t *testing.T, name, value string) {
	t.Helper()
	filter := trackdrive.All(trackdrive.Field(name).StartsWith(value))
	trigger, err := trackdrive.NewTrigger(trackdrive.TriggerConfig{Filter: filter, Webhooks: []trackdrive.WebhookConfig{{URL: "https://hooks.example.com/"}}})
	if name == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
		require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
		return
	}
	require.NoError(t, err)
	want := trackdrive.VerdictAccepted
	if strings.TrimSpace(value) == "" {
		want = trackdrive.VerdictRejected
	}
	d := trigger.Match("finalized", trackdrive.Values{name: value})
	require.Equal(t, want, d.Verdict, d.String())
}

func TestMistakesInTriggersHaveAPosition(t *testing.T) {
	t.Parallel()
	document := "{\n  \"colour\": \"x\",\n  \"on\": [\"a\", \" \"],\n  \"webhooks\": [\n    {\"url\": \"https://x.example/\", \"body\": \"{\\n [a\"}\n  ]\n}"
	_, err := trackdrive.ParseTrigger([]byte(document))
	var parse *trackdrive.ParseError
	require.ErrorAs(t, err, &parse)
	got := map[string]string{}
	for i, m := range parse.Mistakes {
		line, column := parse.Position(i)
		got[m.Field] = fmt.Sprint(line, ":", column)
	}
	require.Equal(t, "2:3", got["colour"])
	require.Equal(t, "3:15", got["on[1]"])
	for place, at := range got {
		if strings.HasPrefix(place, "webhooks[0].body") {
			require.Regexp(t, `^5:4[0-9]$`, at)
		}
	}
	require.Len(t, got, 3, err)

	_, err = trackdrive.ParseTrigger([]byte("{\n \"on\": [}"))
	require.ErrorAs(t, err, &parse)
	line, column := parse.Position(0)
	require.Equal(t, [2]int{2, 9}, [2]int{line, column})
}
