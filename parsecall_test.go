package trackdrive_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

const oneCall = `{"id":900001,"uuid":"u-1","caller_number":"+15555550142","number_called":"+15555550100","status":"finished","buyer":"Buyer A",` +
	`"buyer_id":101,"offer_id":7,"traffic_source_id":"11","buyer_converted":"Converted","offer_converted":null,"revenue":"25.50","payout":20,` +
	`"total_duration":"95","created_at":"2024-06-19 13:00:00 UTC","ended_at":"2024-06-19 08:01:35 -0500","token_values":{"zip":"90210"}}`

func TestACallIsReadFromARecordAndFromAnEnvelope(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"a record":                  oneCall,
		"a reply to Call":           `{"call":` + oneCall + `,"metadata":{"root":"call"}}`,
		"an event with a call":      `{"event":"call_ended","id":"e-1","call":` + oneCall + `}`,
		"a byte order mark, blanks": "\ufeff \r\n" + oneCall + "\n",
	} {
		c, err := trackdrive.ParseCall([]byte(data))
		require.NoError(t, err, name)
		require.Equal(t, trackdrive.ID("900001"), c.ID, name)
		require.Equal(t, "u-1", c.UUID, name)
		require.Equal(t, "+15555550142", c.CallerNumber, name)
		require.True(t, c.BuyerConverted, name)
		require.False(t, c.OfferConverted, name)
		require.Equal(t, "25.50", c.Revenue.String(), name)
		require.Equal(t, 95*time.Second, c.TotalDuration, name)
		require.True(t, c.CreatedAt.Equal(time.Date(2024, 6, 19, 13, 0, 0, 0, time.UTC)), name)
		require.True(t, c.EndedAt.Equal(time.Date(2024, 6, 19, 13, 1, 35, 0, time.UTC)), name)
		require.Equal(t, "90210", c.Field("token_values.zip").String(), name)
		require.JSONEq(t, oneCall, string(c.Raw), name)
	}
}

func TestACallMayHaveAnyOfItsMembers(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`{"created_at":"2024-06-19 13:00:00 UTC"}`, `{"uuid":"u-1"}`, `{"id":1}`, `{"call":{"caller_number":"+15555550142"}}`,
		`{"uuid":null}`, `{"revenue":"","uuid":"u-1"}`, `{"call":null,"uuid":"u-1"}`, `{"uuid":"u-1","zip":1,"zip":2}`,
	} {
		_, err := trackdrive.ParseCall([]byte(data))
		require.NoError(t, err, data)
	}
}

func TestWhatIsNotACallIsUnreadable(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"nothing":                         "",
		"blanks":                          " \n",
		"null":                            "null",
		"text":                            `"u-1"`,
		"a list":                          "[" + oneCall + "]",
		"half":                            oneCall[:40],
		"two":                             oneCall + oneCall,
		"HTML":                            "<html></html>",
		"UTF-16":                          "\xff\xfe{\x00}\x00",
		"Latin-1":                         "{\"uuid\":\"u-1\",\"city\":\"Montr\xe9al\"}",
		"an empty object":                 `{}`,
		"another object":                  `{"lead":{"email":"ann@example.com"}}`,
		"a call that is empty":            `{"call":{}}`,
		"a uuid twice":                    `{"uuid":"u-1","uuid":"u-2"}`,
		"a uuid twice, once escaped":      `{"uuid":"u-1","\u0075uid":"u-2"}`,
		"revenue twice":                   `{"uuid":"u-1","revenue":"1","revenue":"2"}`,
		"call twice":                      `{"call":{"uuid":"u-1"},"call":{"uuid":"u-2"}}`,
		"call twice beside a uuid":        `{"uuid":"u-3","call":{"uuid":"u-1"},"call":{"uuid":"u-2"}}`,
		"a uuid twice inside":             `{"call":{"uuid":"u-1","uuid":"u-1"}}`,
		"a control character in the uuid": `{"uuid":"u-1\n"}`,
		"a control character in the id":   `{"id":"1\u0000"}`,
		"half a surrogate in the uuid":    `{"uuid":"\ud800"}`,
		"deep nesting":                    strings.Repeat(`{"call":`, 600) + strings.Repeat("}", 600),
	} {
		c, err := trackdrive.ParseCall([]byte(data))
		require.ErrorIs(t, err, trackdrive.ErrUnreadable, name)
		require.Nil(t, c, name)
		require.NotContains(t, err.Error(), "u-", "%s: values are not shown", name)
	}
}

func TestACallDoesNotShareItsMemory(t *testing.T) {
	t.Parallel()
	data := []byte(oneCall)
	c, err := trackdrive.ParseCall(data)
	require.NoError(t, err)
	clear(data)
	require.JSONEq(t, oneCall, string(c.Raw))
}

func FuzzParseCall(f *testing.F) {
	for _, seed := range []string{
		oneCall, `{"call":` + oneCall + `}`, `{"uuid":"u-1"}`, `{"uuid":"u-1","uuid":"u-2"}`, `{"call":{"uuid":"\u0000"}}`, "[]", "", "\ufeff{}",
		`{"id":1e400,"total_duration":-1,"created_at":"2024-06-19 13:00:00 UTC","revenue":"$1,000"}`, `{"call":{"call":{"uuid":"u-1"}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		c, err := trackdrive.ParseCall(data)
		require.Equal(t, before, string(data), "the data was changed")
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrUnreadable)
			require.Nil(t, c)
			return
		}
		require.True(t, json.Valid(c.Raw))
		require.False(t, strings.ContainsFunc(c.UUID+string(c.ID), unicode.IsControl))
		require.GreaterOrEqual(t, c.TotalDuration, time.Duration(0))
		again, err := trackdrive.ParseCall(c.Raw)
		if !c.Field("call").Exists() {
			require.NoError(t, err)
			require.Equal(t, c, again, "what was read reads differently")
		}
	})
}
