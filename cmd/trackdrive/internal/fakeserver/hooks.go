// Hooks: where the fake sends forward posts, events, postbacks and pings to buyers.

package fakeserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// hookConfig is a URL and how requests are sent to it.
type hookConfig struct {
	name   string // of a ping buyer
	event  string // of a subscription or a postback
	url    string
	method string
	form   bool
	header map[string]string
	names  map[string]string
}

var eventChoices = []namedChoice[string]{
	{"new_call", "new_call"}, {"call_forwarded", "call_forwarded"}, {"call_ended", "call_ended"}, {"call_changed", "call_changed"},
}

func (h *hookConfig) postbackFields() []docField {
	return []docField{
		choiceField("event", &h.event, eventChoices),
		{"url", h.readURL, showText(&h.url)},
		choiceField("method", &h.method, []namedChoice[string]{{"GET", http.MethodGet}, {"POST", http.MethodPost}}),
		hashField("header", &h.header),
	}
}

func (h *hookConfig) forwardFields() []docField {
	return []docField{
		{"url", h.readURL, showText(&h.url)},
		choiceField("method", &h.method, []namedChoice[string]{{"POST", http.MethodPost}, {"GET", http.MethodGet}}),
		choiceField("format", &h.form, []namedChoice[bool]{{"json", false}, {"form", true}}),
		hashField("header", &h.header),
		hashField("names", &h.names),
	}
}

func (h *hookConfig) subscriptionFields() []docField {
	return append([]docField{choiceField("event", &h.event, eventChoices)}, h.forwardFields()...)
}

// readURL reads a URL. Credentials go into a header, so that nothing shows them.
func (h *hookConfig) readURL(r *docReader, n *docNode, path string) {
	text, ok := r.text(n, path)
	if !ok {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		r.mistake(n.docPlace, path, "is not a URL with a host; give one such as http://127.0.0.1:9000/forward")
	case u.User != nil:
		r.mistake(n.docPlace, path, "has a user or a password; put it into header, as authorization: {env: NAME}")
	case u.Fragment != "":
		r.mistake(n.docPlace, path, "has a fragment; leave out what follows #")
	default:
		h.url = text
	}
}

func (h *hookConfig) check(r *docReader, n *docNode, path string) {
	if n.member("url") == nil {
		r.mistake(n.docPlace, path, "has no url")
	}
	if h.method == "" {
		h.method = http.MethodPost
	}
	for _, m := range n.members {
		if m.name == "header" {
			checkHeaders(r, m.value, joinPath(path, m.name))
		}
	}
}

func (h *hookConfig) checkSubscription(r *docReader, n *docNode, path string) {
	h.check(r, n, path)
	if n.member("event") == nil {
		r.mistake(n.docPlace, path, "has no event; give new_call, call_forwarded, call_ended or call_changed")
	}
}

func (h *hookConfig) checkPostback(r *docReader, n *docNode, path string) {
	if n.member("method") == nil {
		h.method = http.MethodGet
	}
	h.checkSubscription(r, n, path)
	for _, token := range tokenPattern.FindAllString(h.url, -1) {
		name := token[1 : len(token)-1]
		if slices.Contains(postbackTokens, name) {
			continue
		}
		message := suggest.DidYouMean(suggest.Nearest(name, postbackTokens))
		if message == "" {
			message = "is unknown; the tokens are " + strings.Join(postbackTokens, ", ")
		}
		r.mistake(n.member("url").docPlace, path+".url", "the token [%s] %s", display.Line(name), message)
	}
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)

func checkHeaders(r *docReader, n *docNode, path string) {
	seen := map[string]bool{}
	for _, m := range n.members {
		name := strings.ToLower(m.name)
		switch {
		case seen[name]:
			r.mistake(m.docPlace, joinPath(path, display.Line(m.name)), "is given twice; header names ignore case")
		case !headerName.MatchString(m.name):
			r.mistake(m.docPlace, joinPath(path, display.Line(m.name)), "is not the name of a header")
		case slices.Contains([]string{"host", "content-length", "transfer-encoding", "connection"}, name):
			r.mistake(m.docPlace, joinPath(path, m.name), "is set by the fake; leave it out")
		}
		seen[name] = true
	}
}

// checkHooks refuses URLs of hosts that the configuration does not allow.
func (c *Config) checkHooks(r *docReader, n *docNode, path string, co companyConfig) {
	for _, list := range []struct {
		name  string
		hooks []hookConfig
	}{{"forward_posts", co.forwardPosts}, {"subscriptions", co.subscriptions}, {"postbacks", co.postbacks}, {"ping_buyers", co.pingBuyers}} {
		for i, h := range list.hooks {
			u, err := url.Parse(h.url)
			if err != nil || h.url == "" || c.maySendTo(u.Hostname()) {
				continue
			}
			at, where := n.member(list.name), fmt.Sprintf("%s.%s[%d]", path, list.name, i)
			var item *docNode
			if at.kind == listNode {
				item = at.items[i]
			} else {
				item, where = at.members[i].value, fmt.Sprintf("%s.%s.%s", path, list.name, display.Line(h.name))
			}
			r.mistake(item.member("url").docPlace, where+".url", "%s is not this machine; to send there, add it to send_to", display.Line(u.Hostname()))
		}
	}
}

// maySendTo reports whether a host is this machine, or allowed.
func (c *Config) maySendTo(host string) bool {
	return isLocalName(host) || slices.ContainsFunc(c.sendTo, func(s string) bool { return strings.EqualFold(s, host) })
}

// isLocalName reports whether a host is this machine by its name.
func isLocalName(host string) bool {
	host = strings.ToLower(host)
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hookSender sends requests to hooks. It follows no redirects and uses no proxy.
type hookSender struct {
	client http.Client
	log    func(format string, args ...any)

	mu      sync.Mutex
	problem string // the last one that was logged, until a receiver answers
}

// How long a receiver may take to answer, and how long the fake waits before it repeats
// a request that got no answer.
const (
	sendTimeout = 10 * time.Second
	sendPause   = 200 * time.Millisecond
)

// newSender returns a sender that reaches this machine and the hosts of send_to.
func newSender(c *Config, log func(format string, args ...any)) *hookSender {
	dialer := &net.Dialer{Timeout: sendTimeout}
	local := &net.Dialer{Timeout: sendTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		if host, _, err := net.SplitHostPort(address); err != nil || !net.ParseIP(host).IsLoopback() {
			return fmt.Errorf("%s is not a loopback address", address)
		}
		return nil
	}}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if !isLocalName(host) {
			return dialer.DialContext(ctx, network, address)
		}
		if net.ParseIP(host) == nil { // any name.localhost, also where the resolver knows none
			address = net.JoinHostPort("localhost", port)
		}
		return local.DialContext(ctx, network, address)
	}
	return &hookSender{log: log, client: http.Client{
		Timeout:       sendTimeout,
		Transport:     &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// hookOf makes the fake's hook of a configured one.
func (s *hookSender) hookOf(h hookConfig) trackdrivetest.Hook {
	u, _ := url.Parse(h.url) // it was checked
	base := &url.URL{Scheme: u.Scheme, Host: u.Host}
	return trackdrivetest.Hook{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.pass(w, r, base) }),
		URL:     u.RequestURI(),
		Method:  h.method,
		Form:    h.form,
		Header:  headerOf(h.header),
		Names:   h.names,
	}
}

func headerOf(values map[string]string) http.Header {
	header := http.Header{}
	for name, value := range values {
		header.Set(name, value)
	}
	return header
}

// maxReply is how much of a receiver's answer is kept, in bytes.
const maxReply = 4 << 10

// pass sends a request of the fake over the network. Without an answer, it panics
// with http.ErrAbortHandler, which the fake treats as a closed connection.
func (s *hookSender) pass(w http.ResponseWriter, r *http.Request, base *url.URL) {
	target := *r.URL
	target.Scheme, target.Host = base.Scheme, base.Host
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out.Header = r.Header.Clone()
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "trackdrive-fake")
	}
	reply, err := s.client.Do(out)
	if err != nil {
		s.report(fmt.Sprintf("no answer from %s: %s", base.Host, display.Line(causeOf(err))))
		pauseFor(r.Context(), sendPause)
		panic(http.ErrAbortHandler)
	}
	s.report("")
	defer func() { _ = reply.Body.Close() }() // it was read as far as it is needed
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(reply.StatusCode)
	_, _ = w.Write(text) // into memory
}

// report logs a problem, but not the same one repeatedly.
func (s *hookSender) report(problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if problem != s.problem && problem != "" {
		s.log("%s", problem)
	}
	s.problem = problem
}

// pauseFor waits, unless ctx ends.
func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// causeOf returns why a request failed, without its URL.
func causeOf(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return err.Error()
}

// postbackTokens are the tokens that a postback's URL may contain.
var postbackTokens = []string{
	"call_uuid", "call_id", "subdomain", "event", "caller_number", "number_called", "status", "buyer_id", "buyer", "traffic_source_id",
	"revenue", "payout", "buyer_converted", "offer_converted", "total_duration", "created_at",
}

var tokenPattern = regexp.MustCompile(`\[[^\[\]]*\]`)

// postbackOf makes the fake's hook of a postback: it turns the event of a call into a
// request for the URL, with its tokens filled in.
func (s *hookSender) postbackOf(subdomain string, h hookConfig) trackdrivetest.Hook {
	return trackdrivetest.Hook{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			Call map[string]any `json:"call"`
		}
		decoder := json.NewDecoder(r.Body)
		decoder.UseNumber()
		if decoder.Decode(&event) != nil { // it was cut on its way
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		filled, err := url.Parse(fillTokens(h.url, subdomain, h.event, event.Call))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		out := &http.Request{Method: h.method, URL: filled, Header: headerOf(h.header), Body: http.NoBody}
		s.pass(w, out.WithContext(r.Context()), &url.URL{Scheme: filled.Scheme, Host: filled.Host})
	})}
}

// fillTokens fills in a postback's URL. A value cannot change the URL's form.
func fillTokens(target, subdomain, event string, call map[string]any) string {
	return tokenPattern.ReplaceAllStringFunc(target, func(token string) string {
		var value any
		switch name := token[1 : len(token)-1]; name {
		case "subdomain":
			value = subdomain
		case "event":
			value = event
		case "call_uuid":
			value = call["uuid"]
		case "call_id":
			value = call["id"]
		default:
			value = call[name]
		}
		if value == nil {
			return ""
		}
		return url.QueryEscape(fmt.Sprint(value))
	})
}

// knownHost reports whether a host names this machine or a company, so that no page of
// another site can have its own name resolve to this machine, and read the admin API.
func knownHost(host string, companies map[string]string) bool {
	host = plainHost(host)
	return isLocalName(host) || net.ParseIP(host) != nil || !strings.Contains(host, ".") || companies[host] != ""
}

// plainHost returns a Host header's name in lower case, without port and brackets.
func plainHost(host string) string {
	return strings.ToLower(strings.Trim(urlpart.Hostname(host), "[]"))
}
