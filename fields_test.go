package trackdrive_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// Types of a program's own that may be values in Fields.
type (
	namedText    string
	namedBool    bool
	namedInt     int8
	namedFloat   float32
	namedMap     map[namedText]namedInt
	namedList    []namedBool
	namedAmount  struct{ trackdrive.Amount }
	selfPointer  *selfPointer
	textOf       struct{ text string }
	textOfItself struct{ text string }
	jsonOf       string
	failingJSON  struct{}
	failingText  struct{}
	described    struct{ Secret string }
)

func (t textOf) MarshalText() ([]byte, error)        { return []byte(t.text), nil }
func (t *textOfItself) MarshalText() ([]byte, error) { return []byte(t.text), nil }
func (j jsonOf) MarshalJSON() ([]byte, error)        { return []byte(j), nil }
func (failingJSON) MarshalJSON() ([]byte, error)     { return nil, errors.New("PLANTED") }
func (failingText) MarshalText() ([]byte, error)     { return nil, errors.New("PLANTED") }
func (d described) String() string                   { return d.Secret }

// Each row of the list in the doc comment of Fields has a line here.
func TestFieldsAreSentByTheirType(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 30, 15, 999, time.FixedZone("", -5*60*60))
	for name, test := range map[string]struct {
		value any
		json  string
		form  url.Values // without caller_id
	}{
		"text":                        {"ü&=", `"ü&="`, url.Values{"v": {"ü&="}}},
		"empty text":                  {"", `""`, url.Values{"v": {""}}},
		"a named text":                {namedText("x"), `"x"`, url.Values{"v": {"x"}}},
		"a boolean":                   {true, `true`, url.Values{"v": {"true"}}},
		"a named boolean":             {namedBool(false), `false`, url.Values{"v": {"false"}}},
		"int":                         {math.MinInt, `-9223372036854775808`, url.Values{"v": {"-9223372036854775808"}}},
		"int8":                        {int8(-8), `-8`, url.Values{"v": {"-8"}}},
		"int16":                       {int16(-16), `-16`, url.Values{"v": {"-16"}}},
		"int32":                       {int32(-32), `-32`, url.Values{"v": {"-32"}}},
		"int64":                       {int64(math.MaxInt64), `9223372036854775807`, url.Values{"v": {"9223372036854775807"}}},
		"a named integer":             {namedInt(3), `3`, url.Values{"v": {"3"}}},
		"an enumeration":              {time.March, `3`, url.Values{"v": {"3"}}},
		"uint":                        {uint(math.MaxUint), `18446744073709551615`, url.Values{"v": {"18446744073709551615"}}},
		"uint8":                       {uint8(8), `8`, url.Values{"v": {"8"}}},
		"uint16":                      {uint16(16), `16`, url.Values{"v": {"16"}}},
		"uint32":                      {uint32(32), `32`, url.Values{"v": {"32"}}},
		"uint64":                      {uint64(64), `64`, url.Values{"v": {"64"}}},
		"float64":                     {0.1, `0.1`, url.Values{"v": {"0.1"}}},
		"a large float":               {1e21, `1e+21`, url.Values{"v": {"1e+21"}}},
		"a named float":               {namedFloat(0.1), `0.1`, url.Values{"v": {"0.1"}}},
		"a JSON number":               {json.Number("1.50"), `1.50`, url.Values{"v": {"1.50"}}},
		"an amount":                   {trackdrive.MustAmount("$25.50"), `"25.50"`, url.Values{"v": {"25.50"}}},
		"no amount":                   {trackdrive.Amount{}, `null`, url.Values{"v": {""}}},
		"an embedded amount":          {namedAmount{trackdrive.MustAmount("1.00")}, `"1.00"`, url.Values{"v": {"1.00"}}},
		"an id of digits":             {trackdrive.ID("7"), `7`, url.Values{"v": {"7"}}},
		"an id of other text":         {trackdrive.ID("007"), `"007"`, url.Values{"v": {"007"}}},
		"nil":                         {nil, `null`, url.Values{"v": {""}}},
		"a nil pointer":               {(*string)(nil), `null`, url.Values{"v": {""}}},
		"a nil pointer to a time":     {(*time.Time)(nil), `null`, url.Values{"v": {""}}},
		"a nil pointer that marshals": {(*textOf)(nil), `null`, url.Values{"v": {""}}},
		"a nil pointer to a pointer":  {new(*int), `null`, url.Values{"v": {""}}},
		"a nil interface":             {new(any), `null`, url.Values{"v": {""}}},
		"a pointer to text":           {new("x"), `"x"`, url.Values{"v": {"x"}}},
		"a pointer to a boolean":      {new(true), `true`, url.Values{"v": {"true"}}},
		"a pointer to an amount":      {new(trackdrive.MustAmount("25.50")), `"25.50"`, url.Values{"v": {"25.50"}}},
		"a pointer to an id":          {new(trackdrive.ID("7")), `7`, url.Values{"v": {"7"}}},
		"a pointer to a pointer":      {new(new(1)), `1`, url.Values{"v": {"1"}}},
		"a pointer to an interface":   {new(any(new("x"))), `"x"`, url.Values{"v": {"x"}}},
		"a pointer to a map":          {&map[string]any{"k": 1}, `{"k":1}`, url.Values{"v[k]": {"1"}}},
		"a pointer to Fields":         {&trackdrive.Fields{"k": 1}, `{"k":1}`, url.Values{"v[k]": {"1"}}},
		"a time":                      {at, `"2026-03-01 09:30:15 -0500"`, url.Values{"v": {"2026-03-01 09:30:15 -0500"}}},
		"a time in UTC":               {at.UTC(), `"2026-03-01 14:30:15 +0000"`, url.Values{"v": {"2026-03-01 14:30:15 +0000"}}},
		"a pointer to a time":         {&at, `"2026-03-01 09:30:15 -0500"`, url.Values{"v": {"2026-03-01 09:30:15 -0500"}}},
		"a pointer to such a pointer": {new(&at), `"2026-03-01 09:30:15 -0500"`, url.Values{"v": {"2026-03-01 09:30:15 -0500"}}},
		"an address":                  {netip.MustParseAddr("192.0.2.1"), `"192.0.2.1"`, url.Values{"v": {"192.0.2.1"}}},
		"what marshals to text":       {textOf{"a text"}, `"a text"`, url.Values{"v": {"a text"}}},
		"a pointer that marshals":     {&textOfItself{"a text"}, `"a text"`, url.Values{"v": {"a text"}}},
		"a big number":                {new(big.Int).Lsh(big.NewInt(1), 80), `1208925819614629174706176`, url.Values{"v": {"1208925819614629174706176"}}},
		"raw JSON":                    {json.RawMessage(` {"b": [1.50, null], "a": "x"}`), `{"a":"x","b":[1.50,null]}`, url.Values{"v[a]": {"x"}, "v[b][]": {"1.50", ""}}},
		"no raw JSON":                 {json.RawMessage(nil), `null`, url.Values{"v": {""}}},
		"what marshals to JSON":       {jsonOf(`"text"`), `"text"`, url.Values{"v": {"text"}}},
		"a map":                       {map[string]any{"k": "v", "a": []string{"x", "y"}}, `{"a":["x","y"],"k":"v"}`, url.Values{"v[k]": {"v"}, "v[a][]": {"x", "y"}}},
		"Fields":                      {trackdrive.Fields{"k": new("v")}, `{"k":"v"}`, url.Values{"v[k]": {"v"}}},
		"a named map":                 {namedMap{"k": 1}, `{"k":1}`, url.Values{"v[k]": {"1"}}},
		"an empty map":                {map[string]int{}, `{}`, url.Values{}},
		"no map":                      {map[string]int(nil), `{}`, url.Values{}},
		"a slice":                     {[]any{1, "a", nil, new(2)}, `[1,"a",null,2]`, url.Values{"v[]": {"1", "a", "", "2"}}},
		"a slice of times":            {[]time.Time{at}, `["2026-03-01 09:30:15 -0500"]`, url.Values{"v[]": {"2026-03-01 09:30:15 -0500"}}},
		"a named slice":               {namedList{true}, `[true]`, url.Values{"v[]": {"true"}}},
		"an array":                    {[2]int{1, 2}, `[1,2]`, url.Values{"v[]": {"1", "2"}}},
		"an empty slice":              {[]int{}, `[]`, url.Values{}},
		"no slice":                    {[]string(nil), `[]`, url.Values{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := &answering{status: 200, body: lead}
			c := newClient(t, rt)
			ping := &trackdrive.PingRequest{CallerID: "1", Fields: trackdrive.Fields{"v": test.value}}
			for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery} {
				_, err := c.Ping(t.Context(), "sell", ping, trackdrive.WithEncoding(e))
				require.NoError(t, err)
			}
			require.Equal(t, `{"caller_id":"1","v":`+test.json+`}`, rt.sent[0].body)
			test.form.Set("caller_id", "1")
			require.Equal(t, test.form.Encode(), rt.sent[1].body)
			require.Equal(t, "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell?"+test.form.Encode(), rt.sent[2].url)

			_, err := c.UpdateCall(t.Context(), "u-1", &trackdrive.UpdateCall{PostCallTokens: trackdrive.Fields{"v": test.value}})
			require.NoError(t, err)
			require.Equal(t, `{"post_call_tokens":{"v":`+test.json+`}}`, rt.sent[3].body, "in a hash of the request's own")
		})
	}
}

func TestFieldsOfOtherTypesAreRefused(t *testing.T) {
	t.Parallel()
	var selfish selfPointer
	selfish = &selfish
	loop := map[string]any{}
	loop["v"] = loop
	for name, test := range map[string]struct {
		value any
		says  string
	}{
		"a duration":              {90 * time.Second, "v: is a time.Duration, which has no unit on the wire; give a number, such as int(d.Seconds())"},
		"a pointer to a duration": {new(time.Second), "v: is a time.Duration"},
		"durations":               {[]time.Duration{1}, "v[0]: is a time.Duration"},
		"the zero time":           {time.Time{}, "v: is the zero time; leave the field out, or give nil"},
		"a time far away":         {time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), "v: is a time in the year 12026; give one with four digits"},
		"bytes":                   {[]byte("PLANTED"), "v: has the type []uint8, which cannot be sent; give text, such as string(b)"},
		"an array of bytes":       {[3]byte{1, 2, 3}, "v: has the type [3]uint8, which cannot be sent; give text"},
		"NaN":                     {math.NaN(), "v: is NaN; give a finite number"},
		"an infinity":             {float32(math.Inf(-1)), "v: is -Inf; give a finite number"},
		"a named infinity":        {namedFloat(math.Inf(1)), "v: is +Inf; give a finite number"},
		"no number":               {json.Number("1x"), `v: "1x" is not a number`},
		"an empty number":         {json.Number(""), `v: "" is not a number`},
		"a struct":                {struct{ A int }{1}, "v: has the type struct { A int }, which cannot be sent; give a map"},
		"a pointer to a struct":   {&struct{}{}, "v: has the type struct {}, which cannot be sent; give a map"},
		"what describes itself":   {described{"PLANTED"}, "v: has the type trackdrive_test.described, which cannot be sent; give a map, or the text of its String method"},
		"a URL":                   {&url.URL{}, "v: has the type url.URL, which cannot be sent; give a map, or the text of its String method"},
		"a marshaler by pointer":  {textOfItself{"PLANTED"}, "v: has the type trackdrive_test.textOfItself, which cannot be sent; give a pointer to it"},
		"a map with other keys":   {map[int]string{1: "PLANTED"}, "v: has the type map[int]string, which cannot be sent; give a map with text keys"},
		"a channel":               {make(chan int), "v: has the type chan int, which cannot be sent"},
		"a function":              {func() {}, "v: has the type func(), which cannot be sent"},
		"a complex number":        {1i, "v: has the type complex128, which cannot be sent"},
		"an address of memory":    {uintptr(1), "v: has the type uintptr, which cannot be sent"},
		"a token":                 {namedText("[caller_id]"), "v"},
		"a pointer to a token":    {new("[caller_id]"), "v"},
		"text of a token":         {textOf{"[caller_id]"}, "v"},
		"JSON with a token":       {json.RawMessage(`{"a":["[caller_id]"]}`), "v[a][0]"},
		"invalid UTF-8":           {new("PLANTED\xff"), "v: is not valid UTF-8"},
		"invalid UTF-8 as text":   {textOf{"PLANTED\xff"}, "v: is not valid UTF-8"},
		"invalid UTF-8 as JSON":   {json.RawMessage("\"PLANTED\xff\""), "v: does not marshal to valid JSON"},
		"broken JSON":             {json.RawMessage(`{"PLANTED"`), "v: does not marshal to valid JSON"},
		"no JSON":                 {jsonOf(""), "v: does not marshal to valid JSON"},
		"a marshaler that fails":  {failingJSON{}, "v: its MarshalJSON returns an error"},
		"text that fails":         {failingText{}, "v: its MarshalText returns an error"},
		"a pointer to itself":     {selfish, "v: is nested deeper than 64 levels"},
		"a map in itself":         {loop, "is nested deeper than 64 levels"},
		"deep inside":             {map[string]any{"a": []any{1, map[string]any{"b": make(chan int)}}}, "v[a][1][b]: has the type chan int"},
		"deep inside other types": {map[namedText][]any{"a": {new(func() {})}}, "v[a][0]: has the type func()"},
		"a name without text":     {map[string]any{"": 1}, "parameter name: is empty in v"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := &answering{status: 200, body: lead}
			c := newClient(t, rt)
			for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery} {
				_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{"v": test.value}}, trackdrive.WithEncoding(e))
				require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
				require.ErrorContains(t, err, test.says)
				require.NotContains(t, err.Error(), "PLANTED")
				require.Equal(t, trackdrive.DeliveryNotSent, trackdrive.DeliveryOf(err))
			}
			require.Empty(t, rt.sent)
		})
	}
}

// counted marshals differently each time.
type counted struct{ times int }

func (c *counted) MarshalText() ([]byte, error) {
	c.times++
	return []byte{'0' + byte(c.times)}, nil
}

// What was checked is what is sent, in every attempt.
func TestMarshalersAreCalledOnceForEachCall(t *testing.T) {
	t.Parallel()
	for _, e := range []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery} {
		rt := &answering{status: 503, body: lead}
		c := newClient(t, rt)
		marshaler := new(counted)
		_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{"a": marshaler, "b": []any{"x"}}}, trackdrive.WithEncoding(e))
		require.ErrorIs(t, err, trackdrive.ErrServer)
		require.Len(t, rt.sent, 3)
		require.Equal(t, 1, marshaler.times)
		for _, sent := range rt.sent[1:] {
			require.Equal(t, rt.sent[0].body, sent.body)
			require.Equal(t, rt.sent[0].url, sent.url)
		}
	}
}

// A credential is a credential whatever type it has.
func TestCredentialsOfAnyTypeAreScrubbed(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"text": "PLANTED-secret", "a named text": namedText("PLANTED-secret"), "a pointer": new("PLANTED-secret"),
		"what marshals to text": textOf{"PLANTED-secret"}, "raw JSON": json.RawMessage(`"PLANTED-secret"`),
	} {
		rt := &answering{status: 422, body: `{"errors":["PLANTED-secret is not known"]}`}
		_, err := newClient(t, rt).Ping(t.Context(), "sell", &trackdrive.PingRequest{Fields: trackdrive.Fields{"offer_token": value}})
		require.ErrorIs(t, err, trackdrive.ErrBadRequest, name)
		require.ErrorContains(t, err, "is not known", name)
		for _, text := range printings(err) {
			require.NotContains(t, text, "PLANTED", name)
		}
	}
}
