// Package market is a market for tests: a server that takes pings and posts,
// sells leads, and enters every sale in a [Ledger]. It shares no opinion with
// the library, and answers with all that a real endpoint can send: odd replies,
// and every kind of [Trouble]. So a test can compare what a caller believes with
// what was sold.
//
//	memory := market.NewMemory()
//	srv := market.Start(memory)
//	srv.Offer(market.Lead{Caller: "+15555550142", Seed: 1, Sources: []market.Source{{Name: "sell"}}})
//	transport := market.Transports()[0].New(memory.Dial, true)
//	// Sell the lead at srv.URL, and then:
//	transport.Close()
//	srv.Close()
//	sales := srv.Ledger.Sales("+15555550142")
//
// The market is truthful. It first decides whether a request sells, and then
// draws an answer that does not deny it. [OfPost] and [RefusesPing] tell which
// do; they state the rules of yes and no a second time.
//
// [Transports] lists the ways to the market: the library's transport, net/http's,
// and those that send twice, hide what they do, or do not wait.
package market

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is the market. Its methods are safe for concurrent use.
type Server struct {
	URL    string // scheme and host, no slash at the end
	Ledger Ledger

	http    http.Server
	serving sync.WaitGroup // the listener
	working sync.WaitGroup // requests
	closing chan struct{}

	mu         sync.Mutex
	isClosed   bool
	leads      map[string]*leadBook // by caller
	complaints []string
}

// Start serves on the listener until Close.
func Start(ln net.Listener) *Server {
	s := &Server{URL: "http://" + ln.Addr().String(), closing: make(chan struct{}), leads: map[string]*leadBook{}}
	s.http.Handler = s
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	s.serving.Go(func() { _ = s.http.Serve(ln) })
	return s
}

// Close lets no request in any more, and waits until the others are dealt with:
// nothing is sold afterwards. Close the transports first, and call it once.
func (s *Server) Close() {
	s.mu.Lock()
	s.isClosed = true
	s.mu.Unlock()
	close(s.closing)
	s.working.Wait()
	_ = s.http.Close()
	s.serving.Wait()
}

// enter lets a request in, unless the market is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return false
	}
	s.working.Add(1)
	return true
}

// Offer makes a lead known. Requests about unknown leads are complaints.
func (s *Server) Offer(l Lead) {
	book := newLeadBook(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leads[l.Caller] = book
}

// Story tells what arrived about a lead, and what was answered, a line each.
func (s *Server) Story(caller string) []string {
	l := s.lead(caller)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.story)
}

// Complaints lists the requests that no client should send: about an unknown
// lead, or with a ping id that no ping led to.
func (s *Server) Complaints() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.complaints)
}

func (s *Server) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complaints = append(s.complaints, fmt.Sprintf(format, args...))
}

func (s *Server) lead(caller string) *leadBook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leads[caller]
}

// ServeHTTP deals with one copy of a ping or post: it waits, decides, waits and
// answers, whether or not the client is still there.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.working.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // it has not arrived
	}
	req, err := readRequest(r, body)
	if err != nil {
		s.complain("%s %s: %v", r.Method, r.URL, err)
		http.NotFound(w, r)
		return
	}
	l := s.lead(req.caller)
	if l == nil || l.sources[req.source] == nil {
		s.complain("a %s to %q about %q, which is not for sale there", req.operation, req.source, req.caller)
		http.NotFound(w, r)
		return
	}
	trouble, before, after := l.arrive(req)
	s.pause(before)
	a := s.decide(l, req, trouble)
	s.pause(after)
	s.send(w, r, a)
}

// marketRequest is a ping or post as it arrived.
type marketRequest struct {
	operation, source, caller, pingID string
}

func readRequest(r *http.Request, body []byte) (req marketRequest, err error) {
	path, isInbound := strings.CutPrefix(r.URL.Path, "/api/v1/inbound_webhooks/")
	req.operation, req.source, _ = strings.Cut(path, "/")
	if !isInbound || req.operation != "ping" && req.operation != "post" {
		return marketRequest{}, errors.New("is neither a ping nor a post")
	}
	param, err := readParams(r, body)
	if err != nil {
		return marketRequest{}, err
	}
	req.caller, req.pingID = param("caller_id"), param("ping_id")
	return req, nil
}

// readParams returns a lookup in the parameters, in whatever encoding.
func readParams(r *http.Request, body []byte) (param func(name string) string, err error) {
	switch kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind {
	case "application/json":
		var members map[string]any
		err = json.Unmarshal(body, &members)
		return func(name string) string { text, _ := members[name].(string); return text }, err
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		return form.Get, err
	default:
		return r.URL.Query().Get, nil
	}
}

// pause waits, but not when the market is closing.
func (s *Server) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closing:
	}
}

// decide decides whether the request sells, enters that, and draws an answer.
func (s *Server) decide(l *leadBook, req marketRequest, trouble Trouble) marketAnswer {
	l.mu.Lock()
	defer l.mu.Unlock()
	src := l.sources[req.source]
	d := answerDraw{rng: src.rng, isPing: req.operation == "ping"}
	var decision saleDecision
	if d.isPing {
		decision = src.takePing()
		d.bidWriter = src.nextBids()
	} else {
		if !src.pingIDs[req.pingID] {
			s.complain("a post to %s with the ping id %q, which no ping gave", src.Name, req.pingID)
		}
		decision = src.takePost()
	}
	d.sells, d.isCopy = decision == sellsLead || decision == confirmsPing, decision == refusesCopy
	a := trouble.answer(&d)
	if a.name == "" {
		a.name = trouble.Name
	}
	if d.isPing {
		src.remember(d.pingIDs)
	}
	if decision == sellsLead {
		s.Ledger.Record(l.Caller, Sale{Source: src.Name, Operation: req.operation, PingID: req.pingID, Answer: a.name})
	}
	l.story = append(l.story, strings.TrimSpace(req.operation+" "+src.Name+" "+req.pingID)+": "+decision.String()+"; "+a.String())
	return a
}

// send answers. http.ErrAbortHandler closes the connection.
func (s *Server) send(w http.ResponseWriter, r *http.Request, a marketAnswer) {
	switch a.manner {
	case dropsConnection:
		panic(http.ErrAbortHandler)
	case staysSilent:
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if a.manner == cutsShort {
		a.body = a.body[:len(a.body)/2]
	}
	_, _ = io.WriteString(w, a.body)
	if a.manner != comesWhole {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// The time that a request waits before it is decided, and again before it is
// answered, is random: below the first bound, or where it is slow below the
// second one, which outlasts most clients.
const (
	usualPause = 8 * time.Millisecond
	slowPause  = 500 * time.Millisecond
)

func randomPause(rng *rand.Rand, bound time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(bound)))
}
