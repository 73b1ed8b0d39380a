// What a URL may be made of: subdomains, hosts, and the segments of paths that
// come from outside.

package trackdrive

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
)

// checkSubdomain returns the subdomain in lower case. The error names field,
// and says what to give.
func checkSubdomain(field, subdomain string) (string, error) {
	switch {
	case subdomain == "":
		return "", invalidArgument(field, "is empty; %s", giveSubdomain)
	case leftoverToken(subdomain):
		return "", leftoverError(field)
	case !urlpart.IsSubdomain(subdomain):
		return "", invalidArgument(field, "%s", subdomainMistake(subdomain))
	}
	folded := ascii.Lower(subdomain)
	// What net/url makes of it must be the same host.
	u, err := url.Parse("https://" + companyHost(folded) + "/")
	if err != nil || u.Hostname() != folded+"."+trackdriveHost || u.Path != "/" {
		return "", invalidArgument(field, "%s", giveSubdomain)
	}
	return folded, nil
}

// What to give in the place of a mistake.
const (
	giveSubdomain = `give the company's subdomain, such as "acme"`
	giveLabel     = `give letters, digits and hyphens alone, such as "acme"`
)

// subdomainMistake says what is wrong with a text that is not a subdomain, and
// what to give.
func subdomainMistake(text string) string {
	shown := shownText(text) + " "
	if strings.ContainsAny(text, "@?#") { // a credential may stand there
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

// hostMistake says what to give in the place of a host.
func hostMistake(host, what, whatElse string) string {
	company := ascii.Lower(host)
	for _, domain := range []string{trackdriveHost, formerHost} {
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

// formerHost is where companies were; some documents still say so.
const formerHost = "trackdrive.net"

// labelMistake says what is wrong with one label.
func labelMistake(label string) string {
	switch {
	case strings.EqualFold(label, "www"):
		return "is not a company; " + giveSubdomain
	case urlpart.IsPlaceholder(label):
		return "is what programs write for nothing; " + giveSubdomain
	case strings.ContainsAny(label, " \t\r\n"):
		return "has a blank; " + giveLabel
	case urlpart.IsLabel(label): // of those only encoded names are left
		return "is an encoded name; " + giveLabel
	case urlpart.IsLabel(strings.ReplaceAll(label, "_", "x")):
		return "has an underscore, which no subdomain has; " + giveInstead("give perhaps ", strings.ReplaceAll(label, "_", "-"))
	case len(label) > urlpart.MaxLabel:
		return "is longer than " + strconv.Itoa(urlpart.MaxLabel) + " characters; " + giveSubdomain
	case label[0] == '-' || label[len(label)-1] == '-':
		return "begins or ends with a hyphen; " + giveInstead("give ", strings.Trim(label, "-"))
	}
	return "has characters that no subdomain has; " + giveLabel
}

// giveInstead advises a label where it is a subdomain.
func giveInstead(give, label string) string {
	if !urlpart.IsSubdomain(label) {
		return giveSubdomain
	}
	return give + strconv.Quote(label)
}

// maxShown is how much of a wrong value a message shows, in bytes.
const maxShown = 64

// shownText is a value in a message: quoted, and short.
func shownText(text string) string {
	return strconv.Quote(display.Shorten(text, maxShown))
}

// checkEndpoint refuses what is no vanity URI.
func checkEndpoint(vanityURI string) error {
	switch {
	case vanityURI == "":
		return invalidArgument("endpoint", "is empty: it is the vanity URI of the inbound webhook")
	case leftoverToken(vanityURI):
		return leftoverError("endpoint")
	case !urlpart.IsVanityURI(vanityURI):
		return invalidArgument("endpoint", "must be a vanity URI: at most %d letters, digits, _, - and points", urlpart.MaxSegment)
	}
	return nil
}

// checkUUID refuses what is no call uuid.
func checkUUID(field, uuid string) error {
	switch {
	case uuid == "":
		return invalidArgument(field, "is empty")
	case leftoverToken(uuid):
		return leftoverError(field)
	case !urlpart.IsVanityURI(uuid) || strings.Contains(uuid, ".") || urlpart.IsPlaceholder(uuid):
		return invalidArgument(field, "must be a call uuid: at most %d letters, digits, _ and -", urlpart.MaxSegment)
	}
	return nil
}
