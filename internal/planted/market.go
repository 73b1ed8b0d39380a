package planted

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// MarketToken is the developer token that the requests to a [Market] carry. It looks like
// a name or a word.
const MarketToken = "PLANTEDtokenabcdefghijkl"

// marketForms are the forms in which a reply repeats a token.
var marketForms = []func(header, token string) string{
	func(_, token string) string { return token },
	func(header, _ string) string { return header },
	func(_, token string) string { return base64.StdEncoding.EncodeToString([]byte(token)) },
	func(header, _ string) string { return base64.RawURLEncoding.EncodeToString([]byte(header)) },
	func(_, token string) string { return "Buyer " + token },
	func(header, _ string) string { return url.QueryEscape(header) },
}

// IsShown reports whether a text holds the token, in any of the forms.
func IsShown(text string) bool {
	for _, form := range marketForms {
		shown := form("Token "+MarketToken, MarketToken)
		if strings.Contains(text, shown) || strings.Contains(text, strings.TrimRight(shown, "=")) {
			return true
		}
	}
	return strings.Contains(text, MarketToken[:12])
}

// Market is a transport that answers pings and posts. Its replies repeat the request's
// token as names, ids, statuses and codes: see [MarketEndpoints].
type Market struct{}

// RoundTrip answers a ping or a post.
func (Market) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	header := r.Header.Get("Authorization")
	_, token, _ := strings.Cut(header, " ")
	var texts []string
	for _, form := range marketForms {
		texts = append(texts, form(header, token))
	}
	data, err := json.Marshal(marketReply(r.URL.Path, texts))
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(string(data))), ContentLength: int64(len(data)),
	}, nil
}

// marketReply returns the reply to a request. The last segment of the path is the
// endpoint.
func marketReply(path string, texts []string) map[string]any {
	reply := map[string]any{"success": true, "status": "accepted", "code": texts[0], "reason": texts[2], "request_id": texts[0], "metadata": map[string]any{texts[0]: texts[0]}}
	kind := path[strings.LastIndexByte(path, '/')+1:]
	if kind == "refused" {
		reply["success"], reply["status"], reply["errors"] = false, texts[0], texts
		return reply
	}
	if strings.Contains(path, "/post/") {
		reply["buyer_name"], reply["buyer_id"], reply["forwarding_number"] = texts[0], texts[0], "+15555550199"
		reply["status"] = "sold"
		return reply
	}
	var buyers []map[string]any
	for i, text := range texts {
		b := map[string]any{"ping_id": text, "bid_price": fmt.Sprintf("%d.50", 20+i), "status": texts[0]}
		if kind != "names" {
			b["id"] = text
		}
		if kind != "ids" {
			b["name"] = text
		}
		buyers = append(buyers, b)
	}
	reply["buyers"], reply["try_all_buyers_ping_id"] = buyers, texts[0]
	return reply
}

// MarketEndpoints are the endpoints of a [Market]. Their buyers have names, ids or both;
// the last one refuses.
var MarketEndpoints = []string{"names", "ids", "both", "refused"}

// Sell calls sell with auctions at a [Market]: for each endpoint, one that posts to a
// buyer, and one that posts to all. The options are for the Client.
func Sell(ctx context.Context, options []trackdrive.Option, observe func(context.Context, trackdrive.AuctionEvent),
	sell func(ctx context.Context, a *trackdrive.Auction, lead *trackdrive.PingRequest) error,
) error {
	client, err := trackdrive.NewClient("acme", append([]trackdrive.Option{
		trackdrive.WithTransport(Market{}), trackdrive.WithAuth(trackdrive.DeveloperToken(MarketToken)),
	}, options...)...)
	if err != nil {
		return err
	}
	for i, endpoint := range MarketEndpoints {
		for _, toAll := range []bool{false, true} {
			source := trackdrive.AuctionSource{Name: endpoint, Client: client, Endpoint: endpoint, ToAll: toAll}
			if !toAll {
				source.MinPayout = trackdrive.MustAmount("21") // the first buyer loses
			}
			auction, err := trackdrive.NewAuction(trackdrive.AuctionConfig{Sources: []trackdrive.AuctionSource{source}, Observe: observe})
			if err != nil {
				return err
			}
			if err := sell(ctx, auction, &trackdrive.PingRequest{CallerID: fmt.Sprintf("+1555555010%d", i)}); err != nil {
				return fmt.Errorf("%s: %w", endpoint, err)
			}
		}
	}
	return nil
}

// RunAndSell sells a lead to an auction.
func RunAndSell(ctx context.Context, a *trackdrive.Auction, lead *trackdrive.PingRequest) error {
	result, err := a.Run(ctx, lead)
	if err != nil {
		return err
	}
	_, err = result.Sell(ctx)
	return err
}
