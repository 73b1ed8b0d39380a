package trackdrive_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

// echoing is a server that refuses every request, and quotes its credentials and
// its body.
func echoing(status int) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		reply := fmt.Sprintf(`{"success":false,"errors":["no: %s","%s"]}`, r.Header.Get("Authorization"), sent)
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(reply)), Request: r}, nil
	}
}

// Credentials that change are searched for in the reply to the call that sent them,
// and not those of an earlier call.
func TestRotatedCredentialsAreRemovedFromRefusals(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 422} {
		var calls atomic.Int64
		rotating := trackdrive.AuthenticatorFunc(func(_ context.Context, r *trackdrive.AuthRequest) error {
			r.SetHeader("Authorization", fmt.Sprintf("Token rotated-%d-made-up", calls.Add(1)%3))
			return nil
		})
		c := newClient(t, echoing(status), trackdrive.WithAuth(rotating), trackdrive.WithEncoding(trackdrive.EncodeForm))
		for range 7 {
			p, err := c.Ping(t.Context(), "sell", &trackdrive.PingRequest{CallerID: "+15555550142"})
			shown := fmt.Sprintf("%+v %+v", p, err)
			require.NotContains(t, shown, "rotated-")
			require.Contains(t, shown, "[redacted]")
		}
	}
}

// Calls of one client at the same time do not disturb each other's search, even if
// each has a secret of its own.
func TestRefusalsAtTheSameTimeHideTheirOwnSecrets(t *testing.T) {
	t.Parallel()
	c := newClient(t, echoing(422), trackdrive.WithAuth(trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up")),
		trackdrive.WithEncoding(trackdrive.EncodeForm))
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			token := fmt.Sprintf("%d-lead-token", i)
			for range 20 {
				_, err := c.CaptureLead(context.Background(), &trackdrive.Lead{LeadToken: token, CallerID: "+15555550142"})
				if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "[redacted]") {
					t.Errorf("%v is not without %s", err, token)
				}
			}
		})
	}
	group.Wait()
}
