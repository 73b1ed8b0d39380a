// Credentials, and the permissions of their team.

package trackdrivetest

import (
	"encoding/base64"
	"slices"
	"strings"
)

// Access is a user of a company: credentials, and the permissions of their team.
// Set only the kinds of credentials that the test needs.
type Access struct {
	PublicKey, PrivateKey string       // company access token: Authorization: Basic base64(public:private)
	DeveloperToken        string       // Authorization: Token
	AuthToken             string       // the auth_token parameter
	Lacks                 []Permission // permissions that the team does not have: 403
}

// Permission is a permission of a team to use or change calls.
type Permission string

// The permissions that an update of a call needs, and what needs them.
const (
	PermitAPI            Permission = "Enable Developer API Access" // every call
	PermitBuyerConverted Permission = "Buyer Converted"             // buyer_converted
	PermitBuyerRevenue   Permission = "Buyer Revenue"               // revenue, add_revenue
	PermitTSConverted    Permission = "TS Converted"                // offer_converted
	PermitTSPayout       Permission = "TS Payout"                   // payout, add_payout
	PermitContactFields  Permission = "Contact Fields"              // post_call_tokens that are not empty
)

// AddAccess adds a user to the company. Until the first one is added, the company
// accepts any credentials. Requests that need credentials are never accepted
// without.
func (c *Company) AddAccess(a Access) {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	if a.PublicKey == "" && a.PrivateKey == "" && a.DeveloperToken == "" && a.AuthToken == "" {
		c.fake.mistake("AddAccess needs credentials")
	}
	if (a.PublicKey == "") != (a.PrivateKey == "") {
		c.fake.mistake("AddAccess: PublicKey and PrivateKey go together")
	}
	c.access = append(c.access, a)
}

func (a Access) lacks(p Permission) bool { return slices.Contains(a.Lacks, p) }

// admit accepts users that may use the API.
func (c *Company) admit(r *Request) (Access, *httpReply) {
	user, known := c.accessOf(r)
	switch {
	case !known:
		return user, new(unauthorizedReply())
	case user.lacks(PermitAPI):
		return user, new(forbiddenReply())
	}
	return user, nil
}

func hasCredentials(r *Request) bool {
	return r.Header.Get("Authorization") != "" || r.Params.Text("auth_token") != ""
}

// accessOf finds the user of a request. A header takes precedence over the parameter.
func (c *Company) accessOf(r *Request) (user Access, known bool) {
	header, param := r.Header.Get("Authorization"), r.Params.Text("auth_token")
	if !hasCredentials(r) {
		return Access{}, false
	}
	if len(c.access) == 0 {
		return Access{}, true
	}
	fits := func(a Access) bool { return a.AuthToken != "" && a.AuthToken == param }
	if header != "" {
		fits = headerCheck(header)
	}
	if i := slices.IndexFunc(c.access, fits); i >= 0 {
		return c.access[i], true
	}
	return Access{}, false
}

// headerCheck reads the schemes Basic and Token, the latter also as Token token="...".
func headerCheck(header string) func(Access) bool {
	scheme, value, _ := strings.Cut(header, " ")
	switch strings.ToLower(scheme) {
	case "basic":
		pair, err := base64.StdEncoding.DecodeString(value)
		return func(a Access) bool {
			return err == nil && a.PublicKey != "" && string(pair) == a.PublicKey+":"+a.PrivateKey
		}
	case "token":
		token := strings.Trim(strings.TrimPrefix(value, "token="), `"`)
		return func(a Access) bool { return a.DeveloperToken != "" && a.DeveloperToken == token }
	default:
		return func(Access) bool { return false }
	}
}
