// The server: which company a request is for, and how the fake starts and stops.

package fakeserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// Server serves a configuration: [New] returns one, [Server.Listen] opens its addresses,
// and [Server.Serve] answers until its context ends.
type Server struct {
	config    *Config
	hosts     map[string]string // the company of each host name
	sender    *hookSender
	redaction *strings.Replacer
	admin     http.Handler
	started   time.Time

	current   atomic.Pointer[fakeState]
	starts    atomic.Int64  // how often the fake was started: once, and by each reset
	wake      chan struct{} // something may wait to be sent
	sending   sync.Mutex    // one delivery at a time
	listeners []openAddress
	logs      func(format string, args ...any)
	verbose   bool
}

// fakeState is the fake, which a reset replaces.
type fakeState struct {
	generation int64 // from 1: entries are numbered anew in each
	fake       *trackdrivetest.Fake
	companies  map[string]*trackdrivetest.Company
	over       context.Context // ends when a reset replaces this state
	end        context.CancelFunc
	faultsMu   sync.Mutex
	faults     []*faultPlan
}

// openAddress is an address on which the server listens.
type openAddress struct {
	net.Listener
	company string // "" if the host names the company
}

// Option configures [New].
type Option func(*Server)

// WithLog makes the server write problems to log, one line for each call, and
// with isVerbose a line for each request as well. Neither has credentials or callers.
func WithLog(write func(format string, args ...any), isVerbose bool) Option {
	return func(s *Server) { s.logs, s.verbose = write, isVerbose }
}

// New returns a server for a configuration. It does not listen yet.
func New(c *Config, opts ...Option) (*Server, error) {
	if c == nil || len(c.companies) == 0 {
		return nil, usageError{errors.New("the configuration has no company")}
	}
	s := &Server{config: c, hosts: map[string]string{}, started: time.Now(), wake: make(chan struct{}, 1), logs: func(string, ...any) {}}
	for _, opt := range opts {
		opt(s)
	}
	for _, co := range c.companies {
		for _, host := range co.allHosts() {
			s.hosts[host] = co.name
		}
	}
	var pairs []string
	for _, secret := range c.secrets {
		if len(secret) >= 6 { // a shorter one would take parts of words away
			pairs = append(pairs, secret, "[redacted]")
		}
	}
	s.redaction = strings.NewReplacer(pairs...)
	s.sender = newSender(c, s.logs)
	s.admin = s.adminHandler()
	s.reset()
	return s, nil
}

// Format prints a fixed text, whatever the verb: a server holds credentials.
func (s *Server) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "a fake TrackDrive") // what is printed into has nowhere to report
}

// reset replaces the fake by a new one, as it is configured. What the old one still
// had to send is never sent. It returns the new generation.
func (s *Server) reset() int64 {
	c := s.config
	fake := trackdrivetest.New(trackdrivetest.WithSubdomain(c.companies[0].name), trackdrivetest.WithLimits(c.limits))
	st := &fakeState{generation: s.starts.Add(1), fake: fake, companies: map[string]*trackdrivetest.Company{}}
	st.over, st.end = context.WithCancel(context.Background())
	for i, co := range c.companies {
		company := fake.Company
		if i > 0 {
			company = fake.AddCompany(co.name)
		}
		st.companies[co.name] = company
		s.setUp(company, co)
	}
	for _, p := range c.faults {
		st.plan(p)
	}
	if old := s.current.Swap(st); old != nil {
		old.end()
		s.sending.Lock() // wait until it sends no more
		defer s.sending.Unlock()
	}
	s.signal()
	return st.generation
}

// setUp sets up a company as configured. Hooks come before calls, whose events they
// receive.
func (s *Server) setUp(company *trackdrivetest.Company, co companyConfig) {
	for _, a := range co.access {
		company.AddAccess(a)
	}
	company.Suppress(co.suppressed...)
	for _, e := range co.endpoints {
		company.AddEndpoint(e)
	}
	for _, o := range co.offers {
		company.AddOffer(o)
	}
	for _, call := range co.calls {
		company.AddCall(call)
	}
	for _, h := range co.forwardPosts {
		company.ForwardTo(s.sender.hookOf(h))
	}
	for _, h := range co.subscriptions {
		company.Subscribe(h.event, s.sender.hookOf(h))
	}
	for _, h := range co.postbacks {
		company.Subscribe(h.event, s.sender.postbackOf(co.name, h))
	}
}

// plan plans a fault, and keeps it for the list of faults.
func (st *fakeState) plan(p faultPlan) {
	planned := &p
	planned.on(st.fake)
	st.faultsMu.Lock()
	defer st.faultsMu.Unlock()
	st.faults = append(st.faults, planned)
}

// heal ends all faults.
func (st *fakeState) heal() {
	st.faultsMu.Lock()
	defer st.faultsMu.Unlock()
	st.fake.Heal()
	st.faults = nil
}

// Handler returns the server as a handler, which tells companies apart by the host of
// the request. Unknown hosts without a name of TrackDrive's are the first company's.
func (s *Server) Handler() http.Handler { return s.handlerOf("") }

// handlerOf returns the handler of an address: of one company, or of all.
func (s *Server) handlerOf(company string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_" || strings.HasPrefix(r.URL.Path, "/_") {
			s.admin.ServeHTTP(w, r)
			return
		}
		name, problem := company, ""
		if name == "" {
			name, problem = s.companyOf(r.Host)
		}
		if problem != "" {
			s.logs("404 %s %s: %s", r.Method, shownPath(r), problem)
			writeJSON(w, http.StatusNotFound, jsonObject{{"status", http.StatusNotFound}, {"errors", jsonObject{{"base", []string{problem}}}}})
			return
		}
		defer s.signal() // also after a fault that closes the connection
		watched := &watchedWriter{ResponseWriter: w}
		if s.verbose {
			defer func() { s.logs("%s %s %s: %s", name, r.Method, shownPath(r), watched.outcome()) }()
		}
		s.current.Load().companies[name].ServeHTTP(watched, r)
	})
}

// shownPath returns a path for the log, without the numbers of callers.
func shownPath(r *http.Request) string {
	segments := strings.Split(display.Line(r.URL.Path), "/")
	for i, s := range segments {
		if strings.Trim(s, "+0123456789 ().-") == "" { // a uuid has letters
			segments[i] = display.HideNumbers(s)
		}
	}
	return strings.Join(segments, "/")
}

// companyOf returns the company of a host, or says why the host has no company. Names
// that cannot be TrackDrive's, such as an IP address or a service of a compose file,
// belong to the first company.
func (s *Server) companyOf(header string) (name, problem string) {
	host := plainHost(header)
	if name := s.hosts[host]; name != "" {
		return name, ""
	}
	for _, domain := range []string{".localhost", ".trackdrive.com", ".trackdrive.net"} {
		if sub, found := strings.CutSuffix(host, domain); found {
			names := make([]string, len(s.config.companies))
			for i, co := range s.config.companies {
				names[i] = co.name
			}
			return "", fmt.Sprintf("this fake has no company %q; it has %s", display.Line(sub), strings.Join(names, ", "))
		}
	}
	return s.config.companies[0].name, ""
}

// watchedWriter notes the status of an answer.
type watchedWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *watchedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the wrapped writer, for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watchedWriter) outcome() string {
	if w.status == 0 {
		return "connection closed"
	}
	return fmt.Sprint(w.status)
}

// signal starts the delivery of pending requests, if they are sent at once.
func (s *Server) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// deliverAlways sends pending requests whenever there may be some, until ctx ends.
func (s *Server) deliverAlways(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			if err := s.deliver(ctx); err != nil && ctx.Err() == nil {
				s.logs("%s", display.HideNumbers(s.redaction.Replace(strings.ReplaceAll(err.Error(), "trackdrivetest: ", ""))))
			}
		}
	}
}

// deliver sends the pending requests.
func (s *Server) deliver(ctx context.Context) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	st := s.current.Load()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(st.over, stop)()
	if err := st.fake.Deliver(ctx); err != nil && st.over.Err() == nil {
		return err
	}
	return nil
}

// Address is where a server listens.
type Address struct {
	URL     string   // http://127.0.0.1:8080
	Company string   // the company that answers there, "" for all
	Hosts   []string // the companies' names for a Host header, if all answer there
}

// Listen opens the configured addresses, and returns them. Port 0 chooses one. Without
// an error, the caller must call [Server.Serve], which closes them.
func (s *Server) Listen() ([]Address, error) {
	if err := s.open(s.config.listen, ""); err != nil {
		return nil, err
	}
	for _, co := range s.config.companies {
		if co.listen == "" {
			continue
		}
		if err := s.open(co.listen, co.name); err != nil {
			s.closeAll()
			return nil, err
		}
	}
	var all []Address
	for _, l := range s.listeners {
		a := Address{URL: urlOf(l.Addr()), Company: l.company}
		for _, co := range s.config.companies {
			if l.company == "" {
				a.Hosts = append(a.Hosts, co.name+".localhost")
			}
		}
		all = append(all, a)
	}
	return all, nil
}

func (s *Server) open(address, company string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen: %w; choose another address, or port 0 for any that is free", err)
	}
	s.listeners = append(s.listeners, openAddress{l, company})
	return nil
}

func (s *Server) closeAll() {
	for _, l := range s.listeners {
		_ = l.Close() // nothing was accepted
	}
	s.listeners = nil
}

// urlOf returns the URL by which this machine reaches an address.
func urlOf(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return "http://127.0.0.1:" + port
	}
	return "http://" + address.String()
}

// How long a client may take, so that slow clients do not accumulate.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = maxDelay + 30*time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	graceTimeout  = 10 * time.Second // for requests that are under way when the server stops
)

// Serve answers on the addresses of [Server.Listen] until ctx ends, and then finishes
// the requests in progress, for ten seconds at most. It returns nil if it was
// stopped in this way.
func (s *Server) Serve(ctx context.Context) error {
	ending, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var work sync.WaitGroup
	defer work.Wait()
	defer end() // runs before Wait
	if s.config.deliver == deliverAtOnce {
		work.Go(func() { s.deliverAlways(ending) })
	}
	failed := make(chan error, len(s.listeners))
	servers := make([]*http.Server, len(s.listeners))
	for i, l := range s.listeners {
		servers[i] = s.httpServer(l)
		work.Go(func() { failed <- servers[i].Serve(l.Listener) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(grace) != nil {
			_ = server.Close() // time is up
		}
	}
	s.sender.client.CloseIdleConnections()
	return err
}

// httpServer returns the server of an address.
func (s *Server) httpServer(l openAddress) *http.Server {
	return &http.Server{
		Handler:           s.handlerOf(l.company),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // it would quote what clients sent
	}
}

// writeJSON answers with JSON, indented for people.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // the client may have left
}
