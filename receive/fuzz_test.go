package receive_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/inbound"
	"github.com/trackdrive-go/trackdrive/receive"
)

func addSeeds(f *testing.F) {
	f.Helper()
	for _, seed := range [][4]string{
		{"POST", named, "", ""},
		{"GET", named, "", ""},
		{"POST", "", isForm, named + "&zip=90210&tag=a&tag=b"},
		{"POST", "zip=90210", isJSON, object},
		{"POST", "trackdrive_subdomain=acme", isJSON, `{"data":{"call":` + aCall + `}}`},
		{"POST", "trackdrive_subdomain=acme", isJSON, `[` + aCall + `]`},
		{"POST", named + "&ping_id=p-1&x=%zz", isJSON, `{"trackdrive_call_uuid":"u-1","trackdrive_call_uuid":"u-2"}`},
		{"POST", named, "multipart/form-data; boundary=x", "--x"},
		{"POST", named, "application/vnd.api+json", "{\"city\":\"\xe9\",\"a\":[1,{\"b\":null}]}"},
		{"PUT", "caller_id=%5Bcaller_id%5D", "text/xml", "<call/>"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
}

// fuzzed makes a request of what the fuzzer found.
func fuzzed(method, query, contentType, body string) *http.Request {
	return &http.Request{
		Method: method, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{"Content-Type": {contentType}},
		Body: http.MaxBytesReader(nil, readCloser{strings.NewReader(body)}, 1<<22), ContentLength: -1,
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// requireAnswer wants an answer that goes with what was kept.
func requireAnswer(t *testing.T, w *httptest.ResponseRecorder, kept int, success int) {
	t.Helper()
	require.LessOrEqual(t, kept, 1)
	require.Equal(t, kept == 1, w.Code == success, w.Code)
	if kept == 0 {
		require.GreaterOrEqual(t, w.Code, 400)
		require.Less(t, w.Code, 500)
		require.NotEmpty(t, w.Body.String())
	}
}

func requireRef(t *testing.T, subdomain, uuid string) {
	t.Helper()
	ref, err := trackdrive.NewCallRef(subdomain, uuid)
	require.NoError(t, err)
	require.Equal(t, trackdrive.CallRef{Subdomain: subdomain, UUID: uuid}, ref)
}

func FuzzForward(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, method, query, contentType, body string) {
		kept := 0
		w := serve(receive.Forward(func(_ context.Context, p receive.Forwarded) error {
			kept++
			requireRef(t, p.Call.Subdomain, p.Call.UUID)
			require.NotContains(t, p.Fields, "trackdrive_call_uuid")
			require.Equal(t, body, string(p.Body))
			_, err := json.Marshal(p)
			require.NoError(t, err)
			return nil
		}), fuzzed(method, query, contentType, body))
		requireAnswer(t, w, kept, http.StatusNoContent)
		// ParseCallRef reads the same call, where it reads one. It does not see what is
		// longer, or what is a token in another name, and takes any type for a form.
		if _, otherType := inbound.KindOf(http.Header{"Content-Type": {contentType}}, inbound.Trim([]byte(body))); otherType != nil {
			return
		}
		if ref, err := trackdrive.ParseCallRef(fuzzed(method, query, contentType, body)); err == nil && kept == 0 {
			require.False(t, method == http.MethodPost && len(body) <= 1<<20, "%v is read by ParseCallRef alone: %s", ref, w.Body)
		}
	})
}

func FuzzEvents(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, method, query, contentType, body string) {
		kept := 0
		w := serve(receive.Events("call_ended", func(_ context.Context, e receive.Event) error {
			kept++
			if e.Subdomain != "" {
				requireRef(t, e.Subdomain, "u-1")
			}
			if e.Call != nil {
				require.False(t, trackdrive.LeftoverToken(e.Call.UUID))
			}
			require.Equal(t, body, string(e.Raw))
			return nil
		}), fuzzed(method, query, contentType, body))
		requireAnswer(t, w, kept, http.StatusNoContent)
	})
}

func FuzzBids(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, method, query, contentType, body string) {
		kept := 0
		seen := func(texts ...string) (receive.Answer, error) {
			kept++
			for _, text := range texts {
				require.False(t, trackdrive.LeftoverToken(text), text)
			}
			return receive.Answer{Accepted: true, Revenue: trackdrive.MustAmount("21.00")}, nil
		}
		h := receive.Bids(func(_ context.Context, r *trackdrive.PingRequest) (receive.Answer, error) {
			return seen(r.CallerID, r.TrafficSourceID, r.TrackdriveNumber)
		}, func(_ context.Context, r *trackdrive.PostRequest) (receive.Answer, error) {
			return seen(string(r.PingID), string(r.BuyerID), r.CallerID)
		})
		w := serve(h, fuzzed(method, query, contentType, body))
		requireAnswer(t, w, kept, http.StatusOK)
		var reply struct {
			Accepted bool `json:"accepted"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &reply))
		require.Equal(t, kept == 1, reply.Accepted)
	})
}
