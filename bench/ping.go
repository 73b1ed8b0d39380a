package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/trackdrive-go/trackdrive"
)

// instant is a transport that answers at once.
type instant []byte

func (i instant) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(i)),
		ContentLength: int64(len(i)), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// request is a ping of 24 parameters.
func request() *trackdrive.PingRequest {
	fields := trackdrive.Fields{}
	for i := range 21 {
		fields[fmt.Sprintf("contact_field_%d", i)] = "value of the field"
	}
	return &trackdrive.PingRequest{CallerID: "+15555550142", TrafficSourceID: "1001", TrackdriveNumber: "+15555550120", Fields: fields}
}

// what a program writes by hand for the same: the reply's types, and a map for
// the body.
type reply struct {
	Success            bool   `json:"success"`
	Status             string `json:"status"`
	TryAllBuyersPingID string `json:"try_all_buyers_ping_id"`
	ExpiresIn          int    `json:"ping_ids_expiry_in_seconds"`
	Buyers             []struct {
		ID        json.Number `json:"id"`
		PingID    string      `json:"ping_id"`
		Name      string      `json:"name"`
		Payout    string      `json:"offer_conversion_payout"`
		Duration  int         `json:"current_conversion_duration"`
		Limit     *int        `json:"concurrency_cap_limit"`
		Available *int        `json:"concurrency_cap_available"`
	} `json:"buyers"`
}

func bodyOf(r *trackdrive.PingRequest) []byte {
	all := map[string]any{"caller_id": r.CallerID, "traffic_source_id": r.TrafficSourceID, "trackdrive_number": r.TrackdriveNumber}
	for name, value := range r.Fields {
		all[name] = value
	}
	data, err := json.Marshal(all)
	check(err)
	return data
}

const timeout = 10 * time.Second

// pinger is a way to ping.
type pinger struct {
	name string
	ping func() (buyers int, err error)
}

func newClient(url string, rt http.RoundTripper) *trackdrive.Client {
	options := []trackdrive.Option{trackdrive.WithAuth(trackdrive.BasicAuth("tdpub-made-up", "tdprv-made-up"))}
	if rt != nil {
		options = append(options, trackdrive.WithTransport(rt))
	}
	if url != "" {
		options = append(options, trackdrive.WithBaseURL(url))
	}
	client, err := trackdrive.NewClient("acme", options...)
	check(err)
	return client
}

func ours(url string, rt http.RoundTripper) pinger {
	client := newClient(url, rt)
	r := request()
	return pinger{"trackdrive", func() (int, error) {
		p, err := client.Ping(context.Background(), "sell", r)
		if err != nil {
			return 0, err
		}
		return len(p.Buyers), nil
	}}
}

func address(url string) string {
	if url == "" {
		url = "https://acme.trackdrive.com"
	}
	return url + "/api/v1/inbound_webhooks/ping/sell"
}

func byHand(url string, rt http.RoundTripper) pinger {
	client := &http.Client{Transport: rt}
	r := request()
	return pinger{"net/http + encoding/json", func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address(url), bytes.NewReader(bodyOf(r)))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth("tdpub-made-up", "tdprv-made-up")
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return decode(resp)
	}}
}

func withRetries(url string, rt http.RoundTripper) pinger {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.HTTPClient = &http.Client{Transport: rt}
	r := request()
	return pinger{"retryablehttp + encoding/json", func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, address(url), bodyOf(r))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth("tdpub-made-up", "tdprv-made-up")
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return decode(resp)
	}}
}

func decode(resp *http.Response) (int, error) {
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	var out reply
	if err := json.Unmarshal(raw, &out); err != nil {
		return 0, err
	}
	return len(out.Buyers), nil
}

func withResty(url string, rt http.RoundTripper) pinger {
	client := resty.New()
	client.SetTransport(rt).SetBasicAuth("tdpub-made-up", "tdprv-made-up").SetDisableWarn(true)
	r := request()
	return pinger{"resty", func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		all := map[string]any{"caller_id": r.CallerID, "traffic_source_id": r.TrafficSourceID, "trackdrive_number": r.TrackdriveNumber}
		for name, value := range r.Fields {
			all[name] = value
		}
		var out reply
		_, err := client.R().SetContext(ctx).SetBody(all).SetResult(&out).Post(address(url))
		return len(out.Buyers), err
	}}
}

// floor only moves the bytes: what the network and net/http cost by themselves.
func floor(url string, rt http.RoundTripper) pinger {
	body := bodyOf(request())
	return pinger{"only moving bytes", func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address(url), bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		defer func() { _ = resp.Body.Close() }()
		_, err = io.Copy(io.Discard, resp.Body)
		return 0, err
	}}
}

func instantPings() []contest {
	const noBuyer = `{"success":false,"status":"rejected","errors":["No buyers available"]}`
	list := []contest{instantPing("Ping, instant, no buyer", []byte(noBuyer), 0, "retryablehttp ≤0.70")}
	for buyers, goal := range map[int]string{2: "retryablehttp ≤0.40", 20: "retryablehttp ≤0.25"} {
		list = append(list, instantPing(fmt.Sprintf("Ping, instant, %d buyers", buyers), pingReply(buyers), buyers, goal))
	}
	slices.SortFunc(list[1:], func(a, b contest) int { return len(a.path) - len(b.path) })
	return list
}

// instantPing is a ping that a transport answers at once.
func instantPing(path string, answer []byte, buyers int, goal string) contest {
	c := contest{path: path, goal: goal}
	rt := instant(answer)
	for _, p := range []pinger{ours("", rt), byHand("", rt), withRetries("", rt), withResty("", rt)} {
		c.list = append(c.list, contestant{p.name, func(n int) {
			for range n {
				got, err := p.ping()
				check(err)
				if got != buyers {
					panic("buyers")
				}
			}
		}})
	}
	return c
}
