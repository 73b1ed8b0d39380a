// Server: the fake on a loopback address.

package trackdrivetest

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is a [Fake] that listens on a loopback address, over plain HTTP.
type Server struct {
	*Fake
	URL string // the base URL of the home company: http://127.0.0.1:PORT

	guard   sync.Mutex        // guards urls and servers
	urls    map[string]string // by company
	servers []*http.Server
	serving sync.WaitGroup
	client  http.Transport // used by Transport
}

// NewServer starts a fake for a test, and closes it when the test ends. A wrong
// set-up fails the test immediately. So does a testing/synctest bubble, in which a
// listener would hang: use [New] and [Fake.Transport] there.
//
//	srv := trackdrivetest.NewServer(t)
//	client, err := trackdrive.NewClient("acme", trackdrive.WithBaseURL(srv.URL))
func NewServer(t TB, opts ...Option) *Server {
	t.Helper()
	if inBubble(t) {
		t.Fatalf(bubbleAdvice)
		return nil // for a TB whose Fatalf returns
	}
	fatal := func(format string, args ...any) {
		t.Helper()
		t.Fatalf(format, args...)
	}
	srv, err := Start(append(slices.Clone(opts), func(s *settings) { s.fatal = fatal })...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// Start starts a fake outside of a test, such as in an example. The caller must
// close it. A wrong set-up panics.
func Start(opts ...Option) (*Server, error) {
	srv := &Server{Fake: New(opts...), urls: map[string]string{}}
	url, err := srv.listen(srv.Fake)
	if err != nil {
		return nil, err
	}
	srv.URL = url
	srv.urls[srv.Subdomain()] = url
	return srv, nil
}

// Close stops the server and ends pending requests. It may be called twice.
func (s *Server) Close() {
	s.stop()
	s.guard.Lock()
	servers := s.servers
	s.guard.Unlock()
	for _, server := range servers {
		_ = server.Close() // everything is closed anyway
	}
	s.client.CloseIdleConnections()
	s.serving.Wait()
}

// URLOf returns a base URL at which only this company answers, for a client with
// trackdrive.WithBaseURL. For the home company, it is URL.
func (s *Server) URLOf(c *Company) string {
	s.guard.Lock()
	url := s.urls[c.subdomain]
	s.guard.Unlock()
	if url != "" {
		return url
	}
	url, err := s.listen(c)
	if err != nil {
		s.mistake("%v", err)
	}
	s.guard.Lock()
	defer s.guard.Unlock()
	s.urls[c.subdomain] = url
	return url
}

// listen serves h on a new loopback address.
func (s *Server) listen(h http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		listener, err = net.Listen("tcp", "[::1]:0")
	}
	if err != nil {
		return "", fmt.Errorf("trackdrivetest: cannot listen on a loopback address: %w", err)
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.guard.Lock()
	s.servers = append(s.servers, server)
	s.guard.Unlock()
	s.serving.Go(func() { _ = server.Serve(listener) }) // ends with Close
	return "http://" + listener.Addr().String(), nil
}

// Transport returns a transport that sends every request for trackdrive.com and
// its subdomains to this server, over loopback, and refuses all others. A client
// with this transport needs no base URL, and reaches every company by its name:
//
//	client, err := trackdrive.NewClient("acme", trackdrive.WithTransport(srv.Transport()))
func (s *Server) Transport() http.RoundTripper {
	return loopbackTransport{strings.TrimPrefix(s.URL, "http://"), &s.client}
}

// loopbackTransport sends TrackDrive's requests to an address.
type loopbackTransport struct {
	address string
	next    http.RoundTripper
}

// RoundTrip keeps the request's own host in its Host header.
func (l loopbackTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := mustBeOurs(r); err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	if sent.Host == "" {
		sent.Host = r.URL.Host
	}
	sent.URL.Scheme, sent.URL.Host = "http", l.address
	return l.next.RoundTrip(sent)
}

// mustBeOurs keeps tests off the network. A RoundTripper must close the body even
// if it fails.
func mustBeOurs(r *http.Request) error {
	if _, ours := subdomainOf(strings.ToLower(r.URL.Hostname())); ours {
		return nil
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return fmt.Errorf("trackdrivetest: %s is not a host of TrackDrive, and the transport reaches no other", r.URL.Hostname())
}
