// What TrackDrive sends: forward posts, events of subscriptions, and pings to a buyer.

package trackdrivetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// Hook is where a company sends: a handler under test, and how it is to be asked.
type Hook struct {
	Handler http.Handler      // gets the requests, in memory; if it panics with http.ErrAbortHandler, there was no reply
	URL     string            // path and query, such as "/forward/SECRET"; default "/"
	Method  string            // POST or GET, which has the parameters in its query; default POST
	Form    bool              // send a form in place of JSON
	Header  http.Header       // headers to add, such as Authorization
	Names   map[string]string // other names of parameters: {"trackdrive_call_uuid": "subid2"}
}

// SendFault is something that goes wrong with what the fake sends: see
// [Fake.FailSending].
type SendFault string

// The faults of sending.
const (
	SendLost      SendFault = "lost"       // the request never arrives, and is sent again
	SendCut       SendFault = "cut"        // the first half of the body arrives as if it were all; it is sent again if it is refused
	SendReplyLost SendFault = "reply lost" // the request arrives, its reply does not, and it is sent again
	SendTwice     SendFault = "twice"      // the request is delivered, and sent once more
)

// Sent is a request that the fake sent.
type Sent struct {
	Kind     string    // "forward", "ping" or the name of an event
	Company  string    // the subdomain
	CallUUID string    // the call; "" for none
	Attempt  int       // 1 for the first of its kind and call
	Fault    SendFault // what went wrong; "" for nothing
	Status   int       // the reply's; 0 if the request was lost, or there was no reply
	Reply    []byte    // the reply's body
	Time     time.Time // by the fake's clock
}

// String returns what was sent on one line, without the reply.
func (s Sent) String() string {
	text := fmt.Sprintf("%s %s/%s, attempt %d: %d", s.Kind, s.Company, s.CallUUID, s.Attempt, s.Status)
	if s.Fault != "" {
		text += " (" + string(s.Fault) + ")"
	}
	return text
}

// Bid is what TrackDrive reads in a buyer's reply to a ping, by the paths of the
// buyer's conversion setting: accepted, revenue, number, duration, name and bid_id.
type Bid struct {
	Accepted   bool              // accepted is true, with status 200
	Revenue    trackdrive.Amount // revenue
	Number     string            // number
	Duration   time.Duration     // duration, in seconds
	Name       string            // name
	ExternalID string            // bid_id
	Reason     string            // reason
}

// maxSends is how often the fake sends a request that is not taken.
const maxSends = 5

// queuedDelivery is a request that waits to be sent.
type queuedDelivery struct {
	kind, company, uuid string
	hook                Hook
	params              map[string]any
}

// ForwardTo posts every later sale of the company forward to a buyer: the call's uuid
// and subdomain, and the parameters of the post. [Fake.Deliver] sends what waits.
func (c *Company) ForwardTo(h Hook) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.checkHook(h)
	c.forwards = append(c.forwards, h)
}

// Subscribe sends events of this name to a handler: new_call and call_ended for each
// later call, call_forwarded for each sale, call_changed for each update. The body is
// {"call": {...}}, which is a guess: TrackDrive documents none. [Fake.Deliver] sends
// what waits.
func (c *Company) Subscribe(event string, h Hook) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.checkHook(h)
	switch event {
	case "new_call", "call_forwarded", "call_ended", "call_changed":
	default:
		c.fake.mistake("Subscribe: the fake has no event %q; give new_call, call_forwarded, call_ended or call_changed", event)
	}
	if c.subscriptions == nil {
		c.subscriptions = map[string][]Hook{}
	}
	c.subscriptions[event] = append(c.subscriptions[event], h)
}

func (f *Fake) checkHook(h Hook) {
	if h.Handler == nil || h.Method != "" && h.Method != http.MethodPost && h.Method != http.MethodGet {
		f.mistake("a Hook needs a Handler, and POST or GET as Method")
	}
}

// FailSending makes a fault strike the next requests that the fake sends, the given
// number of times. A request that is sent again may be struck again.
func (f *Fake) FailSending(fault SendFault, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sendFaults = append(f.sendFaults, slices.Repeat([]SendFault{fault}, times)...)
}

// Deliver sends all forward posts and events that wait, in order, and those that their
// receivers cause. What is not answered with 2xx is sent again, five times in all. The
// error names what was given up.
func (f *Fake) Deliver(ctx context.Context) error {
	var failed []error
	for ctx.Err() == nil {
		d, ok := f.nextDelivery()
		if !ok {
			return errors.Join(failed...)
		}
		if err := f.deliver(ctx, d); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}

func (f *Fake) nextDelivery() (d queuedDelivery, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.deliveries) == 0 {
		return queuedDelivery{}, false
	}
	d = f.deliveries[0]
	f.deliveries = dropOldest(f.deliveries)
	return d, true
}

// deliver sends a request until it is taken.
func (f *Fake) deliver(ctx context.Context, d queuedDelivery) error {
	var last Sent
	for attempt := 1; attempt <= maxSends && ctx.Err() == nil; attempt++ {
		last = f.send(ctx, d, attempt)
		switch {
		case last.Status < 200 || last.Status > 299 || last.Fault == SendReplyLost:
		case last.Fault == SendTwice:
			f.send(ctx, d, attempt+1)
			return nil
		default:
			return nil
		}
	}
	if reply := bytes.TrimSpace(last.Reply); len(reply) > 0 {
		return fmt.Errorf("trackdrivetest: not delivered: %v: %s", last, reply)
	}
	return fmt.Errorf("trackdrivetest: not delivered: %v", last)
}

// send sends a request once, and records it.
func (f *Fake) send(ctx context.Context, d queuedDelivery, attempt int) Sent {
	sent := Sent{Kind: d.kind, Company: d.company, CallUUID: d.uuid, Attempt: attempt}
	f.mu.Lock()
	sent.Time = f.now()
	if len(f.sendFaults) > 0 {
		sent.Fault, f.sendFaults = f.sendFaults[0], f.sendFaults[1:]
	}
	f.mu.Unlock()
	if sent.Fault != SendLost {
		answer := &replyRecorder{header: http.Header{}}
		if serveWhole(d.hook.Handler, answer, d.request(ctx, sent.Fault == SendCut)) {
			sent.Status, sent.Reply = max(answer.status, http.StatusOK), answer.body.Bytes()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.totals.Sent++
	f.sent = appendWithin(f.sent, sent, f.set.limits.Entries)
	return sent
}

// request makes the request that the hook asks for.
func (d queuedDelivery) request(ctx context.Context, isCut bool) *http.Request {
	named := make(map[string]any, len(d.params))
	for name, value := range d.params {
		if other := d.hook.Names[name]; other != "" {
			name = other
		}
		named[name] = value
	}
	target, err := url.Parse(d.hook.URL)
	if err != nil || d.hook.URL == "" {
		target = &url.URL{Path: "/"}
	}
	inJSON := jsonText(named)
	params, _ := parseJSON([]byte(inJSON)) // an event holds an ordered object
	form := url.Values{}
	for name, text := range params.Flat() {
		form.Set(name, text)
	}
	r := &http.Request{
		Method: http.MethodPost, URL: target, Host: "buyer.example", RequestURI: target.RequestURI(), RemoteAddr: "192.0.2.1:1234",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: d.hook.Header.Clone(), Body: http.NoBody,
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	var body []byte
	switch {
	case d.hook.Method == http.MethodGet:
		r.Method = http.MethodGet
		query := target.Query()
		maps.Copy(query, form)
		target.RawQuery = query.Encode()
	case d.hook.Form:
		body = []byte(form.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		body = []byte(inJSON)
		r.Header.Set("Content-Type", "application/json")
	}
	if isCut {
		body = body[:len(body)/2]
	}
	if len(body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	return r.WithContext(ctx)
}

// Sent returns what the fake sent, in order.
func (f *Fake) Sent() []Sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

// PingBuyer asks a buyer's handler for a bid, as TrackDrive does for a call that it is
// about to send on: with trackdrive_call_uuid and trackdrive_subdomain beside the
// parameters given, such as caller_id. It is sent once. The error says that there is no
// reply, or one that is not JSON; a refusal, of whatever status, is a Bid.
func (c *Company) PingBuyer(ctx context.Context, h Hook, uuid string, params map[string]string) (Bid, error) {
	c.fake.mu.Lock()
	c.fake.checkHook(h)
	c.fake.mu.Unlock()
	d := queuedDelivery{"ping", c.subdomain, uuid, h, c.naming(uuid)}
	for name, value := range params {
		d.params[name] = value
	}
	sent := c.fake.send(ctx, d, 1)
	if sent.Fault == SendTwice {
		sent = c.fake.send(ctx, d, 2)
	}
	var reply map[string]any
	dec := json.NewDecoder(bytes.NewReader(sent.Reply))
	dec.UseNumber()
	if sent.Status == 0 || sent.Fault == SendReplyLost || dec.Decode(&reply) != nil {
		return Bid{}, fmt.Errorf("trackdrivetest: %v: there is no reply that can be read", sent)
	}
	return bidIn(sent.Status, reply), nil
}

func bidIn(status int, reply Params) Bid {
	seconds, _ := time.ParseDuration(reply.Text("duration") + "s")
	revenue, _ := trackdrive.ParseAmount(reply.Text("revenue"))
	return Bid{
		Accepted: status == http.StatusOK && reply.Text("accepted") == "true", Revenue: revenue, Number: reply.Text("number"),
		Duration: seconds, Name: reply.Text("name"), ExternalID: reply.Text("bid_id"), Reason: reply.Text("reason"),
	}
}

// naming returns the parameters that name a call.
func (c *Company) naming(uuid string) map[string]any {
	params := map[string]any{"trackdrive_subdomain": c.subdomain}
	if uuid != "" {
		params["trackdrive_call_uuid"] = uuid
	}
	return params
}

// queueForward lets a sale's forward posts wait, and the events that follow them. The caller holds the lock.
func (c *Company) queueForward(uuid string, post Params) {
	params := map[string]any{}
	for name, value := range post {
		if name != "ping_id" && name != "buyer_id" && !slices.Contains(credentialParams, name) {
			params[name] = value
		}
	}
	maps.Copy(params, c.naming(uuid))
	for _, h := range c.forwards {
		c.fake.queue(queuedDelivery{"forward", c.subdomain, uuid, h, params})
	}
	c.queueEvent("call_forwarded", uuid)
	c.queueEvent("call_ended", uuid)
}

// queueEvent lets the events of a call wait: it is shown as it is now. The caller holds
// the lock.
func (c *Company) queueEvent(event, uuid string) {
	for _, h := range c.subscriptions[event] {
		params := map[string]any{"call": c.findCall(uuid).object()}
		c.fake.queue(queuedDelivery{event, c.subdomain, uuid, h, params})
	}
}
