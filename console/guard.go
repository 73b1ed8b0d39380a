// Guard: who is served, what a browser may do with a page, and how much is read.

package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/trackdrive-go/trackdrive"
)

// maxForm is how much of a form is read, in bytes.
const maxForm = 1 << 20

// contentPolicy lets a page use the page's own files, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers a request.
func (p *consolePage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// With no-referrer, browsers send "Origin: null", and over plain HTTP nothing else that
	// tells a form of this page from one of another. No URL here has a credential.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	viewer, err := p.viewer(r)
	if err == nil {
		err = p.origins.Check(r)
	}
	if err != nil {
		text := err.Error()
		switch isForm := r.Method == http.MethodPost; {
		case isForm && errors.Is(err, errLoggedOut): // the session has ended in the middle
			text = "Nothing was done: you are not logged in, or may not use this page. Log in again, go back in your browser, and send the form once more."
		case isForm:
			text = "Nothing was done: " + text
		}
		p.fail(w, r, Viewer{}, &statusError{http.StatusForbidden, text})
		return
	}
	if r.Method == http.MethodPost {
		if r.ContentLength > maxForm {
			p.fail(w, r, viewer, errLongForm)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	}
	p.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), viewerKey{}, viewer)))
}

// errLoggedOut is the error of a request whose sender Authorize does not know.
var errLoggedOut error = &statusError{http.StatusForbidden, "You are not logged in, or may not see this page. Log in, and try again."}

var errLongForm = &statusError{http.StatusRequestEntityTooLarge, "the form is longer than 1 MiB; nothing was done"}

type viewerKey struct{}

// viewerOf returns who sent a request that ServeHTTP let through.
func viewerOf(r *http.Request) Viewer {
	v, _ := r.Context().Value(viewerKey{}).(Viewer)
	return v
}

// viewer returns who sent the request.
func (p *consolePage) viewer(r *http.Request) (Viewer, error) {
	if p.config.Authorize == nil {
		return Viewer{Name: "this machine", MayRun: true, MayChange: true, SeesNumbers: true}, checkLocal(r)
	}
	v, err := p.config.Authorize(r)
	if err != nil {
		return Viewer{}, errLoggedOut
	}
	return v, nil
}

// checkLocal refuses a request that is not from this machine, or that a proxy passed
// on, or to another name: a page in a browser may point a name of its own at this
// machine.
func checkLocal(r *http.Request) error {
	for name := range r.Header {
		if lower := strings.ToLower(name); lower == "forwarded" || lower == "x-real-ip" || strings.HasPrefix(lower, "x-forwarded") {
			return fmt.Errorf("the header %s shows that a proxy forwarded the request; set Authorize to serve other machines", name)
		}
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
		return errors.New("the request is not from this machine; set Authorize to serve other machines")
	}
	if !isLoopbackHost(r.Host) {
		return errors.New("the Host header does not name this machine; use localhost or 127.0.0.1")
	}
	return nil
}

// isLoopbackHost reports whether a Host header names this machine.
func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() && ip.Zone() == ""
}

// statusError is an error with its status.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// statusOf returns the status of an answer that reports err.
func statusOf(err error) int {
	var status *statusError
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &status):
		return status.status
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, trackdrive.ErrInvalidArgument):
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}
