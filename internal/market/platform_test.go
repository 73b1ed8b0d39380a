package market_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/market"
)

// otherPlatform is a market that is not TrackDrive: it bids by a webhook, and sells
// when its bid is confirmed. It is a transport, too.
type otherPlatform struct {
	bid    int
	answer string // to a confirmation

	mu    sync.Mutex
	sales []market.Sale
}

const platformName = "other"

func randomPlatform(rng *rand.Rand) *otherPlatform {
	return &otherPlatform{
		bid:    1 + rng.IntN(40),
		answer: oneOf(rng, "taken", "taken", "refused", "refused", "taken, cut", "taken, lost", "taken, unclear", "busy"),
	}
}

// source returns the platform as a source of an auction.
func (p *otherPlatform) source() (trackdrive.AuctionSource, error) {
	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(p))
	if err != nil {
		return trackdrive.AuctionSource{}, err
	}
	ping, pingErr := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://bids.example.com/ping", Body: `{"caller": "[caller_id]"}`, Acceptance: trackdrive.All(trackdrive.Field("bid").GreaterThan(0)),
	})
	confirm, confirmErr := trackdrive.NewWebhook(trackdrive.WebhookConfig{
		URL: "https://bids.example.com/confirm", Body: `{"id": "[ping_id]"}`, Acceptance: trackdrive.All(trackdrive.Field("taken").IsTrue()),
		Repeat: trackdrive.RepeatSafe, // a confirmation is never repeated all the same
	})
	return trackdrive.AuctionSource{Name: platformName, Bidder: trackdrive.WebhookBidder{
		Client: client, PingWebhook: ping, ConfirmWebhook: confirm,
		BidPath: "bid", NumberPath: "number", PingIDPath: "id", ExpiresPath: "expires",
	}}, errors.Join(pingErr, confirmErr)
}

// RoundTrip answers a ping or a confirmation.
func (p *otherPlatform) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	status, body := http.StatusOK, fmt.Sprintf(`{"id":"p-1","bid":%d,"number":"+15555550177","expires":30}`, p.bid)
	if r.URL.Path == "/confirm" {
		status, body = p.confirm()
	}
	if body == "" {
		return nil, errors.New("connection reset by peer")
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// confirm sells, or does not; without a body the answer is lost.
func (p *otherPlatform) confirm() (status int, body string) {
	if strings.HasPrefix(p.answer, "taken") {
		p.mu.Lock()
		p.sales = append(p.sales, market.Sale{Source: platformName, Operation: "post", PingID: "p-1", Answer: p.answer})
		p.mu.Unlock()
	}
	switch p.answer {
	case "taken":
		return http.StatusOK, `{"taken":true}`
	case "refused":
		return http.StatusOK, `{"taken":false}`
	case "taken, cut":
		return http.StatusOK, `{"tak`
	case "taken, unclear":
		return http.StatusOK, `{}`
	case "busy":
		return http.StatusServiceUnavailable, `{"taken":false}`
	default:
		return http.StatusOK, ""
	}
}

// sold returns what the platform has sold. Without a platform, that is nothing.
func (p *otherPlatform) sold() []market.Sale {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]market.Sale(nil), p.sales...)
}
