// What a URL may be made of: subdomains, hosts, and the segments of paths that
// come from outside.

package trackdrive

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// What DNS allows, in bytes.
const (
	maxLabel = 63
	maxHost  = 253
)

// isSubdomain reports whether label may stand before a base domain: one ASCII
// DNS label, in upper or lower case, that is no name of common mistakes.
func isSubdomain[T string | []byte](label T) bool {
	if !isLabel(label) {
		return false
	}
	if len(label) >= 4 && label[2] == '-' && label[3] == '-' && label[0]|0x20 == 'x' && label[1]|0x20 == 'n' {
		return false
	}
	isWWW := len(label) == 3 && strings.EqualFold(string(label), "www")
	return !isWWW && !isNoValue(label)
}

func isLabel[T string | []byte](label T) bool {
	if label := len(label); label == 0 || label > maxLabel {
		return false
	}
	for i := range len(label) {
		if c := label[i]; !isLetter(c) && !isDigit(c) && (c != '-' || i == 0 || i == len(label)-1) {
			return false
		}
	}
	return true
}

// isBaseDomain reports whether a token may stand before domain.
func isBaseDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	_, err := netip.ParseAddr(domain)
	isAddress := err == nil
	return len(labels) > 1 && !isAddress && maxLabel+len(".")+len(domain) <= maxHost
}

// isHost reports whether text is a host with or without a port.
func isHost(text string) bool {
	host := hostname(text)
	if port := strings.TrimPrefix(text, host); port != "" && !isPort(port) {
		return false
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return closed && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(strings.ReplaceAll(label, "_", "x")) { // the field has names with _
			return false
		}
	}
	return len(host) <= maxHost
}

// hostname drops the port.
func hostname(text string) string {
	at := strings.LastIndexByte(text, ':')
	if at < 0 || strings.HasSuffix(text, "]") {
		return text
	}
	return text[:at]
}

// isPort reports whether text is a colon and a port.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text[1:], 10, 16)
	return err == nil && n > 0
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// maxSegment is how long a call uuid or a vanity URI may be.
const maxSegment = 128

// checkSubdomain returns the subdomain in lower case. The error names field,
// and says what to give.
func checkSubdomain(field, subdomain string) (string, error) {
	switch {
	case subdomain == "":
		return "", invalid(field, "is empty; %s", giveSubdomain)
	case leftoverToken(subdomain):
		return "", leftover(field)
	case !isSubdomain(subdomain):
		return "", invalid(field, "%s", subdomainMistake(subdomain))
	}
	folded := lowerASCII(subdomain)
	// What net/url makes of it must be the same host.
	u, err := url.Parse("https://" + companyHost(folded) + "/")
	if err != nil || u.Hostname() != folded+"."+trackdriveHost || u.Path != "/" {
		return "", invalid(field, "%s", giveSubdomain)
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
	host, isURL := hostIn(trimmed)
	switch {
	case trimmed == "":
		return shown + "is blank; " + giveSubdomain
	case isURL:
		return shown + hostMistake(host, "is a URL", "is a URL of another host")
	case strings.ContainsAny(trimmed, ".:/@"):
		return shown + hostMistake(host, "is a host", "is another host")
	case trimmed != text && isSubdomain(trimmed):
		return shown + "has blanks around it; give " + strconv.Quote(trimmed)
	default:
		return shown + labelMistake(trimmed)
	}
}

// hostIn is the host that a text names, without user info and port, and whether
// the text is a URL.
func hostIn(text string) (host string, isURL bool) {
	_, host, isURL = strings.Cut(text, "//")
	if !isURL {
		host = text
	}
	host = host[:strings.IndexAny(host+"/", "/?#")]
	host = host[strings.LastIndexByte(host, '@')+1:]
	return strings.TrimSuffix(hostname(host), "."), isURL
}

// hostMistake says what to give in the place of a host.
func hostMistake(host, what, whatElse string) string {
	company := lowerASCII(host)
	for _, domain := range []string{trackdriveHost, formerHost} {
		company = strings.TrimSuffix(company, "."+domain)
		if company == domain || company == "www" {
			return what + " without a company; " + giveSubdomain
		}
	}
	if isSubdomain(company) {
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
	case isNoValue(label):
		return "is what programs write for nothing; " + giveSubdomain
	case strings.ContainsAny(label, " \t\r\n"):
		return "has a blank; " + giveLabel
	case isLabel(label): // of those only encoded names are left
		return "is an encoded name; " + giveLabel
	case isLabel(strings.Map(underscoreAsLetter, label)):
		return "has an underscore, which no subdomain has; " + giveInstead("give perhaps ", strings.ReplaceAll(label, "_", "-"))
	case len(label) > maxLabel:
		return "is longer than " + strconv.Itoa(maxLabel) + " characters; " + giveSubdomain
	case label[0] == '-' || label[len(label)-1] == '-':
		return "begins or ends with a hyphen; " + giveInstead("give ", strings.Trim(label, "-"))
	}
	return "has characters that no subdomain has; " + giveLabel
}

// giveInstead advises a label where it is a subdomain.
func giveInstead(give, label string) string {
	if !isSubdomain(label) {
		return giveSubdomain
	}
	return give + strconv.Quote(label)
}

func underscoreAsLetter(r rune) rune {
	if r == '_' {
		return 'x'
	}
	return r
}

// maxShown is how much of a wrong value a message shows, in bytes.
const maxShown = 64

// shownText is a value in a message: quoted, and short.
func shownText(text string) string {
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return strconv.Quote(text)
}

// isVanityURI reports whether text is one segment of a path that needs no
// escape.
func isVanityURI(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isWordByte(c) && c != '-' && c != '.' {
			return false
		}
	}
	return text != "" && len(text) <= maxSegment && text != "." && text != ".."
}

// checkEndpoint refuses what is no vanity URI.
func checkEndpoint(vanityURI string) error {
	switch {
	case vanityURI == "":
		return invalid("endpoint", "is empty: it is the vanity URI of the inbound webhook")
	case leftoverToken(vanityURI):
		return leftover("endpoint")
	case !isVanityURI(vanityURI):
		return invalid("endpoint", "must be a vanity URI: at most %d letters, digits, _, - and points", maxSegment)
	}
	return nil
}

// checkUUID refuses what is no call uuid.
func checkUUID(field, uuid string) error {
	switch {
	case uuid == "":
		return invalid(field, "is empty")
	case leftoverToken(uuid):
		return leftover(field)
	case !isVanityURI(uuid) || strings.Contains(uuid, ".") || isNoValue(uuid):
		return invalid(field, "must be a call uuid: at most %d letters, digits, _ and -", maxSegment)
	}
	return nil
}

// isNoValue reports whether text is what programs write for a missing value.
func isNoValue[T string | []byte](text T) bool {
	for _, no := range [...]string{"null", "undefined", "none"} {
		if len(text) == len(no) && strings.EqualFold(string(text), no) {
			return true
		}
	}
	return false
}
