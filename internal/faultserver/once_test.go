package faultserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/faultserver"
)

// The way a test of the SDK uses the package: each fault once, counted on the
// server.
func TestAPostByNetHTTPArrivesAtMostOnce(t *testing.T) {
	t.Parallel()
	for _, fault := range faultserver.Plain() {
		if fault.Stalls || fault.Redirects || fault.Warm {
			continue
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			srv := faultserver.New(t, fault, faultserver.Reply(200, ok))
			resp, err := newClient(t, nil).Post(srv.URL+"/post", "application/json", strings.NewReader("{}"))
			if err == nil {
				require.NoError(t, resp.Body.Close())
				require.Equal(t, fault.Status, resp.StatusCode)
			}
			require.Equal(t, fault.Whole, srv.Whole() == 1)
			for _, req := range srv.Requests() {
				require.Equal(t, http.MethodPost, req.Method)
			}
		})
	}
}
