package trackdrive_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// manySets returns sets of names of all sizes; some differ only in their last name.
func manySets() []trackdrive.Fields {
	var sets []trackdrive.Fields
	for _, size := range []int{0, 1, 2, 3, 16, 17, 33} {
		for _, last := range []string{"last", "zip code", `with "quotes" & =`, "ä", "a[b]", "a[]", "~", "\x00"} {
			fields := trackdrive.Fields{}
			for i := range max(0, size-1) {
				fields[fmt.Sprint("name_", i)] = "one & two"
			}
			if size > 0 {
				fields[last] = `a "value", ünd 1/2+3`
			}
			sets = append(sets, fields)
		}
	}
	many := trackdrive.Fields{strings.Repeat("long", 10_000): "x"}
	for i := range 1025 {
		many[fmt.Sprint("name_", i)] = "x"
	}
	return append(sets, many, trackdrive.Fields{strings.Repeat("long", 10_000): "x"})
}

var allEncodings = []trackdrive.Encoding{trackdrive.EncodeJSON, trackdrive.EncodeForm, trackdrive.EncodeQuery}

// A client that sent other names before sends what a new one sends.
func TestNamesThatWereSentBefore(t *testing.T) {
	t.Parallel()
	sets := manySets()
	used := &answering{status: 200, body: lead}
	client := newClient(t, used)
	for range 400 {
		fields := sets[rand.N(len(sets))]
		encoding := allEncodings[rand.N(len(allEncodings))]
		ping := &trackdrive.PingRequest{CallerID: []string{"", "1"}[rand.N(2)], Fields: fields}
		fresh := &answering{status: 200, body: lead}
		for rt, c := range map[*answering]*trackdrive.Client{used: client, fresh: newClient(t, fresh)} {
			rt.sent = nil
			_, err := c.Ping(t.Context(), "sell", ping, trackdrive.WithEncoding(encoding))
			require.NoError(t, err)
		}
		require.Equal(t, fresh.sent[0].body, used.sent[0].body)
		require.Equal(t, fresh.sent[0].url, used.sent[0].url)
	}
}

// A form without nesting is what [url.Values.Encode] makes of it.
func TestFlatForms(t *testing.T) {
	t.Parallel()
	signer := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
		r.SetParam("public_key", "tdpub 1 & é")
		return nil
	})
	values := trackdrive.Fields{
		"text": "a b&c=d+e%20é", "nothing": nil, "yes": true, "no": false, "n": -12, "big": int64(1) << 62,
		"amount": trackdrive.MustAmount("12.50"), "unset": trackdrive.Amount{}, "id": trackdrive.ID("0 7"), "zz": "last", "A": "", "pub lic": "x",
	}
	for c := range rune(0x900) {
		values[fmt.Sprintf("rune %c", c)] = fmt.Sprintf("%c%c", c, c)
	}
	want := url.Values{
		"text": {"a b&c=d+e%20é"}, "nothing": {""}, "yes": {"true"}, "no": {"false"}, "n": {"-12"}, "big": {"4611686018427387904"},
		"amount": {"12.50"}, "unset": {""}, "id": {"0 7"}, "zz": {"last"}, "A": {""}, "pub lic": {"x"},
		"caller_id": {"+1 555"}, "traffic_source_id": {"11"}, "public_key": {"tdpub 1 & é"},
	}
	for c := range rune(0x900) {
		want.Set(fmt.Sprintf("rune %c", c), fmt.Sprintf("%c%c", c, c))
	}
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt, trackdrive.WithAuth(signer))
	for range 2 { // with new names, and with known ones
		for _, encoding := range allEncodings[1:] {
			_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+1 555", TrafficSourceID: "11", Fields: values}, trackdrive.WithEncoding(encoding))
			require.NoError(t, err)
		}
		require.Equal(t, want.Encode(), rt.sent[0].body)
		require.Equal(t, "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/sell?"+want.Encode(), rt.sent[1].url)
		rt.sent = nil
	}
}

// What was right for one request may be wrong for another.
func TestKnownNamesAreRefusedWhereTheyWereBefore(t *testing.T) {
	t.Parallel()
	rt := &answering{status: 200, body: lead}
	c := newClient(t, rt)
	update := func(fields trackdrive.Fields) error {
		_, err := c.UpdateCall(t.Context(), "u-1", &trackdrive.UpdateCall{Fields: fields})
		return err
	}
	ping := func(fields trackdrive.Fields, opts ...trackdrive.CallOption) error {
		_, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{TrafficSourceID: "11", Fields: fields}, opts...)
		return err
	}
	with := func(name string, value any) trackdrive.Fields {
		return trackdrive.Fields{name: value, "payout": "2", "auth_token": "x"}
	}
	for range 3 {
		require.NoError(t, ping(with("a", "1")))
		require.ErrorContains(t, update(with("a", "1")), "payout: is a parameter of the request itself")
		require.ErrorContains(t, ping(with("caller_id", "1")), "caller_id: is a parameter of the request itself")
		require.ErrorContains(t, ping(with("a", "[Call:Name]")), "unreplaced template token: a")
		require.ErrorContains(t, ping(with("a", "\xff")), "a: is not valid UTF-8")
		require.ErrorContains(t, ping(with("\xff", "1")), "is not valid UTF-8")
		require.ErrorContains(t, ping(with("", "1")), "parameter name: is empty")
		require.ErrorContains(t, ping(with("a", "1"), trackdrive.WithAuth(trackdrive.AuthToken("made-up"))), "auth_token: is set by the authenticator; it cannot be in Fields")
	}
}

// Names belong to the caller, who may change the map when the call has returned.
func TestNamesAreRememberedByManyGoroutines(t *testing.T) {
	t.Parallel()
	sets := manySets()[:32]
	c := newClient(t, instant(lead))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			fields := trackdrive.Fields{}
			for range 50 {
				clear(fields)
				for name, value := range sets[rand.N(len(sets))] {
					fields[name] = value
				}
				if _, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "1", Fields: fields}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
