// Authentication: who may be told which credentials, and how they travel.

package trackdrive

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
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

// authCredentials are what an Authenticator put on a request.
type authCredentials struct {
	headers []namedText
	params  []namedText
	first   [1]namedText // where the usual one header is
	err     error        // the first mistake
}

// SetHeader sets a header, usually Authorization. A value with control
// characters, non-ASCII text or blanks at its ends is refused when the request
// is built, and so is a header that the package or net/http sets itself.
func (r *AuthRequest) SetHeader(name, value string) {
	c := r.credentials()
	name = http.CanonicalHeaderKey(name)
	switch {
	case !isHeaderName(name):
		c.fail(invalidArgument("header", "%q is not a header name", name))
	case slices.Contains(ownHeaders, name):
		c.fail(invalidArgument("header "+name, "cannot be set by an authenticator"))
	case !isHeaderValue(value):
		c.fail(invalidArgument("header "+name, "must be printable ASCII without blanks at its ends"))
	case name == "Authorization" && repeatsScheme(value):
		c.fail(invalidArgument("header "+name, "has its scheme word twice"))
	default:
		if c.headers == nil {
			c.headers = c.first[:0]
		}
		c.headers = setText(c.headers, name, value)
	}
}

// SetParam sends a parameter with the others: in the body of a POST, in the
// query of a GET. A name that the request itself uses is refused when the
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

// hideValue keeps a value where no verb of fmt finds it.
func hideValue[T any](value T) func() T { return func() T { return value } }

func (c *authCredentials) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Authenticator puts credentials on a request. It is asked before every
// attempt, so credentials may rotate. It must be safe for concurrent use.
type Authenticator interface {
	Authenticate(ctx context.Context, r *AuthRequest) error
}

// AuthenticatorFunc is a function that authenticates. One that sets nothing
// sends no credentials; one that fails keeps the request from being sent.
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

// checkableAuth is an Authenticator that knows its mistakes before it is asked.
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

// fixedAuth are credentials that do not change. They live in a closure, where no
// printing finds them.
type fixedAuth struct {
	put func(*AuthRequest)
	bad func() error
}

// Authenticate puts the credentials on r.
func (f *fixedAuth) Authenticate(_ context.Context, r *AuthRequest) error {
	if err := f.check(); err != nil {
		return err
	}
	f.put(r)
	return nil
}

func (f *fixedAuth) check() error { return f.bad() }

func newFixed(put func(*AuthRequest), err error) Authenticator {
	if err == nil {
		// What SetHeader and SetParam refuse is known now, not at the first call.
		var trial AuthRequest
		put(&trial)
		err = trial.credentials().err
	}
	return &fixedAuth{put, hideValue(err)}
}

// ParseCredentials reads credentials as configurations hold them:
//
//	Basic dGRwdWI6dGRwcnY=   a company access token, ready-made, as for [BasicToken]
//	Token 0123456789abcdef   a developer access token, as for [DeveloperToken]
//	public:private           the two keys of a company access token, as for [BasicAuth]
//
// The scheme may be in any case. Errors are of kind [ErrInvalidArgument]; they
// say what to give, and never show what was given.
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
		return bad("must be printable ASCII without blanks at its ends")
	case strings.HasPrefix(ascii.Lower(text), "authorization:"):
		return bad(`give what stands behind "Authorization: "`)
	case text[0] == '"' || text[0] == '\'':
		return bad("are in quotation marks; give the text between them")
	case text[0] == '{':
		return bad("are a JSON object; give those of one company, and PerSubdomain those of several")
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
		return bad(`give "Basic " before a ready-made token`)
	}
	return bad("%s", credentialForms)
}

// BasicAuth sends "Authorization: Basic", from a company access token's public
// and private key.
func BasicAuth(publicKey, privateKey string) Authenticator {
	return newBasic(publicKey, privateKey, checkPair(publicKey, privateKey))
}

// BasicToken sends "Authorization: Basic" with the ready-made base64
// credential that the dashboard shows, with or without the word Basic. Padding
// may be missing, and the alphabet that of URLs. What is not the base64 of two
// keys with a colon between them is refused.
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
		return invalidArgument("public key", "must not have a colon; give the private key on its own")
	case hasScheme(publicKey):
		return invalidArgument("public key", "begins with a scheme word; give the key alone, or BasicToken the whole")
	case !isHeaderValue(publicKey):
		return invalidArgument("public key", "must be printable ASCII without blanks at its ends")
	case !isHeaderValue(privateKey):
		return invalidArgument("private key", "must be printable ASCII without blanks at its ends")
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
		return "", "", invalidArgument(field, "is a pair of keys; give BasicAuth(publicKey, privateKey), or ParseCredentials the pair alone")
	case !isPair:
		return "", "", invalidArgument(field, `is not the base64 of "public:private"; give the text that the dashboard shows`)
	case template.IsLeftover(publicKey), template.IsLeftover(privateKey):
		return "", "", leftoverError(field)
	case publicKey == "":
		return "", "", invalidArgument(field, "has no public key before the colon")
	case privateKey == "":
		return "", "", invalidArgument(field, "has no private key behind the colon")
	}
	return publicKey, privateKey, nil
}

// decodePair decodes base64 of either alphabet, with or without padding. Keys
// that are empty are a pair, too.
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
		err = invalidArgument("developer token", "is a key of a company access token; give BasicAuth or BasicToken")
	}
	return newFixed(func(r *AuthRequest) { r.SetHeader("Authorization", "Token "+token) }, err)
}

// isCompanyKey reports whether a token is, by its looks, one of a company's two
// keys, or both.
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
		return invalidArgument(field, "begins with a scheme word")
	case !isHeaderValue(token):
		return invalidArgument(field, "must be printable ASCII without blanks at its ends")
	}
	return nil
}

// AnySubdomain lets a be used for every company: a developer access token is
// valid in all companies of its user. The subdomain may come from outside:
// whoever supplies it, receives the credentials' requests.
func AnySubdomain(a Authenticator) Authenticator { return &anySubdomain{hideValue(a)} }

// anySubdomain hides its Authenticator: it may be one whose fields print.
type anySubdomain struct{ inner func() Authenticator }

// Authenticate asks the inner Authenticator.
func (a *anySubdomain) Authenticate(ctx context.Context, r *AuthRequest) error {
	if err := a.check(); err != nil {
		return err
	}
	return a.inner().Authenticate(ctx, r)
}

func (a *anySubdomain) check() error { return checkAuthenticator(a.inner()) }

// PerSubdomain picks the credentials by the company that is called. A call to
// any other company is an error, before anything is sent. A nil entry means
// that the company is called without credentials. Upper case is folded.
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

// Authenticate asks the Authenticator of the company that is called.
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
		return fmt.Errorf("%w: for trackdrive.com without a subdomain", ErrNoCredentials)
	}
	return fmt.Errorf("%w: for %s", ErrNoCredentials, subdomain)
}
