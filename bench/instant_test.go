package main

import (
	"net/http"
	"testing"
)

// README.md says how much of a ping's allocations are the transport's.
func TestTheInstantTransportAllocatesLittle(t *testing.T) {
	transport := instantTransport{http.StatusOK, pingReply(20)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://acme.trackdrive.com/", http.NoBody)
	must(err)
	var resp *http.Response
	allocs := testing.AllocsPerRun(100, func() { resp, err = transport.RoundTrip(req) })
	if err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
		t.Errorf("response %v, %v", resp, err)
	}
	if allocs > 4 {
		t.Errorf("%v allocations", allocs)
	}
}
