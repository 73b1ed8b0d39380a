package trackdrive_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// lister is a server's list of calls. It answers by the query, and notes which
// page was requested.
type lister struct {
	reply func(q url.Values) string
	asked []string
}

func (l *lister) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	at := "cursor " + q.Get("cursor")
	if q.Has("page") {
		at = "page " + q.Get("page")
	}
	if q.Has("page") == q.Has("cursor") {
		at = "page and cursor: " + r.URL.RawQuery
	}
	l.asked = append(l.asked, at)
	body := l.reply(q)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: int64(len(body))}, nil
}

// byPlace answers with the reply for the requested cursor or page.
func byPlace(replies map[string]string) func(url.Values) string {
	return func(q url.Values) string {
		at := q.Get("cursor")
		if q.Has("page") {
			at = q.Get("page")
		}
		if body, ok := replies[at]; ok {
			return body
		}
		return "nothing is at " + at
	}
}

// idsOf returns the ids of all calls, fetched two to a page, and the error that
// ended the list.
func idsOf(t *testing.T, l *lister, perPage int) (ids []string, failed error) {
	t.Helper()
	c := newClient(t, l, trackdrive.WithMaxAttempts(1))
	for call, err := range c.Calls(t.Context(), &trackdrive.CallQuery{PerPage: perPage}) {
		require.NoError(t, failed, "an error is the last thing")
		if failed = err; err != nil {
			require.Equal(t, trackdrive.Call{}, call)
			continue
		}
		ids = append(ids, string(call.ID))
	}
	return ids, failed
}

// calls returns the elements of a list.
func calls(from, to int) string {
	var list []string
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprintf(`{"id":%d}`, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestListsGoOnWhileThereIsMore(t *testing.T) {
	t.Parallel()
	envelope := func(list, rest string) string { return `{"calls":` + list + rest + `}` }
	byPage := []string{"cursor -1", "page 2", "page 3"}
	for name, tt := range map[string]struct {
		replies map[string]string
		perPage int
		asked   []string
		calls   int
	}{
		"bare lists":                       {map[string]string{"-1": calls(1, 2), "2": calls(3, 4), "3": calls(5, 5)}, 2, byPage, 5},
		"bare lists, the last full":        {map[string]string{"-1": calls(1, 2), "2": calls(3, 4), "3": `[]`}, 2, byPage, 4},
		"one bare list":                    {map[string]string{"-1": calls(1, 1)}, 2, byPage[:1], 1},
		"an empty bare list":               {map[string]string{"-1": `[]`}, 2, byPage[:1], 0},
		"elements that are not calls fill": {map[string]string{"-1": `[{"id":1},null]`, "2": `[null,null]`, "3": `[{"id":2}]`}, 2, byPage, 2},
		"a byte order mark":                {map[string]string{"-1": "\ufeff" + calls(1, 2), "2": calls(3, 3)}, 2, byPage[:2], 3},
		"without metadata":                 {map[string]string{"-1": envelope(calls(1, 2), ``), "2": envelope(calls(3, 4), ``), "3": envelope(calls(5, 5), ``)}, 2, byPage, 5},
		"metadata that says nothing":       {map[string]string{"-1": envelope(calls(1, 2), `,"metadata":{"root":"calls"}`), "2": envelope(calls(3, 3), `,"metadata":{"root":"calls"}`)}, 2, byPage[:2], 3},
		"metadata that is a list":          {map[string]string{"-1": envelope(calls(1, 2), `,"metadata":[]`), "2": envelope(calls(3, 3), `,"metadata":null`)}, 2, byPage[:2], 3},
		"a server's own page size":         {map[string]string{"-1": calls(1, 25), "2": calls(26, 50), "3": calls(51, 60)}, 0, byPage, 60},
		"a page size in the reply": {map[string]string{
			"-1": envelope(calls(1, 3), `,"metadata":{"per_page":3}`), "2": envelope(calls(4, 6), `,"metadata":{"per_page":"3"}`), "3": envelope(calls(7, 7), `,"metadata":{"per_page":3}`),
		}, 0, byPage, 7},
		"total_pages": {map[string]string{
			"-1": envelope(calls(1, 1), `,"metadata":{"total_pages":3}`), "2": envelope(calls(2, 2), `,"metadata":{"total_pages":3}`), "3": envelope(calls(3, 4), `,"metadata":{"total_pages":3}`),
		}, 2, byPage, 4},
		"total_pages as text, behind an empty page": {map[string]string{
			"-1": envelope(calls(1, 1), `,"metadata":{"total_pages":"3.0"}`), "2": envelope(`[]`, `,"metadata":{"total_pages":"3"}`), "3": envelope(calls(3, 3), `,"metadata":{"total_pages":"3"}`),
		}, 2, byPage, 2},
		"total_pages beside a cursor that is at its end": {map[string]string{
			"-1": envelope(calls(1, 2), `,"metadata":{"next_cursor":0,"total_pages":2}`), "2": envelope(calls(3, 3), `,"metadata":{"total_pages":2}`),
		}, 2, byPage[:2], 3},
		"total_pages beside a null cursor": {map[string]string{
			"-1": envelope(calls(1, 2), `,"metadata":{"next_cursor":null,"current_page":1,"total_pages":2}`), "2": envelope(calls(3, 3), `,"metadata":{"next_cursor":null,"current_page":2,"total_pages":2}`),
		}, 2, byPage[:2], 3},
		"a full last page": {map[string]string{
			"-1": envelope(calls(1, 2), `,"metadata":{"current_page":1,"total_pages":2}`), "2": envelope(calls(3, 4), `,"metadata":{"current_page":2,"total_pages":2}`),
		}, 2, byPage[:2], 4},
		"a total of calls": {map[string]string{
			"-1": envelope(calls(1, 1), `,"meta":{"total_count":3}`), "2": envelope(calls(2, 3), `,"meta":{"total_count":3}`),
		}, 2, byPage[:2], 3},
		"pages that count from 0": {map[string]string{
			"-1": envelope(calls(1, 2), `,"meta":{"current_page":0,"next_page":1}`), "1": envelope(calls(3, 4), `,"meta":{"current_page":1,"next_page":2}`), "2": envelope(calls(5, 6), `,"meta":{"current_page":2,"next_page":null}`),
		}, 2, []string{"cursor -1", "page 1", "page 2"}, 6},
		"pages from 0 to a total": {map[string]string{
			"-1": envelope(calls(1, 2), `,"meta":{"current_page":0,"total_pages":2}`), "1": envelope(calls(3, 4), `,"meta":{"current_page":1,"total_pages":2}`),
		}, 2, []string{"cursor -1", "page 1"}, 4},
		"calls that arrived meanwhile": {map[string]string{
			"-1": envelope(calls(1, 2), `,"metadata":{"next_cursor":"7","total_count":3}`), "7": envelope(calls(3, 3), `,"metadata":{"total_count":5}`),
		}, 2, []string{"cursor -1", "cursor 7"}, 3},
		"more without a number": {map[string]string{
			"-1": envelope(calls(1, 1), `,"has_more":true`), "2": envelope(calls(2, 2), `,"has_more":"yes"`), "3": envelope(calls(3, 4), `,"has_more":false`),
		}, 2, byPage, 4},
		"links": {map[string]string{
			"-1": envelope(calls(1, 1), `,"links":{"next":"https://acme.trackdrive.com/api/v1/calls?page=2"}`), "2": envelope(calls(2, 3), `,"links":{"next":null}`),
		}, 2, byPage[:2], 3},
		"a page beside its number, and then a cursor": {map[string]string{
			"-1": envelope(calls(1, 2), ``), "2": envelope(calls(3, 4), `,"metadata":{"next_cursor":"abc"}`), "abc": envelope(calls(5, 5), `,"metadata":{"next_cursor":0}`),
		}, 2, []string{"cursor -1", "page 2", "cursor abc"}, 5},
		"a cursor wins over pages": {map[string]string{
			"-1": envelope(calls(1, 2), `,"metadata":{"next_cursor":7e0,"total_pages":2}`), "7e0": envelope(calls(3, 4), `,"metadata":{"next_cursor":0,"total_pages":3,"total_count":9}`),
		}, 2, []string{"cursor -1", "cursor 7e0"}, 4},
		"a cursor that is left out at the end": {map[string]string{
			"-1": envelope(calls(1, 2), `,"metadata":{"next_cursor":"7"}`), "7": envelope(calls(3, 3), `,"metadata":{}`),
		}, 2, []string{"cursor -1", "cursor 7"}, 3},
		"a page number that cursors leave alone": {map[string]string{
			"-1": envelope(calls(1, 1), `,"metadata":{"next_cursor":7,"current_page":1,"total_pages":2}`), "7": envelope(calls(2, 2), `,"metadata":{"current_page":1,"total_pages":2}`),
		}, 2, []string{"cursor -1", "cursor 7"}, 2},
		"empty pages between cursors": {map[string]string{
			"-1": envelope(`[]`, `,"metadata":{"next_cursor":"a"}`), "a": envelope(`[]`, `,"metadata":{"next_cursor":"b"}`), "b": envelope(calls(1, 1), `,"metadata":{"next_cursor":"0"}`),
		}, 2, []string{"cursor -1", "cursor a", "cursor b"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lister{reply: byPlace(tt.replies)}
			ids, err := idsOf(t, l, tt.perPage)
			require.NoError(t, err)
			require.Equal(t, tt.asked, l.asked)
			require.Len(t, ids, tt.calls)
		})
	}
}

func TestWhereAndHowAListSaysThatThereIsMore(t *testing.T) {
	t.Parallel()
	for _, place := range []string{`%s`, `"metadata":{%s}`, `"meta":{%s}`, `"pagination":{"x":1,%s}`, `"paging":{%s}`, `"meta":{"pagination":{%s}}`, `"metadata":{"links":{%s}}`} {
		for _, more := range []string{
			`"total_pages":2`, `"total_pages":"2"`, `"page_count":2`, `"last_page":2`, `"current_page":1,"total_pages":2`, `"page":1,"pages":2`,
			`"next_page":2`, `"next_page":"2"`, `"current_page":"1","next_page":2`, `"next_page":"/calls?page=2"`, `"next_page":true`,
			`"has_more":true`, `"has_next_page":1`, `"next":"/calls?page=2"`, `"next_page_url":"/calls?page=2"`, `"total_count":2`, `"total_entries":2`,
		} {
			said := fmt.Sprintf(place, more)
			l := &lister{reply: byPlace(map[string]string{"-1": `{` + said + `,"calls":[{"id":1}]}`, "2": `{"calls":[{"id":2}],"total_pages":2}`})}
			ids, err := idsOf(t, l, 5)
			require.NoError(t, err, said)
			require.Equal(t, []string{"1", "2"}, ids, said)
		}
		for _, last := range []string{
			`"next_cursor":0`, `"next_cursor":0.0`, `"next_cursor":-0.00`, `"next_cursor":0e0`, `"next_cursor":0.0E+5`, `"next_cursor":"0"`, `"next_cursor":"0.0"`,
			`"next_cursor":""`, `"next_cursor":" "`, `"next_cursor":null`, `"next_cursor":false`,
			`"total_pages":1`, `"total_pages":0`, `"next_page":null`, `"next_page":""`, `"next_page":0`, `"next_page":false`, `"has_more":false`, `"next":null`,
			`"total_count":2`, `"current_page":1,"next_page":null,"total_pages":1`,
		} {
			said := fmt.Sprintf(place, last)
			l := &lister{reply: byPlace(map[string]string{"-1": `{` + said + `,"calls":[{"id":1},{"id":2}]}`})}
			ids, err := idsOf(t, l, 2)
			require.NoError(t, err, said)
			require.Equal(t, []string{"1", "2"}, ids, said)
		}
	}
}

func TestListsThatDoNotGoOnAreErrors(t *testing.T) {
	t.Parallel()
	const three = `[{"id":1},{"id":2},{"id":3}]`
	next := func(list, cursor string) string {
		return `{"calls":` + list + `,"metadata":{"next_cursor":` + cursor + `}}`
	}
	for name, tt := range map[string]struct {
		reply func(url.Values) string
		calls int // at most; -1 for any number
	}{
		"one cursor":             {byPlace(map[string]string{"-1": next(calls(1, 1), "5"), "5": next(calls(2, 2), "5")}), 2},
		"two cursors in turn":    {byPlace(map[string]string{"-1": next(calls(1, 1), `"A"`), "A": next(calls(2, 2), `"B"`), "B": next(calls(3, 3), `"A"`)}), 3},
		"three cursors in turn":  {byPlace(map[string]string{"-1": next(`[]`, "1"), "1": next(`[]`, "2"), "2": next(`[]`, "3"), "3": next(`[]`, "1")}), 0},
		"back to the start":      {byPlace(map[string]string{"-1": next(calls(1, 1), "1"), "1": next(calls(2, 2), "-1")}), 2},
		"back to the start once": {byPlace(map[string]string{"-1": next(calls(1, 1), "-1")}), 1},
		"new cursors for the same calls": {func(q url.Values) string {
			return next(three, strconv.Quote(q.Get("cursor")+"x"))
		}, 3},
		"new cursors for two pages in turn": {func(q url.Values) string {
			n := len(q.Get("cursor")) % 2
			return next(calls(n, n), strconv.Quote(q.Get("cursor")+"x"))
		}, 2},
		"new cursors for nothing":          {func(q url.Values) string { return next(`[]`, strconv.Quote(q.Get("cursor")+"x")) }, 0},
		"a cursor that is an object":       {byPlace(map[string]string{"-1": next(three, `{}`)}), 0},
		"a cursor that is a list":          {byPlace(map[string]string{"-1": next(three, `[1]`)}), 0},
		"a cursor that is true":            {byPlace(map[string]string{"-1": next(three, `true`)}), 0},
		"two cursors":                      {byPlace(map[string]string{"-1": next(three, `1,"next_cursor":2`)}), 0},
		"two cursors in two places":        {byPlace(map[string]string{"-1": `{"calls":[{"id":1}],"meta":{"next_cursor":1},"next_cursor":2}`}), 0},
		"two lists":                        {byPlace(map[string]string{"-1": `{"calls":[{"id":1}],"calls":[{"id":2}]}`}), 0},
		"metadata twice":                   {byPlace(map[string]string{"-1": `{"calls":[{"id":1}],"metadata":{"next_cursor":1},"metadata":{}}`}), 0},
		"cursors that end too early":       {byPlace(map[string]string{"-1": next(calls(1, 1), "1"), "1": `{"calls":[{"id":2}],"metadata":{"has_more":true}}`}), 2},
		"cursors that end before the last": {byPlace(map[string]string{"-1": next(calls(1, 1), "1"), "1": `{"calls":[{"id":2}],"metadata":{"total_pages":3}}`}), 2},
		"cursors that end on a full page":  {byPlace(map[string]string{"-1": next(calls(1, 3), "1"), "1": calls(4, 6)}), 6},

		"one page for ever":            {func(url.Values) string { return three }, 3},
		"one page for ever, enveloped": {func(url.Values) string { return `{"calls":` + three + `}` }, 3},
		"one page without ids":         {func(url.Values) string { return `[{"status":"finished"},{},{}]` }, 3},
		"two pages in turn": {func(q url.Values) string {
			if q.Get("page") == "2" || q.Get("page") == "4" {
				return calls(4, 6)
			}
			return three
		}, 6},
		"a page number that stands still": {func(url.Values) string { return `{"calls":[{"id":1}],"metadata":{"current_page":1,"total_pages":3}}` }, 1},
		"a page number for other calls": {func(q url.Values) string {
			return `{"calls":[{"id":"x` + q.Get("page") + `"}],"metadata":{"current_page":1,"total_pages":3}}`
		}, 1},
		"a next page that stands still": {func(q url.Values) string {
			return `{"calls":[{"id":"x` + q.Get("page") + `"}],"metadata":{"next_page":2}}`
		}, 2},
		"a next page that leaves out": {byPlace(map[string]string{"-1": `{"calls":[{"id":1}],"metadata":{"current_page":1,"next_page":3}}`}), 1},
		"a first page that is not":    {byPlace(map[string]string{"-1": `{"calls":[{"id":1}],"metadata":{"current_page":2,"total_pages":3}}`}), 0},
		"more for ever, and nothing":  {func(url.Values) string { return `{"calls":[],"has_more":true}` }, 0},
		"pages for ever, and nothing": {func(url.Values) string { return `{"calls":[],"total_pages":1000000}` }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lister{reply: tt.reply}
			ids, err := idsOf(t, l, 3)
			require.ErrorIs(t, err, trackdrive.ErrUnreadable)
			var e *trackdrive.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "calls", e.Operation)
			require.Len(t, ids, tt.calls, "what came before the error is not lost")
			require.Less(t, len(l.asked), 50)
		})
	}
}

func TestTheFakesListsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	fake := trackdrivetest.New()
	fake.AddAccess(trackdrivetest.Access{AuthToken: "legacy-made-up"})
	for i := range 60 {
		fake.AddCall(trackdrivetest.Call{UUID: fmt.Sprintf("call-%d", i)})
	}
	c := newClient(t, fake.Transport(), trackdrive.WithAuth(trackdrive.AuthToken("legacy-made-up")))
	for _, perPage := range []int{0, 1, 7, 20, 25, 30, 60, 61} {
		for _, fields := range []trackdrive.Fields{nil, {"root": "false"}, {"root": false}} {
			var uuids []string
			for call, err := range c.Calls(t.Context(), &trackdrive.CallQuery{PerPage: perPage, Fields: fields}) {
				require.NoError(t, err)
				uuids = append(uuids, call.UUID)
			}
			require.Len(t, uuids, 60, "%d a page, %v", perPage, fields)
			require.Equal(t, "call-59", uuids[59])
		}
	}
}

func TestTimesOfCalls(t *testing.T) {
	t.Parallel()
	for text, offset := range map[string]string{
		"2024-06-19 13:00:00 UTC":          "0s",
		"2024-06-19 13:00:00 utc":          "0s",
		"2024-06-19 13:00:00 GMT":          "0s",
		"2024-06-19 13:00:00 Z":            "0s",
		"2024-06-19 13:00:00Z":             "0s",
		"2024-06-19T13:00:00Z":             "0s",
		"2024-06-19T13:00:00 UTC":          "0s",
		" 2024-06-19 13:00:00  UTC ":       "0s",
		"2024-06-19 13:00:00 +0000":        "0s",
		"2024-06-19 13:00:00 -0500":        "-5h",
		"2024-06-19 13:00:00 -05:00":       "-5h",
		"2024-06-19 13:00:00-05:00":        "-5h",
		"2024-06-19 13:00:00 -05":          "-5h",
		"2024-06-19T13:00:00-05:00":        "-5h",
		"2024-06-19T13:00:00.000-05:00":    "-5h",
		"2024-06-19 13:00:00.000000 -0500": "-5h",
		"2024-06-19 13:00:00 +05:30":       "5h30m",
		"2024-06-19 13:00:00 +0545":        "5h45m",
		"2024-06-19 13:00:00 EST":          "-5h",
		"2024-06-19 13:00:00 EDT":          "-4h",
		"2024-06-19 13:00:00 CST":          "-6h",
		"2024-06-19 13:00:00 CDT":          "-5h",
		"2024-06-19 13:00:00 MST":          "-7h",
		"2024-06-19 13:00:00 MDT":          "-6h",
		"2024-06-19 13:00:00 PST":          "-8h",
		"2024-06-19 13:00:00 PDT":          "-7h",
		"2024-06-19 13:00:00.000 PDT":      "-7h",
		"2024-06-19 13:00:00 AKST":         "-9h",
		"2024-06-19 13:00:00 AKDT":         "-8h",
		"2024-06-19 13:00:00 HST":          "-10h",
		"2024-06-19 13:00:00 SST":          "-11h",
		"2024-06-19 13:00:00 AST":          "-4h",
		"2024-06-19 13:00:00 ADT":          "-3h",
		"2024-06-19 13:00:00 NST":          "-3h30m",
		"2024-06-19 13:00:00 NDT":          "-2h30m",
		"2024-06-19 13:00:00 BST":          "1h",
		"2024-06-19 13:00:00 WET":          "0s",
		"2024-06-19 13:00:00 WEST":         "1h",
		"2024-06-19 13:00:00 CET":          "1h",
		"2024-06-19 13:00:00 CEST":         "2h",
		"2024-06-19 13:00:00 EET":          "2h",
		"2024-06-19 13:00:00 EEST":         "3h",
		"2024-06-19 13:00:00 MSK":          "3h",
		"2024-06-19 13:00:00 IDT":          "3h",
		"2024-06-19 13:00:00 CAT":          "2h",
		"2024-06-19 13:00:00 SAST":         "2h",
		"2024-06-19 13:00:00 EAT":          "3h",
		"2024-06-19 13:00:00 PKT":          "5h",
		"2024-06-19 13:00:00 WIB":          "7h",
		"2024-06-19 13:00:00 HKT":          "8h",
		"2024-06-19 13:00:00 AWST":         "8h",
		"2024-06-19 13:00:00 JST":          "9h",
		"2024-06-19 13:00:00 KST":          "9h",
		"2024-06-19 13:00:00 ACST":         "9h30m",
		"2024-06-19 13:00:00 ACDT":         "10h30m",
		"2024-06-19 13:00:00 AEST":         "10h",
		"2024-06-19 13:00:00 AEDT":         "11h",
		"2024-06-19 13:00:00 ChST":         "10h",
		"2024-06-19 13:00:00 NZST":         "12h",
		"2024-06-19 13:00:00 NZDT":         "13h",
		"2024-06-19 13:00:00 EDT -04:00":   "-4h", // as Rails shows it in a console
		"2024-06-19 13:00:00 -0400 (EDT)":  "-4h",
		"2024-06-19 13:00:00 IST +05:30":   "5h30m",
		"2024-06-19 13:00:00 CST +0800":    "8h", // the number counts
	} {
		from, err := time.ParseDuration(offset)
		require.NoError(t, err)
		want := time.Date(2024, 6, 19, 13, 0, 0, 0, time.UTC).Add(-from)
		body := fmt.Sprintf(`[{"created_at":%q,"ended_at":%q}]`, text, text)
		for call, err := range newClient(t, &answering{status: 200, body: body}).Calls(t.Context(), nil) {
			require.NoError(t, err)
			require.True(t, want.Equal(call.CreatedAt), "%s: %s", text, call.CreatedAt)
			require.True(t, want.Equal(call.EndedAt), text)
			_, zone := call.CreatedAt.Zone()
			require.InDelta(t, from.Seconds(), zone, 0, text)
		}
	}
	for _, text := range []string{
		"", "2024-06-19 13:00:00", "2024-06-19", "2024-06-19 13:00:00 IST", "2024-06-19 13:00:00 XYZ", "2024-06-19 13:00:00 Eastern",
		"2024-06-19 13:00:00 UTC+1", "2024-06-19 13:00:00 EST5EDT", "2024-06-19 13:00:00 -99:00", "2024-06-19 13:00:00 5",
		"2024-13-19 13:00:00 UTC", "2024-06-31 13:00:00 UTC", "2024-06-19 25:00:00 UTC", "06/19/2024 13:00:00 UTC", "1718802000", "UTC",
	} {
		body := fmt.Sprintf(`[{"created_at":%q}]`, text)
		for call, err := range newClient(t, &answering{status: 200, body: body}).Calls(t.Context(), nil) {
			require.NoError(t, err)
			require.True(t, call.CreatedAt.IsZero(), "%s: %s", text, call.CreatedAt)
			require.Equal(t, text, call.Field("created_at").String())
		}
	}
}
