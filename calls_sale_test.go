package trackdrive_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

var postedAt = time.Date(2026, 1, 15, 12, 0, 0, 500_000_000, time.UTC)

// switchboard answers with the calls whose number its filter takes, whatever the
// other parameters say.
type switchboard struct {
	calls    []string // JSON
	takes    func(wanted, stored string) bool
	perPage  int // 0: all
	requests []url.Values
}

func (s *switchboard) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	s.requests = append(s.requests, q)
	var list []string
	for _, call := range s.calls {
		_, number, _ := strings.Cut(call, `"caller_number":"`)
		number, _, _ = strings.Cut(number, `"`)
		if s.takes == nil || s.takes(q.Get("caller_number"), number) {
			list = append(list, call)
		}
	}
	first, _ := strconv.Atoi(strings.TrimPrefix(q.Get("cursor"), "-1"))
	end, next := len(list), 0
	if s.perPage > 0 && first+s.perPage < len(list) {
		end, next = first+s.perPage, first+s.perPage
	}
	body := fmt.Sprintf(`{"calls":[%s],"metadata":{"next_cursor":%d}}`, strings.Join(list[first:end], ","), next)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// The filters that a server may have.
var numberFilters = map[string]func(wanted, stored string) bool{
	"no filter":       nil,
	"exact":           func(wanted, stored string) bool { return wanted == stored },
	"the end":         func(wanted, stored string) bool { return strings.HasSuffix(stored, wanted) },
	"a part":          func(wanted, stored string) bool { return strings.Contains(stored, wanted) },
	"the digits":      func(wanted, stored string) bool { return digitsOf(wanted) == digitsOf(stored) },
	"the last digits": func(wanted, stored string) bool { return lastTen(wanted) == lastTen(stored) },
}

func digitsOf(number string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}

func lastTen(number string) string {
	digits := digitsOf(number)
	return digits[max(0, len(digits)-10):]
}

// callAt is a call as a list has it.
func callAt(uuid, number string, at time.Time) string {
	return fmt.Sprintf(`{"uuid":%q,"caller_number":%q,"buyer_id":101,"created_at":%q}`, uuid, number, at.Format("2006-01-02 15:04:05 -0700"))
}

func uuidsOf(calls []trackdrive.Call) []string {
	uuids := []string{}
	for _, call := range calls {
		uuids = append(uuids, call.UUID)
	}
	return uuids
}

func TestTheCallerOfASaleIsComparedByDigits(t *testing.T) {
	t.Parallel()
	american := []string{"+15555550100", "15555550100", "5555550100", "+1 (555) 555-0100", "(555) 555-0100", "555.555.0100", "1-555-555-0100", " 555/555-0100 "}
	british := []string{"+442079460958", "442079460958", "+44 20 7946 0958", "+44 (20) 7946-0958"}
	for name, takes := range numberFilters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, sets := range [][2][]string{{american, british}, {british, american}} {
				for _, caller := range sets[0] {
					for _, stored := range sets[0] {
						if strings.ContainsAny(stored, " (.-/") && (name == "exact" || name == "the end" || name == "a part") {
							continue // no form that could be asked for finds it
						}
						s := &switchboard{takes: takes, calls: []string{
							callAt("other", sets[1][0], postedAt), callAt("mine", stored, postedAt), callAt("longer", "+9"+digitsOf(sets[0][0]), postedAt), callAt("mine too", stored, postedAt),
						}}
						found, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: caller, After: postedAt})
						require.NoError(t, err)
						require.Equal(t, []string{"mine", "mine too"}, uuidsOf(found), "%s at %s", caller, stored)
					}
				}
			}
		})
	}
}

func TestAServerThatFiltersExactlyIsAskedForEachForm(t *testing.T) {
	t.Parallel()
	for caller, forms := range map[string][]string{
		"(555) 555-0100":   {"5555550100", "15555550100", "+15555550100"},
		"+1 555 555 0100":  {"5555550100", "15555550100", "+15555550100"},
		"+44 20 7946 0958": {"442079460958", "+442079460958"},
	} {
		s := &switchboard{takes: numberFilters["exact"]}
		for i, form := range forms {
			s.calls = append(s.calls, callAt(fmt.Sprint("call-", i), form, postedAt.Add(time.Duration(-i)*time.Second)))
		}
		found, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: caller, After: postedAt})
		require.NoError(t, err)
		require.Len(t, found, len(forms))
		require.True(t, slices.IsSortedFunc(found, func(a, b trackdrive.Call) int { return a.CreatedAt.Compare(b.CreatedAt) }), "oldest first")
		var asked []string
		for _, q := range s.requests {
			asked = append(asked, q.Get("caller_number"))
		}
		require.Equal(t, forms, asked)
	}
	s := &switchboard{calls: []string{callAt("other", "+15555550101", postedAt), callAt("mine", "+15555550100", postedAt)}}
	found, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt})
	require.NoError(t, err)
	require.Equal(t, []string{"mine"}, uuidsOf(found))
	require.Len(t, s.requests, 1, "a server without a filter has given everything")
}

func TestWhichCallsMayBeTheSale(t *testing.T) {
	t.Parallel()
	const mine = "+15555550100"
	members := func(text string) string { return `{"uuid":"it",` + text + `}` }
	at := func(d time.Duration) string { return callAt("it", mine, postedAt.Add(d)) }
	const inTime = `"created_at":"2026-01-15 12:00:30 +0000"`
	for name, tc := range map[string]struct {
		call   string
		buyer  trackdrive.ID
		within time.Duration
		is     bool
	}{
		"at the moment of the post":       {at(0), "", 0, true},
		"a minute before, by its clock":   {at(-time.Minute), "", 0, true},
		"just over a minute before":       {at(-time.Minute - 999*time.Millisecond), "", 0, false},
		"two minutes before":              {at(-2 * time.Minute), "", 0, false},
		"after an hour":                   {at(time.Hour), "", 0, true},
		"after more than an hour":         {at(time.Hour + time.Second), "", 0, false},
		"in another zone":                 {callAt("it", mine, postedAt.In(time.FixedZone("", -5*3600))), "", 0, true},
		"in another zone, an hour off":    {strings.Replace(at(0), "+0000", "-0200", 1), "", 0, false},
		"within a minute":                 {at(time.Minute), "", time.Minute, true},
		"not within a minute":             {at(time.Minute + time.Second), "", time.Minute, false},
		"within a day":                    {at(23 * time.Hour), "", 24 * time.Hour, true},
		"within nanoseconds":              {at(0), "", 1, true},
		"at the buyer":                    {at(0), "101", 0, true},
		"at the buyer, its id as text":    {members(`"caller_number":"5555550100","buyer_id":"101",` + inTime), "101", 0, true},
		"at another buyer":                {at(0), "102", 0, false},
		"at a buyer whose id is longer":   {at(0), "1011", 0, false},
		"at no buyer yet":                 {members(`"caller_number":"5555550100","buyer_id":null,` + inTime), "101", 0, true},
		"no word of a buyer":              {members(`"caller_number":"5555550100",` + inTime), "101", 0, true},
		"no time":                         {members(`"caller_number":"5555550100","buyer_id":101`), "101", 0, true},
		"a null time":                     {members(`"caller_number":"5555550100","created_at":null`), "", 0, true},
		"a time that cannot be read":      {members(`"caller_number":"5555550100","created_at":"2020-01-01 12:00:00"`), "", 0, true},
		"no caller":                       {members(inTime), "", 0, true},
		"a null caller":                   {members(`"caller_number":null,` + inTime), "", 0, true},
		"a caller who withholds it":       {members(`"caller_number":"anonymous",` + inTime), "", 0, true},
		"a masked caller":                 {members(`"caller_number":"+1555555XXXX",` + inTime), "", 0, true},
		"nothing but a uuid":              {`{"uuid":"it"}`, "101", 0, true},
		"no time, of another caller":      {members(`"caller_number":"5555550101"`), "", 0, false},
		"no time, at another buyer":       {members(`"caller_number":"5555550100","buyer_id":102`), "101", 0, false},
		"no buyer, at another time":       {members(`"caller_number":"5555550100","created_at":"2026-01-14 12:00:00 +0000"`), "101", 0, false},
		"no caller, at another time":      {members(`"created_at":"2026-01-14 12:00:00 +0000"`), "", 0, false},
		"another caller":                  {callAt("it", "+15555550101", postedAt), "", 0, false},
		"a caller of another country":     {callAt("it", "+445555550100", postedAt), "", 0, false},
		"another caller, the same ending": {callAt("it", "+915555550100", postedAt), "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switchboard{calls: []string{tc.call}}
			found, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "555-555-0100", BuyerID: tc.buyer, After: postedAt, Within: tc.within})
			require.NoError(t, err)
			want := []string{}
			if tc.is {
				want = append(want, "it")
			}
			require.Equal(t, want, uuidsOf(found))
		})
	}
}

func TestTheServerIsAskedForTheWholeWindow(t *testing.T) {
	t.Parallel()
	s := &switchboard{}
	_, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt, Within: 90 * time.Second})
	require.NoError(t, err)
	for _, q := range s.requests {
		require.Equal(t, "2026-01-15 11:59:00 +0000", q.Get("created_at_from"), "not after the call's whole second")
		require.Equal(t, "2026-01-15 12:01:31 +0000", q.Get("created_at_to"), "not before the call's fraction of a second")
	}
}

func TestCallsWithoutATimeComeLast(t *testing.T) {
	t.Parallel()
	s := &switchboard{calls: []string{
		`{"uuid":"no time 1"}`, callAt("third", "5555550100", postedAt.Add(time.Minute)), callAt("first", "5555550100", postedAt), `{"uuid":"no time 2"}`, callAt("second", "5555550100", postedAt),
	}}
	found, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt})
	require.NoError(t, err)
	require.Equal(t, []string{"first", "second", "third", "no time 1", "no time 2"}, uuidsOf(found))
}

func TestACandidateHasAUUID(t *testing.T) {
	t.Parallel()
	s := &switchboard{calls: []string{`{"id":778899,"caller_number":"5555550100"}`}}
	found, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt})
	require.ErrorIs(t, err, trackdrive.ErrUnreadable)
	require.ErrorContains(t, err, "778899")
	require.Empty(t, found)
	s.calls[0] = `{"id":778899,"caller_number":"5555550101"}`
	found, err = newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt})
	require.NoError(t, err, "it is another caller's")
	require.Empty(t, found)
}

func TestAllPagesAreReadOrTheErrorSaysSo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mine, others, perPage int
		tooMany               bool
	}{
		"one page":                      {100, 0, 0, false},
		"many pages":                    {250, 0, 25, false},
		"the last is mine":              {1, 9_999, 100, false},
		"as many as are read":           {3_333, 6_667, 1_000, false},
		"one more":                      {1, 10_000, 1_000, true},
		"many more, and all are others": {0, 20_000, 1_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switchboard{perPage: tc.perPage}
			for range tc.others {
				s.calls = append(s.calls, callAt("other", "+15555550101", postedAt))
			}
			for i := range tc.mine {
				s.calls = append(s.calls, callAt(fmt.Sprint("call-", i), "+15555550100", postedAt))
			}
			for i := range s.calls { // no two pages are the same
				s.calls[i] = fmt.Sprintf(`{"id":%d,%s`, i, s.calls[i][1:])
			}
			found, err := newClient(t, s).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt})
			if tc.tooMany {
				require.ErrorContains(t, err, "more than 10000 calls")
				require.ErrorContains(t, err, "Within")
				require.Empty(t, found, "no part of it")
				return
			}
			require.NoError(t, err)
			require.Len(t, found, tc.mine)
		})
	}
}

func TestSaleQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		query *trackdrive.SaleQuery
		says  string
	}{
		"nil":                     {nil, "query: is nil"},
		"no caller":               {&trackdrive.SaleQuery{After: postedAt}, "caller: is empty"},
		"a blank caller":          {&trackdrive.SaleQuery{Caller: " ", After: postedAt}, "caller: is empty"},
		"letters":                 {&trackdrive.SaleQuery{Caller: "555-CALL-NOW", After: postedAt}, "caller: is not a phone number"},
		"an extension":            {&trackdrive.SaleQuery{Caller: "555-555-0100 x12", After: postedAt}, "caller: is not a phone number"},
		"two numbers":             {&trackdrive.SaleQuery{Caller: "5555550100, 5555550101", After: postedAt}, "caller: is not a phone number"},
		"too short":               {&trackdrive.SaleQuery{Caller: "550100", After: postedAt}, "caller: is not a phone number"},
		"too long":                {&trackdrive.SaleQuery{Caller: "+1234567890123456", After: postedAt}, "caller: is not a phone number"},
		"a word for no number":    {&trackdrive.SaleQuery{Caller: "anonymous", After: postedAt}, "caller: is not a phone number"},
		"a template's token":      {&trackdrive.SaleQuery{Caller: "[caller_id]", After: postedAt}, "caller"},
		"digits of other scripts": {&trackdrive.SaleQuery{Caller: "٥٥٥٥٥٥٠١٠٠", After: postedAt}, "caller: is not a phone number"},
		"no time":                 {&trackdrive.SaleQuery{Caller: "5555550100"}, "after: is zero"},
		"a negative span":         {&trackdrive.SaleQuery{Caller: "5555550100", After: postedAt, Within: -1}, "within: must not be negative"},
		"a time out of range":     {&trackdrive.SaleQuery{Caller: "5555550100", After: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "after: "},
		"a time before all years": {&trackdrive.SaleQuery{Caller: "5555550100", After: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}, "after: "},
		"a span out of range":     {&trackdrive.SaleQuery{Caller: "5555550100", After: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Within: math.MaxInt64}, "within: "},
		"a buyer's token":         {&trackdrive.SaleQuery{Caller: "5555550100", After: postedAt, BuyerID: "[buyer_id]"}, "buyer_id"},
		"a buyer with blanks":     {&trackdrive.SaleQuery{Caller: "5555550100", After: postedAt, BuyerID: " 101"}, "buyer_id: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &switchboard{}
			found, err := newClient(t, s).FindSale(t.Context(), tc.query)
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
			require.Empty(t, found)
			require.Empty(t, s.requests)
			require.NotContains(t, err.Error(), "0100", "a phone number is nobody else's business")
		})
	}
	_, err := newClient(t, &switchboard{}).FindSale(nil, &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt}) //nolint:staticcheck // on purpose
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
	_, err = (*trackdrive.Client)(nil).FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt})
	require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
}

func TestFindSaleAtTheFake(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	fake := trackdrivetest.NewServer(t, trackdrivetest.WithClock(func() time.Time { return noon }))
	fake.AddAccess(trackdrivetest.Access{DeveloperToken: "dev-made-up"})
	fake.AddCall(trackdrivetest.Call{UUID: "yesterday", CallerNumber: "+15555550100", BuyerID: "101", CreatedAt: noon.Add(-24 * time.Hour)})
	fake.AddCall(trackdrivetest.Call{UUID: "another caller", CallerNumber: "+15555550101", BuyerID: "101"})
	c := clientOf(t, fake.URL, trackdrive.WithAuth(trackdrive.DeveloperToken("dev-made-up")))
	query := &trackdrive.SaleQuery{Caller: "1 (555) 555-0100", BuyerID: "101", After: noon}
	find := func() []string {
		found, err := c.FindSale(t.Context(), query)
		require.NoError(t, err)
		return uuidsOf(found)
	}
	require.Empty(t, find(), "not seen")
	fake.AddCall(trackdrivetest.Call{UUID: "another buyer", CallerNumber: "5555550100", BuyerID: "102"})
	require.Empty(t, find())
	fake.AddCall(trackdrivetest.Call{UUID: "sold", CallerNumber: "5555550100", BuyerID: "101"})
	require.Equal(t, []string{"sold"}, find(), "it comes after the first look")
	fake.AddCall(trackdrivetest.Call{UUID: "ambiguous", CallerNumber: "15555550100", CreatedAt: noon.Add(-time.Minute)})
	require.Equal(t, []string{"ambiguous", "sold"}, find())

	fake.Fail(trackdrivetest.OpCalls, trackdrivetest.Drop(), 1)
	require.Equal(t, []string{"ambiguous", "sold"}, find(), "reading is repeated")
	fake.Fail(trackdrivetest.OpCalls, trackdrivetest.BadGateway(), 1)
	require.Equal(t, []string{"ambiguous", "sold"}, find())
	fake.Fail(trackdrivetest.OpCalls, trackdrivetest.BadGateway(), trackdrivetest.Always)
	_, err := c.FindSale(t.Context(), query)
	require.ErrorIs(t, err, trackdrive.ErrServer)
}

func TestWithoutTheRightToReadCallsTheErrorSaysWhichRight(t *testing.T) {
	t.Parallel()
	const right = "the right to read calls is Enable Developer API Access with access type Calls"
	token := trackdrive.WithAuth(trackdrive.DeveloperToken("made-up"))
	for name, tc := range map[string]struct {
		status int
		body   string
		says   []string
	}{
		"401":               {401, "HTTP Token: Access denied.\n", []string{notKnown, right}},
		"401 of a proxy":    {401, markup, []string{notTheirs, right}},
		"403":               {403, noRights, []string{"the credentials are right, but their team at acme may not do this", right}},
		"403 without words": {403, "", []string{"no reason was given: a proxy or a firewall refused it, or the team of the credentials at acme may not do this", right}},
		"403 of a proxy":    {403, markup, []string{notTheirs, right}},
		"404":               {404, noRights, nil},
		"422":               {422, `{}`, nil},
		"502":               {502, markup, nil},
	} {
		for call, read := range map[string]func(*trackdrive.Client) error{
			"FindSale": func(c *trackdrive.Client) error {
				_, err := c.FindSale(t.Context(), &trackdrive.SaleQuery{Caller: "5555550100", After: postedAt})
				return err
			},
			"Calls": func(c *trackdrive.Client) error {
				for _, err := range c.Calls(t.Context(), nil) {
					return err
				}
				return nil
			},
			"Call": func(c *trackdrive.Client) error { _, err := c.Call(t.Context(), "u-1"); return err },
		} {
			t.Run(name+" "+call, func(t *testing.T) {
				t.Parallel()
				err := read(newClient(t, &answering{status: tc.status, body: tc.body}, token, trackdrive.WithMaxAttempts(1)))
				var e *trackdrive.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, tc.status, e.StatusCode)
				for _, text := range tc.says {
					require.ErrorContains(t, e, text)
					require.ErrorContains(t, e.Err, text)
				}
				if tc.says == nil {
					require.NotContains(t, e.Error(), "right to read calls")
				}
				require.NotContains(t, e.Error(), "made-up")
				byHand := trackdrive.Error{Operation: e.Operation, StatusCode: e.StatusCode, Body: e.Body}
				require.Equal(t, tc.says != nil, strings.Contains(byHand.Error(), right), "an error made by hand says so, too")
			})
		}
	}
}
