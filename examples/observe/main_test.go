package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// cancelAt is a writer that ends a context when a text is written.
type cancelAt struct {
	bytes.Buffer
	text string
	end  context.CancelFunc
}

func (w *cancelAt) Write(p []byte) (int, error) {
	if w.text != "" && bytes.Contains(p, []byte(w.text)) {
		w.end()
	}
	return w.Buffer.Write(p)
}

func TestEveryoneSeesTheSales(t *testing.T) {
	for name, listen := range map[string]string{"": "", "Interrupt to end.": "127.0.0.1:0"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := &cancelAt{text: name, end: cancel}
		if err := run(ctx, out, listen); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		for want, times := range map[string]int{
			`span "POST /api/v1/inbound_webhooks/ping/{vanity_uri}" http.response.status_code=429`:                             1,
			`span "POST /api/v1/inbound_webhooks/ping/{vanity_uri}" http.response.status_code=200`:                             6,
			`span "POST /api/v1/inbound_webhooks/ping/{vanity_uri}" http.response.status_code=200 http.request.resend_count=1`: 1,
			`span "trackdrive ping" trackdrive.outcome=accepted trackdrive.attempts=2`:                                         1,
			`span "POST /api/v1/inbound_webhooks/post/{vanity_uri}" http.response.status_code=200`:                             3,
			`span "trackdrive post" trackdrive.outcome=accepted trackdrive.attempts=1`:                                         3,
			`span "trackdrive auction"`:                                    3,
			`span "sell" source=sell payout=25.50`:                         3,
			`trackdrive_sold_total{buyer="Buyer A",source="sell"} 3`:       1,
			`trackdrive_revenue_total{buyer="Buyer A",source="sell"} 76.5`: 1,
			"(all)   6      6        3         3     3      3     0":       1,
			"best bids   84.00  then 76.50":                                1,
			"level=WARN":                                                   1, "level=DEBUG": 9, "sold: dial +1555555": 3, name: strings.Count(text, name),
		} {
			if got := strings.Count(text, want); got != times || times == 0 {
				t.Errorf("%q is in the output %d times, not %d:\n%s", want, got, times, text)
			}
		}
		if strings.Contains(text, "555014") {
			t.Errorf("a number is shown:\n%s", text)
		}
	}
}
