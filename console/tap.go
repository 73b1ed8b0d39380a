// What the Client adds: its own credentials are in no page either.

package console

import (
	"context"
	"net/http"
	"sync"

	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// sentCredentials are the credentials of the requests of one run.
type sentCredentials struct {
	mu   sync.Mutex
	list []string
}

type tapKey struct{}

// credentialTap notes the credentials in what is sent: only the Client knows its own.
type credentialTap struct{ next http.RoundTripper }

func (t credentialTap) RoundTrip(r *http.Request) (*http.Response, error) {
	if sent, _ := r.Context().Value(tapKey{}).(*sentCredentials); sent != nil {
		sent.note(r.Header)
		sent.note(r.URL.Query())
	}
	return t.next.RoundTrip(r)
}

// note takes what has a credential's name.
func (s *sentCredentials) note(values map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, list := range values {
		if !redact.IsCredentialName(name) {
			continue
		}
		for _, value := range list {
			s.list = redact.AppendParts(s.list, value)
		}
	}
}

// addTo adds the credentials to those that a page must not show.
func (s *sentCredentials) addTo(secrets *pageSecrets) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.list {
		if len(secret) >= redact.ShortestSecret { // a shorter one may be the name of a user
			secrets.add(secret)
		}
	}
}

// withCredentialTap returns a context whose requests are noted.
func withCredentialTap(ctx context.Context) (context.Context, *sentCredentials) {
	sent := new(sentCredentials)
	return context.WithValue(ctx, tapKey{}, sent), sent
}
