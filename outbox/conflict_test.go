package outbox_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/outboxtest"
)

// enqueueTwice enqueues two bodies under the same id.
func enqueueTwice(t *testing.T, first, second string) error {
	t.Helper()
	store := outboxtest.NewMemory()
	for n, body := range []string{first, second} {
		item := outbox.Item{ID: "sale-1", Operation: outbox.OpUpdateCall, Subdomain: "acme", CallUUID: "u-1", Body: json.RawMessage(body)}
		stored, added, err := outbox.Enqueue(t.Context(), store, item)
		if n == 1 {
			require.False(t, added)
			require.EqualValues(t, 1, stored.Seq, "the stored item")
			return err
		}
		require.NoError(t, err)
		require.True(t, added)
	}
	return nil
}

func TestEqualConversionsDoNotConflict(t *testing.T) {
	t.Parallel()
	for name, bodies := range map[string][2]string{
		"identical":                  {`{"revenue":"25.50"}`, `{"revenue":"25.50"}`},
		"trailing zeros":             {`{"revenue":"25.5"}`, `{"revenue":"25.50"}`},
		"without a fraction":         {`{"payout":"25"}`, `{"payout":"25.00"}`},
		"leading zeros":              {`{"add_revenue":"7"}`, `{"add_revenue":"007"}`},
		"zero":                       {`{"add_payout":"0"}`, `{"add_payout":"-0.00"}`},
		"a number":                   {`{"revenue":25.5}`, `{"revenue":"25.50"}`},
		"a number, second":           {`{"revenue":"25.5"}`, `{"revenue":25.50}`},
		"a dollar":                   {`{"revenue":"$25.50"}`, `{"revenue":"25.5"}`},
		"all amounts":                {`{"revenue":1,"payout":2,"add_revenue":3,"add_payout":4}`, `{"add_payout":"4.0","add_revenue":"3.0","payout":"2.0","revenue":"1.0"}`},
		"another order":              {`{"revenue":"1","payout":"2"}`, `{"payout":"2","revenue":"1"}`},
		"a flag as a string":         {`{"buyer_converted":"true"}`, `{"buyer_converted":true}`},
		"no contact fields":          {`{"revenue":"1","post_call_tokens":{}}`, `{"revenue":"1"}`},
		"null is left out":           {`{"revenue":"1","payout":null}`, `{"revenue":"1"}`},
		"a parameter":                {`{"bonus":"25.5"}`, `{"bonus":"25.50"}`},
		"a parameter as a number":    {`{"bonus":25.5}`, `{"bonus":"25.50"}`},
		"a number with an exponent":  {`{"bonus":2.55e1}`, `{"bonus":25.5}`},
		"a contact field":            {`{"post_call_tokens":{"premium":"$99.9"}}`, `{"post_call_tokens":{"premium":"99.90"}}`},
		"nested in an object":        {`{"x":{"y":{"z":1.10}}}`, `{"x":{"y":{"z":"1.1"}}}`},
		"nested in a list":           {`{"x":["1.10",{"y":2}]}`, `{"x":[1.1,{"y":"2.00"}]}`},
		"a string escaped otherwise": {`{"x":"\u00e4"}`, `{"x":"ä"}`},
		"below one":                  {`{"x":"0.50"}`, `{"x":0.5}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, enqueueTwice(t, bodies[0], bodies[1]))
			require.NoError(t, enqueueTwice(t, bodies[1], bodies[0]))
		})
	}
}

func TestAConflictNamesTheDifferingFields(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first, second string
		says          []string
	}{
		"revenue":                    {`{"revenue":"25.50"}`, `{"revenue":"26"}`, []string{"revenue was 25.50 and is 26 now"}},
		"payout":                     {`{"payout":"25.50"}`, `{"payout":"-25.50"}`, []string{"payout was 25.50 and is -25.50 now"}},
		"added revenue":              {`{"add_revenue":"1"}`, `{"add_revenue":"1.01"}`, []string{"add_revenue was 1 and is 1.01 now"}},
		"added payout":               {`{"add_payout":"1"}`, `{"add_payout":"10"}`, []string{"add_payout was 1 and is 10 now"}},
		"added instead of set":       {`{"revenue":"1"}`, `{"add_revenue":"1"}`, []string{"revenue was 1 and is not set now", "add_revenue was not set and is 1 now"}},
		"zero is not unset":          {`{"revenue":"1","payout":"0"}`, `{"revenue":"1"}`, []string{"payout was 0 and is not set now"}},
		"a flag":                     {`{"buyer_converted":true}`, `{"buyer_converted":false}`, []string{"buyer_converted was true and is false now"}},
		"a flag that is not set":     {`{"revenue":"1"}`, `{"revenue":"1","offer_converted":false}`, []string{"offer_converted was not set and is false now"}},
		"a contact field":            {`{"post_call_tokens":{"first_name":"P3rson","a":"1"}}`, `{"post_call_tokens":{"first_name":"P3rsona","a":"1"}}`, []string{`"post_call_tokens[first_name]"`}},
		"a contact field is missing": {`{"post_call_tokens":{"first_name":"P3rson"}}`, `{"post_call_tokens":{"last_name":"P3rson"}}`, []string{`"post_call_tokens[first_name]"`, `"post_call_tokens[last_name]"`}},
		"null is not missing":        {`{"x":"1","y":null}`, `{"x":"1"}`, []string{`"y"`}},
		"a ZIP code is not a number": {`{"x":"01234"}`, `{"x":"1234"}`, []string{`"x"`}},
		"nor is a phone number":      {`{"x":"+15555550199"}`, `{"x":"15555550199"}`, []string{`"x"`}},
		"a flag is not a string":     {`{"x":true}`, `{"x":"true"}`, []string{`"x"`}},
		"a list is longer":           {`{"x":["1"]}`, `{"x":["1","2"]}`, []string{`"x"`}},
		"a list in another order":    {`{"x":["1","2"]}`, `{"x":["2","1"]}`, []string{`"x"`}},
		"a list is not an object":    {`{"x":["1"]}`, `{"x":{"0":"1"}}`, []string{`"x"`}},
		"nested":                     {`{"x":{"y":"P3rson"}}`, `{"x":{"y":"P3rsona"}}`, []string{`"x"`}},
		"a name in another case":     {`{"x":"1","X":"2"}`, `{"x":"2","X":"1"}`, []string{`"X", "x"`}},
		"beyond any float":           {`{"x":12345678901234567890.1}`, `{"x":12345678901234567890.2}`, []string{`"x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := enqueueTwice(t, test.first, test.second)
			require.ErrorIs(t, err, outbox.ErrConflict)
			require.ErrorContains(t, err, "sale-1")
			for _, says := range test.says {
				require.ErrorContains(t, err, says)
			}
			require.NotContains(t, err.Error(), "P3rson", "values are personal data")
			require.ErrorIs(t, enqueueTwice(t, test.second, test.first), outbox.ErrConflict)
		})
	}
}

func TestDifferentCallsConflict(t *testing.T) {
	t.Parallel()
	for says, call := range map[string]trackdrive.CallRef{
		"subdomain": {Subdomain: "globex", UUID: "u-1"},
		"call uuid": {Subdomain: "acme", UUID: "u-2"},
	} {
		store := outboxtest.NewMemory()
		_, _, err := outbox.Enqueue(t.Context(), store, anItem(t, revenue("1")))
		require.NoError(t, err)
		other, err := outbox.NewUpdate("sale-1", call, revenue("1.00"))
		require.NoError(t, err)
		_, _, err = outbox.Enqueue(t.Context(), store, other)
		require.ErrorIs(t, err, outbox.ErrConflict)
		require.ErrorContains(t, err, "sale-1: "+says)
	}
}

func TestAConflictErrorIsBounded(t *testing.T) {
	t.Parallel()
	many, none := trackdrive.Fields{}, trackdrive.Fields{"a": "b"}
	for n := range 2000 {
		many[fmt.Sprint("field_", n)] = "x"
	}
	store := outboxtest.NewMemory()
	_, _, err := outbox.Enqueue(t.Context(), store, anItem(t, &trackdrive.UpdateCall{Fields: many}))
	require.NoError(t, err)
	_, _, err = outbox.Enqueue(t.Context(), store, anItem(t, &trackdrive.UpdateCall{Fields: none}))
	require.ErrorIs(t, err, outbox.ErrConflict)
	require.Less(t, len(err.Error()), 1200)
}
