// Authentication: which company gets which credentials, and how they are sent.

package trackdrive

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/template"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// AuthRequest is what an [Authenticator] sees of a request, and where it puts
// the credentials.
type AuthRequest struct {
	Operation string // which call it is: see Attempt
	Subdomain string // the company that is called, or ""
	Host      string // where the request goes

	sent func() *authCredentials // a func, because fmt prints what pointers point to
}

// authCredentials is what an Authenticator put on a request.
type authCredentials struct {
	headers []namedText
	params  []namedText
	first   [1]namedText // room for the usual single header
	err     error        // the first mistake

	found atomic.Pointer[redact.Secrets] // what toHide returns; nil until it is asked
}

// SetHeader sets a header, usually Authorization. A value with control
// characters, non-ASCII text, or leading or trailing blanks is refused when the
// request is built, and so is a header that the package or net/http sets itself.
func (r *AuthRequest) SetHeader(name, value string) {
	c := r.credentials()
	name = http.CanonicalHeaderKey(name)
	switch {
	case !isHeaderName(name):
		c.fail(invalidArgument("header", "%q is not a header name", name))
	case slices.Contains(ownHeaders, name):
		c.fail(invalidArgument("header "+name, "cannot be set by an authenticator"))
	case !isHeaderValue(value):
		c.fail(invalidArgument("header "+name, "must be printable ASCII without leading or trailing blanks"))
	case name == "Authorization" && repeatsScheme(value):
		c.fail(invalidArgument("header "+name, "begins with two scheme words; give one"))
	default:
		if c.headers == nil {
			c.headers = c.first[:0]
		}
		c.headers = setText(c.headers, name, value)
	}
}

// SetParam adds a parameter to those of the request: in the body of a POST, in
// the query of a GET. A name that the request itself uses is refused when the
// request is built.
func (r *AuthRequest) SetParam(name, value string) {
	c := r.credentials()
	if err := checkParamName(name); err != nil {
		c.fail(err)
		return
	}
	if err := checkParamText(name, value); err != nil {
		c.fail(err)
		return
	}
	c.params = setText(c.params, name, value)
}

func (r *AuthRequest) credentials() *authCredentials {
	if r.sent == nil {
		r.sent = hideValue(new(authCredentials))
	}
	return r.sent()
}

// hideValue keeps a value in a closure, where no verb of fmt finds it.
func hideValue[T any](value T) func() T { return func() T { return value } }

func (c *authCredentials) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Authenticator puts credentials on a request. It is called before every
// attempt, so that credentials can rotate. It must be safe for concurrent use.
type Authenticator interface {
	Authenticate(ctx context.Context, r *AuthRequest) error
}

// AuthenticatorFunc is a function that authenticates. If it sets nothing, the
// request carries no credentials; if it returns an error, the request is not
// sent.
type AuthenticatorFunc func(ctx context.Context, r *AuthRequest) error

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(ctx context.Context, r *AuthRequest) error {
	if f == nil {
		return errNilAuthenticator
	}
	return f(ctx, r)
}

func (f AuthenticatorFunc) check() error {
	if f == nil {
		return errNilAuthenticator
	}
	return nil
}

var errNilAuthenticator = invalidArgument("authenticator", "is nil")

// checkableAuth is an Authenticator that can be checked before it is used.
type checkableAuth interface{ check() error }

func checkAuthenticator(a Authenticator) error {
	if a == nil {
		return errNilAuthenticator
	}
	if c, ok := a.(checkableAuth); ok {
		return c.check()
	}
	return nil
}

// fixedAuth holds credentials that do not change, in a closure, where no verb of
// fmt finds them.
type fixedAuth struct {
	made func() *authCredentials // only read: all requests share it
	bad  func() error
}

// Authenticate puts the credentials on r.
func (f *fixedAuth) Authenticate(_ context.Context, r *AuthRequest) error {
	if err := f.check(); err != nil {
		return err
	}
	made := f.made()
	for _, header := range made.headers {
		r.SetHeader(header.name, header.text)
	}
	for _, param := range made.params {
		r.SetParam(param.name, param.text)
	}
	return nil
}

func (f *fixedAuth) check() error { return f.bad() }

func newFixed(put func(*AuthRequest), err error) Authenticator {
	var r AuthRequest
	made := r.credentials()
	if err == nil {
		// Find what SetHeader and SetParam refuse now, not at the first call.
		put(&r)
		err = made.err
	}
	return &fixedAuth{r.sent, hideValue(err)}
}

// ParseCredentials reads credentials in the forms that configurations use:
//
//	Basic dGRwdWI6dGRwcnY=   a company access token, ready-made, as for [BasicToken]
//	Token 0123456789abcdef   a developer access token, as for [DeveloperToken]
//	public:private           the two keys of a company access token, as for [BasicAuth]
//
// The scheme may be in any case. Errors are of kind [ErrInvalidArgument]; they
// say what to give instead, and never show the text.
func ParseCredentials(text string) (Authenticator, error) {
	auth, err := parseCredentials(text)
	if err != nil {
		return nil, err
	}
	if err := checkAuthenticator(auth); err != nil {
		return nil, err
	}
	return auth, nil
}

const credentialForms = `give "Basic ...", "Token ..." or "public:private"`

func parseCredentials(text string) (Authenticator, error) {
	bad := func(format string, args ...any) (Authenticator, error) {
		return nil, invalidArgument("credentials", format, args...)
	}
	switch {
	case template.IsLeftover(text):
		return nil, leftoverError("credentials")
	case text == "":
		return bad("are empty; %s", credentialForms)
	case !isHeaderValue(text):
		return bad("must be printable ASCII without leading or trailing blanks")
	case strings.HasPrefix(ascii.Lower(text), "authorization:"):
		return bad(`begin with "Authorization:"; give the text after it`)
	case text[0] == '"' || text[0] == '\'':
		return bad("are in quotation marks; give the text between them")
	case text[0] == '{':
		return bad("are a JSON object; give the text of one company, or PerSubdomain for several")
	}
	for _, scheme := range authSchemes {
		token, found := cutScheme(text, scheme)
		if !found {
			continue
		}
		switch {
		case scheme == "Basic":
			return BasicToken(text), nil
		case scheme != "Token":
			return bad("have the scheme %s; TrackDrive takes Basic and Token", scheme)
		case len(token) == len(text): // the word alone
			return DeveloperToken(""), nil
		default:
			return DeveloperToken(token), nil
		}
	}
	if strings.Contains(text, "://") {
		return bad("are a URL; %s", credentialForms)
	}
	if public, private, isPair := strings.Cut(text, ":"); isPair {
		return BasicAuth(public, private), nil
	}
	if _, _, isPair := decodePair(text); isPair {
		return bad(`are a ready-made token without a scheme; give "Basic " before it`)
	}
	return bad("have an unknown form; %s", credentialForms)
}

// BasicAuth sends "Authorization: Basic" with the public and the private key of a
// company access token.
func BasicAuth(publicKey, privateKey string) Authenticator {
	return newBasic(publicKey, privateKey, checkPair(publicKey, privateKey))
}

// BasicToken sends "Authorization: Basic" with the ready-made base64
// credential that the dashboard shows, with or without the word Basic. Padding
// may be missing, and the alphabet may be that of URLs. Anything but the base64
// of two keys with a colon between them is refused.
func BasicToken(encoded string) Authenticator {
	token, _ := cutScheme(encoded, "Basic")
	public, private, err := pairOf(token)
	return newBasic(public, private, err)
}

func newBasic(publicKey, privateKey string, err error) Authenticator {
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(publicKey+":"+privateKey))
	return newFixed(func(r *AuthRequest) { r.SetHeader("Authorization", value) }, err)
}

func checkPair(publicKey, privateKey string) error {
	switch {
	case template.IsLeftover(publicKey):
		return leftoverError("public key")
	case template.IsLeftover(privateKey):
		return leftoverError("private key")
	case publicKey == "":
		return invalidArgument("public key", "is empty")
	case privateKey == "":
		return invalidArgument("private key", "is empty")
	case strings.Contains(publicKey, ":"):
		return invalidArgument("public key", "has a colon; give the private key as the second argument")
	case hasScheme(publicKey):
		return invalidArgument("public key", "begins with a scheme word; give the key alone, or the whole text to BasicToken")
	case !isHeaderValue(publicKey):
		return invalidArgument("public key", "must be printable ASCII without leading or trailing blanks")
	case !isHeaderValue(privateKey):
		return invalidArgument("private key", "must be printable ASCII without leading or trailing blanks")
	}
	return nil
}

// pairOf reads the two keys of a ready-made token.
func pairOf(token string) (publicKey, privateKey string, err error) {
	const field = "basic token"
	if strings.EqualFold(token, "Basic") {
		token = ""
	}
	if err := checkToken(field, token); err != nil {
		return "", "", err
	}
	publicKey, privateKey, isPair := decodePair(token)
	switch {
	case strings.Contains(token, ":"):
		return "", "", invalidArgument(field, "is a pair of keys; use BasicAuth(publicKey, privateKey), or give the pair alone to ParseCredentials")
	case !isPair:
		return "", "", invalidArgument(field, `is not the base64 of "public:private"; give the text that the dashboard shows`)
	case template.IsLeftover(publicKey), template.IsLeftover(privateKey):
		return "", "", leftoverError(field)
	case publicKey == "":
		return "", "", invalidArgument(field, "has no public key before the colon")
	case privateKey == "":
		return "", "", invalidArgument(field, "has no private key after the colon")
	}
	return publicKey, privateKey, nil
}

// decodePair decodes base64 of either alphabet, with or without padding. Empty
// keys are a pair, too.
func decodePair(token string) (publicKey, privateKey string, isPair bool) {
	encoding := base64.RawStdEncoding
	if strings.HasSuffix(token, "=") {
		encoding = base64.StdEncoding
	}
	decoded, err := encoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(token))
	if err != nil {
		return "", "", false
	}
	publicKey, privateKey, isPair = strings.Cut(string(decoded), ":")
	for _, key := range []string{publicKey, privateKey} {
		isPair = isPair && (key == "" || isHeaderValue(key)) && !hasScheme(key)
	}
	return publicKey, privateKey, isPair
}

// DeveloperToken sends "Authorization: Token", with a developer access token.
// Such a token is valid in all companies of its user: see [AnySubdomain]. The
// keys of a company access token are refused.
func DeveloperToken(token string) Authenticator {
	err := checkToken("developer token", token)
	if err == nil && isCompanyKey(token) {
		err = invalidArgument("developer token", "is a key of a company access token; use BasicAuth or BasicToken")
	}
	return newFixed(func(r *AuthRequest) { r.SetHeader("Authorization", "Token "+token) }, err)
}

// isCompanyKey reports whether a token looks like one of a company's two keys, or
// like both.
func isCompanyKey(token string) bool {
	_, _, isPair := decodePair(token)
	return isPair || strings.HasPrefix(token, "tdpub") || strings.HasPrefix(token, "tdprv")
}

// AuthToken sends the legacy auth_token parameter.
func AuthToken(token string) Authenticator {
	var err error
	if token == "" {
		err = invalidArgument("auth_token", "is empty")
	}
	return newFixed(func(r *AuthRequest) { r.SetParam("auth_token", token) }, err)
}

func checkToken(field, token string) error {
	switch {
	case template.IsLeftover(token):
		return leftoverError(field)
	case token == "":
		return invalidArgument(field, "is empty")
	case hasScheme(token):
		return invalidArgument(field, "begins with a scheme word; give the token alone")
	case !isHeaderValue(token):
		return invalidArgument(field, "must be printable ASCII without leading or trailing blanks")
	}
	return nil
}

// AnySubdomain lets a be used for every company: a developer access token is
// valid in all companies of its user. Beware of subdomains from outside: whoever
// supplies one chooses the company that receives the credentials.
func AnySubdomain(a Authenticator) Authenticator { return &anySubdomain{hideValue(a)} }

// anySubdomain hides its Authenticator: it may be one whose fields print.
type anySubdomain struct{ inner func() Authenticator }

// Authenticate calls the inner Authenticator.
func (a *anySubdomain) Authenticate(ctx context.Context, r *AuthRequest) error {
	if err := a.check(); err != nil {
		return err
	}
	return a.inner().Authenticate(ctx, r)
}

func (a *anySubdomain) check() error { return checkAuthenticator(a.inner()) }

// PerSubdomain picks the credentials by the company that is called, ignoring
// case. A call to a company that creds does not name is [ErrNoCredentials], before
// anything is sent. A company with a nil entry is called without credentials.
func PerSubdomain(creds map[string]Authenticator) Authenticator {
	own := make(map[string]Authenticator, len(creds))
	var err error
	for _, name := range sortedNames(creds) {
		a := creds[name]
		key := ascii.Lower(name)
		_, twice := own[key]
		switch {
		case twice:
			err = errors.Join(err, invalidArgument("subdomain", "%q is given twice, in different case", key))
		case name != "" && !urlpart.IsSubdomain(name):
			_, mistake := checkSubdomain("subdomain", name)
			err = errors.Join(err, mistake)
		case a != nil:
			if mistake := checkAuthenticator(a); mistake != nil {
				err = errors.Join(err, fmt.Errorf("credentials of %q: %w", key, mistake))
			}
		}
		own[key] = a
	}
	return &perSubdomain{hideValue(own), hideValue(err)}
}

type perSubdomain struct {
	creds func() map[string]Authenticator
	bad   func() error
}

// Authenticate calls the Authenticator of the company that is called.
func (p *perSubdomain) Authenticate(ctx context.Context, r *AuthRequest) error {
	a, err := p.pick(r.Subdomain)
	if err != nil || a == nil {
		return err
	}
	return a.Authenticate(ctx, r)
}

func (p *perSubdomain) check() error { return p.bad() }

func (p *perSubdomain) pick(subdomain string) (Authenticator, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	a, known := p.creds()[ascii.Lower(subdomain)]
	if !known {
		return nil, noCredentials(subdomain)
	}
	return a, nil
}

func noCredentials(subdomain string) error {
	if subdomain == "" {
		return fmt.Errorf("%w for trackdrive.com without a subdomain", ErrNoCredentials)
	}
	return fmt.Errorf("%w for %s; use PerSubdomain for several companies", ErrNoCredentials, subdomain)
}
