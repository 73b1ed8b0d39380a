package bidlog_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/bidlog"
)

// fuzzedCriteria are criteria on all kinds of values.
var fuzzedCriteria = []*trackdrive.Criteria{
	trackdrive.All(trackdrive.Field("status").Equals("accepted"), trackdrive.Field("buyers.*.bid|payout").AtLeast("12.50")),
	trackdrive.Any(trackdrive.Field("name").Contains("a"), trackdrive.Field("buyers.#").Equals(1), trackdrive.Field("id").In("7", 8)),
	trackdrive.Not(trackdrive.Field("*").IsTrue()),
	trackdrive.All(trackdrive.Field("a.b").NotEmpty(), trackdrive.Field("a.c").Missing(), trackdrive.Field("x").NotEquals("y"), trackdrive.Field("$").Exists()),
	trackdrive.All(trackdrive.Field("*.*").Matches("^[a-z0-9]+$"), trackdrive.Field("number").NotEquals(nil)),
}

// FuzzReply logs any reply: its line is JSON, a planted number is not in it, and no
// criteria judge it otherwise than the reply itself. "@@" is the number.
func FuzzReply(f *testing.F) {
	for _, reply := range []string{
		`{"success":true,"status":"accepted","buyers":[{"id":7,"bid":"12.50","name":"Buyer A","number":"@@"}]}`,
		`{"id":"@@","x":"1@@","a":{"b":"","c":null},"@@":"@@"}`, `[@@,@@.5,-@@,"\u0035@@"]`, `{"ids":["555-@@","aaaaaaaaaaaaaaaaaaaaaaaa@@"]}`,
		`{"status":"\ud83d\ude00","status":"x"}`, "\ufeff{\"bid\": 1e5 }", `"@@"`, `7`, `{"a":`, `{"token":{"id":1}}`, strings.Repeat("[", 501), `{"name":"[redacted]","id":"[redacted]"}`,
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, template []byte) {
		reply := bytes.ReplaceAll(template, []byte("@@"), []byte("5555550142"))
		ping := &trackdrive.PingResponse{Accepted: true, Request: &trackdrive.PingRequest{CallerID: "+1 (555) 555-0142"}}
		ping.Meta.Raw = reply
		line := logOf(t, bidlog.Config{Keep: []string{"note"}}, func(log *bidlog.Log) { log.Ping("acme", ping, trackdrive.VerdictAccepted) })
		require.True(t, json.Valid([]byte(line)), line)
		require.Equal(t, 1, strings.Count(line, "\n"), line)
		require.NotContains(t, line, "5555550142")
		rules := make([]bidlog.Rules, len(fuzzedCriteria))
		for i, c := range fuzzedCriteria {
			rules[i] = bidlog.Rules{Default: bidlog.SourceRules{Criteria: c}, Observe: func(j bidlog.Judgment) {
				if len(j.Hidden) == 0 {
					require.Equal(t, c.Evaluate(reply), j.Now, "criteria %d\n%s\n%s", i, reply, line)
				} else {
					require.Equal(t, trackdrive.VerdictUndetermined, j.Now)
				}
			}}
		}
		results, err := bidlog.ReplayAll(strings.NewReader(line), rules...)
		require.NoError(t, err)
		require.Empty(t, results[0].Input.BadLines)
		require.Equal(t, 1, results[0].Judged+results[0].LeftOut)
	})
}

// FuzzReplay replays any text: each line is counted, and the parts add up.
func FuzzReplay(f *testing.F) {
	reply := replyLine("a", "acme", "accepted", "1 25.50", "2 9.99 below_minimum")
	for _, log := range []string{
		logText(reply, endLine("a", 1, "25.50"), `{"v":1,"kind":"sale","auction":"a","source":"acme","buyer":"1","payout":"25.50","outcome":"sold"}`),
		reply[:40], logText(reply[:50], reply), `{"v":1,"kind":"call"}`, "{}\n[]\n\n7", `{"v":1,"kind":"reply","reply":{}}`, `{"v":1,"kind":"reply","answer":"accepted","buyers":[{}],"reply":7}`,
		`{"v":1,"kind":"reply","answer":"accepted","to_all":true,"try_all":true,"buyers":[{"payout":"1e9"}],"left_out":"not_json"}`,
		`{"v":1,"kind":"end","bids":3}` + "\r\n" + `{"v":1,"kind":"loss","delivery":"unknown"}`, `{"v":1,"v":2,"kind":"post","k\u0069nd":"call"}`,
	} {
		f.Add([]byte(log))
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		rules := []bidlog.Rules{
			{Default: bidlog.SourceRules{Criteria: fuzzedCriteria[0], MinPayout: amount("10"), Weight: amount("0.5"), Margin: amount("1")}},
			{Sources: map[string]bidlog.SourceRules{"acme": {Criteria: fuzzedCriteria[1]}}},
		}
		results, err := bidlog.ReplayAll(bytes.NewReader(log), rules...)
		require.NoError(t, err)
		for _, r := range results {
			lines := 0
			for line := range bytes.Lines(log) {
				if len(bytes.TrimSuffix(line, []byte("\n"))) > 0 {
					lines++
				}
			}
			require.Equal(t, lines, r.Input.Lines)
			require.Equal(t, r.Replies, r.NoBuyer+r.LeftOut+r.Judged)
			v := r.Verdicts
			require.Equal(t, r.Judged, v.Both+v.OnlyThen+v.OnlyNow+v.Neither+v.Undetermined)
			require.LessOrEqual(t, r.Now.Won, v.Both+v.OnlyNow)
			require.LessOrEqual(t, r.Now.Won, r.Now.Bids)
			require.NotEmpty(t, r.String())
			_, err := json.Marshal(r)
			require.NoError(t, err)
		}
	})
}
