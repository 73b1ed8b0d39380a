package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bytedance/sonic"
	"github.com/go-resty/resty/v2"
	goccy "github.com/goccy/go-json"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/trackdrive-go/trackdrive"
)

// A pingTarget is where a contestant pings.
type pingTarget struct {
	url       string // in place of TrackDrive's, if not empty
	transport http.RoundTripper
	once      bool // a refused ping is not repeated
}

func (t pingTarget) address() string {
	base := t.url
	if base == "" {
		base = "https://acme.trackdrive.com"
	}
	return base + "/api/v1/inbound_webhooks/ping/sell"
}

// A leadPinger is a way to ping. Its error is a *trackdrive.Error or a
// *handError if the ping was refused with a status.
type leadPinger struct {
	name string
	ping func() (buyers int, err error)
}

// entry pings, and wants so many buyers.
func (p leadPinger) entry(buyers int) contestEntry {
	return contestEntry{p.name, func(times int) {
		for range times {
			got, err := p.ping()
			must(err)
			if got != buyers {
				panic("buyers")
			}
		}
	}}
}

const (
	publicKey   = "tdpub-made-up"
	privateKey  = "tdprv-made-up"
	pingTimeout = 10 * time.Second
)

// sampleLead is a ping of 24 parameters.
func sampleLead() *trackdrive.PingRequest {
	fields := trackdrive.Fields{}
	for i := range 21 {
		fields[fmt.Sprintf("contact_field_%d", i)] = "value of the field"
	}
	return &trackdrive.PingRequest{CallerID: "+15555550142", TrafficSourceID: "1001", TrackdriveNumber: "+15555550120", Fields: fields}
}

// handParameters is what a program marshals when it sends the same by hand.
func handParameters(r *trackdrive.PingRequest) map[string]any {
	all := map[string]any{"caller_id": r.CallerID, "traffic_source_id": r.TrafficSourceID, "trackdrive_number": r.TrackdriveNumber}
	for name, value := range r.Fields {
		all[name] = value
	}
	return all
}

// A handReply is what a program writes by hand to read the reply.
type handReply struct {
	Success            bool     `json:"success"`
	Status             string   `json:"status"`
	Errors             []string `json:"errors"`
	TryAllBuyersPingID string   `json:"try_all_buyers_ping_id"`
	ExpiresIn          int      `json:"ping_ids_expiry_in_seconds"`
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

// A handError is a refusal as a program returns it that is written by hand.
type handError struct {
	status  int
	reasons []string
}

func (e *handError) Error() string { return fmt.Sprintf("status %d: %q", e.status, e.reasons) }

// A jsonCodec is a package for JSON.
type jsonCodec struct {
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}

var (
	stdlibCodec = jsonCodec{json.Marshal, json.Unmarshal}
	goccyCodec  = jsonCodec{goccy.Marshal, goccy.Unmarshal}
	sonicCodec  = jsonCodec{sonic.Marshal, sonic.Unmarshal}
)

// read reads the reply to its end.
func (c jsonCodec) read(resp *http.Response) (buyers int, err error) {
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return c.decode(resp.StatusCode, raw)
}

func (c jsonCodec) decode(status int, raw []byte) (buyers int, err error) {
	var out handReply
	if err := c.unmarshal(raw, &out); err != nil {
		return 0, err
	}
	if status != http.StatusOK {
		return 0, &handError{status, out.Errors}
	}
	return len(out.Buyers), nil
}

func libraryClient(t pingTarget) *trackdrive.Client {
	options := []trackdrive.Option{trackdrive.WithAuth(trackdrive.BasicAuth(publicKey, privateKey)), trackdrive.WithTransport(t.transport)}
	if t.url != "" {
		options = append(options, trackdrive.WithBaseURL(t.url))
	}
	if t.once {
		options = append(options, trackdrive.WithMaxAttempts(1))
	}
	client, err := trackdrive.NewClient("acme", options...)
	must(err)
	return client
}

func pingWithLibrary(t pingTarget) leadPinger {
	client := libraryClient(t)
	lead := sampleLead()
	return leadPinger{"trackdrive", func() (int, error) {
		p, err := client.Ping(context.Background(), "sell", lead)
		if err != nil {
			return 0, err
		}
		return len(p.Buyers), nil
	}}
}

// pingByHand uses net/http and a package for JSON.
func pingByHand(name string, t pingTarget, codec jsonCodec) leadPinger {
	client := &http.Client{Transport: t.transport}
	lead := sampleLead()
	return leadPinger{name, func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		body, err := codec.marshal(handParameters(lead))
		if err != nil {
			return 0, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.address(), bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth(publicKey, privateKey)
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return codec.read(resp)
	}}
}

func pingWithRetryable(t pingTarget) leadPinger {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.HTTPClient = &http.Client{Transport: t.transport}
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	if t.once {
		client.RetryMax = 0
	}
	lead := sampleLead()
	return leadPinger{peerRetryable, func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		body, err := json.Marshal(handParameters(lead))
		if err != nil {
			return 0, err
		}
		req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, t.address(), body)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth(publicKey, privateKey)
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return stdlibCodec.read(resp)
	}}
}

func pingWithResty(t pingTarget) leadPinger {
	client := resty.New()
	client.SetTransport(t.transport).SetBasicAuth(publicKey, privateKey).SetDisableWarn(true)
	lead := sampleLead()
	return leadPinger{peerResty, func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		var out handReply
		resp, err := client.R().SetContext(ctx).SetBody(handParameters(lead)).SetResult(&out).Post(t.address())
		if err != nil {
			return 0, err
		}
		if resp.IsError() {
			return 0, &handError{status: resp.StatusCode()}
		}
		return len(out.Buyers), nil
	}}
}

// onlyMoveBytes is what the network and its transport cost by themselves.
func onlyMoveBytes(t pingTarget) leadPinger {
	body, err := json.Marshal(handParameters(sampleLead()))
	must(err)
	return leadPinger{peerOnlyBytes, func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.address(), bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := t.transport.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		defer func() { _ = resp.Body.Close() }()
		_, err = io.Copy(io.Discard, resp.Body)
		return 0, err
	}}
}
