// The parts of a URL that come from outside: subdomains, hosts and the segments of
// paths.

package trackdrive

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/template"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// apiPath is the path of all calls.
const apiPath = "/api/v1"

// updatePath is the path below apiPath that updates calls.
const updatePath = "/calls/update_call/"

// baseURL is where requests go: one of TrackDrive's hosts, a host of the domain that
// WithBaseDomain names, or the host that WithBaseURL names.
type baseURL struct {
	domain string // of the companies; "" for TrackDrive's
	scheme string
	host   string // with a port, if any; "" for the companies' own
	prefix string // of every path: "" or "/proxy"
}

// companyHost returns the host of a company, or the domain without a subdomain.
func (b baseURL) companyHost(subdomain string) string {
	domain := b.domain
	if domain == "" {
		domain = urlpart.TrackDriveHost
	}
	if subdomain == "" {
		return domain
	}
	return subdomain + "." + domain
}

// companyIn returns the subdomain in a company's host; "" for any other host.
func (b baseURL) companyIn(host string) string {
	if b.domain == "" {
		return urlpart.CompanyIn(host)
	}
	company, isCompany := strings.CutSuffix(host, "."+b.domain)
	if !isCompany || !urlpart.IsSubdomain(company) {
		return ""
	}
	return company
}

// at returns the URL of a path at a company's host. If the path that is sent differs
// from the one that is shown, it is rawPath.
func (b baseURL) at(host, path, rawPath string) url.URL {
	u := url.URL{Scheme: b.scheme, Host: b.host, Path: b.prefix + path}
	if rawPath != "" {
		u.RawPath = b.prefix + rawPath
	}
	if b.host == "" {
		u.Scheme, u.Host = "https", host
	}
	return u
}

// root returns the beginning of Error.URL.
func (b baseURL) root(subdomain string) string {
	if b.host == "" {
		return "https://" + b.companyHost(subdomain)
	}
	return b.scheme + "://" + b.host + b.prefix
}

func parseBase(rawURL string) (baseURL, error) {
	bad := func(format string, args ...any) (baseURL, error) {
		return baseURL{}, invalidArgument("base URL", format, args...)
	}
	u, err := url.Parse(rawURL)
	switch {
	case rawURL == "":
		return bad(`is empty; give the address of the host, such as "https://calls.example.com"`)
	case strings.Contains(rawURL, "@"):
		return bad("has user info; give credentials to WithAuth instead")
	case err != nil:
		return bad(`cannot be read as a URL; give one such as "https://calls.example.com"`) // the error would quote it
	case strings.ContainsAny(rawURL, "?#"):
		return bad("has a query or a fragment; leave it out")
	case u.Scheme == "" && isBase("https://"+strings.TrimPrefix(rawURL, "//")):
		return bad("has no https://; give %q", "https://"+strings.TrimPrefix(rawURL, "//"))
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return bad("must begin with https://")
	case !urlpart.IsHost(u.Host):
		return bad(`has no valid host; give one such as "https://calls.example.com"`)
	case u.Scheme == "http" && !urlpart.IsLoopback(u.Hostname()):
		return bad("must begin with https://; plain http is for loopback addresses")
	}
	prefix := strings.TrimSuffix(u.Path, "/")
	for segment := range strings.SplitSeq(strings.TrimPrefix(prefix, "/"), "/") {
		if prefix != "" && !urlpart.IsVanityURI(segment) || u.RawPath != "" {
			return bad("has a path that is not made of plain segments: letters, digits, _, - and dots")
		}
	}
	if at := strings.Index(ascii.Lower(prefix)+"/", apiPath+"/"); at >= 0 {
		return bad("has %s in its path, which the package adds; give %q", apiPath, u.Scheme+"://"+strings.ToLower(u.Host)+prefix[:at])
	}
	return baseURL{scheme: u.Scheme, host: strings.ToLower(u.Host), prefix: prefix}, nil
}

func isBase(rawURL string) bool {
	_, err := parseBase(rawURL)
	return err == nil
}

// checkSubdomain returns the subdomain in lower case. The error names field and
// says what to give instead.
func checkSubdomain(field, subdomain string) (string, error) {
	switch {
	case subdomain == "":
		return "", invalidArgument(field, "is empty; %s", giveSubdomain)
	case template.IsLeftover(subdomain):
		return "", leftoverError(field)
	case !urlpart.IsSubdomain(subdomain):
		return "", invalidArgument(field, "%s", subdomainMistake(subdomain))
	}
	folded := ascii.Lower(subdomain)
	// net/url must read the same host.
	u, err := url.Parse("https://" + baseURL{}.companyHost(folded) + "/")
	if err != nil || u.Hostname() != folded+"."+urlpart.TrackDriveHost || u.Path != "/" {
		return "", invalidArgument(field, "%s", giveSubdomain)
	}
	return folded, nil
}

// What to give instead of a mistake.
const (
	giveSubdomain = `give the company's subdomain, such as "acme"`
	giveLabel     = `give only letters, digits and hyphens, such as "acme"`
)

// subdomainMistake says what is wrong with a text that is not a subdomain, and
// what to give instead.
func subdomainMistake(text string) string {
	shown := shownText(text) + " "
	if strings.ContainsAny(text, "@?#") { // it may hold a credential
		shown = ""
	}
	trimmed := strings.TrimSpace(text)
	host, isURL := urlpart.HostIn(trimmed)
	switch {
	case trimmed == "":
		return shown + "is blank; " + giveSubdomain
	case isURL:
		return shown + hostMistake(host, "is a URL", "is a URL of another host")
	case strings.ContainsAny(trimmed, ".:/@"):
		return shown + hostMistake(host, "is a host", "is another host")
	case trimmed != text && urlpart.IsSubdomain(trimmed):
		return shown + "has blanks around it; give " + strconv.Quote(trimmed)
	default:
		return shown + labelMistake(trimmed)
	}
}

// hostMistake says what to give instead of a host.
func hostMistake(host, what, whatElse string) string {
	company := ascii.Lower(host)
	for _, domain := range []string{urlpart.TrackDriveHost, urlpart.FormerHost} {
		company = strings.TrimSuffix(company, "."+domain)
		if company == domain || company == "www" {
			return what + " without a company; " + giveSubdomain
		}
	}
	if urlpart.IsSubdomain(company) {
		return what + "; give " + strconv.Quote(company)
	}
	return whatElse + "; " + giveSubdomain + "; WithBaseURL takes other hosts"
}

// labelMistake says what is wrong with one label.
func labelMistake(label string) string {
	switch {
	case strings.EqualFold(label, "www"):
		return "is not a company; " + giveSubdomain
	case urlpart.IsPlaceholder(label):
		return "is a placeholder for a missing value; " + giveSubdomain
	case strings.ContainsAny(label, " \t\r\n"):
		return "has a blank; " + giveLabel
	case urlpart.IsLabel(label): // of those only encoded names are left
		return "is an internationalized name; " + giveLabel
	case urlpart.IsLabel(strings.ReplaceAll(label, "_", "x")):
		return "has an underscore, which no subdomain has; " + giveInstead("perhaps give ", strings.ReplaceAll(label, "_", "-"))
	case len(label) > urlpart.MaxLabel:
		return "is longer than " + strconv.Itoa(urlpart.MaxLabel) + " characters; " + giveSubdomain
	case label[0] == '-' || label[len(label)-1] == '-':
		return "begins or ends with a hyphen; " + giveInstead("give ", strings.Trim(label, "-"))
	}
	return "has characters that no subdomain has; " + giveLabel
}

// giveInstead advises a label if it is a subdomain.
func giveInstead(give, label string) string {
	if !urlpart.IsSubdomain(label) {
		return giveSubdomain
	}
	return give + strconv.Quote(label)
}

// checkEndpoint refuses what is not a vanity URI.
func checkEndpoint(vanityURI string) error {
	switch {
	case vanityURI == "":
		return invalidArgument("endpoint", "is empty; give the vanity URI of the inbound webhook")
	case template.IsLeftover(vanityURI):
		return leftoverError("endpoint")
	case !urlpart.IsVanityURI(vanityURI):
		return adviseOnEndpoint(vanityURI, invalidArgument("endpoint", "must be a vanity URI: at most %d letters, digits, _, - and dots", urlpart.MaxSegment))
	}
	return nil
}

// checkUUID refuses what is not a call uuid.
func checkUUID(field, uuid string) error {
	switch {
	case uuid == "":
		return invalidArgument(field, "is empty")
	case template.IsLeftover(uuid):
		return leftoverError(field)
	case !urlpart.IsVanityURI(uuid) || strings.Contains(uuid, ".") || urlpart.IsPlaceholder(uuid):
		return invalidArgument(field, "must be a call uuid: at most %d letters, digits, _ and -", urlpart.MaxSegment)
	}
	return nil
}

// checkSegment refuses a segment that would leave its place in a path.
func checkSegment(field, segment string) error {
	if template.IsLeftover(segment) {
		return leftoverError(field)
	}
	if mistake := urlpart.SegmentMistake(segment); mistake != "" {
		return invalidArgument(field, "%s", mistake)
	}
	return nil
}
