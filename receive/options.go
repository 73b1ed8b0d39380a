// Options: whose requests are taken, and what their fields are called.

package receive

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Option configures [Forward], [Events] and [Bids]: it is what [Secret] and
// [Companies] return, and a [FieldNames]. A mistake in an option panics when the
// handler is made, not when the first request arrives.
type Option interface{ apply(*handlerSettings) }

// handlerSettings are what the options set.
type handlerSettings struct {
	names   FieldNames
	secrets []secretDigest
	knows   func(subdomain string) bool // nil: every company is taken
}

type optionFunc func(*handlerSettings)

func (f optionFunc) apply(s *handlerSettings) { f(s) }

// FieldNames are the names of the fields in which the sender puts the two values that
// name a call, where it has no fields of their own for them. It is an [Option]:
//
//	receive.Forward(keep, receive.FieldNames{CallUUID: "subid2", Subdomain: "subid3"})
//
// Names match exactly. The fields under TrackDrive's own names are then fields like
// any other.
type FieldNames struct {
	CallUUID  string // the call's uuid; default trackdrive_call_uuid
	Subdomain string // the company that owns the call; default trackdrive_subdomain
}

func (n FieldNames) apply(s *handlerSettings) {
	if n.CallUUID != "" {
		s.names.CallUUID = n.CallUUID
	}
	if n.Subdomain != "" {
		s.names.Subdomain = n.Subdomain
	}
}

// Secret takes only requests that carry the secret: as a segment of the path
// (/forward/SECRET), as the password of Basic credentials with any user name, or as
// the whole of the credentials ("user:password"). Others are refused with 401. With
// several Secrets, any of them will do, so that a secret can be replaced without a
// gap. Secrets are compared in constant time. An empty one panics.
//
// TrackDrive documents no signature, so without a Secret anybody can send a call or ask
// for a bid. A path is written to the logs of proxies: prefer Basic credentials where
// the sender can set a header.
func Secret(secret string) Option {
	if strings.TrimSpace(secret) == "" {
		panic("receive: the secret is empty; give one of your own making, or leave Secret out")
	}
	digest := secretDigest(sha256.Sum256([]byte(secret)))
	return optionFunc(func(s *handlerSettings) { s.secrets = append(s.secrets, digest) })
}

// Companies takes only requests of companies that the function knows, by their
// subdomain in lower case. Others are refused with 403, and so are events and pings
// that name no company. Give it in any handler whose calls you post back to: anybody
// can own a company.
func Companies(knows func(subdomain string) bool) Option {
	if knows == nil {
		panic("receive: Companies needs a function")
	}
	return optionFunc(func(s *handlerSettings) { s.knows = knows })
}

func newSettings(opts []Option) handlerSettings {
	s := handlerSettings{names: FieldNames{CallUUID: "trackdrive_call_uuid", Subdomain: "trackdrive_subdomain"}}
	for i, opt := range opts {
		if opt == nil {
			panic(fmt.Sprintf("receive: option %d is nil", i+1))
		}
		opt.apply(&s)
	}
	if s.names.CallUUID == s.names.Subdomain {
		panic(fmt.Sprintf("receive: FieldNames: CallUUID and Subdomain are both %q; give two names", s.names.CallUUID))
	}
	return s
}

// secretDigest is the hash of a secret: all are of the same length, and a printed one
// shows nothing.
type secretDigest [sha256.Size]byte

// admits reports whether the request has a secret. Which one it is, and where, does
// not show in the time that it takes.
func (s *handlerSettings) admits(r *http.Request) bool {
	if len(s.secrets) == 0 {
		return true
	}
	admitted := 0
	for _, candidate := range secretsIn(r) {
		given := sha256.Sum256([]byte(candidate))
		for _, secret := range s.secrets {
			admitted |= subtle.ConstantTimeCompare(given[:], secret[:])
		}
	}
	return admitted == 1
}

// secretsIn returns all texts of a request that may be its secret.
func secretsIn(r *http.Request) []string {
	var candidates []string
	if user, password, ok := r.BasicAuth(); ok {
		candidates = append(candidates, password, user+":"+password)
	}
	for segment := range strings.SplitSeq(r.URL.EscapedPath(), "/") {
		if plain, err := url.PathUnescape(segment); err == nil {
			candidates = append(candidates, plain)
		}
	}
	return candidates
}
