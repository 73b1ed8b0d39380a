package sales_test

import "net/http"

// lookingTransport calls look before it sends a request.
type lookingTransport struct {
	look func(*http.Request) error
	next http.RoundTripper
}

func roundTrip(look func(*http.Request) error, next http.RoundTripper) http.RoundTripper {
	return lookingTransport{look, next}
}

func (l lookingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := l.look(r); err != nil {
		return nil, err
	}
	return l.next.RoundTrip(r)
}
