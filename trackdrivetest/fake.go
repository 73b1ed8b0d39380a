// The fake itself: companies, the clock, and how requests are answered.

package trackdrivetest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// TB is the part of testing.TB that the package needs. *testing.T implements it;
// other implementations allow the package to be used outside of tests.
type TB interface {
	Helper()                           // as in testing.TB
	Cleanup(f func())                  // as in testing.TB
	Errorf(format string, args ...any) // as in testing.TB
	Fatalf(format string, args ...any) // as in testing.TB
}

// Fake is a TrackDrive in memory: an [http.Handler] that answers as the platform
// does, records the requests, and keeps a ledger of the sales. It is safe for
// concurrent use. [NewServer] serves one on a loopback address; [New] is for
// programs with a transport of their own.
type Fake struct {
	*Company // the home company, which answers if no other is named

	set  settings
	done chan struct{} // closed by stop: ends waits
	stop func()

	mu        sync.Mutex // guards all fields below, and all state of the companies
	offset    time.Duration
	companies map[string]*Company
	faults    []*plannedFault
	requests  []Request
	sales     []Sale
	totals    Totals        // Waiting is not set here
	offered   []offeredPing // by age
	pings     int           // pings that were answered with ids, for minting
	numbers   int           // numbers of the ring pool that were handed out
	uuids     int           // uuids that were given to calls
	callIDs   int
	leadCount int
	windows   map[string]rateWindow

	requestBytes int // the size of requests

	deliveries []queuedDelivery // that wait to be sent
	sendFaults []SendFault
	sent       []Sent
}

// settings are the values that options set.
type settings struct {
	home   string
	clock  func() time.Time
	fatal  func(format string, args ...any)
	limits Limits
}

// Option configures [NewServer], [Start] and [New].
type Option func(*settings)

// WithSubdomain sets the subdomain of the home company. Default "acme".
func WithSubdomain(subdomain string) Option {
	return func(s *settings) { s.home = subdomain }
}

// WithClock makes the fake take the time from now instead of time.Now. For most
// tests, [Fake.Advance] is enough.
func WithClock(now func() time.Time) Option {
	return func(s *settings) { s.clock = now }
}

// New returns a Fake without a listener: use it as an [http.Handler], through
// [Fake.Transport], or on an httpmock transport with [Fake.Register]. A wrong
// set-up panics.
func New(opts ...Option) *Fake {
	set := settings{home: "acme", clock: time.Now, fatal: func(format string, args ...any) {
		panic(fmt.Sprintf(format, args...))
	}}
	for _, opt := range opts {
		opt(&set)
	}
	done := make(chan struct{})
	f := &Fake{
		set:       set,
		done:      done,
		stop:      sync.OnceFunc(func() { close(done) }),
		companies: map[string]*Company{},
		windows:   map[string]rateWindow{},
	}
	f.Company = f.AddCompany(set.home)
	return f
}

// Company is one account of the fake: its endpoints, credentials, offers, calls
// and leads. Companies share the fake's clock, faults and record.
type Company struct {
	fake      *Fake
	subdomain string

	endpoints  map[string]*liveEndpoint
	suppressed map[string]bool
	access     []Access
	offers     []Offer
	calls      []*Call
	byID       map[string]*Call // by uuid, and by id
	updates    []Update
	leads      []*Lead

	forwards      []Hook
	subscriptions map[string][]Hook // by event
}

// AddCompany adds another account, which answers at
// https://SUBDOMAIN.trackdrive.com: see [Server.Transport], or [Server.URLOf] for
// a base URL.
func (f *Fake) AddCompany(subdomain string) *Company {
	f.mu.Lock()
	defer f.mu.Unlock()
	subdomain = strings.ToLower(subdomain)
	if subdomain == "" || strings.ContainsAny(subdomain, "./:@ ") {
		f.mistake("company %q is not a subdomain; give one label, such as acme", subdomain)
	}
	if f.companies[subdomain] != nil {
		f.mistake("company %q is already added", subdomain)
	}
	c := &Company{
		fake:       f,
		subdomain:  subdomain,
		endpoints:  map[string]*liveEndpoint{},
		suppressed: map[string]bool{},
		byID:       map[string]*Call{},
	}
	f.companies[subdomain] = c
	return c
}

// Subdomain returns the company's subdomain.
func (c *Company) Subdomain() string { return c.subdomain }

// Advance moves the fake's clock forward: ping ids expire and rate limits open
// again without waiting. It does not shorten [Slow].
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset += d
}

// now returns the fake's time. The caller holds the lock.
func (f *Fake) now() time.Time { return f.set.clock().Add(f.offset) }

// mistake ends the test because of a wrong set-up, or panics outside of a test.
func (f *Fake) mistake(format string, args ...any) {
	f.set.fatal("trackdrivetest: "+format, args...)
}

// ServeHTTP answers as the company that the request's host names
// (https://SUBDOMAIN.trackdrive.com), or as the home company for any other host.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.serve(w, r, f.companyOf(r.Host))
}

// ServeHTTP answers as this company, whatever the request's host.
func (c *Company) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.fake.serve(w, r, c) }

// companyOf finds the company of a host; nil if the host names an unknown company.
func (f *Fake) companyOf(host string) *Company {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	subdomain, ours := subdomainOf(host)
	if !ours || subdomain == "" {
		return f.Company
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.companies[subdomain]
}

// subdomainOf returns the subdomain of TrackDrive's own hosts; the bare domain has none.
func subdomainOf(host string) (subdomain string, ours bool) {
	for _, domain := range []string{"trackdrive.com", "trackdrive.net"} {
		if host == domain {
			return "", true
		}
		if sub, found := strings.CutSuffix(host, "."+domain); found {
			return sub, true
		}
	}
	return "", false
}

// serve reads, records and answers one request, or applies a fault to it.
func (f *Fake) serve(w http.ResponseWriter, r *http.Request, c *Company) {
	req, problem := readRequest(r)
	if req == nil {
		problem.write(w)
		return
	}
	if c != nil {
		req.Company = c.subdomain
	}
	fault := f.arrive(req)
	act := func() httpReply {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case c == nil:
			return notFoundReply()
		case problem != nil:
			return *problem
		}
		return c.answer(req)
	}
	if fault == nil {
		act().write(w)
		return
	}
	fault.do(act, func() bool { return f.wait(r.Context(), fault.delay) }).write(w)
}

// arrive records a request and picks a fault for it.
func (f *Fake) arrive(req *Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	req.Time = f.now()
	fault := f.plan(req)
	if fault != nil {
		req.Fault = fault.name
	}
	f.record(*req)
	return fault
}
