package trackdrive_test

import (
	"io"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func FuzzAmount(f *testing.F) {
	for _, a := range []string{"25.50", "$25.50", "-1", "-0", "0", "007", "1e3", ".5", "5.", "1,000", " 1", "NaN", "", "0.1", strings.Repeat("9", 33), "$-5", "-$5", "$$5"} {
		f.Add(a, "25.5")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, err := trackdrive.ParseAmount(a)
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.False(t, x.IsSet())
			return
		}
		require.Equal(t, strings.TrimPrefix(a, "$"), x.String())
		exact, ok := new(big.Rat).SetString(x.String())
		require.True(t, ok, "big.Rat does not read %q", a)
		own, ok := x.Rat()
		require.True(t, ok)
		require.Zero(t, exact.Cmp(own))
		data, err := x.MarshalJSON()
		require.NoError(t, err)
		var back trackdrive.Amount
		require.NoError(t, back.UnmarshalJSON(data))
		require.Equal(t, x, back)
		if y, err := trackdrive.ParseAmount(b); err == nil {
			other, _ := y.Rat()
			require.Equal(t, exact.Cmp(other), x.Cmp(y), "%s and %s", x, y)
			require.Equal(t, x.Cmp(y) == 0, x.Equal(y))
		}
	})
}

func FuzzParseCallRef(f *testing.F) {
	f.Add("trackdrive_subdomain=acme&trackdrive_call_uuid=u-1", "", "")
	f.Add("", "application/x-www-form-urlencoded", "trackdrive_subdomain=acme&trackdrive_call_uuid=u-1")
	f.Add("trackdrive_subdomain=acme", "application/json", `{"trackdrive_call_uuid":"u-1"}`)
	f.Add("trackdrive_subdomain=evil", "application/json; charset=utf-8", `{"trackdrive_subdomain":"acme","trackdrive_call_uuid":7}`)
	f.Add("%zz;", "multipart/form-data", "{")
	f.Fuzz(func(t *testing.T, query, contentType, body string) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{RawQuery: query}, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}
		ref, err := trackdrive.ParseCallRef(r)
		after, readErr := io.ReadAll(r.Body)
		require.NoError(t, readErr)
		require.Equal(t, body, string(after), "the body is not readable from the start")
		if err != nil {
			require.ErrorIs(t, err, trackdrive.ErrInvalidArgument)
			require.Equal(t, trackdrive.CallRef{}, ref)
			return
		}
		again, err := trackdrive.NewCallRef(ref.Subdomain, ref.UUID)
		require.NoError(t, err)
		require.Equal(t, ref, again)
		u, err := url.Parse("https://" + ref.Subdomain + ".trackdrive.com/api/v1/calls/update_call/" + ref.UUID + "?x")
		require.NoError(t, err)
		require.Equal(t, ref.Subdomain+".trackdrive.com", u.Hostname())
		require.Equal(t, "/api/v1/calls/update_call/"+ref.UUID, u.Path)
		if kind, _, err := mime.ParseMediaType(contentType); err == nil && strings.HasPrefix(kind, "multipart/") {
			require.NotEmpty(t, query)
		}
	})
}
