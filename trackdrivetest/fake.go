// The fake itself: companies, clock, and the way from a request to its reply.

package trackdrivetest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// TB is the part of testing.TB that the package needs. A *testing.T is one; so
// the package can be used where there is no test.
type TB interface {
	Helper()                           // as testing.TB has it
	Cleanup(f func())                  // as testing.TB has it
	Errorf(format string, args ...any) // as testing.TB has it
	Fatalf(format string, args ...any) // as testing.TB has it
}

// Fake is a TrackDrive in memory: a [http.Handler] that answers as the platform
// does, remembers what it was asked, and keeps the ledger of what was sold. It
// is safe for concurrent use. [NewServer] puts one behind a loopback address;
// [New] is for programs that bring their own transport.
type Fake struct {
	*Company // the home company, which answers wherever no other is named

	set  settings
	done chan struct{} // closed by stop: ends waits
	stop func()

	mu        sync.Mutex // guards all below, and everything of the companies
	offset    time.Duration
	companies map[string]*Company
	faults    []*plannedFault
	requests  []Request
	sales     []Sale
	pings     int // how many were answered with ids, for minting
	numbers   int // how many of the ring pool were handed out
	uuids     int // how many were given to calls
	callIDs   int
	leadCount int
	windows   map[string]rateWindow
}

// settings are what options change.
type settings struct {
	home  string
	clock func() time.Time
	fatal func(format string, args ...any)
}

// Option configures [NewServer], [Start] and [New].
type Option func(*settings)

// WithSubdomain names the home company. Default "acme".
func WithSubdomain(subdomain string) Option {
	return func(s *settings) { s.home = subdomain }
}

// WithClock takes the time from now instead of time.Now. See also
// [Fake.Advance], which is enough for most tests.
func WithClock(now func() time.Time) Option {
	return func(s *settings) { s.clock = now }
}

// New returns a Fake without a listener: use it as a [http.Handler], through
// [Fake.Transport], or on an httpmock transport with [Fake.Register]. Mistakes
// in its set-up panic.
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
}

// AddCompany opens a second account, which answers at
// https://SUBDOMAIN.trackdrive.com: see [Server.Transport], and [Server.URLOf]
// for a base URL.
func (f *Fake) AddCompany(subdomain string) *Company {
	f.mu.Lock()
	defer f.mu.Unlock()
	subdomain = strings.ToLower(subdomain)
	if subdomain == "" || strings.ContainsAny(subdomain, "./:@ ") {
		f.mistake("company %q: a subdomain is one label, such as acme", subdomain)
	}
	if f.companies[subdomain] != nil {
		f.mistake("company %q was added before", subdomain)
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

// Advance puts the fake's clock forward: ping ids expire and rate limits open
// without waiting. It does not shorten [Slow].
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset += d
}

// now is the fake's time. The lock is held.
func (f *Fake) now() time.Time { return f.set.clock().Add(f.offset) }

// mistake ends the test for a wrong set-up, or panics where there is no test.
func (f *Fake) mistake(format string, args ...any) {
	f.set.fatal("trackdrivetest: "+format, args...)
}

// ServeHTTP answers as the company that the request's host names
// (https://SUBDOMAIN.trackdrive.com). Any other host is the home company.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.serve(w, r, f.companyOf(r.Host))
}

// ServeHTTP answers as this company, whatever the request's host.
func (c *Company) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.fake.serve(w, r, c) }

// companyOf finds the company by host; nil when it names one that is not there.
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

// subdomainOf splits TrackDrive's own hosts; the bare domain has no subdomain.
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

// serve reads, records and answers one request, or does to it what a fault says.
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

// arrive records a request and picks its fault.
func (f *Fake) arrive(req *Request) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	req.Time = f.now()
	fault := f.plan(req)
	if fault != nil {
		req.Fault = fault.name
	}
	f.requests = append(f.requests, *req)
	return fault
}
